//! Round-trip times of one direction: from a segment to the acknowledgement that covers it.
//!
//! By Karn's rule (RFC 6298 section 3) a segment that was sent twice gives no sample, unless timestamps tell which of
//! the two was acknowledged (RFC 7323 section 4).

use std::collections::VecDeque;

use crate::RttSummary;

/// Segments under way that are timed. When there are more, the newer ones are not timed.
const MAX_TIMED: usize = 64;

/// Samples that are kept for the median. When they are full every other one goes, and only every other is kept.
const MAX_SAMPLES: usize = 256;

/// A segment under way.
#[derive(Clone, Copy, Debug)]
struct Timed {
    end: i64,
    sent_ns: u64,
    /// `TSval` of the last time that it was sent.
    timestamp: Option<u32>,
    resent: Resent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Resent {
    No,
    /// Sent again, and its timestamp tells the last time from those before.
    Distinct,
    /// Sent again, and nothing tells which one is acknowledged.
    Ambiguous,
}

/// Times the segments of one direction.
#[derive(Clone, Default, Debug)]
pub(crate) struct RttMeter {
    timed: VecDeque<Timed>,
    samples: Vec<u64>,
    /// One of `1 << stride` samples is kept.
    stride: u32,
    count: u64,
    min_ns: u64,
    max_ns: u64,
}

impl RttMeter {
    /// A segment with something to acknowledge was sent for the first time; it ends before `end`.
    pub(crate) fn on_sent(&mut self, end: i64, at_ns: u64, timestamp: Option<u32>) {
        if self.timed.len() < MAX_TIMED {
            self.timed.push_back(Timed { end, sent_ns: at_ns, timestamp, resent: Resent::No });
        }
    }

    /// A segment from `start` to before `end` was sent again.
    pub(crate) fn on_resent(&mut self, start: i64, end: i64, at_ns: u64, timestamp: Option<u32>) {
        for timed in self.timed.iter_mut().filter(|timed| timed.end > start && timed.end <= end) {
            timed.resent = match (timed.timestamp, timestamp) {
                (Some(before), Some(now)) if before != now => Resent::Distinct,
                _ => Resent::Ambiguous,
            };
            timed.sent_ns = at_ns;
            timed.timestamp = timestamp;
        }
    }

    /// Everything before `ack` was acknowledged, with this `TSecr`.
    pub(crate) fn on_acked(&mut self, ack: i64, at_ns: u64, echo_reply: Option<u32>) {
        let mut newest = None;
        while let Some(timed) = self.timed.front().filter(|timed| timed.end <= ack) {
            newest = Some(*timed);
            self.timed.pop_front();
        }
        let Some(timed) = newest else { return };
        let is_certain = match timed.resent {
            Resent::No => true,
            Resent::Distinct => timed.timestamp == echo_reply,
            Resent::Ambiguous => false,
        };
        if is_certain {
            self.sample(at_ns.saturating_sub(timed.sent_ns));
        }
    }

    fn sample(&mut self, rtt_ns: u64) {
        self.min_ns = if self.count == 0 { rtt_ns } else { self.min_ns.min(rtt_ns) };
        self.max_ns = self.max_ns.max(rtt_ns);
        if self.count & ((1 << self.stride) - 1) == 0 {
            if self.samples.len() >= MAX_SAMPLES {
                let mut keep = false;
                self.samples.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = (self.stride + 1).min(63);
            }
            self.samples.push(rtt_ns);
        }
        self.count += 1;
    }

    /// What was measured, if anything was.
    pub(crate) fn summary(&self) -> Option<RttSummary> {
        let mut samples = self.samples.clone();
        let middle = samples.len() / 2;
        if samples.is_empty() {
            return None;
        }
        let (_, median, _) = samples.select_nth_unstable(middle);
        Some(RttSummary { min_ns: self.min_ns, median_ns: *median, max_ns: self.max_ns, samples: self.count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_covered_segment_is_the_sample() {
        let mut meter = RttMeter::default();
        meter.on_sent(100, 1_000, None);
        meter.on_sent(200, 1_500, None);
        meter.on_sent(300, 1_900, None);
        meter.on_acked(200, 2_000, None);
        let summary = meter.summary().unwrap();
        assert_eq!((summary.min_ns, summary.max_ns, summary.samples), (500, 500, 1));
        meter.on_acked(200, 9_000, None);
        assert_eq!(meter.summary().unwrap().samples, 1, "a duplicate acknowledgement is no sample");
    }

    #[test]
    fn karns_rule() {
        let mut meter = RttMeter::default();
        meter.on_sent(100, 1_000, None);
        meter.on_resent(0, 100, 5_000, None);
        meter.on_acked(100, 5_100, None);
        assert_eq!(meter.summary(), None);
    }

    #[test]
    fn timestamps_lift_karns_rule() {
        let mut meter = RttMeter::default();
        meter.on_sent(100, 1_000, Some(7));
        meter.on_resent(0, 100, 5_000, Some(9));
        meter.on_acked(100, 5_100, Some(9));
        assert_eq!(meter.summary().unwrap().median_ns, 100);
        let mut meter = RttMeter::default();
        meter.on_sent(100, 1_000, Some(7));
        meter.on_resent(0, 100, 5_000, Some(9));
        meter.on_acked(100, 5_100, Some(7));
        assert_eq!(meter.summary(), None, "the first one was acknowledged: when that was sent is forgotten");
    }

    #[test]
    fn room_is_bounded_and_the_median_stays_near() {
        let mut meter = RttMeter::default();
        for n in 0..100_000 {
            meter.on_sent(n, 0, None);
            meter.on_acked(n, n as u64, None);
        }
        let summary = meter.summary().unwrap();
        assert!(meter.samples.len() <= MAX_SAMPLES);
        assert_eq!((summary.min_ns, summary.max_ns, summary.samples), (0, 99_999, 100_000));
        assert!(summary.median_ns.abs_diff(50_000) < 2_000, "{summary:?}");
    }
}
