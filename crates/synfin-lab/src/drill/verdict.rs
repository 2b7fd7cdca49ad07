//! How a script went.

use super::place::Place;

/// How a script went.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// As it says.
    Passed,
    /// Otherwise.
    Failed(Failure),
    /// It needs what is not there: nothing was learnt.
    Unsupported(Unsupported),
}

/// What went otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The line.
    pub place: Place,
    /// In a sentence: what is not as expected.
    pub what: String,
    /// What the script says.
    pub expected: String,
    /// What came.
    pub came: String,
    /// Everything up to here: packets and calls, with their times, in the notation of scripts.
    pub history: Vec<String>,
}

/// What is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unsupported {
    /// The line that needs it.
    pub place: Place,
    /// What it is.
    pub what: String,
}

impl Verdict {
    /// In a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Unsupported(_) => "unsupported",
        }
    }
}
