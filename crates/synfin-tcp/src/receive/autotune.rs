//! A receive buffer as large as the sender and the reader can use (dynamic right-sizing).
//!
//! In one round trip a sender can send one window. If the user took more than half of the buffer within a round trip,
//! the window may be what holds the sender back, and the buffer grows to twice of what was taken.

use crate::time::Instant;

/// Measures what the user takes in a round trip.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AutoTune {
    round_start: Instant,
    taken: u32,
}

impl AutoTune {
    /// The user took octets. Returns the size that the buffer should have from now on.
    #[inline]
    pub(crate) fn on_read(
        &mut self,
        now: Instant,
        octets: u32,
        rtt_ns: Option<u64>,
        buffer: u32,
        max: u32,
    ) -> u32 {
        self.taken = self.taken.saturating_add(octets);
        let Some(rtt_ns) = rtt_ns else { return buffer };
        let passed_ns = now.nanos_since(self.round_start);
        if passed_ns < rtt_ns {
            return buffer;
        }
        let wanted = self.taken.saturating_mul(2);
        // A pause is no rate: a round that took several round trips says nothing.
        let is_round = passed_ns < rtt_ns.saturating_mul(2);
        (self.round_start, self.taken) = (now, 0);
        if is_round && wanted > buffer { wanted.min(max) } else { buffer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_follows_the_rate_up_to_its_maximum() {
        let rtt = Some(10_000_000);
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        let mut tune = AutoTune::default();
        assert_eq!(tune.on_read(at(100), 50, rtt, 100, 1000), 100, "the first round only starts to count");
        assert_eq!(tune.on_read(at(105), 60, rtt, 100, 1000), 100);
        assert_eq!(tune.on_read(at(111), 40, rtt, 100, 1000), 200);
        assert_eq!(tune.on_read(at(122), 900, rtt, 200, 1000), 1000);
        assert_eq!(tune.on_read(at(133), 400, rtt, 1000, 1000), 1000, "it never shrinks");
        assert_eq!(tune.on_read(at(500), 900, rtt, 1000, 4000), 1000, "a pause is no rate");
        assert_eq!(tune.on_read(at(505), 900, None, 1000, 4000), 1000);
    }
}
