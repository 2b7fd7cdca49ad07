//! Where and when a message passes: kept from its first byte to its last.

use synfin_wire::Side;

use crate::message::{Carrier, Detail, Message};
use crate::packets::PacketList;

/// The way of one message so far.
#[derive(Debug)]
pub(crate) struct Track {
    /// Offset of the message's first byte in its direction.
    pub(crate) start: u64,
    /// Offset after its last byte so far.
    pub(crate) end: u64,
    pub(crate) first_ns: u64,
    pub(crate) last_ns: u64,
    missed: u64,
    packets: PacketList,
}

impl Track {
    pub(crate) fn new(start: u64, carrier: Carrier) -> Self {
        let Carrier { at_ns, frame } = carrier;
        let packets = PacketList::new(frame);
        Self { start, end: start, first_ns: at_ns, last_ns: at_ns, missed: 0, packets }
    }

    /// So many more bytes of the message came with this packet. Packets may have been captured in another order than
    /// the stream's: the message was there when the latest of them was.
    pub(crate) fn on_bytes(&mut self, count: u64, carrier: Carrier) {
        if count > 0 {
            self.end = self.end.saturating_add(count);
            self.last_ns = self.last_ns.max(carrier.at_ns);
            self.packets.insert(carrier.frame);
        }
    }

    /// So many more bytes of the message were never seen.
    pub(crate) fn on_gap(&mut self, count: u64) {
        self.end = self.end.saturating_add(count);
        self.missed = self.missed.saturating_add(count);
    }

    pub(crate) fn into_message(self, n: u32, from: Side, complete: bool, detail: Detail) -> Message {
        let Self { start, end, first_ns, last_ns, missed, packets } = self;
        Message {
            n,
            from,
            first_ns,
            last_ns,
            packets,
            stream_start: start,
            stream_end: end,
            missed_bytes: missed,
            complete,
            detail,
        }
    }
}
