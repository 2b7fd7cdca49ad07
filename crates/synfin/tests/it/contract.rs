//! The JSON contract: which keys each kind of line has, and of which type their values are, over all shared captures.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use crate::captures;
use crate::run::synfin;

/// A key, and what stands there. A `?` says that it may be absent.
type Shape = &'static [(&'static str, Kind)];

#[derive(Clone, Copy)]
enum Kind {
    /// An integer that is not negative.
    Count,
    /// An integer.
    Integer,
    Bool,
    Text,
    Texts,
    Counts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of words, each one of these.
    Words(&'static [&'static str]),
    Object(Shape),
    /// The options of a packet.
    Options,
    /// An object of one of these shapes.
    Either(Shape, Shape),
}

use Kind::{Bool, Count, Counts, Either, Integer, Object, Options, Text, Texts, Word, Words};

const SIDES: Kind = Word(&["client", "server"]);
const STATES: &[&str] = &[
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
];
const MARKS: &[&str] = &[
    "retransmission",
    "fast-retransmission",
    "spurious-retransmission",
    "out-of-order",
    "duplicate-ack",
    "previous-segment-lost",
    "acked-unseen",
    "zero-window",
    "window-full",
    "window-update",
    "keep-alive",
    "keep-alive-ack",
    "port-reused",
    "zero-window-probe",
    "zero-window-probe-ack",
    "dsack",
    "bad-checksum",
    "cut-off",
];
const OPENS: &[&str] = &["handshake", "simultaneous", "midstream", "attempt"];
const CLOSES: &[&str] =
    &["fin", "fin-3", "simultaneous", "rst-by-client", "rst-by-server", "half-closed", "open"];

const ADDRESS: Kind = Object(&[("ip", Text), ("port", Count), ("process?", PROCESS)]);
const PROCESS: Kind = Object(&[("pid", Count), ("name", Text)]);
const RTT: Kind = Object(&[("min", Count), ("median", Count), ("max", Count), ("samples", Count)]);

const HALF: Kind = Object(&[
    ("packets", Count),
    ("payload_bytes", Count),
    ("wire_bytes", Count),
    ("ip_bytes", Count),
    ("data_packets", Count),
    ("retransmitted_data", Count),
    ("retransmitted", Count),
    ("spurious", Count),
    ("retransmitted_bytes", Count),
    ("out_of_order", Count),
    ("duplicate_acks", Count),
    ("zero_windows", Count),
    ("keep_alives", Count),
    ("missed_bytes", Count),
    ("mss?", Count),
    ("window_scale?", Count),
    ("sack_permitted", Bool),
    ("rtt_ns?", RTT),
]);

const CONNECTION: Shape = &[
    ("id", Count),
    ("client", ADDRESS),
    ("server", ADDRESS),
    ("start_ns", Count),
    ("end_ns", Count),
    ("first_packet", Count),
    ("open", Word(OPENS)),
    ("close", Word(CLOSES)),
    ("states", Object(&[("client", Words(STATES)), ("server", Words(STATES))])),
    ("from_client", HALF),
    ("from_server", HALF),
    ("rtt_ns?", RTT),
    ("ledger", Object(&[("open", Count), ("data", Count), ("ack", Count), ("close", Count)])),
    ("messages", Count),
    ("zeek", Object(&[("conn_state", Text), ("history", Text)])),
];

const PACKET: Shape = &[
    ("connection", Count),
    ("n", Count),
    ("at_ns", Count),
    ("from", SIDES),
    ("flags", Text),
    ("seq", Integer),
    ("ack?", Integer),
    ("len", Count),
    ("window", Count),
    ("options", Options),
    ("marks", Words(MARKS)),
    ("raw_seq", Count),
    ("raw_ack", Count),
    ("wire_len", Count),
    ("phase", Word(&["open", "data", "ack", "close"])),
];

const STATE: Shape = &[
    ("connection", Count),
    ("side", SIDES),
    ("local", ADDRESS),
    ("remote", ADDRESS),
    ("from", Word(STATES)),
    ("to", Word(STATES)),
    ("at_ns", Count),
    ("source", Word(&["kernel", "packet", "stack"])),
    ("packet?", Count),
    ("process?", PROCESS),
];

const HTTP_REQUEST: Shape = &[
    ("method", Text),
    ("target", Text),
    ("version", Text),
    ("host?", Text),
    ("user_agent?", Text),
    ("content_type?", Text),
    ("upgrade?", Text),
    ("framing", Text),
    ("header_bytes", Count),
    ("body_bytes", Count),
];
const HTTP_RESPONSE: Shape = &[
    ("status", Count),
    ("reason", Text),
    ("version", Text),
    ("content_type?", Text),
    ("server?", Text),
    ("upgrade?", Text),
    ("framing", Text),
    ("header_bytes", Count),
    ("body_bytes", Count),
    ("request?", Count),
    ("request_first_ns?", Count),
    ("request_sent_ns?", Count),
    ("first_byte_ns", Count),
    ("last_byte_ns", Count),
];
const CLIENT_HELLO: Shape =
    &[("version", Text), ("server_name?", Text), ("alpn", Texts), ("cipher_suites", Count)];
const SERVER_HELLO: Shape = &[
    ("version", Text),
    ("cipher_suite", Count),
    ("cipher_suite_name?", Text),
    ("alpn?", Text),
    ("is_retry", Bool),
];

const MESSAGE: Shape = &[
    ("connection", Count),
    ("n", Count),
    ("kind", Word(&["http-request", "http-response", "tls-client-hello", "tls-server-hello"])),
    ("from", SIDES),
    ("first_ns", Count),
    ("last_ns", Count),
    ("packets", Counts),
    ("packet_count", Count),
    ("complete", Bool),
    ("missed_bytes", Count),
    ("http?", Either(HTTP_REQUEST, HTTP_RESPONSE)),
    ("tls?", Either(CLIENT_HELLO, SERVER_HELLO)),
];

const FINDING: Shape = &[
    ("connection", Count),
    ("kind", Text),
    ("severity", Word(&["note", "warning", "problem"])),
    ("text", Text),
];

const LOSS: Shape = &[
    ("what", Word(&["capture-buffer", "interface", "kernel-events", "truncated-file"])),
    ("count", Count),
    ("at_ns", Count),
];

const SUMMARY: Shape = &[
    ("packets", Count),
    ("connections", Count),
    ("packets_dropped", Count),
    ("events_lost", Count),
    ("frames", Count),
    ("aggregated", Count),
    ("not_tcp", Count),
    ("malformed", Count),
    ("bad_checksums", Count),
    ("duplicates", Count),
    ("fragments", Count),
    ("lost_fragments", Count),
    ("evicted", Count),
    ("truncated_files", Count),
];

/// The keys of an option of this kind.
fn option(kind: &str) -> Option<Shape> {
    Some(match kind {
        "mss" => &[("value", Count)],
        "window-scale" => &[("shift", Count)],
        "sack-permitted" | "md5" | "accecn" => &[],
        "timestamps" => &[("value", Count), ("echo_reply", Count)],
        "fast-open" => &[("cookie", Text), ("experimental", Bool)],
        "user-timeout" => &[("seconds", Count)],
        "authentication" => &[("key_id", Count), ("next_key_id", Count)],
        "mptcp" => &[("subtype", Count)],
        "unknown" => &[("number", Count), ("data", Text)],
        _ => return None,
    })
}

/// Why a value is not what it should be.
fn mismatch(value: &Value, kind: Kind) -> Option<String> {
    let words = |words: &[&str]| value.as_str().is_some_and(|word| words.contains(&word));
    let all = |is: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|values| values.iter().all(is));
    let is_right = match kind {
        Count => value.is_u64(),
        Integer => value.is_i64() || value.is_u64(),
        Bool => value.is_boolean(),
        Text => value.is_string(),
        Texts => all(&Value::is_string),
        Counts => all(&Value::is_u64),
        Word(known) => words(known),
        Words(known) => all(&|value| value.as_str().is_some_and(|word| known.contains(&word))),
        Object(shape) => return fields_mismatch(value.as_object(), shape),
        Either(one, other) => {
            return fields_mismatch(value.as_object(), one).and(fields_mismatch(value.as_object(), other));
        }
        Options => all(&is_option),
    };
    (!is_right).then(|| value.to_string())
}

fn is_option(value: &Value) -> bool {
    let Some(mut fields) = value.as_object().cloned() else { return false };
    let Some(kind) = fields.remove("kind") else { return false };
    if kind == "sack" {
        let Some(Value::Array(blocks)) = fields.remove("blocks") else { return false };
        let is_edge = |edge: &Value| edge.is_i64() || edge.is_u64();
        return fields.is_empty()
            && blocks.iter().all(|block| {
                block.as_array().is_some_and(|edges| edges.len() == 2 && edges.iter().all(is_edge))
            });
    }
    let shape = kind.as_str().and_then(option);
    shape.is_some_and(|shape| fields_mismatch(Some(&fields), shape).is_none())
}

fn fields_mismatch(fields: Option<&Map<String, Value>>, shape: Shape) -> Option<String> {
    let Some(fields) = fields else { return Some("no object".to_owned()) };
    for &(key, kind) in shape {
        let (name, is_optional) = key.strip_suffix('?').map_or((key, false), |name| (name, true));
        match fields.get(name) {
            None if is_optional => {}
            None => return Some(format!("{name} is missing")),
            Some(value) => {
                if let Some(why) = mismatch(value, kind) {
                    return Some(format!("{name}: {why}"));
                }
            }
        }
    }
    let is_known = |key: &str| shape.iter().any(|(name, _)| name.trim_end_matches('?') == key);
    fields.keys().find(|key| !is_known(key)).map(|key| format!("{key} is not in the contract"))
}

fn check(line: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let mut fields = value.as_object().cloned().ok_or("no object")?;
    if fields.remove("v") != Some(1.into()) {
        return Err("v is not 1".to_owned());
    }
    let Some(Value::String(name)) = fields.remove("type") else { return Err("no type".to_owned()) };
    let shape = match name.as_str() {
        "connection" => CONNECTION,
        "packet" => PACKET,
        "state" => STATE,
        "message" => MESSAGE,
        "finding" => FINDING,
        "loss" => LOSS,
        "summary" => SUMMARY,
        _ => return Err(format!("type {name} is not in the contract")),
    };
    fields_mismatch(Some(&fields), shape).map_or(Ok(name), Err)
}

#[test]
fn every_line_of_every_capture_keeps_the_contract() {
    let show = "connections,packets,messages,states,findings";
    let mut kinds = BTreeSet::new();
    let captures = captures::all();
    for capture in &captures {
        let file = capture.to_str().unwrap();
        let ran = synfin(Path::new("."), ["read", file, "--format", "json", "--show", show]);
        assert!(matches!(ran.status, 0 | 1), "{file}: {}", ran.stderr);
        let lines: Vec<_> = ran.stdout.lines().collect();
        for line in &lines {
            kinds.insert(check(line).unwrap_or_else(|why| panic!("{file}: {why}: {line}")));
        }
        let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        assert_eq!(last["type"], "summary", "{file}");
        let count = |name: &str| {
            let name = format!(r#"{{"v":1,"type":"{name}","#);
            lines.iter().filter(|line| line.starts_with(&name)).count()
        };
        assert_eq!(last["packets"], count("packet"), "{file}");
        assert_eq!(last["connections"], count("connection"), "{file}");
        assert_eq!(count("summary"), 1, "{file}");
        assert_eq!(ran.status == 1, count("connection") == 0, "{file}");
    }
    if !captures.is_empty() {
        let needed = ["connection", "message", "packet", "state", "summary"];
        assert!(needed.iter().all(|kind| kinds.contains(*kind)), "the captures have some of each: {kinds:?}");
    }
}
