//! The scoreboard (RFC 6675 section 3, RFC 8985 section 5): one record for each segment in flight.
//!
//! Records are in the order of the sequence numbers, without gaps, from `snd.una` to `snd.nxt`. The counts that
//! `pipe` needs are kept as records change, in one place: [`Scoreboard::change`].

use std::collections::VecDeque;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use crate::time::Instant;

/// What is known of a segment in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// First sequence number.
    pub(crate) seq: SeqNumber,
    /// `seg.len`: octets, and one for a FIN.
    pub(crate) len: u32,
    /// When it was sent last.
    pub(crate) sent_at: Instant,
    /// State of the rate estimator when it was sent last.
    pub(crate) rate: RateStamp,
    /// Whether the last sequence number is the FIN's.
    pub(crate) is_fin: bool,
    /// Whether it was ever sent again.
    pub(crate) was_retransmitted: bool,
    /// Where it is believed to be.
    pub(crate) place: Place,
}

/// Where a segment is believed to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the network, sent once.
    InFlight,
    /// Lost, and not sent again yet.
    Lost,
    /// In the network, sent again after it was lost.
    Resent,
    /// With the peer, which said so.
    Sacked,
}

/// State of the rate estimator at the time of sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct RateStamp {
    pub(crate) delivered: u64,
    pub(crate) delivered_at: Instant,
    pub(crate) first_sent_at: Instant,
    pub(crate) is_app_limited: bool,
}

/// The scoreboard. Empty, it holds no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoreboard {
    records: VecDeque<Sent>,
    outstanding: u32,
    sacked: u32,
    sacked_segments: u32,
    lost: u32,
    /// Nothing before this is lost and waits to be sent again.
    first_lost: Option<SeqNumber>,
}

impl Sent {
    /// The sequence number after the last one.
    pub(crate) fn end(&self) -> SeqNumber {
        self.seq + self.len
    }
}

impl Scoreboard {
    /// Nothing is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Sequence numbers between `snd.una` and `snd.nxt`.
    pub(crate) fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Sequence numbers that the peer reported.
    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    /// Sequence numbers that are lost and not sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    /// `pipe`: sequence numbers believed to be in the network.
    pub(crate) fn pipe(&self) -> u32 {
        self.outstanding.saturating_sub(self.sacked).saturating_sub(self.lost)
    }

    /// Number of segments that the peer reported.
    pub(crate) fn sacked_segments(&self) -> u32 {
        self.sacked_segments
    }

    /// The first one.
    pub(crate) fn first(&self) -> Option<&Sent> {
        self.records.front()
    }

    /// All of them, oldest sequence number first.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.records.iter()
    }

    /// Number of records.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The record at an index.
    pub(crate) fn at(&self, index: usize) -> Option<&Sent> {
        self.records.get(index)
    }

    /// A new segment was sent, right behind the last one.
    pub(crate) fn push(&mut self, sent: Sent) {
        self.outstanding = self.outstanding.saturating_add(sent.len);
        self.records.push_back(sent);
    }

    /// So many segments will be pushed.
    pub(crate) fn reserve(&mut self, segments: u32) {
        self.records.reserve(segments as usize);
    }

    /// The last segment takes in what follows it: it will go again in one with it.
    pub(crate) fn extend_last(&mut self, by: u32) {
        let Some(last) = self.records.back_mut() else { return };
        last.len = last.len.saturating_add(by);
        self.outstanding = self.outstanding.saturating_add(by);
        match last.place {
            Place::Sacked => self.sacked = self.sacked.saturating_add(by),
            Place::Lost => self.lost = self.lost.saturating_add(by),
            Place::InFlight | Place::Resent => {}
        }
    }

    /// Moves a record to another place, and keeps the counts.
    pub(crate) fn change(&mut self, index: usize, place: Place) {
        let Some(record) = self.records.get_mut(index) else { return };
        let before = std::mem::replace(&mut record.place, place);
        let (seq, len) = (record.seq, record.len);
        self.uncount(before, len);
        match place {
            Place::Sacked => {
                self.sacked = self.sacked.saturating_add(len);
                self.sacked_segments = self.sacked_segments.saturating_add(1);
            }
            Place::Lost => {
                self.lost = self.lost.saturating_add(len);
                self.first_lost = Some(self.first_lost.map_or(seq, |first| first.earlier(seq)));
            }
            Place::InFlight | Place::Resent => {}
        }
    }

    /// A record of so many sequence numbers leaves a place.
    fn uncount(&mut self, place: Place, len: u32) {
        match place {
            Place::Sacked => {
                self.sacked = self.sacked.saturating_sub(len);
                self.sacked_segments = self.sacked_segments.saturating_sub(1);
            }
            Place::Lost => self.lost = self.lost.saturating_sub(len),
            Place::InFlight | Place::Resent => {}
        }
    }

    /// Everything before `ack` has arrived: each record that this completes goes to `deliver`, unless it was reported
    /// before. Returns the sequence numbers that no report had named.
    pub(crate) fn acknowledge(&mut self, ack: SeqNumber, mut deliver: impl FnMut(&Sent)) -> u32 {
        let mut delivered = 0;
        while let Some(front) = self.records.front() {
            if front.end().is_at_or_before(ack) {
                if front.place != Place::Sacked {
                    delivered += front.len;
                    deliver(front);
                }
                let (place, len) = (front.place, front.len);
                self.uncount(place, len);
                self.outstanding = self.outstanding.saturating_sub(len);
                self.records.pop_front();
                continue;
            }
            let front = *front;
            // A part of it: the rest keeps its place.
            let part = u32::try_from(ack.distance_from(front.seq)).unwrap_or_default();
            if part > 0 {
                self.change(0, Place::InFlight);
                if let Some(record) = self.records.front_mut() {
                    record.seq += part;
                    record.len -= part;
                }
                self.change(0, front.place);
                self.outstanding = self.outstanding.saturating_sub(part);
                delivered += if front.place == Place::Sacked { 0 } else { part };
            }
            break;
        }
        if self.records.is_empty() {
            *self = Self::default();
        }
        delivered
    }

    /// The peer reports a block: each record that lies wholly in it, and was not reported before, goes to `deliver`.
    /// Returns their sequence numbers.
    ///
    /// A FIN takes a sequence number, but not every receiver counts it in its blocks: where a block covers all of the
    /// last segment but the FIN, the FIN goes on as a record of its own.
    pub(crate) fn report(&mut self, block: SackBlock, mut deliver: impl FnMut(&Sent)) -> u32 {
        let mut delivered = 0;
        let first = self.records.partition_point(|r| r.seq.is_before(block.left));
        for index in first..self.records.len() {
            let Some(mut record) = self.records.get(index).copied() else { break };
            if record.is_fin && record.len > 1 && record.end() == block.right + 1 {
                self.split(index, record.len - 1);
                record = self.records.get(index).copied().unwrap_or(record);
            }
            if record.end().is_after(block.right) {
                break;
            }
            if record.place != Place::Sacked {
                delivered += record.len;
                deliver(&record);
                self.change(index, Place::Sacked);
            }
        }
        delivered
    }

    /// The first segment that is lost and waits to be sent again.
    pub(crate) fn first_lost(&mut self) -> Option<usize> {
        if self.lost == 0 {
            self.first_lost = None;
            return None;
        }
        let from =
            self.first_lost.map_or(0, |seq| self.records.partition_point(|r| r.end().is_at_or_before(seq)));
        let index = (from..self.records.len())
            .find(|&i| self.records.get(i).is_some_and(|r| r.place == Place::Lost))?;
        self.first_lost = self.records.get(index).map(|r| r.seq);
        Some(index)
    }

    /// A record was sent again.
    pub(crate) fn on_resent(&mut self, index: usize, now: Instant, rate: RateStamp) {
        self.change(index, Place::Resent);
        if let Some(record) = self.records.get_mut(index) {
            (record.sent_at, record.rate, record.was_retransmitted) = (now, rate, true);
        }
    }

    /// Cuts a record in two, the first of `len` sequence numbers: segments have become smaller since it was sent.
    pub(crate) fn split(&mut self, index: usize, len: u32) {
        let Some(record) = self.records.get_mut(index) else { return };
        if len == 0 || len >= record.len {
            return;
        }
        let mut rest = *record;
        (rest.seq, rest.len) = (record.seq + len, record.len - len);
        (record.len, record.is_fin) = (len, false);
        self.sacked_segments += u32::from(rest.place == Place::Sacked);
        self.records.insert(index + 1, rest);
    }

    /// The peer may have thrown away what it reported (RFC 2018 section 8).
    pub(crate) fn forget_reports(&mut self) {
        for index in 0..self.records.len() {
            if self.records.get(index).is_some_and(|r| r.place == Place::Sacked) {
                self.change(index, Place::Lost);
            }
        }
    }

    /// Nothing was lost after all.
    pub(crate) fn forget_losses(&mut self) {
        for index in 0..self.records.len() {
            if self.records.get(index).is_some_and(|r| r.place == Place::Lost) {
                self.change(index, Place::InFlight);
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
