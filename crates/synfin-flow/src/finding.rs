//! What a person should know about a connection at first sight: what failed, and what it cost.
//!
//! Findings follow from the [`Connection`] as it was handed out, and from nothing else. They say what was seen, with its
//! figures, and what that usually means where it usually means one thing.

mod closing;
mod exchange;
mod figures;
mod opening;
mod transfer;

use crate::Connection;

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What kind it is: a short name that stays the same, such as `connection-refused`.
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// One sentence that says what happened, with its figures. It may quote from the connection's messages: whoever
    /// shows it has to mind control characters.
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
        let mut findings = Vec::new();
        let mut find = |kind, severity, text| findings.push(Finding { kind, severity, text });
        opening::look(self, &mut find);
        closing::look(self, &mut find);
        exchange::look(self, &mut find);
        transfer::look(self, &mut find);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    /// From its first packet to its last one, in nanoseconds.
    fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}
