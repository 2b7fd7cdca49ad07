//! Errors of system calls, as Linux numbers and names them.

use synfin_tcp::{ConnectionError, Unreachable};

/// An error of a system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

/// Numbers, names, and what they mean.
const NAMES: [(i32, &str, &str); 34] = [
    (1, "EPERM", "Operation not permitted"),
    (2, "ENOENT", "No such file or directory"),
    (4, "EINTR", "Interrupted system call"),
    (9, "EBADF", "Bad file descriptor"),
    (11, "EAGAIN", "Resource temporarily unavailable"),
    (12, "ENOMEM", "Cannot allocate memory"),
    (13, "EACCES", "Permission denied"),
    (14, "EFAULT", "Bad address"),
    (22, "EINVAL", "Invalid argument"),
    (25, "ENOTTY", "Inappropriate ioctl for device"),
    (32, "EPIPE", "Broken pipe"),
    (71, "EPROTO", "Protocol error"),
    (88, "ENOTSOCK", "Socket operation on non-socket"),
    (89, "EDESTADDRREQ", "Destination address required"),
    (90, "EMSGSIZE", "Message too long"),
    (92, "ENOPROTOOPT", "Protocol not available"),
    (93, "EPROTONOSUPPORT", "Protocol not supported"),
    (95, "EOPNOTSUPP", "Operation not supported"),
    (97, "EAFNOSUPPORT", "Address family not supported by protocol"),
    (98, "EADDRINUSE", "Address already in use"),
    (99, "EADDRNOTAVAIL", "Cannot assign requested address"),
    (100, "ENETDOWN", "Network is down"),
    (101, "ENETUNREACH", "Network is unreachable"),
    (103, "ECONNABORTED", "Software caused connection abort"),
    (104, "ECONNRESET", "Connection reset by peer"),
    (105, "ENOBUFS", "No buffer space available"),
    (106, "EISCONN", "Transport endpoint is already connected"),
    (107, "ENOTCONN", "Transport endpoint is not connected"),
    (110, "ETIMEDOUT", "Connection timed out"),
    (111, "ECONNREFUSED", "Connection refused"),
    (112, "EHOSTDOWN", "Host is down"),
    (113, "EHOSTUNREACH", "No route to host"),
    (114, "EALREADY", "Operation already in progress"),
    (115, "EINPROGRESS", "Operation now in progress"),
];

impl Errno {
    pub(crate) const EBADF: Self = Self(9);
    pub(crate) const EAGAIN: Self = Self(11);
    pub(crate) const EINVAL: Self = Self(22);
    pub(crate) const EPIPE: Self = Self(32);
    pub(crate) const ENOPROTOOPT: Self = Self(92);
    pub(crate) const EOPNOTSUPP: Self = Self(95);
    pub(crate) const EADDRINUSE: Self = Self(98);
    pub(crate) const EADDRNOTAVAIL: Self = Self(99);
    pub(crate) const ENETUNREACH: Self = Self(101);
    pub(crate) const ECONNABORTED: Self = Self(103);
    pub(crate) const ECONNRESET: Self = Self(104);
    pub(crate) const EISCONN: Self = Self(106);
    pub(crate) const ENOTCONN: Self = Self(107);
    pub(crate) const ETIMEDOUT: Self = Self(110);
    pub(crate) const ECONNREFUSED: Self = Self(111);
    pub(crate) const EHOSTUNREACH: Self = Self(113);
    pub(crate) const EALREADY: Self = Self(114);
    pub(crate) const EINPROGRESS: Self = Self(115);

    /// By name; `EWOULDBLOCK` is another one for `EAGAIN`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let name = if name == "EWOULDBLOCK" { "EAGAIN" } else { name };
        NAMES.iter().find(|(_, known, _)| *known == name).map(|(number, ..)| Self(*number))
    }

    /// Such as `EAGAIN (Resource temporarily unavailable)`.
    pub(crate) fn in_words(self) -> String {
        match NAMES.iter().find(|(number, ..)| *number == self.0) {
            Some((_, name, meaning)) => format!("{name} ({meaning})"),
            None => format!("errno {}", self.0),
        }
    }
}

impl From<ConnectionError> for Errno {
    /// As Linux tells it (net/ipv4/icmp.c has the table for ICMP).
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Refused => Self::ECONNREFUSED,
            ConnectionError::Reset => Self::ECONNRESET,
            ConnectionError::Aborted => Self::ECONNABORTED,
            ConnectionError::TimedOut | ConnectionError::PeerGone => Self::ETIMEDOUT,
            ConnectionError::Unreachable(why) => why.into(),
            _ => Self(5),
        }
    }
}

impl From<Unreachable> for Errno {
    fn from(why: Unreachable) -> Self {
        match why {
            Unreachable::Network => Self::ENETUNREACH,
            Unreachable::Protocol => Self::ENOPROTOOPT,
            Unreachable::Port => Self::ECONNREFUSED,
            Unreachable::SourceRoute => Self::EOPNOTSUPP,
            Unreachable::ParameterProblem => Self(71),
            _ => Self::EHOSTUNREACH,
        }
    }
}
