//! Text that arrived out of order, held until what comes before it is there (RFC 9293 SHLD-31).
//!
//! Ranges never touch or overlap. Their number and that of their chunks is bounded, whatever the peer sends: what
//! goes beyond is dropped as if lost, and not acknowledged.

use std::collections::VecDeque;

use bytes::Bytes;
use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

/// Most ranges: as many losses in one window as anyone will repair.
const RANGES_MAX: usize = 256;

/// Chunks that are held whatever the window.
const CHUNKS_BASE: usize = 1024;

/// Beyond them, a chunk may be held for so many octets of window.
const OCTETS_PER_CHUNK: usize = 256;

/// Text below this is copied, so that a few octets do not keep a whole packet alive.
const SMALL: usize = 512;

/// What is held out of order. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    ranges: VecDeque<Range>,
    chunks: usize,
    /// Counts insertions: the range touched last has the highest stamp.
    stamp: u32,
}

#[derive(Debug)]
struct Range {
    block: SackBlock,
    chunks: VecDeque<Bytes>,
    touched: u32,
}

/// What became of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Inserted {
    /// Whether any octet was new, and kept.
    pub(crate) is_new: bool,
    /// The first run of octets that were there already (RFC 2883 section 4).
    pub(crate) duplicate: Option<SackBlock>,
}

impl Reassembly {
    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Holds `text`, which begins at `start`, as far as it is new. `window` is the receive window in octets.
    ///
    /// `is_next` says that it begins where the stream goes on, and is taken out again at once: it always finds room. It
    /// is what everything here waits for, and if it were dropped for want of room, nothing would ever move again.
    pub(crate) fn insert(&mut self, start: SeqNumber, text: &Bytes, window: u32, is_next: bool) -> Inserted {
        let end = start + u32::try_from(text.len()).unwrap_or(u32::MAX >> 1);
        if start == end {
            return Inserted::default();
        }
        // The ranges that the text touches: from `first`, up to but not including `last`.
        let first = self.ranges.partition_point(|r| r.block.right.is_before(start));
        let last = self.ranges.partition_point(|r| r.block.left.is_at_or_before(end));
        if let Some(covering) = self.ranges.get_mut(first) {
            let block = covering.block;
            if block.left.is_at_or_before(start) && block.right.is_at_or_after(end) {
                self.stamp = self.stamp.wrapping_add(1);
                covering.touched = self.stamp;
                return Inserted { is_new: false, duplicate: Some(SackBlock { left: start, right: end }) };
            }
        }
        let has_ranges = first != last || self.ranges.len() < RANGES_MAX;
        let has_chunks = self.chunks < CHUNKS_BASE + window as usize / OCTETS_PER_CHUNK;
        let has_room = has_ranges && has_chunks;
        if !is_next && !has_room {
            return Inserted::default();
        }
        let inserted = self.merge(first..last, SackBlock { left: start, right: end }, text);
        self.chunks = self.chunks.saturating_add(inserted.1);
        inserted.0
    }

    /// Replaces `touched` ranges and the new block by one range.
    fn merge(&mut self, touched: core::ops::Range<usize>, new: SackBlock, text: &Bytes) -> (Inserted, usize) {
        let mut inserted = Inserted { is_new: false, duplicate: None };
        let mut merged = VecDeque::new();
        let mut block = new;
        let mut cursor = new.left;
        let mut added = 0;
        let at = touched.start;
        let mut take = |merged: &mut VecDeque<Bytes>, from: SeqNumber, to: SeqNumber| {
            merged.push_back(piece(text, new.left, from, to));
            added += 1;
        };
        for mut range in self.ranges.drain(touched) {
            let SackBlock { left, right } = range.block;
            if cursor.is_before(left) {
                take(&mut merged, cursor, left.earlier(new.right));
                inserted.is_new = true;
            }
            let (both_from, both_to) = (new.left.later(left), new.right.earlier(right));
            if inserted.duplicate.is_none() && both_from.is_before(both_to) {
                inserted.duplicate = Some(SackBlock { left: both_from, right: both_to });
            }
            if merged.is_empty() {
                merged = range.chunks;
            } else {
                merged.append(&mut range.chunks);
            }
            block = SackBlock { left: block.left.earlier(left), right: block.right.later(right) };
            cursor = cursor.later(right);
        }
        if cursor.is_before(new.right) {
            take(&mut merged, cursor, new.right);
            inserted.is_new = true;
        }
        self.stamp = self.stamp.wrapping_add(1);
        self.ranges.insert(at, Range { block, chunks: merged, touched: self.stamp });
        (inserted, added)
    }

    /// Takes the first range if it begins at or before `nxt`, and says where it ends.
    ///
    /// It never begins before: what is in order is never inserted. If it did, its surplus is dropped.
    pub(crate) fn take_in_order(&mut self, nxt: SeqNumber) -> Option<(VecDeque<Bytes>, SeqNumber)> {
        if self.ranges.front()?.block.left.is_after(nxt) {
            return None;
        }
        let mut range = self.ranges.pop_front()?;
        self.chunks = self.chunks.saturating_sub(range.chunks.len());
        if self.ranges.is_empty() {
            self.ranges = VecDeque::new();
        }
        let mut surplus = usize::try_from(nxt.distance_from(range.block.left)).unwrap_or_default();
        while surplus > 0 {
            let front = range.chunks.front_mut()?;
            let cut = surplus.min(front.len());
            drop(front.split_to(cut));
            surplus -= cut;
            if front.is_empty() {
                range.chunks.pop_front();
            }
        }
        Some((range.chunks, range.block.right))
    }

    /// The blocks to report, the one touched last first (RFC 2018 section 4).
    pub(crate) fn sack_blocks(&self, room: &mut [SackBlock]) -> usize {
        let mut count = 0;
        let mut below = None;
        for slot in room.iter_mut() {
            let age = |r: &&Range| self.stamp.wrapping_sub(r.touched);
            let next = self.ranges.iter().filter(|r| below.is_none_or(|b| age(r) > b)).min_by_key(age);
            let Some(range) = next else { break };
            below = Some(age(&range));
            *slot = range.block;
            count += 1;
        }
        count
    }
}

/// Octets `from` up to, not including, `to` of a text that begins at `start`.
fn piece(text: &Bytes, start: SeqNumber, from: SeqNumber, to: SeqNumber) -> Bytes {
    let offset = |at: SeqNumber| usize::try_from(at.distance_from(start)).unwrap_or_default().min(text.len());
    let (from, to) = (offset(from), offset(to));
    let part = text.slice(from.min(to)..to);
    if part.len() < SMALL { Bytes::copy_from_slice(&part) } else { part }
}

#[cfg(test)]
mod tests;
