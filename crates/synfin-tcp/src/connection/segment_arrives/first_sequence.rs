//! First, check sequence number (RFC 9293 section 3.10.7.4; RFC 7323 section 5; RFC 6191).

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use super::Step;
use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::options::{TimestampClock, is_outdated};
use crate::time::Instant;

impl<O: Observer> Connection<O> {
    pub(super) fn first_check_sequence_number(&mut self, now: Instant, segment: &Incoming) -> Step {
        let flags = segment.header.flags;
        if self.is_repeated_syn(segment) {
            // The SYN,ACK was lost, or comes too late. RFC 9293 would send an ACK here, which SYN-SENT has no use for.
            self.pending.is_syn = true;
            // RFC 3168 section 6.1.1: one that does not ask for ECN any more takes back what was asked for.
            self.agreed.is_ecn_setup &= flags.contains(Flags::ECE | Flags::CWR);
            return Step::Done;
        }
        if self.lacks_timestamp(segment) {
            return Step::Done;
        }
        // RFC 7323 section 5.3 R1: PAWS.
        if self.is_old_by_timestamp(now, segment) {
            self.on_unacceptable(now, segment);
            return Step::Done;
        }
        if !self.is_acceptable(segment) && !self.is_syn_ack_of_simultaneous_open(segment) {
            self.on_unacceptable(now, segment);
            return Step::Done;
        }
        if !flags.rst() {
            self.on_heard(now);
        }
        Step::Continue
    }

    /// The peer is there. A RST is no sign of that: it ends the connection or is nobody's.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.last_received = now;
        self.pending.keep_alives = 0;
    }

    /// Whether the SYN that we answered has come again. In a simultaneous open the other end answers for itself.
    fn is_repeated_syn(&self, segment: &Incoming) -> bool {
        let flags = segment.header.flags;
        self.state == State::SynReceived
            && segment.seq() == self.rcv.irs
            && flags.syn()
            && !flags.ack()
            && !flags.rst()
    }

    /// Whether it is the SYN,ACK of line 6 in figure 7: it repeats the SYN that we have, and acknowledges ours. By its
    /// number it is not acceptable, but the figure lets it open the connection. Waiting for something else from a peer
    /// that goes by the figure, and may have nothing to say, would take until our own SYN,ACK is sent again.
    // RFC 9293 MUST-10: simultaneous open.
    pub(super) fn is_syn_ack_of_simultaneous_open(&self, segment: &Incoming) -> bool {
        let flags = segment.header.flags;
        !self.is_passive
            && self.snd.is_syn_outstanding()
            && flags.syn()
            && flags.ack()
            && !flags.rst()
            && segment.seg_len() == 1
            && segment.seq() == self.rcv.irs
            && segment.header.ack == self.snd.iss + 1
    }

    /// Table 6: the four cases.
    fn is_acceptable(&self, segment: &Incoming) -> bool {
        let (seq, len) = (segment.seq(), segment.seg_len());
        let flags = segment.header.flags;
        let (nxt, wnd) = (self.rcv.nxt, self.rcv.wnd());
        match (len, wnd) {
            (0, 0) => seq == nxt,
            (0, _) => seq.is_within(nxt, wnd),
            // RFC 9293 MUST-66: RST and URG are processed although the window is closed; SHLD-2: also with text.
            // Special allowance for valid ACKs, URGs and RSTs (RFC 9293 section 3.10.7.4): what begins where the
            // window does is looked at; its text and its FIN find no room.
            (_, 0) => seq == nxt && !flags.syn() && (flags.ack() || flags.rst()),
            _ => seq.is_within(nxt, wnd) || (seq + (len - 1)).is_within(nxt, wnd),
        }
    }

    /// RFC 7323 section 3.2: where timestamps were agreed on, a segment without them should be dropped in silence.
    ///
    /// Not so a SYN, which agrees on its own options: a peer that has lost its memory, and may not offer timestamps any
    /// more, must hear the challenge (RFC 5961 section 4.2) that has it reset what it does not remember.
    fn lacks_timestamp(&self, segment: &Incoming) -> bool {
        let flags = segment.header.flags;
        self.agreed.timestamps.is_some()
            && segment.options.timestamps.is_none()
            && !flags.rst()
            && !flags.syn()
    }

    /// RFC 7323 section 5.3 R1.
    fn is_old_by_timestamp(&self, now: Instant, segment: &Incoming) -> bool {
        let (Some(ours), Some((value, _))) = (&self.agreed.timestamps, segment.options.timestamps) else {
            return false;
        };
        !segment.header.flags.rst()
            && TimestampClock::is_before(value, ours.recent)
            && !is_outdated(ours, now)
    }

    /// RFC 7323 section 4.3: what covers Last.ACK.sent, or comes before, sets TS.Recent.
    ///
    /// Called where the fifth step has found the acknowledgement acceptable: what is dropped before that (a RST in the
    /// window, a SYN, an acknowledgement that nobody can have sent) must not change anything, or a blind attacker
    /// could have all that the peer sends dropped as old (RFC 7323 section 5.2, RFC 5961 section 5).
    pub(super) fn update_recent_timestamp(&mut self, now: Instant, segment: &Incoming) {
        let is_due = segment.seq().is_at_or_before(self.rcv.last_ack_sent);
        if let (Some(ours), Some((value, _))) = (&mut self.agreed.timestamps, segment.options.timestamps)
            && is_due
            && (!TimestampClock::is_before(value, ours.recent) || is_outdated(ours, now))
        {
            (ours.recent, ours.recent_at) = (value, now);
        }
    }

    /// "An acknowledgment should be sent in reply (unless the RST bit is set)."
    fn on_unacceptable(&mut self, now: Instant, segment: &Incoming) {
        if segment.header.flags.rst() {
            return;
        }
        let text = segment.payload_len();
        if text > 0 || segment.header.flags.fin() {
            self.rcv.on_duplicate(Self::text_seq(segment), text);
            self.rcv.ack.on_urgent_need();
            self.on_repeated_fin(now, segment);
        } else if self.is_keep_alive(segment) {
            self.on_heard(now);
            if self.challenge.may_answer_keep_alive(now) {
                self.rcv.ack.on_urgent_need();
            }
        } else {
            // What carries nothing is answered sparingly: two ends that disagree would answer each other for ever.
            self.challenge(now);
        }
    }

    /// Whether it asks whether we are there (RFC 9293 section 3.8.4): the number before the next, and an
    /// acknowledgement that one who follows the connection can send.
    fn is_keep_alive(&self, segment: &Incoming) -> bool {
        let (flags, ack) = (segment.header.flags, segment.header.ack);
        flags.ack()
            && !flags.syn()
            && segment.seq() == self.rcv.nxt - 1
            && ack.is_at_or_before(self.snd.nxt)
            && !ack.is_before(self.snd.una)
    }

    /// A FIN that comes again in TIME-WAIT lies before the window: it restarts the time (RFC 9293 section 3.10.7.4,
    /// fifth and eighth).
    fn on_repeated_fin(&mut self, now: Instant, segment: &Incoming) {
        let end = segment.seq() + segment.seg_len();
        if self.state == State::TimeWait && segment.header.flags.fin() && end == self.rcv.nxt {
            self.start_time_wait(now);
        }
    }
}
