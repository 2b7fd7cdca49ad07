//! How connections open: RFC 9293 section 3.5 and its figures 6 to 11.

use synfin_wire::Side;

use crate::story::{chain, expect, tell};

/// The three packets that open nearly every connection.
pub(crate) const HANDSHAKE: &str = "
    C SYN 0
    S SYN,ACK 0 ack 1
    C ACK 1 ack 1
";

#[test]
fn figure_6_the_three_way_handshake() {
    expect(
        HANDSHAKE,
        "CLOSED SYN-SENT@1 ESTABLISHED@3",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@3",
        "handshake",
        "open",
    );
}

#[test]
fn figure_7_simultaneous_open() {
    // Each SYN-ACK shows that its sender has received the other's SYN, and brings the acknowledgement of the SYN.
    expect(
        "C SYN 0
         S SYN 0
         C SYN,ACK 0 ack 1
         S SYN,ACK 0 ack 1",
        "CLOSED SYN-SENT@1 SYN-RECEIVED@3 ESTABLISHED@4",
        "CLOSED SYN-SENT@2 SYN-RECEIVED@4 ESTABLISHED@4",
        "simultaneous",
        "open",
    );
}

#[test]
fn figure_8_an_old_duplicate_syn_does_not_keep_the_new_one_from_opening() {
    // The client resets the SYN-ACK for a SYN that is not its own. The second SYN-ACK, with another number, is told as a
    // connection of its own.
    let story = tell(
        "C SYN 0
         S SYN,ACK 0 ack -9
         C RST -9
         S SYN,ACK 100 ack 1
         C ACK 1 ack 101",
    );
    let last = story.connections.last().unwrap();
    assert_eq!(chain(last, Side::Client), "SYN-SENT ESTABLISHED@5");
    assert_eq!(chain(last, Side::Server), "LISTEN SYN-RECEIVED@4 ESTABLISHED@5");
}

#[test]
fn refused() {
    // RFC 9293 section 3.10.7.1: CLOSED answers with a reset, which SYN-SENT takes as its ACK covers the SYN.
    expect("C SYN 0\n S RST,ACK 0 ack 1", "CLOSED SYN-SENT@1 CLOSED@2", "CLOSED", "attempt", "rst-by-server");
}

#[test]
fn a_reset_that_acknowledges_something_else_does_not_refuse() {
    expect("C SYN 0\n S RST,ACK 0 ack 500", "CLOSED SYN-SENT@1", "", "attempt", "open");
    expect("C SYN 0\n S RST 0", "CLOSED SYN-SENT@1", "", "attempt", "open");
}

#[test]
fn unanswered() {
    // Nothing is known of the server: it need not exist.
    expect("0 C SYN 0\n 1000 C SYN 0\n 3000 C SYN 0", "CLOSED SYN-SENT@1", "", "attempt", "open");
}

#[test]
fn a_client_that_resets_a_handshake_leaves_the_server_listening() {
    expect(
        "C SYN 0\n S SYN,ACK 0 ack 1\n C RST 1",
        "CLOSED SYN-SENT@1 CLOSED@3",
        "LISTEN SYN-RECEIVED@2 LISTEN@3",
        "handshake",
        "rst-by-client",
    );
}

#[test]
fn a_reset_in_syn_received_after_a_simultaneous_open_closes() {
    // There is no LISTEN to go back to: RFC 9293 section 3.10.7.4, second.
    expect(
        "C SYN 0\n S SYN 0\n C SYN,ACK 0 ack 1\n S RST 1",
        "CLOSED SYN-SENT@1 SYN-RECEIVED@3 CLOSED@4",
        "CLOSED SYN-SENT@2 CLOSED@4",
        "simultaneous",
        "rst-by-server",
    );
}

#[test]
fn a_lost_syn_is_sent_again() {
    expect(
        "0 C SYN 0\n 1000 C SYN 0\n 1010 S SYN,ACK 0 ack 1\n C ACK 1 ack 1",
        "CLOSED SYN-SENT@1 ESTABLISHED@4",
        "LISTEN SYN-RECEIVED@3 ESTABLISHED@4",
        "handshake",
        "open",
    );
}

#[test]
fn a_lost_syn_ack_is_sent_again() {
    expect(
        "0 C SYN 0\n 1 S SYN,ACK 0 ack 1\n 1000 C SYN 0\n 1001 S SYN,ACK 0 ack 1\n C ACK 1 ack 1",
        "CLOSED SYN-SENT@1 ESTABLISHED@5",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@5",
        "handshake",
        "open",
    );
}

#[test]
fn a_lost_handshake_ack_takes_established_back() {
    // The second SYN-ACK says that the ACK has not come: the server was in SYN-RECEIVED up to the second one.
    let story = expect(
        "0 C SYN 0\n 1 S SYN,ACK 0 ack 1\n 2 C ACK 1 ack 1\n 1001 S SYN,ACK 0 ack 1\n 1002 C ACK 1 ack 1",
        "CLOSED SYN-SENT@1 ESTABLISHED@3",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@5",
        "handshake",
        "open",
    );
    assert_eq!(story.only().ledger.open, 5);
}

#[test]
fn a_server_that_defers_accept_stays_in_syn_received_until_data_comes() {
    // Linux's TCP_DEFER_ACCEPT ignores the bare ACK and sends its SYN-ACK again if no data follows it.
    expect(
        "0 C SYN 0
         1 S SYN,ACK 0 ack 1
         2 C ACK 1 ack 1
         1001 S SYN,ACK 0 ack 1
         1002 C ACK 1 ack 1
         1500 C PSH,ACK 1 ack 1 len 10
         1501 S ACK 1 ack 11",
        "CLOSED SYN-SENT@1 ESTABLISHED@3",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@5",
        "handshake",
        "open",
    );
}

#[test]
fn the_acknowledgement_may_ride_on_data_or_on_the_fin() {
    expect(
        "C SYN 0\n S SYN,ACK 0 ack 1\n C PSH,ACK 1 ack 1 len 5",
        "CLOSED SYN-SENT@1 ESTABLISHED@3",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@3",
        "handshake",
        "open",
    );
    expect(
        "C SYN 0\n S SYN,ACK 0 ack 1\n C FIN,ACK 1 ack 1",
        "CLOSED SYN-SENT@1 ESTABLISHED@3 FIN-WAIT-1@3",
        "LISTEN SYN-RECEIVED@2 ESTABLISHED@3 CLOSE-WAIT@3",
        "handshake",
        "half-closed",
    );
}

#[test]
fn a_capture_that_begins_with_the_syn_ack_knows_who_is_who() {
    let story = expect(
        "S SYN,ACK 0 ack 1\n C ACK 1 ack 1\n C PSH,ACK 1 ack 1 len 3",
        "SYN-SENT ESTABLISHED@2",
        "LISTEN SYN-RECEIVED@1 ESTABLISHED@2",
        "handshake",
        "open",
    );
    assert_eq!(story.only().client.address.port(), 40_000);
    assert_eq!(story.packets[1].1.seq, 1);
}

#[test]
fn midstream() {
    let story = expect(
        "S PSH,ACK 5000 ack 300 len 100\n C ACK 300 ack 5100\n C PSH,ACK 300 ack 5100 len 20",
        "ESTABLISHED",
        "ESTABLISHED",
        "midstream",
        "open",
    );
    assert_eq!(story.only().client.address.port(), 40_000, "port 80 is the server's, whoever speaks first");
    let numbers: Vec<_> = story.packets.iter().map(|(_, packet)| (packet.seq, packet.ack)).collect();
    assert_eq!(numbers, [(1, Some(1)), (1, Some(101)), (1, Some(101))]);
}

#[test]
fn only_the_clients_packets() {
    // The acknowledgements show what the server must have done: it accepted, and it took the client's FIN.
    expect(
        "C SYN 0\n C ACK 1 ack 1\n C PSH,ACK 1 ack 1 len 10\n C ACK 11 ack 501\n C FIN,ACK 11 ack 501\n C ACK 12 ack 502",
        "CLOSED SYN-SENT@1 ESTABLISHED@2 FIN-WAIT-1@5",
        "ESTABLISHED CLOSE-WAIT@5",
        "handshake",
        "half-closed",
    );
    let story = tell("C SYN 0\n C ACK 1 ack 1\n C ACK 1 ack 501\n C ACK 1 ack 502");
    // The last octet that is acknowledged may be a FIN.
    assert_eq!(story.only().server.sent.missed_bytes, 500, "acknowledged, and never seen");
}

#[test]
fn in_a_simultaneous_open_nothing_is_sent_again() {
    let story = tell("C SYN 0\n S SYN 0\n C SYN,ACK 0 ack 1\n S SYN,ACK 0 ack 1");
    assert_eq!(story.marks(), []);
    let story = tell("C SYN 0\n S SYN 0\n C SYN,ACK 0 ack 1\n C SYN,ACK 0 ack 1");
    assert_eq!(story.marks(), [(4, "retransmission".to_owned())]);
}

#[test]
fn only_the_servers_packets() {
    expect(
        "S SYN,ACK 0 ack 1\n S ACK 1 ack 11\n S PSH,ACK 1 ack 11 len 50\n S FIN,ACK 51 ack 12\n S ACK 52 ack 12",
        "SYN-SENT ESTABLISHED@2 CLOSE-WAIT@4",
        "LISTEN SYN-RECEIVED@1 ESTABLISHED@2 FIN-WAIT-1@4",
        "handshake",
        "half-closed",
    );
}
