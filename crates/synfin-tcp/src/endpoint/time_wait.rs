//! Connections in TIME-WAIT that nobody holds any more: compact records for 2 MSL.
//!
//! As with SYN-RECEIVED, a record becomes a connection for as long as it takes to look at a segment.

use core::net::SocketAddr;

use synfin_wire::tcp::Flags;
use synfin_wire::{SeqNumber, SocketId, State};

use super::wheel::TimerKey;
use super::{Endpoint, Handled, Key, Slot, Tuple};
use crate::connection::{Beginning, Connection, Remains};
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::{Agreed, TimestampClock};
use crate::time::Instant;

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
    /// Whether a SYN may take the place of this connection; `has_timestamps`: with a listener that agrees on them.
    ///
    /// RFC 6191 section 2: where both have timestamps, if the new one's is later; if only the new one has, always, for
    /// PAWS tells the two apart from then on; otherwise, and if they are equal, if the sequence number is beyond what
    /// was received. Anything else is for the connection to answer (RFC 9293 section 3.10.7.4, fourth).
    // RFC 9293 MAY-2: a SYN is accepted in TIME-WAIT; SHLD-4: with the help of timestamps.
    pub(super) fn may_be_reused_by(&self, segment: &Incoming, has_timestamps: bool) -> bool {
        let flags = segment.header.flags;
        if !flags.syn() || flags.ack() || flags.rst() {
            return false;
        }
        let is_beyond = segment.seq().is_at_or_after(self.remains.rcv_nxt);
        match (self.remains.agreed.timestamps, segment.options.timestamps.filter(|_| has_timestamps)) {
            (Some(ours), Some((value, _))) if value != ours.recent => {
                TimestampClock::is_before(ours.recent, value)
            }
            (None, Some(_)) => true,
            _ => is_beyond,
        }
    }

    /// RFC 9293 section 3.4.1 (of RFC 1122 4.2.2.13): the new initial sequence number is beyond what was used.
    pub(super) fn next_iss(&self, iss: SeqNumber) -> SeqNumber {
        iss.later(self.remains.snd_nxt + 65_536)
    }
}

impl<O: Observer + Clone> Endpoint<O> {
    pub(super) fn handle_time_wait(&mut self, now: Instant, key: Key, segment: &mut Incoming) -> Handled {
        let Some(record) = self.time_wait.get(key).copied() else { return Handled::Dropped };
        if let Some(handled) = self.reuse(now, &record, segment) {
            return handled;
        }
        let beginning = Beginning {
            socket: record.socket,
            local: record.local,
            remote: record.remote,
            iss: record.remains.snd_nxt,
            clock: self.secret.timestamp_clock(record.local, record.remote),
            mtu: self.connection_config.mtu,
            config: self.connection_config.clone(),
            observer: self.observer.clone(),
        };
        let mut connection = Connection::from_time_wait(now, beginning, &record.remains);
        connection.on_segment(now, segment);
        self.drain(now, &mut connection);
        if connection.state() == State::Closed {
            self.remove_time_wait(key);
            return Handled::Answered;
        }
        if let Some(at) = connection.poll_timeout() {
            // The peer's FIN has come again: 2 MSL begin anew.
            self.wheel.schedule(record.timer, Some(at));
        }
        if let Some(kept) = self.time_wait.get_mut(key) {
            kept.remains = connection.remains();
        }
        Handled::Answered
    }

    /// A new connection takes the place of one in TIME-WAIT, if the segment is a SYN that may, and somebody listens.
    pub(super) fn reuse(&mut self, now: Instant, old: &TimeWait, segment: &Incoming) -> Option<Handled> {
        let (local, remote) = (old.local, old.remote);
        let key = self.listener_for(local)?;
        let listener = self.listeners.get(key)?;
        let config = listener.config.clone();
        if !old.may_be_reused_by(segment, config.timestamps) {
            return None;
        }
        if listener.is_full() || self.half_open.len() >= self.config.half_open_limit {
            // No cookie: its sequence number would not be beyond the old ones. It comes again.
            self.counters.syns_dropped += 1;
            return Some(Handled::Dropped);
        }
        match self.unbind(&Tuple::new(local, remote))? {
            Slot::TimeWait(old) => self.end_time_wait(now, old),
            Slot::Connection(old) => {
                let member = self.connections.get_mut(old)?;
                member.connection.end_time_wait(now);
                member.is_in_table = false;
            }
            Slot::HalfOpen(_) => return None,
        }
        let iss = old.next_iss(self.secret.initial_sequence_number(now, local, remote));
        let clock = self.secret.timestamp_clock(local, remote);
        let mut agreed = Agreed::hoped(&config, clock, local.is_ipv6());
        agreed.settle(now, &segment.options, local.is_ipv6());
        agreed.is_ecn &= segment.header.flags.contains(Flags::ECE | Flags::CWR);
        Some(self.add_half_open(now, key, local, remote, iss, agreed, segment))
    }
}
