//! Why there are no events.

use std::io;

/// Why there are no events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// Loading programs into the kernel needs root, or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.
    #[error("not permitted to load programs into the kernel")]
    NotPermitted,
    /// The kernel does not describe its own types (CONFIG_DEBUG_INFO_BTF).
    #[error("the kernel does not describe its types (no /sys/kernel/btf/vmlinux)")]
    NoBtf,
    /// The kernel refused the object.
    #[error("cannot load the probes: {0}")]
    Load(String),
    /// The kernel refused the one probe without which nothing works.
    #[error("cannot attach the probe for {probe}: {why}")]
    Attach {
        /// Which.
        probe: &'static str,
        /// What the kernel said.
        why: String,
    },
    /// More filters of one kind than the kernel compares.
    #[error("{count} {what}, but at most {max} can be filtered by", max = super::EventOptions::MAX_FILTERS)]
    TooManyFilters {
        /// Ports, addresses or namespaces.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// The ring could not be waited for or read.
    #[error("cannot read kernel events: {0}")]
    Read(#[from] io::Error),
}
