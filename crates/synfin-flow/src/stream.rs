//! One direction of a connection as the stream of bytes that it is (RFC 9293 section 3.4).
//!
//! Segments come in any order, twice, overlapping, or not at all. What is in order is handed on as it is; only what
//! comes early is copied, in bounded room. What the capture never saw is reported as a gap as soon as the peer
//! acknowledges it: it has arrived, and will not be sent again. (Two captures whose clocks differ can show a segment
//! after its acknowledgement. It is counted all the same; only what it carried has been given up by then.) What nobody
//! acknowledges becomes a gap when there is no more room to wait, or at the end.
//!
//! Offsets count bytes of payload from 0, the first byte after the SYN.

use std::collections::VecDeque;

use synfin_messages::Carrier;

/// What comes out of a stream, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Piece<'a> {
    /// Bytes from `offset` on.
    Bytes { offset: u64, bytes: &'a [u8], carrier: Carrier },
    /// `len` bytes from `offset` on that the capture never saw, or cut off.
    Gap { offset: u64, len: u64 },
    /// The end of the stream: everything before the FIN has been handed on.
    End,
}

/// How much of a segment was new.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Coverage {
    /// Bytes that had not been seen.
    pub(crate) new: u64,
    /// Bytes that had.
    pub(crate) old: u64,
}

/// Room for what comes early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) bytes: usize,
    pub(crate) segments: usize,
}

/// A part of the stream that came early.
#[derive(Clone, Debug)]
struct Early {
    start: u64,
    end: u64,
    /// What was captured of it, unless nobody wants it.
    bytes: Box<[u8]>,
    carrier: Carrier,
}

/// One direction of a connection.
#[derive(Clone, Default, Debug)]
pub(crate) struct Stream {
    /// Everything before this has been handed on.
    next: Option<u64>,
    /// In order of `start`, apart from each other, all beyond `next`.
    early: VecDeque<Early>,
    early_bytes: usize,
    /// The peer has acknowledged everything before this.
    acked: u64,
    /// The last gap: what comes late belongs there.
    last_gap: Option<(u64, u64)>,
    /// Where the FIN stands.
    fin: Option<u64>,
    has_ended: bool,
    /// Whether nobody wants the bytes: then they are only counted.
    is_opaque: bool,
    unique: u64,
    missed: u64,
}

impl Stream {
    /// Bytes seen, each counted once.
    pub(crate) fn unique(&self) -> u64 {
        self.unique
    }

    /// Bytes that are known to be missing.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// Whether everything before the FIN is there.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether anything before `offset` has not been seen.
    pub(crate) fn lacks_before(&self, offset: i64) -> bool {
        let offset = offset.max(0).unsigned_abs().min(self.fin.unwrap_or(u64::MAX));
        self.next.is_some_and(|next| next < offset)
    }

    /// Nobody wants the bytes any more.
    pub(crate) fn forget_bytes(&mut self) {
        if self.is_opaque {
            return;
        }
        self.is_opaque = true;
        self.early_bytes = 0;
        for early in &mut self.early {
            early.bytes = Box::default();
        }
    }

    /// The SYN was seen: offset 0 is the first byte, and what is missing from there on is. Without it the first segment
    /// that is seen begins the stream.
    pub(crate) fn begin(&mut self) {
        self.next.get_or_insert(0);
    }

    /// A segment whose payload starts at `offset` and was `len` bytes long on the wire, of which `payload` was
    /// captured. What lies before offset 0 is not part of the stream and is left out.
    pub(crate) fn on_segment(
        &mut self,
        offset: i64,
        payload: &[u8],
        len: u32,
        carrier: Carrier,
        room: Room,
        out: &mut impl FnMut(Piece<'_>),
    ) -> Coverage {
        let before = offset.min(0).unsigned_abs().min(len.into());
        let start = offset.max(0).unsigned_abs();
        let end = start.saturating_add(u64::from(len) - before);
        let payload = payload.get(usize::try_from(before).unwrap_or(usize::MAX)..).unwrap_or_default();
        if start == end {
            return Coverage { new: 0, old: before };
        }
        let next = *self.next.get_or_insert(start);
        let coverage = if self.early.is_empty() && start <= next {
            // The usual case: in order, or a retransmission, with nothing waiting.
            let late = self.take_late(start, end);
            let beyond = end.saturating_sub(next);
            if beyond > 0 {
                self.hand_on(start, end, payload, carrier, out);
            }
            let new = late + beyond;
            Coverage { new, old: u64::from(len) - new }
        } else {
            let new = self.take_late(start, end.min(next)) + self.insert_early(start, end, payload, carrier);
            self.drain(out);
            self.give_up_acked_holes(out);
            while self.early_bytes > room.bytes || self.early.len() > room.segments {
                self.give_up_hole(out);
            }
            Coverage { new, old: u64::from(len) - new }
        };
        self.unique += coverage.new;
        self.check_end(out);
        coverage
    }

    /// The FIN stands at `offset`: the stream ends there. The first one counts.
    pub(crate) fn on_fin(&mut self, offset: i64, out: &mut impl FnMut(Piece<'_>)) {
        let fin = *self.fin.get_or_insert(offset.max(0).unsigned_abs());
        self.next.get_or_insert(fin);
        self.check_end(out);
    }

    /// The peer acknowledged everything before `offset`.
    pub(crate) fn on_acked(&mut self, offset: i64, out: &mut impl FnMut(Piece<'_>)) {
        let acked = offset.max(0).unsigned_abs().min(self.fin.unwrap_or(u64::MAX));
        self.acked = self.acked.max(acked);
        self.give_up_acked_holes(out);
    }

    /// Nothing more will come: what waits is handed on, holes before it are gaps.
    pub(crate) fn finish(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if self.next.is_none() {
            return;
        }
        while !self.early.is_empty() {
            self.give_up_hole(out);
        }
        self.give_up_acked_holes(out);
        if let Some(fin) = self.fin {
            self.skip_to(fin, out);
        }
        self.check_end(out);
    }

    /// Hands on what of `start..end` lies beyond `next`.
    fn hand_on(
        &mut self,
        start: u64,
        end: u64,
        bytes: &[u8],
        carrier: Carrier,
        out: &mut impl FnMut(Piece<'_>),
    ) {
        let offset = self.next.unwrap_or(start);
        let skip = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let bytes = bytes.get(skip..).unwrap_or_default();
        if !self.is_opaque {
            if !bytes.is_empty() {
                out(Piece::Bytes { offset, bytes, carrier });
            }
            let captured_end = offset + bytes.len() as u64;
            if captured_end < end {
                out(Piece::Gap { offset: captured_end, len: end - captured_end });
            }
        }
        self.next = Some(end);
    }

    /// Keeps what of `start..end` is not there yet, and says how many bytes that is.
    fn insert_early(&mut self, start: u64, end: u64, bytes: &[u8], carrier: Carrier) -> u64 {
        let mut at = start.max(self.next.unwrap_or(start));
        let mut index = self.early.partition_point(|early| early.end <= at);
        let mut new = 0;
        while at < end {
            let upcoming = self.early.get(index).map_or((end, end), |early| (early.start, early.end));
            let until = upcoming.0.min(end);
            if at < until {
                let bytes: Box<[u8]> = if self.is_opaque {
                    Box::default()
                } else {
                    let from = usize::try_from(at - start).unwrap_or(usize::MAX).min(bytes.len());
                    let to = usize::try_from(until - start).unwrap_or(usize::MAX).min(bytes.len());
                    bytes.get(from..to).unwrap_or_default().into()
                };
                self.early_bytes += bytes.len();
                self.early.insert(index, Early { start: at, end: until, bytes, carrier });
                new += until - at;
                index += 1;
            }
            at = upcoming.1.max(until);
            index += 1;
        }
        new
    }

    /// Hands on what has become in order.
    fn drain(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        while let Some(early) = self.early.front()
            && Some(early.start) <= self.next
            && let Some(early) = self.early.pop_front()
        {
            self.early_bytes -= early.bytes.len();
            self.hand_on(early.start, early.end, &early.bytes, early.carrier, out);
        }
    }

    /// The first hole will not be filled.
    fn give_up_hole(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if let Some(early) = self.early.front() {
            self.skip_to(early.start, out);
            self.drain(out);
        }
    }

    /// Holes that the peer acknowledged will not be filled.
    fn give_up_acked_holes(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        let Some(next) = self.next.filter(|next| *next < self.acked) else { return };
        while self.early.front().is_some_and(|early| early.start <= self.acked) {
            self.give_up_hole(out);
        }
        // A lone octet at the end, acknowledged and never seen, is a FIN that was not captured; if more follows, it was
        // a byte.
        let may_be_fin = self.fin.is_none() && self.early.is_empty() && self.acked - next == 1;
        if !may_be_fin {
            self.skip_to(self.acked, out);
        }
        self.check_end(out);
    }

    /// What of `start..end` lies in the last gap is there after all. Says how many bytes that is.
    fn take_late(&mut self, start: u64, end: u64) -> u64 {
        let Some((from, to)) = self.last_gap else { return 0 };
        let (late_from, late_to) = (start.max(from), end.min(to));
        let late = late_to.saturating_sub(late_from);
        if late > 0 {
            self.missed -= late;
            // Of a gap that is filled in the middle the later part is remembered.
            let rest = if late_to < to { (late_to, to) } else { (from, late_from) };
            self.last_gap = Some(rest).filter(|(from, to)| from < to);
        }
        late
    }

    fn skip_to(&mut self, offset: u64, out: &mut impl FnMut(Piece<'_>)) {
        let next = self.next.unwrap_or(offset);
        if next < offset {
            self.missed += offset - next;
            self.last_gap = Some((next, offset));
            if !self.is_opaque {
                out(Piece::Gap { offset: next, len: offset - next });
            }
            self.next = Some(offset);
        }
    }

    fn check_end(&mut self, out: &mut impl FnMut(Piece<'_>)) {
        if !self.has_ended && self.fin.is_some() && self.next >= self.fin {
            self.has_ended = true;
            out(Piece::End);
        }
    }
}

#[cfg(test)]
mod tests;
