//! Times in nanoseconds.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Now, in nanoseconds since the Unix epoch.
pub(crate) fn utc_now_ns() -> u64 {
    now_ns(ClockId::Realtime)
}

pub(crate) fn now_ns(clock: ClockId) -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let (seconds, nanoseconds) = (u64::try_from(tv_sec), u64::try_from(tv_nsec));
    seconds.unwrap_or_default().saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or_default())
}
