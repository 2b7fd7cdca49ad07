//! What can be observed of a connection, whoever observed it.
//!
//! Three sources give observations: captures and live interfaces give [`Frame`]s; the kernel gives [`StateChange`]s
//! and [`Owner`]s; a TCP of our own gives frames, state changes and [`Sample`]s of its variables. Each of them may have
//! to admit a [`Loss`].
//! Everything downstream learns from these alone.

use core::net::SocketAddr;

use crate::{LinkType, Sample, SeqNumber, State};

/// One thing that was observed.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// A frame passed an interface.
    Frame(Frame<'a>),
    /// One endpoint changed its state.
    StateChange(StateChange),
    /// A process owns an endpoint.
    Owner(Owner),
    /// Something else was told of an endpoint.
    Note(Note<'a>),
    /// Something happened to an endpoint of a TCP of our own: its variables after that.
    Sample(Sample),
    /// Something was not observed.
    Loss(Loss),
}

/// A frame as it was captured.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Position in the order of reading, from 1. Over several files it goes on counting.
    pub number: u64,
    /// When it was captured, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// How the bytes begin.
    pub link: LinkType,
    /// Where it was captured.
    pub interface: InterfaceId,
    /// Which way it passed the interface, where that is known.
    pub direction: Option<Direction>,
    /// Length of the frame on the wire in bytes. More than `bytes` holds where the capture cut it off.
    pub original_len: u32,
    /// What was captured, from the link header on.
    pub bytes: &'a [u8],
    /// What became of it after that, where the source knows.
    pub fate: Fate,
}

/// What became of a packet after it was seen. A capture knows nothing of it; a link in a laboratory knows all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fate {
    /// It never arrived.
    pub is_lost: bool,
    /// It arrived damaged.
    pub is_corrupted: bool,
    /// It arrived more than once.
    pub is_duplicated: bool,
    /// It was held back on its way, so that others could overtake it.
    pub is_held_back: bool,
    /// Somebody else sent it, in the name of an end.
    pub is_forged: bool,
}

/// An interface of one input. Equal numbers are the same interface, within one input only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct InterfaceId(pub u32);

/// Which way a frame passed an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Received by the capturing host.
    Inbound,
    /// Sent by the capturing host.
    Outbound,
}

/// A socket for as long as the machine is up: addresses come and go, and 127.0.0.1 exists in every namespace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketId {
    /// Network namespace: its inode number (0: unknown, or the only one).
    pub namespace: u64,
    /// The kernel's socket cookie, or a number of our own TCP's choosing.
    pub cookie: u64,
}

/// One endpoint went from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateChange {
    /// When, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Which socket.
    pub socket: SocketId,
    /// The endpoint's own address. The port is 0 where it was not chosen yet.
    pub local: SocketAddr,
    /// The address of the other end. Unspecified for a listener.
    pub remote: SocketAddr,
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// Who says so.
    pub source: Source,
    /// The source did not tell of this very change: it follows from what it told. Always so of packets.
    pub is_inferred: bool,
    /// Whose socket it is, where that is known.
    pub process: Option<Process>,
}

/// Who says that a state changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Source {
    /// The kernel.
    Kernel,
    /// The packets: whatever follows from them is inferred.
    Packet,
    /// A TCP of our own.
    Stack,
}

impl Source {
    /// The name in the JSON contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Packet => "packet",
            Self::Stack => "stack",
        }
    }
}

/// A process owns an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// When this was true, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Which socket.
    pub socket: SocketId,
    /// The endpoint's own address.
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
    /// The owner.
    pub process: Process,
}

/// What the kernel, or a TCP of our own, tells of an endpoint that is no state: what it did with a packet, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Note<'a> {
    /// When, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Network namespace in which it happened: its inode number (0: unknown, or the only one).
    pub namespace: u64,
    /// Address of the endpoint that sent the packet.
    pub local: SocketAddr,
    /// Address of the other end.
    pub remote: SocketAddr,
    /// What happened to the packet.
    pub kind: NoteKind,
    /// Its sequence number, where that is told.
    pub seq: Option<SeqNumber>,
    /// Why, as who tells it calls it; empty where that is not told.
    pub reason: &'a str,
}

/// What happened to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum NoteKind {
    /// It was sent again.
    Retransmit,
    /// It is a reset.
    ResetSent,
    /// It was dropped on its way to the other end, or by that.
    Dropped,
}

impl NoteKind {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retransmit => "retransmit",
            Self::ResetSent => "reset-sent",
            Self::Dropped => "dropped",
        }
    }
}

/// A process, by the name it had when it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Process {
    /// Process (thread group) identifier.
    pub pid: u32,
    /// Command name.
    pub name: ProcessName,
}

/// A command name: at most 15 bytes, as Linux keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessName([u8; 16]);

impl ProcessName {
    /// Keeps the first 15 bytes up to the first NUL.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let mut kept = [0; 16];
        for (to, &from) in kept.iter_mut().take(15).zip(name.iter().take_while(|&&b| b != 0)) {
            *to = from;
        }
        Self(kept)
    }

    /// The name as far as it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.0.split(|&b| b == 0).next().unwrap_or_default();
        match core::str::from_utf8(bytes) {
            Ok(name) => name,
            Err(e) => bytes
                .get(..e.valid_up_to())
                .and_then(|valid| core::str::from_utf8(valid).ok())
                .unwrap_or_default(),
        }
    }
}

impl core::fmt::Debug for ProcessName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Something was not observed, and how much of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loss {
    /// When the loss was noticed, in nanoseconds since the Unix epoch (UTC); 0 where the source has no clock.
    pub at_ns: u64,
    /// What was lost, and why.
    pub cause: LossCause,
    /// How many since the last report of the same cause.
    pub count: u64,
}

/// What was lost, and why.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum LossCause {
    /// Packets that the kernel dropped because the capture buffer was full.
    CaptureBuffer,
    /// Packets that the interface dropped before the capture saw them.
    Interface,
    /// Kernel events that did not fit into the ring.
    KernelEvents,
    /// The file broke off in the middle of a record: one for each file.
    TruncatedFile,
}

impl LossCause {
    /// Name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CaptureBuffer => "capture-buffer",
            Self::Interface => "interface",
            Self::KernelEvents => "kernel-events",
            Self::TruncatedFile => "truncated-file",
        }
    }
}
