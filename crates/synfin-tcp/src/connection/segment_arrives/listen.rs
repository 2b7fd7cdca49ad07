//! LISTEN STATE (RFC 9293 section 3.10.7.2).
//!
//! A listener is no connection: the SYN makes one, which begins as a compact record of the endpoint. Text that comes
//! with the SYN is not kept, for nothing is allocated for a peer whose address is not proven; it is not acknowledged
//! either, so that it comes again.

use super::Reset;
use crate::incoming::Incoming;

/// What a segment for a listener comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It is dropped.
    Drop,
    /// It is answered by a RST.
    Reset(Reset),
    /// It asks for a connection.
    Open,
}

/// The four checks.
pub(crate) fn listen(segment: &Incoming) -> Verdict {
    let header = &segment.header;
    // First, check for a RST.
    if header.flags.rst() {
        return Verdict::Drop;
    }
    // Second, check for an ACK.
    if header.flags.ack() {
        return Verdict::Reset(Reset { seq: header.ack, ack: None });
    }
    // Third, check for a SYN. Security and compartment are those of the host: see `third_security`.
    if header.flags.syn() {
        return Verdict::Open;
    }
    // Fourth, other data or control: should not be reached.
    Verdict::Drop
}
