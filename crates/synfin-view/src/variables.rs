//! The variables of a TCP of our own, event by event: their names and order are the same in text, JSON and CSV.

use std::time::Duration;

use synfin_flow::{Connection, SampleEntry};
use synfin_wire::{Side, Variables};

use crate::style::{Paint, Style};
use crate::text::Line;
use crate::time::Clock;

/// Every variable but the state, by the name that it has in JSON and CSV; those without a value yet have none. Times are
/// nanoseconds, sequence numbers relative, everything else octets, but for `retransmissions`: segments.
pub(crate) fn named(entry: &SampleEntry) -> [(&'static str, Option<i128>); 17] {
    let SampleEntry { at_ns: _, snd_una, snd_nxt, rcv_nxt, variables } = *entry;
    let Variables { state: _, snd_una: _, snd_nxt: _, rcv_nxt: _, snd_wnd, rcv_wnd, cwnd, ssthresh, .. } =
        variables;
    let Variables { rto, srtt, rttvar, in_flight, sacked, lost, retransmissions, .. } = variables;
    let Variables { mss, send_queue, receive_queue, .. } = variables;
    let nanos = |duration: Duration| i128::try_from(duration.as_nanos()).ok();
    [
        ("snd_una", Some(snd_una.into())),
        ("snd_nxt", Some(snd_nxt.into())),
        ("snd_wnd", Some(snd_wnd.into())),
        ("rcv_nxt", Some(rcv_nxt.into())),
        ("rcv_wnd", Some(rcv_wnd.into())),
        ("cwnd", Some(cwnd.into())),
        // RFC 5681 section 3.1: arbitrarily high, until the first loss.
        ("ssthresh", Some(ssthresh).filter(|ssthresh| *ssthresh < 1 << 30).map(i128::from)),
        ("rto_ns", nanos(rto)),
        ("srtt_ns", srtt.and_then(nanos)),
        ("rttvar_ns", srtt.and_then(|_| nanos(rttvar))),
        ("in_flight", Some(in_flight.into())),
        ("sacked", Some(sacked.into())),
        ("lost", Some(lost.into())),
        ("retransmissions", Some(retransmissions.into())),
        ("mss", Some(mss.into())),
        ("send_queue", Some(send_queue.into())),
        ("receive_queue", Some(receive_queue.into())),
    ]
}

/// One line: when, which connection and side, the state, and what is neither nothing nor unknown. It is as long as it
/// has to be.
pub(crate) fn write(
    out: &mut String,
    connection: &Connection,
    side: Side,
    entry: &SampleEntry,
    clock: &Clock,
    style: &Style,
) {
    let mut line = Line::new(out, &Style { width: usize::MAX, ..*style });
    line.right(7, "tcp").right(8 + clock.width(6), clock.show(entry.at_ns, 6));
    line.skip(1).put("#").show(connection.id).skip(1).put(side.name()).skip(1);
    line.paint(Paint::State, entry.variables.state.name());
    for (name, value) in named(entry) {
        let Some(value) = value.filter(|value| *value != 0) else { continue };
        line.skip(2);
        match name.strip_suffix("_ns") {
            Some(name) => line.put(name).skip(1).show(seconds(value)),
            None => line.put(name).skip(1).show(value),
        };
    }
    line.end();
}

/// Nanoseconds as seconds, to the microsecond.
fn seconds(ns: i128) -> String {
    format!("{}.{:06}", ns / 1_000_000_000, ns / 1000 % 1_000_000)
}
