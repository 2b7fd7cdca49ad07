//! Live traces, each test in a network namespace of its own. They need root: without it they say so and pass, unless
//! in CI, where they fail.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

#[cfg(feature = "kernel")]
mod beside;
mod disk;
#[cfg(feature = "kernel")]
mod drill;
mod endings;
mod http;
mod interfaces;
mod judge;
mod many;
mod namespace;
mod rights;
#[cfg(feature = "kernel")]
mod sockets;
#[cfg(feature = "kernel")]
mod states;
mod trace;
mod web;
