//! How connections close: RFC 9293 section 3.6, its figures 12 and 13, and resets in every state.

use crate::story::{expect, tell};

const CLIENT_OPEN: &str = "CLOSED SYN-SENT@1 ESTABLISHED@3";
const SERVER_OPEN: &str = "LISTEN SYN-RECEIVED@2 ESTABLISHED@3";

/// Plays a handshake and the lines after it, the first of which is packet 4.
#[track_caller]
fn closes(script: &str, client: &str, server: &str, close: &str) -> crate::story::Story {
    let script = format!("{}{script}", crate::opening::HANDSHAKE);
    let join = |open: &str, rest: &str| format!("{open} {rest}").trim_end().to_owned();
    expect(&script, &join(CLIENT_OPEN, client), &join(SERVER_OPEN, server), "handshake", close)
}

#[test]
fn figure_12_the_normal_close() {
    closes(
        "C FIN,ACK 1 ack 1\n S ACK 1 ack 2\n S FIN,ACK 1 ack 2\n C ACK 2 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@6",
        "CLOSE-WAIT@4 LAST-ACK@6 CLOSED@7",
        "fin",
    );
}

#[test]
fn the_server_closes_first() {
    closes(
        "S FIN,ACK 1 ack 1\n C ACK 1 ack 2\n C FIN,ACK 1 ack 2\n S ACK 2 ack 2",
        "CLOSE-WAIT@4 LAST-ACK@6 CLOSED@7",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@6",
        "fin",
    );
}

#[test]
fn three_segments() {
    // Section 3.10.7.4: the ACK (fifth) leads to FIN-WAIT-2, the FIN (eighth) of the same segment to TIME-WAIT.
    closes(
        "C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 2\n C ACK 2 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@5",
        "CLOSE-WAIT@4 LAST-ACK@5 CLOSED@6",
        "fin-3",
    );
}

#[test]
fn figure_13_simultaneous_close() {
    closes(
        "C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 1\n C ACK 2 ack 2\n S ACK 2 ack 2",
        "FIN-WAIT-1@4 CLOSING@5 TIME-WAIT@7",
        "FIN-WAIT-1@5 CLOSING@5 TIME-WAIT@6",
        "simultaneous",
    );
}

#[test]
fn figure_13_with_the_acknowledgements_in_the_other_order() {
    closes(
        "C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 1\n S ACK 2 ack 2\n C ACK 2 ack 2",
        "FIN-WAIT-1@4 CLOSING@5 TIME-WAIT@6",
        "FIN-WAIT-1@5 CLOSING@5 TIME-WAIT@7",
        "simultaneous",
    );
}

#[test]
fn half_closed_the_other_way_still_carries_data() {
    closes(
        "C FIN,ACK 1 ack 1
         S ACK 1 ack 2
         S PSH,ACK 1 ack 2 len 1000
         C ACK 2 ack 1001
         S FIN,ACK 1001 ack 2
         C ACK 2 ack 1002",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@8",
        "CLOSE-WAIT@4 LAST-ACK@8 CLOSED@9",
        "fin",
    );
}

#[test]
fn half_closed_for_good() {
    closes("C FIN,ACK 1 ack 1\n S ACK 1 ack 2", "FIN-WAIT-1@4 FIN-WAIT-2@5", "CLOSE-WAIT@4", "half-closed");
}

#[test]
fn a_fin_with_data() {
    closes(
        "C FIN,PSH,ACK 1 ack 1 len 100\n S FIN,ACK 1 ack 102\n C ACK 102 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@5",
        "CLOSE-WAIT@4 LAST-ACK@5 CLOSED@6",
        "fin-3",
    );
}

#[test]
fn a_lost_fin_is_sent_again() {
    closes(
        "4 C FIN,ACK 1 ack 1\n 204 C FIN,ACK 1 ack 1\n S ACK 1 ack 2\n S FIN,ACK 1 ack 2\n C ACK 2 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@6 TIME-WAIT@7",
        "CLOSE-WAIT@4 LAST-ACK@7 CLOSED@8",
        "fin",
    );
}

#[test]
fn a_lost_ack_of_the_first_fin_keeps_its_sender_in_fin_wait_1() {
    closes(
        "4 C FIN,ACK 1 ack 1
         5 S ACK 1 ack 2
         204 C FIN,ACK 1 ack 1
         205 S ACK 1 ack 2
         206 S FIN,ACK 1 ack 2
         207 C ACK 2 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@7 TIME-WAIT@8",
        "CLOSE-WAIT@4 LAST-ACK@8 CLOSED@9",
        "fin",
    );
}

#[test]
fn a_lost_last_ack_keeps_the_server_in_last_ack() {
    let story = closes(
        "4 C FIN,ACK 1 ack 1
         5 S FIN,ACK 1 ack 2
         6 C ACK 2 ack 2
         206 S FIN,ACK 1 ack 2
         207 C ACK 2 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@5",
        "CLOSE-WAIT@4 LAST-ACK@5 CLOSED@8",
        "fin-3",
    );
    assert_eq!(story.only().ledger.close, 5);
}

#[test]
fn a_fin_that_overtakes_data_closes_nothing_until_the_data_is_there() {
    // RFC 9293 section 3.10.7.4, eighth: the FIN counts once everything before it has been received.
    closes(
        "4 C FIN,ACK 101 ack 1
         5 S ACK 1 ack 1
         6 C PSH,ACK 1 ack 1 len 100
         7 S ACK 1 ack 102
         8 S FIN,ACK 1 ack 102
         9 C ACK 102 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@7 TIME-WAIT@8",
        "CLOSE-WAIT@6 LAST-ACK@8 CLOSED@9",
        "fin",
    );
}

#[test]
fn a_fin_that_the_capture_missed_shows_in_the_acknowledgement() {
    // Packet 4 acknowledges 101 although the data was never seen: its sender has it, and the FIN after it.
    closes(
        "4 C FIN,ACK 101 ack 1\n 5 S ACK 1 ack 102\n 6 S FIN,ACK 1 ack 102\n 7 C ACK 102 ack 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@6",
        "CLOSE-WAIT@5 LAST-ACK@6 CLOSED@7",
        "fin",
    );
}

#[test]
fn resets_by_either_side() {
    closes("C RST,ACK 1 ack 1", "CLOSED@4", "CLOSED@4", "rst-by-client");
    closes("S RST,ACK 1 ack 1", "CLOSED@4", "CLOSED@4", "rst-by-server");
}

#[test]
fn resets_in_every_closing_state() {
    // FIN-WAIT-1 and CLOSE-WAIT.
    closes(
        "C FIN,ACK 1 ack 1\n S RST,ACK 1 ack 2",
        "FIN-WAIT-1@4 CLOSED@5",
        "CLOSE-WAIT@4 CLOSED@5",
        "rst-by-server",
    );
    // FIN-WAIT-2 and CLOSE-WAIT, from both sides.
    let half = "C FIN,ACK 1 ack 1\n S ACK 1 ack 2\n ";
    let states = ("FIN-WAIT-1@4 FIN-WAIT-2@5 CLOSED@6", "CLOSE-WAIT@4 CLOSED@6");
    closes(&format!("{half} S RST,ACK 1 ack 2"), states.0, states.1, "rst-by-server");
    closes(&format!("{half} C RST,ACK 2 ack 1"), states.0, states.1, "rst-by-client");
    // CLOSING on both sides.
    closes(
        "C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 1\n C RST,ACK 2 ack 2",
        "FIN-WAIT-1@4 CLOSING@5 CLOSED@6",
        "FIN-WAIT-1@5 CLOSING@5 CLOSED@6",
        "simultaneous",
    );
    // LAST-ACK and TIME-WAIT: the second FIN meets an end that forgot the connection.
    closes(
        "C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 2\n C RST 2",
        "FIN-WAIT-1@4 FIN-WAIT-2@5 TIME-WAIT@5 CLOSED@6",
        "CLOSE-WAIT@4 LAST-ACK@5 CLOSED@6",
        "fin-3",
    );
}

#[test]
fn a_reset_outside_of_the_window_changes_nothing() {
    closes(
        "C PSH,ACK 1 ack 1 len 100\n S ACK 1 ack 101\n C RST 90000\n C RST 50\n S RST 80000",
        "",
        "",
        "open",
    );
}

#[test]
fn a_reset_after_bytes_that_the_capture_missed_counts() {
    // The server acknowledged 501, which was never seen: that is where a reset is expected.
    closes("S ACK 1 ack 501\n C RST 501", "CLOSED@5", "CLOSED@5", "rst-by-client");
}

#[test]
fn the_server_does_not_take_what_comes_after_its_reset() {
    closes("S RST,ACK 1 ack 1\n C PSH,ACK 1 ack 1 len 10\n S RST 1", "CLOSED@4", "CLOSED@4", "rst-by-server");
}

#[test]
fn states_are_told_as_soon_as_they_are_certain_and_not_before() {
    let script = format!(
        "{}{}",
        crate::opening::HANDSHAKE,
        "4 C FIN,ACK 1 ack 1\n 5 S FIN,ACK 1 ack 2\n 6 C ACK 2 ack 2\n 206 S FIN,ACK 1 ack 2\n 207 C ACK 2 ack 2"
    );
    let story = tell(&script);
    let told: Vec<_> = story
        .told
        .iter()
        .zip(&story.told_after)
        .map(|((_, side, _, entry), after)| format!("{after} {} {}", side.name(), entry.state))
        .collect();
    assert_eq!(
        told,
        [
            "1 client SYN-SENT",
            "2 server SYN-RECEIVED",
            "3 client ESTABLISHED",
            // The client's FIN shows that it left, not that anything reached the server.
            "4 client FIN-WAIT-1",
            // The server's FIN acknowledges everything: it was ESTABLISHED, in CLOSE-WAIT, and is in LAST-ACK.
            "5 server ESTABLISHED",
            "5 server CLOSE-WAIT",
            "5 server LAST-ACK",
            // The client acknowledges the FIN, which brought the acknowledgement of its own.
            "6 client FIN-WAIT-2",
            "6 client TIME-WAIT",
            // The last acknowledgement may be lost at any time: only the end tells.
            "8 server CLOSED",
        ]
    );
}
