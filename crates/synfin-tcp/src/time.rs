//! Time as the caller counts it. Nothing in this crate reads a clock: every call says what time it is.

use core::ops::Add;
use core::time::Duration;

/// A point in time, in nanoseconds since whatever the caller counts from.
///
/// A caller that wants its [`StateChange`](synfin_wire::StateChange)s beside those of other sources counts from the
/// Unix epoch. Time never goes backwards from one call to the next; if it does, it counts as standing still.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Instant(u64);

impl Instant {
    /// The start of counting.
    pub const ZERO: Self = Self(0);

    /// Later than anything that happens: what a timer that is not running holds.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// So many nanoseconds after the start of counting.
    #[must_use]
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start of counting.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time since `earlier`, or nothing if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// As [`since`](Self::since), in nanoseconds: what is done for every segment has no time for the division that
    /// makes a `Duration` of them.
    pub(crate) const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The end of time: 584 years after the start.
    const LAST: Self = Self(u64::MAX - 1);

    /// `None` for never.
    pub(crate) fn known(self) -> Option<Self> {
        (self != Self::NEVER).then_some(self)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        // Not NEVER, so that a deadline beyond the end of time still is one.
        Self(self.0.saturating_add(nanos(duration)).min(Self::LAST.0))
    }
}

/// A duration in nanoseconds; 584 years and more are 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
