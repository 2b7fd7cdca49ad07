//! The connection table: one line for each connection, printed as it ends.
//!
//! Columns have a fixed place, because the lines that are still to come are not known. Where two addresses are too long
//! for theirs, the figures come in the next line. Where the terminal is narrow, what a connection was
//! for, its retransmissions and its RTT come in a second line of its own.

use std::fmt::Write as _;

use synfin_flow::{Close, Connection, Open};
use synfin_wire::Side;

use crate::messages::write_purpose;
use crate::style::{Paint, Style};
use crate::text::Line;
use crate::time::Clock;
use crate::units::{CompactBytes, Duration, Grouped};

/// Where each column ends, or for those on the left, begins.
struct Columns {
    id: usize,
    start: usize,
    pair: usize,
    close: usize,
    packets: usize,
    sent: usize,
    received: usize,
    again: Option<usize>,
    rtt: Option<usize>,
    took: usize,
    /// Where the purpose begins, in this line or in one of its own.
    purpose: usize,
}

impl Columns {
    /// Below this width there is no room for all of it in one line.
    const WIDE: usize = 116;

    fn new(style: &Style, clock: &Clock) -> Self {
        let time = clock.width(3);
        if style.columns() < Self::WIDE {
            let took = style.columns().clamp(80, 100);
            let pair = 6 + time;
            return Self {
                id: 4,
                start: 5 + time,
                pair,
                close: took - 29,
                packets: took - 16,
                sent: took - 11,
                received: took - 6,
                again: None,
                rtt: None,
                took,
                purpose: pair,
            };
        }
        let pair = 9 + time;
        Self {
            id: 6,
            start: 7 + time,
            pair,
            close: pair + 42,
            packets: pair + 55,
            sent: pair + 60,
            received: pair + 65,
            again: Some(pair + 71),
            rtt: Some(pair + 77),
            took: pair + 83,
            purpose: pair + 85,
        }
    }
}

/// A table has room for the beginning of a target; the whole of it is in the other views.
const LONGEST_TARGET: usize = 30;

/// The line above the table.
pub(crate) fn write_header(out: &mut String, clock: &Clock, style: &Style) {
    let columns = Columns::new(style, clock);
    let glyphs = style.glyphs();
    let mut line = Line::new(out, style);
    line.painted(Some(Paint::Strong), |line| {
        line.right(columns.id, "#").right(columns.start, "start");
        line.to(columns.pair).put("client ").put(glyphs.to).put(" server").to(columns.close).put("closed");
        line.right(columns.packets, "pkts");
        line.right(columns.sent, glyphs.to).right(columns.received, glyphs.back);
        if let Some(end) = columns.again {
            line.right(end, "again");
        }
        if let Some(end) = columns.rtt {
            line.right(end, "rtt");
        }
        line.right(columns.took, "took");
        if columns.again.is_some() {
            line.to(columns.purpose).put("what");
        }
    });
    line.end();
}

/// How a connection closed, or why there was none, in at most seven columns.
fn closing(connection: &Connection) -> &'static str {
    match (connection.open, connection.close) {
        (Open::Attempt, Close::RstByServer) => "refused",
        (Open::Attempt, Close::Open | Close::HalfClosed) => "silent",
        (_, Close::Fin) => "fin",
        (_, Close::Fin3) => "fin-3",
        (_, Close::Simultaneous) => "fin-sim",
        (_, Close::RstByClient) => "rst-cli",
        (_, Close::RstByServer) => "rst-srv",
        (_, Close::HalfClosed) => "half",
        (_, Close::Open) => "open",
    }
}

/// The line of a connection. `scratch` is room to be used again.
pub(crate) fn write(
    out: &mut String,
    scratch: &mut String,
    connection: &Connection,
    clock: &Clock,
    style: &Style,
) {
    let columns = Columns::new(style, clock);
    let glyphs = style.glyphs();
    let (client, server) = (&connection.client, &connection.server);
    let again = Side::BOTH.map(|side| connection.endpoint(side).sent.retransmitted).iter().sum::<u64>();
    let rtt = connection.rtt().map(|rtt| Duration::compact(rtt.median_ns, glyphs));
    scratch.clear();
    if connection.namespace != 0 {
        // Writing to a string never fails.
        let _ = write!(scratch, "net:{} ", connection.namespace);
    }
    write_purpose(scratch, connection, LONGEST_TARGET, glyphs);

    let mut line = Line::new(out, style);
    line.right(columns.id, connection.id).right(columns.start, clock.show(connection.start_ns, 3)).skip(1);
    line.to(columns.pair).show(client.address).skip(1).put(glyphs.to).skip(1).show(server.address).skip(1);
    if line.column() > columns.close {
        line.end();
    }
    let failed = matches!(connection.close, Close::RstByClient | Close::RstByServer)
        || connection.open == Open::Attempt;
    line.to(columns.close).painted(failed.then_some(Paint::Problem), |line| {
        line.put(closing(connection));
    });
    line.right(columns.packets, client.sent.packets + server.sent.packets);
    line.right(columns.sent, CompactBytes(client.sent.payload_bytes));
    line.right(columns.received, CompactBytes(server.sent.payload_bytes));
    let took = Duration::compact(connection.end_ns.saturating_sub(connection.start_ns), glyphs);
    if let (Some(again_end), Some(rtt_end)) = (columns.again, columns.rtt) {
        if again > 0 {
            line.painted(Some(Paint::Warning), |line| {
                line.right(again_end, Grouped(again));
            });
        }
        if let Some(rtt) = rtt {
            line.right(rtt_end, rtt);
        }
        line.right(columns.took, took).skip(1).to(columns.purpose).paint(Paint::Message, scratch).end();
        return;
    }
    line.right(columns.took, took).end();
    if again == 0 && rtt.is_none() && scratch.is_empty() {
        return;
    }
    line.to(columns.purpose).paint(Paint::Message, scratch);
    let separator = |line: &mut Line<'_>| {
        if line.column() > columns.purpose {
            line.put("; ");
        }
    };
    if again > 0 {
        separator(&mut line);
        line.painted(Some(Paint::Warning), |line| {
            line.show(Grouped(again)).put(" sent again");
        });
    }
    if let Some(rtt) = rtt {
        separator(&mut line);
        line.put("rtt ").show(rtt);
    }
    line.end();
}
