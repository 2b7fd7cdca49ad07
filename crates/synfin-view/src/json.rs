//! JSON Lines: one object a line, with `"v":1` and `"type"`, for programs.
//!
//! Times are `…_ns` integers; `at_ns`, `start_ns`, `end_ns`, `first_ns` and `last_ns` count from the Unix epoch (UTC).
//! A name stays what it is; fields may be added. Where something is not known, the field is absent.
//!
//! | `type` | when |
//! | --- | --- |
//! | `connection` | a connection is over (shown as `connections` or `ladder`) |
//! | `packet` | a packet was seen (`packets`) |
//! | `state` | an endpoint changed its state (`states`) |
//! | `message` | a message is complete (`messages`) |
//! | `finding` | a connection is over (`findings`, `connections` or `ladder`): `connection`, `kind`, `severity`, `text` |
//! | `variables` | something happened to an endpoint of a TCP of our own (`variables`): `connection`, `side`, `at_ns`, `state`, `snd_una` … |
//! | `loss` | something was not observed: `what`, `count`, `at_ns` |
//! | `summary` | the last line |
//!
//! `options` of a packet is a list of objects with a `kind`: `mss` (`value`), `window-scale` (`shift`), `sack-permitted`,
//! `sack` (`blocks`: pairs of relative sequence numbers, the second one after the end), `timestamps` (`value`,
//! `echo_reply`), `fast-open` (`cookie` in hexadecimal, `experimental`), `user-timeout` (`seconds`), `md5`,
//! `authentication` (`key_id`, `next_key_id`), `mptcp` (`subtype`), `accecn`, and `unknown` (`number`, `data` in
//! hexadecimal). Padding is left out.
//!
//! `packets` of a message holds the frame numbers that were kept, `packet_count` how many there were. An HTTP message
//! has its own fields under `http`, a TLS one under `tls`.
//!
//! Control characters are escaped beyond what RFC 8259 asks for, DEL and C1 too: a terminal may see these lines.

mod connection;
mod escape;
mod message;
mod packet;

use serde::Serialize;
use synfin_flow::{Connection, Finding, Packet, SampleEntry, StateEntry, Summary};
use synfin_messages::Message;
use synfin_wire::{Loss, Side, Source};

use crate::variables;

/// Writes an object in a line, with what every line begins with.
fn write(out: &mut String, r#type: &str, object: impl Serialize) {
    // Room for most objects.
    let mut bytes = Vec::with_capacity(2048);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, escape::Escaped);
    // Writing to memory never fails, and nothing here has keys that are not strings.
    let is_written = object.serialize(&mut serializer).is_ok();
    // The fields follow those that every line begins with. No object here is empty.
    let fields = bytes.strip_prefix(b"{").and_then(|fields| str::from_utf8(fields).ok());
    if let Some(fields) = fields.filter(|_| is_written) {
        for part in [r#"{"v":1,"type":""#, r#type, r#"","#, fields, "\n"] {
            out.push_str(part);
        }
    }
}

#[derive(Serialize)]
struct Address {
    ip: std::net::IpAddr,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    name: String,
}

impl From<&synfin_flow::Endpoint> for Address {
    fn from(endpoint: &synfin_flow::Endpoint) -> Self {
        Self { ip: endpoint.address.ip(), port: endpoint.address.port(), process: process(endpoint) }
    }
}

fn process(endpoint: &synfin_flow::Endpoint) -> Option<Process> {
    endpoint.process.map(|process| Process { pid: process.pid, name: process.name.as_str().to_owned() })
}

pub(crate) fn write_connection(out: &mut String, connection: &Connection) {
    write(out, "connection", connection::Object::from(connection));
}

pub(crate) fn write_packet(out: &mut String, connection: &Connection, packet: &Packet) {
    write(out, "packet", packet::Object::new(connection, packet));
}

pub(crate) fn write_message(out: &mut String, connection: &Connection, message: &Message) {
    write(out, "message", message::Object::new(connection, message));
}

#[derive(Serialize)]
struct StateObject {
    connection: u64,
    side: &'static str,
    local: Address,
    remote: Address,
    from: &'static str,
    to: &'static str,
    at_ns: u64,
    source: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inferred: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Process>,
}

pub(crate) fn write_state(
    out: &mut String,
    connection: &Connection,
    side: Side,
    previous: &StateEntry,
    entry: &StateEntry,
) {
    let (local, remote) = (connection.endpoint(side), connection.endpoint(side.other()));
    let bare = |endpoint| Address { process: None, ..Address::from(endpoint) };
    let object = StateObject {
        connection: connection.id,
        side: side.name(),
        local: bare(local),
        remote: bare(remote),
        from: previous.state.name(),
        to: entry.state.name(),
        at_ns: entry.at_ns,
        source: entry.source.name(),
        // Of packets it goes without saying.
        inferred: entry.is_inferred && entry.source != Source::Packet,
        packet: entry.packet,
        process: process(local),
    };
    write(out, "state", object);
}

#[derive(Serialize)]
struct VariablesObject {
    connection: u64,
    side: &'static str,
    at_ns: u64,
    state: &'static str,
    #[serde(flatten)]
    named: serde_json::Map<String, serde_json::Value>,
}

pub(crate) fn write_variables(out: &mut String, connection: &Connection, side: Side, entry: &SampleEntry) {
    let number = |value: i128| i64::try_from(value).ok().map(serde_json::Value::from);
    let known = variables::named(entry)
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.and_then(number)?)));
    let object = VariablesObject {
        connection: connection.id,
        side: side.name(),
        at_ns: entry.at_ns,
        state: entry.variables.state.name(),
        named: known.collect(),
    };
    write(out, "variables", object);
}

#[derive(Serialize)]
struct FindingObject<'a> {
    connection: u64,
    kind: &'static str,
    severity: &'static str,
    text: &'a str,
}

pub(crate) fn write_finding(out: &mut String, connection: &Connection, finding: &Finding) {
    let Finding { kind, severity, ref text } = *finding;
    write(out, "finding", FindingObject { connection: connection.id, kind, severity: severity.name(), text });
}

#[derive(Serialize)]
struct LossObject {
    what: &'static str,
    count: u64,
    at_ns: u64,
}

pub(crate) fn write_loss(out: &mut String, loss: &Loss) {
    let Loss { at_ns, cause, count } = *loss;
    write(out, "loss", LossObject { what: cause.name(), count, at_ns });
}

#[derive(Serialize)]
struct SummaryObject {
    packets: u64,
    connections: u64,
    packets_dropped: u64,
    events_lost: u64,
    frames: u64,
    aggregated: u64,
    not_tcp: u64,
    malformed: u64,
    bad_checksums: u64,
    duplicates: u64,
    fragments: u64,
    lost_fragments: u64,
    evicted: u64,
    truncated_files: u64,
}

pub(crate) fn write_summary(out: &mut String, summary: &Summary) {
    // A figure that is added to the summary must find its place here.
    let Summary {
        frames,
        aggregated,
        packets,
        not_tcp,
        malformed,
        bad_checksums,
        duplicates,
        fragments,
        lost_fragments,
        connections,
        evicted,
        packets_dropped,
        events_lost,
        truncated_files,
    } = *summary;
    let object = SummaryObject {
        packets,
        connections,
        packets_dropped,
        events_lost,
        frames,
        aggregated,
        not_tcp,
        malformed,
        bad_checksums,
        duplicates,
        fragments,
        lost_fragments,
        evicted,
        truncated_files,
    };
    write(out, "summary", object);
}
