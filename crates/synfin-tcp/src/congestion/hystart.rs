//! HyStart++ (RFC 9406): leaves slow start when the round trip grows, before the queue overflows.

use core::time::Duration;

use synfin_wire::SeqNumber;

/// MIN_RTT_THRESH of RFC 9406 section 4.3.
const MIN_RTT_THRESH_US: u32 = 4_000;
/// MAX_RTT_THRESH.
const MAX_RTT_THRESH_US: u32 = 16_000;
/// MIN_RTT_DIVISOR.
const MIN_RTT_DIVISOR: u32 = 8;
/// N_RTT_SAMPLE.
const N_RTT_SAMPLE: u8 = 8;
/// CSS_GROWTH_DIVISOR.
const CSS_GROWTH_DIVISOR: u32 = 4;
/// CSS_ROUNDS.
const CSS_ROUNDS: u8 = 5;
/// L for senders that do not pace; with pacing there is no limit.
const L: u32 = 8;

/// Where in slow start the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    SlowStart,
    /// Conservative slow start: is the growth of the round trip there to stay?
    Css {
        baseline_us: u32,
        rounds: u8,
    },
}

/// The variables of RFC 9406 section 4.2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HyStart {
    phase: Phase,
    /// In microseconds, so that they cost an idle connection little. The RFC's infinity is the largest number.
    last_round_min_us: u32,
    current_round_min_us: u32,
    samples: u8,
    window_end: Option<SeqNumber>,
}

/// What an acknowledgement in slow start comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// Octets by which the window grows.
    pub(crate) growth: u32,
    /// Whether slow start ends here.
    pub(crate) is_over: bool,
}

impl HyStart {
    /// Slow start begins.
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::SlowStart,
            last_round_min_us: u32::MAX,
            current_round_min_us: u32::MAX,
            samples: 0,
            window_end: None,
        }
    }

    /// An acknowledgement in slow start.
    pub(crate) fn on_ack(
        &mut self,
        una: SeqNumber,
        nxt: SeqNumber,
        acked: u32,
        mss: u32,
        rtt: Option<Duration>,
        is_paced: bool,
    ) -> Verdict {
        let mut is_over = false;
        if self.window_end.is_none_or(|end| una.is_at_or_after(end)) {
            if let (Some(_), Phase::Css { baseline_us, rounds }) = (self.window_end, self.phase) {
                let rounds = rounds + 1;
                self.phase = Phase::Css { baseline_us, rounds };
                is_over = rounds >= CSS_ROUNDS;
            }
            self.window_end = Some(nxt);
            self.last_round_min_us = std::mem::replace(&mut self.current_round_min_us, u32::MAX);
            self.samples = 0;
        }
        if let Some(rtt) = rtt {
            self.current_round_min_us =
                self.current_round_min_us.min(u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX));
            self.samples = self.samples.saturating_add(1);
        }
        let (current, last) = (self.current_round_min_us, self.last_round_min_us);
        if self.samples >= N_RTT_SAMPLE {
            match self.phase {
                Phase::SlowStart if last == u32::MAX => {}
                Phase::SlowStart => {
                    let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH_US, MAX_RTT_THRESH_US);
                    if current >= last.saturating_add(threshold) {
                        self.phase = Phase::Css { baseline_us: current, rounds: 0 };
                    }
                }
                Phase::Css { baseline_us, .. } if current < baseline_us => {
                    // The growth was spurious.
                    (self.phase, is_over) = (Phase::SlowStart, false);
                }
                Phase::Css { .. } => {}
            }
        }
        let full = if is_paced { acked } else { acked.min(L.saturating_mul(mss)) };
        let growth = match self.phase {
            Phase::SlowStart => full,
            Phase::Css { .. } => full / CSS_GROWTH_DIVISOR,
        };
        Verdict { growth, is_over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Rounds of ten acknowledgements of one segment each, all with the same round trip.
    fn round(hystart: &mut HyStart, number: u32, rtt: Duration) -> (u32, bool) {
        let (mut growth, mut is_over) = (0, false);
        for i in 0..10 {
            let una = SeqNumber(number * 10_000 + i * 1000);
            let nxt = SeqNumber((number + 1) * 10_000);
            let verdict = hystart.on_ack(una, nxt, 1000, 1000, Some(rtt), false);
            growth += verdict.growth;
            is_over |= verdict.is_over;
        }
        (growth, is_over)
    }

    /// RFC 9406 section 4.2: with a base of 40 ms the threshold is 40/8 = 5 ms. From the 8th sample of the round on
    /// growth is a quarter; after five rounds slow start is over.
    #[test]
    fn a_growing_round_trip_ends_slow_start_after_five_rounds() {
        let mut hystart = HyStart::new();
        assert_eq!(round(&mut hystart, 1, 40 * MS), (10_000, false));
        assert_eq!(round(&mut hystart, 2, 44 * MS), (10_000, false), "less than the threshold");
        assert_eq!(round(&mut hystart, 3, 50 * MS), (7 * 1000 + 3 * 250, false));
        for number in 4..8 {
            assert_eq!(round(&mut hystart, number, 50 * MS), (2500, false));
        }
        assert!(round(&mut hystart, 8, 50 * MS).1);
    }

    /// RFC 9406 section 4.2: RttThresh is an eighth of the round trip, but no less than 4 ms and no more than 16 ms.
    #[test]
    fn the_threshold_has_bounds() {
        for (base, stays, grows) in [(16, 19, 20), (80, 89, 90), (400, 415, 416)] {
            for (rtt, growth) in [(stays, 10_000), (grows, 7 * 1000 + 3 * 250)] {
                let mut hystart = HyStart::new();
                round(&mut hystart, 1, base * MS);
                assert_eq!(round(&mut hystart, 2, rtt * MS), (growth, false), "{base} ms, then {rtt} ms");
            }
        }
    }

    /// RFC 9406 section 4.2: the round trip falls below the baseline again.
    #[test]
    fn a_passing_growth_resumes_slow_start() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 1, 40 * MS);
        round(&mut hystart, 2, 50 * MS);
        assert_eq!(round(&mut hystart, 3, 41 * MS), (7 * 250 + 3 * 1000, false));
        assert_eq!(round(&mut hystart, 4, 41 * MS), (10_000, false));
    }
}
