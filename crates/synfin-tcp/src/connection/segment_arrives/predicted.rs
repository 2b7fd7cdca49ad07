//! Header prediction: the segment that is expected more than any other, in few steps.
//!
//! In ESTABLISHED most segments that arrive are text, next in order, that says nothing else that is new. For those the
//! eight steps of RFC 9293 section 3.10.7.4 come down to what is here; everything else takes all of them.

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::TimestampClock;
use crate::receive::{DelayedAck, Owed};
use crate::time::Instant;
use crate::timers::Timer;

impl<O: Observer> Connection<O> {
    /// Takes in a segment if it is one of those that are expected, and says whether it was.
    pub(super) fn may_take_predicted(&mut self, now: Instant, segment: &mut Incoming) -> bool {
        let is_predicted = self.is_predicted(segment);
        if is_predicted {
            self.take_predicted(now, segment);
        }
        is_predicted
    }

    fn is_predicted(&self, segment: &Incoming) -> bool {
        let header = &segment.header;
        self.state == State::Established
            // Neither SYN, FIN, RST nor URG; nor anything of ECN.
            && header.flags.without(Flags::PSH) == Flags::ACK
            && !self.agreed.is_ecn
            && !self.is_released
            && header.ack == self.snd.una
            && u32::from(header.window) << self.agreed.send_shift == self.snd.wnd
            && self.snd.wnd > 0
            && !segment.options.has_sack()
            && self.is_predicted_time(segment)
            && self.rcv.may_append(header.seq, &segment.payload)
    }

    /// RFC 7323 section 5.3 R1: not old by its timestamp.
    fn is_predicted_time(&self, segment: &Incoming) -> bool {
        match (&self.agreed.timestamps, segment.options.timestamps) {
            (None, _) => true,
            (Some(ours), Some((value, _))) => !TimestampClock::is_before(value, ours.recent),
            (Some(_), None) => false,
        }
    }

    fn take_predicted(&mut self, now: Instant, segment: &mut Incoming) {
        // First.
        if let (Some(ours), Some((value, _))) = (&mut self.agreed.timestamps, segment.options.timestamps)
            && segment.header.seq.is_at_or_before(self.rcv.last_ack_sent)
        {
            (ours.recent, ours.recent_at) = (value, now);
        }
        self.on_heard(now);
        // Fifth.
        self.snd.update_window(segment.header.seq, segment.header.ack, self.snd.wnd);
        // Seventh.
        let rmss = self.rmss();
        self.rcv.append(std::mem::take(&mut segment.payload), rmss);
        self.events.on_readable();
        if self.rcv.ack.owed() == Owed::Later && !self.timers.is_running(Timer::DelayedAck) {
            self.timers.start(Timer::DelayedAck, now + DelayedAck::delay(self.config.delayed_ack));
        }
    }
}

#[cfg(test)]
mod tests;
