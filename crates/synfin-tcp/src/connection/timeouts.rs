//! Timeouts (RFC 9293 section 3.10.8).

use core::time::Duration;

use synfin_wire::State;

use super::{Connection, ConnectionError};
use crate::observer::Observer;
use crate::time::Instant;
use crate::timers::Timer;

/// SWS override: RFC 9293 section 3.8.6.2.1 asks for 0.1 to 1 second.
const OVERRIDE_MAX: Duration = Duration::from_secs(1);

impl<O: Observer> Connection<O> {
    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if at all.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does what is due at this time. Early calls do no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        let mut is_any = false;
        let is_probe_due = self.timers.deadline(Timer::Probe).is_some_and(|at| at <= now);
        if is_probe_due && self.snd.recovery.is_open() {
            // RFC 8985 section 7.2: a probe that is due when the retransmission timer runs out comes in its place.
            // The timer starts anew behind it.
            self.timers.stop(Timer::Retransmission);
        }
        for timer in Timer::ALL {
            if self.timers.take_expired(timer, now) {
                is_any = true;
                self.on_timer(now, timer);
            }
        }
        if is_any {
            self.settle_timers(now);
            self.observe(now);
        }
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            // TIME-WAIT TIMEOUT, or a FIN that never came for a connection that nobody waits for.
            Timer::Close => self.close_with(now, None),
            Timer::DelayedAck => self.rcv.ack.on_timeout(),
            Timer::Reordering => {
                if let Some(after) = self.snd.on_reordering_timeout(now) {
                    self.timers.start(Timer::Reordering, now + after);
                }
            }
            Timer::Probe => self.pending.is_tail_probe = true,
            Timer::Retransmission => self.on_retransmission_timer(now),
            Timer::Persist => self.on_persist_timer(now),
            Timer::Pacing => {}
            Timer::KeepAlive => self.on_keep_alive_timer(now),
        }
    }

    /// RETRANSMISSION TIMEOUT.
    // RFC 9293 MUST-20: R1 and R2; MUST-22: SYNs are handled in the same way.
    fn on_retransmission_timer(&mut self, now: Instant) {
        let is_syn = self.snd.is_syn_outstanding();
        let r2 = if is_syn { Some(self.config.syn_r2) } else { self.config.r2 };
        if r2.is_some_and(|r2| now.since(self.stalled_since) >= r2) {
            self.close_with(now, Some(ConnectionError::TimedOut));
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        if self.attempts >= self.config.r1 && !is_syn {
            self.events.on_delivery_problem();
        }
        if is_syn {
            self.snd.rtt.on_timeout();
            self.snd.retransmissions += 1;
            self.pending.is_syn = true;
        } else {
            self.timers.stop(Timer::Probe);
            self.timers.stop(Timer::Reordering);
            self.snd.on_retransmission_timeout(now, self.agreed.is_sack, self.attempts > 1);
        }
    }

    /// The window is closed, or too small to be worth it, and a while has passed.
    // RFC 9293 MUST-37: as long as the peer answers, the connection stays; MAY-8: for ever.
    fn on_persist_timer(&mut self, now: Instant) {
        if self.config.r2.is_some_and(|r2| now.since(self.last_received.max(self.stalled_since)) >= r2) {
            self.close_with(now, Some(ConnectionError::TimedOut));
            return;
        }
        // RFC 9293 SHLD-30: the interval grows exponentially.
        self.attempts = self.attempts.saturating_add(1);
        self.pending.is_window_probe = true;
    }

    // RFC 9293 MUST-26: only when nothing is outstanding and nothing arrived for the interval.
    fn on_keep_alive_timer(&mut self, now: Instant) {
        let Some(keep_alive) = self.config.keep_alive() else { return };
        let is_busy = !self.snd.board.is_empty() || self.snd.has_unsent();
        let idle = now.since(self.last_received);
        if is_busy || idle < keep_alive.idle {
            self.pending.keep_alives = 0;
            let from = if is_busy { now } else { self.last_received };
            self.timers.start(Timer::KeepAlive, from + keep_alive.idle);
            return;
        }
        // RFC 9293 MUST-29: a single probe without an answer means nothing.
        if self.pending.keep_alives >= keep_alive.probes.max(2) {
            self.close_with(now, Some(ConnectionError::PeerGone));
            return;
        }
        self.pending.keep_alives += 1;
        self.pending.is_keep_alive = true;
        self.timers.start(Timer::KeepAlive, now + keep_alive.interval);
    }

    /// Starts the keep-alive timer, where the user has asked for it.
    // RFC 9293 MAY-5, MUST-24, MUST-25: it is off unless asked for.
    pub(super) fn start_keep_alive(&mut self, now: Instant) {
        if let Some(keep_alive) = self.config.keep_alive() {
            self.timers.start(Timer::KeepAlive, now + keep_alive.idle);
        }
    }

    /// "Start the time-wait timer, turn off the other timers."
    pub(super) fn enter_time_wait(&mut self, now: Instant) {
        self.timers.stop_all();
        self.start_time_wait(now);
    }

    /// Starts the time of 2 MSL, or starts it anew.
    // RFC 9293 MUST-13: TIME-WAIT lasts 2 MSL.
    pub(super) fn start_time_wait(&mut self, now: Instant) {
        self.timers.start(Timer::Close, now + self.config.msl.saturating_mul(2));
    }

    /// Makes the timers agree with what is outstanding. Called after everything that may have changed it.
    pub(super) fn settle_timers(&mut self, now: Instant) {
        if matches!(self.state, State::Closed | State::Listen | State::TimeWait)
            || self.snd.is_syn_outstanding()
        {
            return;
        }
        let is_in_flight = !self.snd.board.is_empty();
        let waits_for_window = self.snd.wnd == 0 && (is_in_flight || self.snd.has_unsent());
        let waits_for_nothing = !is_in_flight && self.snd.has_unsent() && self.pending.has_tried;
        if !is_in_flight {
            self.timers.stop(Timer::Probe);
            self.timers.stop(Timer::Reordering);
        }
        if is_in_flight && !waits_for_window {
            if !self.timers.is_running(Timer::Retransmission) {
                // RFC 6298 (5.1).
                self.timers.start(Timer::Retransmission, now + self.snd.rtt.rto(&self.config.rto));
            }
            self.bound_by_user_timeout(Timer::Retransmission, self.stalled_since);
        } else {
            self.timers.stop(Timer::Retransmission);
        }
        if waits_for_window || waits_for_nothing {
            if !self.timers.is_running(Timer::Persist) {
                self.timers.start(Timer::Persist, now + self.persist_interval(waits_for_window));
            }
            self.bound_by_user_timeout(Timer::Persist, self.last_received.max(self.stalled_since));
        } else {
            self.timers.stop(Timer::Persist);
        }
    }

    /// USER TIMEOUT is when it is, not when the timer runs out next, which may be a minute later. Both timers look for it
    /// first.
    fn bound_by_user_timeout(&mut self, timer: Timer, since: Instant) {
        let Some(at) = self.config.r2.map(|r2| since + r2) else { return };
        if self.timers.deadline(timer).is_some_and(|deadline| deadline > at) {
            self.timers.start(timer, at);
        }
    }

    // RFC 9293 SHLD-29: the first probe after the retransmission timeout; SHLD-30: then at growing intervals.
    fn persist_interval(&self, is_window_closed: bool) -> Duration {
        let rto = self.snd.rtt.rto(&self.config.rto);
        if is_window_closed {
            rto.saturating_mul(1 << self.attempts.min(16)).min(self.config.rto.max)
        } else {
            rto.min(OVERRIDE_MAX)
        }
    }
}
