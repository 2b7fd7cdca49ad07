//! Where everything stands, and the drawing of it.

use synfin_flow::{Connection, Mark, PacketNote, StateEntry};
use synfin_wire::{NoteKind, Side};

use super::folding::Fold;
use super::label;
use super::rows::{Note, PacketRow, Part, Row};
use crate::messages::{ending, headline};
use crate::segment::paint;
use crate::style::{Paint, Style};
use crate::text::{Line, width};
use crate::time::{Unit, since};
use crate::units::Grouped;

/// The longest name of a state: `SYN-RECEIVED`.
const STATE_WIDTH: usize = 12;

/// Time, a space, the client's state, a space (or the sign that the state is inferred).
const LEFT_LANE: usize = Unit::WIDTH + 1 + STATE_WIDTH + 1;

/// A longer arrow is no better to follow, and moves the lanes out of sight of each other.
const LONGEST_ARROW: usize = 110;

/// Messages shown for one packet; a packet of pipelined requests may begin hundreds.
const MOST_NOTES: usize = 3;

/// A ladder of one width.
pub(super) struct Canvas<'c> {
    connection: &'c Connection,
    style: Style,
    unit: Unit,
    /// Columns between the lanes.
    arrow: usize,
    /// Shaft before the label.
    lead: usize,
    /// Some states are inferred and some are not: it must be told which.
    tells_sources: bool,
}

/// What goes between the lanes.
enum Between<'t> {
    /// Not even the lanes: nothing has happened yet.
    Nothing,
    /// The lanes, for a state that no packet shows.
    Lanes,
    /// Nothing but text, at the side that it belongs to.
    Text(Option<Side>, &'t str, Paint),
    Arrow(&'t PacketRow<'t>),
}

impl<'c> Canvas<'c> {
    pub(super) fn new(connection: &'c Connection, style: &Style) -> Self {
        let width = style.columns();
        let arrow = (width - LEFT_LANE - 2 - 1 - STATE_WIDTH).min(LONGEST_ARROW);
        // Where an end was before the first packet is never observed, and needs no telling.
        let entries = Side::BOTH.into_iter().flat_map(|side| connection.endpoint(side).states.iter().skip(1));
        let mut sources = entries.map(|entry| entry.is_inferred);
        let first = sources.next();
        let tells_sources = sources.any(|is_inferred| Some(is_inferred) != first);
        let took = connection.end_ns.saturating_sub(connection.start_ns);
        Self {
            connection,
            style: *style,
            unit: Unit::for_length(took),
            arrow,
            lead: if arrow < 40 { 2 } else { 4 },
            tells_sources,
        }
    }

    fn right_lane(&self) -> usize {
        LEFT_LANE + 1 + self.arrow
    }

    pub(super) fn draw(&self, out: &mut String, rows: &[Row<'_>]) {
        self.draw_head(out);
        for row in rows {
            match row {
                Row::Packet(packet) => self.draw_packet(out, packet),
                Row::State(side, entry) => {
                    self.draw_line(out, Some(entry.at_ns), [(*side, *entry)].into_iter(), Between::Lanes);
                }
                Row::Told(note) => self.draw_told(out, note),
                Row::Omitted(count) => {
                    let text = format!("{} {} packets not kept", self.style.glyphs().more, Grouped(*count));
                    self.draw_text(out, None, None, &text, Paint::Warning);
                }
                Row::Fold(fold) => self.draw_fold(out, fold),
            }
        }
        if self.tells_sources {
            let mut line = Line::new(out, &self.style);
            let text = format!("{} inferred; other states were observed", self.style.glyphs().inferred);
            line.to(LEFT_LANE).paint(Paint::Faint, &text).end();
        }
    }

    /// The titles, and the states before the first packet.
    fn draw_head(&self, out: &mut String) {
        let mut line = Line::new(out, &self.style);
        line.painted(Some(Paint::Faint), |line| {
            line.right(Unit::WIDTH, self.unit.name(self.style.unicode));
            line.right(LEFT_LANE - 1, "client").to(self.right_lane() + 2).put("server");
        });
        line.end();
        let states = Side::BOTH
            .into_iter()
            .filter_map(|side| Some((side, self.connection.endpoint(side).states.first()?)));
        self.draw_line(out, None, states, Between::Nothing);
    }

    fn draw_packet(&self, out: &mut String, row: &PacketRow<'_>) {
        let (first, last): (Vec<_>, Vec<_>) = row.notes.iter().partition(|note| note.part == Part::First);
        self.draw_notes(out, row, &first);
        // One state for each side beside the arrow, the others below.
        let mut beside = Vec::new();
        let mut below = Vec::new();
        for &(side, entry) in &row.states {
            let is_taken = beside.iter().any(|(s, _)| *s == side);
            (if is_taken { &mut below } else { &mut beside }).push((side, entry));
        }
        self.draw_line(out, Some(row.packet.at_ns), beside.into_iter(), Between::Arrow(row));
        if row.packet.flags.syn() {
            let (_, left_out) = label::packet(row.packet, self.label_room(), self.style.unicode);
            if !left_out.is_empty() {
                let text = left_out.join("  ");
                self.draw_text(out, None, Some(row.packet.from), &text, Paint::Faint);
            }
        }
        for state in below {
            self.draw_line(out, None, [state].into_iter(), Between::Lanes);
        }
        self.draw_notes(out, row, &last);
    }

    fn draw_notes(&self, out: &mut String, row: &PacketRow<'_>, notes: &[&Note<'_>]) {
        let glyphs = self.style.glyphs();
        for note in notes.iter().take(MOST_NOTES) {
            let text = match note.part {
                Part::First => headline(note.message),
                Part::Last => ending(note.message, glyphs),
            };
            self.draw_text(out, None, Some(row.packet.from), &text, Paint::Message);
        }
        if notes.len() > MOST_NOTES {
            let text = format!("{} {} more messages", glyphs.more, notes.len() - MOST_NOTES);
            self.draw_text(out, None, Some(row.packet.from), &text, Paint::Message);
        }
    }

    /// What the kernel told of a packet, at the side of who sent it; where that packet is not shown, with its time.
    fn draw_told(&self, out: &mut String, note: &PacketNote) {
        let what = match note.kind {
            NoteKind::Retransmit => "sent again",
            NoteKind::ResetSent => "reset",
            NoteKind::Dropped => "dropped",
            _ => "told",
        };
        let separator = if note.reason.is_empty() { "" } else { ": " };
        let text = format!("kernel: {what}{separator}{}", note.reason);
        let at_ns = if note.packet.is_none() { Some(note.at_ns) } else { None };
        self.draw_text(out, at_ns, Some(note.from), &text, Paint::Warning);
    }

    fn draw_fold(&self, out: &mut String, fold: &Fold) {
        let glyphs = self.style.glyphs();
        let room = self.arrow.saturating_sub(3 + width(glyphs.more, self.style.unicode));
        let text = label::fold(fold, room, glyphs, self.style.unicode);
        self.draw_text(out, Some(fold.first_ns), None, &format!("{} {text}", glyphs.more), Paint::Faint);
    }

    fn draw_text(&self, out: &mut String, at_ns: Option<u64>, side: Option<Side>, text: &str, paint: Paint) {
        self.draw_line(out, at_ns, std::iter::empty(), Between::Text(side, text, paint));
    }

    fn label_room(&self) -> usize {
        // The lead, a space on each side, and two of shaft and head.
        self.arrow - self.lead - 4
    }

    fn draw_line<'s>(
        &self,
        out: &mut String,
        at_ns: Option<u64>,
        states: impl Iterator<Item = (Side, &'s StateEntry)>,
        between: Between<'_>,
    ) {
        let glyphs = self.style.glyphs();
        let (mut client, mut server) = (None, None);
        for (side, entry) in states {
            *(match side {
                Side::Client => &mut client,
                Side::Server => &mut server,
            }) = Some(entry);
        }
        let is_head = matches!(between, Between::Nothing);
        let mut line = Line::new(out, &self.style);
        if let Some(at_ns) = at_ns {
            let time = self.unit.cell(since(at_ns, self.connection.start_ns));
            line.right(Unit::WIDTH, time);
        }
        if let Some(entry) = client {
            let name = entry.state.name();
            line.to(LEFT_LANE - 1 - name.len()).paint(Paint::State, name);
            if !is_head {
                line.put(self.inferred(entry));
            }
        }
        line.to(LEFT_LANE);
        match between {
            Between::Arrow(row) => self.draw_arrow(&mut line, row),
            Between::Text(side, text, paint) => {
                line.put(glyphs.lane);
                self.draw_between(&mut line, side, text, paint);
                line.to(self.right_lane()).put(glyphs.lane);
            }
            Between::Nothing => {}
            Between::Lanes => {
                line.put(glyphs.lane).to(self.right_lane()).put(glyphs.lane);
            }
        }
        if let Some(entry) = server {
            if !is_head {
                line.to(self.right_lane() + 1).put(self.inferred(entry));
            }
            line.to(self.right_lane() + 2).paint(Paint::State, entry.state.name());
        }
        line.end();
    }

    fn inferred(&self, entry: &StateEntry) -> &'static str {
        if self.tells_sources && entry.is_inferred { self.style.glyphs().inferred } else { "" }
    }

    /// Text between the lanes: at the side of who sent it, two columns off, and cut where it is too long.
    fn draw_between(&self, line: &mut Line<'_>, side: Option<Side>, text: &str, paint: Paint) {
        let room = self.arrow - 3;
        let mut cut = String::new();
        Line::within(&mut cut, &self.style, room).put(text);
        let needed = width(&cut, self.style.unicode).min(room);
        let start = match side {
            Some(Side::Server) => self.right_lane() - 2 - needed,
            Some(Side::Client) => LEFT_LANE + 3,
            None => LEFT_LANE + 2,
        };
        line.to(start).paint(paint, &cut);
    }

    fn draw_arrow(&self, line: &mut Line<'_>, row: &PacketRow<'_>) {
        let glyphs = self.style.glyphs();
        let packet = row.packet;
        // What does not arrive ends short of the other lane.
        let is_lost = packet.marks.contains(Mark::Lost);
        let gap = if is_lost { self.lead / 2 } else { 0 };
        let (right, left) = if is_lost {
            (glyphs.head_lost, glyphs.head_lost)
        } else {
            (glyphs.head_right, glyphs.head_left)
        };
        let room = self.label_room() - gap;
        let (label, _) = label::packet(packet, room, self.style.unicode);
        let mut cut = String::new();
        Line::within(&mut cut, &self.style, room).put(&label);
        let shaft = if packet.marks.is_retransmission() { glyphs.shaft_again } else { glyphs.shaft };
        let rest = self.arrow - self.lead - 2 - width(&cut, self.style.unicode);
        line.put(match packet.from {
            Side::Client => glyphs.lane_from_left,
            Side::Server => glyphs.lane,
        });
        line.painted(paint(packet), |line| match packet.from {
            Side::Client => {
                line.repeat(shaft, self.lead).skip(1).put(&cut).skip(1);
                line.repeat(shaft, rest - 1 - gap).put(right).skip(gap);
            }
            Side::Server => {
                line.skip(gap).put(left).repeat(shaft, self.lead - 1 - gap).skip(1).put(&cut).skip(1);
                line.repeat(shaft, rest);
            }
        });
        line.put(match packet.from {
            Side::Client => glyphs.lane,
            Side::Server => glyphs.lane_from_right,
        });
    }
}
