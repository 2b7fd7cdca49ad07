//! What the printer prints, view by view and together.

use std::collections::BTreeSet;
use std::io;

use serde_json::Value;
use synfin_flow::{Close, Connection, Open, Sink as _, Summary};
use synfin_wire::tcp::Flags;
use synfin_wire::{Loss, LossCause, Source, State};

use crate::testing::{Client, Server, Talk};
use crate::{Format, Options, Printer, Show, Style, TimeStyle, View};

/// Replays connections as the tracker tells them: everything of one, then it is handed out.
fn print(connections: &[&Connection], options: Options) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, options);
    for &connection in connections {
        printer.started(connection);
        for packet in connection.packets.iter() {
            printer.packet(connection, packet);
            for side in [Client, Server] {
                for pair in connection.endpoint(side).states.windows(2) {
                    let [previous, entry] = pair else { unreachable!() };
                    if entry.packet == Some(packet.n) {
                        printer.state(connection, side, previous, entry);
                    }
                }
            }
            for message in connection.messages.iter().filter(|m| m.packets.last() == packet.n) {
                printer.message(connection, message);
            }
        }
        printer.connection(connection.clone());
    }
    printer.loss(&Loss { at_ns: 7, cause: LossCause::CaptureBuffer, count: 3 });
    let summary = Summary { packets: 17, connections: 1, packets_dropped: 3, ..Summary::default() };
    printer.finish(&summary).unwrap();
    String::from_utf8(out).unwrap()
}

fn text(show: &str, width: usize) -> Options {
    Options { show: show.parse().unwrap(), style: Style { width, ..Style::default() }, ..Options::default() }
}

/// Every way to open and to close, IPv6, long addresses, loss, TLS, nothing at all.
fn several() -> Vec<Connection> {
    let mut refused = Talk::between(3, "192.168.100.200:54321", "192.168.100.201:65535");
    refused.wait(1_200_000).send(Client, Flags::SYN, b"").wait(90).send(Server, Flags::RST | Flags::ACK, b"");
    refused.connection.start_ns += 1_200_000_000;
    (refused.connection.open, refused.connection.close) = (Open::Attempt, Close::RstByServer);
    let mut silent = Talk::between(4, "[2001:db8:1234:5678:9abc:def0:1234:5678]:54321", "[2001:db8::1]:443");
    silent.send(Client, Flags::SYN, b"").wait(90_000_000);
    (silent.connection.open, silent.connection.close) = (Open::Attempt, Close::Open);
    let mut midstream = Talk::between(12_345, "10.0.0.3:40100", "10.0.0.1:22");
    midstream.wait(3_000_000).send_len(Server, Flags::ACK, 48);
    (midstream.connection.open, midstream.connection.close) = (Open::Midstream, Close::Open);
    let talks = [Talk::page(1), Talk::download(2, 0), refused, silent, midstream, Talk::stalled(6)];
    talks.into_iter().map(|talk| talk.connection).collect()
}

#[test]
fn the_table_at_80_columns() {
    let connections = several();
    let printed = print(&connections.iter().collect::<Vec<_>>(), text("connections", 80));
    insta::assert_snapshot!(printed);
}

#[test]
fn the_table_on_a_wide_terminal() {
    let connections = several();
    let printed = print(&connections.iter().collect::<Vec<_>>(), text("connections", 140));
    insta::assert_snapshot!(printed);
}

#[test]
fn the_packet_list() {
    let (page, stalled) = (Talk::page(1), Talk::stalled(3));
    insta::assert_snapshot!(print(&[&page.connection, &stalled.connection], text("packets", 80)));
}

#[test]
fn several_views_together() {
    let page = Talk::page(1);
    insta::assert_snapshot!(print(
        &[&page.connection],
        text("packets,states,messages,connections,ladder", 110)
    ));
}

#[test]
fn states_by_the_clock() {
    let options = Options {
        time: TimeStyle::Clock(jiff::tz::TimeZone::UTC),
        only: Some(BTreeSet::from([1])),
        is_live: true,
        ..text("states", 110)
    };
    let (page, other) = (Talk::page(1), Talk::page(2));
    insta::assert_snapshot!(print(&[&page.connection, &other.connection], options));
}

#[test]
fn findings_have_a_line_each() {
    let connections = several();
    insta::assert_snapshot!(print(&connections.iter().collect::<Vec<_>>(), text("findings", 80)));
}

#[test]
fn json_findings_keep_the_contract() {
    let lines = json_of("findings", &[&Talk::stalled(3).connection]);
    let findings: Vec<_> = lines.iter().filter(|line| line["type"] == "finding").collect();
    assert!(!findings.is_empty());
    for finding in findings {
        assert_fields(finding, "v:n connection:n kind:s severity:s text:s");
    }
}

fn json_of(show: &str, connections: &[&Connection]) -> Vec<Value> {
    let printed = print(connections, Options { format: Format::Json, ..text(show, 80) });
    assert!(!printed.chars().any(|c| c.is_control() && c != '\n'));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that an object has fields of these names, with these types: a name for each word, and after a colon `n` for
/// an integer, `s` for a string, `l` for a list, `o` for an object.
fn assert_fields(object: &Value, fields: &str) {
    for field in fields.split_whitespace() {
        let (name, kind) = field.split_once(':').unwrap();
        let value = &object[name];
        let fits = match kind {
            "n" => value.is_i64() || value.is_u64(),
            "s" => value.is_string(),
            "l" => value.is_array(),
            _ => value.is_object(),
        };
        assert!(fits, "{name} is {value} in {object}");
    }
}

#[test]
fn json_keeps_the_contract() {
    let mut talk = Talk::page(1);
    talk.process(Client, 5123, "a\x1b]0;\u{9b}b");
    let lines = json_of("connections,packets,states,messages", &[&talk.connection]);
    let mut seen = BTreeSet::new();
    for line in &lines {
        assert_eq!(line["v"], 1);
        let r#type = line["type"].as_str().unwrap();
        seen.insert(r#type);
        match r#type {
            "connection" => {
                assert_fields(
                    line,
                    "id:n client:o server:o start_ns:n end_ns:n open:s close:s states:o from_client:o \
                     from_server:o rtt_ns:o ledger:o zeek:o",
                );
                for side in ["client", "server"] {
                    assert_fields(&line[side], "ip:s port:n process:o");
                    assert_fields(&line[side]["process"], "pid:n name:s");
                    assert_fields(&line["states"], &format!("{side}:l"));
                    assert_fields(
                        &line[format!("from_{side}")],
                        "packets:n payload_bytes:n wire_bytes:n retransmitted:n out_of_order:n \
                         duplicate_acks:n zero_windows:n missed_bytes:n",
                    );
                }
                assert_fields(&line["rtt_ns"], "min:n median:n max:n");
                assert_fields(&line["ledger"], "open:n data:n ack:n close:n");
                assert_fields(&line["zeek"], "conn_state:s history:s");
                assert_eq!(line["client"]["process"]["name"], "a\x1b]0;\u{9b}b");
            }
            "packet" => {
                assert_fields(
                    line,
                    "connection:n n:n at_ns:n from:s flags:s seq:n len:n window:n options:l marks:l",
                );
                assert_eq!(line["ack"].is_i64(), line["flags"].as_str().unwrap().contains("ACK"));
            }
            "state" => {
                assert_fields(
                    line,
                    "connection:n side:s local:o remote:o from:s to:s at_ns:n source:s process:o",
                );
                assert_fields(&line["local"], "ip:s port:n");
                assert_fields(&line["remote"], "ip:s port:n");
            }
            "message" => {
                assert_fields(line, "connection:n n:n kind:s from:s first_ns:n last_ns:n packets:l http:o");
            }
            "loss" => assert_fields(line, "what:s count:n"),
            "summary" => assert_fields(line, "packets:n connections:n packets_dropped:n events_lost:n"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(lines.last().unwrap()["type"], "summary");
    assert_eq!(seen, BTreeSet::from(["connection", "loss", "message", "packet", "state", "summary"]));
}

#[test]
fn json_says_options_in_objects_and_sack_relative() {
    let lines = json_of("packets", &[&Talk::stalled(3).connection]);
    let syn = serde_json::json!([
        {"kind": "mss", "value": 65495},
        {"kind": "sack-permitted"},
        {"kind": "timestamps", "value": 4_012_345_678u32, "echo_reply": 0},
        {"kind": "window-scale", "shift": 7},
    ]);
    assert_eq!(lines[0]["options"], syn);
    let sacks: Vec<_> = lines.iter().filter_map(|line| line["options"].as_array()).flatten().collect();
    assert!(sacks.contains(&&serde_json::json!({"kind": "sack", "blocks": [[1449, 2897]]})), "{sacks:?}");
    assert_eq!(lines[5]["marks"], serde_json::json!(["zero-window"]));
}

#[test]
fn csv_is_read_back() {
    let mut talk = Talk::new(1);
    talk.handshake().send(Client, Flags::ACK, b"GET /a,\"b\" HTTP/1.1\r\n\r\n");
    let told = talk.connection.server.states.last_mut().unwrap();
    (told.source, told.is_inferred) = (Source::Kernel, false);
    for (view, rows) in [
        (View::Connections, 1),
        (View::Packets, 4),
        (View::Messages, 1),
        (View::States, 4),
        (View::Findings, 0),
        (View::Variables, 0),
    ] {
        let show = Show::from(view);
        let printed = print(&[&talk.connection], Options { show, format: Format::Csv, ..Options::default() });
        let mut reader = csv::Reader::from_reader(printed.as_bytes());
        // The reader fails on a row that has not as many fields as the header.
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), rows, "{printed}");
        if view == View::Messages {
            assert_eq!(&records[0][8], "GET /a,\"b\" HTTP/1.1");
        }
        if view == View::Packets {
            assert_eq!(&records[1][8], "SYN,ACK");
        }
        if view == View::States {
            let says: Vec<_> = records.iter().map(|row| (&row[9], &row[10])).collect();
            let count = |one| says.iter().filter(|says| **says == one).count();
            assert_eq!(says.len(), count(("packet", "true")) + 1, "{printed}");
            assert_eq!(count(("kernel", "false")), 1, "{printed}");
        }
    }
}

/// Takes so many bytes and then refuses.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_first_error_is_kept_and_nothing_is_written_after_it() {
    let talk = Talk::page(1);
    let mut printer = Printer::new(Full(2_000), Options { is_live: true, ..text("packets", 80) });
    for packet in talk.connection.packets.iter() {
        printer.packet(&talk.connection, packet);
    }
    assert_eq!(printer.error().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    let error = printer.finish(&Summary::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn the_footer_says_what_is_missing() {
    let summary = Summary {
        frames: 1_000,
        packets: 990,
        not_tcp: 10,
        connections: 1,
        packets_dropped: 12_345,
        truncated_files: 1,
        ..Summary::default()
    };
    insta::assert_snapshot!(crate::footer(&summary, summary.connections, &Style::default()), @"
    1 connection, 990 packets in 1,000 frames, 10 not TCP
    ! 12,345 packets dropped before they were captured: a larger buffer or a
      narrower filter helps
    ! 1 file broke off in the middle of a record
    ");
}

#[test]
fn nothing_that_a_terminal_would_obey_gets_through() {
    let mut talk = Talk::new(1);
    talk.process(Client, 1, "\x1b[2J\x07").handshake();
    talk.send(Client, Flags::ACK, "GET /\u{9b}31m\u{202e}x HTTP/1.1\r\n\r\n".as_bytes());
    talk.send(Server, Flags::ACK, b"HTTP/1.1 200 \xc2\x9b31m\r\nContent-Length: 0\r\n\r\n");
    assert!(!talk.connection.messages.is_empty());
    talk.state(Client, State::Closed);
    let all: Show = View::ALL.into_iter().collect();
    for format in [Format::Text, Format::Json, Format::Csv] {
        for show in View::ALL.into_iter().map(Show::from).chain([all]) {
            let printed = print(&[&talk.connection], Options { show, format, ..Options::default() });
            let escaped = |c: char| c.is_control() && !matches!(c, '\n' | '\r') || c == '\u{202e}';
            assert!(!printed.chars().any(escaped), "{printed:?}");
        }
    }
}

/// Run by hand: `cargo test --release -p synfin-view -- --ignored --nocapture rows`.
#[test]
#[ignore = "a measurement"]
fn rows_of_a_hundred_thousand_connections() {
    let connection = Talk::page(1).connection;
    let (mut out, mut scratch) = (String::new(), String::new());
    let mut measure = |what: &str, write: &mut dyn FnMut(&mut String)| {
        let start = std::time::Instant::now();
        for _ in 0..100_000 {
            out.clear();
            write(&mut out);
        }
        println!("{what}: {:?}", start.elapsed());
    };
    let clock = crate::time::Clock::default();
    for width in [80, 160] {
        let style = Style { width, ..Style::default() };
        measure("table", &mut |out| crate::table::write(out, &mut scratch, &connection, &clock, &style));
    }
    measure("json", &mut |out| crate::json::write_connection(out, &connection));
    measure("csv", &mut |out| crate::csv::write_connection(out, &connection));
}
