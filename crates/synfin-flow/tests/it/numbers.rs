//! Sequence numbers, windows and times: what is counted from what.

use std::time::Duration;

use synfin_flow::{Config, RttSummary};
use synfin_wire::Side;
use synfin_wire::tcp::{Flags, OptionsBuf};

use crate::opening::HANDSHAKE;
use crate::story::{Story, run, tell};
use crate::tshark::same_numbers;
use crate::wire::{START_NS, Say, Wire};

fn windows(story: &Story) -> Vec<u32> {
    story.packets.iter().map(|(_, packet)| packet.window).collect()
}

#[test]
fn byte_counts_go_on_past_many_wraps() {
    // Each jumbo frame carries 60,000 bytes; jumps of less than 2^31 in between are bytes that the capture missed.
    let mut wire = Wire::script(HANDSHAKE);
    let payload = vec![b'x'; 60_000];
    let jump = (1u64 << 31) - 70_000;
    let mut at = 1u64;
    for n in 0..20 {
        at += jump;
        let mut say = Say {
            at_ns: START_NS + (n + 1) * 1_000_000_000,
            from: Side::Client,
            flags: Flags::ACK,
            seq: wire.iss.0.wrapping_add(at as u32),
            ack: wire.iss.1.wrapping_add(1),
            payload: &payload,
            window: 1000,
            options: OptionsBuf::new(),
            id: 0,
            interface: 1,
            is_bad: false,
        };
        wire.say(&say);
        at += 60_000;
        (say.seq, say.ack) = (say.ack, wire.iss.0.wrapping_add(at as u32));
        (say.from, say.payload) = (Side::Server, &[]);
        wire.say(&say);
    }
    let story = wire.run();
    same_numbers(&wire, &story, "wraps");
    let connection = story.only();
    assert!(at > 9 << 32);
    assert_eq!(connection.client.sent.payload_bytes, 20 * 60_000);
    assert_eq!(connection.client.sent.missed_bytes, 20 * jump);
    let (_, last) = story.packets.last().unwrap();
    assert_eq!(last.ack, Some(at as i64));
    let (_, last_data) = &story.packets[story.packets.len() - 2];
    assert_eq!(last_data.seq, (at - 60_000) as i64);
}

#[test]
fn the_wrap_inside_of_a_segment_is_no_edge() {
    let mut wire = Wire::new();
    wire.iss = (u32::MAX - 49, u32::MAX);
    wire.play(HANDSHAKE);
    wire.play(
        "C PSH,ACK 1 ack 1 len 100
         S ACK 1 ack 101
         S PSH,ACK 1 ack 101 len 100
         C FIN,ACK 101 ack 101
         S FIN,ACK 101 ack 102
         C ACK 102 ack 102",
    );
    let story = wire.run();
    same_numbers(&wire, &story, "wrap");
    assert_eq!(story.marks(), []);
    let numbers: Vec<_> =
        story.packets.iter().map(|(_, packet)| (packet.seq, packet.ack.unwrap_or(-1))).collect();
    assert_eq!(
        numbers,
        [(0, -1), (0, 1), (1, 1), (1, 1), (1, 101), (1, 101), (101, 101), (101, 102), (102, 102)]
    );
    let counts = [story.only().client.sent, story.only().server.sent];
    assert_eq!(counts.map(|sent| (sent.payload_bytes, sent.missed_bytes)), [(100, 0), (100, 0)]);
}

#[test]
fn what_is_before_the_first_packet_seen_is_negative() {
    let wire = Wire::script("C PSH,ACK 5000 ack 1 len 10\n C PSH,ACK 4000 ack 1 len 10\n S ACK 1 ack 5010");
    let story = wire.run();
    same_numbers(&wire, &story, "negative");
    let numbers: Vec<_> = story.packets.iter().map(|(_, packet)| packet.seq).collect();
    assert_eq!(numbers, [1, -999, 1]);
    assert_eq!(story.only().client.sent.payload_bytes, 10);
}

#[test]
fn windows_scale_once_both_syns_have_the_option() {
    let scaled = tell(
        "C SYN 0 win 100 ws 7\n S SYN,ACK 0 ack 1 win 200 ws 2\n C ACK 1 ack 1 win 100\n S ACK 1 ack 1 win 200",
    );
    assert_eq!(windows(&scaled), [100, 200, 100 << 7, 200 << 2], "the windows of SYNs are never scaled");
    let one_sided = tell("C SYN 0 win 100 ws 7\n S SYN,ACK 0 ack 1 win 200\n C ACK 1 ack 1 win 100");
    assert_eq!(windows(&one_sided), [100, 200, 100]);
    let unknown = tell("C ACK 1 ack 1 win 100\n S ACK 1 ack 1 win 200");
    assert_eq!(windows(&unknown), [100, 200]);
    let too_large = tell("C SYN 0 ws 200\n S SYN,ACK 0 ack 1 ws 0\n C ACK 1 ack 1 win 1");
    assert_eq!(windows(&too_large)[2], 1 << 14, "above 14 means 14: RFC 7323 section 2.3");
    let options = (scaled.only().client.window_scale, one_sided.only().server.window_scale);
    assert_eq!(options, (Some(7), None));
}

#[track_caller]
fn rtt(story: &Story, side: Side) -> (u64, u64, u64) {
    let RttSummary { min_ns, max_ns, samples, .. } = story.only().endpoint(side).rtt.unwrap();
    (min_ns, max_ns, samples)
}

const MS: u64 = 1_000_000;

#[test]
fn round_trips_are_timed_from_each_segment_to_its_acknowledgement() {
    let story = tell(
        "0 C SYN 0\n 30 S SYN,ACK 0 ack 1\n 31 C ACK 1 ack 1\n 40 C PSH,ACK 1 ack 1 len 5\n 90 S ACK 1 ack 6",
    );
    assert_eq!(rtt(&story, Side::Client), (30 * MS, 50 * MS, 2));
    assert_eq!(rtt(&story, Side::Server), (MS, MS, 1));
    let both = story.only().rtt().unwrap();
    assert_eq!((both.min_ns, both.samples), (31 * MS, 3));
}

#[test]
fn what_was_sent_twice_gives_no_sample_unless_timestamps_tell_which() {
    let story = tell(&format!(
        "{HANDSHAKE} 100 C PSH,ACK 1 ack 1 len 5\n 400 C PSH,ACK 1 ack 1 len 5\n 420 S ACK 1 ack 6"
    ));
    assert_eq!(rtt(&story, Side::Client), (MS, MS, 1), "the SYN's alone");
    let story = tell(
        "0 C SYN 0 ts 1 0
         1 S SYN,ACK 0 ack 1 ts 50 1
         2 C ACK 1 ack 1 ts 2 50
         100 C PSH,ACK 1 ack 1 len 5 ts 100 50
         400 C PSH,ACK 1 ack 1 len 5 ts 400 50
         420 S ACK 1 ack 6 ts 470 400",
    );
    assert_eq!(rtt(&story, Side::Client), (MS, 20 * MS, 2));
}

#[test]
fn checksums_are_checked_when_asked() {
    let script = format!("{HANDSHAKE} C PSH,ACK 1 ack 1 len 5 bad\n C PSH,ACK 1 ack 1 len 5");
    let ignored = tell(&script);
    assert_eq!((ignored.summary.packets, ignored.only().client.sent.retransmitted), (5, 1));
    let config = Config { check_checksums: true, ..Config::default() };
    let checked = run(&Wire::script(&script).frames, config);
    assert_eq!((checked.summary.packets, checked.summary.bad_checksums), (4, 1));
    assert_eq!(checked.only().client.sent.retransmitted, 0);
}

#[test]
fn times_are_those_of_first_and_last_packet() {
    let story = tell("5 C SYN 0\n 7 S RST,ACK 0 ack 1");
    let lasted = Duration::from_nanos(story.only().end_ns - story.only().start_ns);
    assert_eq!((story.only().start_ns, lasted), (START_NS + 5 * MS, Duration::from_millis(2)));
}
