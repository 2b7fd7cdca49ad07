//! Bytes that the capture never saw.

use super::*;

#[test]
fn a_gap_in_a_measured_body_is_counted_and_bridged() {
    let mut wire = Wire::default();
    wire.client(GET)
        .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        .gap(Side::Server, 5)
        .server("hij");
    wire.client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +10", "#3 GET / +0", "#4 200 to 3 +5"]);
    assert_eq!(wire.messages[1].missed_bytes, 5);
}

#[test]
fn a_gap_up_to_the_end_of_a_body_completes_it() {
    let mut wire = Wire::default();
    wire.client(GET)
        .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        .gap(Side::Server, 8)
        .client(GET)
        .server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +10", "#3 GET / +0", "#4 200 to 3 +5"]);
}

#[test]
fn a_gap_over_the_end_of_a_body_hides_messages() {
    let mut wire = Wire::default();
    wire.client(GET)
        .server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
        .client("GET /2 HTTP/1.1\r\n\r\n");
    wire.client("GET /3 HTTP/1.1\r\n\r\n").gap(Side::Server, 60).server("tail").server(OK);
    assert_eq!(wire.story()[1..], ["#3 GET /2 +0", "#4 GET /3 +0", "#2 200 to 1 +10", "#5 200 to 4 +5"]);
    assert_eq!(wire.messages[3].missed_bytes, 8);
}

#[test]
fn a_gap_in_a_head_gives_up_on_it() {
    let mut wire = Wire::default();
    wire.client("GET /1 HTTP/1.1\r\nHost").gap(Side::Client, 100).client("rest\r\n\r\n").server(OK);
    wire.client("GET /2 HTTP/1.1\r\n\r\n").server(OK);
    assert_eq!(wire.story(), ["#1 GET /1 +0 …", "#2 200 to 1 +5", "#3 GET /2 +0", "#4 200 to 3 +5"]);
    assert_eq!(wire.conversation.given_up().heads, 1);
}

#[test]
fn a_missed_response_does_not_shift_the_others() {
    let mut wire = Wire::default();
    wire.client(GET).gap(Side::Server, 43).client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 GET / +0", "#3 200 to 2 +5"]);
}

#[test]
fn where_requests_are_pipelined_a_gap_ends_the_pairing() {
    let mut wire = Wire::default();
    wire.client(GET.repeat(4)).server(OK).gap(Side::Server, 43).server(OK).client(GET).server(OK);
    assert_eq!(wire.story()[4..], ["#5 200 to 1 +5", "#6 200 to ? +5", "#7 GET / +0", "#8 200 to ? +5"]);
}

#[test]
fn a_request_that_was_held_back_behind_a_hole_does_not_shift_the_others() {
    let mut wire = Wire::default();
    let late = Carrier { at_ns: 1, frame: 1 };
    wire.frame = 1;
    wire.server(OK);
    let messages = &mut wire.messages;
    wire.conversation.on_bytes(Side::Client, 0, GET.as_bytes(), late, &mut |message| messages.push(message));
    wire.sent = [GET.len() as u64, OK.len() as u64];
    wire.client("GET /2 HTTP/1.1\r\n\r\n").server(OK);
    assert_eq!(wire.story(), ["#1 200 to ? +5", "#2 GET / +0", "#3 GET /2 +0", "#4 200 to 3 +5"]);
}

#[test]
fn bytes_between_messages_that_are_none_do_not_shift_the_others() {
    let mut wire = Wire::default();
    wire.client(GET).server("garbage").client(GET).server(format!("{OK}and a body too long"));
    wire.client(GET).server(OK);
    assert_eq!(
        wire.story(),
        ["#1 GET / +0", "#2 GET / +0", "#3 200 to 2 +5", "#4 GET / +0", "#5 200 to 4 +5"]
    );
}
