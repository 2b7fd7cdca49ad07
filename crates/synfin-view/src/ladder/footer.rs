//! What a connection's packets were spent on, and what a person should know about it.

use synfin_flow::{Close, Connection, Open};
use synfin_wire::{Side, State};

use crate::findings::paint;
use crate::style::{Paint, Style};
use crate::text::{Line, width, wrap};
use crate::units::{Duration, Grouped, Percent, counted};

const INDENT: usize = 4;

pub(super) fn write(out: &mut String, connection: &Connection, style: &Style) {
    out.push('\n');
    let clauses = [
        Some(ledger(connection, style)),
        Some(volume(connection)),
        Some(ends(connection)),
        again(connection),
        rtt(connection, style),
    ];
    let mut line = Line::new(out, style);
    line.skip(INDENT);
    for clause in clauses.into_iter().flatten() {
        if line.column() > INDENT {
            line.put(";");
            if line.left() < width(&clause, style.unicode) + 2 {
                line.end();
                line.skip(INDENT);
            } else {
                line.skip(1);
            }
        }
        line.words(INDENT + 2, &clause);
    }
    line.end();
    for finding in connection.findings() {
        let (on, off) = if style.color { (paint(finding.severity).on(), Paint::OFF) } else { ("", "") };
        out.push_str(on);
        wrap(out, style, INDENT, "! ", &finding.text);
        out.push_str(off);
    }
}

fn ledger(connection: &Connection, style: &Style) -> String {
    let ledger = connection.ledger;
    let dot = style.glyphs().dot;
    format!(
        "open {} {dot} data {} {dot} ack {} {dot} close {} = {} ({} without data)",
        Grouped(ledger.open),
        Grouped(ledger.data),
        Grouped(ledger.ack),
        Grouped(ledger.close),
        counted(ledger.total(), "packet"),
        Grouped(ledger.overhead()),
    )
}

fn volume(connection: &Connection) -> String {
    let sum = |of: fn(&synfin_flow::Counts) -> u64| {
        Side::BOTH.iter().fold(0u64, |sum, side| sum.saturating_add(of(&connection.endpoint(*side).sent)))
    };
    let (payload, wire) = (sum(|c| c.payload_bytes), sum(|c| c.wire_bytes));
    let share = Percent { part: payload, whole: wire };
    format!("{} payload of {} wire bytes ({share})", Grouped(payload), Grouped(wire))
}

fn ends(connection: &Connection) -> String {
    let open = match connection.open {
        Open::Handshake => "opened by a handshake",
        Open::Simultaneous => "opened from both ends at once",
        Open::Midstream => "opened before the capture",
        Open::Attempt => "never opened",
    };
    let close = match connection.close {
        Close::Fin => "closed in 4 segments (FIN and ACK each way)",
        Close::Fin3 => "closed in 3 segments (ACK and FIN in one)",
        Close::Simultaneous => "closed from both ends at once",
        Close::RstByClient => "reset by the client",
        Close::RstByServer if connection.open == Open::Attempt => "refused by the server",
        Close::RstByServer => "reset by the server",
        Close::HalfClosed => "closed from one end only",
        Close::Open if connection.open == Open::Attempt => "no answer",
        Close::Open if Side::BOTH.into_iter().all(|side| is_given_up(connection, side)) => {
            "given up by both ends"
        }
        Close::Open => "still open",
    };
    format!("{open}, {close}")
}

/// Whether an end is CLOSED that was open, without a FIN or RST having passed.
fn is_given_up(connection: &Connection, side: Side) -> bool {
    let states = &connection.endpoint(side).states;
    states.len() > 1 && states.last().is_some_and(|entry| entry.state == State::Closed)
}

fn again(connection: &Connection) -> Option<String> {
    let count = |side| connection.endpoint(side).sent.retransmitted;
    let bytes = |side| connection.endpoint(side).sent.retransmitted_bytes;
    let packets = Side::BOTH.into_iter().map(count).fold(0, u64::saturating_add);
    let bytes = Side::BOTH.into_iter().map(bytes).fold(0, u64::saturating_add);
    // A SYN has no bytes, and of a segment that was lost before it was captured, none were seen before.
    let with = if bytes > 0 { format!(" with {} bytes", Grouped(bytes)) } else { String::new() };
    (packets > 0).then(|| format!("{}{with} sent again", counted(packets, "packet")))
}

fn rtt(connection: &Connection, style: &Style) -> Option<String> {
    let rtt = connection.rtt()?;
    let shown = |ns| Duration::new(ns, style.glyphs()).to_string();
    let (min, median, max) = (shown(rtt.min_ns), shown(rtt.median_ns), shown(rtt.max_ns));
    if min == max {
        return Some(format!("RTT {median}"));
    }
    Some(format!("RTT {median} (from {min} to {max})"))
}
