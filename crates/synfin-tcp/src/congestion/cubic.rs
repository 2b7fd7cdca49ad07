//! CUBIC (RFC 9438): growth by the time since the last congestion event, fast far from where that was, slow near it.
//!
//! Windows are counted in segments here, as in the RFC, and times in seconds.

use core::time::Duration;

use super::{AckEvent, CongestionControl, Window};
use crate::time::{Instant, nanos};

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
    cwnd_prior: f32,
    /// W_est.
    w_est: f64,
    /// Fractions of a segment by which the window has grown.
    credit: f32,
    /// When the current congestion avoidance stage began, later by all the time that the window was not in use; never,
    /// until the first acknowledgement in it.
    epoch: Instant,
    /// Up to when the stage has lasted so far.
    lasted_until: Instant,
    /// What to go back to when a congestion event proves spurious (section 4.9).
    before: Option<Before>,
}

/// The state before a congestion event. A float of half the size is still exact to a small part of a segment.
#[derive(Clone, Copy, Debug)]
struct Before {
    w_max: f32,
    k: f32,
    cwnd_prior: f32,
    w_est: f32,
    /// How long the stage had lasted, in seconds, if it had begun.
    t: Option<f32>,
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
            lasted_until: Instant::ZERO,
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
            // Section 4.10: slow start ended without a loss, or beyond the old maximum; section 4.8: after a timeout.
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
        self.lasted_until = event.now;
        let t = event.now.since(self.epoch).as_secs_f64();
        let acked = f64::from(event.acked) / mss;
        // Section 4.3: at least as fast as Reno would be.
        let alpha = if self.w_est < f64::from(self.cwnd_prior) { ALPHA } else { 1.0 };
        self.w_est += alpha * acked / cwnd;
        if self.w_cubic(t) < self.w_est {
            self.credit = self.credit.max((self.w_est - cwnd) as f32);
        } else {
            // Section 4.4: aim at where the curve is one round trip from now.
            let rtt = event.srtt.unwrap_or_default().as_secs_f64();
            let target = self.w_cubic(t + rtt).clamp(cwnd, 1.5 * cwnd);
            self.credit += ((target - cwnd) / cwnd * acked) as f32;
        }
        let octets = (f64::from(self.credit) * mss).floor();
        self.credit = (f64::from(self.credit) - octets / mss) as f32;
        // A float beyond the range of u32 saturates.
        window.cwnd = window.cwnd.saturating_add(octets as u32);
    }

    fn on_congestion(&mut self, window: &mut Window, flight_size: u32) {
        let mss = f64::from(window.mss.max(1));
        let cwnd = f64::from(window.cwnd) / mss;
        self.before = Some(Before {
            w_max: self.w_max as f32,
            k: self.k as f32,
            cwnd_prior: self.cwnd_prior,
            w_est: self.w_est as f32,
            t: self.epoch.known().map(|epoch| self.lasted_until.since(epoch).as_secs_f32()),
        });
        // Section 4.7: fast convergence.
        self.w_max = if cwnd < self.w_max { cwnd * (1.0 + BETA) / 2.0 } else { cwnd };
        self.cwnd_prior = cwnd as f32;
        self.epoch = Instant::NEVER;
        self.credit = 0.0;
        // Section 4.6; the flight, and not the window, where the application did not fill it.
        let flight = f64::from(flight_size.min(window.cwnd)) * BETA;
        window.ssthresh = (flight as u32).max(window.mss.saturating_mul(2));
    }

    /// Section 4.8: in the stage after a timeout K is zero, and W_max the window that it begins with.
    fn on_timeout(&mut self) {
        (self.w_max, self.epoch) = (0.0, Instant::NEVER);
    }

    /// Section 4.9.
    fn on_undo(&mut self) {
        if let Some(Before { w_max, k, cwnd_prior, w_est, t }) = self.before.take() {
            (self.w_max, self.k, self.cwnd_prior) = (w_max.into(), k.into(), cwnd_prior);
            self.w_est = w_est.into();
            self.epoch = t.map_or(Instant::NEVER, |t| {
                let lasted = nanos(Duration::try_from_secs_f32(t).unwrap_or_default());
                Instant::from_nanos(self.lasted_until.as_nanos().saturating_sub(lasted))
            });
        }
    }

    /// Section 4.2: time in which the window was not in use is no part of `t`. Without this, a connection that had
    /// little to say for a minute would find its window far up the curve.
    fn on_unused(&mut self, now: Instant) {
        if self.epoch != Instant::NEVER {
            self.epoch = self.epoch + now.since(self.lasted_until);
            self.lasted_until = now;
        }
    }

    /// The window was given up for a smaller one: a new stage begins where slow start ends.
    fn on_idle(&mut self) {
        self.epoch = Instant::NEVER;
    }
}

#[cfg(test)]
mod tests {
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

    /// In congestion avoidance at 70 of 100 segments, a second after it began.
    fn one_second_in() -> (Cubic, Window, Instant) {
        let mut cubic = Cubic::default();
        let mut window = Window { cwnd: 100_000, ssthresh: u32::MAX, mss: 1000 };
        cubic.on_congestion(&mut window, 100_000);
        window.cwnd = window.ssthresh;
        let mut now = Instant::ZERO;
        for _ in 0..=10 {
            cubic.on_ack_in_avoidance(&mut window, &AckEvent { now, acked: 1000, ..AckEvent::default() });
            now = now + Duration::from_millis(100);
        }
        (cubic, window, now)
    }

    /// RFC 9438 section 4.2: however far the curve has run away, the window grows by half in a round trip, no more.
    #[test]
    fn half_as_much_again_in_a_round_trip() {
        let (mut cubic, mut window, now) = one_second_in();
        let (before, now) = (window.cwnd, now + Duration::from_secs(30));
        for _ in 0..before / 1000 {
            cubic.on_ack_in_avoidance(&mut window, &AckEvent { now, acked: 1000, ..AckEvent::default() });
        }
        assert!((before * 14 / 10..=before * 15 / 10).contains(&window.cwnd), "{before} {}", window.cwnd);
    }

    /// RFC 9438 section 4.8: after a timeout the curve begins flat where slow start ends, and not on its way up to the old
    /// maximum: with K = 0, W_cubic(1) is 0.4 segments higher.
    #[test]
    fn after_a_timeout_the_curve_begins_where_slow_start_ends() {
        let (mut cubic, mut window, now) = one_second_in();
        cubic.on_congestion(&mut window, 70_000);
        cubic.on_timeout();
        window.cwnd = window.ssthresh;
        let begin = f64::from(window.cwnd) / 1000.0;
        cubic.on_ack_in_avoidance(&mut window, &AckEvent { now, acked: 1000, ..AckEvent::default() });
        assert!(cubic.k.abs() < 1e-9, "{}", cubic.k);
        assert!((cubic.w_cubic(1.0) - begin - 0.4).abs() < 1e-9, "{}", cubic.w_cubic(1.0));
    }

    /// RFC 9438 section 4.2: `t` does not go on while the window is not in use, be it that acknowledgements come or that
    /// nothing is in flight.
    #[test]
    fn time_without_use_does_not_count() {
        let (mut cubic, mut window, now) = one_second_in();
        let before = cubic.epoch;
        for second in 1..=60 {
            cubic.on_unused(now + Duration::from_secs(second));
        }
        // The last tenth of the second before counts as unused too.
        let later = now + Duration::from_secs(60);
        assert_eq!(cubic.epoch.since(before), Duration::from_millis(60_100));
        cubic.on_ack_in_avoidance(&mut window, &AckEvent { now: later, acked: 1000, ..AckEvent::default() });
        assert!(window.cwnd < 75_000, "no leap up the curve: {}", window.cwnd);
    }

    /// RFC 9438 section 4.9: a spurious event leaves the curve and its time as they were.
    #[test]
    fn a_spurious_event_leaves_the_curve_as_it_was() {
        let (mut cubic, mut window, _) = one_second_in();
        let before = (cubic.w_max, cubic.k, f64::from(cubic.cwnd_prior), cubic.w_est);
        let epoch = cubic.epoch;
        cubic.on_congestion(&mut window, 70_000);
        cubic.on_timeout();
        cubic.on_undo();
        let after = (cubic.w_max, cubic.k, f64::from(cubic.cwnd_prior), cubic.w_est);
        for (before, after) in
            [(before.0, after.0), (before.1, after.1), (before.2, after.2), (before.3, after.3)]
        {
            assert!((before - after).abs() < 1e-3, "{before} {after}");
        }
        assert!(cubic.epoch.since(epoch) < Duration::from_micros(10));
    }

    /// RFC 9438 section 4.3: in the Reno-friendly region growth is 0.53 of a segment a round trip, and from cwnd_prior on a
    /// whole one: 7 + 6 * 9/17 = 10.18 after six, 12.18 after eight.
    #[test]
    fn the_reno_friendly_region_becomes_as_fast_as_reno() {
        let mut cubic = Cubic::default();
        let mut window = Window { cwnd: 10_000, ssthresh: u32::MAX, mss: 1000 };
        cubic.on_congestion(&mut window, 10_000);
        window.cwnd = window.ssthresh;
        let mut round_trip = |window: &mut Window| {
            let before = cubic.w_est;
            // Without time, the cubic curve stands still.
            let event = AckEvent { acked: window.cwnd, ..AckEvent::default() };
            cubic.on_ack_in_avoidance(window, &event);
            cubic.w_est - before.max(7.0)
        };
        assert!((round_trip(&mut window) - 9.0 / 17.0).abs() < 1e-9);
        for _ in 0..6 {
            round_trip(&mut window);
        }
        assert!((round_trip(&mut window) - 1.0).abs() < 1e-9);
        assert_eq!(window.cwnd / 1000, 12);
    }
}
