//! What a host is to the benchmarks, whoever's TCP it runs.

use bytes::Bytes;

use crate::stream::{Check, Source};

/// IP packets on their way.
pub type Packets = std::collections::VecDeque<Bytes>;

/// Time in nanoseconds since some start.
pub type Nanos = u64;

/// How the hosts of a benchmark are set up, both TCPs alike.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Largest IP packet in bytes.
    pub mtu: usize,
    /// Send and receive buffer of a connection, in octets.
    pub buffer: usize,
    /// Whether TCP checksums are computed and verified.
    pub has_checksums: bool,
    /// Whether what is sent crosses a network, which loses: then congestion is controlled and segments are paced.
    pub is_network: bool,
}

/// A host with one connection to another one of its kind.
pub trait Host {
    /// The host that connects.
    fn client(setup: &Setup) -> Self;
    /// The host that listens.
    fn server(setup: &Setup) -> Self;
    /// Takes in all of `packets`.
    fn handle(&mut self, now: Nanos, packets: &mut Packets);
    /// Does what is due, and sends what there is to send.
    fn transmit(&mut self, now: Nanos, packets: &mut Packets);
    /// When something is due at the latest.
    fn poll_timeout(&mut self, now: Nanos) -> Option<Nanos>;
    /// The application makes as many octets as there is room for.
    fn write(&mut self, source: &mut Source);
    /// The application reads what is there, and verifies it.
    fn read(&mut self, now: Nanos, check: &mut Check);
}
