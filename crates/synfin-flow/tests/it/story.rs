//! What the tracker tells of frames, and what must be true of it whatever they are.

use std::collections::BTreeMap;

use synfin_flow::{Config, Connection, Packet, Sink, StateEntry, Summary, Tracker};
use synfin_messages::Message;
use synfin_wire::{Observation, Side};

use crate::wire::{Sent, Wire};

/// Everything that a sink was told.
#[derive(Default, Debug)]
pub(crate) struct Story {
    pub(crate) started: Vec<u64>,
    pub(crate) packets: Vec<(u64, Packet)>,
    pub(crate) told: Vec<(u64, Side, StateEntry, StateEntry)>,
    /// How many packets there had been when each of `told` was told.
    pub(crate) told_after: Vec<usize>,
    pub(crate) messages: Vec<(u64, Message)>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) summary: Summary,
}

impl Sink for Story {
    fn started(&mut self, connection: &Connection) {
        self.started.push(connection.id);
    }

    fn packet(&mut self, connection: &Connection, packet: &Packet) {
        self.packets.push((connection.id, *packet));
    }

    fn state(&mut self, connection: &Connection, side: Side, previous: &StateEntry, entry: &StateEntry) {
        self.told.push((connection.id, side, *previous, *entry));
        self.told_after.push(self.packets.len());
    }

    fn message(&mut self, connection: &Connection, message: &Message) {
        self.messages.push((connection.id, message.clone()));
    }

    fn connection(&mut self, connection: Connection) {
        self.connections.push(connection);
    }
}

impl Wire {
    pub(crate) fn run(&self) -> Story {
        run(&self.frames, Config::default())
    }
}

/// The story of a script.
pub(crate) fn tell(script: &str) -> Story {
    Wire::script(script).run()
}

pub(crate) fn run(frames: &[Sent], config: Config) -> Story {
    let mut tracker = Tracker::new(config);
    let mut story = Story::default();
    for (number, sent) in (1..).zip(frames) {
        tracker.observe(&Observation::Frame(sent.frame(number)), &mut story);
    }
    story.summary = tracker.finish(&mut story);
    story.verify();
    story
}

impl Story {
    /// The one connection there was.
    pub(crate) fn only(&self) -> &Connection {
        let [connection] = &self.connections[..] else { panic!("{} connections", self.connections.len()) };
        connection
    }

    /// Packets with remarks: frame number and their names.
    pub(crate) fn marks(&self) -> Vec<(u64, String)> {
        let named =
            |packet: &Packet| packet.marks.iter().map(|mark| mark.name()).collect::<Vec<_>>().join(" ");
        let marked = self.packets.iter().filter(|(_, packet)| !packet.marks.is_empty());
        marked.map(|(_, packet)| (packet.n, named(packet))).collect()
    }

    /// What holds for every story.
    pub(crate) fn verify(&self) {
        let mut handed_out: Vec<_> = self.connections.iter().map(|connection| connection.id).collect();
        handed_out.sort_unstable();
        assert_eq!(self.started, handed_out, "each connection is started and handed out once");
        assert_eq!(self.summary.connections, handed_out.len() as u64);

        let mut packets: BTreeMap<u64, Vec<&Packet>> = BTreeMap::new();
        for (id, packet) in &self.packets {
            packets.entry(*id).or_default().push(packet);
        }
        for connection in &self.connections {
            let packets = packets.get(&connection.id).map_or(&[][..], Vec::as_slice);
            verify_counts(connection, packets);
            for side in Side::BOTH {
                self.verify_states(connection, side);
            }
        }
        self.verify_sum();
    }

    /// Every frame is accounted for once.
    fn verify_sum(&self) {
        let s = &self.summary;
        let sum = s.packets + s.fragments + s.not_tcp + s.malformed + s.bad_checksums + s.duplicates;
        assert_eq!(s.frames + s.aggregated, sum, "{s:?}");
        assert!(s.lost_fragments <= s.fragments, "{s:?}");
        assert_eq!(s.packets, self.packets.len() as u64);
    }

    /// Only legal transitions, all of them told, in order, none taken back after it was told.
    fn verify_states(&self, connection: &Connection, side: Side) {
        let entries = &connection.endpoint(side).states;
        for pair in entries.windows(2) {
            let [from, to] = pair else { unreachable!() };
            assert!(from.state.may_become(to.state), "{side:?}: {}", chain(connection, side));
        }
        let told: Vec<_> = self
            .told
            .iter()
            .filter(|(id, of, ..)| (*id, *of) == (connection.id, side))
            .map(|(.., previous, entry)| [*previous, *entry])
            .collect();
        let expected: Vec<_> = entries.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        assert_eq!(told, expected, "{side:?}");
    }
}

fn verify_counts(connection: &Connection, packets: &[&Packet]) {
    let of = |phase| packets.iter().filter(|packet| packet.phase == phase).count() as u64;
    let ledger = connection.ledger;
    for (phase, count) in [
        (synfin_flow::Phase::Open, ledger.open),
        (synfin_flow::Phase::Data, ledger.data),
        (synfin_flow::Phase::Ack, ledger.ack),
        (synfin_flow::Phase::Close, ledger.close),
    ] {
        assert_eq!(of(phase), count, "{phase:?}");
    }
    assert_eq!(ledger.total(), packets.len() as u64);
    for side in Side::BOTH {
        let sent = packets.iter().filter(|packet| packet.from == side);
        let counts = connection.endpoint(side).sent;
        assert_eq!(counts.packets, sent.clone().count() as u64);
        assert_eq!(counts.wire_bytes, sent.map(|packet| u64::from(packet.wire_len)).sum::<u64>());
    }
}

/// The states of one end in order, each with the packet that shows it: `CLOSED SYN-SENT@1`.
pub(crate) fn chain(connection: &Connection, side: Side) -> String {
    let named = connection.endpoint(side).states.iter().map(|entry| match entry.packet {
        Some(n) => format!("{}@{n}", entry.state),
        None => entry.state.to_string(),
    });
    named.collect::<Vec<_>>().join(" ")
}

/// Plays a script of one connection and compares both lanes, open and close.
#[track_caller]
pub(crate) fn expect(script: &str, client: &str, server: &str, open: &str, close: &str) -> Story {
    let story = tell(script);
    let connection = story.only();
    let found = [
        chain(connection, Side::Client),
        chain(connection, Side::Server),
        connection.open.name().to_owned(),
        connection.close.name().to_owned(),
    ];
    assert_eq!(found, [client, server, open, close]);
    story
}
