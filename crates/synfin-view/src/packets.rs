//! The list of packets: one line for each, much as tshark prints them, and what is remarkable in brackets.

use synfin_flow::{Connection, Packet};

use crate::messages::headline;
use crate::segment::{OptionLabel, mark_name, message_starts, options, paint, sack_ranges};
use crate::style::{Paint, Style};
use crate::text::Line;
use crate::time::Clock;

/// One line, as long as it has to be. `names_messages` says whether it names the messages that begin in the packet, as
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
    let mut line = Line::new(out, &Style { width: usize::MAX, ..*style });
    line.right(7, packet.n).right(8 + clock.width(6), clock.show(packet.at_ns, 6));
    line.skip(1).put("#").show(connection.id).skip(1);
    let to = connection.endpoint(packet.from.other()).address;
    line.show(connection.endpoint(packet.from).address).skip(1).put(glyphs.to).skip(1).show(to).skip(1);
    line.painted(paint(packet), |line| {
        for mark in packet.marks.iter() {
            line.put("[").put(mark_name(mark)).put("] ");
        }
        line.put("[").show(packet.flags).put("]");
    });
    line.put(" seq=").show(packet.seq);
    if let Some(ack) = packet.ack {
        line.put(" ack=").show(ack);
    }
    line.put(" win=").show(packet.window).put(" len=").show(packet.len);
    for option in options(packet).map(OptionLabel).filter(OptionLabel::is_shown) {
        line.put("  ").show(option);
    }
    let mut ranges = sack_ranges(packet).peekable();
    if ranges.peek().is_some() {
        line.put("  sack");
        for range in ranges {
            line.put(" ").show(range.left).put("-").show(range.right);
        }
    }
    for message in message_starts(connection, packet).filter(|_| names_messages) {
        line.put("  ").paint(Paint::Message, &headline(message));
    }
    line.end();
}
