//! What each event means (RFC 9293 section 3.3.2), rule by rule.

use synfin_wire::{Owner, SocketId, Source, State, StateChange, tcp::Flags};

use super::{
    Change, Existing, MAX_OPENED, REQUEST_NS, Report, TIME_WAIT_NS, Tracker, Why,
    entry::{Ends, Entry},
};
use crate::event::{Changed, Counters, Dropped, Event, Subject, Task, TimeWaitSegment};

/// A reset explains a change that is no further from it than this: they happen in one go.
const SAME_MOMENT_NS: u64 = 1_000_000;

/// How sure something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Evidence {
    /// The kernel told of this very change.
    Observed,
    /// It follows from what the kernel told, or its time does.
    Inferred,
}

/// One step, with all that is told of it.
struct Step {
    at_ns: u64,
    /// Where the kernel tells: it knows better, after a loss.
    from: Option<State>,
    to: State,
    evidence: Evidence,
    why: Option<Why>,
    counters: Option<Counters>,
}

impl Step {
    fn new(at_ns: u64, to: State, evidence: Evidence) -> Self {
        Self { at_ns, from: None, to, evidence, why: None, counters: None }
    }
}

impl Tracker {
    pub(super) fn on_event(&mut self, event: &Event) {
        match event {
            Event::Changed(changed) => self.on_changed(changed),
            Event::Connecting(subject, _) => self.on_connecting(subject),
            Event::RequestCreated(subject) => self.on_request_created(subject),
            Event::RequestExpired(subject) => {
                self.know(subject, State::SynReceived);
                self.end(
                    subject.socket,
                    subject.at_ns,
                    State::Closed,
                    Evidence::Observed,
                    Some(Why::Expired),
                );
            }
            Event::Owner(subject, task) => self.on_owner(subject, task),
            Event::TimeWaitSegment(segment) => self.on_time_wait_segment(segment),
            Event::TimeWaitExpired(subject, state) => {
                self.know(subject, *state);
                self.end(
                    subject.socket,
                    subject.at_ns,
                    State::Closed,
                    Evidence::Observed,
                    Some(Why::Expired),
                );
            }
            Event::Dropped(dropped) => self.on_dropped(dropped),
            Event::ResetSent(reset) => {
                self.on_reset_sent(&reset.subject, Why::ResetSent(reset.reason));
                self.ready.push_back(Report::Event(*event));
            }
            Event::Retransmit(retransmit) => {
                self.tell_untold_syn(&retransmit.subject);
                self.ready.push_back(Report::Event(*event));
            }
            Event::ResetReceived(..) | Event::Forked { .. } | Event::Lost(_) => {
                self.ready.push_back(Report::Event(*event))
            }
        }
    }

    /// A full socket changed its state.
    fn on_changed(&mut self, changed: &Changed) {
        let &Changed { ref subject, from, to, error, .. } = changed;
        let socket = subject.socket;
        // Closing after a shutdown sets the state once more.
        if from == to {
            return;
        }
        let known = self.entry(socket);
        if known.is_some_and(|entry| subject.at_ns <= entry.listed_ns && entry.state == to) {
            // The snapshot has seen it already.
            return;
        }
        let is_known = known.is_some();
        // Mostly there is nothing new but the state.
        let is_as_known = known.is_some_and(|entry| entry.untold_syn_ns.is_none() && entry.is_at(subject));
        match (from, to) {
            (State::Closed, State::SynSent) => {
                self.remove_small_of_others(subject);
                let mut entry = Entry::new(subject, State::Closed, None);
                if subject.local.port() == 0 {
                    entry.untold_syn_ns = Some(subject.at_ns);
                    self.insert(socket, entry);
                    return;
                }
                self.insert(socket, entry);
            }
            (State::Closed, _) => self.insert(socket, Entry::new(subject, State::Closed, None)),
            (State::SynSent, State::Closed) if !is_known => {
                // No port was to be had: it ended before its SYN, with which its beginning would have been told.
                self.insert(socket, Entry::new(subject, State::Closed, None));
                self.infer(socket, State::SynSent, subject.at_ns);
            }
            (State::SynReceived, _) if !is_known => {
                // Its request socket was not seen. By the kernel's own measure it was there for so long.
                let began_ns = subject.at_ns.saturating_sub(changed.handshake_ns.unwrap_or_default());
                self.begin_request(subject, began_ns, Evidence::Inferred);
            }
            _ => {}
        }
        if !is_as_known {
            self.tell_untold_syn(subject);
            self.know(subject, from);
            if subject.local.port() != 0 {
                self.update(socket, |entry| (entry.local, entry.remote) = (subject.local, subject.remote));
            }
        }
        let error = (error != 0).then_some(Why::Error(error));
        let mut step = Step {
            from: Some(from),
            why: if to == State::Closed { self.reset_at(subject).or(error) } else { None },
            counters: changed.counters,
            ..Step::new(subject.at_ns, to, Evidence::Observed)
        };
        if to == State::Closed && step.why.is_none() {
            match from {
                // Neither TIME-WAIT nor a FIN-WAIT-2 without a process: nobody will answer for this connection.
                State::Closing | State::FinWait2 if changed.is_time_wait_full => {
                    step.why = Some(Why::NoRoom);
                    step.evidence = Evidence::Inferred;
                }
                // A FIN came: a time-wait socket takes over, in TIME-WAIT.
                State::Closing => step.to = State::TimeWait,
                State::FinWait2 if changed.is_fin_received => step.to = State::TimeWait,
                // No FIN yet, but no process either: a time-wait socket takes over, still in FIN-WAIT-2.
                State::FinWait2 => {
                    self.hand_over(socket, subject.at_ns, changed.counters);
                    return;
                }
                _ => {}
            }
        }
        self.step(socket, step);
    }

    /// The reset that explains what happens now.
    fn reset_at(&self, subject: &Subject) -> Option<Why> {
        let (at_ns, why) = self.sockets.get(subject.socket)?.facts.reset?;
        (at_ns.abs_diff(subject.at_ns) < SAME_MOMENT_NS).then_some(why)
    }

    fn hand_over(&mut self, socket: SocketId, at_ns: u64, counters: Option<Counters>) {
        self.update(socket, |entry| {
            entry.is_handed_over = true;
            entry.counters = counters.map(Box::new).or(entry.counters.take());
        });
        self.set_deadline(socket, at_ns, TIME_WAIT_NS);
    }

    /// The port is chosen: now the beginning can be told.
    fn on_connecting(&mut self, subject: &Subject) {
        self.remove_small_of_others(subject);
        if self.entry(subject.socket).is_none() {
            let mut entry = Entry::new(subject, State::Closed, None);
            entry.untold_syn_ns = Some(subject.at_ns);
            self.insert(subject.socket, entry);
        }
        self.tell_untold_syn(subject);
    }

    pub(super) fn tell_untold_syn(&mut self, subject: &Subject) {
        let Some(entry) = self.entry_mut(subject.socket) else { return };
        let Some(at_ns) = entry.untold_syn_ns.take() else { return };
        self.update(subject.socket, |entry| (entry.local, entry.remote) = (subject.local, subject.remote));
        self.step(subject.socket, Step::new(at_ns, State::SynSent, Evidence::Observed));
    }

    fn on_request_created(&mut self, subject: &Subject) {
        self.remove_small_of_others(subject);
        self.begin_request(subject, subject.at_ns, Evidence::Observed);
    }

    fn begin_request(&mut self, subject: &Subject, at_ns: u64, evidence: Evidence) {
        self.insert(subject.socket, Entry::new(subject, State::SynReceived, None));
        self.set_deadline(subject.socket, at_ns, REQUEST_NS);
        // It comes from the listener's state, though it is not the listener.
        let from = Some(State::Listen);
        self.step(subject.socket, Step { from, ..Step::new(at_ns, State::SynReceived, evidence) });
    }

    fn on_owner(&mut self, subject: &Subject, task: &Task) {
        // One that has ended before, or was never told of, is not told of now.
        if self.entry(subject.socket).is_none() {
            return;
        }
        self.ready.push_back(Report::Owner(Owner {
            at_ns: subject.at_ns,
            socket: subject.socket,
            local: subject.local,
            remote: subject.remote,
            process: task.process,
        }));
    }

    /// A segment was heard by a time-wait socket, which is in this state now.
    fn on_time_wait_segment(&mut self, segment: &TimeWaitSegment) {
        let TimeWaitSegment { subject, state, is_destroyed, flags } = *segment;
        let socket = subject.socket;
        self.know(&subject, state);
        self.update(socket, |entry| entry.is_handed_over = true);
        let is_begun = self.entry(socket).is_some_and(|entry| entry.state == State::FinWait2);
        if is_begun && state == State::TimeWait {
            self.step(socket, Step::new(subject.at_ns, State::TimeWait, Evidence::Observed));
        }
        if is_destroyed {
            let why =
                if flags.contains(Flags::RST) { Some(Why::ResetReceived) } else { self.reset_at(&subject) };
            self.end(socket, subject.at_ns, State::Closed, Evidence::Observed, why);
        } else {
            self.set_deadline(socket, subject.at_ns, TIME_WAIT_NS);
        }
    }

    /// A dropped packet may end SYN-RECEIVED, or begin TIME-WAIT on a kernel that does not tell who heard it.
    fn on_dropped(&mut self, dropped: &Dropped) {
        let Subject { at_ns, socket, local: source, remote: destination } = dropped.subject;
        let ends = Ends { namespace: socket.namespace, local: destination, remote: source };
        let found = self.small(&ends);
        match found {
            // One with a deadline is a request socket.
            Some((id, Entry { state: State::SynReceived, deadline_ns: Some(_), .. }))
                if dropped.flags.contains(Flags::RST) =>
            {
                let is_sure = dropped.reason.name == Some("TCP_RESET");
                let evidence = if is_sure { Evidence::Observed } else { Evidence::Inferred };
                self.end(id, at_ns, State::Listen, evidence, Some(Why::ResetReceived));
            }
            Some((id, Entry { state: State::FinWait2, .. }))
                if dropped.flags.contains(Flags::FIN) && socket.cookie == 0 =>
            {
                self.step(id, Step::new(at_ns, State::TimeWait, Evidence::Inferred));
                return;
            }
            _ => {}
        }
        self.ready.push_back(Report::Event(Event::Dropped(*dropped)));
    }

    /// A socket that seemed to live on as a time-wait socket was reset instead.
    fn on_reset_sent(&mut self, subject: &Subject, why: Why) {
        let is_handed_over = self
            .entry(subject.socket)
            .is_some_and(|entry| entry.is_handed_over && entry.state == State::FinWait2);
        if is_handed_over {
            self.end(subject.socket, subject.at_ns, State::Closed, Evidence::Observed, Some(why));
        }
    }

    /// Where new packets of these addresses reach another socket, the old one in TIME-WAIT is gone.
    fn remove_small_of_others(&mut self, subject: &Subject) {
        let Some((old, _)) = self.small(&Ends::of(subject)) else { return };
        if old != subject.socket {
            self.end(old, subject.at_ns, State::Closed, Evidence::Observed, Some(Why::Reused));
        }
    }

    /// A socket that nobody has told of before is told of first.
    fn know(&mut self, subject: &Subject, state: State) {
        if self.entry(subject.socket).is_none() {
            let mut entry = Entry::new(subject, state, None);
            entry.is_handed_over = state == State::TimeWait;
            entry.listed_ns = subject.at_ns;
            self.insert(subject.socket, entry.clone());
            self.tell_existing(subject.socket, &entry);
        }
    }

    pub(super) fn tell_existing(&mut self, socket: SocketId, entry: &Entry) {
        self.ready.push_back(Report::Existing(Existing {
            socket,
            local: entry.local,
            remote: entry.remote,
            state: entry.state,
            process: self.owner(socket),
            since_ns: entry.since_ns,
        }));
    }

    /// A change that was missed.
    pub(super) fn infer(&mut self, socket: SocketId, to: State, at_ns: u64) {
        self.step(socket, Step::new(at_ns, to, Evidence::Inferred));
    }

    /// The last change of a socket that no full socket stands for any more.
    pub(super) fn end(
        &mut self,
        socket: SocketId,
        at_ns: u64,
        to: State,
        evidence: Evidence,
        why: Option<Why>,
    ) {
        self.step(socket, Step { why, ..Step::new(at_ns, to, evidence) });
        self.remove(socket, at_ns);
    }

    /// Changes the state, and tells.
    fn step(&mut self, socket: SocketId, step: Step) {
        let Step { at_ns, from, to, evidence, why, counters } = step;
        let Some(known) = self.sockets.get_mut(socket) else { return };
        let own_owner = known.own_owner();
        let Some(entry) = known.entry.as_mut() else { return };
        let since_ns = entry.since_ns.filter(|_| from.is_none_or(|from| from == entry.state));
        let from = from.unwrap_or(entry.state);
        let is_last = matches!(to, State::Closed | State::TimeWait) && from != State::Listen;
        let counters =
            if is_last { counters.or(entry.counters.take().map(|counters| *counters)) } else { None };
        let (local, remote, told_owner) = (entry.local, entry.remote, entry.told_owner);
        let before = entry.place(socket);
        entry.state = to;
        entry.since_ns = Some(at_ns);
        entry.is_handed_over |= to == State::TimeWait;
        if from == State::SynReceived {
            entry.deadline_ns = None;
        }
        let after = entry.place(socket);
        // A listener that ends is among those that listen until it is told.
        let process = own_owner.or_else(|| self.listener_owner(socket.namespace, local)).or(told_owner);
        if own_owner.is_none()
            && process != told_owner
            && let Some(entry) = self.entry_mut(socket)
        {
            entry.told_owner = process;
        }
        if own_owner.is_none() && to == State::Established && self.opened.len() < MAX_OPENED {
            self.opened.push_back((at_ns, socket));
        }
        self.ready.push_back(Report::Change(Change {
            change: StateChange {
                at_ns,
                socket,
                local,
                remote,
                from,
                to,
                source: Source::Kernel,
                is_inferred: evidence == Evidence::Inferred,
                process,
            },
            in_state_ns: since_ns.map(|since| at_ns.saturating_sub(since)),
            why,
            counters,
        }));
        self.found_elsewhere(socket, before, after);
        if to == State::Closed {
            self.remove(socket, at_ns);
        }
        if to == State::TimeWait {
            self.set_deadline(socket, at_ns, TIME_WAIT_NS);
        }
    }
}
