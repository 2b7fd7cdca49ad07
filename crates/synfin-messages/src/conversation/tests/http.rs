//! RFC 9112 and RFC 9110, rule by rule.

use super::*;

#[test]
fn an_exchange_with_its_times_and_packets() {
    let mut wire = Wire::default();
    wire.client("GET /a?b HTTP/1.1\r\nHost: example.org\r\nUser-").client("Agent: curl/8\r\n\r\n");
    wire.server("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n")
        .server("hello")
        .server("world");
    assert_eq!(wire.story(), ["#1 GET /a?b +0", "#2 200 to 1 +10"]);
    let request = wire.request(0);
    assert_eq!(
        (request.host.as_deref(), request.user_agent.as_deref()),
        (Some("example.org"), Some("curl/8"))
    );
    assert_eq!((request.version.to_string(), request.framing), ("1.1".to_owned(), Framing::None));
    let response = wire.response(1);
    assert_eq!((response.reason.as_str(), response.content_type.as_deref()), ("OK", Some("text/plain")));
    assert_eq!(response.framing, Framing::ContentLength(10));
    assert_eq!(response.timing.request_first_ns, Some(1000));
    assert_eq!(response.timing.request_sent_ns, Some(2000));
    assert_eq!((response.timing.first_byte_ns, response.timing.last_byte_ns), (3000, 5000));
    let message = &wire.messages[1];
    assert_eq!(message.packets.iter().collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!((message.stream_start, message.stream_end), (0, response.header_bytes + 10));
    assert_eq!(message.kind(), "http-response");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut wire = Wire::default();
    wire.client(format!(
        "{GET}HEAD /h HTTP/1.1\r\n\r\nPOST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc{GET}"
    ));
    wire.server(format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No\r\n\r\n{OK}"));
    let story = wire.story();
    assert_eq!(story[..4], ["#1 GET / +0", "#2 HEAD /h +0", "#3 POST /p +3", "#4 GET / +0"]);
    assert_eq!(story[4..], ["#5 200 to 1 +5", "#6 200 to 2 +0", "#7 204 to 3 +0", "#8 200 to 4 +5"]);
}

#[test]
fn interim_responses_leave_the_request_waiting() {
    let mut wire = Wire::default();
    wire.client("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    wire.server("HTTP/1.1 100 Continue\r\n\r\n").client("ab");
    wire.server("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n").server(OK);
    assert_eq!(wire.story(), ["#2 100 to 1 +0", "#1 POST / +2", "#3 103 to 1 +0", "#4 200 to 1 +5"]);
    assert!(wire.request(1).expect_continue);
    assert_eq!(wire.response(0).timing.request_sent_ns, None);
    assert_eq!(wire.response(3).timing.request_sent_ns, Some(3000));
}

#[test]
fn an_early_refusal_comes_before_the_end_of_its_request() {
    let mut wire = Wire::default();
    wire.client("PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
        .server("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(wire.conversation.pending(Side::Client), Some((1, Detail::HttpRequest(_)))));
    wire.client("defghi");
    assert_eq!(wire.story(), ["#2 413 to 1 +0", "#1 PUT / +9"]);
}

#[test]
fn chunked_bodies_count_their_payload() {
    let mut wire = Wire::default();
    let response =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
    wire.client(GET);
    for byte in response.bytes() {
        wire.server([byte]);
    }
    wire.client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +5", "#3 GET / +0", "#4 200 to 3 +5"]);
    assert_eq!(wire.messages[1].stream_end, response.len() as u64);
}

#[test]
fn a_body_until_close_ends_with_the_fin_and_not_with_a_reset() {
    for (is_fin, expected) in [(true, "#2 200 to 1 +7"), (false, "#2 200 to 1 +7 …")] {
        let mut wire = Wire::default();
        wire.client("GET / HTTP/1.0\r\n\r\n").server("HTTP/1.0 200 OK\r\n\r\nabcd").server("efg");
        if is_fin {
            wire.end(Side::Server);
        }
        wire.close();
        assert_eq!(wire.story(), ["#1 GET / +0", expected]);
    }
}

#[test]
fn a_fin_in_a_measured_body_leaves_it_incomplete() {
    let mut wire = Wire::default();
    wire.client(GET).server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").end(Side::Server).close();
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +3 …"]);
}

#[test]
fn an_unfinished_head_is_told_as_far_as_it_came() {
    let mut wire = Wire::default();
    wire.client("GET /slow HTTP/1.1\r\nHost: a\r\nUser-Ag").close();
    assert_eq!(wire.story(), ["#1 GET /slow +0 …"]);
    assert_eq!((wire.request(0).host.as_deref(), wire.request(0).header_bytes), (Some("a"), 36));
    let mut wire = Wire::default();
    wire.client("GET /slo").close();
    assert_eq!(wire.story(), [""; 0]);
}

#[test]
fn nothing_is_read_behind_an_upgrade() {
    let mut wire = Wire::default();
    wire.client("GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    wire.server("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x01\x02");
    wire.client(GET).server(OK).close();
    assert_eq!(wire.story(), ["#1 GET /ws +0", "#2 101 to 1 +0"]);
    assert_eq!(wire.request(0).upgrade.as_deref(), Some("websocket"));
}

#[test]
fn an_upgrade_that_is_declined_changes_nothing() {
    let mut wire = Wire::default();
    wire.client("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n").server(OK).client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +5", "#3 GET / +0", "#4 200 to 3 +5"]);
}

#[test]
fn a_tunnel_is_a_new_conversation() {
    let mut wire = Wire::default();
    wire.client("CONNECT a:25 HTTP/1.1\r\n\r\n").server("HTTP/1.1 200 Fine\r\nContent-Length: 9\r\n\r\n");
    wire.server("220 mail\r\n").client("EHLO x\r\n").client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 CONNECT a:25 +0", "#2 200 to 1 +0", "#3 GET / +0", "#4 200 to 3 +5"]);
    let mut wire = Wire::default();
    wire.client("CONNECT a:443 HTTP/1.1\r\n\r\n")
        .server("HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx")
        .client(GET)
        .server(OK);
    assert_eq!(wire.story()[1..], ["#2 407 to 1 +1", "#3 GET / +0", "#4 200 to 3 +5"]);
}

#[test]
fn a_length_that_makes_no_sense_ends_the_message_and_the_next_packet_goes_on() {
    for headers in [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 99999999999999999999",
        "Content-Length: -1",
    ] {
        let mut wire = Wire::default();
        wire.client(GET).server(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nhello")).client(GET).server(OK);
        assert_eq!(
            wire.story(),
            ["#1 GET / +0", "#2 200 to 1 +0 …", "#3 GET / +0", "#4 200 to 3 +5"],
            "{headers}"
        );
        assert_eq!(wire.response(1).framing, Framing::Invalid);
        assert_eq!(wire.conversation.given_up().bodies, 1);
    }
}

#[test]
fn broken_chunks_end_the_message_and_the_next_packet_goes_on() {
    let mut wire = Wire::default();
    wire.client(GET)
        .server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
        .server(OK)
        .client(GET)
        .server(OK);
    assert_eq!(
        wire.story(),
        ["#1 GET / +0", "#2 200 to 1 +3 …", "#3 200 to ? +5", "#4 GET / +0", "#5 200 to 4 +5"]
    );
}

#[test]
fn heads_are_bounded() {
    let mut wire = Wire::default();
    wire.client("GET /a HTTP/1.1\r\n");
    for _ in 0..200 {
        wire.client(format!("X: {}\r\n", "y".repeat(1000)));
        assert!(wire.conversation.held_bytes() <= MAX_HELD_BYTES);
    }
    assert_eq!(wire.story(), ["#1 GET /a +0 …"]);
    assert_eq!(wire.conversation.given_up().heads, 1);
    wire.client("\r\n").client(GET);
    assert_eq!(wire.story()[1..], ["#2 GET / +0"]);
}

#[test]
fn a_hundred_header_lines_are_fine_and_a_thousand_are_not() {
    let head = |lines: usize| format!("GET /{lines} HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(lines));
    let mut wire = Wire::default();
    wire.client(head(100)).client(head(1000)).client(GET);
    assert_eq!(wire.story(), ["#1 GET /100 +0", "#2 GET / +0"]);
    assert_eq!(wire.conversation.given_up().heads, 1);
}

#[test]
fn old_habits_are_tolerated() {
    let mut wire = Wire::default();
    wire.client("\r\n\r\nGET / HTTP/1.0\nHost: a\n\n");
    wire.server("HTTP/1.1 200\r\nX-Folded: a\r\n b\r\nContent-Length : 2\r\n\r\nok");
    wire.client("GET /f HTTP/1.1\r\nX: a\r\n folded\r\nHost: b\r\n\r\n");
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +2", "#3 GET /f +0"]);
    assert_eq!(wire.messages[0].stream_start, 4);
    assert_eq!(wire.request(2).host.as_deref(), Some("b"));
}

#[test]
fn roles_are_judged_by_content() {
    let mut wire = Wire::default();
    wire.server(GET).client(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +5"]);
    assert_eq!((wire.messages[0].from, wire.messages[1].from), (Side::Server, Side::Client));
}

#[test]
fn a_stream_that_begins_in_the_middle_goes_on_at_the_next_message() {
    let mut wire = Wire::default();
    wire.server("rest of some body").server("more\r\nHTTP/1.1 200 OK\r\n\r\n").client(GET).server(OK);
    assert_eq!(wire.story(), ["#1 GET / +0", "#2 200 to 1 +5"]);
}

#[test]
fn a_response_whose_request_was_not_seen_may_answer_a_head() {
    let mut wire = Wire::default();
    wire.server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").server(OK);
    assert_eq!(wire.story(), ["#1 200 to ? +0", "#2 200 to ? +5"]);
    assert_eq!(wire.response(0).framing, Framing::None);
}

#[test]
fn a_target_with_spaces_is_told_as_it_was_sent() {
    let mut wire = Wire::default();
    wire.client("CONNECT a:25 / HTTP/1.0\r\nMozilla 4.0 (compatible)\r\n\r\n")
        .server("HTTP/1.0 200 OK\r\n\r\n");
    wire.client("GET /a b\u{fc} HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(wire.story(), ["#1 CONNECT a:25 / +0", "#2 200 to 1 +0", "#3 GET /a bü +0"]);
    assert_eq!(wire.request(2).host.as_deref(), Some("h"));
    assert_eq!(wire.request(0).version.to_string(), "1.0");
}

#[test]
fn long_heads_may_come_byte_by_byte() {
    // Judging the start line anew at each byte makes a minute of this blink of an eye.
    let mut wire = Wire::default();
    let head = format!("GET /{} HTTP/1.1\r\n{}\r\n", "a".repeat(30_000), "X: y\r\n".repeat(200));
    for _ in 0..20 {
        for byte in head.bytes() {
            wire.client([byte]);
        }
    }
    assert_eq!(wire.messages.len(), 20);
}
