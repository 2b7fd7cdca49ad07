//! RACK: loss detection by time (RFC 8985 sections 5 and 6).
//!
//! A segment is lost if one that was sent later has arrived, and enough time for mere reordering has passed.

use core::time::Duration;

use synfin_wire::SeqNumber;

use super::scoreboard::{Place, Scoreboard, Sent};
use crate::time::Instant;

/// Round trips of recovery after which a widened reordering window narrows again (RFC 8985 section 6.2).
const PERSIST: u8 = 16;

/// The variables of RFC 8985 section 5.2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    /// When the segment that was sent last, of those delivered, was sent.
    xmit_ts: Instant,
    /// Its end.
    end_seq: SeqNumber,
    /// Its round-trip time.
    rtt_ns: u64,
    /// The highest sequence number delivered.
    fack: SeqNumber,
    reo_wnd_mult: u8,
    reo_wnd_persist: u8,
    reordering_seen: bool,
    dsack_round: Option<SeqNumber>,
    has_sample: bool,
}

/// What loss detection needs to know of the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    pub(crate) now: Instant,
    pub(crate) min_rtt: Duration,
    pub(crate) srtt: Duration,
    pub(crate) is_in_recovery: bool,
    /// Segments reported: three are as good as three duplicate acknowledgements.
    pub(crate) is_dup_thresh_reached: bool,
    /// When the window was reduced last.
    pub(crate) reduced_at: Instant,
}

/// What a look at the scoreboard has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Detected {
    /// Whether anything was marked lost.
    pub(crate) is_any_lost: bool,
    /// Whether a retransmission was, which was sent after the window was reduced.
    pub(crate) is_retransmission_lost: bool,
    /// After how long to look again.
    pub(crate) look_again: Option<Duration>,
}

impl Rack {
    /// Before anything was sent.
    pub(crate) fn new(iss: SeqNumber) -> Self {
        Self {
            xmit_ts: Instant::ZERO,
            end_seq: iss,
            rtt_ns: 0,
            fack: iss,
            reo_wnd_mult: 1,
            reo_wnd_persist: 0,
            reordering_seen: false,
            dsack_round: None,
            has_sample: false,
        }
    }

    /// Steps 2 and 3: a segment was delivered. `is_echo_older` says that the acknowledgement's timestamp echo is
    /// older than the last transmission: then it acknowledges an earlier one.
    pub(crate) fn on_delivered(&mut self, sent: &Sent, now: Instant, min_rtt: Duration, is_echo_older: bool) {
        let is_spurious = sent.was_retransmitted && (is_echo_older || now.since(sent.sent_at) < min_rtt);
        if !is_spurious {
            self.rtt_ns = now.nanos_since(sent.sent_at);
            if !self.has_sample || is_sent_after(sent.sent_at, sent.end(), self.xmit_ts, self.end_seq) {
                (self.xmit_ts, self.end_seq, self.has_sample) = (sent.sent_at, sent.end(), true);
            }
        }
        if sent.end().is_after(self.fack) {
            self.fack = sent.end();
        } else if sent.end().is_before(self.fack) && !sent.was_retransmitted {
            self.reordering_seen = true;
        }
    }

    /// Step 4: the reordering window, widened by every round trip with a DSACK.
    pub(crate) fn on_dsack(&mut self, una: SeqNumber, nxt: SeqNumber) {
        if self.dsack_round.is_some_and(|round| una.is_at_or_after(round)) {
            self.dsack_round = None;
        }
        if self.dsack_round.is_none() {
            self.dsack_round = Some(nxt);
            self.reo_wnd_mult = self.reo_wnd_mult.saturating_add(1);
            self.reo_wnd_persist = PERSIST;
        }
    }

    /// Recovery has ended.
    pub(crate) fn on_recovery_end(&mut self) {
        self.reo_wnd_persist = self.reo_wnd_persist.saturating_sub(1);
        if self.reo_wnd_persist == 0 {
            self.reo_wnd_mult = 1;
        }
    }

    /// The reordering window.
    fn reo_wnd(&self, context: &Context) -> Duration {
        if !self.reordering_seen && (context.is_in_recovery || context.is_dup_thresh_reached) {
            return Duration::ZERO;
        }
        (context.min_rtt / 4 * u32::from(self.reo_wnd_mult)).min(context.srtt)
    }

    /// Step 5: marks what is lost.
    pub(crate) fn detect_loss(&self, board: &mut Scoreboard, context: &Context) -> Detected {
        let mut detected = Detected::default();
        if !self.has_sample {
            return detected;
        }
        let patience = Duration::from_nanos(self.rtt_ns) + self.reo_wnd(context);
        for index in 0..board.len() {
            let Some(&sent) = board.at(index) else { break };
            let is_before = is_sent_after(self.xmit_ts, self.end_seq, sent.sent_at, sent.end());
            if !is_before && !sent.was_retransmitted {
                // What lies behind an original that is newer is newer too, sent again or not.
                break;
            }
            if !is_before || matches!(sent.place, Place::Sacked | Place::Lost) {
                continue;
            }
            let waited = context.now.since(sent.sent_at);
            if waited >= patience {
                board.change(index, Place::Lost);
                detected.is_any_lost = true;
                detected.is_retransmission_lost |=
                    sent.place == Place::Resent && sent.sent_at >= context.reduced_at;
            } else {
                let again = detected.look_again.unwrap_or_default();
                detected.look_again = Some(again.max(patience - waited));
            }
        }
        detected
    }

    /// RFC 8985 section 6.3: the retransmission timer ran out. The first segment, which has a record of its own, is lost,
    /// and what was sent as long ago as that.
    pub(crate) fn mark_on_timeout(&self, board: &mut Scoreboard, context: &Context) {
        let patience = Duration::from_nanos(self.rtt_ns) + self.reo_wnd(context);
        for index in 0..board.len() {
            let Some(sent) = board.at(index) else { break };
            if matches!(sent.place, Place::Sacked | Place::Lost) {
                continue;
            }
            if index == 0 || context.now.since(sent.sent_at) >= patience {
                board.change(index, Place::Lost);
            }
        }
    }
}

/// RACK_sent_after of RFC 8985: later in time, or at the same time and further in sequence.
fn is_sent_after(t1: Instant, seq1: SeqNumber, t2: Instant, seq2: SeqNumber) -> bool {
    t1 > t2 || (t1 == t2 && seq1.is_after(seq2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send::scoreboard::RateStamp;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn flight(times: &[u64]) -> Scoreboard {
        let mut board = Scoreboard::default();
        for (i, &ms) in times.iter().enumerate() {
            board.push(Sent {
                seq: SeqNumber(i as u32 * 100),
                len: 100,
                segment_size: 100,
                sent_at: at(ms),
                rate: RateStamp::default(),
                is_fin: false,
                was_retransmitted: false,
                place: Place::InFlight,
            });
        }
        board
    }

    fn context(now: u64) -> Context {
        Context {
            now: at(now),
            min_rtt: 40 * MS,
            srtt: 40 * MS,
            is_in_recovery: false,
            is_dup_thresh_reached: false,
            reduced_at: Instant::ZERO,
        }
    }

    fn found(detected: Detected) -> (bool, Option<Duration>) {
        (detected.is_any_lost, detected.look_again)
    }

    fn lost(board: &Scoreboard) -> Vec<u32> {
        board.iter().filter(|r| r.place == Place::Lost).map(|r| r.seq.0 / 100).collect()
    }

    /// RFC 8985 section 3.1: what was sent before a delivered segment is lost after a quarter of the round trip.
    #[test]
    fn lost_after_a_quarter_of_the_round_trip() {
        let mut board = flight(&[0, 1, 2, 3]);
        let mut rack = Rack::new(SeqNumber(0));
        let second = *board.at(1).unwrap();
        rack.on_delivered(&second, at(41), 40 * MS, false);
        board.change(1, Place::Sacked);
        // RACK.rtt is 40 ms, the window 10 ms; the first was sent 41 ms ago: 9 ms to go.
        assert_eq!(found(rack.detect_loss(&mut board, &context(41))), (false, Some(9 * MS)));
        assert_eq!(found(rack.detect_loss(&mut board, &context(50))), (true, None));
        assert_eq!(lost(&board), [0]);
    }

    /// RFC 8985 section 6.2 step 4: without reordering, three reports are enough.
    #[test]
    fn three_reports_are_enough() {
        let mut board = flight(&[0, 1, 2, 3]);
        let mut rack = Rack::new(SeqNumber(0));
        for i in 1..4 {
            let sent = *board.at(i).unwrap();
            rack.on_delivered(&sent, at(40 + i as u64), 40 * MS, false);
            board.change(i, Place::Sacked);
        }
        let context = Context { is_dup_thresh_reached: true, ..context(43) };
        assert_eq!(found(rack.detect_loss(&mut board, &context)), (true, None));
    }

    /// RFC 8985 section 3.3.2: a lost retransmission is found too.
    #[test]
    fn a_lost_retransmission_is_found() {
        let mut board = flight(&[0, 1, 2]);
        let mut rack = Rack::new(SeqNumber(0));
        board.change(0, Place::Lost);
        board.on_resent(0, at(50), RateStamp::default());
        board.push(Sent { seq: SeqNumber(300), sent_at: at(60), ..*board.at(1).unwrap() });
        let last = *board.at(3).unwrap();
        rack.on_delivered(&last, at(100), 40 * MS, false);
        let context = Context { is_in_recovery: true, ..context(100) };
        let mut again = board.clone();
        assert!(rack.detect_loss(&mut board, &context).is_retransmission_lost);
        assert_eq!(lost(&board), [0, 1, 2]);
        // It was on its way when the window was reduced: that is of the same congestion.
        let context = Context { reduced_at: at(60), ..context };
        let detected = rack.detect_loss(&mut again, &context);
        assert!(detected.is_any_lost && !detected.is_retransmission_lost);
    }

    /// RFC 8985 section 6.2 step 2: an acknowledgement faster than any round trip is of the first transmission.
    #[test]
    fn a_spurious_retransmission_teaches_nothing() {
        let mut board = flight(&[0, 1]);
        let mut rack = Rack::new(SeqNumber(0));
        board.on_resent(0, at(50), RateStamp::default());
        let first = *board.at(0).unwrap();
        rack.on_delivered(&first, at(55), 40 * MS, false);
        assert!(!rack.has_sample);
        rack.on_delivered(&first, at(95), 40 * MS, true);
        assert!(!rack.has_sample, "its timestamp echo is older");
    }

    /// RFC 8985 section 6.3.
    #[test]
    fn a_timeout_takes_the_first_and_what_is_as_old() {
        let mut board = flight(&[0, 10, 990]);
        let mut rack = Rack::new(SeqNumber(0));
        rack.rtt_ns = 40_000_000;
        rack.mark_on_timeout(&mut board, &context(1000));
        assert_eq!(lost(&board), [0, 1]);
    }

    /// RFC 8985 section 6.2 step 4: DSACKs widen the window once a round trip, and it narrows after 16 recoveries.
    #[test]
    fn dsacks_widen_the_window() {
        let mut rack = Rack::new(SeqNumber(0));
        rack.reordering_seen = true;
        assert_eq!(rack.reo_wnd(&context(0)), 10 * MS);
        rack.on_dsack(SeqNumber(0), SeqNumber(100));
        rack.on_dsack(SeqNumber(50), SeqNumber(200));
        assert_eq!(rack.reo_wnd(&context(0)), 20 * MS, "one round trip, one step");
        rack.on_dsack(SeqNumber(100), SeqNumber(300));
        rack.on_dsack(SeqNumber(300), SeqNumber(400));
        rack.on_dsack(SeqNumber(400), SeqNumber(500));
        assert_eq!(rack.reo_wnd(&context(0)), 40 * MS, "never more than the round trip");
        for _ in 0..16 {
            rack.on_recovery_end();
        }
        assert_eq!(rack.reo_wnd(&context(0)), 10 * MS);
    }
}
