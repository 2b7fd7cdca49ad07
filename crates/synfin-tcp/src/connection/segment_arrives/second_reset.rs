//! Second, check the RST bit (RFC 9293 section 3.10.7.4, with the protection of RFC 5961 section 3).

use synfin_wire::State;

use super::Step;
use crate::connection::{Connection, ConnectionError};
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::time::Instant;

impl<O: Observer> Connection<O> {
    pub(super) fn second_check_rst(&mut self, now: Instant, segment: &Incoming) -> Step {
        if !segment.header.flags.rst() {
            return Step::Continue;
        }
        // Case 1: outside of the window, which the first step has let pass where text reaches into it; case 3: inside
        // of it, but not at its edge.
        if segment.seq() != self.rcv.nxt {
            if segment.seq().is_within(self.rcv.nxt, self.rcv.wnd()) {
                self.challenge(now);
            }
            return Step::Done;
        }
        // Case 2.
        match self.state {
            State::SynReceived if self.is_passive => {
                self.timers.stop_all();
                self.snd.flush();
                self.pending.clear();
                self.become_state(now, State::Listen);
            }
            State::SynReceived => self.close_with(now, Some(ConnectionError::Refused)),
            State::Closing | State::LastAck | State::TimeWait => self.close_with(now, None),
            _ => self.close_with(now, Some(ConnectionError::Reset)),
        }
        Step::Done
    }
}
