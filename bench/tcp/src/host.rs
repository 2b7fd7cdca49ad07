//! What a host is to the benchmarks, whoever's TCP it runs.

use std::collections::VecDeque;

use crate::stream::{Check, Source};

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
    /// What controls congestion.
    pub congestion: Congestion,
}

/// Congestion control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Congestion {
    /// What a memory link asks for: none where a TCP can do without (smoltcp), and no pacing.
    Unneeded,
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

/// A host with one connection to another one of its kind.
pub trait Host {
    /// An IP packet, in the kind of memory that suits the TCP's way to take packets in.
    type Packet;

    /// The host that connects.
    fn client(setup: &Setup) -> Self;
    /// The host that listens.
    fn server(setup: &Setup) -> Self;
    /// Takes in all of `packets`.
    fn handle(&mut self, now: Nanos, packets: &mut VecDeque<Self::Packet>);
    /// Does what is due, and sends what there is to send, at most `room` packets.
    fn transmit(&mut self, now: Nanos, room: usize, packets: &mut VecDeque<Self::Packet>);
    /// When something is due at the latest.
    fn poll_timeout(&mut self, now: Nanos) -> Option<Nanos>;
    /// The application writes as many octets as there is room for.
    fn write(&mut self, source: &mut Source);
    /// The application reads what is there.
    fn read(&mut self, now: Nanos, check: &mut Check);
}
