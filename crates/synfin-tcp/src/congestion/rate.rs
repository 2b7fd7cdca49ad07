//! Delivery rate samples: how fast data really arrives, which is what model-based congestion control (BBR) asks for.
//!
//! For each segment the estimator remembers how much had been delivered when it was sent. Its acknowledgement then
//! says how much was delivered in between; the longer of the sending and the acknowledging interval is the time that
//! took (draft-ietf-ccwg-bbr section 4.1).

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

    /// The acknowledgement is through: its sample.
    pub(crate) fn sample(&self, now: Instant, newest: Newest) -> Option<RateSample> {
        let (stamp, sent_at) = newest?;
        let sending = sent_at.since(stamp.first_sent_at);
        let acknowledging = now.since(stamp.delivered_at);
        Some(RateSample {
            delivered: u32::try_from(self.delivered.saturating_sub(stamp.delivered)).unwrap_or(u32::MAX),
            interval_ns: nanos(sending.max(acknowledging)),
            is_app_limited: stamp.is_app_limited,
        })
    }
}
