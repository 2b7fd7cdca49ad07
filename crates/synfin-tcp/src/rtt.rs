//! Round-trip time and the retransmission timeout (RFC 6298), with the minimum that RACK and HyStart++ ask for.

use core::time::Duration;

use crate::config::RtoConfig;
use crate::time::nanos;

/// Smallest step that an RTT sample is trusted to: G of RFC 6298. Segments wait in queues and batches on both hosts
/// for about as long, however fine the clock.
const GRANULARITY_NS: u64 = 1_000_000;

/// The estimator, in nanoseconds throughout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RttEstimator {
    srtt_ns: u64,
    rttvar_ns: u64,
    min_ns: u64,
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
            // RFC 6298 (2.1): one second until there is a sample.
            base_rto_ns: nanos(config.initial),
            backoff: 0,
        }
    }

    /// Takes in a sample. The caller keeps Karn's rule: no sample comes from a segment that was sent twice.
    // RFC 9293 MUST-18: Karn's algorithm: callers sample only what was sent once, or what a timestamp tells apart.
    pub(crate) fn on_sample(&mut self, rtt: Duration, config: &RtoConfig) {
        let rtt = nanos(rtt);
        if self.has_sample() {
            // RFC 6298 (2.3), in this order: RTTVAR uses the SRTT from before.
            self.rttvar_ns = self.rttvar_ns - self.rttvar_ns / 4 + self.srtt_ns.abs_diff(rtt) / 4;
            self.srtt_ns = self.srtt_ns - self.srtt_ns / 8 + rtt / 8;
        } else {
            // RFC 6298 (2.2).
            self.srtt_ns = rtt;
            self.rttvar_ns = rtt / 2;
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

    /// The smallest sample so far.
    pub(crate) fn min(&self) -> Option<Duration> {
        self.has_sample().then(|| Duration::from_nanos(self.min_ns))
    }

    fn has_sample(&self) -> bool {
        self.min_ns != u64::MAX
    }
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
        rtt.on_sample(100 * MS, &config());
        assert_eq!((rtt.srtt(), rtt.rttvar(), rtt.rto(&config())), (Some(100 * MS), 50 * MS, 300 * MS));
        rtt.on_sample(180 * MS, &config());
        assert_eq!(rtt.rttvar(), Duration::from_micros(57_500));
        assert_eq!((rtt.srtt(), rtt.rto(&config())), (Some(110 * MS), 340 * MS));
        assert_eq!(rtt.min(), Some(100 * MS));
    }

    /// RFC 6298 (2.4), (2.5), (5.5).
    #[test]
    fn the_timeout_doubles_to_its_maximum_and_no_less_than_its_minimum() {
        let config = RtoConfig { initial: 1000 * MS, min: 1000 * MS, max: 60_000 * MS };
        let mut rtt = RttEstimator::new(&config);
        rtt.on_sample(MS, &config);
        assert_eq!(rtt.rto(&config), 1000 * MS);
        let mut timeouts = Vec::new();
        for _ in 0..8 {
            rtt.on_timeout();
            timeouts.push(rtt.rto(&config).as_secs());
        }
        assert_eq!(timeouts, [2, 4, 8, 16, 32, 60, 60, 60]);
        rtt.on_sample(MS, &config);
        assert_eq!(rtt.rto(&config), 1000 * MS);
    }

    /// RFC 6298 (2.3) with G: on a path without variance the timeout is not the round trip itself.
    #[test]
    fn the_granularity_bounds_the_variance_from_below() {
        let mut rtt = RttEstimator::new(&config());
        for _ in 0..200 {
            rtt.on_sample(100 * MS, &config());
        }
        assert!(rtt.rto(&config()) >= 101 * MS - Duration::from_nanos(200));
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
