//! Sequence numbers (RFC 9293 section 3.4).
//!
//! They live on a circle of 2^32, so that "less than" has no meaning for them: there is no `<` here, only
//! [`SeqNumber::is_before`] and its kin, which ask for the shorter way round.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// A 32-bit sequence number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far it is from `earlier` to here: positive when `earlier` comes before, for distances below 2^31.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether this comes before `other`, by less than half the circle.
    #[must_use]
    pub const fn is_before(self, other: Self) -> bool {
        self.distance_from(other) < 0
    }

    /// Whether this comes after `other`, by at most half the circle.
    #[must_use]
    pub const fn is_after(self, other: Self) -> bool {
        other.is_before(self)
    }

    /// Whether this is `other` or comes before it.
    #[must_use]
    pub const fn is_at_or_before(self, other: Self) -> bool {
        !other.is_before(self)
    }

    /// Whether this is `other` or comes after it.
    #[must_use]
    pub const fn is_at_or_after(self, other: Self) -> bool {
        !self.is_before(other)
    }

    /// Whether this lies in the window that starts at `start` and is `length` long. An empty window holds nothing.
    ///
    /// This is exact for every length: it goes once round the circle from `start`.
    #[must_use]
    pub const fn is_within(self, start: Self, length: u32) -> bool {
        self.0.wrapping_sub(start.0) < length
    }

    /// The later of the two.
    #[must_use]
    pub const fn later(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of the two.
    #[must_use]
    pub const fn earlier(self, other: Self) -> Self {
        if other.is_before(self) { other } else { self }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;
    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;
    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl fmt::Debug for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seq {}", self.0)
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_that_of_the_shorter_way(start: u32, ahead in 1..(1u32 << 31)) {
            let (a, b) = (SeqNumber(start), SeqNumber(start) + ahead);
            prop_assert!(a.is_before(b) || ahead == 1 << 31);
            prop_assert!(!b.is_before(a));
            prop_assert!(b.is_after(a));
            prop_assert!(a.is_at_or_before(b) && b.is_at_or_after(a));
            prop_assert_eq!(a.later(b), b);
            prop_assert_eq!(a.earlier(b), a);
            prop_assert_eq!(b.distance_from(a), ahead.cast_signed());
            prop_assert_eq!(a.distance_from(b), -ahead.cast_signed());
        }

        #[test]
        fn adding_and_taking_away_cancel_out(start: u32, by: u32) {
            prop_assert_eq!(SeqNumber(start) + by - by, SeqNumber(start));
        }

        #[test]
        fn a_window_holds_its_octets_and_no_others(start: u32, length: u32, offset: u32) {
            let start = SeqNumber(start);
            prop_assert_eq!((start + offset).is_within(start, length), offset < length);
        }
    }

    #[test]
    fn the_wrap_is_no_edge() {
        let before = SeqNumber(u32::MAX);
        assert!(before.is_before(SeqNumber(0)));
        assert!(SeqNumber(5).is_within(before, 7));
        assert!(!SeqNumber(6).is_within(before, 7));
        assert_eq!(before + 2, SeqNumber(1));
    }
}
