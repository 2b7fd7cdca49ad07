//! What the kernel says, one thing at a time.
//!
//! These are Linux's words: a socket that closes into TIME-WAIT goes to CLOSED here. A tracker turns
//! them into the states of RFC 9293.

use std::net::SocketAddr;

use synfin_wire::{Loss, Process, SocketId, State, tcp::Flags};

/// One event.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A full socket changed its state.
    Changed(Changed),
    /// A socket has chosen its local port and is about to send its SYN: SYN-SENT begins. Where this is told, the change
    /// to SYN-SENT, which comes a moment earlier and without a port, is not.
    Connecting(Subject, Task),
    /// A listener has taken in a SYN: SYN-RECEIVED begins, in a request socket whose cookie the connection inherits.
    RequestCreated(Subject),
    /// A request socket was given up: its SYN-ACK was never answered, or the listener is gone.
    RequestExpired(Subject),
    /// A process sends or receives through the socket.
    Owner(Subject, Task),
    /// A segment was sent again.
    Retransmit(Retransmit),
    /// A reset was sent.
    ResetSent(ResetSent),
    /// A reset was received, by a socket in this state.
    ResetReceived(Subject, State),
    /// A packet was dropped.
    Dropped(Dropped),
    /// A segment reached a socket that its process has closed: a time-wait socket.
    TimeWaitSegment(TimeWaitSegment),
    /// The timer of a time-wait socket ran out, in this state: TIME-WAIT, or FIN-WAIT-2 without a process.
    TimeWaitExpired(Subject, State),
    /// A process began another one. Numbers are those of the initial namespace of processes.
    Forked {
        /// When, in nanoseconds since the Unix epoch (UTC).
        at_ns: u64,
        /// The process that began it.
        parent: u32,
        /// The new one.
        child: u32,
    },
    /// Events were lost.
    Lost(Loss),
}

impl Event {
    /// What it is about; nothing for a loss.
    #[must_use]
    pub fn subject(&self) -> Option<&Subject> {
        Some(match self {
            Self::Changed(Changed { subject, .. })
            | Self::Connecting(subject, _)
            | Self::RequestCreated(subject)
            | Self::RequestExpired(subject)
            | Self::Owner(subject, _)
            | Self::Retransmit(Retransmit { subject, .. })
            | Self::ResetSent(ResetSent { subject, .. })
            | Self::ResetReceived(subject, _)
            | Self::Dropped(Dropped { subject, .. })
            | Self::TimeWaitSegment(TimeWaitSegment { subject, .. })
            | Self::TimeWaitExpired(subject, _) => subject,
            Self::Lost(_) | Self::Forked { .. } => return None,
        })
    }

    /// When, in nanoseconds since the Unix epoch (UTC).
    #[must_use]
    pub fn at_ns(&self) -> u64 {
        match self {
            Self::Lost(loss) => loss.at_ns,
            Self::Forked { at_ns, .. } => *at_ns,
            _ => self.subject().map_or(0, |subject| subject.at_ns),
        }
    }
}

/// When, and which socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// In nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// The socket. Its cookie is 0 where there is none: a packet to a port where nobody listens.
    pub socket: SocketId,
    /// Its own address, IPv4-mapped IPv6 as IPv4. The port is 0 where it is not chosen yet.
    pub local: SocketAddr,
    /// The other end's.
    pub remote: SocketAddr,
}

/// A process in the middle of using a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Task {
    /// The process (not the thread), numbered as in the initial namespace of processes.
    pub process: Process,
    /// Its control group (version 2): the inode number of the group's directory.
    pub cgroup: u64,
}

/// A full socket changed its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Changed {
    /// When, and which socket.
    pub subject: Subject,
    /// State before.
    pub from: State,
    /// State after. Never TIME-WAIT: Linux hands such a connection to a smaller socket and closes this one.
    pub to: State,
    /// Who did it, where a process did: it held the lock of the socket. Nobody, where it is known from an earlier event
    /// that this process uses this socket: names are dear to get.
    pub task: Option<Task>,
    /// The error that the socket reports to its owner (`errno`), 0 for none.
    pub error: u32,
    /// The peer's FIN was received before.
    pub is_fin_received: bool,
    /// No process has it open any more.
    pub is_orphan: bool,
    /// Closing where TIME-WAIT should follow: the namespace had no room for it (`tcp_max_tw_buckets`).
    /// Older kernels do not tell.
    pub is_time_wait_full: bool,
    /// Leaving SYN-RECEIVED: for how long it was in it, in nanoseconds, by the kernel's own first round-trip sample (from the
    /// first SYN-ACK; none where that was sent again, or for a SYN cookie).
    pub handshake_ns: Option<u64>,
    /// At the end: what the kernel has counted.
    pub counters: Option<Counters>,
}

/// The kernel's counters of a connection (`tcp_info`), from this end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Payload sent, with what was sent again.
    pub bytes_sent: u64,
    /// Sent and acknowledged: payload, SYN and FIN.
    pub bytes_acked: u64,
    /// Received in order: payload and FIN.
    pub bytes_received: u64,
    /// Payload sent again.
    pub bytes_retransmitted: u64,
    /// Segments sent.
    pub segments_out: u32,
    /// Segments received.
    pub segments_in: u32,
    /// Segments with payload sent.
    pub data_segments_out: u32,
    /// Segments with payload received.
    pub data_segments_in: u32,
    /// Segments sent again, SYN and FIN too.
    pub retransmits: u32,
    /// Smoothed round-trip time in nanoseconds (to the microsecond), 0 where there was no sample.
    pub srtt_ns: u64,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Maximum segment size in bytes.
    pub mss: u32,
}

/// A segment was sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retransmit {
    /// When, and which socket.
    pub subject: Subject,
    /// In which state; SYN-RECEIVED for a SYN-ACK.
    pub state: State,
    /// Timeouts in a row for this segment; 0 where acknowledgements told of the loss.
    pub timeouts: u8,
    /// Its sequence number (`seg.seq`), 0 for a SYN-ACK.
    pub seq: u32,
    /// The number after its last (`seg.seq + seg.len`), 0 for a SYN-ACK.
    pub end_seq: u32,
}

/// A reset was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetSent {
    /// When, and which socket: cookie 0 where no connection answered.
    pub subject: Subject,
    /// The socket's state, where there is a socket.
    pub state: Option<State>,
    /// Why (`enum sk_rst_reason`; Linux 6.10).
    pub reason: Reason,
}

/// A packet was dropped by the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// When; `local` is the packet's source, `remote` its destination. The socket is the one that should have received it,
    /// where it got that far: for the third segment of a handshake, the listener.
    pub subject: Subject,
    /// Its flags.
    pub flags: Flags,
    /// Its sequence number.
    pub seq: u32,
    /// Why (`enum skb_drop_reason`).
    pub reason: Reason,
}

/// A segment reached a time-wait socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeWaitSegment {
    /// When, and which connection, seen from this end.
    pub subject: Subject,
    /// State now that the segment was heard: FIN-WAIT-2 or TIME-WAIT.
    pub state: State,
    /// The segment destroyed it: a reset, or data that nobody can take any more. A new SYN that takes its place is not
    /// seen here.
    pub is_destroyed: bool,
    /// The segment's flags.
    pub flags: Flags,
}

/// The kernel's reason for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reason {
    /// Its number, which differs between kernels.
    pub number: u32,
    /// Its name in the running kernel (`NO_SOCKET`), where the kernel tells.
    pub name: Option<&'static str>,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            Some(name) => f.pad(name),
            None => write!(f, "reason {}", self.number),
        }
    }
}
