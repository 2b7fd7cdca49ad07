//! What a person should know about a connection at first sight.

use crate::Connection;

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind it is: a short name that stays the same, such as `connection-refused`.
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// One sentence that says what happened, with its figures.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It cost time or bandwidth.
    Warning,
    /// The connection failed, or the capture did.
    Problem,
}

impl Severity {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Connection {
    /// What a person should know about it at first sight, the worst first.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
}
