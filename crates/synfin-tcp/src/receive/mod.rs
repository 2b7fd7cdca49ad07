//! The receiving half of a connection: reassembly, the window that is offered, acknowledgements.

mod autotune;
mod delayed_ack;
mod read_queue;
mod reassembly;
mod window;

use bytes::Bytes;
use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use self::autotune::AutoTune;
pub(crate) use self::delayed_ack::{DelayedAck, Owed};
use self::read_queue::ReadQueue;
use self::reassembly::Reassembly;
use crate::time::Instant;

/// `rcv`: the receive sequence variables of RFC 9293 section 3.3.1, and what stands behind them.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// `rcv.nxt`: the next octet expected.
    pub(crate) nxt: SeqNumber,
    /// `irs`: the peer's initial sequence number.
    pub(crate) irs: SeqNumber,
    /// `rcv.up`: the octet after the urgent data, while the user has not read up to it.
    pub(crate) up: Option<SeqNumber>,
    /// The octet of the peer's FIN, once it is known where that is.
    pub(crate) fin: Option<SeqNumber>,
    /// Last.ACK.sent of RFC 7323.
    pub(crate) last_ack_sent: SeqNumber,
    /// Acknowledgements that are owed.
    pub(crate) ack: DelayedAck,
    /// The next octet that the user reads.
    user: SeqNumber,
    /// The next octet that the user was to read when an acknowledgement was sent last.
    user_at_ack: SeqNumber,
    /// The right edge of the window that was offered: `rcv.nxt` + `rcv.wnd`.
    edge: SeqNumber,
    /// RCV.BUFF in octets.
    buffer: u32,
    buffer_max: u32,
    /// Our window scale.
    shift: u8,
    /// A duplicate to be reported (RFC 2883).
    duplicate: Option<SackBlock>,
    queue: ReadQueue,
    /// What is out of order, while anything is.
    reassembly: Option<Box<Reassembly>>,
    tune: AutoTune,
}

/// What a text did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Received {
    /// Octets by which `rcv.nxt` advanced.
    pub(crate) in_order: u32,
    /// Octets of the segment that were not within the window, or did not find room.
    pub(crate) is_cut: bool,
}

impl Receiver {
    /// Before the peer's sequence number is known.
    pub(crate) fn new(buffer: u32, buffer_max: u32) -> Self {
        Self {
            nxt: SeqNumber(0),
            irs: SeqNumber(0),
            up: None,
            fin: None,
            last_ack_sent: SeqNumber(0),
            ack: DelayedAck::default(),
            user: SeqNumber(0),
            user_at_ack: SeqNumber(0),
            edge: SeqNumber(0),
            buffer,
            buffer_max,
            shift: 0,
            duplicate: None,
            queue: ReadQueue::default(),
            reassembly: None,
            tune: AutoTune::default(),
        }
    }

    /// The peer's SYN arrived. `offered` is the window that our own SYN offered, in octets.
    pub(crate) fn on_syn(&mut self, irs: SeqNumber, offered: u32, shift: u8) {
        self.irs = irs;
        self.nxt = irs + 1;
        (self.user, self.user_at_ack) = (self.nxt, self.nxt);
        self.last_ack_sent = self.nxt;
        self.edge = self.nxt + offered;
        self.shift = shift;
    }

    /// Takes in the text of a segment that begins at `seq`, as far as it lies within the window.
    ///
    /// Octets beyond a FIN whose place is known are no part of the stream.
    pub(crate) fn on_text(&mut self, seq: SeqNumber, text: &Bytes, rmss: u32) -> Received {
        let len = u32::try_from(text.len()).unwrap_or(u32::MAX >> 1);
        let end = seq + len;
        let right = self.fin.map_or(self.right_edge(), |fin| fin.earlier(self.right_edge()));
        let (from, to) = (seq.later(self.nxt), end.earlier(right));
        if seq.is_before(self.nxt) {
            // RFC 2883 section 4: what lies before the acknowledgement is a duplicate.
            self.duplicate = Some(SackBlock { left: seq, right: end.earlier(self.nxt) });
        }
        if !from.is_before(to) {
            return Received { in_order: 0, is_cut: end.is_after(right) };
        }
        let offset =
            |at: SeqNumber| usize::try_from(at.distance_from(seq)).unwrap_or_default().min(text.len());
        let new = text.slice(offset(from)..offset(to));
        let before = self.nxt;
        let had_gap = self.reassembly.is_some();
        let mut is_cut = to != end;
        if from == self.nxt && !had_gap {
            self.nxt = to;
            self.queue.push(new);
        } else {
            let reassembly = self.reassembly.get_or_insert_default();
            let inserted = reassembly.insert(from, &new, self.buffer, from == self.nxt);
            if inserted.duplicate.is_some() {
                self.duplicate = inserted.duplicate;
            }
            is_cut |= !inserted.is_new && inserted.duplicate.is_none();
            if let Some((chunks, end)) = reassembly.take_in_order(self.nxt) {
                self.nxt = end;
                chunks.into_iter().for_each(|chunk| self.queue.push_kept(chunk));
            }
            if reassembly.is_empty() {
                self.reassembly = None;
            }
        }
        let in_order = u32::try_from(self.nxt.distance_from(before)).unwrap_or_default();
        if in_order > 0 && !had_gap && self.duplicate.is_none() {
            self.ack.on_text(in_order, rmss);
        } else if in_order == 0 && from != before {
            // RFC 9293 MAY-13; RFC 5681 section 4.2: above a gap.
            self.ack.on_out_of_order();
        } else {
            // RFC 5681 section 4.2: what fills a gap, and what comes twice, at once.
            self.ack.on_urgent_need();
        }
        Received { in_order, is_cut }
    }

    /// Whether a text is the next one, whole within the window, and nothing is out of order or to be reported.
    #[inline]
    pub(crate) fn may_append(&self, seq: SeqNumber, text: &Bytes) -> bool {
        let window = usize::try_from(self.edge.distance_from(self.nxt)).unwrap_or_default();
        seq == self.nxt && (1..=window).contains(&text.len()) && self.fin.is_none() && !self.has_sack_blocks()
    }

    /// Takes in a text that [`may_append`](Self::may_append).
    #[inline]
    pub(crate) fn append(&mut self, text: Bytes, rmss: u32) {
        // It lies within the window.
        let len = u32::try_from(text.len()).unwrap_or_default();
        self.nxt += len;
        self.queue.push(text);
        self.ack.on_text(len, rmss);
    }

    /// Notes where the stream ends. The first FIN says it; one elsewhere is a lie or a fault and is not believed.
    pub(crate) fn on_fin(&mut self, at: SeqNumber) {
        if self.fin.is_none() && at.is_at_or_after(self.nxt) && at.is_before(self.right_edge()) {
            self.fin = Some(at);
        }
    }

    /// Whether everything up to the FIN has arrived, and the FIN is not yet counted in `rcv.nxt`.
    pub(crate) fn may_take_fin(&self) -> bool {
        self.fin == Some(self.nxt)
    }

    /// Whether the FIN is counted in `rcv.nxt`.
    pub(crate) fn has_taken_fin(&self) -> bool {
        self.fin.is_some_and(|fin| fin.is_before(self.nxt))
    }

    /// Counts the FIN.
    pub(crate) fn take_fin(&mut self) {
        self.nxt += 1;
        self.edge = self.edge.later(self.nxt);
    }

    /// The peer's FIN was counted in an earlier life of this connection, which offers this window.
    pub(crate) fn resume_after_fin(&mut self, fin: SeqNumber, wnd: u32) {
        (self.fin, self.nxt) = (Some(fin), fin + 1);
        (self.user, self.last_ack_sent, self.edge) = (self.nxt, self.nxt, self.nxt + wnd);
    }

    /// The whole segment was a duplicate: one that the sequence check dropped.
    pub(crate) fn on_duplicate(&mut self, seq: SeqNumber, len: u32) {
        let right = (seq + len).earlier(self.nxt);
        if seq.is_before(right) {
            self.duplicate = Some(SackBlock { left: seq, right });
        }
    }

    /// Takes octets for the user.
    #[inline]
    pub(crate) fn read(&mut self, now: Instant, max: usize, rtt_ns: Option<u64>) -> Option<Bytes> {
        let chunk = self.queue.pop(max)?;
        let octets = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        self.user += octets;
        if self.up.is_some_and(|up| up.is_at_or_before(self.user)) {
            self.up = None;
        }
        self.buffer = self.tune.on_read(now, octets, rtt_ns, self.buffer, self.buffer_max);
        Some(chunk)
    }

    /// Octets in order that wait for the user.
    pub(crate) fn queued(&self) -> u32 {
        self.queue.len()
    }

    /// The next octet that the user reads.
    pub(crate) fn user(&self) -> SeqNumber {
        self.user
    }

    /// Throws away what the user will never read, and holds nothing any more.
    pub(crate) fn discard(&mut self) {
        self.queue = ReadQueue::default();
        self.reassembly = None;
        self.user = self.nxt;
    }

    /// The blocks for the next acknowledgement, a duplicate first (RFC 2883 section 4).
    pub(crate) fn sack_blocks(&self, room: &mut [SackBlock]) -> usize {
        let report = |room: &mut [SackBlock]| {
            let count = self.reassembly.as_ref().map_or(0, |r| r.sack_blocks(room));
            // The FIN behind a block is received as well.
            for block in room.iter_mut().take(count).filter(|block| Some(block.right) == self.fin) {
                block.right += 1;
            }
            count
        };
        let Some(duplicate) = self.duplicate else { return report(room) };
        match room.split_first_mut() {
            Some((first, rest)) => {
                *first = duplicate;
                1 + report(rest)
            }
            None => 0,
        }
    }

    /// Whether there is anything for a SACK option.
    #[inline]
    pub(crate) fn has_sack_blocks(&self) -> bool {
        self.duplicate.is_some() || self.reassembly.is_some()
    }

    /// How many acknowledgements are due at once. Without SACK a sender counts duplicates to learn how many segments
    /// have left the network (RFC 5681 section 3.2): those of a batch are not one.
    pub(crate) fn acks_due(&self, is_sack: bool) -> u32 {
        let duplicates = if is_sack { 0 } else { u32::from(self.ack.out_of_order()) };
        (duplicates + u32::from(self.nxt != self.last_ack_sent)).max(1)
    }

    /// A segment with an acknowledgement was sent.
    pub(crate) fn on_ack_sent(&mut self) {
        self.last_ack_sent = self.nxt;
        self.user_at_ack = self.user;
        self.duplicate = None;
        self.ack.on_ack_sent();
    }
}

#[cfg(test)]
mod tests;
