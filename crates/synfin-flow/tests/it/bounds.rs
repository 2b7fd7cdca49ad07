//! What is remembered and for how long: reuse of ports, duplicates, fragments, eviction, lingering, owners.

use std::net::SocketAddr;

use synfin_flow::{Config, Tracker};
use synfin_wire::{Loss, LossCause, Observation, Owner, Process, ProcessName, Side, SocketId};

use crate::opening::HANDSHAKE;
use crate::story::{Story, chain, run, tell};
use crate::wire::{START_NS, Sent, Wire, ip_packet};

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_syn_with_the_same_number_is_a_retransmission_and_not_a_new_connection() {
    let story = tell("0 C SYN 0\n 1000 C SYN 0\n 3000 C SYN 0");
    assert_eq!(story.only().client.sent.retransmitted, 2);
}

#[test]
fn a_connection_the_other_way_round_on_the_same_ports_is_another_one() {
    let mut wire = Wire::script(HANDSHAKE);
    wire.play("C RST,ACK 1 ack 1");
    wire.play("100 S SYN 5000\n 101 C SYN,ACK 7000 ack 5001\n 102 S ACK 5001 ack 7001");
    let story = wire.run();
    let clients: Vec<_> =
        story.connections.iter().map(|connection| connection.client.address.port()).collect();
    assert_eq!(clients, [40_000, 80]);
    assert_eq!(chain(&story.connections[1], Side::Client), "CLOSED SYN-SENT@5 ESTABLISHED@7");
}

#[test]
fn a_packet_seen_on_two_interfaces_is_one() {
    let mut seen_twice = Vec::new();
    let mut wire = Wire::script(HANDSHAKE);
    wire.play("C PSH,ACK 1 ack 1 len 100\n 300 C PSH,ACK 1 ack 1 len 100\n S ACK 1 ack 101");
    for sent in &wire.frames {
        seen_twice.push(sent.clone());
        seen_twice.push(Sent { interface: 2, at_ns: sent.at_ns + 5000, ..sent.clone() });
    }
    let once = wire.run();
    let twice = run(&seen_twice, Config::default());
    assert_eq!((twice.summary.packets, twice.summary.duplicates), (6, 6));
    assert_eq!(twice.only().client.sent, once.only().client.sent);
    assert_eq!(twice.only().client.sent.retransmitted, 1, "a retransmission is another packet");
    assert_eq!(twice.only().ledger, once.only().ledger);
}

#[test]
fn addresses_that_differ_in_one_port_are_another_connection() {
    let mut frames = Wire::script(HANDSHAKE).frames;
    let mut other = Wire::between("10.0.0.1:40001", "10.0.0.2:80");
    other.play(HANDSHAKE);
    frames.extend(other.frames);
    let story = run(&frames, Config::default());
    assert_eq!(story.connections.len(), 2);
    assert_eq!(story.connections.iter().map(|connection| connection.id).collect::<Vec<_>>(), [1, 2]);
}

/// Cuts each packet that has payload into pieces of at most `size` bytes of IP payload.
fn fragmented(wire: &Wire, size: usize) -> Vec<Vec<Sent>> {
    let mut id = 0;
    let cut = |sent: &Sent| {
        id += 1;
        let is_v4 = sent.bytes[0] >> 4 == 4;
        let payload = &sent.bytes[if is_v4 { 20 } else { 40 }..];
        let from_client = payload[..2] == wire.client.port().to_be_bytes();
        let (source, destination) =
            if from_client { (wire.client, wire.server) } else { (wire.server, wire.client) };
        if payload.len() <= size {
            return vec![sent.clone()];
        }
        let pieces = payload.chunks(size).enumerate().map(|(n, piece)| {
            let place = Some((n * size, (n + 1) * size < payload.len()));
            Sent { bytes: ip_packet(source.ip(), destination.ip(), id, place, piece), ..sent.clone() }
        });
        pieces.collect()
    };
    wire.frames.iter().map(cut).collect()
}

const REQUEST: &str = "C PSH,ACK 1 ack 1 data GET /a-rather-long-path-so-that-fragments-are-needed HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n
     S PSH,ACK 1 ack 75 data HTTP/1.1 204 No Content\\r\\nServer: rather-long-as-well-for-the-same-reason\\r\\n\\r\\n";

fn both_families() -> [Wire; 2] {
    [("10.0.0.1:40000", "10.0.0.2:80"), ("[2001:db8::1]:40000", "[2001:db8::2]:80")].map(
        |(client, server)| {
            let mut wire = Wire::between(client, server);
            wire.play(HANDSHAKE);
            wire.play(REQUEST);
            wire
        },
    )
}

/// Whether the request and its answer came out whole.
fn is_whole(story: &Story) -> bool {
    let connection = story.only();
    let kinds: Vec<_> =
        connection.messages.iter().map(|message| (message.kind(), message.complete)).collect();
    assert_eq!(connection.packets.len(), 0);
    kinds == [("http-request", true), ("http-response", true)] && story.marks().is_empty()
}

#[test]
fn fragments_in_order_out_of_order_and_repeated_become_the_packet() {
    for wire in both_families() {
        assert!(is_whole(&wire.run()));
        let pieces = fragmented(&wire, 40);
        let in_order: Vec<_> = pieces.concat();
        assert!(in_order.len() > wire.frames.len() + 3);
        let story = run(&in_order, Config::default());
        assert!(is_whole(&story));
        assert_eq!(story.summary.packets, 5);
        let reversed: Vec<_> = pieces.iter().flat_map(|pieces| pieces.iter().rev().cloned()).collect();
        assert!(is_whole(&run(&reversed, Config::default())));
        // All but the last piece twice: with the last one the packet is whole.
        let twice = pieces.iter().flat_map(|pieces| {
            let (last, before) = pieces.split_last().unwrap();
            before.iter().chain(before).chain([last]).cloned().collect::<Vec<_>>()
        });
        assert!(is_whole(&run(&twice.collect::<Vec<_>>(), Config::default())));
    }
}

#[test]
fn fragments_of_two_packets_may_be_interleaved() {
    for wire in both_families() {
        let pieces = fragmented(&wire, 40);
        let (opening, [request, response]) = pieces.split_at(3) else { panic!("5 packets") };
        let mut frames: Vec<_> = opening.concat();
        let (mut request, mut response) = (request.iter(), response.iter());
        // The request's last piece comes before the response's.
        loop {
            let (one, other) = (request.next(), response.next());
            if one.is_none() && other.is_none() {
                break;
            }
            frames.extend(one.into_iter().chain(other).cloned());
        }
        assert!(is_whole(&run(&frames, Config::default())));
    }
}

#[test]
fn a_missing_fragment_is_a_lost_packet() {
    for wire in both_families() {
        let mut pieces = fragmented(&wire, 40);
        let missing = pieces[3].remove(1);
        let story = run(&pieces.concat(), Config::default());
        let [lost, fragments] = [story.summary.lost_fragments, story.summary.fragments];
        assert_eq!(lost, pieces[3].len() as u64);
        assert_eq!(
            fragments,
            lost + pieces[4].len() as u64 - 1,
            "the last piece of the response is its packet"
        );
        assert_eq!(story.summary.packets, 4);
        assert_eq!(story.only().client.sent.missed_bytes, 74, "{} bytes are missing", missing.bytes.len());
    }
}

#[test]
fn fragments_seen_on_two_interfaces_are_one_packet() {
    for wire in both_families() {
        let mut frames = Vec::new();
        for sent in fragmented(&wire, 40).concat() {
            frames.push(sent.clone());
            frames.push(Sent { interface: 2, at_ns: sent.at_ns + 5000, ..sent });
        }
        let story = run(&frames, Config::default());
        assert!(is_whole(&story));
        assert_eq!(
            (story.summary.packets, story.summary.duplicates, story.summary.lost_fragments),
            (5, 5, 0)
        );
    }
}

#[test]
fn a_connection_that_is_over_lingers_and_goes() {
    let script = format!("{HANDSHAKE} C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 2\n C ACK 2 ack 2");
    let wire = Wire::script(&script);
    let config = Config::default();
    let (mut tracker, mut story) = (Tracker::new(config), Story::default());
    for (number, sent) in (1..).zip(&wire.frames) {
        tracker.observe(&Observation::Frame(sent.frame(number)), &mut story);
    }
    let end_ns = wire.frames.last().unwrap().at_ns;
    tracker.tick(end_ns + config.linger_ns - 1, &mut story);
    assert_eq!((tracker.connections().len(), story.connections.len()), (1, 0));
    assert_eq!(tracker.connections().next().unwrap().close.name(), "fin-3");
    tracker.tick(end_ns + config.linger_ns, &mut story);
    assert_eq!((tracker.connections().len(), story.connections.len()), (0, 1));
}

#[test]
fn a_late_retransmission_prolongs_the_lingering() {
    let script = format!(
        "{HANDSHAKE} 4 C FIN,ACK 1 ack 1\n 5 S FIN,ACK 1 ack 2\n 6 C ACK 2 ack 2\n
         4000 S FIN,ACK 1 ack 2\n 4001 C ACK 2 ack 2\n
         7000 S FIN,ACK 1 ack 2\n 7001 C ACK 2 ack 2"
    );
    let story = tell(&script);
    assert_eq!(story.only().ledger.close, 7);
    assert_eq!(
        chain(story.only(), Side::Server),
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@3 CLOSE-WAIT@4 LAST-ACK@5 CLOSED@10"
    );
}

#[test]
fn the_connection_that_was_silent_for_longest_goes_when_there_are_too_many() {
    let mut frames = Vec::new();
    for port in 1..=3u64 {
        let mut wire = Wire::between(&format!("10.0.0.1:{}", 40_000 + port), "10.0.0.2:80");
        wire.play(&format!("{} C SYN 0", port * 10));
        frames.extend(wire.frames);
    }
    // The first one speaks again, so that the second one is the most silent when a fourth comes.
    let mut first = Wire::between("10.0.0.1:40001", "10.0.0.2:80");
    first.play("40 S SYN,ACK 0 ack 1");
    frames.extend(first.frames);
    let mut fourth = Wire::between("10.0.0.1:40004", "10.0.0.2:80");
    fourth.play("50 C SYN 0");
    frames.extend(fourth.frames);
    let story = run(&frames, Config { max_connections: 3, ..Config::default() });
    let ports: Vec<_> = story.connections.iter().map(|connection| connection.client.address.port()).collect();
    assert_eq!(ports, [40_002, 40_001, 40_003, 40_004]);
    assert_eq!(story.summary.evicted, 1);
}

#[test]
fn memory_follows_what_is_open() {
    let config = Config { max_connections: 50, kept_packets: 4, ..Config::default() };
    let (mut tracker, mut story) = (Tracker::new(config), Story::default());
    for n in 0..2000u64 {
        let mut wire = Wire::between(&format!("10.0.{}.{}:40000", n / 200, n % 200), "10.1.0.2:80");
        wire.play(HANDSHAKE);
        // Every other one closes.
        wire.play(if n.is_multiple_of(2) {
            "C RST,ACK 1 ack 1"
        } else {
            "C PSH,ACK 1 ack 1 len 5\n C PSH,ACK 6 ack 1 len 5"
        });
        for (number, mut sent) in (n * 5..).zip(wire.frames) {
            sent.at_ns += n * SECOND;
            tracker.observe(&Observation::Frame(sent.frame(number)), &mut story);
            assert!(tracker.connections().len() <= 50);
        }
    }
    story.summary = tracker.finish(&mut story);
    story.verify();
    assert_eq!(story.connections.len(), 2000);
    assert_eq!(tracker.connections().len(), 0);
    for connection in &story.connections {
        assert!(connection.packets.len() <= 4);
        assert_eq!(connection.packets.len() as u64 + connection.packets.omitted(), connection.ledger.total());
    }
    let with_five =
        &story.connections.iter().find(|connection| connection.ledger.total() == 5).unwrap().packets;
    let kept: Vec<_> = with_five.iter().map(|packet| packet.seq).collect();
    assert_eq!((kept, with_five.omitted()), (vec![0, 0, 1, 6], 1), "the first two and the last two");
}

#[test]
fn a_process_is_put_beside_its_end() {
    let wire = Wire::script(HANDSHAKE);
    let (mut tracker, mut story) = (Tracker::new(Config::default()), Story::default());
    let owner = |local: SocketAddr, remote, pid| {
        let process = Process { pid, name: ProcessName::new(b"curl") };
        let socket = SocketId { namespace: 0, cookie: 1 };
        Observation::Owner(Owner { at_ns: START_NS, socket, local, remote, process })
    };
    for (number, sent) in (1..).zip(&wire.frames) {
        tracker.observe(&Observation::Frame(sent.frame(number)), &mut story);
        tracker.observe(&owner(wire.client, wire.server, 7), &mut story);
    }
    tracker.observe(&owner(wire.server, wire.client, 8), &mut story);
    tracker.observe(&owner("10.9.9.9:1".parse().unwrap(), wire.client, 9), &mut story);
    tracker.finish(&mut story);
    let pids = Side::BOTH.map(|side| story.only().endpoint(side).process.map(|process| process.pid));
    assert_eq!(pids, [Some(7), Some(8)]);
}

#[test]
fn losses_are_counted_by_what_was_lost() {
    let (mut tracker, mut story) = (Tracker::new(Config::default()), Story::default());
    let losses = [
        (LossCause::CaptureBuffer, 3),
        (LossCause::Interface, 4),
        (LossCause::KernelEvents, u64::MAX),
        (LossCause::KernelEvents, 5),
        (LossCause::TruncatedFile, 1),
    ];
    for (cause, count) in losses {
        tracker.observe(&Observation::Loss(Loss { at_ns: 0, cause, count }), &mut story);
    }
    let summary = tracker.finish(&mut story);
    assert_eq!((summary.packets_dropped, summary.events_lost, summary.truncated_files), (7, u64::MAX, 1));
}

#[test]
fn messages_are_counted_beyond_those_that_are_kept() {
    let mut wire = Wire::script(HANDSHAKE);
    for n in 0..5 {
        let (request, response) = (1 + 27 * n, 1 + 27 * n);
        wire.play(&format!(
            "C PSH,ACK {request} ack {response} data GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n
             S PSH,ACK {response} ack {} data HTTP/1.1 204 No Content\\r\\n\\r\\n",
            request + 27
        ));
    }
    let story = run(&wire.frames, Config { kept_messages: 2, ..Config::default() });
    let connection = story.only();
    assert_eq!(connection.messages.len(), 2);
    assert_eq!((connection.message_count, connection.request_count), (10, 5));
}
