//! Constants by name, with Linux's values.

use synfin_wire::State;

use super::calls::SocketOption;

pub(crate) const O_NONBLOCK: i64 = 0x800;
pub(crate) const O_RDWR: i64 = 2;
pub(crate) const F_GETFL: i64 = 3;
pub(crate) const F_SETFL: i64 = 4;

pub(crate) const POLLIN: i16 = 0x1;
pub(crate) const POLLPRI: i16 = 0x2;
pub(crate) const POLLOUT: i16 = 0x4;
pub(crate) const POLLERR: i16 = 0x8;
pub(crate) const POLLHUP: i16 = 0x10;
pub(crate) const POLLNVAL: i16 = 0x20;
pub(crate) const POLLRDNORM: i16 = 0x40;
pub(crate) const POLLWRNORM: i16 = 0x100;
pub(crate) const POLLRDHUP: i16 = 0x2000;

/// Constants that calls use as numbers.
const CONSTANTS: [(&str, i64); 26] = [
    ("F_GETFL", F_GETFL),
    ("F_SETFL", F_SETFL),
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", O_RDWR),
    ("O_NONBLOCK", O_NONBLOCK),
    ("SOCK_NONBLOCK", O_NONBLOCK),
    ("SOCK_CLOEXEC", 0x8_0000),
    ("SHUT_RD", 0),
    ("SHUT_WR", 1),
    ("SHUT_RDWR", 2),
    ("SOMAXCONN", 4096),
    ("POLLIN", POLLIN as i64),
    ("POLLPRI", POLLPRI as i64),
    ("POLLOUT", POLLOUT as i64),
    ("POLLERR", POLLERR as i64),
    ("POLLHUP", POLLHUP as i64),
    ("POLLNVAL", POLLNVAL as i64),
    ("POLLRDNORM", POLLRDNORM as i64),
    ("POLLWRNORM", POLLWRNORM as i64),
    ("POLLRDHUP", POLLRDHUP as i64),
    ("ECONNREFUSED", 111),
    ("ECONNRESET", 104),
    ("ETIMEDOUT", 110),
    ("EHOSTUNREACH", 113),
    ("ENETUNREACH", 101),
];

/// A constant.
pub(crate) fn constant(name: &str) -> Option<i64> {
    let known = CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    known.or_else(|| super::errno::Errno::by_name(name).map(|errno| errno.0.into()))
}

/// Options of sockets.
const OPTIONS: [(&str, SocketOption); 22] = [
    ("SO_REUSEADDR", SocketOption::Indifferent("SO_REUSEADDR")),
    ("SO_REUSEPORT", SocketOption::Indifferent("SO_REUSEPORT")),
    ("SO_PRIORITY", SocketOption::Indifferent("SO_PRIORITY")),
    ("SO_ERROR", SocketOption::Error),
    ("SO_LINGER", SocketOption::Linger),
    ("SO_SNDBUF", SocketOption::SendBuffer),
    ("SO_RCVBUF", SocketOption::ReceiveBuffer),
    ("SO_KEEPALIVE", SocketOption::KeepAlive),
    ("TCP_NODELAY", SocketOption::NoDelay),
    ("TCP_MAXSEG", SocketOption::MaximumSegment),
    ("TCP_KEEPIDLE", SocketOption::KeepIdle),
    ("TCP_KEEPINTVL", SocketOption::KeepInterval),
    ("TCP_KEEPCNT", SocketOption::KeepCount),
    ("TCP_USER_TIMEOUT", SocketOption::UserTimeout),
    ("TCP_CONGESTION", SocketOption::Congestion),
    ("TCP_QUICKACK", SocketOption::QuickAck),
    ("TCP_SYNCNT", SocketOption::SynCount),
    ("TCP_LINGER2", SocketOption::FinWait2),
    ("IP_TOS", SocketOption::TrafficClass),
    ("IPV6_TCLASS", SocketOption::TrafficClass),
    ("IP_TTL", SocketOption::TimeToLive),
    ("IPV6_UNICAST_HOPS", SocketOption::TimeToLive),
];

/// An option of a socket.
pub(crate) fn socket_option(name: &str) -> Option<SocketOption> {
    OPTIONS.iter().find(|(known, _)| *known == name).map(|(_, option)| *option)
}

impl SocketOption {
    /// Its name in scripts; the first one, where it has several.
    #[must_use]
    pub fn name(self) -> &'static str {
        OPTIONS.iter().find(|(_, option)| *option == self).map_or("an option", |(name, _)| name)
    }
}

/// Linux's numbers of the states (net/tcp_states.h).
#[must_use]
pub fn state_number(state: State) -> i128 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => 10,
        State::Closing => 11,
    }
}
