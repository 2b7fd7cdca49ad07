//! The scoreboard (RFC 6675 section 3, RFC 8985 section 5): what is known of each segment in flight.
//!
//! Records are in the order of the sequence numbers, without gaps, from `snd.una` to `snd.nxt`. Segments that were sent
//! together share one for as long as the same is known of them: a *run*, which is cut where an acknowledgement, a report
//! or a retransmission is about some of them only, always between two segments. The counts that `pipe` needs are kept as
//! records change, in one place: [`Scoreboard::change`].

use std::collections::VecDeque;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use crate::time::Instant;

/// What is known of a segment in flight, or of several that were sent together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sent {
    /// First sequence number.
    pub(crate) seq: SeqNumber,
    /// `seg.len` of all of them: octets, and one for a FIN.
    pub(crate) len: u32,
    /// Octets of text in each but the last, which may be shorter. Never zero.
    pub(crate) segment_size: u32,
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

    /// Octets, without the FIN.
    pub(crate) fn text(&self) -> u32 {
        self.len - u32::from(self.is_fin)
    }

    /// Number of segments.
    fn segments(&self) -> u32 {
        self.text().div_ceil(self.segment_size).max(1)
    }

    /// Sequence numbers of the segments that lie wholly within the first `len`.
    fn whole_segments(&self, len: u32) -> u32 {
        if len >= self.len {
            self.len
        } else {
            (len / self.segment_size).min(self.segments() - 1) * self.segment_size
        }
    }

    /// Sequence numbers up to the first segment that begins at `len` or later; all if none does.
    fn segments_before(&self, len: u32) -> u32 {
        let count = len.div_ceil(self.segment_size);
        if count >= self.segments() { self.len } else { count * self.segment_size }
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

    /// Whether all that is in flight is one segment.
    pub(crate) fn is_one_segment(&self) -> bool {
        self.records.len() == 1 && self.first().is_some_and(|first| first.segments() == 1)
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

    /// New segments were sent, right behind the last one.
    pub(crate) fn push(&mut self, sent: Sent) {
        self.outstanding = self.outstanding.saturating_add(sent.len);
        self.records.push_back(sent);
    }

    /// The last segment takes in what follows it: it will go again in one with it.
    pub(crate) fn extend_last(&mut self, by: u32) {
        let Some(last) = self.records.back_mut() else { return };
        last.len = last.len.saturating_add(by);
        last.segment_size = last.segment_size.max(last.text());
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
        let record = *record;
        let (seq, len) = (record.seq, record.len);
        self.uncount(before, &record);
        match place {
            Place::Sacked => {
                self.sacked = self.sacked.saturating_add(len);
                self.sacked_segments = self.sacked_segments.saturating_add(record.segments());
            }
            Place::Lost => {
                self.lost = self.lost.saturating_add(len);
                self.first_lost = Some(self.first_lost.map_or(seq, |first| first.earlier(seq)));
            }
            Place::InFlight | Place::Resent => {}
        }
    }

    /// A record leaves a place.
    fn uncount(&mut self, place: Place, record: &Sent) {
        match place {
            Place::Sacked => {
                self.sacked = self.sacked.saturating_sub(record.len);
                self.sacked_segments = self.sacked_segments.saturating_sub(record.segments());
            }
            Place::Lost => self.lost = self.lost.saturating_sub(record.len),
            Place::InFlight | Place::Resent => {}
        }
    }

    /// Everything before `ack` has arrived: each record that this completes goes to `deliver`, unless it was reported
    /// before. Returns the sequence numbers that no report had named.
    pub(crate) fn acknowledge(&mut self, ack: SeqNumber, mut deliver: impl FnMut(&Sent)) -> u32 {
        let mut delivered = 0;
        while let Some(&front) = self.records.front() {
            let part = u32::try_from(ack.distance_from(front.seq)).unwrap_or_default();
            if part == 0 {
                break;
            }
            let whole = front.whole_segments(part);
            if whole < front.len && front.segments() > 1 {
                // Some of its segments; or a part of the first, which the others have nothing to do with.
                self.cut(0, if whole > 0 { whole } else { front.segment_size });
                continue;
            }
            if whole == 0 {
                // A part of a segment: the rest keeps its place.
                self.change(0, Place::InFlight);
                if let Some(record) = self.records.front_mut() {
                    record.seq += part;
                    record.len -= part;
                }
                self.change(0, front.place);
                self.outstanding = self.outstanding.saturating_sub(part);
                delivered += if front.place == Place::Sacked { 0 } else { part };
                break;
            }
            if front.place != Place::Sacked {
                delivered += front.len;
                deliver(&front);
            }
            self.uncount(front.place, &front);
            self.outstanding = self.outstanding.saturating_sub(front.len);
            self.records.pop_front();
        }
        if self.records.is_empty() {
            *self = Self::default();
        }
        delivered
    }

    /// The peer reports a block: each segment that lies wholly in it, and was not reported before, goes to `deliver`,
    /// alone or with others. Returns their sequence numbers.
    ///
    /// A FIN takes a sequence number, but not every receiver counts it in its blocks: where a block covers all of the
    /// last segment but the FIN, the FIN goes on as a record of its own.
    pub(crate) fn report(&mut self, block: SackBlock, mut deliver: impl FnMut(&Sent)) -> u32 {
        let mut delivered = 0;
        let mut index = self.records.partition_point(|r| r.end().is_at_or_before(block.left));
        if let Some(record) = self.records.get(index) {
            // The first of its segments that does not begin before the block.
            let before = u32::try_from(block.left.distance_from(record.seq)).unwrap_or_default();
            let before = record.segments_before(before);
            if before > 0 {
                self.cut(index, before);
                index += 1;
            }
        }
        while let Some(&record) = self.records.get(index) {
            let within = u32::try_from(block.right.distance_from(record.seq)).unwrap_or_default();
            let is_all_but_fin = record.is_fin && record.len > 1 && within == record.len - 1;
            let whole = if is_all_but_fin { within } else { record.whole_segments(within) };
            if whole == 0 {
                break;
            }
            self.cut(index, whole);
            let Some(&record) = self.records.get(index) else { break };
            if record.place != Place::Sacked {
                delivered += record.len;
                deliver(&record);
                self.change(index, Place::Sacked);
            }
            index += 1;
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

    /// Makes the first segment of a record a record of its own.
    pub(crate) fn isolate_first(&mut self, index: usize) {
        if let Some(record) = self.records.get(index) {
            self.cut(index, record.segments_before(1));
        }
    }

    /// Makes the last segment of a record a record of its own, and says where that is.
    pub(crate) fn isolate_last(&mut self, index: usize) -> usize {
        let Some(record) = self.records.get(index) else { return index };
        let before = record.whole_segments(record.len - 1);
        self.cut(index, before);
        index + usize::from(before > 0)
    }

    /// Cuts a segment in two, the first of `len` sequence numbers: segments have become smaller since it was sent. Of a
    /// record of several, it is the first.
    pub(crate) fn split(&mut self, index: usize, len: u32) {
        self.isolate_first(index);
        self.cut(index, len);
    }

    /// Cuts a record in two, the first of `len` sequence numbers.
    fn cut(&mut self, index: usize, len: u32) {
        let Some(record) = self.records.get_mut(index) else { return };
        if len == 0 || len >= record.len {
            return;
        }
        let (whole, mut rest) = (*record, *record);
        (rest.seq, rest.len) = (record.seq + len, record.len - len);
        (record.len, record.is_fin) = (len, false);
        if whole.place == Place::Sacked {
            self.sacked_segments += (record.segments() + rest.segments()).saturating_sub(whole.segments());
        }
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
