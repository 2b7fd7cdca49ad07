//! Observations in, connections out.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use synfin_wire::dissect::{self, DissectError, Dissected, Fragment, Ip};
use synfin_wire::tcp::Segment;
use synfin_wire::{
    Frame, InterfaceId, Loss, LossCause, Note, Observation, Owner, Sample, Side, State, StateChange,
};

use crate::duplicates::{Duplicates, Identity};
use crate::fragments::Fragments;
use crate::key::Key;
use crate::observed::{Early, Telling};
use crate::role::{Roles, likely_client};
use crate::tracked::{Incoming, Tracked};
use crate::{Config, Connection, Sink, Summary};

/// Follows every connection in a stream of observations.
///
/// Hand over observations in the order of time with [`observe`](Self::observe), and call [`finish`](Self::finish) after
/// the last one. Where observations may stay away for long, as from a live interface, [`tick`](Self::tick) lets time
/// pass.
#[derive(Debug)]
pub struct Tracker {
    config: Config,
    connections: HashMap<Key, Box<Tracked>>,
    /// Connections that are over, by the time at which they are due to be handed out; those with later packets are
    /// found to be due later, and wait again.
    lingering: VecDeque<Waiting>,
    /// All connections, roughly by how long they have been silent; those that were not are found to be so when
    /// somebody has to go.
    idle: VecDeque<Waiting>,
    fragments: Fragments,
    duplicates: Duplicates,
    /// States of connections of which no packet was seen yet.
    told_early: Early,
    /// Owners of connections of which no packet was seen yet: those that were there before.
    owners: HashMap<Key, Vec<Owner>>,
    /// Variables of connections of which no packet was seen yet.
    early_samples: Vec<(Key, Sample)>,
    /// In which network namespace each interface lies, where that was said of any.
    namespaces: Vec<u64>,
    /// Of whom states are told.
    telling: Telling,
    summary: Summary,
    now_ns: u64,
    next_id: u64,
}

/// Connections whose owners are remembered at most before a packet of them passes. At most two owners each.
const MAX_EARLY_OWNERS: usize = 65_536;

/// Samples that are remembered at most before a packet of their connection passes.
const MAX_EARLY_SAMPLES: usize = 1024;

/// Interfaces of which is remembered where they lie; no machine has as many.
const MAX_INTERFACES: usize = 1 << 16;

/// A connection in a queue. The identifier tells it from a later one with the same addresses.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    at_ns: u64,
    key: Key,
    id: u64,
}

impl Tracker {
    /// A tracker that has seen nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            connections: HashMap::new(),
            lingering: VecDeque::new(),
            idle: VecDeque::new(),
            fragments: Fragments::default(),
            duplicates: Duplicates::default(),
            told_early: Early::default(),
            owners: HashMap::new(),
            early_samples: Vec::new(),
            namespaces: Vec::new(),
            telling: Telling::Nobody,
            summary: Summary::default(),
            now_ns: 0,
            next_id: 1,
        }
    }

    /// Takes one observation in.
    pub fn observe(&mut self, observation: &Observation<'_>, sink: &mut impl Sink) {
        match observation {
            Observation::Frame(frame) => self.on_frame(frame, sink),
            Observation::Owner(owner) => self.on_owner(owner),
            Observation::Note(note) => self.on_note(note),
            Observation::Loss(loss) => self.on_loss(loss, sink),
            Observation::StateChange(change) => self.on_state_change(change, sink),
            Observation::Sample(sample) => self.on_sample(sample, sink),
        }
    }

    /// An interface lies in this network namespace, by its inode number. Say so before anything of it is observed; where
    /// nobody says it of any, all is one namespace.
    pub fn assign_namespace(&mut self, interface: InterfaceId, namespace: u64) {
        let index = interface.0 as usize;
        if index < MAX_INTERFACES {
            if self.namespaces.len() <= index {
                self.namespaces.resize(index + 1, 0);
            }
            if let Some(assigned) = self.namespaces.get_mut(index) {
                *assigned = namespace;
            }
        }
    }

    /// Every end will tell its states, as in a laboratory: nothing is inferred, and an end of which nothing is told has
    /// stayed where it was. Say so before anything is observed.
    pub fn expect_all_told(&mut self) {
        self.telling = Telling::AllEnds;
    }

    /// The namespace that somebody told of, as keys have it.
    fn told_of(&self, namespace: u64) -> u64 {
        if self.namespaces.is_empty() { 0 } else { namespace }
    }

    /// It is `now_ns`, whether anything was observed or not: connections that have been over for long enough go.
    pub fn tick(&mut self, now_ns: u64, sink: &mut impl Sink) {
        self.now_ns = self.now_ns.max(now_ns);
        while let Some(&waiting) = self.lingering.front() {
            let is_crowded = self.lingering.len() > self.config.max_lingering;
            if waiting.at_ns > self.now_ns && !is_crowded {
                return;
            }
            self.lingering.pop_front();
            let Some(tracked) = self.connections.get(&waiting.key) else { continue };
            if tracked.connection.id != waiting.id {
                continue;
            }
            let due_ns = if tracked.is_told_open() {
                // Its packets look like it, but it is not over.
                self.now_ns.saturating_add(self.config.linger_ns.max(1))
            } else {
                tracked.connection.end_ns.saturating_add(self.config.linger_ns)
            };
            if due_ns > self.now_ns && !is_crowded {
                self.lingering.push_back(Waiting { at_ns: due_ns, ..waiting });
            } else {
                self.hand_out(&waiting.key, sink);
            }
        }
    }

    /// There is nothing more: every connection is handed out, in the order in which they began.
    pub fn finish(&mut self, sink: &mut impl Sink) -> Summary {
        let mut rest: Vec<_> = self.connections.drain().map(|(_, tracked)| tracked).collect();
        rest.sort_unstable_by_key(|tracked| tracked.connection.id);
        for tracked in rest {
            let connection = tracked.finish(&self.config, sink);
            sink.connection(connection);
        }
        self.lingering.clear();
        self.idle.clear();
        self.summary()
    }

    /// Totals so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary { lost_fragments: self.fragments.lost(), ..self.summary }
    }

    /// Connections that are followed right now, in no order.
    pub fn connections(&self) -> impl ExactSizeIterator<Item = &Connection> {
        self.connections.values().map(|tracked| &tracked.connection)
    }

    fn on_frame(&mut self, frame: &Frame<'_>, sink: &mut impl Sink) {
        self.summary.frames += 1;
        for (n, found) in (0..).zip(dissect::dissect(frame.link, frame.bytes, frame.original_len)) {
            self.summary.aggregated += n.min(1);
            match found {
                Ok(Dissected::Fragment(ip, fragment)) => self.on_fragment(frame, ip, &fragment, sink),
                found => self.on_found(frame, frame.original_len, found, sink),
            }
        }
    }

    fn on_fragment(&mut self, frame: &Frame<'_>, ip: Ip, fragment: &Fragment<'_>, sink: &mut impl Sink) {
        let max = self.config.max_fragmented;
        let Some(whole) = self.fragments.on_fragment(frame, ip, fragment, max) else {
            self.summary.fragments += 1;
            return;
        };
        for (n, found) in (0..).zip(dissect::dissect_reassembled(whole.ip, whole.protocol, &whole.payload)) {
            self.summary.aggregated += n.min(1);
            self.on_found(frame, whole.wire_len, found, sink);
        }
    }

    fn on_found(
        &mut self,
        frame: &Frame<'_>,
        wire_len: u32,
        found: Result<Dissected<'_>, DissectError>,
        sink: &mut impl Sink,
    ) {
        match found {
            Ok(Dissected::Tcp(ip, segment)) => self.on_segment(frame, wire_len, ip, segment, sink),
            // Fragments inside of what was put together from fragments are nobody's honest doing.
            Ok(Dissected::Other | Dissected::Fragment(..)) => self.summary.not_tcp += 1,
            Err(_) => self.summary.malformed += 1,
        }
    }

    fn on_segment(
        &mut self,
        frame: &Frame<'_>,
        wire_len: u32,
        ip: Ip,
        segment: Segment<'_>,
        sink: &mut impl Sink,
    ) {
        self.tick(frame.at_ns, sink);
        let source = SocketAddr::new(ip.source, segment.header.source_port);
        let destination = SocketAddr::new(ip.destination, segment.header.destination_port);
        let namespace = self.namespaces.get(frame.interface.0 as usize).copied().unwrap_or_default();
        let identity = Identity::of(namespace, source, destination, &ip, &segment);
        if self.duplicates.is_duplicate(frame.interface, frame.at_ns, identity) {
            self.summary.duplicates += 1;
            return;
        }
        let key = Key::new(source, destination, namespace);
        if self.config.check_checksums && segment.has_valid_checksum(ip.source, ip.destination) == Some(false)
        {
            self.summary.bad_checksums += 1;
            if let Some(tracked) = self.connections.get_mut(&key) {
                let from = side_of(&tracked.connection, source);
                tracked.on_bad_checksum(from);
            }
            return;
        }
        self.summary.packets += 1;
        let mut is_reuse = false;
        if let Some(tracked) = self.connections.get(&key)
            && begins_anew(tracked, source, &segment)
        {
            self.hand_out(&key, sink);
            is_reuse = true;
        }
        if !self.connections.contains_key(&key) && self.connections.len() >= self.config.max_connections {
            self.evict(sink);
        }
        self.forget_gone();
        let tracked = match self.connections.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Roles { client, server, is_flipped } = likely_client(source, destination, &segment);
                let mut connection = Connection::new(self.next_id, client, server, frame.at_ns);
                connection.first_packet = frame.number;
                connection.namespace = namespace;
                if is_flipped {
                    connection.history.on_flip();
                }
                let waiting = Waiting { at_ns: frame.at_ns, key, id: self.next_id };
                self.idle.push_back(waiting);
                self.next_id += 1;
                self.summary.connections += 1;
                sink.started(&connection);
                let mut tracked = Box::new(Tracked::new(connection, self.telling, &self.config));
                for owner in self.owners.remove(&key).into_iter().flatten() {
                    let side = side_of(&tracked.connection, owner.local);
                    tracked.connection.endpoint_mut(side).process = Some(owner.process);
                }
                for change in self.told_early.take(&key) {
                    let side = side_of(&tracked.connection, change.local);
                    tracked.on_state_change(side, &change, sink);
                }
                entry.insert(tracked)
            }
        };
        let from = side_of(&tracked.connection, source);
        let was_over = tracked.is_over();
        let Frame { number: n, at_ns, fate, .. } = *frame;
        let incoming = Incoming { n, at_ns, ip, segment, wire_len, fate };
        tracked.on_packet(&incoming, from, is_reuse, &self.config, sink);
        if !was_over && tracked.is_over() {
            let at_ns = frame.at_ns.saturating_add(self.config.linger_ns);
            self.lingering.push_back(Waiting { at_ns, key, id: tracked.connection.id });
        }
        if !self.early_samples.is_empty() {
            self.give_early_samples(&key, sink);
        }
    }

    fn on_state_change(&mut self, change: &StateChange, sink: &mut impl Sink) {
        if self.telling == Telling::Nobody {
            self.telling = Telling::SomeEnds;
        }
        let key = Key::new(change.local, change.remote, self.told_of(change.socket.namespace));
        let Some(tracked) = self.connections.get_mut(&key) else {
            self.told_early.push(key, *change);
            return;
        };
        let side = side_of(&tracked.connection, change.local);
        if !tracked.takes(side, change) || self.told_early.has(&key, change.socket) {
            // It waits for the first packet of a connection between the same ports, and so does what follows it.
            self.told_early.push(key, *change);
        } else if change.from != State::TimeWait || tracked.told_state(side) == Some(State::TimeWait) {
            // Otherwise a new SYN ended the TIME-WAIT of a connection before: this one has begun already.
            tracked.on_state_change(side, change, sink);
        }
    }

    fn on_owner(&mut self, owner: &Owner) {
        let key = Key::new(owner.local, owner.remote, self.told_of(owner.socket.namespace));
        if let Some(tracked) = self.connections.get_mut(&key) {
            let side = side_of(&tracked.connection, owner.local);
            tracked.connection.endpoint_mut(side).process = Some(owner.process);
        } else if self.owners.len() < MAX_EARLY_OWNERS {
            let owners = self.owners.entry(key).or_default();
            owners.retain(|other| other.local != owner.local);
            owners.push(*owner);
        }
    }

    fn on_note(&mut self, note: &Note<'_>) {
        let key = Key::new(note.local, note.remote, self.told_of(note.namespace));
        if let Some(tracked) = self.connections.get_mut(&key) {
            let from = side_of(&tracked.connection, note.local);
            tracked.connection.on_note(from, note);
        }
    }

    fn on_sample(&mut self, sample: &Sample, sink: &mut impl Sink) {
        let key = Key::new(sample.local, sample.remote, self.told_of(sample.socket.namespace));
        match self.connections.get(&key) {
            Some(tracked) => tracked.on_sample(sample, sink),
            None => {
                // What is told of connections that nobody sees is forgotten, before it is too much.
                if self.early_samples.len() >= MAX_EARLY_SAMPLES {
                    self.early_samples.clear();
                }
                self.early_samples.push((key, *sample));
            }
        }
    }

    /// What was told of a connection before its first packet.
    fn give_early_samples(&mut self, key: &Key, sink: &mut impl Sink) {
        if let Some(tracked) = self.connections.get(key) {
            for (_, sample) in self.early_samples.extract_if(.., |(of, _)| of == key) {
                tracked.on_sample(&sample, sink);
            }
        }
    }

    fn on_loss(&mut self, loss: &Loss, sink: &mut impl Sink) {
        let total = match loss.cause {
            LossCause::KernelEvents => &mut self.summary.events_lost,
            LossCause::TruncatedFile => &mut self.summary.truncated_files,
            _ => &mut self.summary.packets_dropped,
        };
        *total = total.saturating_add(loss.count);
        sink.loss(loss);
    }

    fn hand_out(&mut self, key: &Key, sink: &mut impl Sink) {
        if let Some(tracked) = self.connections.remove(key) {
            let connection = tracked.finish(&self.config, sink);
            sink.connection(connection);
        }
    }

    /// Keeps the queue of the idle as short as the number of connections asks for, at little cost for each of them.
    fn forget_gone(&mut self) {
        if self.idle.len() > 2 * self.connections.len() + 1024 {
            let connections = &self.connections;
            self.idle.retain(|waiting| {
                connections.get(&waiting.key).is_some_and(|tracked| tracked.connection.id == waiting.id)
            });
        }
    }

    /// Gives up the connection that was silent for longest.
    fn evict(&mut self, sink: &mut impl Sink) {
        while let Some(waiting) = self.idle.pop_front() {
            let Some(tracked) = self.connections.get(&waiting.key).filter(|t| t.connection.id == waiting.id)
            else {
                continue;
            };
            let last_ns = tracked.connection.end_ns;
            if last_ns > waiting.at_ns {
                self.idle.push_back(Waiting { at_ns: last_ns, ..waiting });
            } else {
                self.summary.evicted += 1;
                self.hand_out(&waiting.key, sink);
                return;
            }
        }
    }
}

pub(crate) fn side_of(connection: &Connection, source: SocketAddr) -> Side {
    if connection.client.address == source { Side::Client } else { Side::Server }
}

/// Whether the segment belongs to a new connection between the same ports: a SYN with another initial sequence number,
/// unless its sender is told to be in the midst of the old connection; or a SYN-ACK with another one once the old
/// connection is over.
fn begins_anew(tracked: &Tracked, source: SocketAddr, segment: &Segment<'_>) -> bool {
    let flags = segment.header.flags;
    if !flags.syn() {
        return false;
    }
    let side = side_of(&tracked.connection, source);
    let is_another = tracked.half(side).began_elsewhere(segment.header.seq);
    let is_stray = || {
        let told = tracked.told_state(side);
        told.is_some_and(|state| state.is_synchronized() && state != State::TimeWait)
    };
    is_another && if flags.ack() { tracked.is_over_for_both() } else { !is_stray() }
}
