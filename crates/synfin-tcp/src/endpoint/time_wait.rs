//! Connections in TIME-WAIT that nobody holds any more: compact records for 2 MSL.
//!
//! As with SYN-RECEIVED, a record becomes a connection for as long as it takes to look at a segment.

use core::net::SocketAddr;

use synfin_wire::{SeqNumber, SocketId};

use super::wheel::TimerKey;
use crate::connection::Remains;
use crate::incoming::Incoming;
use crate::options::TimestampClock;

/// A connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeWait {
    pub(super) socket: SocketId,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) remains: Remains,
    pub(super) timer: TimerKey,
}

impl TimeWait {
    /// Whether a SYN may take the place of this connection.
    ///
    /// RFC 6191 section 2: with timestamps on both sides, if the new one's is later; otherwise, and if they are equal,
    /// if the sequence number is beyond what was received.
    // RFC 9293 MAY-2: a SYN is accepted in TIME-WAIT; SHLD-4: with the help of timestamps.
    pub(super) fn may_be_reused_by(&self, segment: &Incoming) -> bool {
        let flags = segment.header.flags;
        if !flags.syn() || flags.ack() || flags.rst() {
            return false;
        }
        let is_beyond = segment.seq().is_after(self.remains.rcv_nxt);
        match (self.remains.agreed.timestamps, segment.options.timestamps) {
            (Some(ours), Some((value, _))) if value != ours.recent => {
                TimestampClock::is_before(ours.recent, value)
            }
            _ => is_beyond,
        }
    }

    /// RFC 9293 section 3.4.1 (of RFC 1122 4.2.2.13): the new initial sequence number is beyond what was used.
    pub(super) fn next_iss(&self, iss: SeqNumber) -> SeqNumber {
        iss.later(self.remains.snd_nxt + 65_536)
    }
}
