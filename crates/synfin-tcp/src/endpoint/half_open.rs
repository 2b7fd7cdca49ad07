//! Connections in SYN-RECEIVED that came from LISTEN: compact records, so that a flood of SYNs costs little
//! (RFC 4987 section 3).
//!
//! A record becomes a connection for as long as it takes to look at a segment; if that is the acknowledgement of our
//! SYN, it stays one. So the rules of SYN-RECEIVED are in one place, with those of all other states.

use core::net::SocketAddr;

use synfin_wire::{SeqNumber, SocketId};

use super::listener::ListenerKey;
use super::wheel::TimerKey;
use crate::connection::Handshake;
use crate::options::TimestampClock;

/// A connection in SYN-RECEIVED.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfOpen {
    pub(super) listener: ListenerKey,
    pub(super) socket: SocketId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) iss: SeqNumber,
    pub(super) clock: TimestampClock,
    pub(super) handshake: Handshake,
    pub(super) timer: TimerKey,
}
