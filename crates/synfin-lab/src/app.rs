//! An application: does what its script says, as far as its TCP lets it.

use core::net::SocketAddr;
use std::collections::VecDeque;

use synfin_tcp::{ConnectionError, ConnectionId, Endpoint, Instant, ListenerId, ReadOutcome};
use synfin_wire::{Side, State};

use crate::recorder::Recorder;
use crate::scenario::HostConfig;
use crate::script::Action;
use crate::simulation::AppReport;
use crate::stream::Stream;

/// Octets that are written at once.
const CHUNK: u64 = 64 << 10;

/// Times a second that an application reads which reads at a rate.
const READS_PER_SECOND: u64 = 100;

const NS_PER_S: u64 = 1_000_000_000;

/// An application and where it stands.
#[derive(Debug)]
pub(crate) struct App {
    side: Side,
    local: SocketAddr,
    remote: SocketAddr,
    actions: VecDeque<Action>,
    /// Octets a second that it reads at most.
    reads: Option<u64>,
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    /// Which connection between the two, from 1.
    ordinal: u64,
    /// Octets of the action at hand that are done.
    done: u64,
    /// Octets of this connection, each way.
    written: u64,
    read: u64,
    /// When it wakes up, in nanoseconds since the start.
    wakes_at_ns: Option<u64>,
    may_read_at_ns: u64,
    report: AppReport,
}

/// What the application is told when it is its turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// Nanoseconds since the start.
    pub(crate) since_start_ns: u64,
    pub(crate) now: Instant,
    /// How many connections the client has begun.
    pub(crate) connections: u64,
}

/// Whether to go on with the next action.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Blocked,
}

impl App {
    pub(crate) fn new(
        side: Side,
        config: &HostConfig,
        local: SocketAddr,
        remote: SocketAddr,
        listener: Option<ListenerId>,
    ) -> Self {
        let mut actions: VecDeque<_> = config.does.iter().copied().collect();
        let is_begin = |action: &Action| matches!(action, Action::Connect | Action::Accept);
        if !actions.iter().any(is_begin) {
            actions.push_front(if side == Side::Client { Action::Connect } else { Action::Accept });
        }
        Self {
            side,
            local,
            remote,
            actions,
            reads: config.reads.filter(|rate| *rate > 0),
            listener,
            connection: None,
            ordinal: 0,
            done: 0,
            written: 0,
            read: 0,
            wakes_at_ns: None,
            may_read_at_ns: 0,
            report: AppReport::default(),
        }
    }

    pub(crate) fn wakes_at_ns(&self) -> Option<u64> {
        self.wakes_at_ns
    }

    /// How many connections it has begun or accepted.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    pub(crate) fn report(&self) -> AppReport {
        AppReport { unfinished: self.actions.front().copied(), ..self.report.clone() }
    }

    pub(crate) fn on_error(&mut self, error: ConnectionError) {
        self.report.error = Some(error);
    }

    /// Does what can be done now. At the end it lets go of everything, as a program that exits.
    pub(crate) fn handle_turn(&mut self, turn: Turn, endpoint: &mut Endpoint<Recorder>) {
        while let Some(&action) = self.actions.front() {
            if self.act(action, turn, endpoint) == Next::Blocked {
                return;
            }
            self.actions.pop_front();
            (self.done, self.wakes_at_ns) = (0, None);
        }
        self.release(turn, endpoint);
        if let Some(listener) = self.listener.take() {
            endpoint.close_listener(turn.now, listener);
        }
    }

    fn act(&mut self, action: Action, turn: Turn, endpoint: &mut Endpoint<Recorder>) -> Next {
        match action {
            Action::Connect => self.connect(turn, endpoint),
            Action::Accept => self.accept(turn, endpoint),
            Action::Wait(time) => {
                let begin = turn.since_start_ns.saturating_add(crate::link::nanos(time));
                self.sleep(turn, self.wakes_at_ns.unwrap_or(begin))
            }
            Action::Until(time) => self.sleep(turn, crate::link::nanos(time)),
            Action::Send(bytes) => self.send(bytes, endpoint),
            Action::Exchange(bytes) => {
                let next = self.send(bytes, endpoint);
                // What is read here is not counted as part of the action: `done` is what was written.
                self.read_up_to(u64::MAX, turn, endpoint);
                next
            }
            Action::Receive(bytes) => self.receive(bytes, turn, endpoint),
            Action::ReceiveAll => self.receive(u64::MAX, turn, endpoint),
            Action::Shutdown => {
                if let Some(connection) = self.connection.and_then(|id| endpoint.connection_mut(id)) {
                    // What is over already needs no closing.
                    let _over = connection.shutdown(turn.now);
                }
                Next::GoOn
            }
            Action::Close | Action::Abort => {
                if let Some(id) = self.connection.take() {
                    if action == Action::Abort
                        && let Some(connection) = endpoint.connection_mut(id)
                    {
                        connection.abort(turn.now);
                    }
                    endpoint.close(turn.now, id);
                }
                Next::GoOn
            }
        }
    }

    fn begin(&mut self, id: ConnectionId, ordinal: u64) {
        self.connection = Some(id);
        (self.ordinal, self.written, self.read) = (ordinal, 0, 0);
    }

    fn connect(&mut self, turn: Turn, endpoint: &mut Endpoint<Recorder>) -> Next {
        let Some(id) = self.connection.filter(|_| self.done > 0) else {
            self.release(turn, endpoint);
            self.done = 1;
            return match endpoint.connect(turn.now, self.local, self.remote, None) {
                Ok(id) => {
                    let ordinal = if self.side == Side::Client { self.ordinal + 1 } else { turn.connections };
                    self.begin(id, ordinal);
                    Next::Blocked
                }
                Err(error) => {
                    self.report.refused = Some(error);
                    Next::GoOn
                }
            };
        };
        match endpoint.connection(id).map_or(State::Closed, |connection| connection.state()) {
            State::SynSent | State::SynReceived | State::Listen => Next::Blocked,
            _ => Next::GoOn,
        }
    }

    fn accept(&mut self, turn: Turn, endpoint: &mut Endpoint<Recorder>) -> Next {
        let Some(id) = self.listener.and_then(|listener| endpoint.accept(listener)) else {
            return Next::Blocked;
        };
        self.release(turn, endpoint);
        self.begin(id, turn.connections);
        Next::GoOn
    }

    /// Lets go of the connection before the next one.
    fn release(&mut self, turn: Turn, endpoint: &mut Endpoint<Recorder>) {
        if let Some(id) = self.connection.take() {
            endpoint.close(turn.now, id);
        }
    }

    fn sleep(&mut self, turn: Turn, until_ns: u64) -> Next {
        if turn.since_start_ns >= until_ns {
            return Next::GoOn;
        }
        self.wakes_at_ns = Some(until_ns);
        Next::Blocked
    }

    fn send(&mut self, bytes: u64, endpoint: &mut Endpoint<Recorder>) -> Next {
        let Some(connection) = self.connection.and_then(|id| endpoint.connection_mut(id)) else {
            return Next::GoOn;
        };
        let stream = Stream { from: self.side, connection: self.ordinal };
        while self.done < bytes {
            let room = connection.send_room() as u64;
            // Without room one octet is offered all the same: so TCP knows that somebody waits.
            let wanted = (bytes - self.done).min(CHUNK).min(room.max(1));
            let wanted = usize::try_from(wanted).unwrap_or_default();
            let text = stream.text(self.written, wanted);
            match connection.write(&text) {
                Ok(0) => return Next::Blocked,
                Ok(taken) => {
                    let taken = taken as u64;
                    self.done += taken;
                    self.written += taken;
                    self.report.sent += taken;
                }
                Err(_) => return Next::GoOn,
            }
        }
        Next::GoOn
    }

    fn receive(&mut self, bytes: u64, turn: Turn, endpoint: &mut Endpoint<Recorder>) -> Next {
        let (read, next) = self.read_up_to(bytes.saturating_sub(self.done), turn, endpoint);
        self.done += read;
        next
    }

    /// Reads what there is, at most so many octets. Says how many those were, and whether that is all that will come.
    fn read_up_to(&mut self, most: u64, turn: Turn, endpoint: &mut Endpoint<Recorder>) -> (u64, Next) {
        let Some(connection) = self.connection.and_then(|id| endpoint.connection_mut(id)) else {
            return (0, Next::GoOn);
        };
        let stream = Stream { from: self.side.other(), connection: self.ordinal };
        let mut read = 0;
        while read < most {
            if turn.since_start_ns < self.may_read_at_ns {
                self.wakes_at_ns = Some(self.may_read_at_ns);
                return (read, Next::Blocked);
            }
            self.wakes_at_ns = None;
            let at_once = self.reads.map_or(u64::MAX, |rate| rate.div_ceil(READS_PER_SECOND));
            let max = usize::try_from((most - read).min(at_once)).unwrap_or(usize::MAX);
            match connection.read(turn.now, max) {
                ReadOutcome::Data(text) => {
                    let len = text.len() as u64;
                    self.report.foreign += stream.count_foreign(self.read, &text);
                    read += len;
                    self.read += len;
                    self.report.received += len;
                    if let Some(rate) = self.reads {
                        let pause_ns = len.saturating_mul(NS_PER_S) / rate;
                        self.may_read_at_ns = turn.since_start_ns.saturating_add(pause_ns);
                    }
                }
                ReadOutcome::Blocked => return (read, Next::Blocked),
                ReadOutcome::Finished => return (read, Next::GoOn),
                ReadOutcome::Failed(error) => {
                    self.report.error = Some(error);
                    return (read, Next::GoOn);
                }
            }
        }
        (read, Next::GoOn)
    }
}
