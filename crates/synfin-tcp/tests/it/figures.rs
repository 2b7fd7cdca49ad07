//! The figures of RFC 9293, line by line.
//!
//! Sequence numbers are relative to the initial ones: the RFC's 100 and 300 are 0 here.

use std::time::Duration;

use synfin_tcp::{ConnectionId, Event, ListenerId};
use synfin_wire::tcp::Flags;
use synfin_wire::{SeqNumber, State};

use crate::world::{Host, World, plain};

const PORTS: (u16, u16) = (5000, 80);

fn world() -> World {
    let mut world = World::new(plain(), plain(), Duration::from_millis(10));
    world.log = Some(Vec::new());
    world
}

/// Both ends established, nothing on its way, and the log empty.
fn established() -> (World, ConnectionId, ConnectionId) {
    let mut world = world();
    let (a, b, _) = world.connected();
    world.settle();
    world.taken();
    (world, a, b)
}

fn connect(world: &mut World) -> ConnectionId {
    world.a.connect(world.now, Host::A.address(PORTS.0), Host::B.address(PORTS.1), None).unwrap()
}

fn listen(world: &mut World) -> ListenerId {
    world.b.listen(Host::B.address(PORTS.1), 10, None).unwrap()
}

fn states(world: &World) -> (State, State) {
    (world.state(Host::A), world.state(Host::B))
}

/// Figure 6: basic three-way handshake. RFC 9293 MUST-58: nothing but the three segments.
#[test]
fn figure_6_basic_handshake() {
    let mut world = world();
    listen(&mut world);
    let id = connect(&mut world);
    world.a.connection_mut(id).unwrap().write(&b"data".as_slice().into()).unwrap();
    world.settle();
    assert_eq!(
        world.taken(),
        ["A SYN seq 0", "B SYN,ACK seq 0 ack 1", "A PSH,ACK seq 1 ack 1 len 4"],
        "the data of line 5 rides on the acknowledgement of line 4"
    );
    assert_eq!(states(&world), (State::Established, State::Established));
}

/// Figure 7: simultaneous connection synchronization. RFC 9293 MUST-10.
#[test]
fn figure_7_simultaneous_open() {
    let mut world = world();
    connect(&mut world);
    world.b.connect(world.now, Host::B.address(PORTS.1), Host::A.address(PORTS.0), None).unwrap();
    world.settle();
    let log = world.taken();
    assert_eq!(log[..2], ["A SYN seq 0", "B SYN seq 0"]);
    assert_eq!(log[2..4], ["B SYN,ACK seq 0 ack 1", "A SYN,ACK seq 0 ack 1"]);
    assert_eq!(states(&world), (State::Established, State::Established));
    for (host, port) in [(Host::A, PORTS.0), (Host::B, PORTS.1)] {
        assert_eq!(
            world.watcher.states(host.address(port)),
            [State::Closed, State::SynSent, State::SynReceived, State::Established]
        );
    }
    // What the two SYN,ACKs were answered with: an ACK each, and nothing after that.
    assert_eq!(log[4..], ["A ACK seq 1 ack 1", "B ACK seq 1 ack 1"]);
}

/// Figure 8: recovery from an old duplicate SYN. RFC 9293 MUST-11: B goes back to LISTEN.
#[test]
fn figure_8_old_duplicate_syn() {
    let mut world = world();
    let listener = listen(&mut world);
    connect(&mut world);
    // Line 2: the SYN is late; line 3: an old one arrives before it.
    world.lose_all();
    world.inject(Host::A, PORTS, Flags::SYN, world.iss.0.unwrap() - 10, SeqNumber(0));
    assert_eq!(world.state(Host::B), State::SynReceived);
    world.settle();
    // Lines 4 and 5.
    assert_eq!(world.taken(), ["A SYN seq 0", "B SYN,ACK seq 0 ack -9", "A RST seq -9"]);
    world.run_until(Duration::from_secs(5), "lines 6 to 8", |world| {
        world.state(Host::B) == State::Established
    });
    let changes = world.watcher.states(Host::B.address(PORTS.1));
    assert_eq!(
        changes,
        [State::Listen, State::SynReceived, State::Listen, State::SynReceived, State::Established]
    );
    assert!(world.b.accept(listener).is_some());
}

/// Figure 9: half-open connection discovery. A has lost its memory and connects again.
#[test]
fn figure_9_half_open_discovery() {
    let mut world = world();
    let (_, b, _) = world.connected();
    world.settle();
    // Line 1: A crashes, and comes back without memory.
    world.a = World::new(plain(), plain(), Duration::ZERO).a;
    world.now = world.now + Duration::from_secs(1);
    world.taken();
    connect(&mut world);
    world.settle();
    let log = world.taken();
    assert!(log[0].starts_with("A SYN seq"), "{log:?}");
    assert!(log[1].starts_with("B ACK seq 1"), "line 4, the challenge ACK of RFC 5961 section 4: {log:?}");
    assert!(log[2].starts_with("A RST seq 1"), "line 5: {log:?}");
    assert_eq!(world.state(Host::B), State::Closed, "line 6");
    let events: Vec<_> = std::iter::from_fn(|| world.b.poll_event()).collect();
    assert!(events.contains(&(b, Event::Closed(Some(synfin_tcp::ConnectionError::Reset)))), "MUST-12");
    // Line 7: the SYN comes again, and succeeds.
    world.run_until(Duration::from_secs(5), "line 7", |world| world.state(Host::A) == State::Established);
}

/// Figure 10: the active side causes half-open connection discovery.
#[test]
fn figure_10_the_side_with_memory_sends() {
    let mut world = world();
    let (_, b, _) = world.connected();
    world.settle();
    world.a = World::new(plain(), plain(), Duration::ZERO).a;
    world.taken();
    world.b.connection_mut(b).unwrap().write(&b"hello".as_slice().into()).unwrap();
    world.settle();
    assert_eq!(world.taken(), ["B PSH,ACK seq 1 ack 1 len 5", "A RST seq 1"]);
    assert_eq!(world.state(Host::B), State::Closed);
}

/// Figure 11: an old duplicate SYN initiates a reset on two passive sockets.
#[test]
fn figure_11_old_duplicate_syn_between_two_listeners() {
    let mut world = world();
    listen(&mut world);
    world.a.listen(Host::A.address(PORTS.0), 10, None).unwrap();
    world.inject(Host::A, PORTS, Flags::SYN, SeqNumber(7777), SeqNumber(0));
    world.settle();
    let log = world.taken();
    assert!(log[0].starts_with("B SYN,ACK seq 0"), "{log:?}");
    assert!(log[1].starts_with("A RST seq"), "{log:?}");
    assert_eq!(log.len(), 2);
    assert_eq!(
        world.watcher.states(Host::B.address(PORTS.1)),
        [State::Listen, State::SynReceived, State::Listen]
    );
}

/// Figure 12: normal close sequence. RFC 9293 MUST-13: 2 MSL in TIME-WAIT.
#[test]
fn figure_12_normal_close() {
    let (mut world, a, b) = established();
    let now = world.now;
    world.a.connection_mut(a).unwrap().shutdown(now).unwrap();
    world.settle();
    assert_eq!(world.taken(), ["A FIN,ACK seq 1 ack 1", "B ACK seq 1 ack 2"]);
    assert_eq!(states(&world), (State::FinWait2, State::CloseWait));
    let now = world.now;
    world.b.connection_mut(b).unwrap().shutdown(now).unwrap();
    world.settle();
    assert_eq!(world.taken(), ["B FIN,ACK seq 1 ack 2", "A ACK seq 2 ack 2"]);
    assert_eq!(states(&world), (State::TimeWait, State::Closed));
    let entered = world.now;
    world.run_until(Duration::from_secs(100), "2 MSL", |world| world.state(Host::A) == State::Closed);
    let took = world.now.since(entered);
    assert!(took <= Duration::from_secs(60) && took > Duration::from_millis(59_980), "{took:?}");
}

/// Figure 13: simultaneous close sequence.
#[test]
fn figure_13_simultaneous_close() {
    let (mut world, a, b) = established();
    let now = world.now;
    world.a.connection_mut(a).unwrap().shutdown(now).unwrap();
    world.b.connection_mut(b).unwrap().shutdown(now).unwrap();
    world.settle();
    let log = world.taken();
    assert_eq!(log[..2], ["A FIN,ACK seq 1 ack 1", "B FIN,ACK seq 1 ack 1"]);
    assert_eq!(log[2..], ["B ACK seq 2 ack 2", "A ACK seq 2 ack 2"]);
    assert_eq!(states(&world), (State::TimeWait, State::TimeWait));
    for (host, port) in [(Host::A, PORTS.0), (Host::B, PORTS.1)] {
        let changes = world.watcher.states(host.address(port));
        assert_eq!(
            changes[changes.len() - 3..],
            [State::FinWait1, State::Closing, State::TimeWait],
            "{changes:?}"
        );
    }
}

/// Section 3.6: A closes, and its last ACK is lost: B sends its FIN again, A answers and waits anew. RFC 9293 MUST-13.
#[test]
fn a_lost_last_ack_is_why_time_wait_exists() {
    let mut world = world();
    let (a, b, _) = world.connected();
    world.settle();
    let now = world.now;
    world.a.connection_mut(a).unwrap().shutdown(now).unwrap();
    world.settle();
    world.a.close(world.now, a);
    let now = world.now;
    world.b.connection_mut(b).unwrap().shutdown(now).unwrap();
    world.taken();
    world.filter = Some(Box::new(|from, segment| from == Host::A && segment.header.flags == Flags::ACK));
    world.settle();
    world.filter = None;
    world.taken();
    assert_eq!(states(&world), (State::TimeWait, State::LastAck));
    world.run_until(Duration::from_secs(5), "the FIN comes again", |world| {
        world.state(Host::B) == State::Closed
    });
    assert_eq!(world.taken(), ["B FIN,ACK seq 1 ack 2", "A ACK seq 2 ack 2"]);
    let answered = world.now;
    world.run_until(Duration::from_secs(100), "2 MSL", |world| world.state(Host::A) == State::Closed);
    assert!(world.now.since(answered) > Duration::from_millis(59_900), "2 MSL began anew");
}
