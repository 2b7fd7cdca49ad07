//! Time passes, segments leave, the user hears: what the endpoint does for all its connections.

use core::net::SocketAddr;

use synfin_wire::{SocketId, Source, State, StateChange};

use super::time_wait::TimeWait;
use super::{ConnectionId, Endpoint, Key, Slot, Tuple};
use crate::connection::Event;
use crate::incoming::Ecn;
use crate::observer::Observer;
use crate::outgoing::{Burst, Sink};
use crate::send::Payload;
use crate::time::Instant;

/// Segments that one connection may send before it is the next one's turn.
const SHARE: u32 = 64;

impl<O: Observer + Clone> Endpoint<O> {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if at all. The time may be a little early for
    /// what is far off; then nothing happens but that the next answer is more exact.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wheel.next()
    }

    /// Does what is due at this time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(slot) = self.wheel.pop_expired(now) {
            match slot {
                Slot::Connection(key) => {
                    self.make_ready(key);
                    if let Some(member) = self.connections.get_mut(key) {
                        member.connection.handle_timeout(now);
                        self.wheel.schedule(member.timer, member.connection.poll_timeout());
                    }
                }
                Slot::HalfOpen(key) => self.on_half_open_timeout(now, key),
                Slot::TimeWait(key) => self.end_time_wait(now, key),
            }
        }
    }

    /// Sends what there is to send now, at most `budget` segments. Returns how many.
    pub fn poll_transmit<S: Sink + ?Sized>(&mut self, now: Instant, budget: u32, sink: &mut S) -> u32 {
        let mut left = budget;
        while left > 0
            && let Some(reply) = self.replies.pop_front()
        {
            left -= 1;
            sink.transmit(&Burst {
                source: reply.source,
                destination: reply.destination,
                header: reply.header,
                options: reply.options,
                payload: Payload::EMPTY,
                segment_size: 1,
                ecn: Ecn::NotEct,
                ttl: reply.ttl,
                dscp: reply.dscp,
            });
        }
        while left > 0
            && let Some(key) = self.ready.pop_front()
        {
            let share = left.min(SHARE);
            let Some(member) = self.connections.get_mut(key) else { continue };
            member.is_ready = false;
            let sent = member.connection.poll_transmit(now, share, sink);
            left -= sent.min(left);
            if sent >= share {
                self.make_ready(key);
            }
            self.settle(now, key);
        }
        budget - left
    }

    /// The next event of any connection.
    pub fn poll_event(&mut self) -> Option<(ConnectionId, Event)> {
        while let Some(&key) = self.eventful.front() {
            if let Some(member) = self.connections.get_mut(key) {
                if let Some(event) = member.connection.poll_event() {
                    return Some((ConnectionId(key), event));
                }
                member.is_eventful = false;
            }
            self.eventful.pop_front();
        }
        None
    }

    /// Brings timers, tables and events up to date with a connection.
    fn settle(&mut self, now: Instant, key: Key) {
        let Some(member) = self.connections.get_mut(key) else { return };
        let connection = &member.connection;
        let tuple = Tuple::new(connection.local(), connection.remote());
        let state = connection.state();
        self.wheel.schedule(member.timer, connection.poll_timeout());
        if !member.is_released && connection.has_events() && !member.is_eventful {
            member.is_eventful = true;
            self.eventful.push_back(key);
        }
        if state == State::Closed && member.is_in_table {
            member.is_in_table = false;
            self.unbind(&tuple);
        }
        let Some(member) = self.connections.get(key) else { return };
        if member.is_released && !member.is_ready {
            match state {
                State::Closed => {
                    self.remove(key);
                }
                State::TimeWait => self.fold(now, key, tuple),
                _ => {}
            }
        }
    }

    fn remove(&mut self, key: Key) {
        if let Some(member) = self.connections.remove(key) {
            self.wheel.remove(member.timer);
        }
        if self.eventful.len() > 64 + 2 * self.connections.len() {
            // Nobody asks for events, and connections have gone without.
            let connections = &self.connections;
            self.eventful.retain(|&key| connections.get(key).is_some());
        }
    }

    /// A connection in TIME-WAIT that nobody holds becomes a record.
    fn fold(&mut self, now: Instant, key: Key, tuple: Tuple) {
        let Some(member) = self.connections.get(key) else { return };
        let (socket, remains) = (member.connection.socket(), member.connection.remains());
        let deadline = member.connection.poll_timeout();
        if self.time_wait.len() >= self.config.time_wait_limit {
            self.evict_time_wait(now);
        }
        let wheel = &mut self.wheel;
        let record = self.time_wait.insert_with(|key| {
            let timer = wheel.add(Slot::TimeWait(key)).unwrap_or(key);
            TimeWait { socket, local: tuple.local(), remote: tuple.remote(), remains, timer }
        });
        let Some(record) = record else { return };
        if let Some(timer) = self.time_wait.get(record).map(|record| record.timer) {
            self.wheel.schedule(timer, deadline);
        }
        self.time_wait_order.push_back(record);
        self.bind(&tuple, Slot::TimeWait(record));
        self.remove(key);
    }

    fn evict_time_wait(&mut self, now: Instant) {
        while let Some(oldest) = self.time_wait_order.pop_front() {
            if self.time_wait.get(oldest).is_some() {
                self.counters.time_wait_evicted += 1;
                self.end_time_wait(now, oldest);
                return;
            }
        }
    }

    /// TIME-WAIT TIMEOUT, or a new connection takes the place of the old one.
    pub(super) fn end_time_wait(&mut self, now: Instant, key: Key) {
        if let Some(record) = self.time_wait.get(key).copied() {
            self.observe_record(
                now,
                record.socket,
                record.local,
                record.remote,
                State::TimeWait,
                State::Closed,
            );
        }
        self.remove_time_wait(key);
    }

    pub(super) fn remove_time_wait(&mut self, key: Key) {
        if let Some(record) = self.time_wait.get(key).copied() {
            self.wheel.remove(record.timer);
            self.unbind(&Tuple::new(record.local, record.remote));
            self.time_wait.remove(key);
        }
        if self.time_wait_order.len() > 64 + 2 * self.time_wait.len() {
            let time_wait = &self.time_wait;
            self.time_wait_order.retain(|&key| time_wait.get(key).is_some());
        }
        // Those that have gone are in front more often than not.
        while self.time_wait_order.front().is_some_and(|&key| self.time_wait.get(key).is_none()) {
            self.time_wait_order.pop_front();
        }
    }

    /// RETRANSMISSION TIMEOUT in SYN-RECEIVED.
    // RFC 9293 MUST-22, MUST-23: as for any other segment, for at least three minutes.
    fn on_half_open_timeout(&mut self, now: Instant, key: Key) {
        let Some(record) = self.half_open.get_mut(key) else { return };
        let r2 = self.listeners.get(record.listener).map(|listener| listener.config.syn_r2);
        if r2.is_none_or(|r2| now.since(record.handshake.syn_sent_at) >= r2) {
            self.abandon_half_open(now, key);
            return;
        }
        if let Some(record) = self.half_open.get_mut(key) {
            record.handshake.syn_retransmissions += 1;
        }
        self.resend_syn_ack(now, key);
    }

    /// Shows the observer what happens to a connection that is only a record.
    pub(super) fn observe_record(
        &mut self,
        now: Instant,
        socket: SocketId,
        local: SocketAddr,
        remote: SocketAddr,
        from: State,
        to: State,
    ) {
        if O::LOOKS {
            self.observer.on_state_change(&StateChange {
                at_ns: now.as_nanos(),
                socket,
                local,
                remote,
                from,
                to,
                source: Source::Stack,
                is_inferred: false,
                process: None,
            });
        }
    }
}
