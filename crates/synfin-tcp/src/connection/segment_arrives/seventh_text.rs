//! Seventh, process the segment text (RFC 9293 section 3.10.7.4).

use synfin_wire::State;

use super::Step;
use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::receive::{DelayedAck, Owed};
use crate::time::Instant;
use crate::timers::Timer;

impl<O: Observer> Connection<O> {
    pub(super) fn seventh_process_text(&mut self, now: Instant, segment: &Incoming) -> Step {
        self.note_ecn(segment);
        if segment.payload.is_empty() {
            return Step::Continue;
        }
        if !matches!(self.state, State::Established | State::FinWait1 | State::FinWait2) {
            // "This should not occur since a FIN has been received." What comes again is acknowledged again.
            self.rcv.ack.on_urgent_need();
            return Step::Continue;
        }
        if self.is_released && (Self::text_seq(segment) + segment.payload_len()).is_after(self.rcv.nxt) {
            // RFC 9293 MAY-1, SHLD-3: nobody will read it, and the peer is told.
            self.abort(now);
            return Step::Done;
        }
        let rmss = self.rmss();
        let received = self.rcv.on_text(Self::text_seq(segment), &segment.payload, rmss);
        if received.in_order > 0 {
            self.events.on_readable();
        }
        if received.is_cut {
            self.rcv.ack.on_urgent_need();
        }
        if self.rcv.ack.owed() == Owed::Later && !self.timers.is_running(Timer::DelayedAck) {
            let delay = DelayedAck::delay(self.config.delayed_ack);
            self.timers.start(Timer::DelayedAck, now + delay);
        }
        Step::Continue
    }
}
