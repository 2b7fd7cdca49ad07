//! STATUS (RFC 9293 section 3.10.6), and the variables for the observer.

use synfin_wire::State;

use super::Connection;
use synfin_wire::{Sample, Variables};

use crate::observer::Observer;
use crate::time::Instant;

/// What there is to know of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Info {
    /// The variables.
    pub variables: Variables,
    /// Whether SACK was agreed on.
    pub is_sack: bool,
    /// Whether timestamps were agreed on.
    pub has_timestamps: bool,
    /// Whether ECN was agreed on.
    pub is_ecn: bool,
    /// Scale of the peer's windows, and of ours.
    pub window_scale: (u8, u8),
    /// Path MTU in bytes.
    pub mtu: u32,
    /// What congestion control is about.
    pub congestion_state: CongestionState,
    /// Octets that were lost and sent again, and are not known to have arrived.
    pub resent: u32,
    /// Timeouts in a row since anything was acknowledged last.
    pub timeouts: u32,
    /// Delivery rate in octets a second, by the last sample; whether the sender had nothing more to send then.
    pub delivery_rate: Option<(u64, bool)>,
}

/// What congestion control is about, in the words of Linux's `TCP_INFO`, whose numbers these are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CongestionState {
    /// All is in order.
    Open = 0,
    /// Something is missing at the peer, which may be reordering.
    Disorder = 1,
    /// The window was reduced because of a congestion mark (RFC 3168), and data from before it is in flight.
    Reduced = 2,
    /// Losses are being repaired (RFC 6675, 6582).
    Recovery = 3,
    /// The retransmission timer has run out, and data from before that is not acknowledged.
    Loss = 4,
}

impl<O: Observer> Connection<O> {
    /// STATUS.
    #[must_use]
    pub fn info(&self) -> Info {
        Info {
            variables: self.variables(),
            is_sack: self.agreed.is_sack,
            has_timestamps: self.agreed.timestamps.is_some(),
            is_ecn: self.agreed.is_ecn,
            window_scale: (self.agreed.send_shift, self.agreed.receive_shift),
            mtu: self.mtu,
            congestion_state: self.snd.congestion_state(),
            resent: self.snd.resent(),
            timeouts: self.attempts,
            delivery_rate: self
                .snd
                .congestion
                .last_rate
                .and_then(|sample| Some((sample.per_second()?, sample.is_app_limited))),
        }
    }

    /// Octets that can be written now.
    #[must_use]
    pub fn send_room(&self) -> usize {
        self.config.send_buffer().saturating_sub(self.snd.queue.len() as usize)
    }

    pub(super) fn variables(&self) -> Variables {
        let snd = &self.snd;
        Variables {
            state: self.state,
            snd_una: snd.una,
            snd_nxt: snd.nxt,
            snd_wnd: snd.wnd,
            rcv_nxt: self.rcv.nxt,
            rcv_wnd: if self.state == State::Closed { 0 } else { self.rcv.wnd() },
            cwnd: snd.congestion.cwnd(),
            ssthresh: snd.congestion.ssthresh(),
            rto: snd.rtt.rto(&self.config.rto),
            srtt: snd.rtt.srtt(),
            rttvar: snd.rtt.rttvar(),
            in_flight: snd.in_flight(),
            sacked: snd.board.sacked(),
            lost: snd.board.lost(),
            retransmissions: snd.retransmissions,
            mss: snd.mss,
            send_queue: snd.queue.len(),
            receive_queue: self.rcv.queued(),
        }
    }

    /// Shows the variables to the observer.
    pub(super) fn observe(&mut self, now: Instant) {
        if O::LOOKS {
            let sample = Sample {
                at_ns: now.as_nanos(),
                socket: self.socket(),
                local: self.local(),
                remote: self.remote(),
                variables: self.variables(),
            };
            self.observer.on_sample(&sample);
        }
    }
}
