//! Where the tracker's findings go.

use synfin_messages::Message;
use synfin_wire::{Loss, Side};

use crate::{Connection, Packet, SampleEntry, StateEntry};

/// Takes what the tracker finds, in the order of the observations. Every method does nothing unless it is given.
pub trait Sink {
    /// Whether [`Sink::packet`] is to be called at all. Without it, and without packets being kept, none are made.
    fn wants_packets(&self) -> bool {
        true
    }

    /// A connection's first packet has been seen; its packet follows.
    fn started(&mut self, connection: &Connection) {
        let _ = connection;
    }

    /// A packet, right as it was observed.
    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        let _ = (connection, packet);
    }

    /// An endpoint went to a state. Given out once it is certain, so that it may come later than packets after it;
    /// for one endpoint they come in order. `previous` is the state before.
    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        let _ = (connection, side, previous, entry);
    }

    /// Something happened to an endpoint of a TCP of our own: its variables after that.
    fn sample(&mut self, connection: &Connection, side: Side, entry: &SampleEntry) {
        let _ = (connection, side, entry);
    }

    /// A message is complete, or its connection is over.
    fn message(&mut self, connection: &Connection, message: &Message) {
        let _ = (connection, message);
    }

    /// A connection is over and forgotten, or the input is.
    fn connection(&mut self, connection: Connection) {
        let _ = connection;
    }

    /// Something was not observed.
    fn loss(&mut self, loss: &Loss) {
        let _ = loss;
    }
}

/// Totals over everything that was observed. Every frame, and every packet of `aggregated`, is one of `packets`,
/// `not_tcp`, `malformed`, `bad_checksums`, `duplicates` and `fragments`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Summary {
    /// Frames.
    pub frames: u64,
    /// Packets beyond the first one in frames that hold several.
    pub aggregated: u64,
    /// Packets of TCP connections.
    pub packets: u64,
    /// Intact frames without TCP in them.
    pub not_tcp: u64,
    /// Frames whose headers were cut off, false, or not understood.
    pub malformed: u64,
    /// Packets with a wrong checksum, left out. 0 unless checksums are checked.
    pub bad_checksums: u64,
    /// Frames that showed a packet again that had been seen on another interface.
    pub duplicates: u64,
    /// Frames that brought a fragment of an IP packet and did not make it whole: the one that does counts for what the
    /// packet is.
    pub fragments: u64,
    /// Those among them that never became whole.
    pub lost_fragments: u64,
    /// Connections.
    pub connections: u64,
    /// Connections that were given up, still open, because there were too many.
    pub evicted: u64,
    /// Packets that the kernel or the interface dropped before they were captured.
    pub packets_dropped: u64,
    /// Kernel events that were lost.
    pub events_lost: u64,
    /// Capture files that broke off in the middle of a record.
    pub truncated_files: u64,
}
