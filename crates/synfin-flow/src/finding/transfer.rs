//! What the bytes had to go through: loss, closed windows, and what the capture missed of it.

use synfin_wire::Side;

use super::figures::{Count, Percent, Span};
use crate::{Connection, Counts, Open, Severity};

pub(super) fn look(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    for side in Side::BOTH {
        let sent = &connection.endpoint(side).sent;
        if sent.packets == 0 {
            continue;
        }
        gaps(side, sent, find);
        // The SYNs of an attempt are told of as such.
        if connection.open != Open::Attempt {
            retransmissions(side, sent, find);
        }
        out_of_order(side, sent, find);
        zero_windows(side, sent, find);
    }
    keep_alives(connection, find);
}

fn gaps(side: Side, sent: &Counts, find: &mut impl FnMut(&'static str, Severity, String)) {
    if sent.missed_bytes == 0 {
        return;
    }
    let missed = Count(sent.missed_bytes, "byte");
    let part = Percent(sent.missed_bytes, sent.missed_bytes.saturating_add(sent.payload_bytes));
    let text = format!("The capture missed {missed} ({part}) of what the {} sent.", side.name());
    find("capture-gaps", Severity::Problem, text);
}

fn retransmissions(side: Side, sent: &Counts, find: &mut impl FnMut(&'static str, Severity, String)) {
    let again = sent.retransmitted;
    if again == 0 {
        return;
    }
    let name = side.name();
    let (data, of) = (sent.retransmitted_data, sent.data_packets);
    // What is lost now and then costs nearly nothing.
    let severity = if again * 100 >= of { Severity::Warning } else { Severity::Note };
    // A SYN or a FIN that was sent again is no data packet.
    let what = if data == again {
        format!("{data} of its {} ({})", Count(of, "data packet"), Percent(data, of))
    } else {
        Count(again, "packet").to_string()
    };
    let spurious = match sent.spurious {
        0 => String::new(),
        n if n == again => ", needlessly".to_owned(),
        n => format!(", {n} of them needlessly"),
    };
    find("retransmissions", severity, format!("The {name} sent {what} again{spurious}."));
}

fn out_of_order(side: Side, sent: &Counts, find: &mut impl FnMut(&'static str, Severity, String)) {
    if sent.out_of_order < 3 || sent.out_of_order * 100 < sent.data_packets {
        return;
    }
    let packets = Count(sent.out_of_order, "packet");
    let part = Percent(sent.out_of_order, sent.packets);
    let text = format!("{packets} from the {} ({part}) were overtaken on the way.", side.name());
    find("out-of-order", Severity::Note, text);
}

fn zero_windows(side: Side, sent: &Counts, find: &mut impl FnMut(&'static str, Severity, String)) {
    if sent.zero_windows == 0 {
        return;
    }
    let (name, other) = (side.name(), side.other().name());
    let packets = Count(sent.zero_windows, "packet");
    let text =
        format!("The {name} closed its window, in {packets}: it reads more slowly than the {other} sends.");
    find("zero-window", Severity::Warning, text);
}

fn keep_alives(connection: &Connection, find: &mut impl FnMut(&'static str, Severity, String)) {
    let (client, server) = (&connection.client.sent, &connection.server.sent);
    let count = client.keep_alives + server.keep_alives;
    if count == 0 || client.payload_bytes + server.payload_bytes > 0 {
        return;
    }
    let (count, lasted) = (Count(count, "keep-alive"), Span(connection.duration_ns()));
    find(
        "keep-alive-only",
        Severity::Note,
        format!("Nothing but {count} passed in {lasted}: the connection is idle."),
    );
}
