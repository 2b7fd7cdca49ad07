//! Scenarios that teach, each one thing.

/// A ready scenario.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ready {
    /// Its name.
    pub name: &'static str,
    /// The scenario, in TOML.
    pub toml: &'static str,
}

macro_rules! ready {
    ($($name:literal),+ $(,)?) => {
        [$(Ready { name: $name, toml: include_str!(concat!("../scenarios/", $name, ".toml")) }),+]
    };
}

/// All of them, in the order in which they are best read.
pub const READY: [Ready; 16] = ready![
    "textbook",
    "lost-syn",
    "lost-syn-ack",
    "lost-ack",
    "lost-fin",
    "lost-last-ack",
    "dead-peer",
    "zero-window",
    "one-loss-with-sack",
    "one-loss-without-sack",
    "slow-start",
    "cubic",
    "newreno",
    "old-duplicate-with-paws",
    "old-duplicate-without-paws",
    "blind-reset",
];

/// The one of this name.
#[must_use]
pub fn find(name: &str) -> Option<Ready> {
    READY.into_iter().find(|ready| ready.name == name)
}
