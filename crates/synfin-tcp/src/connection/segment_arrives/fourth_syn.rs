//! Fourth, check the SYN bit (RFC 9293 section 3.10.7.4, with the protection of RFC 5961 section 4).
//!
//! A SYN that lies within the window or not: in every synchronized state it is answered by a challenge ACK. A peer
//! that really has started anew answers that with a RST. New connections out of TIME-WAIT are the endpoint's business,
//! which looks before this step (RFC 6191). The SYN,ACK of a simultaneous open goes on to the next step.

use synfin_wire::State;

use super::Step;
use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::time::Instant;

impl<O: Observer> Connection<O> {
    pub(super) fn fourth_check_syn(&mut self, now: Instant, segment: &Incoming) -> Step {
        if !segment.header.flags.syn() {
            return Step::Continue;
        }
        if self.is_syn_ack_of_simultaneous_open(segment) {
            // The peer may not have our SYN,ACK yet; an ACK does as well.
            self.rcv.ack.on_urgent_need();
            return Step::Continue;
        }
        if self.state == State::SynReceived && self.is_passive {
            // "Return this connection to the LISTEN state": the peer has forgotten what it sent before.
            self.timers.stop_all();
            self.snd.flush();
            self.pending.clear();
            self.become_state(now, State::Listen);
            return Step::Done;
        }
        self.challenge(now);
        Step::Done
    }
}
