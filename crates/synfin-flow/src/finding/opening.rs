//! What went wrong when the connection was to open, and what its SYNs settled for the worse.

use synfin_wire::{Side, State};

use super::figures::{Count, Span};
use crate::{Close, Connection, Endpoint, Open, Severity};

/// From here on a handshake is slow, in nanoseconds: the first retransmission timeout of a SYN (RFC 6298 section 2.1).
const SLOW_HANDSHAKE_NS: u64 = 1_000_000_000;

/// Below this a segment size is small, in bytes: the smallest that IPv6 has to carry, 1280 without the headers.
const SMALL_MSS: u16 = 1220;

/// From so many bytes on, what limits a transfer matters.
const LARGE_TRANSFER: u64 = 1_000_000;

pub(super) fn look(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let Connection { client, server, .. } = connection;
    if connection.is_to_itself() {
        // Nothing came from the other end, since there is none.
        let text = "Both ends have one address: a socket that has connected to itself, or forged packets. What it \
                    sent and what it received are the same packets, shown as the client's.";
        find("to-itself", Severity::Note, text.to_owned());
        return;
    }
    let lasted = Span(connection.duration_ns());
    // Where the kernel tells of this end, it is CLOSED once it has given up.
    let has_given_up = client.state() == State::Closed;
    let only_asked = client.states.iter().all(|entry| matches!(entry.state, State::Closed | State::SynSent))
        && client.states.iter().any(|entry| entry.state == State::SynSent);
    let never_answered = only_asked && server.sent.packets == 0 && connection.close == Close::Open;
    if connection.open == Open::Attempt && connection.close == Close::RstByServer {
        let text =
            format!("The server refused the connection: it answered the SYN with a reset after {lasted}.");
        find("connection-refused", Severity::Problem, text);
    } else if connection.open == Open::Attempt && never_answered {
        if client.sent.packets > 1 {
            let syns = Count(client.sent.packets, "SYN");
            let text =
                format!("{syns} in {lasted} had no answer: a firewall drops them, or nobody is there.");
            find("no-answer", Severity::Problem, text);
        } else {
            let until = if has_given_up { "the client gave up" } else { "the capture ended" };
            find("no-answer", Severity::Warning, format!("The SYN had no answer before {until}."));
        }
    } else if server.state() == State::SynReceived && connection.close == Close::Open {
        let (sent, answers) = (server.sent.packets, Count(server.sent.packets, "SYN-ACK"));
        let severity = if sent > 1 { Severity::Problem } else { Severity::Warning };
        let text = format!("The handshake was not completed: {answers} in {lasted} had no answer.");
        find("handshake-incomplete", severity, text);
    } else {
        one_sided(connection, find);
    }
    slow_handshake(connection, find);
    for (side, other) in [(Side::Client, server), (Side::Server, client)] {
        small_mss(side, connection.endpoint(side), other, find);
    }
    window_scaling(connection, find);
}

fn one_sided(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    for side in Side::BOTH {
        let (seen, unseen) =
            (connection.endpoint(side).sent.packets, connection.endpoint(side.other()).sent.packets);
        if seen > 1 && unseen == 0 {
            let (seen, unseen) = (side.name(), side.other().name());
            let text = format!(
                "Only packets from the {seen} were captured: what the {unseen} sent can but be guessed."
            );
            find("one-sided-capture", Severity::Warning, text);
        }
    }
}

fn slow_handshake(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let at =
        |state| connection.client.states.iter().find(|entry| entry.state == state).map(|entry| entry.at_ns);
    let (Some(sent_ns), Some(open_ns)) = (at(State::SynSent), at(State::Established)) else { return };
    let took_ns = open_ns.saturating_sub(sent_ns);
    if took_ns < SLOW_HANDSHAKE_NS {
        return;
    }
    let again = connection.ledger.open.saturating_sub(3);
    let why = match again {
        0 => "the way is long, or the server was slow to answer".to_owned(),
        n => format!("{} more than the usual 3 were sent, as after a loss", Count(n, "packet")),
    };
    find("slow-handshake", Severity::Warning, format!("The handshake took {}: {why}.", Span(took_ns)));
}

fn small_mss(
    side: Side,
    endpoint: &Endpoint,
    other: &Endpoint,
    find: &mut impl FnMut(&'static str, Severity, String),
) {
    let Some(mss) = endpoint.mss.filter(|mss| *mss < SMALL_MSS) else { return };
    let name = side.name();
    let is_costly = other.sent.payload_bytes >= LARGE_TRANSFER;
    let severity = if is_costly { Severity::Warning } else { Severity::Note };
    let sent = Count(other.sent.payload_bytes, "byte");
    let text = format!("The {name} takes no segments above {mss} bytes, of which {sent} make many packets.");
    find("small-mss", severity, text);
}

/// Without the option from both ends no window exceeds 65,535 bytes (RFC 7323 section 2.2): a round trip carries no more.
fn window_scaling(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let Connection { client, server, .. } = connection;
    let bytes = client.sent.payload_bytes.max(server.sent.payload_bytes);
    let has_both_syns =
        connection.open == Open::Handshake && client.sent.packets > 0 && server.sent.packets > 0;
    // A client that was not seen to send its SYN has no options that are known.
    let syn_was_seen =
        client.states.iter().any(|entry| entry.state == State::SynSent && entry.packet.is_some());
    if !has_both_syns || !syn_was_seen || bytes < LARGE_TRANSFER {
        return;
    }
    let who = match (client.window_scale, server.window_scale) {
        (Some(_), Some(_)) => return,
        (None, _) => "client did not offer",
        (Some(_), None) => "server did not take up",
    };
    let (severity, limit) = match connection.rtt().map(|rtt| rtt.median_ns) {
        Some(rtt_ns) if rtt_ns > 0 => {
            let kilobytes = 65_535 * 1_000_000 / rtt_ns;
            let severity = if rtt_ns < 5_000_000 { Severity::Note } else { Severity::Warning };
            (severity, format!(", which is {kilobytes} kB/s with a round trip of {}", Span(rtt_ns)))
        }
        _ => (Severity::Warning, String::new()),
    };
    let text = format!("The {who} window scaling: no more than 65,535 bytes can be under way{limit}.");
    find("window-scaling-off", severity, text);
}
