//! One packet of a connection, as it is shown.

use std::collections::VecDeque;

use synfin_wire::tcp::{Flags, OptionsBuf};
use synfin_wire::{SeqNumber, Side};

use crate::{Marks, Phase};

/// One packet of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Frame number in the input, from 1.
    pub n: u64,
    /// When it was captured, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Who sent it.
    pub from: Side,
    /// Its control bits.
    pub flags: Flags,
    /// `seg.seq`, relative to the sender's initial sequence number and counted on past 2^32. Where the SYN was not
    /// seen, the first segment seen from that end has 1. Negative for what comes from before that.
    pub seq: i64,
    /// `seg.ack`, relative to the initial sequence number of the other end; `None` without the ACK flag.
    pub ack: Option<i64>,
    /// Payload on the wire, in bytes.
    pub len: u32,
    /// Receive window that it announces, in bytes: scaled where the scale is known.
    pub window: u32,
    /// Its options.
    pub options: OptionsBuf,
    /// The sequence number as it stands in the header.
    pub raw_seq: SeqNumber,
    /// The acknowledgement number as it stands in the header.
    pub raw_ack: SeqNumber,
    /// What is remarkable about it.
    pub marks: Marks,
    /// What it is for.
    pub phase: Phase,
    /// Length of the frame on the wire, in bytes.
    pub wire_len: u32,
}

/// A range of the sequence space that SACK reports, relative as [`Packet::ack`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackRange {
    /// First octet.
    pub left: i64,
    /// The octet after the last one.
    pub right: i64,
}

impl Packet {
    /// `left` or `right` of a SACK block in this packet, relative as [`Packet::ack`] is.
    #[must_use]
    pub fn relative_to_ack(&self, seq: SeqNumber) -> i64 {
        self.ack.unwrap_or_default() + i64::from(seq.distance_from(self.raw_ack))
    }
}

/// The packets of a connection, kept in bounded room: the first ones and the last ones.
#[derive(Clone, Default, Debug)]
pub struct PacketLog {
    first: Vec<Packet>,
    last: VecDeque<Packet>,
    omitted: u64,
}

impl PacketLog {
    /// Keeps a packet. When `limit` is reached, one out of the middle has to go: half of the room is for the first
    /// packets, half for the last ones.
    pub fn push(&mut self, packet: Packet, limit: usize) {
        if self.first.len() < limit.div_ceil(2) {
            self.first.push(packet);
            return;
        }
        if limit / 2 <= self.last.len() {
            self.omitted += 1;
            if self.last.pop_front().is_none() {
                return;
            }
        }
        self.last.push_back(packet);
    }

    /// Packets before those that were left out; all of them, where none were.
    #[must_use]
    pub fn before_omission(&self) -> &[Packet] {
        &self.first
    }

    /// How many packets in the middle were not kept.
    #[must_use]
    pub fn omitted(&self) -> u64 {
        self.omitted
    }

    /// All that were kept, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Packet> {
        self.first.iter().chain(&self.last)
    }

    /// How many were kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.last.len()
    }

    /// Whether none were kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }
}
