//! The list of state changes.

use synfin_flow::{Connection, StateEntry};
use synfin_wire::{Side, Source};

use crate::style::{Paint, Style};
use crate::text::Line;
use crate::time::Clock;

/// One line: when, which connection and side, its address, the states before and after, who says so. It is as long as it
/// has to be.
pub(crate) fn write(
    out: &mut String,
    connection: &Connection,
    side: Side,
    previous: &StateEntry,
    entry: &StateEntry,
    clock: &Clock,
    style: &Style,
) {
    let glyphs = style.glyphs();
    let endpoint = connection.endpoint(side);
    let mut line = Line::new(out, &Style { width: usize::MAX, ..*style });
    line.right(7, "state").right(8 + clock.width(6), clock.show(entry.at_ns, 6));
    line.skip(1).put("#").show(connection.id).skip(1).put(side.name()).skip(1).show(endpoint.address);
    if let Some(process) = &endpoint.process {
        line.skip(1).put(process.name.as_str()).put("[").show(process.pid).put("]");
    }
    line.skip(2);
    line.put(previous.state.name()).skip(1).put(glyphs.to).skip(1).paint(Paint::State, entry.state.name());
    let inferred = if entry.is_inferred && entry.source != Source::Packet { ", inferred" } else { "" };
    line.skip(2).put("(").put(entry.source.name()).put(inferred).put(")").end();
}
