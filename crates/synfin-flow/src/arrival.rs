//! A packet of a connection with its numbers made relative.

use synfin_wire::Side;
use synfin_wire::dissect::Ip;
use synfin_wire::tcp::{Flags, Segment};

/// A packet as the parts of the tracker take it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) n: u64,
    pub(crate) at_ns: u64,
    pub(crate) from: Side,
    pub(crate) ip: Ip,
    pub(crate) segment: Segment<'a>,
    /// Length of its frame on the wire, in bytes.
    pub(crate) wire_len: u32,
    /// `seg.seq` relative to the sender's initial number.
    pub(crate) seq: i64,
    /// `seg.ack` relative to the receiver's initial number.
    pub(crate) ack: Option<i64>,
    /// Payload on the wire, in bytes.
    pub(crate) len: u32,
    /// Window in bytes.
    pub(crate) window: u32,
    /// `TSval` and `TSecr`.
    pub(crate) timestamps: Option<(u32, u32)>,
}

impl Arrival<'_> {
    pub(crate) fn flags(&self) -> Flags {
        self.segment.header.flags
    }

    /// The sequence number after the segment, SYN and FIN counted.
    pub(crate) fn end(&self) -> i64 {
        self.seq + i64::from(self.segment.seg_len())
    }

    /// Where the FIN stands, if it has one.
    pub(crate) fn fin(&self) -> Option<i64> {
        self.flags().fin().then(|| self.end() - 1)
    }

    /// Offset in the stream of the first byte of payload: the SYN takes number 0.
    pub(crate) fn offset(&self) -> i64 {
        self.seq + i64::from(self.flags().syn()) - 1
    }

    /// Whether it carries nothing: no payload, SYN, FIN or RST.
    pub(crate) fn is_pure_ack(&self) -> bool {
        self.len == 0 && !self.flags().intersects(Flags::SYN | Flags::FIN | Flags::RST)
    }

    /// Whether it is a SYN in the midst of a connection that has another initial number, old or forged: its receiver takes
    /// nothing of it (RFC 5961 section 4).
    pub(crate) fn is_stray_syn(&self) -> bool {
        self.flags().syn() && !self.flags().ack() && self.seq != 0
    }

    /// The 16-bit identification of IPv4.
    pub(crate) fn identification(&self) -> Option<u16> {
        self.ip.identification.and_then(|id| u16::try_from(id).ok())
    }
}
