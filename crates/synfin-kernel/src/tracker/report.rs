//! What the tracker says.

use std::net::SocketAddr;

use synfin_wire::{Owner, Process, SocketId, State, StateChange};

use crate::event::{Counters, Event, Reason};

/// One thing that the tracker says.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A socket that was there before.
    Existing(Existing),
    /// An endpoint changed its state.
    Change(Change),
    /// A process has begun to send or receive through a socket.
    Owner(Owner),
    /// What changes no state: retransmissions, resets, drops, losses.
    Event(Event),
}

/// A socket that was there before the tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Existing {
    /// Which.
    pub socket: SocketId,
    /// Its own address.
    pub local: SocketAddr,
    /// The other end's; unspecified for a listener.
    pub remote: SocketAddr,
    /// Its state.
    pub state: State,
    /// Whose it is, where that is known.
    pub process: Option<Process>,
    /// When it came into this state, in nanoseconds since the Unix epoch (UTC). Known for TIME-WAIT only, by its timer.
    pub since_ns: Option<u64>,
}

/// An endpoint changed its state, in the words of RFC 9293.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// What changed, who owns it, and whether the kernel told of this very change.
    pub change: StateChange,
    /// For how long it was in the state before, in nanoseconds, where its beginning was seen.
    pub in_state_ns: Option<u64>,
    /// Why, where the kernel tells.
    pub why: Option<Why>,
    /// With the last change for which the kernel has them: its counters.
    pub counters: Option<Counters>,
}

/// Why a state was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// This end sent a reset, for this reason.
    ResetSent(Reason),
    /// The other end sent a reset.
    ResetReceived,
    /// The socket has this error (`errno`); 110: it gave up waiting for an answer.
    Error(u32),
    /// Its timer ran out.
    Expired,
    /// A new connection took its place.
    Reused,
    /// There was no room for TIME-WAIT (`net.ipv4.tcp_max_tw_buckets`).
    NoRoom,
}
