//! The timers of one connection: nothing but their deadlines.

use core::fmt;

use crate::time::Instant;

/// A timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// Retransmission (RFC 6298).
    Retransmission,
    /// Tail loss probe (RFC 8985 section 7).
    Probe,
    /// Reordering (RFC 8985 section 6).
    Reordering,
    /// Zero-window probe and SWS override (RFC 9293 sections 3.8.6.1 and 3.8.6.2.1).
    Persist,
    /// Delayed acknowledgement (RFC 9293 section 3.8.6.3).
    DelayedAck,
    /// Pacing.
    Pacing,
    /// Keep-alive (RFC 9293 section 3.8.4).
    KeepAlive,
    /// TIME-WAIT, or a FIN-WAIT-2 that nobody waits for.
    Close,
}

impl Timer {
    /// All of them, in the order in which they are served when several run out at once.
    pub(crate) const ALL: [Self; 8] = [
        Self::Close,
        Self::DelayedAck,
        Self::Reordering,
        Self::Probe,
        Self::Retransmission,
        Self::Persist,
        Self::Pacing,
        Self::KeepAlive,
    ];
}

/// The deadlines.
#[derive(Clone, Copy)]
pub(crate) struct Timers([Instant; Timer::ALL.len()]);

impl Timers {
    /// None is running.
    pub(crate) const fn new() -> Self {
        Self([Instant::NEVER; Timer::ALL.len()])
    }

    /// Starts a timer, or moves it.
    pub(crate) fn start(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = at;
        }
    }

    /// Stops a timer.
    pub(crate) fn stop(&mut self, timer: Timer) {
        self.start(timer, Instant::NEVER);
    }

    /// Stops all of them.
    pub(crate) fn stop_all(&mut self) {
        *self = Self::new();
    }

    /// When a timer runs out, if it is running.
    pub(crate) fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).and_then(|at| at.known())
    }

    /// Whether a timer is running.
    pub(crate) fn is_running(&self, timer: Timer) -> bool {
        self.deadline(timer).is_some()
    }

    /// Whether a timer has run out; it is stopped then.
    pub(crate) fn take_expired(&mut self, timer: Timer, now: Instant) -> bool {
        let is_expired = self.deadline(timer).is_some_and(|at| at <= now);
        if is_expired {
            self.stop(timer);
        }
        is_expired
    }

    /// The next deadline of all.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().min().and_then(|at| at.known())
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Timer::ALL.iter().filter_map(|&t| self.deadline(t).map(|at| (t, at)))).finish()
    }
}
