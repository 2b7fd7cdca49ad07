//! States that somebody who knows has told: the kernel, or a TCP of our own.
//!
//! Told states take the place of inferred ones, for the end that they were told of. What inference leaves to them is the
//! packet that each of them belongs to. A state can be told before the first packet of its connection passes, so that
//! those of unknown connections wait for a while.
//!
//! They also say whether a connection is over. Packets can look like it long before, when the last of them are lost: a
//! connection lasts for as long as one of its ends is told to have it open.

use std::collections::VecDeque;

use hashbrown::HashMap;
use synfin_wire::tcp::Flags;
use synfin_wire::{Side, SocketId, State, StateChange};

use crate::key::Key;
use crate::{Connection, Mark, Packet, StateEntry};

/// How long a state waits for a packet of its connection, in nanoseconds. A SYN passes within microseconds of it; a
/// capture hands it over within milliseconds.
const MAX_WAIT_NS: u64 = 10_000_000_000;

/// States that wait at most; connections that the capture's filter leaves out bring them too.
const MAX_WAITING: usize = 65_536;

/// Who is told of.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Telling {
    /// No end, so far.
    #[default]
    Nobody,
    /// Some ends: of an end of which nothing is told, nothing is known.
    SomeEnds,
    /// All ends: one of which nothing is told has stayed where it was.
    AllEnds,
}

/// The told states of a connection.
#[derive(Clone, Default, Debug)]
pub(crate) struct Observed {
    client: Vec<StateEntry>,
    server: Vec<StateEntry>,
    is_complete: bool,
}

impl Observed {
    /// Nothing told yet.
    pub(crate) fn new(telling: Telling) -> Self {
        Self { is_complete: telling == Telling::AllEnds, ..Self::default() }
    }

    /// Whether told states are all that there is to say of this end.
    pub(crate) fn covers(&self, side: Side) -> bool {
        self.is_complete || !self.entries(side).is_empty()
    }

    /// The state that this end was last told to be in.
    pub(crate) fn state(&self, side: Side) -> Option<State> {
        self.entries(side).last().map(|entry| entry.state)
    }

    /// Whether an end was told to have the connection still open. In TIME-WAIT nothing happens any more that lasts longer
    /// than a connection lingers.
    pub(crate) fn is_open(&self) -> bool {
        let is_open = |state| !matches!(state, State::Closed | State::Listen | State::TimeWait);
        Side::BOTH.into_iter().filter_map(|side| self.state(side)).any(is_open)
    }

    /// Whether a change of this end can belong to this connection rather than to the next one between the same ports;
    /// `is_over` says whether it is over by its packets.
    pub(crate) fn takes(&self, side: Side, change: &StateChange, is_over: bool) -> bool {
        if !begins(change) {
            return true;
        }
        let is_passive = change.to == State::SynReceived;
        match self.state(side) {
            // Whoever accepts has got the SYN of this connection, which passed before; with a SYN cookie, possibly after
            // a RST that was sent behind the ACK that brings the cookie back.
            None => is_passive || !is_over,
            // It had given up, and another SYN of a client that has not came late.
            Some(State::Closed) if is_passive => match self.state(side.other()) {
                Some(_) => self.is_open(),
                None => !is_over,
            },
            Some(State::Closed) => false,
            Some(_) => !is_over,
        }
    }

    /// Takes a change in and gives the entry before it and its own.
    pub(crate) fn on_change(&mut self, side: Side, change: &StateChange) -> (StateEntry, StateEntry) {
        let entries = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let StateChange { at_ns, source, is_inferred, .. } = *change;
        let entry = |state| StateEntry { state, at_ns, source, is_inferred, packet: None };
        if entries.is_empty() {
            entries.push(entry(change.from));
        }
        let previous = entries.last().copied().unwrap_or(entry(change.from));
        entries.push(entry(change.to));
        (previous, entry(change.to))
    }

    /// Puts the told states in the place of the inferred ones, each beside the packet that the inferred one stood by; or,
    /// where that is known not to have arrived, by the one that did in its place.
    pub(crate) fn settle(mut self, connection: &mut Connection) {
        for (side, told) in [(Side::Client, &mut self.client), (Side::Server, &mut self.server)] {
            if told.is_empty() {
                if self.is_complete {
                    stay(&mut connection.endpoint_mut(side).states);
                }
                continue;
            }
            let mut rest = connection.endpoint(side).states.as_slice();
            let syn_ack = rest.iter().find(|inferred| inferred.state == State::SynReceived).copied();
            for entry in told.iter_mut() {
                if let Some(index) = rest.iter().position(|inferred| inferred.state == entry.state) {
                    let packet = rest.get(index).and_then(|inferred| inferred.packet);
                    entry.packet = packet.and_then(|n| arrived(connection, side, n, entry.at_ns));
                    rest = rest.get(index + 1..).unwrap_or_default();
                }
            }
            if let [listen, received, established, ..] = told.as_mut_slice()
                && is_cookie([listen, received, established])
                && syn_ack.is_some_and(|syn_ack| syn_ack.at_ns < received.at_ns)
            {
                received.packet = established.packet;
            }
            connection.endpoint_mut(side).states = std::mem::take(told);
        }
    }

    fn entries(&self, side: Side) -> &[StateEntry] {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// Whether the first states of an end are those of a listener that takes a SYN cookie back: its SYN-ACK was sent from
/// LISTEN, and the ACK brought it through SYN-RECEIVED in one instant.
fn is_cookie([listen, received, established]: [&StateEntry; 3]) -> bool {
    (listen.state, received.state, established.state)
        == (State::Listen, State::SynReceived, State::Established)
        && received.at_ns == established.at_ns
        && !received.is_inferred
}

/// The states of an end that went nowhere: a listener that answers with SYN cookies, or an end that answers what is left
/// of a connection before.
fn stay(states: &mut Vec<StateEntry>) {
    states.truncate(1);
    if let Some(entry) = states.first_mut().filter(|entry| entry.state != State::Listen) {
        entry.state = State::Closed;
    }
}

/// The packet of this number, if it may have changed the state of this end at this time; where it was lost on its way
/// there, the next one that says the same.
fn arrived(connection: &Connection, side: Side, n: u64, at_ns: u64) -> Option<u64> {
    let is_missing = |packet: &Packet| {
        packet.from != side && (packet.marks.contains(Mark::Lost) || packet.marks.contains(Mark::Corrupted))
    };
    let mut from_here = connection.packets.iter().skip_while(|packet| packet.n != n);
    let Some(first) = from_here.next().filter(|packet| is_missing(packet)) else { return Some(n) };
    let said = [Flags::SYN, Flags::FIN, Flags::RST].into_iter().filter(|flag| first.flags.contains(*flag));
    let said = said.fold(Flags::NONE, |all, flag| all | flag);
    from_here
        .take_while(|packet| packet.at_ns <= at_ns)
        .find(|packet| packet.from == first.from && !is_missing(packet) && packet.flags.contains(said))
        .map(|packet| packet.n)
}

/// Changes that were told before their connection was seen.
#[derive(Default, Debug)]
pub(crate) struct Early {
    changes: HashMap<Key, Vec<StateChange>>,
    /// In the order in which they were told.
    order: VecDeque<(u64, Key)>,
}

impl Early {
    pub(crate) fn push(&mut self, key: Key, change: StateChange) {
        while let Some(&(at_ns, oldest)) = self.order.front()
            && (self.order.len() >= MAX_WAITING || at_ns.saturating_add(MAX_WAIT_NS) < change.at_ns)
        {
            self.order.pop_front();
            if let Some(changes) = self.changes.get_mut(&oldest) {
                changes.retain(|change| change.at_ns > at_ns);
                if changes.is_empty() {
                    self.changes.remove(&oldest);
                }
            }
        }
        self.order.push_back((change.at_ns, key));
        self.changes.entry(key).or_default().push(change);
    }

    /// Whether a change of this socket waits.
    pub(crate) fn has(&self, key: &Key, socket: SocketId) -> bool {
        self.changes.get(key).is_some_and(|changes| changes.iter().any(|change| change.socket == socket))
    }

    /// What was told of a connection that is seen now for the first time.
    pub(crate) fn take(&mut self, key: &Key) -> Vec<StateChange> {
        let mut changes = self.changes.remove(key).unwrap_or_default();
        // What was told of an end before it began belongs to a connection before, which is forgotten: the end of its
        // TIME-WAIT, say.
        let mut begun = Vec::new();
        let mut index = changes.len();
        while let Some(before) = index.checked_sub(1) {
            index = before;
            let Some(change) = changes.get(index) else { break };
            if begun.contains(&change.local) {
                changes.remove(index);
            } else if begins(change) {
                begun.push(change.local);
            }
        }
        changes
    }
}

/// Whether a change begins a connection, so that it cannot belong to one that has begun already.
fn begins(change: &StateChange) -> bool {
    matches!(
        (change.from, change.to),
        (State::Closed, State::SynSent | State::SynReceived) | (State::Listen, State::SynReceived)
    )
}
