//! Who looks on: every state change and every variable, at every event.
//!
//! The observer is a type parameter, so that nobody pays for one who does not look: with [`NoObserver`] nothing is
//! even computed. A connection owns its observer; an endpoint clones one into each.

use core::time::Duration;

use synfin_wire::{SeqNumber, SocketId, State, StateChange};

use crate::time::Instant;

/// Looks on.
pub trait Observer {
    /// Whether it looks at all.
    const LOOKS: bool = true;

    /// An endpoint of a connection changed its state.
    fn on_state_change(&mut self, change: &StateChange);

    /// Something happened to a connection: its variables after that.
    fn on_variables(&mut self, at: Instant, socket: SocketId, variables: &Variables);
}

/// Does not look.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    const LOOKS: bool = false;
    fn on_state_change(&mut self, _: &StateChange) {}
    fn on_variables(&mut self, _: Instant, _: SocketId, _: &Variables) {}
}

/// The variables of a connection, in the words of their RFCs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variables {
    /// State.
    pub state: State,
    /// `snd.una`.
    pub snd_una: SeqNumber,
    /// `snd.nxt`.
    pub snd_nxt: SeqNumber,
    /// `snd.wnd` in octets.
    pub snd_wnd: u32,
    /// `rcv.nxt`.
    pub rcv_nxt: SeqNumber,
    /// `rcv.wnd` in octets.
    pub rcv_wnd: u32,
    /// Congestion window in octets.
    pub cwnd: u32,
    /// Slow start threshold in octets.
    pub ssthresh: u32,
    /// Retransmission timeout, backoff included.
    pub rto: Duration,
    /// Smoothed round-trip time.
    pub srtt: Option<Duration>,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Octets estimated to be in the network (`pipe` of RFC 6675).
    pub in_flight: u32,
    /// Octets that the peer holds beyond `snd.una`.
    pub sacked: u32,
    /// Octets held to be lost and not yet sent again.
    pub lost: u32,
    /// Segments sent again since the start.
    pub retransmissions: u64,
    /// Effective send MSS in octets.
    pub mss: u32,
    /// Octets that wait in the send queue, unacknowledged ones included.
    pub send_queue: u32,
    /// Octets that wait for the user to read them.
    pub receive_queue: u32,
}
