//! The raw bits: layouts shared with the kernel, read without trust.

#[cfg(feature = "events")]
pub(crate) mod btf;
pub(crate) mod bytes;
#[cfg(feature = "events")]
pub(crate) mod kallsyms;
pub(crate) mod netlink;
#[cfg(feature = "events")]
pub(crate) mod record;
pub(crate) mod state;
