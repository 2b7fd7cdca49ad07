//! Eighth, check the FIN bit (RFC 9293 section 3.10.7.4).
//!
//! A FIN that arrives before the text in front of it is remembered, and comes into force with the last octet before
//! it: so this step looks after every segment, not only after those with a FIN.

use synfin_wire::State;

use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::time::Instant;

impl<O: Observer> Connection<O> {
    pub(super) fn eighth_check_fin(&mut self, now: Instant, segment: &Incoming) {
        let may_come = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if segment.header.flags.fin() {
            let at = Self::text_seq(segment) + segment.payload_len();
            if may_come {
                self.rcv.on_fin(at);
            }
            self.rcv.ack.on_urgent_need();
        }
        if !may_come || !self.rcv.may_take_fin() {
            if self.state == State::TimeWait && segment.header.flags.fin() {
                self.start_time_wait(now);
            }
            return;
        }
        self.rcv.take_fin();
        self.rcv.ack.on_urgent_need();
        self.events.on_peer_closed();
        match self.state {
            State::Established => self.become_state(now, State::CloseWait),
            State::FinWait1 => self.become_state(now, State::Closing),
            _ => {
                self.become_state(now, State::TimeWait);
                self.enter_time_wait(now);
            }
        }
    }
}
