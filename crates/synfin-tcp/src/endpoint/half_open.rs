//! Connections in SYN-RECEIVED that came from LISTEN: compact records, so that a flood of SYNs costs little
//! (RFC 4987 section 3).
//!
//! A record becomes a connection for as long as it takes to look at a segment; if that is the acknowledgement of our
//! SYN, it stays one. So the rules of SYN-RECEIVED are in one place, with those of all other states.

use core::net::SocketAddr;

use synfin_wire::tcp::Flags;
use synfin_wire::{SeqNumber, SocketId, State};

use super::listener::{Listener, ListenerKey};
use super::wheel::TimerKey;
use super::{ConnectionId, Endpoint, Handled, Key, Slot, Tuple};
use crate::config::SynCookies;
use crate::connection::{Beginning, Challenge, Connection, Handshake};
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::{Agreed, TimestampClock};
use crate::time::Instant;

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

impl<O: Observer + Clone> Endpoint<O> {
    /// LISTEN, third check: a SYN. "The connection state should be changed to SYN-RECEIVED."
    pub(super) fn open_half(
        &mut self,
        now: Instant,
        listener_key: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
    ) -> Handled {
        let Some(listener) = self.listeners.get(listener_key) else { return Handled::Dropped };
        let is_full = listener.is_full() || self.half_open.len() >= self.config.half_open_limit;
        let config = listener.config.clone();
        let clock = self.secret.timestamp_clock(local, remote);
        let mut agreed = Agreed::hoped(&config, clock, local.is_ipv6());
        agreed.settle(now, &segment.options, local.is_ipv6());
        // RFC 3168 section 6.1.1: ECE with CWR asks for ECN.
        agreed.is_ecn &= segment.header.flags.contains(Flags::ECE | Flags::CWR);
        match (self.config.syn_cookies, is_full) {
            (SynCookies::Always, _) | (SynCookies::WhenFull, true) => {
                return self.send_cookie(now, &config, local, remote, segment, &agreed);
            }
            (SynCookies::Never, true) => {
                self.counters.syns_dropped += 1;
                return Handled::Dropped;
            }
            (_, false) => {}
        }
        let iss = self.secret.initial_sequence_number(now, local, remote);
        self.add_half_open(now, listener_key, local, remote, iss, agreed, segment)
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the record")]
    pub(super) fn add_half_open(
        &mut self,
        now: Instant,
        listener: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        iss: SeqNumber,
        agreed: Agreed,
        segment: &Incoming,
    ) -> Handled {
        let socket = self.next_socket();
        let handshake = Handshake {
            irs: segment.seq(),
            agreed,
            wnd: segment.header.window,
            syn_sent_at: now,
            syn_retransmissions: 0,
            challenge: Challenge::default(),
        };
        let wheel = &mut self.wheel;
        let clock = self.secret.timestamp_clock(local, remote);
        let key = self.half_open.insert_with(|key| {
            let timer = wheel.add(Slot::HalfOpen(key)).unwrap_or(key);
            HalfOpen { listener, socket, local, remote, iss, clock, handshake, timer }
        });
        let Some(key) = key else { return Handled::Dropped };
        self.bind(&Tuple::new(local, remote), Slot::HalfOpen(key));
        self.observe_record(now, socket, local, remote, State::Listen, State::SynReceived);
        self.resend_syn_ack(now, key);
        Handled::Answered
    }

    /// Sends the SYN,ACK of a record, and sets its timer.
    pub(super) fn resend_syn_ack(&mut self, now: Instant, key: Key) {
        let Some(record) = self.half_open.get(key).copied() else { return };
        let Some(mut connection) = self.expand(now, &record) else { return };
        connection.request_syn();
        self.drain(now, &mut connection);
        self.wheel.schedule(record.timer, connection.poll_timeout());
    }

    /// A record as a connection.
    pub(super) fn expand(&self, now: Instant, record: &HalfOpen) -> Option<Connection<O>> {
        let config = self.listeners.get(record.listener)?.config.clone();
        let beginning = Beginning {
            socket: record.socket,
            local: record.local,
            remote: record.remote,
            iss: record.iss,
            clock: record.clock,
            mtu: config.mtu,
            config,
            observer: self.observer.clone(),
        };
        Some(Connection::from_listen(now, beginning, &record.handshake))
    }

    pub(super) fn handle_half_open(&mut self, now: Instant, key: Key, segment: &mut Incoming) -> Handled {
        let Some(record) = self.half_open.get(key).copied() else { return Handled::Dropped };
        let Some(mut connection) = self.expand(now, &record) else {
            // The listener has gone: nobody waits for this connection.
            self.abandon_half_open(now, key);
            return self.handle_unknown(now, record.local, record.remote, segment);
        };
        let is_full = self.listeners.get(record.listener).is_none_or(Listener::is_full);
        if is_full && !segment.header.flags.intersects(Flags::RST | Flags::SYN) {
            // Nobody accepts: the acknowledgement is as good as lost, and comes again after our SYN,ACK.
            self.counters.syns_dropped += 1;
            return Handled::Dropped;
        }
        connection.on_segment(now, segment);
        match connection.state() {
            State::SynReceived => {
                self.drain(now, &mut connection);
                if let Some(kept) = self.half_open.get_mut(key) {
                    connection.note_in(&mut kept.handshake);
                }
                Handled::Answered
            }
            State::Listen | State::Closed => {
                self.drain(now, &mut connection);
                self.remove_half_open(key);
                Handled::Answered
            }
            _ => {
                self.remove_half_open(key);
                self.accepted(record.listener, connection)
            }
        }
    }

    pub(super) fn accepted(&mut self, listener: ListenerKey, connection: Connection<O>) -> Handled {
        let Some(key) = self.add(connection) else { return Handled::Dropped };
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.accepted.push_back(ConnectionId(key));
        }
        Handled::Accepted(ConnectionId(key))
    }

    /// A record ends, and no connection comes of it.
    pub(super) fn abandon_half_open(&mut self, now: Instant, key: Key) {
        if let Some(HalfOpen { socket, local, remote, .. }) = self.half_open.get(key).copied() {
            self.observe_record(now, socket, local, remote, State::SynReceived, State::Closed);
        }
        self.remove_half_open(key);
    }

    pub(super) fn remove_half_open(&mut self, key: Key) {
        if let Some(record) = self.half_open.get(key).copied() {
            self.wheel.remove(record.timer);
            self.unbind(&Tuple::new(record.local, record.remote));
            self.half_open.remove(key);
        }
    }
}
