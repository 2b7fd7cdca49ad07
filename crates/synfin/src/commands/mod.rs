//! What each subcommand does.

pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod lab;
pub(crate) mod pages;
pub(crate) mod read;
#[cfg(feature = "kernel")]
pub(crate) mod sockets;
#[cfg(feature = "kernel")]
pub(crate) mod states;
pub(crate) mod trace;
