//! The sending half of a connection: what waits, what is in flight, what is lost, and what may be sent.

mod frto;
mod prr;
mod queue;
mod rack;
mod recovery;
mod reports;
mod scoreboard;
mod tlp;
mod transmit;

use synfin_wire::SeqNumber;

pub use self::queue::Payload;
pub(crate) use self::queue::SendQueue;
use self::rack::Rack;
pub(crate) use self::recovery::{Ack, Recovery};
pub(crate) use self::scoreboard::{Place, RateStamp, Scoreboard, Sent};
pub(crate) use self::transmit::{Limits, Next};
use crate::config::ConnectionConfig;
use crate::congestion::Controller;
use crate::rtt::RttEstimator;
use crate::time::Instant;

/// `snd`: the send sequence variables of RFC 9293 section 3.3.1, and what stands behind them.
#[derive(Debug)]
pub(crate) struct Sender {
    /// `snd.una`: the oldest sequence number that is not acknowledged.
    pub(crate) una: SeqNumber,
    /// `snd.nxt`: the next one to be sent. It never goes back: what is sent again is in the scoreboard.
    pub(crate) nxt: SeqNumber,
    /// `snd.wnd` in octets.
    // RFC 9293 MUST-1, REC-1: unsigned, and 32 bits wide.
    pub(crate) wnd: u32,
    /// `snd.up`: the octet after the urgent data that the user has written.
    pub(crate) up: Option<SeqNumber>,
    /// `snd.wl1`: sequence number of the segment that updated the window last.
    pub(crate) wl1: SeqNumber,
    /// `snd.wl2`: its acknowledgement number.
    pub(crate) wl2: SeqNumber,
    /// `iss`: our initial sequence number.
    pub(crate) iss: SeqNumber,
    /// MAX.SND.WND of RFC 5961, Max(SND.WND) of RFC 9293 section 3.8.6.2.1, in octets.
    pub(crate) max_wnd: u32,
    /// Eff.snd.MSS: octets of text in a full-sized segment with the options that every segment carries.
    pub(crate) mss: u32,
    /// Whether the user has closed, and how far that has come.
    pub(crate) fin: Fin,
    /// What waits.
    pub(crate) queue: SendQueue,
    /// What is in flight.
    pub(crate) board: Scoreboard,
    /// Loss recovery.
    pub(crate) recovery: Recovery,
    /// Congestion control.
    pub(crate) congestion: Controller,
    /// Round-trip time.
    pub(crate) rtt: RttEstimator,
    /// Segments sent again since the start.
    pub(crate) retransmissions: u64,
    rack: Rack,
    /// When the last segment with text was sent.
    last_sent: Instant,
    /// The congestion window was in full use until this was sent: acknowledgements up to here may widen it.
    limited_until: SeqNumber,
}

/// Our FIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fin {
    /// The user has not closed.
    None,
    /// It follows the last octet of the queue.
    Queued,
    /// It was sent, and took a sequence number.
    Sent,
}

impl Sender {
    /// Before the SYN is sent.
    pub(crate) fn new(iss: SeqNumber, config: &ConnectionConfig) -> Self {
        Self {
            una: iss,
            nxt: iss,
            wnd: 0,
            up: None,
            wl1: SeqNumber(0),
            wl2: SeqNumber(0),
            iss,
            max_wnd: 0,
            mss: 0,
            fin: Fin::None,
            queue: SendQueue::new(iss + 1),
            board: Scoreboard::default(),
            recovery: Recovery::new(iss),
            congestion: Controller::new(config),
            rtt: RttEstimator::new(&config.rto),
            retransmissions: 0,
            rack: Rack::new(iss),
            last_sent: Instant::ZERO,
            limited_until: iss,
        }
    }

    /// Whether our SYN was sent and not acknowledged.
    pub(crate) fn is_syn_outstanding(&self) -> bool {
        self.una == self.iss && self.nxt != self.iss
    }

    /// Whether our FIN was sent and is acknowledged.
    pub(crate) fn is_fin_acknowledged(&self) -> bool {
        self.fin == Fin::Sent && self.una == self.nxt
    }

    /// Octets that were never sent.
    pub(crate) fn unsent(&self) -> u32 {
        let from = self.nxt.later(self.iss + 1);
        u32::try_from(self.queue.end().distance_from(from)).unwrap_or_default()
    }

    /// Whether there is anything that was never sent, the FIN included.
    pub(crate) fn has_unsent(&self) -> bool {
        self.unsent() > 0 || self.fin == Fin::Queued
    }

    /// The right edge of the peer's window.
    fn right_edge(&self) -> SeqNumber {
        self.una + self.wnd
    }

    /// Sequence numbers that the peer's window leaves for new data. Nothing where it shrank below what was sent.
    // RFC 9293 MUST-34: a window that shrinks does no harm; SHLD-15: no new data is sent then.
    pub(crate) fn usable_window(&self) -> u32 {
        u32::try_from(self.right_edge().distance_from(self.nxt)).unwrap_or_default()
    }

    /// `pipe`: sequence numbers believed to be in the network.
    pub(crate) fn in_flight(&self) -> u32 {
        self.board.pipe().saturating_sub(self.recovery.presumed_received(self.mss))
    }

    /// Sequence numbers that were lost, sent again, and are not known to have arrived. Looks through all that is in
    /// flight.
    pub(crate) fn resent(&self) -> u32 {
        let records = (0..self.board.len()).filter_map(|index| self.board.at(index));
        records.filter(|record| record.place == Place::Resent).map(|record| record.len).sum()
    }

    /// Takes the window from a segment, if that is not older than the last one used.
    pub(crate) fn update_window(&mut self, seq: SeqNumber, ack: SeqNumber, wnd: u32) {
        let is_newer = self.wl1.is_before(seq) || (self.wl1 == seq && self.wl2.is_at_or_before(ack));
        if is_newer {
            self.set_window(seq, ack, wnd);
        }
    }

    /// Takes the window from a segment.
    pub(crate) fn set_window(&mut self, seq: SeqNumber, ack: SeqNumber, wnd: u32) {
        (self.wnd, self.wl1, self.wl2) = (wnd, seq, ack);
        self.max_wnd = self.max_wnd.max(wnd);
    }

    /// Forgets everything that waits or is in flight.
    pub(crate) fn flush(&mut self) {
        self.queue.clear();
        self.board.clear();
        self.fin = if self.fin == Fin::Queued { Fin::None } else { self.fin };
        self.up = None;
    }
}
