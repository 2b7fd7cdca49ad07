//! Pacing: segments spread over the round trip.
//!
//! A window may go out over one smoothed round trip, a little faster so that pacing is never what limits: twice as
//! fast in slow start, where the window doubles, and 1.2 times after it.

use core::time::Duration;

use crate::time::{Instant, nanos};

/// Segments that may leave back to back: the initial window may, so others may too.
const BURST_MIN: u32 = 10;

/// Segments that leave back to back however fast the path: what devices with segmentation offload take.
const BURST_MAX: u32 = 42;

/// A fast path gets bursts of this time, so that it does not cost a timer each.
const BURST_TIME_NS: u64 = 1_000_000;

/// When the next segment may leave.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacer {
    next: Instant,
}

impl Pacer {
    /// The time before which nothing may be sent, if that is not over yet.
    pub(crate) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        (self.next > now).then_some(self.next)
    }

    /// Segments that may leave back to back.
    pub(crate) fn burst(cwnd: u32, mss: u32, srtt: Option<Duration>) -> u32 {
        let Some(srtt) = srtt else { return BURST_MAX };
        let octets = u64::from(cwnd).saturating_mul(BURST_TIME_NS) / nanos(srtt).max(1);
        let segments = octets / u64::from(mss.max(1));
        u32::try_from(segments).unwrap_or(BURST_MAX).clamp(BURST_MIN, BURST_MAX)
    }

    /// Octets were sent.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        octets: u32,
        cwnd: u32,
        mss: u32,
        srtt: Option<Duration>,
        is_in_slow_start: bool,
    ) {
        let Some(srtt) = srtt else { return };
        let time_for = |octets: u32| {
            let window = u128::from(cwnd.max(1)) * if is_in_slow_start { 20 } else { 12 };
            let ns = u128::from(octets) * u128::from(nanos(srtt)) * 10 / window;
            u64::try_from(ns).unwrap_or(u64::MAX)
        };
        // Time that was not used is credit for one burst, no more.
        let credit = time_for(mss.saturating_mul(Self::burst(cwnd, mss, Some(srtt))));
        let floor = now.as_nanos().saturating_sub(credit);
        self.next = Instant::from_nanos(self.next.as_nanos().max(floor).saturating_add(time_for(octets)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_takes_a_round_trip_less_a_sixth() {
        let rtt = Duration::from_millis(120);
        let mut pacer = Pacer::default();
        let mut now = Instant::from_nanos(1_000_000_000);
        let start = now;
        for _ in 0..100 {
            if let Some(until) = pacer.blocked_until(now) {
                now = until;
            }
            pacer.on_sent(now, 1000, 100_000, 1000, Some(rtt), false);
        }
        // 1000 octets a millisecond; ten leave at once.
        assert_eq!(now.since(start), Duration::from_millis(89));
    }

    /// In slow start the window doubles in a round trip, and its segments leave twice as fast.
    #[test]
    fn in_slow_start_a_window_takes_half_a_round_trip() {
        let mut pacer = Pacer::default();
        let mut now = Instant::from_nanos(1_000_000_000);
        let start = now;
        for _ in 0..100 {
            now = pacer.blocked_until(now).unwrap_or(now);
            pacer.on_sent(now, 1000, 100_000, 1000, Some(Duration::from_millis(120)), true);
        }
        // 1000 octets in 0.6 ms; ten leave at once, and the last is not waited for.
        assert_eq!(now.since(start), Duration::from_micros(89 * 600));
    }
}
