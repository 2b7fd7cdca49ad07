//! SEGMENT ARRIVES (RFC 9293 section 3.10.7), one file for each of its parts.
//!
//! | state | file |
//! | --- | --- |
//! | CLOSED (3.10.7.1) | [`closed`] |
//! | LISTEN (3.10.7.2) | [`listen`] |
//! | SYN-SENT (3.10.7.3) | `syn_sent` |
//! | all others (3.10.7.4) | `first_sequence` to `eighth_fin`, in this order; `predicted` is a short way through them |

pub(crate) mod closed;
pub(crate) mod listen;

mod eighth_fin;
mod fifth_ack;
mod first_sequence;
mod fourth_syn;
mod predicted;
mod second_reset;
mod seventh_text;
mod sixth_urgent;
mod syn_sent;
mod third_security;

use synfin_wire::{SeqNumber, State};

use super::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::time::Instant;

/// A RST to be sent: its sequence number, and its acknowledgement number where it has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reset {
    pub(crate) seq: SeqNumber,
    pub(crate) ack: Option<SeqNumber>,
}

/// Whether a step leaves anything for the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Continue,
    /// Drop the segment, or what is left of it, and return.
    Done,
}

impl<O: Observer> Connection<O> {
    /// SEGMENT ARRIVES for this connection. Its text may be taken out of it.
    pub(super) fn segment_arrives(&mut self, now: Instant, segment: &mut Incoming) {
        if !self.may_take_predicted(now, segment) {
            self.take_by_the_steps(now, segment);
        }
    }

    fn take_by_the_steps(&mut self, now: Instant, segment: &Incoming) {
        match self.state {
            State::Closed | State::Listen => {
                self.pending.reset = closed::reset(segment);
            }
            State::SynSent => self.syn_sent(now, segment),
            _ => self.other_states(now, segment),
        }
        self.settle_timers(now);
    }

    fn other_states(&mut self, now: Instant, segment: &Incoming) {
        let is_done = self.first_check_sequence_number(now, segment) == Step::Done
            || self.second_check_rst(now, segment) == Step::Done
            || self.third_check_security(segment) == Step::Done
            || self.fourth_check_syn(now, segment) == Step::Done
            || self.fifth_check_ack(now, segment) == Step::Done;
        if !is_done {
            self.sixth_step_onwards(now, segment);
        }
    }

    /// The steps that SYN-SENT goes through too, once it has become ESTABLISHED.
    fn sixth_step_onwards(&mut self, now: Instant, segment: &Incoming) {
        self.sixth_check_urg(segment);
        if self.seventh_process_text(now, segment) == Step::Continue {
            self.eighth_check_fin(now, segment);
        }
    }

    /// The sequence number of the first octet of text: a SYN comes before it.
    fn text_seq(segment: &Incoming) -> SeqNumber {
        segment.seq() + u32::from(segment.header.flags.syn())
    }
}

#[cfg(test)]
pub(super) mod tests;
