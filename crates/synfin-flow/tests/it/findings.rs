//! What a person is told first, with and without its cause.

use synfin_flow::{Config, Finding};

use crate::opening::HANDSHAKE;
use crate::story::{run, tell};
use crate::wire::Wire;

fn findings(script: &str) -> Vec<Finding> {
    tell(script).only().findings()
}

/// All findings as `severity kind: text`.
#[track_caller]
fn finds(script: &str, expected: &[&str]) {
    let told = findings(script).into_iter();
    let told: Vec<_> = told.map(|f| format!("{} {}: {}", f.severity.name(), f.kind, f.text)).collect();
    assert_eq!(told, expected);
}

fn opened(rest: &str) -> String {
    format!("{HANDSHAKE}{rest}")
}

#[test]
fn nothing_is_to_be_said_of_a_clean_connection() {
    let script = "C PSH,ACK 1 ack 1 data GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n
         S PSH,ACK 1 ack 28 data HTTP/1.1 204 No Content\\r\\n\\r\\n
         C FIN,ACK 28 ack 28
         S FIN,ACK 28 ack 29
         C ACK 29 ack 29";
    finds(&opened(script), &[]);
    finds(HANDSHAKE, &[]);
}

#[test]
fn connection_refused() {
    finds(
        "0 C SYN 0\n 0.2 S RST,ACK 0 ack 1",
        &[
            "problem connection-refused: The server refused the connection: it answered the SYN with a reset after 200 µs.",
        ],
    );
}

#[test]
fn no_answer() {
    finds(
        "0 C SYN 0\n 1000 C SYN 0\n 3000 C SYN 0",
        &["problem no-answer: 3 SYNs in 3.0 s had no answer: a firewall drops them, or nobody is there."],
    );
    finds("C SYN 0", &["warning no-answer: The SYN had no answer before the capture ended."]);
}

#[test]
fn handshake_incomplete() {
    finds(
        "0 C SYN 0\n 1 S SYN,ACK 0 ack 1\n 1000 S SYN,ACK 0 ack 1\n 3000 S SYN,ACK 0 ack 1",
        &[
            "problem handshake-incomplete: The handshake was not completed: 3 SYN-ACKs in 3.0 s had no answer.",
            "warning retransmissions: The server sent 2 packets again.",
        ],
    );
}

#[test]
fn resets_by_what_went_before() {
    let request = "C PSH,ACK 1 ack 1 len 100\n S ACK 1 ack 101\n ";
    let answer = "S PSH,ACK 1 ack 101 len 50\n C ACK 101 ack 51\n ";
    finds(
        &opened(&format!("{request} 500 S RST,ACK 1 ack 101")),
        &[
            "problem reset-by-server: The server reset the connection after 500 ms, with 0 bytes sent and 100 bytes \
           received: the last data, from the client, had no answer, as when a process dies or closes without reading.",
        ],
    );
    finds(
        &opened(&format!("{request}{answer} 500 S RST,ACK 51 ack 101")),
        &[
            "problem reset-by-server: The server reset the connection after 500 ms, with 50 bytes sent and 100 bytes \
           received: it was aborted.",
        ],
    );
    finds(
        &opened(&format!("{request} C FIN,ACK 101 ack 1\n {answer} C RST 102")),
        &[
            "warning reset-by-client: The client closed and then reset the connection, with 100 bytes sent and 50 bytes \
           received: the server was still sending.",
        ],
    );
    finds(
        &opened(&format!("{request} C FIN,ACK 101 ack 1\n S RST,ACK 1 ack 102")),
        &[
            "warning reset-by-server: The server answered the client's close with a reset, with 0 bytes sent and 100 \
           bytes received.",
        ],
    );
    finds(
        "C SYN 0\n S SYN,ACK 0 ack 1\n C RST 1",
        &["note reset-by-client: The client reset the connection during its handshake, after 2.0 ms."],
    );
}

#[test]
fn retransmissions_by_their_part() {
    finds(
        &opened(
            "4 C PSH,ACK 1 ack 1 len 9\n 300 C PSH,ACK 1 ack 1 len 9\n 301 S ACK 1 ack 10\n 700 C PSH,ACK 1 ack 1 len 9",
        ),
        &[
            "warning retransmissions: The client sent 2 of its 3 data packets (66.7 %) again, 1 of them needlessly.",
        ],
    );
    let mut wire = Wire::script(HANDSHAKE);
    for n in 0..200 {
        let at = 1 + n * 10;
        wire.play(&format!("{} C ACK {at} ack 1 len 10\n S ACK 1 ack {}", 10 + n * 10, at + 10));
    }
    wire.play("9000 C ACK 1991 ack 1 len 10");
    let told = wire.run().only().findings();
    let [Finding { severity, text, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(severity.name(), "note", "less than one in a hundred");
    assert_eq!(text, "The client sent 1 of its 201 data packets (0.5 %) again, needlessly.");
}

#[test]
fn packets_that_were_overtaken() {
    let mut wire = Wire::script(HANDSHAKE);
    for n in 0..3 {
        let at = 1 + n * 30;
        let ms = 10 + n * 10;
        wire.play(&format!("{ms} C ACK {at} ack 1 len 10\n {ms}.2 C ACK {} ack 1 len 10", at + 20));
        wire.play(&format!("{ms}.4 C ACK {} ack 1 len 10\n S ACK 1 ack {}", at + 10, at + 30));
    }
    let told = wire.run().only().findings();
    let [Finding { kind: "out-of-order", text, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(text, "3 packets from the client (27.3 %) were overtaken on the way.");
}

#[test]
fn zero_window() {
    finds(
        &opened("C PSH,ACK 1 ack 1 len 9\n S ACK 1 ack 10 win 0\n S ACK 1 ack 10 win 100"),
        &[
            "warning zero-window: The server closed its window, in 1 packet: it reads more slowly than the client sends.",
        ],
    );
}

#[test]
fn capture_gaps() {
    finds(
        &opened(
            "C PSH,ACK 1 ack 1 len 90\n 100 S ACK 1 ack 101\n 200 C PSH,ACK 101 ack 1 len 100\n 300 S ACK 1 ack 201",
        ),
        &["problem capture-gaps: The capture missed 10 bytes (5.0 %) of what the client sent."],
    );
}

#[test]
fn half_closed() {
    finds(
        &opened("100 C FIN,ACK 1 ack 1\n 101 S ACK 1 ack 2\n 5100 S PSH,ACK 1 ack 2 len 10"),
        &["note half-closed: The client has closed, and no FIN of the server was seen: \
           the last packet came 5.0 s later."],
    );
    // Nor was this one, but its acknowledgement was.
    finds(
        &opened("100 C FIN,ACK 1 ack 1\n 101 S ACK 1 ack 2\n 103 C ACK 2 ack 2"),
        &["note half-closed: The client has closed, and no FIN of the server was seen: \
           the last packet came 3.0 ms later."],
    );
}

/// What a socket sends that has connected to itself (RFC 9293 figure 7, with one end).
#[test]
fn one_socket_is_both_ends() {
    let mut wire = Wire::between("127.0.0.1:7000", "127.0.0.1:7000");
    wire.iss = (1000, 1000);
    wire.play("C SYN 0\n C SYN,ACK 0 ack 1\n C PSH,ACK 1 ack 1 len 5\n C ACK 6 ack 6\n C FIN,ACK 6 ack 6\n C ACK 7 ack 7");
    let told: Vec<_> = wire.run().only().findings().into_iter().map(|finding| finding.kind).collect();
    assert_eq!(told, ["to-itself"]);
}

#[test]
fn keep_alives_alone() {
    finds(
        &opened("7200000 C ACK 0 ack 1\n S ACK 1 ack 1"),
        &["note keep-alive-only: Nothing but 1 keep-alive passed in 2.0 h: the connection is idle."],
    );
    finds(&opened("C PSH,ACK 1 ack 1 len 9\n S ACK 1 ack 10\n 7200000 C ACK 9 ack 1\n S ACK 1 ack 10"), &[]);
}

#[test]
fn slow_handshake() {
    finds(
        "0 C SYN 0\n 1000 C SYN 0\n 1030 S SYN,ACK 0 ack 1\n 1030.1 C ACK 1 ack 1",
        &[
            "warning slow-handshake: The handshake took 1.0 s: 1 packet more than the usual 3 were sent, as after a loss.",
            "warning retransmissions: The client sent 1 packet again.",
        ],
    );
    finds(
        "0 C SYN 0\n 1200 S SYN,ACK 0 ack 1\n 1201 C ACK 1 ack 1",
        &[
            "warning slow-handshake: The handshake took 1.2 s: the way is long, or the server was slow to answer.",
        ],
    );
    finds("0 C SYN 0\n 900 S SYN,ACK 0 ack 1\n 901 C ACK 1 ack 1", &[]);
}

/// A transfer of so many bytes from the server, a round trip of 20 ms each.
fn transfer(client_syn: &str, server_syn: &str, bytes: usize) -> Vec<String> {
    let mut wire = Wire::new();
    wire.play(&format!("0 C SYN 0 {client_syn}\n 20 S SYN,ACK 0 ack 1 {server_syn}\n 20 C ACK 1 ack 1"));
    for (n, at) in (0..bytes).step_by(50_000).enumerate() {
        let ms = 40 + n * 20;
        wire.play(&format!("{ms} S ACK {} ack 1 len 50000\n {}.0 C ACK 1 ack {}", at + 1, ms, at + 50_001));
    }
    let told = run(&wire.frames, Config::default()).only().findings();
    told.into_iter().map(|f| format!("{} {}: {}", f.severity.name(), f.kind, f.text)).collect()
}

#[test]
fn window_scaling_off() {
    let text = "window scaling: no more than 65,535 bytes can be under way, which is 3276 kB/s with a round trip of 20 ms.";
    assert_eq!(
        transfer("", "", 1_000_000),
        [format!("warning window-scaling-off: The client did not offer {text}")]
    );
    let server = format!("warning window-scaling-off: The server did not take up {text}");
    assert_eq!(transfer("ws 7", "", 1_000_000), [server]);
    assert!(transfer("ws 7", "ws 7", 1_000_000).is_empty());
    assert!(transfer("", "", 900_000).is_empty(), "it does not matter to little");
}

#[test]
fn small_mss() {
    finds(
        "C SYN 0 mss 536\n S SYN,ACK 0 ack 1 mss 1460\n C ACK 1 ack 1",
        &[
            "note small-mss: The client takes no segments above 536 bytes, of which 0 bytes make many packets.",
        ],
    );
    let told = transfer("mss 536 ws 7", "mss 1460 ws 7", 1_000_000);
    assert_eq!(
        told,
        [
            "warning small-mss: The client takes no segments above 536 bytes, of which 1,000,000 bytes make many packets."
        ]
    );
    finds("C SYN 0 mss 1220\n S SYN,ACK 0 ack 1 mss 1220\n C ACK 1 ack 1", &[]);
}

#[test]
fn one_sided_capture() {
    let text = "warning one-sided-capture: Only packets from the client were captured: what the server sent can but be guessed.";
    finds("C SYN 0\n C ACK 1 ack 1\n C PSH,ACK 1 ack 1 len 10\n C ACK 11 ack 501", &[text]);
    finds("C ACK 1 ack 1", &[]);
}

/// One exchange: the request at 100 ms, the first byte of the answer after `wait_ms`, the last one after `body_ms` more.
fn exchange(status: &str, wait_ms: u32, body_ms: u32) -> String {
    opened(&format!(
        "100 C PSH,ACK 1 ack 1 data GET /orders HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n
         {} S PSH,ACK 1 ack 34 data HTTP/1.1 {status}\\r\\nContent-Length: 10\\r\\n\\r\\n
         {} S PSH,ACK {} ack 34 data 0123456789",
        100 + wait_ms,
        100 + wait_ms + body_ms,
        1 + "HTTP/1.1 \r\nContent-Length: 10\r\n\r\n".len() + status.len(),
    ))
}

#[test]
fn http_errors() {
    finds(
        &exchange("503 Service Unavailable", 1, 1),
        &["problem http-error: The answer to GET /orders was 503 Service Unavailable."],
    );
    finds(
        &exchange("404 Not Found", 1, 1),
        &["warning http-error: The answer to GET /orders was 404 Not Found."],
    );
    finds(&exchange("302 Found", 1, 1), &[]);
    let several = "C PSH,ACK 1 ack 1 data GET /a HTTP/1.1\\r\\n\\r\\nGET /b HTTP/1.1\\r\\n\\r\\nGET /c HTTP/1.1\\r\\n\\r\\n
         S PSH,ACK 1 ack 58 data HTTP/1.1 204 a\\r\\n\\r\\nHTTP/1.1 404 b\\r\\nContent-Length: 0\\r\\n\\r\\nHTTP/1.1 500 c\\r\\nContent-Length: 0\\r\\n\\r\\n";
    finds(&opened(several), &["problem http-error: 2 of 3 answers were errors, such as 500 c to GET /c."]);
}

#[test]
fn slow_responses() {
    finds(
        &exchange("200 OK", 2300, 100),
        &[
            "warning slow-response: The first byte of the answer to GET /orders took 2.3 s of the 2.4 s of the exchange.",
        ],
    );
    finds(&exchange("200 OK", 499, 1), &[]);
    finds(&exchange("200 OK", 600, 5000), &[]);
}

#[test]
fn a_response_that_broke_off() {
    let script = exchange("200 OK", 1, 1).replace("Content-Length: 10", "Content-Length: 99");
    assert_eq!(findings(&script), [], "it may still go on");
    finds(
        &format!("{script}\n 900 S RST,ACK 50 ack 34"),
        &[
            "problem reset-by-server: The server reset the connection after 900 ms, with 49 bytes sent and 33 bytes \
             received: it was aborted.",
            "problem response-cut-off: The answer to GET /orders broke off after 10 bytes of 99 bytes.",
        ],
    );
}

#[test]
fn a_long_target_is_cut_between_characters() {
    let target = "/é".repeat(100);
    let script = exchange("500 x", 1, 1).replace("/orders", &target);
    let text = &findings(&script)[0].text;
    assert_eq!(text, &format!("The answer to GET {}… was 500 x.", "/é".repeat(30)));
}
