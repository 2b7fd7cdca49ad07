//! Live traces, each test in a network namespace of its own. They need root: without it they say so and pass, unless
//! in CI, where they fail.
// Said to be tests, so that clippy lets their helpers panic and index as it lets tests.
#![cfg(test)]

#[cfg(feature = "kernel")]
mod agreement;
#[cfg(feature = "kernel")]
mod beside;
#[cfg(feature = "kernel")]
mod containers;
mod disk;
#[cfg(feature = "kernel")]
mod doctor;
mod drill;
mod endings;
#[cfg(feature = "kernel")]
mod handmade;
mod http;
mod interfaces;
mod judge;
mod many;
mod namespace;
#[cfg(feature = "kernel")]
mod privileges;
#[path = "../shared/ran.rs"]
mod ran;
mod rights;
#[cfg(feature = "kernel")]
mod sockets;
#[cfg(feature = "kernel")]
mod states;
mod trace;
mod web;
