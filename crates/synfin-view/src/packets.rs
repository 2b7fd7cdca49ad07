//! The list of packets: one line for each, much as tshark prints them, and what is remarkable in brackets.

use synfin_flow::{Connection, Packet};
use synfin_wire::tcp::TcpOption;

use crate::messages::headline;
use crate::segment::{OptionLabel, mark_name, message_starts, options, paint, sack_ranges, window_matters};
use crate::style::{Paint, Style};
use crate::text::Line;
use crate::time::Clock;

/// From so many columns on, a line says everything on a terminal too.
const ALL_COLUMNS: usize = 160;

/// One line, as long as it has to be, or as there is room for. `names_messages` says whether it names the messages that begin in the packet, as
/// far as they are known by then: it need not, where messages have lines of their own.
pub(crate) fn write(
    out: &mut String,
    connection: &Connection,
    packet: &Packet,
    names_messages: bool,
    clock: &Clock,
    style: &Style,
) {
    let glyphs = style.glyphs();
    let (width, is_brief) = match style.columns() {
        columns if style.fits_lines => (columns, columns < ALL_COLUMNS),
        _ => (usize::MAX, false),
    };
    let mut line = Line::new(out, &Style { width, ..*style });
    let (number, gap) = if is_brief { (5, 6) } else { (7, 8) };
    line.right(number, packet.n).right(gap + clock.width(6), clock.show(packet.at_ns, 6));
    line.skip(1).put("#").show(connection.id).skip(1);
    let to = connection.endpoint(packet.from.other()).address;
    line.show(connection.endpoint(packet.from).address).skip(1).put(glyphs.to).skip(1).show(to).skip(1);
    line.painted(paint(packet), |line| {
        for mark in packet.marks.iter() {
            line.put("[").put(mark_name(mark)).put("] ");
        }
        line.put("[").show(packet.flags).put("]");
    });
    // First what may not be cut.
    if is_brief && packet.len > 0 {
        line.put(" len=").show(packet.len);
    }
    line.put(" seq=").show(packet.seq);
    if let Some(ack) = packet.ack {
        line.put(" ack=").show(ack);
    }
    if !is_brief || window_matters(packet) {
        line.put(" win=").show(packet.window);
    }
    if !is_brief {
        line.put(" len=").show(packet.len);
    }
    if is_brief {
        write_messages(&mut line, connection, packet, names_messages);
    }
    // Timestamps are in every packet, and nobody reads them where there is no room.
    let is_shown = |option: &OptionLabel<'_>| {
        option.is_shown() && !(is_brief && matches!(option.0, TcpOption::Timestamps { .. }))
    };
    for option in options(packet).map(OptionLabel).filter(is_shown) {
        line.put("  ").show(option);
    }
    let mut ranges = sack_ranges(packet).peekable();
    if ranges.peek().is_some() {
        line.put("  sack");
        for range in ranges {
            line.put(" ").show(range.left).put("-").show(range.right);
        }
    }
    if !is_brief {
        write_messages(&mut line, connection, packet, names_messages);
    }
    line.end();
}

fn write_messages(line: &mut Line<'_>, connection: &Connection, packet: &Packet, is_wanted: bool) {
    for message in message_starts(connection, packet).filter(|_| is_wanted) {
        line.put("  ").paint(Paint::Message, &headline(message));
    }
}
