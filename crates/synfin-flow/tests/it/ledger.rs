//! What packets are for, by the examples that everybody counts.

use synfin_flow::{Ledger, Phase};

use crate::opening::HANDSHAKE;
use crate::story::{Story, tell};

#[track_caller]
fn spent(rest: &str, open: u64, data: u64, ack: u64, close: u64) -> Story {
    let story = tell(&format!("{HANDSHAKE}{rest}"));
    assert_eq!(story.only().ledger, Ledger { open, data, ack, close });
    story
}

#[test]
fn one_packet_of_data_costs_eight() {
    // 3 to open, the packet itself, whose acknowledgement rides on the server's FIN, and 4 to close.
    spent(
        "C PSH,ACK 1 ack 1 len 10
         S FIN,ACK 1 ack 11
         C ACK 11 ack 2
         C FIN,ACK 11 ack 2
         S ACK 2 ack 12",
        3,
        1,
        0,
        4,
    );
}

#[test]
fn the_textbook_exchange_is_3_and_data_and_1_and_4() {
    spent(
        "C PSH,ACK 1 ack 1 len 100
         S PSH,ACK 1 ack 101 len 500
         C ACK 101 ack 501
         C FIN,ACK 101 ack 501
         S ACK 501 ack 102
         S FIN,ACK 501 ack 102
         C ACK 102 ack 502",
        3,
        2,
        1,
        4,
    );
}

#[test]
fn three_segments_close_when_the_fin_acknowledges() {
    spent("C FIN,ACK 1 ack 1\n S FIN,ACK 1 ack 2\n C ACK 2 ack 2", 3, 0, 0, 3);
}

#[test]
fn a_fin_on_data_is_data_and_its_acknowledgement_closes() {
    spent("C FIN,PSH,ACK 1 ack 1 len 9\n S ACK 1 ack 11\n S FIN,ACK 1 ack 11\n C ACK 11 ack 2", 3, 1, 0, 3);
}

#[test]
fn data_that_answers_the_syn_ack_is_data() {
    let story = tell("C SYN 0\n S SYN,ACK 0 ack 1\n C PSH,ACK 1 ack 1 len 10\n S ACK 1 ack 11");
    let phases: Vec<_> = story.packets.iter().map(|(_, packet)| packet.phase).collect();
    assert_eq!(phases, [Phase::Open, Phase::Open, Phase::Data, Phase::Ack]);
}

#[test]
fn keep_alives_and_retransmissions_have_their_phase() {
    // The octet of a keep-alive is no data; what is sent again is.
    spent(
        "4 C PSH,ACK 1 ack 1 len 10
         300 C PSH,ACK 1 ack 1 len 10
         301 S ACK 1 ack 11
         9000 C ACK 10 ack 1 len 1
         9001 S ACK 1 ack 11
         9002 S RST,ACK 1 ack 11",
        3,
        2,
        3,
        1,
    );
}
