//! What arrives: the way of a segment to its connection, its record, its listener, or nowhere.

use core::net::{IpAddr, SocketAddr};

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use super::half_open::HalfOpen;
use super::listener::ListenerKey;
use super::time_wait::TimeWait;
use super::{ConnectionId, Endpoint, Key, REPLIES_MAX, Reply, Slot, Tuple, cookies, is_unicast};
use crate::config::SynCookies;
use crate::connection::segment_arrives::{closed, listen};
use crate::connection::{Beginning, Connection, Handshake, Reset};
use crate::icmp::IcmpError;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::{Agreed, Offer, announced_mss};
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
    /// Takes in a segment that arrived from `source` for `destination`.
    pub fn handle(
        &mut self,
        now: Instant,
        source: IpAddr,
        destination: IpAddr,
        segment: &Incoming,
    ) -> Handled {
        // RFC 9293 MUST-57: silently discarded; MUST-63: so is a SYN from an address that is none.
        if !is_unicast(source) || !is_unicast(destination) {
            self.counters.not_unicast += 1;
            return Handled::Dropped;
        }
        let local = SocketAddr::new(destination, segment.header.destination_port);
        let remote = SocketAddr::new(source, segment.header.source_port);
        match self.table.get(&Tuple::new(local, remote)).copied() {
            Some(Slot::Connection(key)) => self.handle_connection(now, key, segment),
            Some(Slot::HalfOpen(key)) => self.handle_half_open(now, key, segment),
            Some(Slot::TimeWait(key)) => self.handle_time_wait(now, key, segment),
            None => self.handle_unknown(now, local, remote, segment),
        }
    }

    /// Takes in an ICMP error about a segment of ours.
    pub fn handle_icmp(&mut self, now: Instant, error: &IcmpError) {
        let tuple = Tuple::new(error.local, error.remote);
        if let Some(Slot::Connection(key)) = self.table.get(&tuple).copied() {
            self.make_ready(key);
            if let Some(member) = self.connections.get_mut(key) {
                member.connection.on_icmp(now, error.seq, error.message);
            }
        }
    }

    fn handle_connection(&mut self, now: Instant, key: Key, segment: &Incoming) -> Handled {
        self.make_ready(key);
        let Some(member) = self.connections.get_mut(key) else { return Handled::Dropped };
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
        }
        if let Some(member) = self.connections.get_mut(key) {
            member.connection.on_segments(now, [segment]);
        }
        Handled::Connection(ConnectionId(key))
    }

    fn handle_unknown(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
    ) -> Handled {
        if let Some(listener) = self.listener_for(local) {
            return self.handle_listen(now, listener, local, remote, segment);
        }
        self.counters.nobodys += 1;
        match closed::reset(segment) {
            Some(reset) => self.reply_reset(local, remote, reset),
            None => Handled::Dropped,
        }
    }

    fn listener_for(&self, local: SocketAddr) -> Option<ListenerKey> {
        let any = match local {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], local.port())),
            SocketAddr::V6(_) => SocketAddr::from(([0; 16], local.port())),
        };
        self.listening.get(&local).or_else(|| self.listening.get(&any)).copied()
    }

    fn handle_listen(
        &mut self,
        now: Instant,
        listener: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
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

    /// LISTEN, third check: a SYN. "The connection state should be changed to SYN-RECEIVED."
    fn open_half(
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
        iss: synfin_wire::SeqNumber,
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
        };
        let wheel = &mut self.wheel;
        let clock = self.secret.timestamp_clock(local, remote);
        let key = self.half_open.insert_with(|key| {
            let timer = wheel.add(Slot::HalfOpen(key)).unwrap_or(key);
            HalfOpen { listener, socket, local, remote, iss, clock, handshake, timer }
        });
        let Some(key) = key else { return Handled::Dropped };
        self.table.insert(Tuple::new(local, remote), Slot::HalfOpen(key));
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
    fn expand(&self, now: Instant, record: &HalfOpen) -> Option<Connection<O>> {
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

    fn handle_half_open(&mut self, now: Instant, key: Key, segment: &Incoming) -> Handled {
        let Some(record) = self.half_open.get(key).copied() else { return Handled::Dropped };
        let Some(mut connection) = self.expand(now, &record) else {
            // The listener has gone: nobody waits for this connection.
            self.remove_half_open(key);
            return self.handle_unknown(now, record.local, record.remote, segment);
        };
        let is_full = self.listeners.get(record.listener).is_none_or(super::listener::Listener::is_full);
        if is_full && !segment.header.flags.intersects(Flags::RST | Flags::SYN) {
            // Nobody accepts: the acknowledgement is as good as lost, and comes again after our SYN,ACK.
            self.counters.syns_dropped += 1;
            return Handled::Dropped;
        }
        connection.on_segments(now, [segment]);
        match connection.state() {
            State::SynReceived => {
                self.drain(now, &mut connection);
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

    fn accepted(&mut self, listener: ListenerKey, connection: Connection<O>) -> Handled {
        let Some(key) = self.add(connection) else { return Handled::Dropped };
        if let Some(listener) = self.listeners.get_mut(listener) {
            listener.accepted.push_back(ConnectionId(key));
        }
        Handled::Accepted(ConnectionId(key))
    }

    pub(super) fn remove_half_open(&mut self, key: Key) {
        if let Some(record) = self.half_open.remove(key) {
            self.wheel.remove(record.timer);
            self.table.remove(&Tuple::new(record.local, record.remote));
        }
    }

    fn handle_time_wait(&mut self, now: Instant, key: Key, segment: &Incoming) -> Handled {
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
        connection.on_segments(now, [segment]);
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
    fn reuse(&mut self, now: Instant, old: &TimeWait, segment: &Incoming) -> Option<Handled> {
        if !old.may_be_reused_by(segment) {
            return None;
        }
        let (local, remote) = (old.local, old.remote);
        let listener = self.listener_for(local)?;
        let config = self.listeners.get(listener)?.config.clone();
        match self.table.remove(&Tuple::new(local, remote))? {
            Slot::TimeWait(key) => self.end_time_wait(now, key),
            Slot::Connection(key) => {
                let member = self.connections.get_mut(key)?;
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
        Some(self.add_half_open(now, listener, local, remote, iss, agreed, segment))
    }

    /// SYN,ACK with a cookie, and nothing remembered.
    fn send_cookie(
        &mut self,
        now: Instant,
        config: &crate::config::ConnectionConfig,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
        agreed: &Agreed,
    ) -> Handled {
        self.counters.cookies_sent += 1;
        let iss = cookies::encode(&self.secret, now, local, remote, segment.seq(), agreed.peer_mss);
        let has_timestamps = agreed.timestamps.is_some();
        let offer = Offer {
            mss: announced_mss(config.mtu, local.is_ipv6()),
            shift: (has_timestamps && agreed.is_scaling).then_some(agreed.receive_shift),
            is_sack: has_timestamps && agreed.is_sack,
            timestamps: agreed.timestamps.map(|t| (cookies::timestamp(t.clock, now, agreed), t.recent)),
        };
        let header = synfin_wire::tcp::Header {
            source_port: local.port(),
            destination_port: remote.port(),
            seq: iss,
            ack: segment.seq() + 1,
            flags: Flags::SYN | Flags::ACK,
            window: u16::try_from(config.receive_buffer()).unwrap_or(u16::MAX),
            ..synfin_wire::tcp::Header::default()
        };
        self.reply(Reply {
            source: local,
            destination: remote,
            header,
            options: offer.options(),
            ttl: config.ttl,
            dscp: config.dscp,
        });
        Handled::Answered
    }

    /// An acknowledgement for a listener may be of a cookie.
    fn handle_cookie(
        &mut self,
        now: Instant,
        listener_key: ListenerKey,
        local: SocketAddr,
        remote: SocketAddr,
        segment: &Incoming,
    ) -> Option<Handled> {
        let flags = segment.header.flags;
        if self.config.syn_cookies == SynCookies::Never || self.counters.cookies_sent == 0 {
            return None;
        }
        if !flags.ack() || flags.intersects(Flags::SYN | Flags::RST) {
            return None;
        }
        let (irs, iss) = (segment.seq() - 1, segment.header.ack - 1);
        let mss = cookies::decode(&self.secret, now, local, remote, irs, iss)?;
        let listener = self.listeners.get(listener_key)?;
        if listener.is_full() {
            self.counters.syns_dropped += 1;
            return Some(Handled::Dropped);
        }
        let config = listener.config.clone();
        let clock = self.secret.timestamp_clock(local, remote);
        let agreed = cookies::agreed(&config, clock, now, segment, mss, local.is_ipv6());
        let socket = self.next_socket();
        // The SYN,ACK may have been sent more than once: nothing is measured by it.
        let handshake =
            Handshake { irs, agreed, wnd: segment.header.window, syn_sent_at: now, syn_retransmissions: 1 };
        let record = HalfOpen {
            listener: listener_key,
            socket,
            local,
            remote,
            iss,
            clock,
            handshake,
            timer: listener_key,
        };
        let mut connection = self.expand(now, &record)?;
        self.observe_record(now, socket, local, remote, State::Listen, State::SynReceived);
        connection.on_segments(now, [segment]);
        if !connection.state().is_synchronized() {
            return Some(Handled::Dropped);
        }
        self.counters.cookies_accepted += 1;
        Some(self.accepted(listener_key, connection))
    }

    /// Sends what a connection that is only there for one segment has to say.
    fn drain(&mut self, now: Instant, connection: &mut Connection<O>) {
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

    fn reply(&mut self, reply: Reply) {
        if self.replies.len() < REPLIES_MAX {
            self.replies.push_back(reply);
        } else {
            self.counters.replies_dropped += 1;
        }
    }

    fn reply_reset(&mut self, local: SocketAddr, remote: SocketAddr, reset: Reset) -> Handled {
        let config = &self.connection_config;
        let reply = Reply::of(&reset.burst(local, remote, config.ttl, config.dscp));
        self.reply(reply);
        Handled::Answered
    }
}

impl Reply {
    fn of(burst: &Burst<'_>) -> Self {
        let Burst { source, destination, header, options, ttl, dscp, .. } = *burst;
        Self { source, destination, header, options, ttl, dscp }
    }
}
