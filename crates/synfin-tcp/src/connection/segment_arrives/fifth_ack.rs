//! Fifth, check the ACK field (RFC 9293 section 3.10.7.4, with the protection of RFC 5961 section 5).

use synfin_wire::tcp::Flags;
use synfin_wire::{SeqNumber, State};

use super::{Reset, Step};
use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::send::{Ack, Fin};
use crate::time::Instant;
use crate::timers::Timer;

impl<O: Observer> Connection<O> {
    pub(super) fn fifth_check_ack(&mut self, now: Instant, segment: &Incoming) -> Step {
        if !segment.header.flags.ack() {
            return Step::Done;
        }
        let ack = segment.header.ack;
        if self.snd.is_syn_outstanding() {
            // SYN-RECEIVED, or FIN-WAIT-1 that was entered from it.
            let is_acceptable = ack.is_after(self.snd.una) && ack.is_at_or_before(self.snd.nxt);
            if !is_acceptable {
                self.pending.reset = Some(Reset { seq: ack, ack: None });
                return Step::Done;
            }
            self.on_ack_of_syn(now, segment);
        }
        // RFC 9293 MAY-12: RFC 5961 section 5.2.
        if ack.is_after(self.snd.nxt) || ack.is_before(self.snd.una - self.snd.max_wnd) {
            self.challenge(now);
            return Step::Done;
        }
        self.update_recent_timestamp(now, segment);
        self.established_ack(now, segment);
        self.state_specific_ack(now)
    }

    /// SYN-RECEIVED: our SYN is acknowledged.
    fn on_ack_of_syn(&mut self, now: Instant, segment: &Incoming) {
        let header = &segment.header;
        if let Some(sent_at) = self.syn_sent_at.known().filter(|_| self.attempts == 0) {
            // RFC 9293 MUST-18: Karn's rule holds for the SYN too.
            self.snd.rtt.on_sample(now, now.since(sent_at), 1, &self.config.rto);
        }
        self.snd.una = self.snd.iss + 1;
        self.pending.is_syn = false;
        let wnd = self.window_of(segment);
        self.snd.set_window(header.seq, header.ack, wnd);
        if self.state == State::SynReceived {
            self.become_state(now, State::Established);
            if self.snd.fin == Fin::Queued {
                // A CLOSE was queued until now (RFC 9293 section 3.10.4).
                self.become_state(now, State::FinWait1);
            }
        }
        self.on_established(now);
    }

    /// The window that the peer offers. RFC 7323 section 2.2: that of a SYN is never scaled.
    fn window_of(&self, segment: &Incoming) -> u32 {
        let header = &segment.header;
        let shift = if header.flags.syn() { 0 } else { self.agreed.send_shift };
        u32::from(header.window) << shift
    }

    /// The processing for the ESTABLISHED state.
    fn established_ack(&mut self, now: Instant, segment: &Incoming) {
        let header = &segment.header;
        let wnd = self.window_of(segment);
        if header.ack.is_before(self.snd.una) {
            // "If the ACK is a duplicate, it can be ignored."
            return;
        }
        let was_closed = self.snd.wnd == 0;
        let may_be_duplicate =
            segment.seg_len() == 0 && wnd == self.snd.wnd && header.ack == self.snd.una && !was_closed;
        self.snd.update_window(header.seq, header.ack, wnd);
        if was_closed && self.snd.wnd > 0 {
            self.on_window_opened(now, header.ack);
        }
        // RFC 3168 section 6.1.1: with a SYN it is about the agreement, not about the path.
        let is_ece = self.agreed.is_ecn && header.flags.contains(Flags::ECE) && !header.flags.syn();
        if header.ack == self.snd.una && segment.seg_len() > 0 && !segment.options.has_sack() && !is_ece {
            // Text that comes while nothing new was received over there: most segments of a download.
            return;
        }
        let outcome = self.snd.on_ack(&Ack {
            now,
            ack: header.ack,
            options: &segment.options,
            is_sack: self.agreed.is_sack,
            clock: self.agreed.timestamps.map(|timestamps| timestamps.clock),
            may_be_duplicate,
            is_ece,
            rto: &self.config.rto,
        });
        if outcome.advanced > 0 {
            self.attempts = 0;
            self.stalled_since = now;
            if !outcome.is_timer_kept {
                // RFC 6298 (5.3): the timer starts anew.
                self.timers.stop(Timer::Retransmission);
            }
            self.events.on_room();
        }
        if outcome.is_timer_kept || (outcome.advanced == 0 && outcome.is_news) {
            // RFC 6298 leaves a timer as it runs. But one that was backed off to a minute, while reports have measured
            // a round trip since, would keep the first segment waiting for that minute.
            let at = now + self.snd.rtt.rto(&self.config.rto);
            if self.timers.deadline(Timer::Retransmission).is_some_and(|deadline| deadline > at) {
                self.timers.start(Timer::Retransmission, at);
            }
        }
        if outcome.advanced > 0 || outcome.is_news {
            // RFC 8985 section 7.2: the probe is scheduled anew with what is acknowledged.
            self.timers.stop(Timer::Probe);
        }
        match outcome.look_again {
            Some(after) => self.timers.start(Timer::Reordering, now + after),
            None => self.timers.stop(Timer::Reordering),
        }
    }

    /// A window that was closed has opened. What is acknowledged with it was not thrown away.
    fn on_window_opened(&mut self, now: Instant, ack: SeqNumber) {
        self.pending.is_window_probe = false;
        if self.attempts > 0 && ack == self.snd.una {
            self.snd.on_window_opened();
        }
        self.attempts = 0;
        self.stalled_since = now;
    }

    /// What each state adds.
    fn state_specific_ack(&mut self, now: Instant) -> Step {
        let is_fin_acknowledged = self.snd.is_fin_acknowledged();
        match self.state {
            State::FinWait1 if is_fin_acknowledged => {
                self.become_state(now, State::FinWait2);
                if self.is_released {
                    self.timers.start(Timer::Close, now + self.config.fin_wait_2);
                }
                Step::Continue
            }
            State::Closing if is_fin_acknowledged => {
                self.become_state(now, State::TimeWait);
                self.enter_time_wait(now);
                Step::Continue
            }
            State::LastAck if is_fin_acknowledged => {
                self.close_with(now, None);
                Step::Done
            }
            _ => Step::Continue,
        }
    }
}
