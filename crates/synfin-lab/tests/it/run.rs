//! Runs a scenario to its end, and says what came to pass.

use std::net::SocketAddr;

use synfin_flow::{Config, Connection, Packet, SampleEntry, Sink, StateEntry, Tracker};
use synfin_lab::{CutShort, Noted, NotedFrame, Report, Scenario, Simulation, ready};
use synfin_wire::dissect::{Dissected, dissect};
use synfin_wire::tcp::Segment;
use synfin_wire::{LinkType, Sample, Side, State, StateChange};

/// What came to pass.
pub(crate) struct Ran {
    pub(crate) frames: Vec<NotedFrame>,
    pub(crate) changes: Vec<StateChange>,
    pub(crate) samples: Vec<(Side, Sample)>,
    pub(crate) report: Report,
    /// What flow makes of it.
    pub(crate) connections: Vec<Connection>,
    /// What it says of the variables.
    pub(crate) entries: Vec<(Side, SampleEntry)>,
    /// The states that flow told as they came: of whom, when, from where and to where.
    pub(crate) live: Vec<(SocketAddr, u64, State, State)>,
}

#[derive(Default)]
struct Collected {
    connections: Vec<Connection>,
    entries: Vec<(Side, SampleEntry)>,
    live: Vec<(SocketAddr, u64, State, State)>,
}

impl Sink for Collected {
    fn packet(&mut self, _: &Connection, _: &Packet) {}
    fn sample(&mut self, _: &Connection, side: Side, entry: &SampleEntry) {
        self.entries.push((side, *entry));
    }
    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        let address = connection.endpoint(side).address;
        self.live.push((address, entry.at_ns, previous.state, entry.state));
    }
    fn connection(&mut self, connection: Connection) {
        self.connections.push(connection);
    }
}

pub(crate) fn run(scenario: &Scenario) -> Ran {
    let mut simulation = Simulation::new(scenario).unwrap();
    let mut tracker = Tracker::new(Config { check_checksums: true, ..Config::default() });
    tracker.expect_all_told();
    let mut collected = Collected::default();
    let (mut frames, mut changes, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let mut last_ns = 0;
    while let Some(noted) = simulation.next_noted() {
        tracker.observe(&noted.as_observation(), &mut collected);
        let at_ns = match noted {
            Noted::Frame(frame) => {
                frames.push(frame);
                frames.last().unwrap().at_ns
            }
            Noted::StateChange(change) => {
                assert!(change.from.may_become(change.to), "{} -> {}", change.from, change.to);
                changes.push(change);
                change.at_ns
            }
            Noted::Sample { side, sample } => {
                samples.push((side, sample));
                sample.at_ns
            }
            other => panic!("{other:?}"),
        };
        assert!(at_ns >= last_ns, "time goes backwards");
        last_ns = at_ns;
    }
    tracker.finish(&mut collected);
    let report = simulation.report();
    assert_ne!(report.cut_short, Some(CutShort::Stuck));
    let Collected { connections, entries, live } = collected;
    Ran { frames, changes, samples, report, connections, entries, live }
}

pub(crate) fn ready(name: &str) -> Ran {
    run(&Scenario::from_toml(ready::find(name).unwrap().toml).unwrap())
}

pub(crate) fn toml(text: &str) -> Ran {
    run(&Scenario::from_toml(text).unwrap())
}

impl Ran {
    /// Every set of variables of a side.
    pub(crate) fn samples(&self, side: Side) -> impl DoubleEndedIterator<Item = &Sample> {
        self.samples.iter().filter(move |(whose, _)| *whose == side).map(|(_, sample)| sample)
    }

    /// Every state of a side, in order, one connection after the other.
    pub(crate) fn states(&self, side: Side) -> Vec<State> {
        let port = if side == Side::Client { 50_000 } else { 80 };
        let mut states = Vec::new();
        for change in self.changes.iter().filter(|change| change.local.port() == port) {
            if states.last() != Some(&change.from) {
                states.push(change.from);
            }
            states.push(change.to);
        }
        states
    }

    /// What was sent, as a side and a line: `SYN,ACK`, `ACK 100`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |frame: &NotedFrame| {
            let segment = segment(frame);
            let arrow = if frame.from == Side::Client { '>' } else { '<' };
            let lost = if frame.fates.iter().any(synfin_lab::Fate::is_loss) { " lost" } else { "" };
            match segment.payload_len {
                0 => format!("{arrow} {}{lost}", segment.header.flags),
                len => format!("{arrow} {} {len}{lost}", segment.header.flags),
            }
        };
        self.frames.iter().map(line).collect()
    }

    /// When a side entered a state for the first time, in nanoseconds after the first packet.
    pub(crate) fn entered_ns(&self, side: Side, state: State) -> u64 {
        let port = if side == Side::Client { 50_000 } else { 80 };
        let found = self.changes.iter().find(|change| change.local.port() == port && change.to == state);
        found.unwrap().at_ns - self.frames[0].at_ns
    }
}

pub(crate) fn segment(frame: &NotedFrame) -> Segment<'_> {
    match dissect(LinkType::RAW, &frame.bytes, frame.bytes.len() as u32).next() {
        Some(Ok(Dissected::Tcp(_, segment))) => segment,
        other => panic!("{other:?}"),
    }
}
