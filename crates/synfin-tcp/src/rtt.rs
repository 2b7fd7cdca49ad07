//! Round-trip time and the retransmission timeout (RFC 6298), with the recent minimum that RACK asks for (RFC 8985
//! section 6.2).

use core::time::Duration;

use crate::config::RtoConfig;
use crate::time::{Instant, nanos};

/// Smallest step that an RTT sample is trusted to: G of RFC 6298. Segments wait in queues and batches on both hosts
/// for about as long, however fine the clock.
const GRANULARITY_NS: u64 = 1_000_000;

/// The minimum is that of one to two such times, in seconds: longer than queues last, and short enough that a path that
/// has become longer is believed before long (RFC 8985 section 6.2 step 1).
const MIN_WINDOW_S: u32 = 150;

/// The estimator, in nanoseconds throughout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RttEstimator {
    srtt_ns: u64,
    rttvar_ns: u64,
    /// The smallest sample since `min_since_s`.
    min_ns: u64,
    /// The smallest one of the time before that.
    min_before_ns: u64,
    /// In seconds, which wrap after 136 years.
    min_since_s: u32,
    /// RTO before backoff.
    base_rto_ns: u64,
    /// How often the timer has been backed off since the last sample (RFC 6298 (5.5)).
    backoff: u8,
}

impl RttEstimator {
    /// Before any sample.
    pub(crate) fn new(config: &RtoConfig) -> Self {
        Self {
            srtt_ns: 0,
            rttvar_ns: 0,
            min_ns: u64::MAX,
            min_before_ns: u64::MAX,
            min_since_s: 0,
            // RFC 6298 (2.1): one second until there is a sample.
            base_rto_ns: nanos(config.initial),
            backoff: 0,
        }
    }

    /// Takes in a sample, one of `expected` that a round trip brings. The caller keeps Karn's rule: no sample comes from
    /// a segment that was sent twice.
    ///
    /// The weights of RFC 6298 are meant for one sample a round trip. RFC 7323 appendix G divides them by the number of
    /// samples, so that the history is as long with many.
    // RFC 9293 MUST-18: Karn's algorithm: callers sample only what was sent once, or what a timestamp tells apart.
    pub(crate) fn on_sample(&mut self, now: Instant, rtt: Duration, expected: u32, config: &RtoConfig) {
        let rtt = nanos(rtt);
        if self.has_sample() {
            let expected = u64::from(expected.max(1));
            // RFC 6298 (2.3), in this order: RTTVAR uses the SRTT from before.
            self.rttvar_ns = towards(self.rttvar_ns, self.srtt_ns.abs_diff(rtt), 4 * expected);
            self.srtt_ns = towards(self.srtt_ns, rtt, 8 * expected);
        } else {
            // RFC 6298 (2.2).
            self.srtt_ns = rtt;
            self.rttvar_ns = rtt / 2;
        }
        let now_s = (now.as_nanos() / 1_000_000_000) as u32;
        let age_s = now_s.wrapping_sub(self.min_since_s);
        if age_s >= MIN_WINDOW_S {
            self.min_before_ns = if age_s < 2 * MIN_WINDOW_S { self.min_ns } else { u64::MAX };
            (self.min_ns, self.min_since_s) = (rtt, now_s);
        }
        self.min_ns = self.min_ns.min(rtt);
        let rto = self.srtt_ns.saturating_add(self.rttvar_ns.saturating_mul(4).max(GRANULARITY_NS));
        // Not `clamp`: who sets a minimum above the maximum gets the maximum.
        self.base_rto_ns = rto.max(nanos(config.min)).min(nanos(config.max));
        self.backoff = 0;
    }

    /// The timer ran out: the next timeout takes twice as long (RFC 6298 (5.5)).
    pub(crate) fn on_timeout(&mut self) {
        self.backoff = self.backoff.saturating_add(1);
    }

    /// RFC 6298 (5.7): a SYN that had to be sent again without a sample since leaves 3 seconds to data.
    pub(crate) fn on_established_after_syn_timeout(&mut self) {
        self.backoff = 0;
        if !self.has_sample() {
            self.base_rto_ns = self.base_rto_ns.max(3_000_000_000);
        }
    }

    /// The timeout in force, backoff included.
    pub(crate) fn rto(&self, config: &RtoConfig) -> Duration {
        let shifted = self.base_rto_ns.saturating_mul(1 << u32::from(self.backoff).min(30));
        // Whatever is set, time goes on before anything is sent again.
        Duration::from_nanos(shifted.min(nanos(config.max)).max(GRANULARITY_NS))
    }

    /// Smoothed round-trip time.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt_ns().map(Duration::from_nanos)
    }

    /// The same in nanoseconds.
    pub(crate) fn srtt_ns(&self) -> Option<u64> {
        self.has_sample().then_some(self.srtt_ns)
    }

    /// Mean deviation.
    pub(crate) fn rttvar(&self) -> Duration {
        Duration::from_nanos(self.rttvar_ns)
    }

    /// The smallest sample of late.
    pub(crate) fn min(&self) -> Option<Duration> {
        self.has_sample().then(|| Duration::from_nanos(self.min_ns.min(self.min_before_ns)))
    }

    fn has_sample(&self) -> bool {
        self.min_ns != u64::MAX
    }
}

/// `value`, moved by one part in `weight` of the way to `sample`.
fn towards(value: u64, sample: u64, weight: u64) -> u64 {
    if sample >= value { value + (sample - value) / weight } else { value - (value - sample) / weight }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn config() -> RtoConfig {
        RtoConfig { initial: 1000 * MS, min: MS, max: 60_000 * MS }
    }

    /// RFC 6298 section 2, worked out by hand: R = 100 ms gives SRTT 100, RTTVAR 50, RTO 300; then R' = 180 ms gives
    /// RTTVAR 3/4·50 + 1/4·80 = 57.5, SRTT 7/8·100 + 1/8·180 = 110, RTO 110 + 4·57.5 = 340.
    #[test]
    fn two_samples_by_hand() {
        let mut rtt = RttEstimator::new(&config());
        assert_eq!(rtt.rto(&config()), 1000 * MS);
        assert_eq!(rtt.srtt(), None);
        rtt.on_sample(Instant::ZERO, 100 * MS, 1, &config());
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto(&config())), (Some(100 * MS), 50 * MS, 300 * MS));
        rtt.on_sample(Instant::ZERO, 180 * MS, 1, &config());
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
        assert_eq!((rtt.srtt(), rtt.rto(&config())), (Some(110 * MS), 340 * MS));
        assert_eq!(rtt.min(), Some(100 * MS));
    }

    /// RFC 6298 (2.4), (2.5), (5.5).
    #[test]
    fn the_timeout_doubles_to_its_maximum_and_no_less_than_its_minimum() {
        let config = RtoConfig { initial: 1000 * MS, min: 1000 * MS, max: 60_000 * MS };
        let mut rtt = RttEstimator::new(&config);
        rtt.on_sample(Instant::ZERO, MS, 1, &config);
        assert_eq!(rtt.rto(&config), 1000 * MS);
        let mut timeouts = Vec::new();
        for _ in 0..8 {
            rtt.on_timeout();
            timeouts.push(rtt.rto(&config).as_secs());
        }
        assert_eq!(timeouts, [2, 4, 8, 16, 32, 60, 60, 60]);
        rtt.on_sample(Instant::ZERO, MS, 1, &config);
        assert_eq!(rtt.rto(&config), 1000 * MS);
    }

    /// RFC 6298 (2.3) with G: on a path without variance the timeout is not the round trip itself.
    #[test]
    fn the_granularity_bounds_the_variance_from_below() {
        let mut rtt = RttEstimator::new(&config());
        for _ in 0..200 {
            rtt.on_sample(Instant::ZERO, 100 * MS, 1, &config());
        }
        assert!(rtt.rto(&config()) >= 101 * MS - Duration::from_nanos(200));
    }

    /// RFC 7323 appendix G: of four samples a round trip, each moves SRTT by 1/32 and RTTVAR by 1/16: from 100 and 50,
    /// 180 ms make 102.5 and 50 + (80 - 50) / 16 = 51.875.
    #[test]
    fn one_of_many_samples_counts_for_less() {
        let mut rtt = RttEstimator::new(&config());
        rtt.on_sample(Instant::ZERO, 100 * MS, 4, &config());
        rtt.on_sample(Instant::ZERO, 180 * MS, 4, &config());
        assert_eq!((rtt.srtt(), rtt.rttvar()), (Some(102_500 * MS / 1000), 51_875 * MS / 1000));
    }

    /// RFC 8985 section 6.2 step 1: the minimum is of late, not of all time.
    #[test]
    fn the_minimum_forgets() {
        let mut rtt = RttEstimator::new(&config());
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        rtt.on_sample(at(1000), 10 * MS, 1, &config());
        for second in 1001..1150 {
            rtt.on_sample(at(second), 50 * MS, 1, &config());
            assert_eq!(rtt.min(), Some(10 * MS));
        }
        rtt.on_sample(at(1150), 50 * MS, 1, &config());
        assert_eq!(rtt.min(), Some(10 * MS), "remembered for as long again");
        rtt.on_sample(at(1300), 50 * MS, 1, &config());
        assert_eq!(rtt.min(), Some(50 * MS));
        rtt.on_sample(at(9000), 70 * MS, 1, &config());
        assert_eq!(rtt.min(), Some(70 * MS), "after a long silence nothing is remembered");
    }

    /// RFC 6298 (5.7).
    #[test]
    fn a_lost_syn_leaves_three_seconds_to_data() {
        let mut rtt = RttEstimator::new(&config());
        rtt.on_timeout();
        rtt.on_established_after_syn_timeout();
        assert_eq!(rtt.rto(&config()), 3000 * MS);
    }
}
