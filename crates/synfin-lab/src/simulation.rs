//! Two hosts and a link, from one event to the next.
//!
//! The heap holds what is on the wire; the hosts' timers and the applications' pauses are asked for. At each time that
//! something happens: what arrives is handed in, timers that are due go off, then both hosts have their turn.

use core::cmp::Reverse;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeSet, BinaryHeap};

use bytes::Bytes;
use synfin_tcp::{ConnectError, ConnectionError, Instant, ListenError};
use synfin_wire::tcp::Segment;
use synfin_wire::{LinkType, Side};

use crate::app::Turn;
use crate::forged;
use crate::host::Host;
use crate::ip;
use crate::link::{Effected, Fate, Link, LinkConfig, nanos};
use crate::noted::{Noted, NotedFrame};
use crate::random::Random;
use crate::recorder::Notes;
use crate::rule::{Names, Rule};
use crate::scenario::{Forgery, Scenario, SettingError, Vantage};
use crate::script::Action;

/// When virtual time begins: 2020-01-01T00:00:00Z, so that captures have a date that looks like one.
const EPOCH_NS: u64 = 1_577_836_800_000_000_000;

/// Rounds in which neither time goes on nor anything is sent, after which something is wrong.
const MAX_ROUNDS: u32 = 10_000;

/// Most that may be on the wire at one time: bytes of packets, and packets. It is what bounds the memory of a run in
/// which somebody sends faster than a line of some rate, without a queue of some length, takes it.
const MAX_BYTES_ON_THE_WAY: u64 = 256 << 20;
const MAX_ON_THE_WAY: usize = 1 << 20;

/// Two hosts and a link.
#[derive(Debug)]
pub struct Simulation {
    hosts: [Host; 2],
    links: [Link; 2],
    rules: [Vec<Rule>; 2],
    names: Names,
    /// Rules that no packet fell under yet, as they were written.
    idle_rules: BTreeSet<String>,
    forged: Vec<Forgery>,
    vantage: Vantage,
    on_the_way: BinaryHeap<Reverse<Arrival>>,
    bytes_on_the_way: u64,
    order: u64,
    notes: Notes,
    frames: u64,
    now_ns: u64,
    limit_ns: u64,
    max_packets: u64,
    packets_left: u64,
    rounds: u32,
    /// Whose turn it is before time goes on.
    turn: Option<Side>,
    ending: Option<Ending>,
    lost: u64,
}

/// Something that arrives, ordered by time and then by when it was put on the wire.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival {
    at_ns: u64,
    order: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A packet for the client (0) or the server (1), and whether a host has sent it.
    Packet(usize, Bytes),
    /// The forgery of this number.
    Forgery(usize),
}

/// Why a simulation came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// Nothing is left that could happen.
    Quiet,
    /// The time is up.
    Limit,
    /// As many packets were sent as the scenario allows.
    Packets,
    /// More is on the wire than there is room for.
    Crowded,
    /// Time did not go on: a fault.
    Stuck,
}

/// Why a simulation cannot begin.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulationError {
    /// Nobody can listen on the server's port.
    #[error("cannot listen")]
    Listen(#[from] ListenError),
    /// A setting cannot be.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How long it took, in virtual time.
    pub lasted: Duration,
    /// Packets that the link lost.
    pub lost: u64,
    /// Packets that arrived damaged, and were discarded.
    pub discarded: u64,
    /// What cut it short, if anything did.
    pub cut_short: Option<CutShort>,
    /// Connections, records of connections and TIME-WAITs that are left on both hosts.
    pub left: usize,
    /// What the applications have done: the client's, the server's.
    pub apps: [AppReport; 2],
    /// Rules that no packet fell under.
    pub idle_rules: Vec<String>,
}

/// What cut a run short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CutShort {
    /// [`Scenario::limit`]: so much time.
    Time(Duration),
    /// [`Scenario::max_packets`]: so many packets.
    Packets(u64),
    /// More was on the wire at one time than there is room for, in packets and bytes.
    Crowded(u64, u64),
    /// Time did not go on: a fault of the laboratory or of its TCP.
    Stuck,
}

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(limit) => write!(f, "time was up after {limit:?} (limit)"),
            Self::Packets(most) => write!(f, "it took more than {most} packets (max-packets)"),
            Self::Crowded(packets, bytes) => write!(
                f,
                "{packets} packets of {bytes} bytes were on the wire at one time, which is all that there is room \
                 for: with a rate goes a queue"
            ),
            Self::Stuck => f.write_str("time did not go on: this is a fault of synfin"),
        }
    }
}

/// What an application has done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct AppReport {
    /// Octets that it wrote.
    pub sent: u64,
    /// Octets that it read.
    pub received: u64,
    /// Of these, octets that nobody wrote at this place of this connection.
    pub foreign: u64,
    /// How its last connection broke, if one did.
    pub error: Option<ConnectionError>,
    /// Why it could not connect.
    pub refused: Option<ConnectError>,
    /// What it still waits for.
    pub unfinished: Option<Action>,
}

impl Simulation {
    /// Sets the hosts up. Nothing happens before the first [`next_noted`](Self::next_noted).
    ///
    /// # Errors
    /// When the scenario does not pass [`Scenario::check`].
    pub fn new(scenario: &Scenario) -> Result<Self, SimulationError> {
        let Scenario { seed, limit, is_ipv6, vantage, to_server, to_client, client, server, forged, .. } =
            scenario;
        scenario.check()?;
        let ips: [IpAddr; 2] = if *is_ipv6 {
            [[0xfd00, 0, 0, 0, 0, 0, 0, 1].into(), [0xfd00, 0, 0, 0, 0, 0, 0, 2].into()]
        } else {
            [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]
        };
        let [a, b] = [SocketAddr::new(ips[0], client.port), SocketAddr::new(ips[1], server.port)];
        let notes = Notes::default();
        let link = |config: &LinkConfig, way| Link::new(config.clone(), Random::new(*seed, way));
        let mut simulation = Self {
            hosts: [
                Host::new(Side::Client, client, [a, b], *seed, notes.clone())?,
                Host::new(Side::Server, server, [b, a], *seed, notes.clone())?,
            ],
            links: [link(to_server, 0), link(to_client, 1)],
            rules: [to_server.rules.clone(), to_client.rules.clone()],
            names: Names::new(),
            idle_rules: to_server.rules.iter().chain(&to_client.rules).map(Rule::to_string).collect(),
            forged: forged.clone(),
            vantage: *vantage,
            on_the_way: BinaryHeap::new(),
            bytes_on_the_way: 0,
            order: 0,
            notes,
            frames: 0,
            now_ns: 0,
            limit_ns: nanos(*limit),
            max_packets: scenario.max_packets,
            packets_left: scenario.max_packets,
            rounds: 0,
            turn: Some(Side::Client),
            ending: None,
            lost: 0,
        };
        for (index, forgery) in forged.iter().enumerate() {
            simulation.put(nanos(forgery.at), What::Forgery(index));
        }
        Ok(simulation)
    }

    /// The next thing that comes to pass, in the order of virtual time; `None` once nothing can happen any more.
    pub fn next_noted(&mut self) -> Option<Noted> {
        loop {
            if let Some(noted) = self.notes.pop() {
                return Some(noted);
            }
            if self.ending.is_some() {
                return None;
            }
            self.step();
        }
    }

    /// How it went, so far or in the end.
    #[must_use]
    pub fn report(&self) -> Report {
        let [client, server] = &self.hosts;
        Report {
            lasted: Duration::from_nanos(self.now_ns),
            lost: self.lost,
            discarded: client.discarded + server.discarded,
            cut_short: self.cut_short(),
            left: client.endpoint.states().count() + server.endpoint.states().count(),
            apps: [client.app.report(), server.app.report()],
            idle_rules: self.idle_rules.iter().cloned().collect(),
        }
    }

    fn cut_short(&self) -> Option<CutShort> {
        Some(match self.ending? {
            Ending::Quiet => return None,
            Ending::Limit => CutShort::Time(Duration::from_nanos(self.limit_ns)),
            Ending::Packets => CutShort::Packets(self.max_packets),
            Ending::Crowded => CutShort::Crowded(self.on_the_way.len() as u64, self.bytes_on_the_way),
            Ending::Stuck => CutShort::Stuck,
        })
    }

    /// One round of one host, or the next time that something happens.
    fn step(&mut self) {
        if let Some(side) = self.turn {
            self.flush(side);
            return;
        }
        let Some(next_ns) = self.next_time() else {
            self.ending = Some(Ending::Quiet);
            return;
        };
        if next_ns > self.limit_ns {
            (self.now_ns, self.ending) = (self.limit_ns, Some(Ending::Limit));
            return;
        }
        if next_ns > self.now_ns {
            (self.now_ns, self.rounds) = (next_ns, 0);
        } else {
            self.count_round();
        }
        while let Some(Reverse(next)) = self.on_the_way.peek()
            && next.at_ns <= self.now_ns
            && let Some(Reverse(arrival)) = self.on_the_way.pop()
        {
            match arrival.what {
                What::Packet(to, bytes) => {
                    self.bytes_on_the_way = self.bytes_on_the_way.saturating_sub(bytes.len() as u64);
                    self.deliver(to, &bytes);
                }
                What::Forgery(index) => self.forge(index),
            }
        }
        let now = self.now();
        for host in &mut self.hosts {
            host.endpoint.handle_timeout(now);
        }
        self.turn = Some(Side::Client);
    }

    /// Another round at the same time.
    fn count_round(&mut self) {
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            self.ending = Some(Ending::Stuck);
        }
    }

    fn next_time(&self) -> Option<u64> {
        let arrival = self.on_the_way.peek().map(|Reverse(next)| next.at_ns);
        let timers = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout());
        let timers = timers.map(|at| at.as_nanos().saturating_sub(EPOCH_NS));
        let wakes = self.hosts.iter().filter_map(|host| host.app.wakes_at_ns());
        arrival.into_iter().chain(timers).chain(wakes).min()
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(EPOCH_NS.saturating_add(self.now_ns))
    }

    fn put(&mut self, at_ns: u64, what: What) {
        self.order += 1;
        if let What::Packet(_, bytes) = &what {
            self.bytes_on_the_way = self.bytes_on_the_way.saturating_add(bytes.len() as u64);
        }
        self.on_the_way.push(Reverse(Arrival { at_ns, order: self.order, what }));
        if self.on_the_way.len() > MAX_ON_THE_WAY || self.bytes_on_the_way > MAX_BYTES_ON_THE_WAY {
            self.ending = Some(Ending::Crowded);
        }
    }

    /// A host has a round of its turn, and what it sends goes onto the link. The client's turn comes first.
    fn flush(&mut self, side: Side) {
        let connections = self.hosts[0].app.ordinal();
        let turn = Turn { since_start_ns: self.now_ns, now: self.now(), connections };
        let mut packets = Vec::new();
        if self.host_mut(side).flush(turn, &mut packets) {
            self.turn = if side == Side::Client { Some(Side::Server) } else { None };
        } else if packets.is_empty() {
            self.count_round();
        }
        for packet in &packets {
            if self.packets_left == 0 {
                self.ending = Some(Ending::Packets);
            }
            if self.ending.is_some() {
                return;
            }
            self.packets_left -= 1;
            self.rounds = 0;
            self.send(side, packet);
        }
    }

    fn host_mut(&mut self, side: Side) -> &mut Host {
        let [client, server] = &mut self.hosts;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn send(&mut self, from: Side, packet: &Bytes) {
        let [to_server, to_client] = &mut self.links;
        let [server_rules, client_rules] = &self.rules;
        let (link, rules) = match from {
            Side::Client => (to_server, server_rules),
            Side::Server => (to_client, client_rules),
        };
        let named = match segment(packet) {
            Some(segment) => self.names.rules_for(from, &segment, rules),
            None => Vec::new(),
        };
        let texts: Vec<_> = named.iter().map(|rule| (rule.effect(), rule.to_string())).collect();
        for (_, text) in &texts {
            self.idle_rules.remove(text);
        }
        let effected: Vec<_> =
            texts.iter().map(|(effect, text)| Effected { effect: *effect, text }).collect();
        let passage = link.pass(self.now_ns, packet, &effected);
        let tells = link.config().icmp;
        self.lost += u64::from(passage.fates.iter().any(Fate::is_loss));
        let mtu = passage.fates.iter().find_map(|fate| match fate {
            Fate::TooBig(mtu) => Some(*mtu),
            _ => None,
        });
        let (to, back) = (from.other() as usize, from as usize);
        for (at_ns, bytes) in passage.arrivals {
            self.put(at_ns, What::Packet(to, bytes));
        }
        if self.sees_sender(from) {
            self.note(from, packet, passage.fates);
        }
        if let Some(message) = mtu.filter(|_| tells).and_then(|mtu| ip::too_big(packet, mtu)) {
            // The link's own message: from the near end of it, at once.
            if self.vantage == Vantage::Sender {
                self.note(from.other(), &message, Vec::new());
            }
            self.put(self.now_ns, What::Packet(back, message));
        }
    }

    fn sees_sender(&self, from: Side) -> bool {
        match self.vantage {
            Vantage::Sender => true,
            Vantage::Client => from == Side::Client,
            Vantage::Server => from == Side::Server,
        }
    }

    fn note(&mut self, from: Side, packet: &Bytes, fates: Vec<Fate>) {
        self.frames += 1;
        self.notes.push(Noted::Frame(NotedFrame {
            number: self.frames,
            at_ns: EPOCH_NS.saturating_add(self.now_ns),
            from,
            bytes: packet.clone(),
            fates,
        }));
    }

    fn deliver(&mut self, to: usize, packet: &Bytes) {
        let to = if to == Side::Client as usize { Side::Client } else { Side::Server };
        if self.vantage != Vantage::Sender && self.sees_sender(to) {
            self.note(to.other(), packet, Vec::new());
        }
        let now = self.now();
        self.host_mut(to).handle(now, packet);
    }

    /// Somebody forges a segment: it is there, and the victim takes it in.
    fn forge(&mut self, index: usize) {
        let Some(forgery) = self.forged.get(index).cloned() else { return };
        let victim = self.host_mut(forgery.to);
        let Some(packet) = victim
            .app
            .connection()
            .and_then(|id| victim.endpoint.connection(id))
            .and_then(|connection| forged::packet(&forgery, connection))
        else {
            return;
        };
        if self.vantage == Vantage::Sender || self.sees_sender(forgery.to) {
            self.note(forgery.to.other(), &packet, vec![Fate::Forged]);
        }
        let now = self.now();
        self.host_mut(forgery.to).handle(now, &packet);
    }
}

/// The segment in a packet of ours.
fn segment(packet: &Bytes) -> Option<Segment<'_>> {
    use synfin_wire::dissect::{Dissected, dissect};
    let len = u32::try_from(packet.len()).ok()?;
    match dissect(LinkType::RAW, packet, len).next()? {
        Ok(Dissected::Tcp(_, segment)) => Some(segment),
        _ => None,
    }
}
