//! From Linux's events to the states of RFC 9293.
//!
//! What Linux tells is not what the RFC means, in these ways:
//! * TIME-WAIT: the socket goes to CLOSED and a small time-wait socket takes over. That one may itself still be in
//!   FIN-WAIT-2, when its process has closed; then a FIN that is heard there begins TIME-WAIT.
//! * SYN-RECEIVED lives in a request socket. The connection inherits its cookie.
//! * SYN-SENT begins before the local port is known: it is told when the port is, which is when the SYN leaves.
//! * Most changes happen while the processor was doing something else: the process of an event is only taken where it
//!   held the socket. All other changes get the owner that was known last, the process that listens at first.
//!
//! Events of different processors arrive a little out of order, and what explains a change often comes right after it:
//! so events are held back for a moment ([`TrackerOptions::hold_back_ns`]), sorted, and facts taken in as they arrive.
//!
//! There is no clock here: [`Tracker::poll`] is told the time.

mod entry;
mod report;
mod small;
mod sockets;
mod transitions;

use std::collections::VecDeque;

use entry::{Ends, Entry, Facts, Place};
use hashbrown::{HashMap, HashSet, hash_map::Entry as Slot};
pub use report::{Change, Existing, Report, Why};
use small::SmallSockets;
use sockets::Sockets;
use synfin_wire::{Owner, Process, SocketId, State};
use transitions::Evidence;

use crate::{
    Processes, Snapshot, SocketTimer,
    event::{Changed, Event, Subject},
};

/// How to track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrackerOptions {
    /// For so many nanoseconds an event waits for those that belong before it, or explain it. Longer than a ring buffer
    /// takes to be read ([`EventOptions::LATENCY`](crate::EventOptions)).
    pub hold_back_ns: u64,
    /// At most so many sockets are known at a time; beyond, those that are longest in TIME-WAIT are forgotten.
    pub max_sockets: usize,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self { hold_back_ns: 50_000_000, max_sockets: 1 << 20 }
    }
}

/// Events wait at most until there are so many.
const MAX_PENDING: usize = 1 << 17;

/// How long Linux keeps TIME-WAIT (`TCP_TIMEWAIT_LEN`), and by default FIN-WAIT-2 without a process.
const TIME_WAIT_NS: u64 = 60_000_000_000;

/// A timer that long may be late by an eighth, since distant timers are kept in coarse slots (kernel/time/timer.c).
const TIMER_LATENESS_NS: u64 = TIME_WAIT_NS / 8;

/// How long a SYN-ACK is repeated by default (`tcp_synack_retries` 5: after 1, 3, 7, 15, 31, given up after 63 s), doubled.
const REQUEST_NS: u64 = 126_000_000_000;

/// So many connections at most wait to be asked about by [`Tracker::take_unused`]; of more, the listener's process is
/// said to be the owner.
const MAX_OPENED: usize = 1 << 16;

/// Below this length no queue is worth sweeping.
const MIN_SWEEP: usize = 1 << 10;

/// Follows all sockets from their first state to their last.
#[derive(Debug)]
pub struct Tracker {
    options: TrackerOptions,
    /// Sorted by time.
    pending: VecDeque<Event>,
    ready: VecDeque<Report>,
    sockets: Sockets,
    /// Those of them that have an entry.
    len: usize,
    /// Sockets in TIME-WAIT and SYN-RECEIVED.
    small: SmallSockets,
    /// By namespace and port.
    listeners: HashMap<(u64, u16), Vec<SocketId>>,
    /// Deadlines in the order in which they were set, those of SYN-RECEIVED apart: each queue is sorted.
    time_wait_deadlines: VecDeque<(u64, SocketId)>,
    request_deadlines: VecDeque<(u64, SocketId)>,
    sweep_requests_at: usize,
    /// Opened from outside and used by nobody at that time: the listener's process stands for whoever accepts.
    opened: VecDeque<(u64, SocketId)>,
    forgotten: u64,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new(TrackerOptions::default())
    }
}

impl Tracker {
    /// Knows nothing.
    #[must_use]
    pub fn new(options: TrackerOptions) -> Self {
        Self {
            options,
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            sockets: Sockets::default(),
            len: 0,
            small: SmallSockets::default(),
            listeners: HashMap::new(),
            time_wait_deadlines: VecDeque::new(),
            request_deadlines: VecDeque::new(),
            sweep_requests_at: MIN_SWEEP,
            opened: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// Takes in an event.
    pub fn handle_event(&mut self, event: Event) {
        self.learn(&event);
        let at_ns = event.at_ns();
        // They are nearly sorted: the place is found after a step or two.
        let behind = self.pending.iter().rev().take_while(|other| other.at_ns() > at_ns).count();
        self.pending.insert(self.pending.len() - behind, event);
        if self.pending.len() > MAX_PENDING {
            self.process_first();
        }
    }

    /// Takes in the sockets of a namespace. For no gap and no double, [`Events`](crate::Events) were opened before the
    /// snapshot was taken, and all that they tell was handed over between that and this.
    ///
    /// After a loss of events another one mends what is known: what was missed is told as inferred.
    pub fn handle_snapshot(&mut self, snapshot: &Snapshot, processes: &Processes) {
        // What events tell of is known better from them: the first one names the state before.
        let told: HashSet<_> = self.pending.iter().filter_map(told_state_of).collect();
        for socket in &snapshot.sockets {
            let owner = processes.owner(socket.inode);
            let since_ns = match socket.timer {
                Some(SocketTimer::TimeWait(left)) if socket.state == State::TimeWait => {
                    let left_ns = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
                    TIME_WAIT_NS.checked_sub(left_ns).map(|passed| snapshot.ended_ns.saturating_sub(passed))
                }
                _ => None,
            };
            let subject = Subject {
                at_ns: snapshot.ended_ns,
                socket: socket.id,
                local: socket.local,
                remote: socket.remote,
            };
            let mut entry = Entry::new(&subject, socket.state, since_ns);
            entry.listed_owner = owner;
            entry.listed_ns = snapshot.ended_ns;
            entry.is_handed_over = matches!(socket.timer, Some(SocketTimer::TimeWait(_)));
            if told.contains(&socket.id) {
                self.listed_later(socket.id, entry);
                continue;
            }
            if let Some(known) = self.entry_mut(socket.id) {
                known.listed_owner = known.listed_owner.or(owner);
                self.tell_untold_syn(&subject);
                if self.entry(socket.id).is_some_and(|known| known.state != socket.state) {
                    self.infer(socket.id, socket.state, snapshot.ended_ns);
                }
                continue;
            }
            // Closed, and not yet given back by its process: no connection.
            if socket.state != State::Closed {
                self.insert(socket.id, entry.clone());
                if socket.state == State::SynReceived {
                    self.set_deadline(socket.id, snapshot.ended_ns, REQUEST_NS);
                }
                self.tell_existing(socket.id, &entry);
            }
        }
        let listed: HashSet<_> = snapshot.sockets.iter().map(|socket| socket.id).collect();
        let is_gone = |socket: &SocketId| {
            socket.namespace == snapshot.namespace && !listed.contains(socket) && !told.contains(socket)
        };
        let known = self.sockets.iter().filter(|(_, known)| known.entry.is_some());
        let gone: Vec<_> = known.map(|(socket, _)| socket).filter(is_gone).collect();
        for socket in gone {
            self.infer(socket, State::Closed, snapshot.ended_ns);
        }
    }

    /// What there is to say, now being `now_ns` (since the Unix epoch, UTC), until there is nothing more.
    pub fn poll(&mut self, now_ns: u64) -> Option<Report> {
        while self.ready.is_empty() {
            let is_due = |event: &Event| event.at_ns().saturating_add(self.options.hold_back_ns) <= now_ns;
            if self.pending.front().is_some_and(is_due) {
                self.process_first();
            } else if !self.give_up_overdue(now_ns) {
                break;
            }
        }
        self.ready.pop_front()
    }

    /// When [`poll`](Self::poll) will have something to do, in nanoseconds since the Unix epoch; 0: it has.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        if !self.ready.is_empty() {
            return Some(0);
        }
        let held = self.pending.front().map(|event| event.at_ns().saturating_add(self.options.hold_back_ns));
        let overdue = self.time_wait_deadlines.front().into_iter().chain(self.request_deadlines.front());
        held.into_iter().chain(overdue.map(|(deadline, _)| *deadline)).min()
    }

    /// All that is left, held back no longer: the source is closed.
    pub fn flush(&mut self) -> impl Iterator<Item = Report> {
        while !self.pending.is_empty() {
            self.process_first();
        }
        self.ready.drain(..)
    }

    /// How many sockets are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many sockets were forgotten, since there were more than [`TrackerOptions::max_sockets`].
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whose socket it is: the process that used it last, else the one that /proc named, else the listener's, also of one
    /// that is gone.
    #[must_use]
    pub fn owner(&self, socket: SocketId) -> Option<Process> {
        let known = self.sockets.get(socket)?;
        known
            .own_owner()
            .or_else(|| self.listener_owner(socket.namespace, known.entry.as_ref()?.local))
            .or_else(|| known.entry.as_ref()?.told_owner)
    }

    /// The socket in TIME-WAIT or SYN-RECEIVED with these addresses.
    fn small(&self, ends: &Ends) -> Option<(SocketId, &Entry)> {
        let socket = self.small.find(ends)?;
        let entry = self.entry(socket)?;
        (entry.place(socket) == Place::Small(*ends)).then_some((socket, entry))
    }

    fn entry(&self, socket: SocketId) -> Option<&Entry> {
        self.sockets.get(socket)?.entry.as_ref()
    }

    fn entry_mut(&mut self, socket: SocketId) -> Option<&mut Entry> {
        self.sockets.get_mut(socket)?.entry.as_mut()
    }

    /// The sockets that were opened from outside up to `until_ns` and that nobody has used: who accepts is not told of,
    /// and their listener's process is only likely to own them. Each is handed over once.
    pub fn take_unused(&mut self, until_ns: u64) -> Vec<SocketId> {
        let mut unused = Vec::new();
        while let Some((_, socket)) = self.opened.pop_front_if(|(at_ns, _)| *at_ns <= until_ns) {
            if self.is_unused(socket) {
                unused.push(socket);
            }
        }
        unused
    }

    /// Whether a socket is there and its owner is its listener's, for want of a better one.
    #[must_use]
    pub fn is_unused(&self, socket: SocketId) -> bool {
        self.sockets.get(socket).is_some_and(|known| known.entry.is_some() && known.own_owner().is_none())
    }

    /// Whether [`take_unused`](Self::take_unused) may have something some time.
    #[must_use]
    pub fn has_unused(&self) -> bool {
        !self.opened.is_empty()
    }

    /// Takes in whose an unused socket is, as /proc has it at this time.
    pub fn handle_owner(&mut self, socket: SocketId, process: Process, at_ns: u64) {
        if !self.is_unused(socket) {
            return;
        }
        let Some(entry) = self.entry_mut(socket) else { return };
        entry.listed_owner = Some(process);
        let (local, remote) = (entry.local, entry.remote);
        self.ready.push_back(Report::Owner(Owner { at_ns, socket, local, remote, process }));
    }

    /// Who listens at this address. Nobody, where several do (SO_REUSEPORT) and it is not known which of them it was.
    fn listener_owner(&self, namespace: u64, local: std::net::SocketAddr) -> Option<Process> {
        let listeners = self.listeners.get(&(namespace, local.port()))?;
        let ip = |id: &SocketId| self.entry(*id).map(|entry| entry.local.ip());
        let is_exact = |id: &SocketId| ip(id) == Some(local.ip());
        let is_any = |id: &SocketId| ip(id).is_some_and(|ip| ip.is_unspecified());
        let has_exact = listeners.iter().any(is_exact);
        let mut owners = listeners.iter().filter(|id| if has_exact { is_exact(id) } else { is_any(id) });
        let owner_of = |id: &SocketId| self.sockets.get(*id)?.own_owner();
        let owner = owner_of(owners.next()?)?;
        owners.all(|id| owner_of(id) == Some(owner)).then_some(owner)
    }

    /// What an event tells is true at once, also for what came before it and is held back.
    fn learn(&mut self, event: &Event) {
        let Some(subject) = event.subject() else { return };
        let (socket, at_ns) = (subject.socket, subject.at_ns);
        let mut facts = |change: &dyn Fn(&mut Facts)| {
            self.sockets.change(socket, |known| {
                known.facts.learned_ns = known.facts.learned_ns.max(at_ns);
                change(&mut known.facts);
            });
        };
        match event {
            Event::Connecting(_, task) | Event::Owner(_, task) => {
                facts(&|facts| facts.user = Some(task.process))
            }
            // Who closes need not be who used it: a child that has inherited it closes it for good when it executes
            // another program.
            Event::Changed(Changed { task: Some(task), .. }) => {
                facts(&|facts| facts.user = facts.user.or(Some(task.process)));
            }
            Event::ResetSent(reset) if socket.cookie != 0 => {
                facts(&|facts| facts.reset = Some((at_ns, Why::ResetSent(reset.reason))));
            }
            Event::ResetReceived(..) => facts(&|facts| facts.reset = Some((at_ns, Why::ResetReceived))),
            _ => {}
        }
    }

    fn process_first(&mut self) {
        let Some(event) = self.pending.pop_front() else { return };
        self.on_event(&event);
        // What was learned of a socket that is not known, or no more, is of no use.
        if let Some(subject) = event.subject()
            && self.sockets.get(subject.socket).is_some_and(|known| known.entry.is_none())
        {
            self.forget(subject.socket, subject.at_ns);
        }
    }

    /// Forgets what was learned up to then of a socket that is not known, or no more. What came later is of its next
    /// connection, since one socket may connect again and again, and is forgotten when that event's turn comes, unless it
    /// is known by then.
    fn forget(&mut self, socket: SocketId, until_ns: u64) {
        if self.sockets.get(socket).is_some_and(|known| known.facts.learned_ns <= until_ns) {
            self.sockets.remove(socket);
        }
    }

    /// A socket that a snapshot lists and events tell of: what they do not tell is taken from the list.
    fn listed_later(&mut self, socket: SocketId, entry: Entry) {
        if let Some(owner) = entry.listed_owner {
            self.sockets.change(socket, |known| known.facts.user = known.facts.user.or(Some(owner)));
        }
    }

    fn insert(&mut self, socket: SocketId, entry: Entry) {
        let place = entry.place(socket);
        let is_time_wait = entry.is_handed_over || entry.state == State::TimeWait;
        let began_ns = entry.since_ns.unwrap_or(entry.listed_ns);
        match self.sockets.change(socket, |known| known.entry.replace(entry)) {
            Some(old) => self.unindex(socket, old.place(socket)),
            None => self.len += 1,
        }
        self.index(socket, place);
        if is_time_wait {
            self.set_deadline(socket, began_ns, TIME_WAIT_NS);
        }
        if self.len > self.options.max_sockets
            && let Some((_, oldest)) = self.time_wait_deadlines.pop_front()
        {
            self.remove(oldest, u64::MAX);
            self.forgotten = self.forgotten.saturating_add(1);
        }
    }

    /// It ended then.
    fn remove(&mut self, socket: SocketId, at_ns: u64) {
        let entry = self.sockets.get_mut(socket).and_then(|known| known.entry.take());
        self.forget(socket, at_ns);
        if let Some(entry) = entry {
            self.len -= 1;
            self.unindex(socket, entry.place(socket));
        }
    }

    /// Changes what is known of a socket, and by what it is found.
    fn update(&mut self, socket: SocketId, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entry_mut(socket) else { return };
        let before = entry.place(socket);
        change(entry);
        let after = entry.place(socket);
        self.found_elsewhere(socket, before, after);
    }

    fn found_elsewhere(&mut self, socket: SocketId, before: Place, after: Place) {
        if before != after {
            self.unindex(socket, before);
            self.index(socket, after);
        }
    }

    fn index(&mut self, socket: SocketId, place: Place) {
        match place {
            Place::Small(ends) => self.small.insert(&ends, socket),
            Place::Listener(port) => self.listeners.entry((socket.namespace, port)).or_default().push(socket),
            Place::None => {}
        }
    }

    fn unindex(&mut self, socket: SocketId, place: Place) {
        match place {
            Place::Small(ends) => self.small.remove(&ends, socket),
            Place::Listener(port) => {
                if let Slot::Occupied(mut listeners) = self.listeners.entry((socket.namespace, port)) {
                    listeners.get_mut().retain(|other| *other != socket);
                    if listeners.get().is_empty() {
                        listeners.remove();
                    }
                }
            }
            Place::None => {}
        }
    }

    /// From then on it is over after `length_ns`, unless something is heard of it.
    fn set_deadline(&mut self, socket: SocketId, from_ns: u64, length_ns: u64) {
        let Some(entry) = self.entry_mut(socket) else { return };
        let deadline = from_ns.saturating_add(length_ns).saturating_add(TIMER_LATENESS_NS);
        let is_queued = entry.deadline_ns.replace(deadline).is_some();
        // One that is queued is looked at again when it comes up.
        if is_queued {
            return;
        }
        if length_ns != REQUEST_NS {
            self.time_wait_deadlines.push_back((deadline, socket));
            return;
        }
        self.request_deadlines.push_back((deadline, socket));
        // Almost all of them end long before: those are swept out whenever they may be half of the queue.
        if self.request_deadlines.len() > self.sweep_requests_at {
            let is_waiting = |entry: &Entry| entry.state == State::SynReceived && entry.deadline_ns.is_some();
            let sockets = &self.sockets;
            self.request_deadlines.retain(|(_, socket)| {
                sockets.get(*socket).and_then(|known| known.entry.as_ref()).is_some_and(is_waiting)
            });
            self.sweep_requests_at = MIN_SWEEP.max(self.request_deadlines.len().saturating_mul(2));
        }
    }

    /// Ends one whose time is over without a word from the kernel. Whether there was anything to look at.
    fn give_up_overdue(&mut self, now_ns: u64) -> bool {
        for is_request in [false, true] {
            let queue = if is_request { &mut self.request_deadlines } else { &mut self.time_wait_deadlines };
            let Some(&(queued, socket)) = queue.front() else { continue };
            if queued > now_ns {
                continue;
            }
            queue.pop_front();
            let entry = self.sockets.get(socket).and_then(|known| known.entry.as_ref());
            match entry.map(|entry| (entry.deadline_ns, entry.is_small())) {
                Some((Some(deadline), _)) if deadline > now_ns => queue.push_back((deadline, socket)),
                Some((Some(deadline), true)) => {
                    let at_ns = deadline.saturating_sub(TIMER_LATENESS_NS);
                    self.end(socket, at_ns, State::Closed, Evidence::Inferred, Some(Why::Expired));
                }
                _ => {}
            }
            return true;
        }
        false
    }
}

/// The socket whose state an event tells.
fn told_state_of(event: &Event) -> Option<SocketId> {
    match event {
        Event::Changed(Changed { subject, .. })
        | Event::Connecting(subject, _)
        | Event::RequestCreated(subject)
        | Event::RequestExpired(subject)
        | Event::TimeWaitExpired(subject, _) => Some(subject.socket),
        Event::TimeWaitSegment(segment) => Some(segment.subject.socket),
        Event::Owner(..)
        | Event::Retransmit(_)
        | Event::ResetSent(_)
        | Event::ResetReceived(..)
        | Event::Dropped(_)
        | Event::Forked { .. }
        | Event::Lost(_) => None,
    }
}

#[cfg(test)]
mod tests;
