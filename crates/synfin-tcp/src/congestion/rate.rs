//! Delivery rate samples: how fast data really arrives, which is what model-based congestion control (BBR) asks for.
//!
//! For each segment the estimator remembers how much had been delivered when it was sent. Its acknowledgement then
//! says how much was delivered in between; the longer of the sending and the acknowledging interval is the time that
//! took (draft-ietf-ccwg-bbr section 4.1).

use core::time::Duration;

use crate::send::{RateStamp, Sent};
use crate::time::{Instant, nanos};

/// One sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RateSample {
    /// Octets delivered: about one window.
    pub(crate) delivered: u32,
    /// In this time.
    pub(crate) interval_ns: u64,
    /// Whether the sender had nothing to send in between: the path may be faster.
    pub(crate) is_app_limited: bool,
}

impl RateSample {
    /// Octets a second; nothing where the interval is too short to say.
    pub(crate) fn per_second(&self) -> Option<u64> {
        let ns = u128::from(self.interval_ns);
        if ns == 0 {
            return None;
        }
        u64::try_from(u128::from(self.delivered) * 1_000_000_000 / ns).ok()
    }
}

/// The estimator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateEstimator {
    delivered: u64,
    delivered_at: Instant,
    first_sent_at: Instant,
    /// What was sent up to this count of delivered octets, was sent while there was nothing else to send.
    app_limited_until: u64,
}

/// The newest segment delivered by the acknowledgement at hand: its stamp, and when it was sent.
pub(crate) type Newest = Option<(RateStamp, Instant)>;

impl RateEstimator {
    /// The stamp for a segment sent now.
    pub(crate) fn on_sent(&mut self, now: Instant, is_anything_in_flight: bool) -> RateStamp {
        if !is_anything_in_flight {
            (self.first_sent_at, self.delivered_at) = (now, now);
        }
        RateStamp {
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            is_app_limited: self.app_limited_until > self.delivered,
        }
    }

    /// There was room to send, but nothing to send.
    pub(crate) fn on_app_limited(&mut self, in_flight: u32) {
        self.app_limited_until = (self.delivered + u64::from(in_flight)).max(1);
    }

    /// A segment was delivered.
    pub(crate) fn on_delivered(&mut self, now: Instant, sent: &Sent, newest: &mut Newest) {
        self.delivered += u64::from(sent.len);
        self.delivered_at = now;
        let is_newest = newest.is_none_or(|(stamp, _)| sent.rate.delivered >= stamp.delivered);
        if is_newest {
            *newest = Some((sent.rate, sent.sent_at));
            self.first_sent_at = sent.sent_at;
        }
    }

    /// The acknowledgement is through: its sample. None where it took less than any round trip: then it is of the first
    /// transmission of what was sent again, and the time since the second says nothing.
    pub(crate) fn sample(
        &self,
        now: Instant,
        newest: Newest,
        min_rtt: Option<Duration>,
    ) -> Option<RateSample> {
        let (stamp, sent_at) = newest?;
        let sending = sent_at.since(stamp.first_sent_at);
        let acknowledging = now.since(stamp.delivered_at);
        let interval = sending.max(acknowledging);
        if min_rtt.is_some_and(|min_rtt| interval < min_rtt) {
            return None;
        }
        Some(RateSample {
            delivered: u32::try_from(self.delivered.saturating_sub(stamp.delivered)).unwrap_or(u32::MAX),
            interval_ns: nanos(interval),
            is_app_limited: stamp.is_app_limited,
        })
    }
}

#[cfg(test)]
mod tests {
    use synfin_wire::SeqNumber;

    use super::*;
    use crate::send::Place;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn sent(rate: RateStamp, sent_at: Instant) -> Sent {
        Sent {
            seq: SeqNumber(0),
            len: 1000,
            segment_size: 1000,
            sent_at,
            rate,
            is_fin: false,
            was_retransmitted: false,
            place: Place::InFlight,
        }
    }

    /// Ten segments of 1000 octets leave in 9 ms, and their acknowledgements take 18 ms: the longer of the two is the
    /// time that the delivery took. The last sample is of all ten, from 0 ms, when nothing was
    /// delivered yet, to 58 ms.
    #[test]
    fn the_longer_interval_counts() {
        let mut rate = RateEstimator::default();
        let mut stamps = Vec::new();
        for i in 0..10 {
            stamps.push(rate.on_sent(at(i), i > 0));
        }
        let mut last = None;
        for (i, stamp) in (0..).zip(stamps) {
            let mut newest = None;
            rate.on_delivered(at(40 + 2 * i), &sent(stamp, at(i)), &mut newest);
            last = rate.sample(at(40 + 2 * i), newest, Some(40 * MS));
        }
        let last = last.unwrap();
        assert_eq!((last.delivered, last.interval_ns), (10_000, 58_000_000));
        assert!(!last.is_app_limited);
    }

    /// The time of sending begins with what was sent when the newest segment delivered so far was.
    #[test]
    fn sending_begins_at_the_last_delivery() {
        let mut rate = RateEstimator::default();
        let deliver = |rate: &mut RateEstimator, now, stamp, sent_at| {
            let mut newest = None;
            rate.on_delivered(at(now), &sent(stamp, at(sent_at)), &mut newest);
            rate.sample(at(now), newest, None).unwrap()
        };
        let a = rate.on_sent(at(0), false);
        let b = rate.on_sent(at(30), true);
        deliver(&mut rate, 40, a, 0);
        let c = rate.on_sent(at(40), true);
        deliver(&mut rate, 70, b, 30);
        let d = rate.on_sent(at(70), true);
        deliver(&mut rate, 80, c, 40);
        // d: sent at 70, 40 ms after b; acknowledged at 110, 40 ms after b.
        let sample = deliver(&mut rate, 110, d, 70);
        assert_eq!((sample.delivered, sample.interval_ns), (2000, 40_000_000));
    }

    /// Acknowledgements that were held up come together: data has not arrived faster than it was sent.
    #[test]
    fn held_up_acknowledgements_are_not_taken_for_a_rate() {
        let mut rate = RateEstimator::default();
        let a = rate.on_sent(at(0), false);
        let b = rate.on_sent(at(100), true);
        let mut newest = None;
        rate.on_delivered(at(150), &sent(a, at(0)), &mut newest);
        let c = rate.on_sent(at(150), true);
        for (now, stamp, sent_at) in [(155, b, 100), (190, c, 150)] {
            newest = None;
            rate.on_delivered(at(now), &sent(stamp, at(sent_at)), &mut newest);
        }
        let sample = rate.sample(at(190), newest, None).unwrap();
        assert_eq!((sample.delivered, sample.interval_ns), (2000, 150_000_000));
    }

    /// Less than the shortest round trip is of what was sent before.
    #[test]
    fn no_sample_faster_than_the_path() {
        let mut rate = RateEstimator::default();
        let stamp = rate.on_sent(at(0), false);
        let mut newest = None;
        rate.on_delivered(at(10), &sent(stamp, at(0)), &mut newest);
        assert_eq!(rate.sample(at(10), newest, Some(40 * MS)), None);
        assert!(rate.sample(at(10), newest, Some(10 * MS)).is_some());
    }

    /// What is sent while there was nothing else to send is marked, until all of it is delivered.
    #[test]
    fn a_pause_of_the_application_marks_what_follows() {
        let mut rate = RateEstimator::default();
        assert!(!rate.on_sent(at(0), false).is_app_limited);
        rate.on_app_limited(1000);
        let stamp = rate.on_sent(at(1), true);
        assert!(stamp.is_app_limited);
        let mut newest = None;
        rate.on_delivered(at(40), &sent(stamp, at(1)), &mut newest);
        assert!(rate.sample(at(40), newest, None).unwrap().is_app_limited);
        assert!(!rate.on_sent(at(41), false).is_app_limited);
    }
}
