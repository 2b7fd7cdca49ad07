//! Two streams through any network and any capture: cut, interleaved, reordered, repeated, overlapping, and lost.

use std::collections::BTreeMap;

use proptest::prelude::*;
use synfin_flow::Config;
use synfin_messages::Detail;
use synfin_wire::Side;
use synfin_wire::tcp::{Flags, OptionsBuf};

use crate::opening::HANDSHAKE;
use crate::story::{Story, run};
use crate::wire::{START_NS, Say, Wire};

/// A range of a stream on its way.
#[derive(Clone, Debug)]
struct Trip {
    start: usize,
    end: usize,
    /// Trips are captured in this order.
    order: usize,
    is_lost: bool,
}

/// How far a segment may be overtaken, in segments.
const REORDERING: usize = 6;

/// All of a stream in segments, then some ranges of it again.
fn trips(len: usize, may_lose: bool) -> impl Strategy<Value = Vec<Trip>> {
    let cuts = proptest::collection::vec((1usize..200, 0..REORDERING, 0u8..10), len.div_ceil(60) + 1);
    let again = proptest::collection::vec((0..len.max(1), 1usize..300, 0usize..100), 0..8);
    (cuts, again).prop_map(move |(cuts, again)| {
        let (mut trips, mut at) = (Vec::new(), 0);
        for (n, (size, jitter, luck)) in cuts.iter().cycle().enumerate() {
            if at >= len {
                break;
            }
            let end = (at + size).min(len);
            trips.push(Trip { start: at, end, order: n + jitter, is_lost: may_lose && luck == &0 });
            at = end;
        }
        let last = trips.len();
        for (start, size, when) in again.into_iter().filter(|(start, ..)| *start < len) {
            trips.push(Trip {
                start,
                end: (start + size).min(len),
                order: when * last / 100,
                is_lost: false,
            });
        }
        trips
    })
}

/// One direction: its bytes and how they travel.
type Way = (Vec<u8>, Vec<Trip>);

fn random_way() -> impl Strategy<Value = Way> {
    proptest::collection::vec(any::<u8>(), 0..3000).prop_flat_map(|bytes| {
        let len = bytes.len();
        (Just(bytes), trips(len, true))
    })
}

/// How much of a stream comes through.
fn captured(way: &Way) -> Vec<bool> {
    let mut there = vec![false; way.0.len()];
    for trip in way.1.iter().filter(|trip| !trip.is_lost) {
        there[trip.start..trip.end].fill(true);
    }
    there
}

/// The whole connection. Nothing is acknowledged before the capture has seen it, until the end acknowledges all.
fn send(client: &Way, server: &Way, iss: (u32, u32)) -> Story {
    let mut wire = Wire::new();
    wire.iss = iss;
    wire.play(HANDSHAKE);
    let mut events: Vec<_> = [(Side::Client, client), (Side::Server, server)]
        .into_iter()
        .flat_map(|(from, (_, trips))| trips.iter().map(move |trip| (trip.order, from, trip)))
        .filter(|(.., trip)| !trip.is_lost)
        .collect();
    events.sort_by_key(|(order, ..)| *order);
    let mut there = [vec![false; client.0.len()], vec![false; server.0.len()]];
    let mut at_ns = START_NS + 10_000_000;
    for (_, from, trip) in events {
        let (own, peer, bytes) = match from {
            Side::Client => (0, 1, &client.0),
            Side::Server => (1, 0, &server.0),
        };
        there[own][trip.start..trip.end].fill(true);
        let received = there[peer].iter().take_while(|there| **there).count();
        let (own_iss, peer_iss) = if own == 0 { iss } else { (iss.1, iss.0) };
        at_ns += 3_000_000;
        wire.say(&Say {
            at_ns,
            from,
            flags: Flags::ACK | Flags::PSH,
            seq: own_iss.wrapping_add(1 + trip.start as u32),
            ack: peer_iss.wrapping_add(1 + received as u32),
            payload: &bytes[trip.start..trip.end],
            window: 60_000,
            options: OptionsBuf::new(),
            id: 0,
            interface: 1,
            is_bad: false,
        });
    }
    let (c, s) = (client.0.len() + 1, server.0.len() + 1);
    wire.play(&format!(
        "C FIN,ACK {c} ack {s}\n S FIN,ACK {s} ack {}\n C ACK {} ack {}",
        c + 1,
        c + 1,
        s + 1
    ));
    run(&wire.frames, Config::default())
}

/// Requests or responses with bodies of these sizes, one after the other.
fn http(start: &str, bodies: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for len in bodies {
        bytes.extend_from_slice(format!("{start}\r\nContent-Length: {len}\r\n\r\n").as_bytes());
        bytes.extend((0..*len).map(|n| b"\r\n GET"[n % 6]));
    }
    bytes
}

fn http_way(start: &'static str) -> impl Strategy<Value = (Vec<usize>, Way)> {
    proptest::collection::vec(0usize..400, 1..5).prop_flat_map(move |bodies| {
        let bytes = http(start, &bodies);
        let len = bytes.len();
        (Just(bodies), (Just(bytes), trips(len, false)))
    })
}

/// The sizes of the bodies of one kind, all of whose messages must be complete, in the order of the stream.
fn bodies(story: &Story, side: Side) -> Vec<usize> {
    let mut found: Vec<_> =
        story.messages.iter().map(|(_, message)| message).filter(|m| m.from == side).collect();
    found.sort_by_key(|message| message.stream_start);
    let of = |detail: &Detail| match detail {
        Detail::HttpRequest(request) => request.body_bytes as usize,
        Detail::HttpResponse(response) => response.body_bytes as usize,
        other => panic!("{other:?}"),
    };
    assert!(found.iter().all(|message| message.complete && message.missed_bytes == 0));
    found.iter().map(|message| of(&message.detail)).collect()
}

proptest! {
    #[test]
    fn every_byte_is_accounted_for(client in random_way(), server in random_way(), iss: (u32, u32)) {
        let story = send(&client, &server, iss);
        let connection = story.only();
        for (endpoint, way) in [(&connection.client, &client), (&connection.server, &server)] {
            let there = captured(way).iter().filter(|there| **there).count() as u64;
            let len = way.0.len() as u64;
            prop_assert_eq!((endpoint.sent.payload_bytes, endpoint.sent.missed_bytes), (there, len - there));
            let sent: u64 =
                way.1.iter().filter(|trip| !trip.is_lost).map(|trip| (trip.end - trip.start) as u64).sum();
            // A single octet before the end may pass for a keep-alive, whose octet nobody counts as sent again.
            let keep_alives = endpoint.sent.keep_alives;
            let again = endpoint.sent.retransmitted_bytes;
            prop_assert!(again <= sent - there && sent - there <= again + keep_alives);
        }
        prop_assert!(connection.close.is_over());
    }

    #[test]
    fn messages_come_out_whole(
        (requests, client) in http_way("POST / HTTP/1.1\r\nHost: x"),
        (responses, server) in http_way("HTTP/1.1 200 OK"),
        iss: (u32, u32),
    ) {
        let story = send(&client, &server, iss);
        prop_assert_eq!(bodies(&story, Side::Client), requests);
        prop_assert_eq!(bodies(&story, Side::Server), responses);
    }
}

/// Six requests on one connection, the second of which the capture missed: it was answered, so that it had arrived.
#[test]
fn a_request_that_the_capture_missed_costs_its_own_exchange_only() {
    let response = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let escaped = |text: &str| text.replace('\r', "\\r").replace('\n', "\\n");
    let mut wire = Wire::script(HANDSHAKE);
    let (mut seq, mut ack) = (1, 1);
    for n in 1..=6 {
        let request = format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n");
        if n != 2 {
            wire.play(&format!("C PSH,ACK {seq} ack {ack} data {}", escaped(&request)));
        }
        seq += request.len();
        wire.play(&format!("S PSH,ACK {ack} ack {seq} data {}", escaped(response)));
        ack += response.len();
    }
    let story = wire.run();
    let mut targets = BTreeMap::new();
    let mut answered = Vec::new();
    for (_, message) in &story.messages {
        match &message.detail {
            Detail::HttpRequest(request) => drop(targets.insert(message.n, request.target.clone())),
            Detail::HttpResponse(response) => {
                answered.push(response.request.and_then(|n| targets.get(&n).cloned()).unwrap_or_default());
            }
            _ => {}
        }
    }
    assert_eq!(answered, ["/1", "", "/3", "/4", "/5", "/6"]);
    assert_eq!(story.marks(), [(6, "acked-unseen".to_owned()), (7, "previous-segment-lost".to_owned())]);
}
