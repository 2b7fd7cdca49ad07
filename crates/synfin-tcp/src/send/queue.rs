//! The send queue: what the user wrote, from `snd.una` on, by reference.

use core::ops::Range;
use std::collections::VecDeque;

use bytes::Bytes;
use synfin_wire::SeqNumber;

/// Octets that are not acknowledged yet, sent or not. Empty, it holds no memory.
#[derive(Debug)]
pub(crate) struct SendQueue {
    /// Each chunk with the sequence number of its first octet.
    chunks: VecDeque<(SeqNumber, Bytes)>,
    start: SeqNumber,
    end: SeqNumber,
}

impl SendQueue {
    /// An empty queue whose first octet will have this sequence number.
    pub(crate) fn new(start: SeqNumber) -> Self {
        Self { chunks: VecDeque::new(), start, end: start }
    }

    /// Octets in the queue.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.end.distance_from(self.start)).unwrap_or_default()
    }

    /// The sequence number after the last octet.
    pub(crate) fn end(&self) -> SeqNumber {
        self.end
    }

    /// Appends what the user wrote. The caller bounds it.
    pub(crate) fn push(&mut self, text: Bytes) {
        let len = u32::try_from(text.len()).unwrap_or_default();
        if len > 0 {
            self.chunks.push_back((self.end, text));
            self.end += len;
        }
    }

    /// Forgets what lies before `una`.
    pub(crate) fn advance(&mut self, una: SeqNumber) {
        if !una.is_after(self.start) {
            return;
        }
        self.start = una.earlier(self.end);
        while let Some((seq, chunk)) = self.chunks.front_mut() {
            let gone = usize::try_from(self.start.distance_from(*seq)).unwrap_or_default();
            if gone < chunk.len() {
                let _acknowledged = chunk.split_to(gone);
                *seq += u32::try_from(gone).unwrap_or_default();
                break;
            }
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            self.chunks = VecDeque::new();
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.end);
    }

    /// The range of `len` octets from `from` on.
    pub(crate) fn payload(&self, from: SeqNumber, len: u32) -> Payload<'_> {
        let index = self.chunks.partition_point(|(seq, _)| seq.is_at_or_before(from)).saturating_sub(1);
        match self.chunks.get(index) {
            Some((seq, chunk)) => {
                let offset = usize::try_from(from.distance_from(*seq)).unwrap_or_default();
                Payload { queue: Some(self), len, index, chunk, offset }
            }
            None => Payload::EMPTY,
        }
    }
}

/// A range of a send queue: the text of a burst or of a segment.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    queue: Option<&'a SendQueue>,
    len: u32,
    /// The chunk that it begins in, and its index.
    chunk: &'a Bytes,
    index: usize,
    /// Where in that chunk it begins.
    offset: usize,
}

static NOTHING: Bytes = Bytes::new();

impl<'a> Payload<'a> {
    /// No text.
    pub const EMPTY: Self = Self { queue: None, len: 0, chunk: &NOTHING, index: 0, offset: 0 };

    /// Octets.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first `len` octets, which are taken away from this: whoever goes through a burst piece by piece finds each
    /// where the last one ended.
    #[inline]
    #[must_use]
    pub(crate) fn split_to(&mut self, len: u32) -> Self {
        let front = Self { len: len.min(self.len), ..*self };
        self.len -= front.len;
        self.offset += front.len as usize;
        while self.len > 0
            && let Some(behind) = self.offset.checked_sub(self.chunk.len())
        {
            let Some(next) = self.chunk_behind() else { break };
            (self.chunk, self.index, self.offset) = (next, self.index + 1, behind);
        }
        front
    }

    /// The chunk behind the one that it begins in.
    fn chunk_behind(&self) -> Option<&'a Bytes> {
        self.queue?.chunks.get(self.index + 1).map(|(_, chunk)| chunk)
    }

    /// The octets, chunk by chunk, as the user wrote them.
    #[inline]
    pub fn slices(self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.ranges().map(|(chunk, range)| chunk.get(range).unwrap_or_default())
    }

    /// As [`slices`](Self::slices), but chunks that outlive the burst: shared, not copied.
    #[inline]
    pub fn chunks(self) -> impl Iterator<Item = Bytes> + use<'a> {
        self.ranges().map(|(chunk, range)| chunk.slice(range))
    }

    /// The chunks, and which part of each.
    #[inline]
    fn ranges(mut self) -> impl Iterator<Item = (&'a Bytes, Range<usize>)> + use<'a> {
        core::iter::from_fn(move || {
            if self.len == 0 {
                return None;
            }
            let (chunk, from) = (self.chunk, self.offset);
            let taken = self.split_to(u32::try_from(chunk.len().checked_sub(from)?).unwrap_or(u32::MAX));
            Some((chunk, from..from + taken.len as usize))
        })
    }
}

impl core::fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} octets", self.len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_range_is_what_was_written(
            base: u32, writes in proptest::collection::vec(0usize..300, 0..20),
            acked: u32, from: u32, len in 0u32..2000, piece in 1u32..500,
        ) {
            let mut queue = SendQueue::new(SeqNumber(base));
            let mut stream = Vec::new();
            for (i, len) in writes.into_iter().enumerate() {
                let text = vec![i as u8; len];
                stream.extend_from_slice(&text);
                queue.push(text.into());
            }
            let total = stream.len() as u32;
            let acked = acked % (total + 1);
            queue.advance(SeqNumber(base) + acked);
            prop_assert_eq!(queue.len(), total - acked);
            let from = acked + from % (total - acked + 1);
            let len = len.min(total - from);
            let read: Vec<u8> =
                queue.payload(SeqNumber(base) + from, len).chunks().flatten().collect();
            prop_assert_eq!(&read[..], &stream[from as usize..(from + len) as usize]);
            let mut payload = queue.payload(SeqNumber(base) + from, len);
            let mut pieces: Vec<u8> = Vec::new();
            while !payload.is_empty() {
                pieces.extend(payload.split_to(piece).slices().flatten());
            }
            prop_assert_eq!(pieces, read);
        }
    }
}
