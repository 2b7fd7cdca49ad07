//! What each subcommand does.

pub(crate) mod demo;
pub(crate) mod pages;
pub(crate) mod read;
pub(crate) mod trace;
