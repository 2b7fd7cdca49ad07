//! What needs root: the probes and lists against the running kernel, each test in a network namespace of its own.
//!
//! Without root they are skipped with a message, unless CI is set: then they fail.
#![cfg(feature = "events")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do, though the lints know only the tests themselves"
)]

mod attempts;
mod chains;
mod handmade;
mod helper;
mod kernel_words;
mod load;
mod owners;
mod snapshots;
mod world;
