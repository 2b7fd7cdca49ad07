//! Congestion control (RFC 5681), with the algorithm for congestion avoidance to choose.
//!
//! The window and slow start are common to all; [`CongestionControl`] is what differs: how the window grows in
//! congestion avoidance, and how far it is reduced.

mod cubic;
mod hystart;
mod newreno;
mod pacing;
mod rate;

use core::time::Duration;

use synfin_wire::SeqNumber;

use self::cubic::Cubic;
use self::hystart::HyStart;
use self::newreno::NewReno;
pub(crate) use self::pacing::Pacer;
pub(crate) use self::rate::{Newest, RateEstimator, RateSample};
use crate::config::{Algorithm, ConnectionConfig};
use crate::time::Instant;

/// Congestion window and threshold, in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    pub(crate) cwnd: u32,
    pub(crate) ssthresh: u32,
    pub(crate) mss: u32,
}

/// An acknowledgement, as congestion control sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckEvent {
    pub(crate) now: Instant,
    /// Octets acknowledged for the first time.
    pub(crate) acked: u32,
    pub(crate) una: SeqNumber,
    pub(crate) nxt: SeqNumber,
    pub(crate) rtt: Option<Duration>,
    pub(crate) srtt: Option<Duration>,
    /// Whether the window was what held the sender back.
    pub(crate) is_cwnd_limited: bool,
    /// Whether what is acknowledged was in flight when the retransmission timer ran out.
    pub(crate) is_after_timeout: bool,
}

/// What differs between algorithms.
pub(crate) trait CongestionControl {
    /// An acknowledgement in congestion avoidance, while the window was in use.
    fn on_ack_in_avoidance(&mut self, window: &mut Window, event: &AckEvent);

    /// Congestion: sets `ssthresh`.
    fn on_congestion(&mut self, window: &mut Window, flight_size: u32);

    /// The retransmission timer ran out.
    fn on_timeout(&mut self) {}

    /// The last congestion event was none.
    fn on_undo(&mut self) {}

    /// Up to now the window was not in use.
    fn on_unused(&mut self, _now: Instant) {}

    /// The connection was idle, and its window is smaller now.
    fn on_idle(&mut self) {}
}

#[derive(Clone, Copy, Debug)]
enum Chosen {
    NewReno(NewReno),
    Cubic(Cubic),
}

impl Chosen {
    fn control(&mut self) -> &mut dyn CongestionControl {
        match self {
            Self::NewReno(newreno) => newreno,
            Self::Cubic(cubic) => cubic,
        }
    }
}

/// Congestion control of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controller {
    window: Window,
    chosen: Chosen,
    hystart: Option<HyStart>,
    is_paced: bool,
    /// Window and threshold before the last congestion event.
    before: Option<(u32, u32)>,
    /// The rate estimator.
    pub(crate) rate: RateEstimator,
    /// The last sample of it.
    pub(crate) last_rate: Option<RateSample>,
    /// The pacer.
    pub(crate) pacer: Pacer,
}

impl Controller {
    /// At the start of a connection. The window follows when the MSS is known.
    pub(crate) fn new(config: &ConnectionConfig) -> Self {
        Self {
            window: Window { cwnd: 0, ssthresh: u32::MAX, mss: 0 },
            chosen: match config.congestion {
                Algorithm::NewReno => Chosen::NewReno(NewReno::default()),
                Algorithm::Cubic => Chosen::Cubic(Cubic::default()),
            },
            hystart: config.hystart.then(HyStart::new),
            is_paced: config.pacing,
            before: None,
            rate: RateEstimator::default(),
            last_rate: None,
            pacer: Pacer::default(),
        }
    }

    /// The handshake is over. RFC 6928 section 2; after SYNs were lost the window is one segment (RFC 5681 section 3.1).
    pub(crate) fn on_established(&mut self, mss: u32, initial_segments: u32, is_congested: bool) {
        self.window.mss = mss;
        self.window.cwnd = initial_window(mss, if is_congested { 1 } else { initial_segments });
    }

    /// The segment size changed. The window stays what it is in octets, but never below one segment.
    pub(crate) fn on_mss_change(&mut self, mss: u32) {
        self.window.mss = mss;
        self.window.cwnd = self.window.cwnd.max(mss);
    }

    /// `cwnd` in octets.
    pub(crate) fn cwnd(&self) -> u32 {
        self.window.cwnd
    }

    /// `ssthresh` in octets.
    pub(crate) fn ssthresh(&self) -> u32 {
        self.window.ssthresh
    }

    /// Whether the connection is in slow start.
    pub(crate) fn is_in_slow_start(&self) -> bool {
        self.window.cwnd < self.window.ssthresh
    }

    /// New data was acknowledged outside of recovery.
    // RFC 9293 MUST-19: slow start and congestion avoidance.
    pub(crate) fn on_ack(&mut self, event: &AckEvent) {
        if event.acked == 0 {
            return;
        }
        if !event.is_cwnd_limited {
            self.chosen.control().on_unused(event.now);
            return;
        }
        if !self.is_in_slow_start() {
            self.chosen.control().on_ack_in_avoidance(&mut self.window, event);
            return;
        }
        let Window { mss, .. } = self.window;
        // RFC 9406 section 4.3: HyStart++ is for the first slow start, while nothing is known of the path.
        let is_first = self.window.ssthresh == u32::MAX;
        let growth = match &mut self.hystart {
            Some(hystart) if is_first => {
                let verdict =
                    hystart.on_ack(event.una, event.nxt, event.acked, mss, event.rtt, self.is_paced);
                if verdict.is_over {
                    self.window.ssthresh = self.window.cwnd;
                }
                verdict.growth
            }
            // RFC 3465 section 2.3: L = 1 after a timeout. One acknowledgement may cover all that lay behind a hole,
            // and says nothing of what the path takes now.
            _ if event.is_after_timeout => event.acked.min(mss),
            // RFC 3465 section 2.3: L = 2 bounds the burst; pacing does too.
            _ if self.is_paced => event.acked,
            _ => event.acked.min(mss.saturating_mul(2)),
        };
        let room = self.window.ssthresh.max(self.window.cwnd) - self.window.cwnd;
        self.window.cwnd = self.window.cwnd.saturating_add(growth.min(room.max(mss)));
    }

    /// A loss, or a congestion mark: once in a window of data.
    pub(crate) fn on_congestion(&mut self, flight_size: u32) {
        self.before = Some((self.window.cwnd, self.window.ssthresh));
        self.chosen.control().on_congestion(&mut self.window, flight_size);
    }

    /// RFC 5681 section 3.1: after a timeout the window is one segment.
    pub(crate) fn on_timeout(&mut self) {
        self.window.cwnd = self.window.mss;
        self.chosen.control().on_timeout();
    }

    /// Recovery decides how large the window is.
    pub(crate) fn set_cwnd(&mut self, cwnd: u32) {
        self.window.cwnd = cwnd;
    }

    /// The last congestion event was none (RFC 4015 section 3, RFC 9438 section 4.9).
    pub(crate) fn on_undo(&mut self) {
        if let Some((cwnd, ssthresh)) = self.before.take() {
            self.window.cwnd = self.window.cwnd.max(cwnd);
            self.window.ssthresh = ssthresh;
            self.chosen.control().on_undo();
        }
    }

    /// Nothing was in flight up to now.
    pub(crate) fn on_quiet(&mut self, now: Instant) {
        self.chosen.control().on_unused(now);
    }

    /// RFC 5681 section 4.1: after an idle time of more than the timeout, no more than the restart window.
    pub(crate) fn on_idle(&mut self, initial_segments: u32) {
        self.window.cwnd = self.window.cwnd.min(initial_window(self.window.mss, initial_segments));
        self.chosen.control().on_idle();
    }
}

/// RFC 6928 section 2: min(10 * MSS, max(2 * MSS, 14600)), where another number of segments stands for as many times
/// 1460 octets: large segments are no reason for a large burst.
fn initial_window(mss: u32, segments: u32) -> u32 {
    let segments = segments.max(1);
    let octets = mss.saturating_mul(2).max(segments.saturating_mul(1460));
    mss.saturating_mul(segments).min(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(congestion: Algorithm) -> Controller {
        let config = ConnectionConfig { congestion, hystart: false, ..ConnectionConfig::default() };
        let mut controller = Controller::new(&config);
        controller.on_established(1000, 10, false);
        controller
    }

    fn ack(acked: u32) -> AckEvent {
        AckEvent { acked, is_cwnd_limited: true, ..AckEvent::default() }
    }

    /// RFC 6928 section 2; RFC 5681 section 3.1; RFC 9293 MUST-19.
    #[test]
    fn slow_start_doubles_and_avoidance_adds_one() {
        let mut newreno = controller(Algorithm::NewReno);
        assert_eq!(newreno.cwnd(), 10_000);
        for _ in 0..10 {
            newreno.on_ack(&ack(1000));
        }
        assert_eq!(newreno.cwnd(), 20_000);
        newreno.on_congestion(20_000);
        assert_eq!(newreno.ssthresh(), 10_000);
        newreno.set_cwnd(10_000);
        for _ in 0..10 {
            newreno.on_ack(&ack(1000));
        }
        assert_eq!(newreno.cwnd(), 11_000);
    }

    /// RFC 5681 equation (4): never below two segments. RFC 9293 MUST-19.
    #[test]
    fn the_threshold_has_a_floor_and_a_timeout_leaves_one_segment() {
        for congestion in [Algorithm::NewReno, Algorithm::Cubic] {
            let mut controller = controller(congestion);
            controller.on_congestion(1000);
            controller.on_timeout();
            assert_eq!((controller.cwnd(), controller.ssthresh()), (1000, 2000));
            controller.on_undo();
            assert_eq!((controller.cwnd(), controller.ssthresh()), (10_000, u32::MAX));
        }
    }

    /// CUBIC in congestion avoidance at 70 segments of 1000 octets after a loss at 100, where a window is acknowledged
    /// every 200 ms.
    fn cubic_at_70() -> Controller {
        let mut cubic = controller(Algorithm::Cubic);
        cubic.set_cwnd(100_000);
        cubic.on_congestion(100_000);
        cubic.set_cwnd(70_000);
        cubic
    }

    fn windows(controller: &mut Controller, from_ms: u64, count: u64) {
        for i in 0..count {
            let now = Instant::from_nanos((from_ms + 200 * i) * 1_000_000);
            for _ in 0..controller.cwnd() / 1000 {
                controller.on_ack(&AckEvent { now, ..ack(1000) });
            }
        }
    }

    /// RFC 9438 section 4.2: neither acknowledgements of less than a window nor silence move it up the curve: at 60 s it
    /// would be far beyond the old maximum, and grow by half at once.
    #[test]
    fn cubic_waits_for_the_application() {
        let minute = Instant::from_nanos(60_000_000_000);
        for is_silent in [false, true] {
            let mut cubic = cubic_at_70();
            windows(&mut cubic, 0, 1);
            if is_silent {
                cubic.on_quiet(minute);
            } else {
                cubic.on_ack(&AckEvent { now: minute, is_cwnd_limited: false, ..ack(1000) });
            }
            windows(&mut cubic, 60_000, 1);
            assert!(cubic.cwnd() < 75_000, "{}", cubic.cwnd());
        }
    }

    /// After an idle time slow start leads back to the threshold, and the curve begins anew there: at 70 segments, not at
    /// the 95 where it had been.
    #[test]
    fn cubic_begins_anew_after_an_idle_time() {
        let mut cubic = cubic_at_70();
        windows(&mut cubic, 0, 11);
        assert!((90_000..100_000).contains(&cubic.cwnd()), "{}", cubic.cwnd());
        cubic.on_idle(10);
        assert_eq!(cubic.cwnd(), 10_000);
        cubic.set_cwnd(70_000);
        windows(&mut cubic, 2200, 1);
        assert!(cubic.cwnd() < 75_000, "{}", cubic.cwnd());
    }

    /// RFC 9438 section 4.8: two seconds after slow start has ended the window has grown by 0.4 * 2^3 = 3.2 segments, or
    /// by ten times 0.53 as Reno's would; the old curve would be at 96.
    #[test]
    fn cubic_forgets_the_old_maximum_after_a_timeout() {
        let mut cubic = cubic_at_70();
        cubic.on_timeout();
        cubic.set_cwnd(70_000);
        windows(&mut cubic, 0, 11);
        assert!((75_000..77_000).contains(&cubic.cwnd()), "{}", cubic.cwnd());
    }

    /// RFC 6928 section 2, RFC 5681 section 4.1: both windows are bounded in octets.
    #[test]
    fn large_segments_are_no_reason_for_a_large_burst() {
        for (mss, window) in [(536, 5360), (1460, 14_600), (2000, 14_600), (8960, 17_920)] {
            let mut controller = controller(Algorithm::NewReno);
            controller.on_established(mss, 10, false);
            assert_eq!(controller.cwnd(), window);
            controller.set_cwnd(1_000_000);
            controller.on_idle(10);
            assert_eq!(controller.cwnd(), window);
        }
    }

    /// RFC 3465 section 2.3: what one acknowledgement is worth in slow start: two segments; all that it covers, where
    /// pacing spreads what follows; one after a timeout. It ends at the threshold.
    #[test]
    fn a_large_acknowledgement_in_slow_start() {
        for (pacing, growth) in [(false, 2000), (true, 8000)] {
            let config = ConnectionConfig { pacing, hystart: false, ..ConnectionConfig::default() };
            let mut controller = Controller::new(&config);
            controller.on_established(1000, 10, false);
            controller.on_ack(&ack(8000));
            assert_eq!(controller.cwnd(), 10_000 + growth);
            controller.on_congestion(40_000);
            controller.on_timeout();
            controller.on_ack(&AckEvent { is_after_timeout: true, ..ack(8000) });
            assert_eq!(controller.cwnd(), 2000);
            let threshold = controller.ssthresh();
            controller.set_cwnd(threshold - 1500);
            controller.on_ack(&ack(8000));
            assert_eq!(controller.cwnd(), threshold);
        }
    }

    /// A window that nobody uses says nothing about the path.
    #[test]
    fn an_unused_window_does_not_grow() {
        let mut controller = controller(Algorithm::NewReno);
        controller.on_ack(&AckEvent { acked: 1000, ..AckEvent::default() });
        assert_eq!(controller.cwnd(), 10_000);
    }

    /// RFC 5681 section 3.1: a lost SYN.
    #[test]
    fn a_lost_syn_leaves_one_segment() {
        let mut controller = controller(Algorithm::NewReno);
        controller.on_established(1000, 10, true);
        assert_eq!(controller.cwnd(), 1000);
    }
}
