//! Runs of equal traffic become one line.
//!
//! A short connection is drawn as it is. In a longer one, runs of data one way and its acknowledgements are folded;
//! losses, repairs, states, and the first and last packets of messages stay. Where even that leaves too many lines
//! (hundreds of requests, or of losses), runs of both ways are folded, and in the middle of the connection what was
//! remarkable is only counted.

use synfin_flow::{Mark, Packet};
use synfin_wire::Side;

use super::rows::Row;
use crate::segment::is_pure_ack;

/// Up to so many lines, nothing is folded: it fits one screen.
const SHORT: usize = 40;

/// More lines than this are too many to be read.
const LONG: usize = 120;

/// What stays at either end when even the remarkable has to be folded.
const KEPT_AT_START: usize = 40;
const KEPT_AT_END: usize = 30;

/// A run shorter than this takes as many lines folded as unfolded, or says less than they do.
const SHORTEST_RUN: usize = 5;

/// Packets that were folded.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Fold {
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    pub(super) packets: u64,
    pub(super) client: Half,
    pub(super) server: Half,
    /// Packets that brought again what was there already.
    pub(super) retransmitted: u64,
    /// Packets that never arrived.
    pub(super) lost: u64,
    /// Packets with another mark that tells of loss.
    pub(super) lost_before: u64,
    /// First and last packets of messages.
    pub(super) messages: u64,
}

/// What one end sent of them.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Half {
    pub(super) data: u64,
    pub(super) bytes: u64,
    /// Acknowledgements, those aside that say again what was said.
    pub(super) acks: u64,
    pub(super) duplicate_acks: u64,
}

impl Fold {
    pub(super) fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn add(&mut self, packet: &Packet, begun: u64) {
        if self.packets == 0 {
            self.first_ns = packet.at_ns;
        }
        self.packets += 1;
        self.last_ns = packet.at_ns;
        let half = match packet.from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if packet.len > 0 {
            half.data += 1;
            half.bytes += u64::from(packet.len);
        } else if packet.marks.contains(Mark::DuplicateAck) {
            half.duplicate_acks += 1;
        } else {
            half.acks += 1;
        }
        self.retransmitted += u64::from(packet.marks.is_retransmission());
        self.lost += u64::from(packet.marks.contains(Mark::Lost));
        self.lost_before += u64::from(packet.marks.contains(Mark::PreviousSegmentLost));
        self.messages += begun;
    }
}

/// How much a row has to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Weight {
    /// As those around it.
    Equal,
    /// Remarkable: a mark, the beginning or end of a message.
    Remarkable,
    /// A state changes, the connection opens or closes, packets are missing.
    Essential,
}

pub(super) fn fold(rows: Vec<Row<'_>>) -> Vec<Row<'_>> {
    if lines(&rows) <= SHORT {
        return rows;
    }
    let weights = weigh(&rows);
    let folded = fold_runs(&rows, |i| weights.get(i).copied() == Some(Weight::Equal), false);
    if lines(&folded) <= LONG {
        return folded;
    }
    let remarkable: Vec<usize> =
        (0..rows.len()).filter(|i| weights.get(*i).copied() == Some(Weight::Remarkable)).collect();
    let middle = remarkable.get(KEPT_AT_START).copied().unwrap_or(usize::MAX)
        ..remarkable.len().checked_sub(KEPT_AT_END).and_then(|i| remarkable.get(i)).copied().unwrap_or(0);
    fold_runs(
        &rows,
        |i| match weights.get(i) {
            Some(Weight::Equal) => true,
            Some(Weight::Remarkable) => middle.contains(&i),
            Some(Weight::Essential) | None => false,
        },
        true,
    )
}

fn lines(rows: &[Row<'_>]) -> usize {
    rows.iter()
        .map(|row| match row {
            Row::Packet(packet) => 1 + packet.notes.len(),
            Row::State(..) | Row::Told(_) | Row::Omitted(_) | Row::Fold(_) => 1,
        })
        .sum()
}

fn weigh(rows: &[Row<'_>]) -> Vec<Weight> {
    // The first duplicate acknowledgement of a number tells of the loss, the others of how much came after it.
    let mut duplicated = [None; 2];
    rows.iter()
        .map(|row| {
            let Row::Packet(row) = row else { return Weight::Essential };
            let packet = row.packet;
            if !row.states.is_empty()
                || !(is_pure_ack(packet) || packet.len > 0)
                || packet.flags.fin()
                || packet.flags.syn()
                || packet.flags.rst()
            {
                return Weight::Essential;
            }
            let [client, server] = &mut duplicated;
            let known = match packet.from {
                Side::Client => client,
                Side::Server => server,
            };
            let is_told = packet.marks.contains(Mark::DuplicateAck) && *known == packet.ack;
            if packet.marks.contains(Mark::DuplicateAck) {
                *known = packet.ack;
            }
            let is_remarkable = packet.marks.iter().any(|mark| match mark {
                Mark::WindowUpdate | Mark::CutOff => false,
                Mark::DuplicateAck | Mark::Dsack => !is_told,
                _ => true,
            });
            if is_remarkable || !row.notes.is_empty() { Weight::Remarkable } else { Weight::Equal }
        })
        .collect()
}

/// Folds every run of rows that may be folded. Unless `both_ways`, a run ends where the direction of data changes.
fn fold_runs<'c>(rows: &[Row<'c>], may_fold: impl Fn(usize) -> bool, both_ways: bool) -> Vec<Row<'c>> {
    let mut folded = Vec::new();
    let mut run: Vec<&Row<'c>> = Vec::new();
    let mut way = None;
    for (i, row) in rows.iter().enumerate() {
        let Row::Packet(packet) = row else {
            end_run(&mut run, &mut folded);
            folded.push(row.clone());
            continue;
        };
        let turns = packet.packet.len > 0 && way.is_some_and(|way| way != packet.packet.from);
        if !may_fold(i) || (turns && !both_ways) {
            end_run(&mut run, &mut folded);
            way = None;
        }
        if !may_fold(i) {
            folded.push(row.clone());
            continue;
        }
        if packet.packet.len > 0 {
            way = Some(packet.packet.from);
        }
        run.push(row);
    }
    end_run(&mut run, &mut folded);
    folded
}

fn end_run<'c>(run: &mut Vec<&Row<'c>>, folded: &mut Vec<Row<'c>>) {
    if run.len() < SHORTEST_RUN {
        folded.extend(run.drain(..).cloned());
        return;
    }
    let mut fold = Fold::default();
    for row in run.drain(..) {
        if let Row::Packet(row) = row {
            let begun = row.notes.iter().filter(|note| note.part == super::rows::Part::First).count();
            fold.add(row.packet, begun as u64);
        }
    }
    folded.push(Row::Fold(fold));
}
