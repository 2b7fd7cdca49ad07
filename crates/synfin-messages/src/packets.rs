//! Which packets carried a message, in bounded room.

use std::ops::RangeInclusive;

/// Ranges kept for one message. A 10 MB download whose packets alternate with ACKs has thousands: the first ones, the
/// last one and the count are what people look at.
const MAX_RANGES: usize = 64;

/// The frame numbers of the packets that carried a message, in the order of the stream.
///
/// Runs of consecutive numbers are kept as ranges, up to a bound; beyond it packets are only counted, and the last one
/// is remembered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketList {
    /// Most messages fit one packet: the first range costs no allocation.
    first: RangeInclusive<u64>,
    more: Vec<RangeInclusive<u64>>,
    highest: u64,
    last: u64,
    count: u64,
    truncated: bool,
}

impl PacketList {
    /// A list with one packet in it.
    #[must_use]
    pub(crate) fn new(frame: u64) -> Self {
        Self {
            first: frame..=frame,
            more: Vec::new(),
            highest: frame,
            last: frame,
            count: 1,
            truncated: false,
        }
    }

    /// Adds a packet that carried more of the message; adding one again changes nothing.
    pub(crate) fn insert(&mut self, frame: u64) {
        if frame == self.last || (frame <= self.highest && self.ranges().any(|range| range.contains(&frame)))
        {
            return;
        }
        self.last = frame;
        self.highest = self.highest.max(frame);
        self.count = self.count.saturating_add(1);
        if self.truncated {
            return;
        }
        let newest = self.more.last_mut().unwrap_or(&mut self.first);
        if newest.end().checked_add(1) == Some(frame) {
            *newest = *newest.start()..=frame;
        } else if self.more.len() < MAX_RANGES - 1 {
            self.more.push(frame..=frame);
        } else {
            self.truncated = true;
        }
    }

    /// The frame numbers kept, as ranges in the order of the stream.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        std::iter::once(self.first.clone()).chain(self.more.iter().cloned())
    }

    /// The frame numbers kept, one by one.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.ranges().flatten()
    }

    /// The packet that carried the first byte.
    #[must_use]
    pub const fn first(&self) -> u64 {
        *self.first.start()
    }

    /// The packet that carried the last byte.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// How many packets carried the message, those beyond the bound included.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Are there packets that were only counted?
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_packets_are_one_range() {
        let mut list = PacketList::new(4);
        for frame in [4, 5, 6, 9, 9, 8, 5] {
            list.insert(frame);
        }
        assert_eq!(list.ranges().collect::<Vec<_>>(), [4..=6, 9..=9, 8..=8]);
        assert_eq!((list.count(), list.first(), list.last()), (5, 4, 8));
        assert!(!list.is_truncated());
    }

    #[test]
    fn many_packets_are_counted_and_the_last_is_known() {
        let mut list = PacketList::new(0);
        for frame in 1..10_000 {
            list.insert(frame * 2);
        }
        assert_eq!(list.count(), 10_000);
        assert_eq!(list.last(), 19_998);
        assert_eq!(list.iter().count(), MAX_RANGES);
        assert!(list.is_truncated());
    }
}
