//! SYN-SENT STATE (RFC 9293 section 3.10.7.3).

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use super::Reset;
use crate::connection::{Connection, ConnectionError};
use crate::incoming::Incoming;
use crate::observer::Observer;
use crate::time::Instant;

impl<O: Observer> Connection<O> {
    pub(super) fn syn_sent(&mut self, now: Instant, segment: &Incoming) {
        let header = &segment.header;
        let flags = header.flags;
        // First, check the ACK bit.
        if flags.ack() && (header.ack.is_at_or_before(self.snd.iss) || header.ack.is_after(self.snd.nxt)) {
            if !flags.rst() {
                self.pending.reset = Some(Reset { seq: header.ack, ack: None });
            }
            return;
        }
        // Second, check the RST bit. RFC 5961 section 3 does not apply: rcv.nxt is not known yet.
        if flags.rst() {
            if flags.ack() {
                self.close_with(now, Some(ConnectionError::Refused));
            }
            return;
        }
        // Third, check the security: see `third_security`.
        // Fourth, check the SYN bit. Fifth, if neither SYN nor RST is set, drop the segment.
        if !flags.syn() {
            return;
        }
        self.agreed.settle(now, &segment.options, self.tuple.is_ipv6());
        self.last_received = now;
        self.on_peer_syn(header.seq);
        // RFC 7323 section 2.2: the window of a SYN is never scaled.
        self.snd.set_window(header.seq, header.ack, u32::from(header.window));
        if flags.ack() {
            // RFC 3168 section 6.1.1: ECE without CWR agrees.
            self.agreed.is_ecn &= flags.contains(Flags::ECE) && !flags.contains(Flags::CWR);
            self.snd.una = header.ack;
            if self.attempts == 0 {
                // RFC 9293 MUST-18: no sample from a SYN that was sent twice.
                self.snd.rtt.on_sample(now, now.since(self.syn_sent_at), 1, &self.config.rto);
            }
            self.become_state(now, State::Established);
            self.on_established(now);
            self.rcv.ack.on_urgent_need();
            self.pending.is_syn = false;
            if !segment.payload.is_empty() || flags.fin() || flags.contains(Flags::URG) {
                self.sixth_step_onwards(now, segment);
            }
            return;
        }
        // RFC 9293 MUST-10: simultaneous open.
        // Text and FIN that came with this SYN are not acknowledged: they come again after it.
        // RFC 3168 section 6.1.1: ECE with CWR asks.
        self.agreed.is_ecn &= flags.contains(Flags::ECE | Flags::CWR);
        self.become_state(now, State::SynReceived);
        self.pending.is_syn = true;
    }
}
