//! What a TCP of our own tells of a connection beside its states: every variable.

use core::net::SocketAddr;
use core::time::Duration;

use crate::{SeqNumber, SocketId, State};

/// Something happened to an endpoint: its variables after that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Which socket.
    pub socket: SocketId,
    /// The endpoint's own address.
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
    /// The variables.
    pub variables: Variables,
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
