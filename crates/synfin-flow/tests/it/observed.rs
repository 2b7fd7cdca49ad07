//! States that are told rather than inferred: by the kernel, or by a TCP of our own.

use synfin_flow::{Config, StateEntry, Tracker};
use synfin_wire::State::{self, *};
use synfin_wire::{
    Frame, InterfaceId, Observation, Process, ProcessName, Side, SocketId, Source, StateChange,
};

use crate::story::Story;
use crate::wire::Wire;

const EXCHANGE: &str = "
    C SYN 0
    S SYN,ACK 0 ack 1
    C ACK 1 ack 1
    C FIN,ACK 1 ack 1
    S ACK 1 ack 2
    S FIN,ACK 1 ack 2
    C ACK 2 ack 2
";

fn change(wire: &Wire, side: Side, at_ns: u64, from: State, to: State) -> StateChange {
    let (local, remote) = match side {
        Side::Client => (wire.client, wire.server),
        Side::Server => (wire.server, wire.client),
    };
    StateChange {
        at_ns,
        socket: SocketId { namespace: 1, cookie: 7 },
        local,
        remote,
        from,
        to,
        source: Source::Kernel,
        is_inferred: false,
        process: Some(Process { pid: 42, name: ProcessName::new(b"curl") }),
    }
}

/// The exchange, with these states of the client told before the packet of each number.
fn story(told: &[(usize, State, State)]) -> Story {
    let wire = Wire::script(EXCHANGE);
    let mut tracker = Tracker::new(Config::default());
    let mut story = Story::default();
    for (number, frame) in (1..).zip(&wire.frames) {
        for (_, from, to) in told.iter().filter(|(before, ..)| *before == number) {
            let at_ns = frame.frame(0).at_ns - 1;
            let change = change(&wire, Side::Client, at_ns, *from, *to);
            tracker.observe(&Observation::StateChange(change), &mut story);
        }
        tracker.observe(&Observation::Frame(frame.frame(number as u64)), &mut story);
    }
    story.summary = tracker.finish(&mut story);
    story
}

const CLIENT: [(usize, State, State); 5] = [
    (1, Closed, SynSent),
    (3, SynSent, Established),
    (4, Established, FinWait1),
    (6, FinWait1, FinWait2),
    (7, FinWait2, TimeWait),
];

fn states(entries: &[StateEntry]) -> Vec<(State, Source, Option<u64>)> {
    entries.iter().map(|entry| (entry.state, entry.source, entry.packet)).collect()
}

#[test]
fn told_states_take_the_place_of_inferred_ones_beside_the_same_packets() {
    let story = story(&CLIENT);
    let connection = story.only();
    assert_eq!(
        states(&connection.client.states),
        [
            (Closed, Source::Kernel, None),
            (SynSent, Source::Kernel, Some(1)),
            (Established, Source::Kernel, Some(3)),
            (FinWait1, Source::Kernel, Some(4)),
            (FinWait2, Source::Kernel, Some(5)),
            (TimeWait, Source::Kernel, Some(6)),
        ]
    );
    assert!(connection.server.states.iter().all(|entry| entry.source == Source::Packet));
    assert_eq!(connection.server.state(), Closed);
    assert_eq!(connection.client.process.unwrap().pid, 42);
    assert_eq!(connection.server.process, None);
}

/// Who tells may have inferred it: that is kept, and told of each state.
#[test]
fn what_the_kernel_inferred_stays_inferred() {
    let wire = Wire::script(EXCHANGE);
    let mut tracker = Tracker::new(Config::default());
    let mut story = Story::default();
    for (to, is_inferred) in [(SynSent, true), (Established, false)] {
        let from = if to == SynSent { Closed } else { SynSent };
        let told = StateChange { is_inferred, ..change(&wire, Side::Client, 0, from, to) };
        tracker.observe(&Observation::StateChange(told), &mut story);
    }
    for (number, frame) in (1..).zip(&wire.frames) {
        tracker.observe(&Observation::Frame(frame.frame(number)), &mut story);
    }
    story.summary = tracker.finish(&mut story);
    let connection = story.only();
    let told = connection.client.states.iter().skip(1).map(|entry| entry.is_inferred);
    assert_eq!(told.collect::<Vec<_>>(), [true, false]);
    assert!(connection.server.states.iter().all(|entry| entry.is_inferred), "by packets");
}

#[test]
fn what_is_told_differs_from_what_the_packets_suggest_and_wins() {
    // The process was killed: the kernel closed the socket at once, whatever the packets look like.
    let story = story(&[(1, Closed, SynSent), (3, SynSent, Established), (4, Established, Closed)]);
    let states: Vec<_> = story.only().client.states.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [Closed, SynSent, Established, Closed]);
}

#[test]
fn each_state_is_told_once_and_in_order() {
    let story = story(&CLIENT);
    let told = |side| {
        let told = story.told.iter().filter(move |(_, of, ..)| *of == side);
        told.map(|(_, _, previous, entry)| (previous.state, entry.state, entry.source)).collect::<Vec<_>>()
    };
    let expected: Vec<_> = CLIENT.iter().map(|(_, from, to)| (*from, *to, Source::Kernel)).collect();
    assert_eq!(told(Side::Client), expected);
    // Nobody told of the server: what the packets show comes in the end.
    assert_eq!(told(Side::Server).last(), Some(&(LastAck, Closed, Source::Packet)));
}

/// Who gave up is CLOSED, which packets cannot show: what there is to say is the same.
#[test]
fn a_client_that_has_given_up_had_no_answer() {
    let wire = Wire::script("0 C SYN 0\n 1000 C SYN 0\n 3000 C SYN 0");
    for syns in [1, 3] {
        let mut tracker = Tracker::new(Config::default());
        let mut story = Story::default();
        for (number, frame) in (1..).zip(wire.frames.iter().take(syns)) {
            tracker.observe(&Observation::Frame(frame.frame(number)), &mut story);
        }
        for (at_ns, from, to) in [(0, Closed, SynSent), (3_500_000_000, SynSent, Closed)] {
            let told = change(&wire, Side::Client, wire.frames[0].frame(1).at_ns + at_ns, from, to);
            tracker.observe(&Observation::StateChange(told), &mut story);
        }
        story.summary = tracker.finish(&mut story);
        assert_eq!(story.only().client.state(), Closed);
        let findings: Vec<_> = story.only().findings().into_iter().map(|f| f.text).collect();
        let text = match syns {
            1 => "The SYN had no answer before the client gave up.",
            _ => "3 SYNs in 3.0 s had no answer: a firewall drops them, or nobody is there.",
        };
        assert_eq!(findings, [text]);
    }
}

#[test]
fn states_of_connections_that_never_pass_are_bounded() {
    let wire = Wire::script(EXCHANGE);
    let mut tracker = Tracker::new(Config::default());
    let mut story = Story::default();
    for n in 0..200_000u64 {
        let mut change = change(&wire, Side::Client, n, Closed, SynSent);
        change.local.set_port((n % 60_000) as u16);
        tracker.observe(&Observation::StateChange(change), &mut story);
    }
    assert!(story.told.is_empty());
    assert_eq!(tracker.connections().len(), 0);
}

/// What ends a connection's TIME-WAIT may be the SYN of the next one between the same ports: it is told after that SYN.
#[test]
fn the_end_of_a_time_wait_before_is_no_part_of_a_connection() {
    let before = [(2, TimeWait, Closed)];
    let own = CLIENT;
    let with: Vec<_> = own.iter().take(1).chain(&before).chain(own.iter().skip(1)).copied().collect();
    let names = |story: Story| story.only().client.states.iter().map(|entry| entry.state).collect::<Vec<_>>();
    assert_eq!(names(story(&with)), [Closed, SynSent, Established, FinWait1, FinWait2, TimeWait]);
    // The same before the first packet.
    let early: Vec<_> = [(1, TimeWait, Closed)].iter().chain(&own).copied().collect();
    assert_eq!(names(story(&early)), [Closed, SynSent, Established, FinWait1, FinWait2, TimeWait]);
}

/// 127.0.0.1 with the same ports, at the same time, in two namespaces.
#[test]
fn namespaces_are_apart_where_it_is_said_which_interface_lies_in_which() {
    for is_said in [false, true] {
        let wire = Wire::script(EXCHANGE);
        let mut tracker = Tracker::new(Config::default());
        if is_said {
            tracker.assign_namespace(InterfaceId(0), 10);
            tracker.assign_namespace(InterfaceId(1), 20);
        }
        let mut story = Story::default();
        // Told in one of them only.
        let mut told = change(&wire, Side::Client, wire.frames[0].frame(1).at_ns - 1, Closed, SynSent);
        told.socket.namespace = 20;
        tracker.observe(&Observation::StateChange(told), &mut story);
        for (number, frame) in (1..).zip(&wire.frames) {
            for interface in [InterfaceId(0), InterfaceId(1)] {
                let frame = Frame { interface, ..frame.frame(number) };
                tracker.observe(&Observation::Frame(frame), &mut story);
            }
        }
        let summary = tracker.finish(&mut story);
        let namespaces: Vec<_> = story.connections.iter().map(|one| one.namespace).collect();
        let sources: Vec<_> = story.connections.iter().map(|one| one.client.states[1].source).collect();
        if is_said {
            assert_eq!((namespaces, summary.duplicates), (vec![10, 20], 0));
            assert_eq!(sources, [Source::Packet, Source::Kernel]);
        } else {
            assert_eq!((namespaces, summary.duplicates), (vec![0], 7));
            assert_eq!(sources, [Source::Kernel]);
        }
    }
}
