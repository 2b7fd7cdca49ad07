//! Any frames at all: no panic, bounded memory, and sums that add up.

use proptest::prelude::*;
use synfin_flow::{Config, Tracker};
use synfin_wire::tcp::{Flags, OptionsBuf};
use synfin_wire::{Frame, InterfaceId, LinkType, Observation, Side};

use crate::opening::HANDSHAKE;
use crate::story::{Story, run};
use crate::wire::{START_NS, Say, Sent, Wire, ip_packet};

/// Everything small, so that every bound is met.
const TIGHT: Config = Config {
    kept_packets: 5,
    messages: true,
    kept_messages: 2,
    check_checksums: false,
    linger_ns: 1_000_000_000,
    max_lingering: 2,
    max_connections: 3,
    max_pending_bytes: 100,
    max_pending_segments: 3,
    max_fragmented: 2,
};

/// Frames as any capture may hold them: bytes, time, link type, interface, and bytes that the capture cut off.
type Raw = (Vec<u8>, u64, u16, u32, u32);

fn watch(frames: &[Raw], config: Config) -> Story {
    let (mut tracker, mut story) = (Tracker::new(config), Story::default());
    for (number, (bytes, at_ns, link, interface, cut)) in (1..).zip(frames) {
        tracker.observe(
            &Observation::Frame(Frame {
                number,
                at_ns: *at_ns,
                link: LinkType(*link),
                interface: InterfaceId(*interface),
                direction: None,
                original_len: (bytes.len() as u32).saturating_add(*cut),
                bytes,
                fate: synfin_wire::Fate::default(),
            }),
            &mut story,
        );
        assert!(tracker.connections().len() <= config.max_connections);
        for connection in tracker.connections() {
            assert!(connection.packets.len() <= config.kept_packets);
            assert!(connection.messages.len() <= config.kept_messages);
        }
    }
    story.summary = tracker.finish(&mut story);
    story.verify();
    for connection in &story.connections {
        let _ = (connection.findings(), connection.zeek(), connection.rtt());
    }
    story
}

fn link() -> impl Strategy<Value = u16> {
    prop_oneof![
        any::<u16>(),
        prop::sample::select(vec![0u16, 1, 9, 12, 50, 101, 105, 108, 113, 127, 228, 229, 276])
    ]
}

fn any_time() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), START_NS..START_NS + 10_000_000_000]
}

/// A connection with everything: options, HTTP, a retransmission, a close, and fragments.
fn seed_frames() -> Vec<Sent> {
    let mut wire = Wire::script(
        "C SYN 0 mss 1460 ws 7 sackok ts 1 0
         S SYN,ACK 0 ack 1 mss 1460 ws 7 sackok ts 9 1
         C ACK 1 ack 1 ts 2 9
         C PSH,ACK 1 ack 1 ts 2 9 data GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n
         S ACK 1 ack 28 ts 10 2
         S PSH,ACK 1 ack 28 ts 10 2 data HTTP/1.1 200 OK\\r\\nContent-Length: 30\\r\\n\\r\\n
         S PSH,ACK 61 ack 28 ts 11 2 len 10
         C ACK 28 ack 40 ts 3 10 sack 61-71
         S PSH,ACK 40 ack 28 ts 12 3 len 30
         C FIN,ACK 28 ack 70 ts 4 12
         S FIN,ACK 70 ack 29 ts 13 4
         C ACK 29 ack 71 ts 5 13",
    );
    let segment = wire.frames[5].bytes[20..].to_vec();
    for (n, piece) in segment.chunks(40).enumerate() {
        let place = Some((n * 40, (n + 1) * 40 < segment.len()));
        let bytes = ip_packet(wire.server.ip(), wire.client.ip(), 9, place, piece);
        wire.frames.push(Sent { at_ns: START_NS, interface: 1, bytes });
    }
    wire.frames
}

/// Valid frames with a few bytes changed, in any order.
fn mutated() -> impl Strategy<Value = Raw> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let fate = (
        any_time(),
        prop_oneof![9 => Just(101u16), 1 => link()],
        0u32..3,
        prop_oneof![Just(0), any::<u32>()],
    );
    (prop::sample::select(seed_frames()), changes, any::<prop::sample::Index>(), any::<bool>(), fate)
        .prop_map(|(sent, changes, end, is_cut, (at_ns, link, interface, cut))| {
            let mut bytes = sent.bytes;
            for (index, value) in changes {
                let index = index.index(bytes.len());
                bytes[index] = value;
            }
            if is_cut {
                bytes.truncate(end.index(bytes.len()));
            }
            (bytes, at_ns, link, interface, cut)
        })
}

/// Segments of two connections, with numbers that are near enough to one another to matter.
fn segments() -> impl Strategy<Value = Vec<Sent>> {
    let number = || prop_oneof![8 => 0i64..8, 1 => -3i64..200, 1 => any::<i64>()];
    let one =
        (any::<bool>(), any::<bool>(), 0u16..64, number(), number(), 0usize..4, 0u64..2000, any::<u16>());
    prop::collection::vec(one, 1..40).prop_map(|segments| {
        let mut wires = [Wire::new(), Wire::between("10.0.0.1:40000", "10.0.0.2:81")];
        let (mut frames, mut at_ns) = (Vec::new(), START_NS);
        for (is_client, is_first, flags, seq, ack, len, after_ms, window) in segments {
            at_ns += after_ms * 1_000_000;
            let wire = &mut wires[usize::from(is_first)];
            let (from, own, peer) = if is_client {
                (Side::Client, wire.iss.0, wire.iss.1)
            } else {
                (Side::Server, wire.iss.1, wire.iss.0)
            };
            wire.say(&Say {
                at_ns,
                from,
                flags: Flags::from_bits(flags),
                seq: own.wrapping_add(seq as u32),
                ack: peer.wrapping_add(ack as u32),
                payload: &b"GET "[..len],
                window,
                options: OptionsBuf::new(),
                id: 0,
                interface: 1,
                is_bad: false,
            });
            frames.extend(wire.frames.pop());
        }
        frames
    })
}

/// As [`segments`], but mostly a connection as it should be, so that its later states are reached.
fn plausible() -> impl Strategy<Value = Vec<Sent>> {
    let lines = vec![
        "C ACK 1 ack 1",
        "C PSH,ACK 1 ack 1 len 10",
        "S ACK 1 ack 11",
        "S PSH,ACK 1 ack 1 len 10",
        "C ACK 1 ack 11",
        "C FIN,ACK 1 ack 1",
        "C FIN,ACK 11 ack 1",
        "C FIN,ACK 11 ack 11",
        "S FIN,ACK 1 ack 1",
        "S FIN,ACK 11 ack 12",
        "S FIN,ACK 11 ack 11",
        "C ACK 12 ack 11",
        "C ACK 12 ack 12",
        "S ACK 12 ack 12",
        "S ACK 11 ack 12",
        "S SYN,ACK 0 ack 1",
        "C SYN 0",
        "S SYN 0",
        "C SYN,ACK 0 ack 1",
        "C RST 1",
        "S RST,ACK 12 ack 12",
        "C RST,ACK 12 ack 12",
        "C SYN 99",
        "S RST 1",
    ];
    (any::<bool>(), prop::collection::vec((prop::sample::select(lines), 1u32..700), 0..25)).prop_map(
        |(opens, lines)| {
            let mut wire = Wire::new();
            if opens {
                wire.play(HANDSHAKE);
            }
            let mut ms = 10;
            for (line, after_ms) in lines {
                ms += after_ms;
                wire.play(&format!("{ms} {line}"));
            }
            wire.frames
        },
    )
}

proptest! {
    #[test]
    fn random_bytes(
        frames in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), any_time(), link(), 0u32..4, any::<u32>()), 0..40
        )
    ) {
        watch(&frames, TIGHT);
    }

    #[test]
    fn valid_frames_with_changed_bytes(frames in prop::collection::vec(mutated(), 0..60), check_checksums: bool) {
        watch(&frames, Config { check_checksums, ..TIGHT });
    }

    #[test]
    fn any_segments_take_legal_ways_through_the_states(frames in segments()) {
        run(&frames, Config::default());
    }

    #[test]
    fn plausible_segments_in_any_order_take_legal_ways_through_the_states(frames in plausible()) {
        run(&frames, Config::default());
        run(&frames, TIGHT);
    }
}
