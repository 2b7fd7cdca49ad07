//! What arrives: the way of a segment to its connection, its record, its listener, or nowhere.

use core::net::{IpAddr, SocketAddr};

use synfin_wire::State;

use super::listener::ListenerKey;
use super::time_wait::TimeWait;
use super::{ConnectionId, Endpoint, Key, REPLIES_MAX, Reply, Slot, Tuple, is_unicast};
use crate::connection::segment_arrives::{closed, listen};
use crate::connection::{Connection, Reset};
use crate::icmp::IcmpError;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::outgoing::Burst;
use crate::time::Instant;

/// What became of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Handled {
    /// It was for a connection.
    Connection(ConnectionId),
    /// It opened a connection, which waits to be accepted.
    Accepted(ConnectionId),
    /// It belonged to a connection that nobody holds, or to none; if there is an answer, it will be sent.
    Answered,
    /// It was dropped.
    Dropped,
}

impl<O: Observer + Clone> Endpoint<O> {
    /// Takes in a segment that arrived from `source` for `destination`. Its text may be taken out of it.
    #[inline]
    pub fn handle(
        &mut self,
        now: Instant,
        source: IpAddr,
        destination: IpAddr,
        segment: &mut Incoming,
    ) -> Handled {
        let (local_port, remote_port) = (segment.header.destination_port, segment.header.source_port);
        match self.slot(&Tuple::of(destination, local_port, source, remote_port)) {
            Some(Slot::Connection(key)) => self.handle_connection(now, key, segment),
            Some(Slot::HalfOpen(key)) => self.handle_half_open(now, key, segment),
            Some(Slot::TimeWait(key)) => self.handle_time_wait(now, key, segment),
            None => {
                let local = SocketAddr::new(destination, local_port);
                let remote = SocketAddr::new(source, remote_port);
                self.handle_unknown(now, local, remote, segment)
            }
        }
    }

    /// Takes in an ICMP error about a segment of ours.
    pub fn handle_icmp(&mut self, now: Instant, error: &IcmpError) {
        let tuple = Tuple::new(error.local, error.remote);
        if let Some(Slot::Connection(key)) = self.slot(&tuple) {
            self.make_ready(key);
            if let Some(member) = self.connections.get_mut(key) {
                member.connection.on_icmp(now, error.seq, error.message);
            }
        }
    }

    fn handle_connection(&mut self, now: Instant, key: Key, segment: &mut Incoming) -> Handled {
        let Some(member) = self.connections.get_mut(key) else { return Handled::Dropped };
        if !std::mem::replace(&mut member.is_ready, true) {
            self.ready.push_back(key);
        }
        let connection = &mut member.connection;
        if connection.state() == State::TimeWait && segment.header.flags.syn() {
            let old = TimeWait {
                socket: connection.socket(),
                local: connection.local(),
                remote: connection.remote(),
                remains: connection.remains(),
                timer: member.timer,
            };
            if let Some(handled) = self.reuse(now, &old, segment) {
                return handled;
            }
            if let Some(member) = self.connections.get_mut(key) {
                member.connection.on_segment(now, segment);
            }
        } else {
            connection.on_segment(now, segment);
        }
        Handled::Connection(ConnectionId(key))
    }

    pub(super) fn handle_unknown(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &mut Incoming,
    ) -> Handled {
        // RFC 9293 MUST-57: silently discarded; MUST-63: so is a SYN from an address that is none. Whoever is behind a
        // tuple has addresses of hosts.
        if !is_unicast(local.ip()) || !is_unicast(remote.ip()) {
            self.counters.not_unicast += 1;
            return Handled::Dropped;
        }
        if let Some(listener) = self.listener_for(local) {
            return self.handle_listen(now, listener, local, remote, segment);
        }
        self.counters.nobodys += 1;
        match closed::reset(segment) {
            Some(reset) => self.reply_reset(local, remote, reset),
            None => Handled::Dropped,
        }
    }

    pub(super) fn listener_for(&self, local: SocketAddr) -> Option<ListenerKey> {
        self.listening.get(&local).or_else(|| self.listening.get(&any(local))).copied()
    }

    fn handle_listen(
        &mut self,
        now: Instant,
        listener: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &mut Incoming,
    ) -> Handled {
        if let Some(handled) = self.handle_cookie(now, listener, local, remote, segment) {
            return handled;
        }
        match listen::listen(segment) {
            listen::Verdict::Drop => Handled::Dropped,
            listen::Verdict::Reset(reset) => self.reply_reset(local, remote, reset),
            listen::Verdict::Open => self.open_half(now, listener, local, remote, segment),
        }
    }

    /// Sends what a connection that is only there for one segment has to say.
    pub(super) fn drain(&mut self, now: Instant, connection: &mut Connection<O>) {
        let (replies, counters) = (&mut self.replies, &mut self.counters);
        let mut sink = |burst: &Burst<'_>| {
            if replies.len() < REPLIES_MAX {
                replies.push_back(Reply::of(burst));
            } else {
                counters.replies_dropped += 1;
            }
        };
        connection.poll_transmit(now, u32::MAX, &mut sink);
    }

    pub(super) fn reply(&mut self, reply: Reply) {
        if self.replies.len() < REPLIES_MAX {
            self.replies.push_back(reply);
        } else {
            self.counters.replies_dropped += 1;
        }
    }

    pub(super) fn reply_reset(&mut self, local: SocketAddr, remote: SocketAddr, reset: Reset) -> Handled {
        let config = &self.connection_config;
        let reply = Reply::of(&reset.burst(local, remote, config.ttl, config.dscp));
        self.reply(reply);
        Handled::Answered
    }
}

/// The same port at any address of the family.
pub(super) fn any(local: SocketAddr) -> SocketAddr {
    match local {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], local.port())),
        SocketAddr::V6(_) => SocketAddr::from(([0; 16], local.port())),
    }
}

impl Reply {
    fn of(burst: &Burst<'_>) -> Self {
        let Burst { source, destination, header, options, ttl, dscp, .. } = *burst;
        Self { source, destination, header, options, ttl, dscp }
    }
}
