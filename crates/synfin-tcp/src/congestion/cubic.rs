//! CUBIC (RFC 9438): growth by the time since the last congestion event, fast far from where that was, slow near it.
//!
//! Windows are counted in segments here, as in the RFC, and times in seconds.

use super::{AckEvent, CongestionControl, Window};
use crate::time::Instant;

/// C of RFC 9438 section 4.1, in segments per second cubed.
const C: f64 = 0.4;
/// Multiplicative decrease factor, section 4.6.
const BETA: f64 = 0.7;
/// Additive increase factor of the Reno-friendly region, section 4.3.
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);

/// CUBIC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cubic {
    /// W_max.
    w_max: f64,
    /// K, in seconds.
    k: f64,
    /// cwnd_prior.
    cwnd_prior: f64,
    /// W_est.
    w_est: f64,
    /// Fractions of a segment by which the window has grown.
    credit: f64,
    /// When the current congestion avoidance stage began; never, until the first acknowledgement in it.
    epoch: Instant,
    /// What to go back to when a congestion event proves spurious (section 4.9).
    before: Option<[f32; 3]>,
}

impl Default for Cubic {
    fn default() -> Self {
        Self {
            w_max: 0.0,
            k: 0.0,
            cwnd_prior: 0.0,
            w_est: 0.0,
            credit: 0.0,
            epoch: Instant::NEVER,
            before: None,
        }
    }
}

impl Cubic {
    /// W_cubic(t), section 4.2 equation 1.
    fn w_cubic(&self, t: f64) -> f64 {
        C * (t - self.k).powi(3) + self.w_max
    }

    fn begin_epoch(&mut self, now: Instant, cwnd: f64) {
        self.epoch = now;
        if self.w_max <= cwnd {
            // Section 4.8: slow start ended without a loss, or beyond the old maximum.
            (self.w_max, self.k) = (cwnd, 0.0);
        } else {
            // Section 4.2 equation 2.
            self.k = ((self.w_max - cwnd) / C).cbrt();
        }
        self.w_est = cwnd;
    }
}

impl CongestionControl for Cubic {
    fn on_ack_in_avoidance(&mut self, window: &mut Window, event: &AckEvent) {
        let mss = f64::from(window.mss.max(1));
        let cwnd = f64::from(window.cwnd) / mss;
        if self.epoch == Instant::NEVER {
            self.begin_epoch(event.now, cwnd);
        }
        let t = event.now.since(self.epoch).as_secs_f64();
        let acked = f64::from(event.acked) / mss;
        // Section 4.3: at least as fast as Reno would be.
        let alpha = if self.w_est < self.cwnd_prior { ALPHA } else { 1.0 };
        self.w_est += alpha * acked / cwnd;
        if self.w_cubic(t) < self.w_est {
            self.credit = self.credit.max(self.w_est - cwnd);
        } else {
            // Section 4.4: aim at where the curve is one round trip from now.
            let rtt = event.srtt.unwrap_or_default().as_secs_f64();
            let target = self.w_cubic(t + rtt).clamp(cwnd, 1.5 * cwnd);
            self.credit += (target - cwnd) / cwnd * acked;
        }
        let octets = (self.credit * mss).floor();
        self.credit -= octets / mss;
        // A float beyond the range of u32 saturates.
        window.cwnd = window.cwnd.saturating_add(octets as u32);
    }

    fn on_congestion(&mut self, window: &mut Window, flight_size: u32) {
        let mss = f64::from(window.mss.max(1));
        let cwnd = f64::from(window.cwnd) / mss;
        // A float of half the size is still exact to a small part of a segment.
        self.before = Some([self.w_max as f32, self.k as f32, self.cwnd_prior as f32]);
        // Section 4.7: fast convergence.
        self.w_max = if cwnd < self.w_max { cwnd * (1.0 + BETA) / 2.0 } else { cwnd };
        self.cwnd_prior = cwnd;
        self.epoch = Instant::NEVER;
        self.credit = 0.0;
        // Section 4.6; the flight, and not the window, where the application did not fill it.
        let flight = f64::from(flight_size.min(window.cwnd)) * BETA;
        window.ssthresh = (flight as u32).max(window.mss.saturating_mul(2));
    }

    fn on_undo(&mut self) {
        if let Some([w_max, k, cwnd_prior]) = self.before.take() {
            (self.w_max, self.k, self.cwnd_prior) = (w_max.into(), k.into(), cwnd_prior.into());
            self.epoch = Instant::NEVER;
        }
    }

    /// Section 4.2: time in which the application did not send is no time to grow in.
    fn on_idle(&mut self) {
        self.epoch = Instant::NEVER;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// RFC 9438 section 4.2 by hand: W_max 100 segments, reduced to 70: K = cbrt(30/0.4) = cbrt(75) = 4.2172 s. At
    /// t = 0 the curve is at 70, at K at 100, and at 2 K at 130.
    #[test]
    fn the_curve_by_hand() {
        let mut cubic = Cubic::default();
        let mut window = Window { cwnd: 100_000, ssthresh: u32::MAX, mss: 1000 };
        cubic.on_congestion(&mut window, 100_000);
        assert_eq!(window.ssthresh, 70_000);
        cubic.begin_epoch(Instant::ZERO, 70.0);
        assert!((cubic.k - 4.217_163).abs() < 1e-5, "{}", cubic.k);
        assert!((cubic.w_cubic(0.0) - 70.0).abs() < 1e-9);
        assert!((cubic.w_cubic(cubic.k) - 100.0).abs() < 1e-9);
        assert!((cubic.w_cubic(2.0 * cubic.k) - 130.0).abs() < 1e-9);
        // 0.4·(1 - 4.217163)³ + 100 = 0.4·(-33.2977) + 100 = 86.681
        assert!((cubic.w_cubic(1.0) - 86.681).abs() < 1e-3, "{}", cubic.w_cubic(1.0));
    }

    /// RFC 9438 section 4.7: a second event below the old maximum gives up W_max for 0.85 of the window.
    #[test]
    fn fast_convergence() {
        let mut cubic = Cubic::default();
        let mut window = Window { cwnd: 100_000, ssthresh: u32::MAX, mss: 1000 };
        cubic.on_congestion(&mut window, 100_000);
        window.cwnd = 80_000;
        cubic.on_congestion(&mut window, 80_000);
        assert!((cubic.w_max - 68.0).abs() < 1e-9);
    }

    /// A second of acknowledgements follows the curve: at t = K the window is back at W_max.
    #[test]
    fn the_window_follows_the_curve() {
        let mut cubic = Cubic::default();
        let mut window = Window { cwnd: 100_000, ssthresh: u32::MAX, mss: 1000 };
        cubic.on_congestion(&mut window, 100_000);
        window.cwnd = window.ssthresh;
        let rtt = Duration::from_millis(400);
        let mut now = Instant::ZERO;
        while now < Instant::from_nanos(4_200_000_000) {
            for _ in 0..window.cwnd / 1000 {
                let event = AckEvent { now, acked: 1000, srtt: Some(rtt), ..AckEvent::default() };
                cubic.on_ack_in_avoidance(&mut window, &event);
            }
            now = now + rtt;
        }
        let segments = f64::from(window.cwnd) / 1000.0;
        assert!((97.0..=102.0).contains(&segments), "{segments}");
    }
}
