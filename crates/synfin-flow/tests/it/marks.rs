//! What is remarkable about a packet: by the definitions of the marks, and beside what tshark says of the same bytes.

use std::collections::BTreeMap;

use crate::opening::HANDSHAKE;
use crate::story::{Story, run};
use crate::tshark::{read, same_numbers};
use crate::wire::Wire;

/// tshark's name, and ours where it is not the same.
const TSHARK: [(&str, &str); 15] = [
    ("retransmission", "retransmission"),
    ("fast_retransmission", "fast-retransmission"),
    ("spurious_retransmission", "spurious-retransmission"),
    ("out_of_order", "out-of-order"),
    ("duplicate_ack", "duplicate-ack"),
    ("lost_segment", "previous-segment-lost"),
    ("ack_lost_segment", "acked-unseen"),
    ("zero_window", "zero-window"),
    ("window_full", "window-full"),
    ("window_update", "window-update"),
    ("keep_alive", "keep-alive"),
    ("keep_alive_ack", "keep-alive-ack"),
    ("reused_ports", "port-reused"),
    ("zero_window_probe", "zero-window-probe"),
    ("zero_window_probe_ack", "zero-window-probe-ack"),
];

/// What tshark marks, by frame number, in our words; `None` without tshark.
fn tshark(wire: &Wire, name: &str) -> Option<BTreeMap<u64, Vec<&'static str>>> {
    let names: Vec<_> = TSHARK.iter().map(|(field, _)| format!("tcp.analysis.{field}")).collect();
    let fields: Vec<_> = ["frame.number"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut marks = BTreeMap::new();
    for line in read(wire, name, &fields)? {
        let mut values = line.iter();
        let number = values.next().unwrap().parse().unwrap();
        let mut found: Vec<_> =
            values.zip(TSHARK).filter(|(value, _)| !value.is_empty()).map(|(_, (_, ours))| ours).collect();
        // A fast or spurious one is marked as retransmission as well.
        if found.iter().any(|mark| mark.ends_with("-retransmission")) {
            found.retain(|mark| *mark != "retransmission");
        }
        if !found.is_empty() {
            marks.insert(number, found);
        }
    }
    Some(marks)
}

/// Plays a script. The packets that `expected` lists have those marks, the others none; `differs` lists what tshark
/// says otherwise, and why that is no reason to say it as well.
#[track_caller]
fn marked(name: &str, script: &str, expected: &[(u64, &str)], differs: &[(u64, &str, &str)]) -> Story {
    let wire = Wire::script(script);
    let story = run(&wire.frames, synfin_flow::Config::default());
    let expected: Vec<_> = expected.iter().map(|(n, marks)| (*n, (*marks).to_owned())).collect();
    assert_eq!(story.marks(), expected, "ours");
    same_numbers(&wire, &story, &format!("{name}-numbers"));
    if let Some(theirs) = tshark(&wire, name) {
        let known: Vec<_> = TSHARK.iter().map(|(_, ours)| *ours).collect();
        let mut ours: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (n, marks) in &expected {
            let marks: Vec<_> = marks.split(' ').filter(|mark| known.contains(mark)).collect();
            if !marks.is_empty() {
                ours.insert(*n, marks);
            }
        }
        for (n, marks, _reason) in differs {
            ours.remove(n);
            if !marks.is_empty() {
                ours.insert(*n, marks.split(' ').collect());
            }
        }
        for marks in ours.values_mut() {
            marks.sort_unstable_by_key(|mark| known.iter().position(|name| name == mark));
        }
        assert_eq!(theirs, ours, "tshark's");
    }
    story
}

fn after_handshake(script: &str) -> String {
    format!("{HANDSHAKE}{script}")
}

#[test]
fn nothing_is_remarkable_about_a_clean_connection() {
    let script = after_handshake(
        "C PSH,ACK 1 ack 1 len 100
         S ACK 1 ack 101
         S PSH,ACK 1 ack 101 len 1000
         S PSH,ACK 1001 ack 101 len 1000
         C ACK 101 ack 2001
         C FIN,ACK 101 ack 2001
         S FIN,ACK 2001 ack 102
         C ACK 102 ack 2002",
    );
    marked("clean", &script, &[], &[]);
}

#[test]
fn retransmission_after_a_timeout() {
    let script = after_handshake(
        "4 C PSH,ACK 1 ack 1 len 100
         304 C PSH,ACK 1 ack 1 len 100
         305 S ACK 1 ack 101",
    );
    let story = marked("timeout", &script, &[(5, "retransmission")], &[]);
    let sent = story.only().client.sent;
    assert_eq!((sent.retransmitted, sent.retransmitted_bytes, sent.payload_bytes), (1, 100, 100));
}

#[test]
fn a_syn_and_a_fin_sent_again_are_retransmissions() {
    let script = "0 C SYN 0
         1000 C SYN 0
         1001 S SYN,ACK 0 ack 1
         1002 C ACK 1 ack 1
         1003 C FIN,ACK 1 ack 1
         1300 C FIN,ACK 1 ack 1";
    marked("syn-fin", script, &[(2, "retransmission"), (6, "retransmission")], &[]);
}

#[test]
fn spurious_retransmission() {
    let script = after_handshake(
        "4 C PSH,ACK 1 ack 1 len 100
         5 S ACK 1 ack 101
         304 C PSH,ACK 1 ack 1 len 100
         305 S ACK 1 ack 101",
    );
    let differs = [(7, "duplicate-ack", "it answers the retransmission: nothing is missing")];
    marked("spurious", &script, &[(6, "spurious-retransmission")], &differs);
}

#[test]
fn fast_retransmission_after_duplicate_acks() {
    // Packet 5 of the client was lost before the capture: a hole, duplicate acknowledgements, the repair.
    let script = after_handshake(
        "100 C ACK 1 ack 1 len 100
         101 C ACK 201 ack 1 len 100
         102 C ACK 301 ack 1 len 100
         103 C ACK 401 ack 1 len 100
         150 S ACK 1 ack 101
         151 S ACK 1 ack 101
         152 S ACK 1 ack 101
         153 S ACK 1 ack 101
         155 C ACK 101 ack 1 len 100
         205 S ACK 1 ack 501",
    );
    let expected = [
        (5, "previous-segment-lost"),
        (9, "duplicate-ack"),
        (10, "duplicate-ack"),
        (11, "duplicate-ack"),
        (12, "fast-retransmission"),
    ];
    let story = marked("fast", &script, &expected, &[]);
    let (client, server) = (story.only().client.sent, story.only().server.sent);
    assert_eq!((client.retransmitted, client.retransmitted_bytes, client.missed_bytes), (1, 0, 0));
    assert_eq!(server.duplicate_acks, 3);
}

#[test]
fn out_of_order_when_it_comes_right_after() {
    let script = after_handshake(
        "100 C ACK 1 ack 1 len 100
         101 C ACK 201 ack 1 len 100
         101.5 C ACK 101 ack 1 len 100
         150 S ACK 1 ack 301",
    );
    let story = marked("out-of-order", &script, &[(5, "previous-segment-lost"), (6, "out-of-order")], &[]);
    assert_eq!(story.only().client.sent.out_of_order, 1);
    assert_eq!(story.only().client.sent.retransmitted, 0);
}

#[test]
fn the_identification_of_ip_tells_overtaken_from_repaired() {
    let late = "100 C ACK 1 ack 1 len 100 id 10
         101 C ACK 201 ack 1 len 100 id 12
         140 C ACK 101 ack 1 len 100 id 11";
    let differs = [(6, "retransmission", "tshark has but the time to judge by")];
    marked("late", &after_handshake(late), &[(5, "previous-segment-lost"), (6, "out-of-order")], &differs);
    let repaired = "100 C ACK 1 ack 1 len 100 id 10
         101 C ACK 201 ack 1 len 100 id 12
         102 C ACK 101 ack 1 len 100 id 13";
    let differs = [(6, "out-of-order", "tshark has but the time to judge by")];
    marked(
        "repaired",
        &after_handshake(repaired),
        &[(5, "previous-segment-lost"), (6, "retransmission")],
        &differs,
    );
}

#[test]
fn acknowledged_but_unseen() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 100
         150 S ACK 1 ack 301",
    );
    marked("unseen", &script, &[(5, "acked-unseen")], &[]);
}

#[test]
fn an_acknowledged_hole_is_unseen_once() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 100
         101 C PSH,ACK 201 ack 1 len 100
         150 S ACK 1 ack 301
         160 S PSH,ACK 1 ack 301 len 10",
    );
    marked("hole", &script, &[(5, "previous-segment-lost"), (6, "acked-unseen")], &[]);
}

#[test]
fn a_full_window_is_not_told_from_an_old_acknowledgement() {
    // The capture missed the acknowledgements in between.
    let script = "C SYN 0 ws 0\n S SYN,ACK 0 ack 1 ws 0 win 2000\n C ACK 1 ack 1\n C ACK 4001 ack 1 len 1000";
    marked("stale-window", script, &[(4, "previous-segment-lost")], &[]);
}

#[test]
fn duplicate_acks_need_something_under_way() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 100
         101 S ACK 1 ack 101
         102 S ACK 1 ack 101
         103 S ACK 1 ack 101",
    );
    let reason = "nothing is under way that could be missing: RFC 5681 section 2";
    marked("idle-acks", &script, &[], &[(6, "duplicate-ack", reason), (7, "duplicate-ack", reason)]);
}

#[test]
fn zero_window_its_probes_and_its_end() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 1000
         101 S ACK 1 ack 1001 win 0
         400 C ACK 1001 ack 1 len 1
         401 S ACK 1 ack 1001 win 0
         1000 C ACK 1001 ack 1 len 1
         1001 S ACK 1 ack 1001 win 0
         2000 S ACK 1 ack 1001 win 5000
         2001 C PSH,ACK 1001 ack 1 len 100",
    );
    let story = marked(
        "zero-window",
        &script,
        &[
            (5, "zero-window"),
            (6, "zero-window-probe"),
            (7, "zero-window zero-window-probe-ack"),
            (8, "zero-window-probe"),
            (9, "zero-window zero-window-probe-ack"),
            (10, "window-update"),
        ],
        &[],
    );
    assert_eq!(story.only().server.sent.zero_windows, 3);
    assert_eq!(story.only().client.sent.keep_alives, 2);
    assert_eq!(story.only().client.sent.payload_bytes, 1100);
}

#[test]
fn a_probe_that_is_taken_opens_the_window() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 1000
         101 S ACK 1 ack 1001 win 0
         400 C ACK 1001 ack 1 len 1
         401 S ACK 1 ack 1002 win 5000
         402 C PSH,ACK 1002 ack 1 len 100",
    );
    let reason = "tshark does not remember that the probe brought the octet";
    let differs = [(7, "acked-unseen", reason), (8, "previous-segment-lost", reason)];
    let story = marked("probe-taken", &script, &[(5, "zero-window"), (6, "zero-window-probe")], &differs);
    assert_eq!(story.only().client.sent.payload_bytes, 1101);
}

#[test]
fn a_single_octet_sent_again_is_no_keep_alive_while_it_waits() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 1
         400 C PSH,ACK 1 ack 1 len 1
         401 S ACK 1 ack 2",
    );
    let differs = [(5, "keep-alive", "tshark does not look whether the octet was acknowledged")];
    marked("octet", &script, &[(5, "retransmission")], &differs);
}

#[test]
fn the_place_of_a_fin_is_no_keep_alive() {
    // An acknowledgement from before the FIN, overtaken by it.
    let script = after_handshake("C FIN,ACK 1 ack 1\n S ACK 1 ack 2\n C ACK 1 ack 1");
    let differs = [(6, "keep-alive", "tshark does not know that the octet before the next one is the FIN")];
    marked("fin-place", &script, &[], &differs);
}

#[test]
fn a_full_window() {
    let script = "0 C SYN 0 ws 0
         1 S SYN,ACK 0 ack 1 ws 0
         2 C ACK 1 ack 1
         3 S ACK 1 ack 1 win 2000
         4 C ACK 1 ack 1 len 1000
         5 C ACK 1001 ack 1 len 1000
         6 S ACK 1 ack 2001 win 2000";
    marked("window-full", script, &[(4, "window-update"), (6, "window-full")], &[]);
}

#[test]
fn keep_alives_and_their_answers() {
    let script = after_handshake(
        "100 C PSH,ACK 1 ack 1 len 100
         101 S ACK 1 ack 101
         9000 C ACK 100 ack 1
         9001 S ACK 1 ack 101
         18000 C ACK 100 ack 1 len 1
         18001 S ACK 1 ack 101",
    );
    let expected = [(6, "keep-alive"), (7, "keep-alive-ack"), (8, "keep-alive"), (9, "keep-alive-ack")];
    let story = marked("keep-alive", &script, &expected, &[]);
    let sent = story.only().client.sent;
    assert_eq!((sent.keep_alives, sent.retransmitted, sent.payload_bytes), (2, 0, 100));
}

#[test]
fn a_keep_alive_before_any_data() {
    let script = after_handshake("9000 C ACK 0 ack 1\n 9001 S ACK 1 ack 1");
    marked("early-keep-alive", &script, &[(4, "keep-alive"), (5, "keep-alive-ack")], &[]);
}

#[test]
fn dsack() {
    let script = "0 C SYN 0 sackok
         1 S SYN,ACK 0 ack 1 sackok
         2 C ACK 1 ack 1
         100 C PSH,ACK 1 ack 1 len 100
         101 S ACK 1 ack 101
         300 C PSH,ACK 1 ack 1 len 100
         301 S ACK 1 ack 101 sack 1-101";
    let differs = [(7, "duplicate-ack", "tshark does not read the SACK")];
    marked("dsack", script, &[(6, "spurious-retransmission"), (7, "dsack")], &differs);
}

#[test]
fn a_new_connection_on_the_same_ports() {
    let script = after_handshake(
        "C RST,ACK 1 ack 1
         100 C SYN 50000
         101 S SYN,ACK 90000 ack 50001
         102 C ACK 50001 ack 90001",
    );
    let wire = Wire::script(&script);
    let story = wire.run();
    assert_eq!(story.connections.len(), 2);
    assert_eq!(story.marks(), [(5, "port-reused".to_owned())]);
    assert_eq!(story.connections[1].start_ns, story.packets[4].1.at_ns);
    if let Some(theirs) = tshark(&wire, "reused") {
        assert_eq!(theirs, BTreeMap::from([(5, vec!["port-reused"])]));
    }
}
