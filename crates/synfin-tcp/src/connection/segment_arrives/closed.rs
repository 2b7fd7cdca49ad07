//! CLOSED STATE (RFC 9293 section 3.10.7.1): no connection is there for the segment.

use synfin_wire::SeqNumber;

use super::Reset;
use crate::incoming::Incoming;

/// The RST that answers a segment; nothing answers a RST.
pub(crate) fn reset(segment: &Incoming) -> Option<Reset> {
    let header = &segment.header;
    if header.flags.rst() {
        return None;
    }
    Some(if header.flags.ack() {
        Reset { seq: header.ack, ack: None }
    } else {
        Reset { seq: SeqNumber(0), ack: Some(segment.seq() + segment.seg_len()) }
    })
}
