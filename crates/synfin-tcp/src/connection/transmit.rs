//! What goes out: everything that was owed while nothing could be sent, and data as the windows allow.

use synfin_wire::SeqNumber;
use synfin_wire::State;
use synfin_wire::tcp::{Flags, Header, OptionsBuf, SackBlock};

use super::{Connection, Reset};
use crate::congestion::Pacer;
use crate::incoming::Ecn;
use crate::observer::Observer;
use crate::options::{Offer, announced_mss};
use crate::outgoing::{Burst, Sink};
use crate::receive::Owed;
use crate::send::{Fin, Limits, Next, Payload};
use crate::time::Instant;
use crate::timers::Timer;

/// What is to be sent at the next opportunity.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    /// A RST.
    pub(super) reset: Option<Reset>,
    /// Whether it carries timestamps (RFC 7323 section 3.2): where they were agreed on.
    pub(super) is_reset_stamped: bool,
    /// Our SYN, or SYN,ACK.
    pub(super) is_syn: bool,
    /// A tail loss probe.
    pub(super) is_tail_probe: bool,
    /// A probe of the peer's window.
    pub(super) is_window_probe: bool,
    /// A keep-alive.
    pub(super) is_keep_alive: bool,
    /// Keep-alives without an answer.
    pub(super) keep_alives: u8,
    /// The last transmission left data behind though nothing but the peer's window was in its way.
    pub(super) has_tried: bool,
}

impl Pending {
    /// Nothing is to be sent.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A segment, but for what all segments have in common.
struct Outline {
    seq: SeqNumber,
    flags: Flags,
    len: u32,
    segment_size: u32,
    ecn: Ecn,
}

impl<O: Observer> Connection<O> {
    /// Sends what there is to send now, at most `budget` segments. Returns how many.
    ///
    /// What is sent at once for one user call or one batch of segments goes out as few bursts.
    pub fn poll_transmit<S: Sink + ?Sized>(&mut self, now: Instant, budget: u32, sink: &mut S) -> u32 {
        let mut left = budget;
        self.transmit_reset(now, &mut left, sink);
        if matches!(self.state, State::Closed | State::Listen) {
            return budget - left;
        }
        if self.snd.is_syn_outstanding() {
            self.transmit_syn(now, &mut left, sink);
        } else {
            self.transmit_data(now, &mut left, sink);
        }
        if left > 0 && self.state != State::SynSent && self.rcv.ack.owed() == Owed::Now {
            // RFC 9293 MUST-58: only if nothing that went out has carried it.
            for _ in 0..self.rcv.acks_due(self.agreed.is_sack).min(left) {
                self.transmit_bare(now, self.snd.nxt, sink);
                left -= 1;
            }
        }
        if left > 0 && std::mem::take(&mut self.pending.is_keep_alive) {
            // RFC 9293 SHLD-12: no data, and a sequence number that the peer has to correct.
            self.transmit_bare(now, self.snd.nxt - 1, sink);
            left -= 1;
        }
        self.settle_timers(now);
        if left != budget {
            self.observe(now);
        }
        budget - left
    }

    fn transmit_reset<S: Sink + ?Sized>(&mut self, now: Instant, left: &mut u32, sink: &mut S) {
        if *left == 0 {
            return;
        }
        if let Some(reset) = self.pending.reset.take() {
            *left -= 1;
            let mut burst = reset.burst(self.local(), self.remote(), self.config.ttl, self.config.dscp);
            if std::mem::take(&mut self.pending.is_reset_stamped) {
                burst.options = self.agreed.segment_options(now, &[]);
            }
            sink.transmit(&burst);
        }
    }

    fn transmit_syn<S: Sink + ?Sized>(&mut self, now: Instant, left: &mut u32, sink: &mut S) {
        if *left == 0 || !std::mem::take(&mut self.pending.is_syn) {
            return;
        }
        *left -= 1;
        let is_answer = self.state != State::SynSent;
        let mut flags = Flags::SYN;
        if is_answer {
            flags |= Flags::ACK;
        }
        // RFC 3168 section 6.1.1.1: a SYN that was lost may have been lost because of these.
        self.agreed.is_ecn_setup &= self.attempts == 0;
        if self.agreed.may_mark() {
            flags |= if is_answer { Flags::ECE } else { Flags::ECE | Flags::CWR };
        }
        let offer = Offer {
            mss: announced_mss(self.config.mtu, self.tuple.is_ipv6()),
            shift: self.agreed.is_scaling.then_some(self.agreed.receive_shift),
            is_sack: self.agreed.is_sack,
            timestamps: self.agreed.timestamps.map(|t| (t.clock.at(now), t.recent)),
        };
        let window = u16::try_from(self.config.receive_buffer()).unwrap_or(u16::MAX);
        let header = Header {
            source_port: self.local().port(),
            destination_port: self.remote().port(),
            seq: self.snd.iss,
            ack: if is_answer { self.rcv.nxt } else { SeqNumber(0) },
            flags,
            window,
            ..Header::default()
        };
        if self.attempts == 0 {
            self.syn_sent_at = now;
        }
        let rto = self.snd.rtt.rto(&self.config.rto);
        self.timers.start(Timer::Retransmission, now + rto);
        if is_answer {
            self.on_ack_sent();
        }
        sink.transmit(&self.burst(header, offer.options(), Payload::EMPTY, 1, Ecn::NotEct));
    }

    fn transmit_data<S: Sink + ?Sized>(&mut self, now: Instant, left: &mut u32, sink: &mut S) {
        self.pending.has_tried = false;
        if self.snd.board.is_empty() && !self.snd.has_unsent() {
            self.pending.is_tail_probe = false;
            self.pending.is_window_probe = false;
            return;
        }
        let timestamp = self.agreed.timestamps.map(|t| t.clock.at(now));
        let mut is_new_sent = false;
        while *left > 0 {
            let limits = self.limits(*left);
            let was_idle = self.snd.board.is_empty();
            let is_probe = std::mem::take(&mut self.pending.is_tail_probe) && self.snd.recovery.is_open();
            let is_window_probe = std::mem::take(&mut self.pending.is_window_probe);
            let next = if is_window_probe {
                self.snd.next_window_probe(now, &limits, timestamp)
            } else if is_probe {
                self.snd.next_probe(now, &limits, timestamp)
            } else {
                if self.is_paced_out(now) {
                    break;
                }
                self.snd.next(now, &limits, timestamp)
            };
            let Some(next) = next else {
                if is_probe {
                    continue;
                }
                self.pending.has_tried = self.snd.has_unsent();
                break;
            };
            if was_idle {
                self.stalled_since = now;
            }
            is_new_sent |= !next.is_again && !is_probe;
            if is_probe {
                // RFC 8985 section 7.3: the retransmission timer starts anew behind the probe.
                self.timers.start(Timer::Retransmission, now + self.snd.rtt.rto(&self.config.rto));
            }
            let count = next.len.div_ceil(limits.segment_size).max(1);
            *left = left.saturating_sub(count);
            // RFC 3168 sections 6.1.5 and 6.1.6: neither what is sent again nor a window probe is ECN-capable.
            let may_mark = !next.is_again && !is_window_probe;
            self.transmit_next(now, &next, limits.segment_size, may_mark, sink);
        }
        self.settle_timers(now);
        if is_new_sent || !self.timers.is_running(Timer::Probe) {
            let rto_at = self.timers.deadline(Timer::Retransmission);
            match self.snd.probe_at(now, self.agreed.is_sack, rto_at) {
                Some(at) if rto_at.is_some() => self.timers.start(Timer::Probe, at),
                _ => self.timers.stop(Timer::Probe),
            }
        }
    }

    /// What limits a transmission now.
    fn limits(&self, segments: u32) -> Limits {
        let blocks = if self.rcv.has_sack_blocks() { self.agreed.sack_room() } else { 0 };
        let mut room = [SackBlock { left: SeqNumber(0), right: SeqNumber(0) }; 4];
        let count = self.rcv.sack_blocks(room.get_mut(..blocks).unwrap_or_default());
        let sack = if count > 0 { 4 + 8 * u32::try_from(count).unwrap_or_default() } else { 0 };
        // The urgent pointer differs from segment to segment: they can't share a header.
        let segments = if self.snd.up.is_some() { 1 } else { segments };
        let congestion = &self.snd.congestion;
        let burst = Pacer::burst(congestion.cwnd(), self.snd.mss, self.snd.rtt.srtt());
        Limits {
            segment_size: self.snd.mss.saturating_sub(sack).max(1),
            segments: if self.config.pacing { segments.min(burst) } else { segments },
            window_step: if self.agreed.send_shift > 0 { 1 << self.agreed.send_shift } else { 0 },
            is_nagle: self.config.nagle,
            initial_window: self.config.initial_window,
            rto: self.snd.rtt.rto(&self.config.rto),
        }
    }

    /// Whether pacing forbids to send now; a timer says when it will not.
    fn is_paced_out(&mut self, now: Instant) -> bool {
        if !self.config.pacing {
            return false;
        }
        match self.snd.congestion.pacer.blocked_until(now) {
            Some(until) => {
                self.timers.start(Timer::Pacing, until);
                true
            }
            None => false,
        }
    }

    fn transmit_next<S: Sink + ?Sized>(
        &mut self,
        now: Instant,
        next: &Next,
        segment_size: u32,
        may_mark: bool,
        sink: &mut S,
    ) {
        let mut flags = next.flags | Flags::ACK;
        let mut ecn = Ecn::NotEct;
        // Control segments are not ECN-capable.
        if self.agreed.may_mark() && may_mark && next.len > 0 {
            ecn = Ecn::Ect0;
            if std::mem::take(&mut self.snd.recovery.is_cwr_due) {
                flags |= Flags::CWR;
            }
        }
        if self.config.pacing {
            let congestion = &mut self.snd.congestion;
            let (cwnd, is_slow) = (congestion.cwnd(), congestion.is_in_slow_start());
            congestion.pacer.on_sent(now, next.len, cwnd, self.snd.mss, self.snd.rtt.srtt(), is_slow);
        }
        if self.state == State::CloseWait && self.snd.fin == Fin::Sent {
            // RFC 9293 section 3.10.4: "then send a FIN segment, enter LAST-ACK state".
            self.become_state(now, State::LastAck);
        }
        self.transmit_outline(now, &Outline { seq: next.seq, flags, len: next.len, segment_size, ecn }, sink);
    }

    /// A segment without text.
    fn transmit_bare<S: Sink + ?Sized>(&mut self, now: Instant, seq: SeqNumber, sink: &mut S) {
        let outline = Outline { seq, flags: Flags::ACK, len: 0, segment_size: 1, ecn: Ecn::NotEct };
        self.transmit_outline(now, &outline, sink);
    }

    fn transmit_outline<S: Sink + ?Sized>(&mut self, now: Instant, outline: &Outline, sink: &mut S) {
        let Outline { seq, mut flags, len, segment_size, ecn } = *outline;
        self.rcv.update_window(self.snd.mss);
        if self.is_ce_pending {
            flags |= Flags::ECE;
        }
        let mut urgent_pointer = 0;
        if let Some(up) = self.snd.up.filter(|up| up.is_after(seq)) {
            flags |= Flags::URG;
            let ahead = u32::try_from(up.distance_from(seq)).unwrap_or_default();
            // What the field can't say is said as far as it can; later segments say the rest.
            urgent_pointer = u16::try_from(ahead).unwrap_or(u16::MAX);
        }
        let mut room = [SackBlock { left: SeqNumber(0), right: SeqNumber(0) }; 4];
        let blocks = room.get_mut(..self.agreed.sack_room()).unwrap_or_default();
        let count = self.rcv.sack_blocks(blocks);
        let options = self.agreed.segment_options(now, blocks.get(..count).unwrap_or_default());
        let header = Header {
            source_port: self.local().port(),
            destination_port: self.remote().port(),
            seq,
            ack: self.rcv.nxt,
            flags,
            window: self.rcv.window_field(),
            urgent_pointer,
            ..Header::default()
        };
        self.on_ack_sent();
        sink.transmit(&self.burst(header, options, self.snd.queue.payload(seq, len), segment_size, ecn));
    }

    fn on_ack_sent(&mut self) {
        self.rcv.on_ack_sent();
        self.timers.stop(Timer::DelayedAck);
    }

    fn burst<'a>(
        &'a self,
        header: Header,
        options: OptionsBuf,
        payload: Payload<'a>,
        segment_size: u32,
        ecn: Ecn,
    ) -> Burst<'a> {
        Burst {
            source: self.local(),
            destination: self.remote(),
            header,
            options,
            payload,
            segment_size: segment_size.max(1),
            ecn,
            ttl: self.config.ttl,
            dscp: self.config.dscp,
        }
    }
}

impl Reset {
    /// The segment.
    pub(crate) fn burst(
        &self,
        source: core::net::SocketAddr,
        destination: core::net::SocketAddr,
        ttl: u8,
        dscp: u8,
    ) -> Burst<'static> {
        let flags = if self.ack.is_some() { Flags::RST | Flags::ACK } else { Flags::RST };
        Burst {
            source,
            destination,
            header: Header {
                source_port: source.port(),
                destination_port: destination.port(),
                seq: self.seq,
                ack: self.ack.unwrap_or_default(),
                flags,
                ..Header::default()
            },
            options: OptionsBuf::new(),
            payload: Payload::EMPTY,
            segment_size: 1,
            ecn: Ecn::NotEct,
            ttl,
            dscp,
        }
    }
}
