//! System calls as values, whoever makes them. What the words in a script's calls mean is in `meaning`.

mod meaning;

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

pub(crate) use self::meaning::{number, option_value, poll_field};
use super::errno::Errno;

/// Most octets that one call may move.
pub(crate) const OCTETS_MAX: usize = 64 << 20;

/// A file descriptor as the script has it.
pub type Descriptor = i32;

/// A system call.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum SystemCall {
    /// `socket`
    Socket {
        /// Whether it does not block (`SOCK_NONBLOCK`).
        is_nonblocking: bool,
    },
    /// `bind`; without an address: the usual one.
    Bind(Descriptor, Option<SocketAddr>),
    /// `listen`
    Listen(Descriptor, i32),
    /// `accept` and `accept4`
    Accept(Descriptor, bool),
    /// `connect`; without an address: the usual one.
    Connect(Descriptor, Option<SocketAddr>),
    /// `read`, `recv`, `recvfrom`, `readv`, `recvmsg`
    Read(Descriptor, usize, MessageFlags),
    /// `write`, `send`, `sendto`, `writev`, `sendmsg`
    Write(Descriptor, Octets, MessageFlags),
    /// `close`
    Close(Descriptor),
    /// `shutdown`
    Shutdown(Descriptor, How),
    /// `fcntl(F_SETFL)`: whether it is not to block.
    SetNonblocking(Descriptor, bool),
    /// `fcntl(F_GETFL)`
    GetFlags(Descriptor),
    /// `setsockopt`
    SetOption(Descriptor, SocketOption, OptionValue),
    /// `getsockopt`
    GetOption(Descriptor, SocketOption),
    /// `ioctl`
    Ioctl(Descriptor, Request),
    /// `poll`, with the time to wait; `None`: for ever.
    Poll(Vec<(Descriptor, i16)>, Option<Duration>),
}

/// What is written: a pattern by its place in the stream, or a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Octets {
    /// So many octets of the pattern.
    Pattern(usize),
    /// These octets.
    These(Bytes),
}

/// Flags of `send` and `recv`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MessageFlags {
    /// `MSG_DONTWAIT`
    pub is_nonblocking: bool,
    /// `MSG_OOB`
    pub is_urgent: bool,
}

/// Directions of `shutdown`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// `SHUT_RD`
    Read,
    /// `SHUT_WR`
    Write,
    /// `SHUT_RDWR`
    Both,
}

/// Requests of `ioctl`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// `SIOCINQ`, `FIONREAD`: octets to be read.
    InputQueue,
    /// `SIOCOUTQ`: octets not acknowledged.
    OutputQueue,
    /// `SIOCOUTQNSD`: octets not sent.
    NotSent,
}

/// Options of sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketOption {
    /// `SO_REUSEADDR`, `SO_REUSEPORT`, `SO_PRIORITY`: of no consequence here.
    Indifferent(&'static str),
    /// `SO_ERROR`
    Error,
    /// `SO_LINGER`
    Linger,
    /// `SO_SNDBUF`
    SendBuffer,
    /// `SO_RCVBUF`
    ReceiveBuffer,
    /// `SO_KEEPALIVE`
    KeepAlive,
    /// `TCP_NODELAY`
    NoDelay,
    /// `TCP_MAXSEG`
    MaximumSegment,
    /// `TCP_KEEPIDLE`
    KeepIdle,
    /// `TCP_KEEPINTVL`
    KeepInterval,
    /// `TCP_KEEPCNT`
    KeepCount,
    /// `TCP_USER_TIMEOUT`
    UserTimeout,
    /// `TCP_CONGESTION`
    Congestion,
    /// `TCP_QUICKACK`
    QuickAck,
    /// `TCP_SYNCNT`
    SynCount,
    /// `TCP_LINGER2`
    FinWait2,
    /// `IP_TOS`, `IPV6_TCLASS`
    TrafficClass,
    /// `IP_TTL`, `IPV6_UNICAST_HOPS`
    TimeToLive,
}

/// What an option is set to, or is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OptionValue {
    /// A number.
    Number(i64),
    /// A name.
    Text(String),
    /// Whether to linger, and for how many seconds.
    Linger(bool, i32),
}

/// What a call returned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Returned {
    /// What it returned, or how it failed.
    pub result: Result<i64, Errno>,
    /// What it gave besides.
    pub given: Given,
}

/// What a call gives besides what it returns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Given {
    /// Nothing.
    #[default]
    Nothing,
    /// Octets that were read.
    Octets(Bytes),
    /// The value of an option, or of an `ioctl`.
    Value(OptionValue),
    /// What `poll` found, for each descriptor.
    Events(Vec<i16>),
}

impl Returned {
    pub(crate) fn ok(value: impl Into<i64>) -> Self {
        Self { result: Ok(value.into()), given: Given::Nothing }
    }

    pub(crate) fn error(errno: Errno) -> Self {
        Self { result: Err(errno), given: Given::Nothing }
    }

    pub(crate) fn given(given: Given) -> Self {
        Self { result: Ok(0), given }
    }
}

impl SystemCall {
    /// The descriptors that it is about.
    pub(crate) fn descriptors_mut(&mut self) -> Vec<&mut Descriptor> {
        match self {
            Self::Socket { .. } => Vec::new(),
            Self::Bind(fd, _)
            | Self::Listen(fd, _)
            | Self::Accept(fd, _)
            | Self::Connect(fd, _)
            | Self::Read(fd, ..)
            | Self::Write(fd, ..)
            | Self::Close(fd)
            | Self::Shutdown(fd, _)
            | Self::SetNonblocking(fd, _)
            | Self::GetFlags(fd)
            | Self::SetOption(fd, ..)
            | Self::GetOption(fd, _)
            | Self::Ioctl(fd, _) => vec![fd],
            Self::Poll(list, _) => list.iter_mut().map(|(fd, _)| fd).collect(),
        }
    }
}
