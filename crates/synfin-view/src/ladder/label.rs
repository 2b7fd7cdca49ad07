//! What stands on an arrow: as much as there is room for, the most important first.

use std::fmt::Write as _;

use synfin_flow::{Mark, Packet};
use synfin_wire::Side;
use synfin_wire::tcp::TcpOption;

use super::folding::Fold;
use crate::segment::{OptionLabel, is_pure_ack, mark_name, options, sack_ranges, window_matters};
use crate::style::Glyphs;
use crate::text::width;
use crate::units::{Bytes, Duration, Grouped, counted};

/// With so many columns, an arrow has room for what is only nice to know.
const ROOMY: usize = 60;

/// Words with their ranks: the highest ranks go first where there is no room.
#[derive(Default)]
struct Words {
    words: Vec<(u8, String)>,
}

impl Words {
    fn add(&mut self, rank: u8, word: String) {
        self.words.push((rank, word));
    }

    /// The words that fit, and those that do not, both in their order.
    fn fit(self, room: usize, separator: &str, unicode: bool) -> (String, Vec<String>) {
        let mut left_out = vec![false; self.words.len()];
        loop {
            let chosen = |out: bool| self.words.iter().zip(&left_out).filter(move |(_, o)| **o == out);
            let text = chosen(false).map(|((_, word), _)| word.as_str()).collect::<Vec<_>>().join(separator);
            let is_last = chosen(false).count() <= 1;
            // The last one of the highest rank.
            let ranks = self.words.iter().map(|(rank, _)| *rank).zip(&mut left_out);
            let worst = ranks.filter(|(_, out)| !**out).max_by_key(|(rank, _)| *rank);
            match worst {
                Some((_, out)) if !is_last && width(&text, unicode) > room => *out = true,
                _ => {
                    let rest = self.words.into_iter().zip(left_out).filter(|(_, out)| *out);
                    return (text, rest.map(|((_, word), _)| word).collect());
                }
            }
        }
    }
}

/// The label of a packet, and options of a SYN for which there is no room in it.
pub(super) fn packet(packet: &Packet, room: usize, unicode: bool) -> (String, Vec<String>) {
    let mut words = Words::default();
    let has_trouble = !packet.marks.is_empty();
    let is_plain = !(packet.flags.syn() || packet.flags.fin() || packet.flags.rst());
    words.add(if is_plain && (has_trouble || packet.len > 0) { 4 } else { 0 }, packet.flags.to_string());
    let has_sack = sack_ranges(packet).next().is_some();
    for (i, mark) in packet.marks.iter().enumerate() {
        // What arrived beyond the gap says more than that there is one.
        let is_said_otherwise = mark == Mark::DuplicateAck && has_sack;
        let rank = if is_said_otherwise { 4 } else { u8::from(i > 0) };
        words.add(rank, format!("[{}]", mark_name(mark)));
    }
    let is_ack = is_pure_ack(packet);
    if !is_ack || has_keep_alive(packet) {
        words.add(1, format!("seq {}", packet.seq));
    }
    if let Some(ack) = packet.ack {
        words.add(if is_ack || packet.flags.syn() { 1 } else { 5 }, format!("ack {ack}"));
    }
    if packet.len > 0 {
        words.add(2, format!("len {}", packet.len));
    }
    if window_matters(packet) || (room >= ROOMY && !packet.flags.rst()) {
        words.add(if window_matters(packet) { 2 } else { 8 }, format!("win {}", packet.window));
    }
    let mut sack = String::new();
    for range in sack_ranges(packet) {
        let separator = if sack.is_empty() { "sack " } else { " " };
        // Writing to a string never fails.
        let _ = write!(sack, "{separator}{}-{}", range.left, range.right);
    }
    if !sack.is_empty() {
        words.add(3, sack);
    }
    if !packet.flags.syn() {
        return (words.fit(room, "  ", unicode).0, Vec::new());
    }
    for option in options(packet) {
        let rank = match option {
            TcpOption::MaximumSegmentSize(_) => 3,
            TcpOption::WindowScale(_) => 6,
            TcpOption::SackPermitted => 7,
            _ => 8,
        };
        let label = OptionLabel(option);
        match option {
            TcpOption::Timestamps { .. } if room < ROOMY => words.add(rank, "ts".to_owned()),
            _ if label.is_shown() => words.add(rank, label.to_string()),
            _ => {}
        }
    }
    words.fit(room, "  ", unicode)
}

fn has_keep_alive(packet: &Packet) -> bool {
    packet.marks.contains(Mark::KeepAlive) || packet.marks.contains(Mark::ZeroWindowProbe)
}

/// What stands in the place of packets that were folded.
pub(super) fn fold(fold: &Fold, room: usize, glyphs: &'static Glyphs, unicode: bool) -> String {
    let ways = [(Side::Client, glyphs.head_right), (Side::Server, glyphs.head_left)];
    let halves = ways.map(|(side, head)| (fold.half(side), head));
    let mut words = Words::default();
    let told = [
        (fold.messages, "messages"),
        (fold.lost, "lost"),
        (fold.lost_before, "lost before"),
        (fold.retransmitted, "sent again"),
    ];
    for (count, what) in told.into_iter().filter(|(count, _)| *count > 0) {
        words.add(0, format!("{} {what}", Grouped(count)));
    }
    let carries = halves.into_iter().filter(|(half, _)| half.data > 0);
    if room < ROOMY && !words.words.is_empty() {
        let bytes = carries.map(|(half, head)| format!("{} {head}", Bytes(half.bytes)));
        words.add(1, bytes.collect::<Vec<_>>().join(" "));
    } else {
        for (half, head) in carries {
            let what = if room >= ROOMY { "data packets" } else { "data" };
            words.add(1, format!("{} {what} {head} {}", Grouped(half.data), Bytes(half.bytes)));
        }
    }
    for (half, head) in halves {
        if half.acks > 0 {
            words.add(2, format!("{} {head}", counted(half.acks, "ack")));
        }
        if half.duplicate_acks > 0 {
            words.add(2, format!("{} {head}", counted(half.duplicate_acks, "dup ack")));
        }
    }
    let (mut text, _) = words.fit(room, ", ", unicode);
    let took = format!(" ({})", Duration::new(fold.last_ns.saturating_sub(fold.first_ns), glyphs));
    if width(&text, unicode) + width(&took, unicode) <= room {
        text += &took;
    }
    text
}
