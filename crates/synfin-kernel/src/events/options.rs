//! What to ask the kernel for.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// What to ask the kernel for. What the filters exclude costs almost nothing: it is dropped in the kernel.
#[derive(Clone, Debug)]
pub struct EventOptions {
    /// Only connections with one of these ports at either end; empty: all. At most [`EventOptions::MAX_FILTERS`].
    pub ports: Vec<u16>,
    /// Only connections with one of these addresses at either end; empty: all. At most [`EventOptions::MAX_FILTERS`].
    pub addresses: Vec<IpAddr>,
    /// Only these network namespaces, by inode number; empty: all. At most [`EventOptions::MAX_FILTERS`].
    pub namespaces: Vec<u32>,
    /// Also tell who begins which process, on the whole machine ([`Event::Forked`](crate::Event::Forked)).
    pub forks: bool,
    /// Size of the ring in bytes, rounded up to a power of two of at least a page. An event takes about 100 bytes; a
    /// short connection with both ends here makes about 14 of them.
    pub ring_bytes: u32,
}

impl EventOptions {
    /// Longest list of ports, addresses or namespaces: the kernel compares them one by one.
    pub const MAX_FILTERS: usize = 16;

    /// How late an event may reach its reader while others come: wake-ups are the dearest part of all, so that the
    /// kernel makes none for 10 ms after one.
    pub const LATENCY: Duration = Duration::from_millis(12);

    /// Whether ports and addresses let a connection pass, as the kernel decides it for events.
    pub(crate) fn is_wanted(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let ends = [local, remote];
        let has_port = ends.iter().any(|end| self.ports.contains(&end.port()));
        let has_address =
            ends.iter().any(|end| self.addresses.iter().any(|ip| ip.to_canonical() == end.ip()));
        (self.ports.is_empty() || has_port) && (self.addresses.is_empty() || has_address)
    }
}

impl Default for EventOptions {
    /// Everything, with a ring of 16 MiB: some 11,000 short connections that the reader may lie behind.
    fn default() -> Self {
        Self {
            ports: Vec::new(),
            addresses: Vec::new(),
            namespaces: Vec::new(),
            forks: false,
            ring_bytes: 1 << 24,
        }
    }
}
