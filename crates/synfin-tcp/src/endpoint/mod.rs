//! The TCP of one host: finds the connection of a segment, opens, accepts, and answers what belongs to none.

mod cookies;
mod drive;
mod half_open;
mod handle;
mod listener;
mod open;
mod slab;
mod table;
mod time_wait;
mod wheel;

use core::net::{IpAddr, SocketAddr};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use synfin_wire::tcp::{Header, OptionsBuf};
use synfin_wire::{SocketId, State};

use self::half_open::HalfOpen;
pub use self::handle::Handled;
use self::listener::{Listener, ListenerKey};
pub use self::open::{ConnectError, ListenError};
use self::slab::{Key, Slab};
use self::table::{Holders, Keyed, Table};
use self::time_wait::TimeWait;
use self::wheel::{TimerKey, Wheel};
use crate::config::{Config, ConnectionConfig};
use crate::connection::Connection;
use crate::isn::{Secret, Use};
use crate::observer::{NoObserver, Observer};
use crate::ports::Ports;
use crate::time::Instant;
use crate::tuple::Tuple;

/// Names a connection of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(Key);

/// Names a listener of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListenerId(ListenerKey);

/// The TCP of one host.
///
/// How to drive it, at any time `now` that does not go backwards:
///
/// * in: [`handle`](Self::handle) with each segment that arrives, [`handle_icmp`](Self::handle_icmp), and
///   [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout)'s time has come;
/// * calls: [`connect`](Self::connect), [`listen`](Self::listen), [`accept`](Self::accept),
///   [`connection_mut`](Self::connection_mut) and what a [`Connection`] offers, [`close`](Self::close);
/// * out: after any of these, [`poll_transmit`](Self::poll_transmit) until it sends nothing more, and then
///   [`poll_event`](Self::poll_event) until there is none.
///
/// A batch of segments is handed in one by one before `poll_transmit`: what can be acknowledged together, is.
#[derive(Debug)]
pub struct Endpoint<O: Observer + Clone = NoObserver> {
    config: Config,
    secret: Secret,
    connection_config: Arc<ConnectionConfig>,
    observer: O,
    table: Table,
    listeners: Slab<Listener>,
    listening: HashMap<SocketAddr, ListenerKey, Keyed>,
    connections: Slab<Member<O>>,
    half_open: Slab<HalfOpen>,
    time_wait: Slab<TimeWait>,
    /// In the order in which they entered TIME-WAIT; some have gone since.
    time_wait_order: VecDeque<Key>,
    wheel: Wheel<Slot>,
    ports: Ports,
    /// Connections that may have something to send or to say.
    ready: VecDeque<Key>,
    /// Connections with events.
    eventful: VecDeque<Key>,
    /// Segments of no connection, or of records.
    replies: VecDeque<Reply>,
    next_cookie: u64,
    /// When a SYN was answered by a cookie last.
    last_cookie_at: Option<Instant>,
    counters: Counters,
}

/// What happened to segments and records, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Segments that could not be for us: to a broadcast or multicast address, or from one.
    pub not_unicast: u64,
    /// Segments that belonged to no connection and no listener.
    pub nobodys: u64,
    /// SYNs dropped because a limit was reached.
    pub syns_dropped: u64,
    /// SYNs answered by a cookie.
    pub cookies_sent: u64,
    /// Connections opened by a cookie that came back.
    pub cookies_accepted: u64,
    /// Answers that found no room because they were not polled.
    pub replies_dropped: u64,
    /// Connections that left TIME-WAIT early because of its limit.
    pub time_wait_evicted: u64,
}

/// A connection, and what the endpoint keeps of it.
#[derive(Debug)]
struct Member<O: Observer> {
    connection: Connection<O>,
    timer: TimerKey,
    is_ready: bool,
    is_eventful: bool,
    is_released: bool,
    is_in_table: bool,
}

/// Who is behind a tuple, or a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Connection(Key),
    HalfOpen(Key),
    TimeWait(Key),
}

/// A segment without text that waits to be sent.
#[derive(Clone, Copy, Debug)]
struct Reply {
    source: SocketAddr,
    destination: SocketAddr,
    header: Header,
    options: OptionsBuf,
    ttl: u8,
    dscp: u8,
}

/// Most answers that wait to be sent; more are dropped, as a network would.
const REPLIES_MAX: usize = 4096;

impl<O: Observer + Clone> Endpoint<O> {
    /// An endpoint with these settings. Each connection gets a clone of the observer.
    #[must_use]
    pub fn new(config: Config, observer: O) -> Self {
        let secret = Secret::new(config.secret);
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let hash = |extra| secret.hash(Use::Table, nobody, nobody, extra);
        let keyed = Keyed(hash(0), hash(1));
        Self {
            connection_config: Arc::new(config.connection.clone()),
            config,
            secret,
            observer,
            table: Table::new(keyed),
            listeners: Slab::new(),
            listening: HashMap::with_hasher(keyed),
            connections: Slab::new(),
            half_open: Slab::new(),
            time_wait: Slab::new(),
            time_wait_order: VecDeque::new(),
            wheel: Wheel::new(),
            ports: Ports::default(),
            ready: VecDeque::new(),
            eventful: VecDeque::new(),
            replies: VecDeque::new(),
            next_cookie: 1,
            last_cookie_at: None,
            counters: Counters::default(),
        }
    }

    /// A connection.
    #[must_use]
    pub fn connection(&self, id: ConnectionId) -> Option<&Connection<O>> {
        self.connections.get(id.0).map(|member| &member.connection)
    }

    /// A connection to call. Whatever is called, [`poll_transmit`](Self::poll_transmit) makes it happen.
    pub fn connection_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<O>> {
        self.make_ready(id.0);
        self.connections.get_mut(id.0).map(|member| &mut member.connection)
    }

    /// What happened to segments and records.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The state of every connection there is: those of the user, those in SYN-RECEIVED, those in TIME-WAIT.
    pub fn states(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr, State)> + '_ {
        let connections = self.connections.iter().map(|(_, member)| {
            let connection = &member.connection;
            (connection.local(), connection.remote(), connection.state())
        });
        let half_open = self.half_open.iter().map(|(_, r)| (r.local, r.remote, State::SynReceived));
        let time_wait = self.time_wait.iter().map(|(_, r)| (r.local, r.remote, State::TimeWait));
        connections.chain(half_open).chain(time_wait)
    }

    fn make_ready(&mut self, key: Key) {
        if let Some(member) = self.connections.get_mut(key)
            && !std::mem::replace(&mut member.is_ready, true)
        {
            self.ready.push_back(key);
        }
    }

    /// Who is behind a tuple.
    fn slot(&mut self, tuple: &Tuple) -> Option<Slot> {
        let Self { table, connections, half_open, time_wait, .. } = self;
        table.find(tuple, &Everybody { connections, half_open, time_wait })
    }

    /// Puts somebody behind a tuple, in place of whoever is there.
    fn bind(&mut self, tuple: &Tuple, slot: Slot) {
        let Self { table, connections, half_open, time_wait, .. } = self;
        table.insert(tuple, slot, &Everybody { connections, half_open, time_wait });
    }

    /// Frees a tuple. Who is behind it must still be there.
    fn unbind(&mut self, tuple: &Tuple) -> Option<Slot> {
        let Self { table, connections, half_open, time_wait, .. } = self;
        table.remove(tuple, &Everybody { connections, half_open, time_wait })
    }

    fn next_socket(&mut self) -> SocketId {
        let cookie = self.next_cookie;
        self.next_cookie = self.next_cookie.wrapping_add(1);
        SocketId { namespace: 0, cookie }
    }
}

/// Those who may be behind a tuple.
struct Everybody<'a, O: Observer> {
    connections: &'a Slab<Member<O>>,
    half_open: &'a Slab<HalfOpen>,
    time_wait: &'a Slab<TimeWait>,
}

impl<O: Observer> Holders for Everybody<'_, O> {
    fn tuple(&self, slot: Slot) -> Option<Tuple> {
        match slot {
            Slot::Connection(key) => self.connections.get(key).map(|member| *member.connection.tuple()),
            Slot::HalfOpen(key) => self.half_open.get(key).map(|r| Tuple::new(r.local, r.remote)),
            Slot::TimeWait(key) => self.time_wait.get(key).map(|r| Tuple::new(r.local, r.remote)),
        }
    }
}

/// Whether an address names one host.
// RFC 9293 MUST-46, MUST-57, MUST-63: neither to nor from broadcast and multicast addresses.
fn is_unicast(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_multicast() && !ip.is_broadcast() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_multicast() && !ip.is_unspecified(),
    }
}

#[cfg(test)]
mod size_tests {
    use super::*;

    /// An idle established connection costs at most 1 KiB, all included: nothing else is allocated for it (see the
    /// tests of allocations).
    #[test]
    fn records_are_compact() {
        // At worst, right after it has grown, the table has room for twice of what is in it, an eighth of all kept
        // free; each entry has a byte of hash.
        let table = (size_of::<Slot>() + 1) * 2 * 8 / 7;
        let timer = Wheel::<Slot>::NODE_SIZE;
        let member = Slab::<Member<NoObserver>>::SLOT_SIZE;
        assert!(member + table + timer <= 1024, "{member} + {table} + {timer}");
        assert!(size_of::<HalfOpen>() <= 176, "{}", size_of::<HalfOpen>());
        assert!(size_of::<TimeWait>() <= 160, "{}", size_of::<TimeWait>());
    }
}
