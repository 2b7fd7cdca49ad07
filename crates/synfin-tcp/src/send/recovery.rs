//! Loss recovery: what an acknowledgement means for what is in flight.
//!
//! With SACK, losses are found by RACK (RFC 8985); without, by three duplicate acknowledgements and partial ones
//! (RFC 5681 section 3.2, RFC 6582). Either way the window follows PRR (RFC 6937) until everything that was in flight
//! when the loss was found is acknowledged. A timeout begins again with one segment; F-RTO (RFC 5682) and Eifel
//! (RFC 3522) find out when it was none, and RFC 4015 undoes it.

use core::time::Duration;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::SackBlock;

use super::Sender;
use super::frto::{Answer, Frto, Verdict};
use super::prr::Prr;
use super::rack::{Context, Detected};
use super::reports::sorted_reports;
use super::scoreboard::Place;
use super::tlp::Probe;
use crate::config::RtoConfig;
use crate::congestion::{AckEvent, Newest};
use crate::connection::CongestionState;
use crate::incoming::KnownOptions;
use crate::options::TimestampClock;
use crate::time::Instant;

/// Duplicate acknowledgements that make a loss (RFC 5681 section 3.2).
const DUP_THRESH: u32 = 3;

/// State of loss recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Recovery {
    phase: Phase,
    /// `snd.nxt` when the last loss was found: until then it is all one congestion event.
    recover: SeqNumber,
    /// Whether that was found by a timeout: then segments were sent again that had arrived, and cause duplicates.
    is_timeout: bool,
    /// When the window was reduced last for a loss: of what was sent since, every loss is a new congestion event.
    reduced_at: Instant,
    /// Without SACK: whether this recovery has seen a partial acknowledgement.
    has_partial_ack: bool,
    /// Without SACK: duplicate acknowledgements, each of which stands for a segment that has arrived.
    dup_acks: u32,
    /// A tail loss probe that is not answered.
    pub(crate) probe: Option<Probe>,
    /// The first retransmission of this event: its sequence number and its timestamp (RFC 3522 section 3.2).
    first_resent: Option<(SeqNumber, u32)>,
    /// Eifel: an acknowledgement after that has said whether the loss was genuine.
    is_eifel_over: bool,
    /// A timeout asks for the first segment, whatever else is believed to be in flight (RFC 6298 (5.4)).
    pub(crate) is_first_due: bool,
    /// ECN: reductions before this belong to the last one (RFC 3168 section 6.1.2).
    ecn_recover: SeqNumber,
    /// ECN: the next new segment says that the window was reduced.
    pub(crate) is_cwr_due: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    Recovery(Prr),
    Loss(Frto),
}

/// An acknowledgement within `snd.una` to `snd.nxt`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack<'a> {
    pub(crate) now: Instant,
    /// `seg.ack`.
    pub(crate) ack: SeqNumber,
    pub(crate) options: &'a KnownOptions,
    /// Whether SACK was agreed on.
    pub(crate) is_sack: bool,
    /// The clock of our timestamps, where they were agreed on.
    pub(crate) clock: Option<TimestampClock>,
    /// No text, no SYN, no FIN, and the window is as before (RFC 5681 section 2).
    pub(crate) may_be_duplicate: bool,
    /// ECN echo.
    pub(crate) is_ece: bool,
    pub(crate) rto: &'a RtoConfig,
}

/// What an acknowledgement did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct AckOutcome {
    /// Sequence numbers by which `snd.una` advanced.
    pub(crate) advanced: u32,
    /// Whether it reported anything new.
    pub(crate) is_news: bool,
    /// The retransmission timer runs on, although `snd.una` advanced.
    pub(crate) is_timer_kept: bool,
    /// RACK wants to look again after this time.
    pub(crate) look_again: Option<Duration>,
}

/// What was delivered by one acknowledgement.
#[derive(Default)]
struct Delivery {
    octets: u32,
    /// The highest sequence number acknowledged or reported.
    highest: SeqNumber,
    /// Sending time of the oldest segment acknowledged, if all were sent once.
    oldest: Option<Instant>,
    newest: Option<Instant>,
    is_any_resent: bool,
    /// Whether the timestamp echo may tell more than one round trip.
    is_echo_ambiguous: bool,
    rate: Newest,
    /// A segment from before the timeout that was never sent again: it, and not a retransmission, has arrived.
    is_any_original: bool,
}

impl Recovery {
    /// Nothing is lost.
    pub(crate) fn new(iss: SeqNumber) -> Self {
        Self {
            phase: Phase::Open,
            recover: iss,
            is_timeout: false,
            reduced_at: Instant::ZERO,
            has_partial_ack: false,
            dup_acks: 0,
            probe: None,
            first_resent: None,
            is_eifel_over: false,
            is_first_due: false,
            ecn_recover: iss,
            is_cwr_due: false,
        }
    }

    /// Whether nothing is being repaired.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether F-RTO wants new data rather than retransmissions.
    pub(crate) fn wants_new_data(&self) -> bool {
        matches!(self.phase, Phase::Loss(Frto::AwaitSecond { .. }))
    }

    /// F-RTO tried to send new data. If none was ever sent, it can't tell, and gives up.
    pub(crate) fn may_wait_for_new_data(&mut self, is_any_sent: bool) -> bool {
        match &mut self.phase {
            Phase::Loss(Frto::AwaitSecond { is_new_sent }) if *is_new_sent || is_any_sent => {
                *is_new_sent = true;
                true
            }
            _ => {
                self.phase = Phase::Loss(Frto::Off);
                false
            }
        }
    }

    /// Octets that duplicate acknowledgements stand for.
    pub(crate) fn presumed_received(&self, mss: u32) -> u32 {
        self.dup_acks.saturating_mul(mss)
    }

    /// Octets were sent, for the first time or again.
    pub(crate) fn on_sent(&mut self, octets: u32) {
        if let Phase::Recovery(prr) = &mut self.phase {
            prr.on_sent(octets);
        }
    }

    /// A segment was sent again.
    pub(crate) fn on_resent(&mut self, seq: SeqNumber, timestamp: Option<u32>) {
        if !self.is_eifel_over && self.first_resent.is_none() {
            self.first_resent = timestamp.map(|timestamp| (seq, timestamp));
        }
    }
}

impl Sender {
    /// What congestion control is about, for whoever asks.
    pub(crate) fn congestion_state(&self) -> CongestionState {
        let recovery = &self.recovery;
        match recovery.phase {
            Phase::Loss(_) => CongestionState::Loss,
            Phase::Recovery(_) => CongestionState::Recovery,
            Phase::Open if self.una.is_before(recovery.ecn_recover) => CongestionState::Reduced,
            Phase::Open if recovery.dup_acks > 0 || self.board.sacked() > 0 => CongestionState::Disorder,
            Phase::Open => CongestionState::Open,
        }
    }

    /// Takes in an acknowledgement.
    pub(crate) fn on_ack(&mut self, ack: &Ack<'_>) -> AckOutcome {
        let flight_before = self.board.outstanding();
        let (dsack, delivery, advanced) = self.deliver(ack);
        if dsack.is_some() {
            self.rack.on_dsack(ack.ack, self.nxt);
        }
        let rtt = self.sample_rtt(ack, &delivery, advanced, flight_before);
        let delivered = self.count_duplicates(ack, &delivery, advanced, flight_before);
        self.congestion.last_rate =
            self.congestion.rate.sample(ack.now, delivery.rate, self.rtt.min()).or(self.congestion.last_rate);
        let is_pure_dup = ack.may_be_duplicate && advanced == 0 && !ack.options.has_sack();
        if self.on_ack_of_probe(ack.ack, dsack, is_pure_dup) {
            // RFC 8985 section 7.4.2: one loss, repaired by the probe.
            self.congestion.on_congestion(flight_before);
            self.congestion.set_cwnd(self.congestion.ssthresh());
        }
        self.on_ecn_echo(ack, flight_before);
        let phase_before = self.recovery.phase;
        let is_limited = self.una_before(advanced).is_before(self.limited_until);
        self.leave_recovery(ack, &delivery, advanced);
        let reduced_before = self.recovery.reduced_at;
        let detected = self.find_losses(ack, advanced, flight_before);
        let is_timer_kept = self.may_keep_timer(ack.is_sack, advanced);
        match &mut self.recovery.phase {
            Phase::Recovery(prr) => {
                let pipe = self.board.pipe().saturating_sub(self.recovery.dup_acks.saturating_mul(self.mss));
                let count = prr.on_ack(delivered, pipe, self.congestion.ssthresh(), self.mss);
                // RFC 6937 section 3: the first retransmission goes out at once; and so does the one that a partial
                // acknowledgement asks for (RFC 6582 section 3.2 step 3).
                let is_new = phase_before == Phase::Open || self.recovery.reduced_at != reduced_before;
                let is_due = is_new || (!ack.is_sack && detected.is_any_lost);
                let count = if is_due { count.max(self.mss) } else { count };
                self.congestion.set_cwnd(pipe.saturating_add(count));
            }
            // What ends a recovery widens nothing: the window is what the reduction has left.
            Phase::Open if matches!(phase_before, Phase::Recovery(_)) => {}
            Phase::Open | Phase::Loss(_) => self.congestion.on_ack(&AckEvent {
                now: ack.now,
                acked: advanced,
                una: self.una,
                nxt: self.nxt,
                rtt,
                srtt: self.rtt.srtt(),
                is_cwnd_limited: is_limited || phase_before != Phase::Open,
                is_after_timeout: matches!(phase_before, Phase::Loss(_)),
            }),
        }
        let is_news = delivery.octets > 0;
        AckOutcome { advanced, is_news, is_timer_kept, look_again: detected.look_again }
    }

    /// Moves `snd.una`, marks what was reported. Returns the duplicate that was reported, what was delivered, and by how
    /// much `snd.una` advanced.
    fn deliver(&mut self, ack: &Ack<'_>) -> (Option<SackBlock>, Delivery, u32) {
        let mut delivery = Delivery::default();
        let min_rtt = self.rtt.min().unwrap_or_default();
        let advanced = u32::try_from(ack.ack.distance_from(self.una)).unwrap_or_default();
        let (rack, rate) = (&mut self.rack, &mut self.congestion.rate);
        let recover = self.recovery.recover;
        let echo = ack.options.timestamps.map(|(_, echo)| echo);
        let mut on_delivered = |sent: &super::Sent| {
            let is_older = sent.was_retransmitted
                && ack
                    .clock
                    .zip(echo)
                    .is_some_and(|(clock, echo)| TimestampClock::is_before(echo, clock.at(sent.sent_at)));
            rack.on_delivered(sent, ack.now, min_rtt, is_older);
            rate.on_delivered(ack.now, sent, &mut delivery.rate);
            if sent.was_retransmitted {
                delivery.is_any_resent = true;
                // The echo is of an earlier transmission, but there was time for an answer to the last one: perhaps the
                // first acknowledgement was lost, and the time since the first transmission is no round trip.
                delivery.is_echo_ambiguous |= is_older && ack.now.since(sent.sent_at) >= min_rtt;
            } else {
                delivery.is_any_original |= sent.end().is_at_or_before(recover);
                delivery.oldest = Some(delivery.oldest.map_or(sent.sent_at, |at| at.min(sent.sent_at)));
                delivery.newest = Some(delivery.newest.map_or(sent.sent_at, |at| at.max(sent.sent_at)));
            }
        };
        let mut octets = self.board.acknowledge(ack.ack, &mut on_delivered);
        delivery.highest = ack.ack;
        let mut dsack = None;
        if ack.is_sack {
            let (blocks, count) = sorted_reports(ack, self.nxt, &mut dsack);
            for block in blocks.into_iter().take(count) {
                octets += self.board.report(block, &mut on_delivered);
                delivery.highest = delivery.highest.later(block.right);
            }
        }
        delivery.octets = octets;
        if advanced > 0 {
            self.una = ack.ack;
            self.queue.advance(self.una);
            if self.up.is_some_and(|up| up.is_at_or_before(self.una)) {
                self.up = None;
            }
        }
        (dsack, delivery, advanced)
    }

    /// RFC 6298 section 3 and RFC 7323 section 4: a sample that cannot be of the wrong transmission.
    fn sample_rtt(
        &mut self,
        ack: &Ack<'_>,
        delivery: &Delivery,
        advanced: u32,
        flight: u32,
    ) -> Option<Duration> {
        let by_record = delivery.oldest.filter(|_| !delivery.is_any_resent).map(|at| ack.now.since(at));
        let by_echo = || {
            let (clock, (_, echo)) = ack.clock.zip(ack.options.timestamps)?;
            (advanced > 0 && !delivery.is_echo_ambiguous).then(|| clock.age(ack.now, echo)).flatten()
        };
        if let Some(sample) = by_record.or_else(by_echo) {
            // RFC 7323 appendix G: a flight gives about one sample for two segments.
            let expected = flight.div_ceil(self.mss.saturating_mul(2).max(1));
            self.rtt.on_sample(ack.now, sample, expected, ack.rto);
        }
        delivery.newest.filter(|_| !delivery.is_any_resent).map(|at| ack.now.since(at))
    }

    /// Without SACK, a duplicate acknowledgement stands for a segment, so that the first two let one new segment out each:
    /// limited transmit (RFC 3042). Returns the octets delivered.
    fn count_duplicates(&mut self, ack: &Ack<'_>, delivery: &Delivery, advanced: u32, flight: u32) -> u32 {
        if ack.is_sack {
            return delivery.octets;
        }
        let recovery = &mut self.recovery;
        if advanced > 0 {
            let presumed = recovery.presumed_received(self.mss);
            let segments = advanced.div_ceil(self.mss.max(1));
            // One of them filled the hole; the others were presumed.
            recovery.dup_acks = recovery.dup_acks.saturating_sub(segments.saturating_sub(1));
            if self.board.is_empty() || ack.ack.is_at_or_after(recovery.recover) {
                recovery.dup_acks = 0;
            }
            return advanced.saturating_sub(presumed).max(self.mss.min(advanced));
        }
        if matches!(recovery.phase, Phase::Loss(_)) {
            // What a duplicate stands for was lost, as far as is known, and is not in the pipe.
            return 0;
        }
        if ack.may_be_duplicate && flight > 0 && recovery.presumed_received(self.mss) < flight {
            recovery.dup_acks += 1;
            return self.mss;
        }
        0
    }

    /// RFC 3168 section 6.1.2: a congestion mark counts as a loss, once in a window.
    fn on_ecn_echo(&mut self, ack: &Ack<'_>, flight: u32) {
        let recovery = &mut self.recovery;
        if !ack.is_ece || !recovery.is_open() || ack.ack.is_before(recovery.ecn_recover) || flight == 0 {
            return;
        }
        (recovery.ecn_recover, recovery.is_cwr_due) = (self.nxt, true);
        // The window stays at two segments or more, as after a loss. RFC 9438 section 4.6 would let it go to one, where
        // RFC 3168 section 6.1.2 has the retransmission timer pace what is less than a segment a round trip.
        self.congestion.on_congestion(flight);
        self.congestion.set_cwnd(self.congestion.ssthresh());
    }

    /// Ends what is repaired or proves to have been no loss.
    fn leave_recovery(&mut self, ack: &Ack<'_>, delivery: &Delivery, advanced: u32) {
        let recovery = &mut self.recovery;
        if recovery.is_open() {
            return;
        }
        // RFC 3522 section 3.2: the first acknowledgement of what was sent again echoes a timestamp from before that.
        // What comes for other segments may be older: they were sent again in a recovery before.
        let una = self.una;
        let answered = recovery.first_resent.filter(|(seq, _)| advanced > 0 && una.is_after(*seq));
        let is_eifel = answered.zip(ack.options.timestamps).is_some_and(|((_, first), (_, echo))| {
            ack.clock.is_some() && TimestampClock::is_before(echo, first)
        });
        let verdict = match recovery.phase {
            Phase::Loss(frto) => frto.on_ack(&Answer {
                una,
                is_advance: advanced > 0,
                is_duplicate: advanced == 0 && (ack.may_be_duplicate || delivery.octets > 0),
                is_sack: ack.is_sack,
                is_any_original: delivery.is_any_original,
                highest: delivery.highest,
                recover: recovery.recover,
            }),
            _ => Verdict::GoOn(Frto::Off),
        };
        if answered.is_some() {
            // Later ones echo what was sent again before them, which is older than what is sent again now.
            (recovery.first_resent, recovery.is_eifel_over) = (None, true);
        }
        if is_eifel || verdict == Verdict::Spurious {
            recovery.phase = Phase::Open;
            if recovery.is_timeout {
                // RFC 5682 section 2.1 step 3b: losses after this are found as before the timeout.
                (recovery.recover, recovery.is_timeout, recovery.dup_acks) = (self.una, false, 0);
            }
            self.board.forget_losses();
            self.congestion.on_undo();
            self.rack.on_recovery_end();
            return;
        }
        if ack.ack.is_at_or_after(recovery.recover) {
            if let Phase::Recovery(_) = recovery.phase {
                self.congestion.set_cwnd(self.congestion.ssthresh());
            }
            recovery.phase = Phase::Open;
            recovery.dup_acks = 0;
            self.rack.on_recovery_end();
            return;
        }
        if let (Phase::Loss(frto), Verdict::GoOn(next)) = (&mut recovery.phase, verdict) {
            let has_waited = matches!(*frto, Frto::AwaitSecond { .. });
            *frto = next;
            if has_waited && next == Frto::Off && !ack.is_sack {
                // RFC 5682 section 2.1 step 3a: two round trips have passed since the timeout. (With SACK what was
                // reported makes the room.)
                self.congestion.set_cwnd(self.congestion.cwnd().max(self.mss.saturating_mul(3)));
            }
        }
    }

    /// RFC 6582 section 3.2 step 3: of the partial acknowledgements of a recovery only the first starts the timer anew.
    /// Where so many segments are lost that one a round trip is too slow, the timer takes over.
    fn may_keep_timer(&mut self, is_sack: bool, advanced: u32) -> bool {
        let is_partial = !is_sack && advanced > 0 && matches!(self.recovery.phase, Phase::Recovery(_));
        is_partial && std::mem::replace(&mut self.recovery.has_partial_ack, true)
    }

    fn una_before(&self, advanced: u32) -> SeqNumber {
        self.una - advanced
    }

    /// Marks losses, and enters recovery with the first.
    fn find_losses(&mut self, ack: &Ack<'_>, advanced: u32, flight: u32) -> Detected {
        let detected = if ack.is_sack {
            let context = self.rack_context(ack.now);
            self.rack.detect_loss(&mut self.board, &context)
        } else {
            Detected { is_any_lost: self.find_loss_without_sack(advanced), ..Detected::default() }
        };
        self.on_detected(ack.now, &detected, flight);
        detected
    }

    /// What congestion control makes of losses.
    fn on_detected(&mut self, now: Instant, detected: &Detected, flight: u32) {
        if detected.is_any_lost && self.recovery.is_open() {
            self.enter_recovery(now, flight);
        } else if detected.is_retransmission_lost {
            self.on_retransmission_lost(now, flight);
        }
    }

    /// RFC 6582 section 3.2: three duplicates, and in recovery every partial acknowledgement, are one loss each.
    fn find_loss_without_sack(&mut self, advanced: u32) -> bool {
        let is_lost = match self.recovery.phase {
            Phase::Open => {
                self.recovery.dup_acks >= DUP_THRESH
                    // Step 2: duplicates of what was in flight at the last loss say nothing new. Fast recovery sends
                    // nothing again that has arrived, so that what comes right behind it may be believed.
                    && self.una.is_at_or_after(self.recovery.recover + u32::from(self.recovery.is_timeout))
            }
            Phase::Recovery(_) => advanced > 0,
            Phase::Loss(_) => false,
        };
        let is_first_in_flight = self.board.first().is_some_and(|sent| sent.place == Place::InFlight);
        if is_lost && is_first_in_flight {
            self.board.isolate_first(0);
            self.board.change(0, Place::Lost);
        }
        is_lost && is_first_in_flight
    }

    /// RFC 8985 section 6.2: the reordering timer ran out. Returns the time after which to look again.
    pub(crate) fn on_reordering_timeout(&mut self, now: Instant) -> Option<Duration> {
        let flight = self.board.outstanding();
        let context = self.rack_context(now);
        let detected = self.rack.detect_loss(&mut self.board, &context);
        self.on_detected(now, &detected, flight);
        if let Phase::Recovery(_) = self.recovery.phase
            && detected.is_any_lost
        {
            // What the losses took out of the pipe is not room to send: one segment at once, PRR decides the rest.
            self.congestion.set_cwnd(self.in_flight().saturating_add(self.mss));
        }
        detected.look_again
    }

    /// RFC 6298 (5.4) to (5.6): the retransmission timer ran out; `is_repeated`: for the same segment as the last time.
    pub(crate) fn on_retransmission_timeout(&mut self, now: Instant, is_sack: bool, is_repeated: bool) {
        let flight = self.board.outstanding();
        // RFC 2018 section 8 would have all reports forgotten here, lest the peer has thrown away what it reported. That
        // is overly strong (RFC 6675 section 5.1, erratum 1610), where it is noticed by other means: `snd.una` never
        // rests on what the peer still has.
        self.board.isolate_first(0);
        if self.board.first().is_some_and(|sent| sent.place == Place::Sacked) {
            self.board.forget_reports();
        }
        let is_first = !matches!(self.recovery.phase, Phase::Loss(_));
        // RFC 5682 section 2.1 step 1; section 3.1 step 1, where fast recovery counts too.
        let is_after_loss = self.una.is_before(self.recovery.recover);
        let may_be_spurious = is_first && !(is_sack && is_after_loss);
        let flight = self.flight_to_reduce(flight);
        if is_first || !is_repeated {
            // RFC 5681 section 3.1: not again for a segment that was sent again by this timer before.
            self.congestion.on_congestion(flight);
        }
        self.congestion.on_timeout();
        if is_sack {
            let context = self.rack_context(now);
            self.rack.mark_on_timeout(&mut self.board, &context);
        } else {
            for index in 0..self.board.len() {
                self.board.change(index, Place::Lost);
            }
        }
        let frto = self.board.first().filter(|_| may_be_spurious).map(|first| first.end());
        self.recovery.phase = Phase::Loss(frto.map_or(Frto::Off, |end| Frto::AwaitFirst { end }));
        self.recovery.recover = self.nxt;
        self.recovery.is_timeout = true;
        self.recovery.reduced_at = now;
        self.recovery.is_first_due = true;
        self.recovery.dup_acks = 0;
        self.recovery.probe = None;
        if is_first {
            (self.recovery.first_resent, self.recovery.is_eifel_over) = (None, false);
        }
        self.rtt.on_timeout();
    }

    fn enter_recovery(&mut self, now: Instant, flight: u32) {
        (self.recovery.first_resent, self.recovery.is_eifel_over) = (None, false);
        self.recovery.probe = None;
        // RFC 5681 section 3.2, step 2: what limited transmit has sent beyond the window does not count.
        self.congestion.on_congestion(flight.min(self.congestion.cwnd()));
        self.begin_recovery(now, flight);
    }

    fn begin_recovery(&mut self, now: Instant, flight: u32) {
        self.recovery.phase = Phase::Recovery(Prr::new(flight));
        self.recovery.recover = self.nxt;
        self.recovery.is_timeout = false;
        self.recovery.has_partial_ack = false;
        self.recovery.reduced_at = now;
    }

    /// RFC 5681 section 4.3: the loss of a retransmission is a second indication of congestion, and the window is lowered
    /// twice. Of a window of retransmissions, once.
    fn on_retransmission_lost(&mut self, now: Instant, flight: u32) {
        let reduced = self.flight_to_reduce(flight);
        self.congestion.on_congestion(reduced.min(self.congestion.cwnd()));
        if let Phase::Recovery(_) = self.recovery.phase {
            self.begin_recovery(now, flight);
        } else {
            self.congestion.set_cwnd(self.congestion.cwnd().min(self.congestion.ssthresh()));
            self.recovery.reduced_at = now;
        }
    }

    /// The flight that a reduction is reckoned from. In fast recovery the window that counts is the one that it leads
    /// to: `cwnd` follows the pipe, and the flight is still that of before the first reduction.
    fn flight_to_reduce(&mut self, flight: u32) -> u32 {
        if let Phase::Recovery(_) = self.recovery.phase {
            let target = self.congestion.ssthresh();
            self.congestion.set_cwnd(target);
            return flight.min(target);
        }
        flight
    }

    fn rack_context(&self, now: Instant) -> Context {
        Context {
            now,
            min_rtt: self.rtt.min().unwrap_or_default(),
            srtt: self.rtt.srtt().unwrap_or_default(),
            is_in_recovery: !self.recovery.is_open(),
            is_dup_thresh_reached: self.board.sacked_segments() >= DUP_THRESH,
            reduced_at: self.recovery.reduced_at,
        }
    }
}

impl Sender {
    /// Segments that were larger than they may be now never arrived.
    pub(crate) fn on_mss_reduced(&mut self) {
        let mut index = 0;
        while index < self.board.len() {
            // The last of those that were sent together may be short enough.
            let last = self.board.isolate_last(index);
            for index in index..=last {
                let is_too_big = self.board.at(index).is_some_and(|sent| {
                    sent.len.min(sent.segment_size) > self.mss
                        && matches!(sent.place, Place::InFlight | Place::Resent)
                });
                if is_too_big {
                    self.board.change(index, Place::Lost);
                }
            }
            index = last + 1;
        }
    }
}
