//! How long a connection lasts, and which one a state belongs to, where states are told: what the packets look like does
//! not count then.

use synfin_flow::{Config, Connection, Tracker};
use synfin_wire::State::{self, *};
use synfin_wire::{Observation, Side, SocketId, Source, StateChange};

use crate::story::Story;
use crate::wire::{START_NS, Wire};

/// A tracker, what it has told, and two ends.
struct Bench {
    tracker: Tracker,
    story: Story,
    wire: Wire,
}

impl Bench {
    fn new() -> Self {
        Self { tracker: Tracker::new(Config::default()), story: Story::default(), wire: Wire::new() }
    }

    /// In a laboratory.
    fn all_told() -> Self {
        let mut bench = Self::new();
        bench.tracker.expect_all_told();
        bench
    }

    /// The packets of these lines pass.
    fn pass(&mut self, script: &str) {
        let seen = self.wire.frames.len();
        self.wire.play(script);
        for (number, sent) in (1..).zip(&self.wire.frames).skip(seen) {
            self.tracker.observe(&Observation::Frame(sent.frame(number)), &mut self.story);
        }
    }

    /// A socket of the client or the server is told to go through these states, at this time in milliseconds.
    fn tell(&mut self, at_ms: u64, side: Side, socket: u64, states: &[State]) {
        let Wire { client, server, .. } = self.wire;
        let (local, remote) = if side == Side::Client { (client, server) } else { (server, client) };
        for pair in states.windows(2) {
            let change = StateChange {
                at_ns: START_NS + at_ms * 1_000_000,
                socket: SocketId { namespace: 0, cookie: socket },
                local,
                remote,
                from: pair[0],
                to: pair[1],
                source: Source::Stack,
                is_inferred: false,
                process: None,
            };
            self.tracker.observe(&Observation::StateChange(change), &mut self.story);
        }
    }

    fn finish(mut self) -> Vec<Connection> {
        self.story.summary = self.tracker.finish(&mut self.story);
        self.story.connections
    }
}

fn states(connection: &Connection, side: Side) -> Vec<State> {
    connection.endpoint(side).states.iter().map(|entry| entry.state).collect()
}

/// With a SYN cookie the server knows of no connection before the ACK that brings the cookie back. A RST may have been
/// sent behind that ACK before it is there.
#[test]
fn a_server_that_hears_late_of_its_connection_is_drawn_from_listen() {
    let mut bench = Bench::new();
    bench.tell(0, Side::Client, 1, &[Closed, SynSent]);
    bench.pass("0 C SYN 0\n 10 S SYN,ACK 0 ack 1");
    bench.tell(20, Side::Client, 1, &[SynSent, Established, Closed]);
    bench.pass("20 C ACK 1 ack 1\n 20 C RST 1");
    bench.tell(30, Side::Server, 2, &[Listen, SynReceived, Established]);
    bench.tell(31, Side::Server, 2, &[Established, Closed]);
    let [connection] = &bench.finish()[..] else { panic!("one connection") };
    assert_eq!(states(connection, Side::Server), [Listen, SynReceived, Established, Closed]);
    assert!(connection.server.states.iter().all(|entry| entry.source == Source::Stack));
    // The SYN-ACK was sent from LISTEN: the ACK shows both states.
    let packets: Vec<_> = connection.server.states.iter().map(|entry| entry.packet).collect();
    assert_eq!(packets, [None, Some(3), Some(3), Some(4)]);
    assert_eq!(states(connection, Side::Client), [Closed, SynSent, Established, Closed]);
}

/// Both FINs have passed, so that the packets look like the end; what did not arrive is sent again, minutes later.
#[test]
fn a_connection_lasts_while_an_end_is_told_to_have_it_open() {
    const OPENED: &str = "0 C SYN 0\n 0 S SYN,ACK 0 ack 1\n 0 C ACK 1 ack 1";
    const CLOSED: &str = "1 C FIN,ACK 1 ack 1\n 2 S FIN,ACK 1 ack 1";
    // When, and whether it was over by what was told: then what passes is of another connection.
    for (again_ms, is_closed, connections) in [(4_000_000, false, 1), (4_000_000, true, 2), (10_000, true, 1)]
    {
        let mut bench = Bench::new();
        bench.tell(0, Side::Client, 1, &[Closed, SynSent, Established]);
        bench.tell(0, Side::Server, 2, &[Listen, SynReceived, Established]);
        bench.pass(OPENED);
        bench.tell(1, Side::Client, 1, &[Established, FinWait1]);
        bench.tell(2, Side::Server, 2, &[Established, FinWait1]);
        bench.pass(CLOSED);
        if is_closed {
            bench.tell(3, Side::Client, 1, &[FinWait1, Closed]);
            bench.tell(3, Side::Server, 2, &[FinWait1, Closed]);
        }
        bench.pass(&format!("{again_ms} C FIN,ACK 1 ack 1\n {} S ACK 2 ack 2", again_ms + 1));
        if !is_closed {
            bench.tell(again_ms + 1, Side::Server, 2, &[FinWait1, Closing]);
        }
        let all = bench.finish();
        assert_eq!(all.len(), connections, "{again_ms} {is_closed}");
        let last = if is_closed { Closed } else { Closing };
        assert_eq!(
            states(&all[0], Side::Server),
            [Listen, SynReceived, Established, FinWait1, last],
            "{again_ms} {is_closed}"
        );
    }
}

/// What lasts is held, but not without bound: with more connections than may wait, the first one goes.
#[test]
fn connections_that_are_told_to_be_open_are_bounded_as_well() {
    let mut bench = Bench::new();
    bench.tracker = Tracker::new(Config { max_lingering: 10, ..Config::default() });
    for port in 0..100 {
        bench.wire.client.set_port(40_000 + port);
        let at_ms = u64::from(port) * 100_000;
        bench.tell(at_ms, Side::Client, u64::from(port), &[Closed, SynSent, Established]);
        bench.pass(&format!("{at_ms} C SYN 0\n S SYN,ACK 0 ack 1\n C ACK 1 ack 1\n S RST 1"));
    }
    assert!(bench.tracker.connections().len() <= 12, "{}", bench.tracker.connections().len());
}

/// The server answers with SYN cookies, and no ACK ever gets there: it stays in LISTEN.
#[test]
fn an_end_of_which_nothing_is_told_stays_where_it_was_where_all_are_told() {
    for is_all in [false, true] {
        let mut bench = if is_all { Bench::all_told() } else { Bench::new() };
        bench.tell(0, Side::Client, 1, &[Closed, SynSent]);
        bench.pass("0 C SYN 0\n 10 S SYN,ACK 0 ack 1");
        bench.tell(20, Side::Client, 1, &[SynSent, Established]);
        bench.pass("20 C ACK 1 ack 1\n 20 C ACK 1 ack 1 len 5");
        let told = std::mem::take(&mut bench.story.told);
        assert!(told.iter().all(|(_, side, ..)| *side == Side::Client), "{told:?}");
        let mut story = Story::default();
        bench.tracker.finish(&mut story);
        let expected: &[State] = if is_all { &[Listen] } else { &[Listen, SynReceived, Established] };
        assert_eq!(states(story.only(), Side::Server), expected);
        // And it is told so live, too.
        assert_eq!(story.told.len(), expected.len() - 1);
    }
}

/// A SYN of the client comes late, when both ends have closed: the server accepts it, and the client has no such socket.
#[test]
fn a_late_syn_begins_another_connection_with_all_that_is_told_of_it() {
    let mut bench = Bench::all_told();
    bench.tell(0, Side::Client, 1, &[Closed, SynSent]);
    bench.pass("0 C SYN 0\n 1 S SYN,ACK 0 ack 1");
    bench.tell(1, Side::Server, 2, &[Listen, SynReceived]);
    // Both give up by their timers: no packet shows it.
    bench.tell(200_000, Side::Client, 1, &[SynSent, Closed]);
    bench.tell(200_000, Side::Server, 2, &[SynReceived, Closed]);
    bench.tell(200_001, Side::Server, 3, &[Listen, SynReceived, Established]);
    bench.wire.iss.1 = 999_999;
    bench.pass("200001 S SYN,ACK 0 ack 1\n 200002 C RST 1");
    bench.tell(200_003, Side::Server, 3, &[Established, Closed]);
    let all = bench.finish();
    assert_eq!(all.len(), 2);
    assert_eq!(states(&all[0], Side::Server), [Listen, SynReceived, Closed]);
    assert_eq!(states(&all[1], Side::Server), [Listen, SynReceived, Established, Closed]);
    assert_eq!(states(&all[1], Side::Client), [Closed]);
}

/// An end that gave up without a packet may try again from the same port, and is told so before its SYN passes.
#[test]
fn a_socket_after_the_one_that_gave_up_is_another_connection() {
    let mut bench = Bench::new();
    bench.tell(0, Side::Client, 1, &[Closed, SynSent]);
    bench.pass("0 C SYN 0");
    bench.tell(130_000, Side::Client, 1, &[SynSent, Closed]);
    bench.tell(130_001, Side::Client, 2, &[Closed, SynSent]);
    bench.wire.iss.0 = 999_999;
    bench.pass("130001 C SYN 0\n S SYN,ACK 0 ack 1");
    bench.tell(130_003, Side::Client, 2, &[SynSent, Established]);
    let all = bench.finish();
    let clients: Vec<_> = all.iter().map(|one| states(one, Side::Client)).collect();
    assert_eq!(clients, [vec![Closed, SynSent, Closed], vec![Closed, SynSent, Established]]);
}

/// RFC 5961 section 4: a SYN in the midst of a connection is answered with an ACK, whatever number it has.
#[test]
fn a_forged_syn_does_not_begin_a_connection_in_the_midst_of_one() {
    for (is_told, connections) in [(true, 1), (false, 2)] {
        let mut bench = Bench::new();
        if is_told {
            bench.tell(0, Side::Client, 1, &[Closed, SynSent, Established]);
        }
        bench.pass("0 C SYN 0 mss 1460 ws 3\n S SYN,ACK 0 ack 1 ws 3\n C ACK 1 ack 1");
        bench.wire.iss.0 = 999_999;
        bench.pass("C SYN 0 mss 500 ws 7 len 10");
        bench.wire.iss.0 = 1000;
        bench.pass("S ACK 1 ack 1\n C ACK 1 ack 1 len 100 win 100");
        let (_, last) = *bench.story.packets.last().unwrap();
        let all = bench.finish();
        assert_eq!(all.len(), connections, "{is_told}");
        if is_told {
            // Nothing of it counts.
            let Connection { client, .. } = &all[0];
            assert_eq!(
                (client.mss, client.sent.payload_bytes, client.sent.missed_bytes),
                (Some(1460), 100, 0)
            );
            assert_eq!((last.window, last.seq, last.marks.is_empty()), (800, 1, true), "{:?}", last.marks);
        }
    }
}
