//! A queue in front of a line of some rate: first in, first out, and what finds no room is lost.

use std::collections::VecDeque;

use crate::units::Rate;

const NS_PER_S: u128 = 1_000_000_000;

/// The queue, the packet that is on the line included.
#[derive(Debug)]
pub(crate) struct Queue {
    rate: Option<Rate>,
    max_packets: Option<u64>,
    max_bytes: Option<u64>,
    /// When each will have left, in nanoseconds, and its bytes.
    waiting: VecDeque<(u64, u64)>,
    bytes: u64,
    /// When the line began to be busy without a pause.
    busy_since_ns: u64,
    /// Bits that it took since then: what n packets take is rounded once, not n times.
    busy_bits: u128,
}

impl Queue {
    pub(crate) fn new(rate: Option<Rate>, max_packets: Option<u64>, max_bytes: Option<u64>) -> Self {
        Self {
            rate,
            max_packets,
            max_bytes,
            waiting: VecDeque::new(),
            bytes: 0,
            busy_since_ns: 0,
            busy_bits: 0,
        }
    }

    /// Packets in the queue.
    pub(crate) fn len(&mut self, now_ns: u64) -> u64 {
        while let Some(&(left_at_ns, bytes)) = self.waiting.front()
            && left_at_ns <= now_ns
        {
            self.waiting.pop_front();
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        self.waiting.len() as u64
    }

    /// A packet joins the queue: when its last bit will have left, or `None` where it found no room.
    pub(crate) fn join(&mut self, now_ns: u64, bytes: u64) -> Option<u64> {
        let Some(Rate(rate)) = self.rate else { return Some(now_ns) };
        let len = self.len(now_ns);
        if self.max_packets.is_some_and(|max| len >= max)
            || self.max_bytes.is_some_and(|max| self.bytes.saturating_add(bytes) > max)
        {
            return None;
        }
        if len == 0 {
            (self.busy_since_ns, self.busy_bits) = (now_ns, 0);
        }
        self.busy_bits = self.busy_bits.saturating_add(u128::from(bytes) * 8);
        let busy_ns = self.busy_bits.saturating_mul(NS_PER_S) / u128::from(rate.max(1));
        let left_at_ns = self.busy_since_ns.saturating_add(u64::try_from(busy_ns).unwrap_or(u64::MAX));
        self.waiting.push_back((left_at_ns, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        Some(left_at_ns)
    }
}
