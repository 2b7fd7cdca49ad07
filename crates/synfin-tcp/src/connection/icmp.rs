//! What ICMP says, and how much of it is believed (RFC 9293 section 3.9.2.2, RFC 5927, RFC 1191, RFC 8201).
//!
//! An ICMP message can be forged by anyone who knows addresses and ports. It is believed only if the sequence number
//! that it quotes is in flight (RFC 5927 section 4.1), and an open connection survives all of them (section 5.2): what
//! really is unreachable times out.

use synfin_wire::{SeqNumber, State};

use super::{Connection, ConnectionError};
use crate::icmp::IcmpMessage;
use crate::observer::Observer;
use crate::time::Instant;

/// Smallest path MTU that is believed (RFC 1191 section 3: 68; RFC 8200 section 5: 1280).
const MTU_MIN_V4: u32 = 68;
const MTU_MIN_V6: u32 = 1280;

impl<O: Observer> Connection<O> {
    /// Takes in an ICMP error about a segment of this connection.
    // RFC 9293 MUST-54: ICMP errors reach the connection that they are about.
    pub fn on_icmp(&mut self, now: Instant, seq: SeqNumber, message: IcmpMessage) {
        // RFC 5927 section 4.1.
        let in_flight = u32::try_from(self.snd.nxt.distance_from(self.snd.una)).unwrap_or_default();
        if !seq.is_within(self.snd.una, in_flight) {
            return;
        }
        match message {
            // RFC 9293 MUST-55: silently discarded.
            IcmpMessage::SourceQuench => {}
            IcmpMessage::TooBig { mtu } => self.on_too_big(mtu),
            // A hard error ends an attempt. RFC 9293 SHLD-26 would have it end an open connection too; RFC 5927
            // section 5.2 says why not, and RFC 9293 section 3.9.2.2 leaves it open.
            IcmpMessage::Unreachable(why)
                if why.is_hard() && matches!(self.state(), State::SynSent | State::SynReceived) =>
            {
                self.close_with(now, Some(ConnectionError::Unreachable(why)));
            }
            IcmpMessage::Unreachable(why) => self.events.on_unreachable(why),
        }
        self.settle_timers(now);
        self.observe(now);
    }

    /// RFC 1191 section 6.4, RFC 8201 section 5.4: what was too big goes again in smaller pieces. That is no
    /// congestion.
    fn on_too_big(&mut self, mtu: u32) {
        let mtu = match mtu {
            // RFC 8201 section 4: a message that speaks of less is discarded.
            ..MTU_MIN_V6 if self.tuple.is_ipv6() => return,
            // An old router does not say how much: RFC 1191 section 7.1 has a table of plateaus, of which this is the
            // one that nearly everything passes. Each packet in flight has such an answer of its own, and with a step
            // for each of them the whole table would be gone through at once.
            0 => 576,
            mtu if self.tuple.is_ipv6() => mtu,
            mtu => mtu.max(MTU_MIN_V4),
        };
        if mtu >= self.mtu {
            return;
        }
        self.mtu = mtu;
        self.update_mss();
        self.snd.on_mss_reduced();
    }
}
