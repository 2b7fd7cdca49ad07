//! System calls, made in earnest.
//!
//! None of them blocks: what would is tried again when its socket is ready. So a script is never kept waiting by a call,
//! and there is no thread whose beginning would take time that the script has to account for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno as Error;
use rustix::net::sockopt::set_tcp_congestion;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, ipproto};
use synfin_lab::drill::{
    Errno, Given, How, MessageFlags, Octets, OptionValue, Request, Returned, Stop, SystemCall, pattern,
};

use super::{Linux, options};

/// A call that is being made.
pub(super) struct Pending {
    pub(super) call: SystemCall,
    /// Place in the stream of the first octet that it writes.
    offset: u64,
    /// Octets that it has moved already.
    done: usize,
    /// When `poll` gives up, in nanoseconds since the script began.
    pub(super) until_ns: Option<u64>,
}

/// What came of an attempt: nothing where the call has to wait.
type Attempt = Result<Option<Returned>, Stop>;

impl Pending {
    pub(super) fn new(linux: &Linux, call: &SystemCall, offset: u64) -> Self {
        let now_ns = linux.now();
        let until_ns = match call {
            SystemCall::Poll(_, Some(timeout)) => {
                Some(now_ns.saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)))
            }
            _ => None,
        };
        Self { call: call.clone(), offset, done: 0, until_ns }
    }

    /// The socket that it waits for, and what for.
    pub(super) fn waits_for(&self) -> Option<(i32, PollFlags)> {
        match &self.call {
            SystemCall::Accept(fd, _) | SystemCall::Read(fd, ..) => Some((*fd, PollFlags::IN)),
            SystemCall::Write(fd, ..) | SystemCall::Connect(fd, _) => Some((*fd, PollFlags::OUT)),
            _ => None,
        }
    }
}

/// How a call went that gives a number.
fn number(result: Result<i64, Error>) -> Returned {
    Returned { result: result.map_err(|error| Errno(error.raw_os_error())), given: Given::Nothing }
}

/// How a call went that gives nothing.
pub(super) fn plain(result: Result<(), Error>) -> Returned {
    number(result.map(|()| 0))
}

/// A value that a call gives besides zero.
pub(super) fn given(value: OptionValue) -> Returned {
    Returned { result: Ok(0), given: Given::Value(value) }
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How a call went that may have to wait.
fn unless_waiting(result: Result<Returned, Error>, waits: bool) -> Option<Returned> {
    match result {
        Err(Error::AGAIN | Error::INPROGRESS | Error::ALREADY) if waits => None,
        Err(error) => Some(number(Err(error))),
        Ok(returned) => Some(returned),
    }
}

fn is_nonblocking(fd: &OwnedFd) -> bool {
    fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK))
}

/// Makes a call that has no flag to keep it from blocking.
fn without_blocking<T>(fd: &OwnedFd, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let flags = fcntl_getfl(fd)?;
    fcntl_setfl(fd, flags | OFlags::NONBLOCK)?;
    let result = call();
    fcntl_setfl(fd, flags)?;
    result
}

impl Linux {
    /// Tries a call.
    pub(super) fn attempt(&mut self, pending: &mut Pending) -> Attempt {
        match &pending.call {
            SystemCall::Socket { is_nonblocking } => return Ok(Some(self.make_socket(*is_nonblocking))),
            SystemCall::Poll(watched, _) => return Ok(self.poll(watched, pending.until_ns)),
            SystemCall::Close(fd) => {
                let closed = self.sockets.remove(fd).map(|_| 0);
                return Ok(Some(number(closed.ok_or(Error::BADF))));
            }
            _ => {}
        }
        let Some(fd) = descriptor(&pending.call) else { return Err(unsupported(&pending.call)) };
        let Some(socket) = self.sockets.get(&fd).cloned() else {
            return Ok(Some(number(Err(Error::BADF))));
        };
        let fd: &OwnedFd = &socket;
        let waits = !is_nonblocking(fd);
        Ok(Some(match &pending.call {
            SystemCall::Bind(_, address) => {
                let port = address.map_or(self.plan.addresses.bind_port, |address| address.port());
                plain(rustix::net::bind(fd, &SocketAddr::new(self.any(), port)))
            }
            SystemCall::Listen(_, backlog) => plain(rustix::net::listen(fd, *backlog)),
            SystemCall::Accept(_, is_nonblocking) => {
                let mut flags = SocketFlags::CLOEXEC;
                flags.set(SocketFlags::NONBLOCK, *is_nonblocking);
                let accepted = without_blocking(fd, || rustix::net::accept_with(fd, flags));
                let accepted = accepted.map(|socket| number(Ok(self.register(socket).into())));
                return Ok(unless_waiting(accepted, waits));
            }
            SystemCall::Connect(_, address) => {
                let port = address.map_or(self.plan.addresses.connect_port, |address| address.port());
                let remote = SocketAddr::new(self.remote(), port);
                let connected = without_blocking(fd, || rustix::net::connect(fd, &remote));
                return Ok(unless_waiting(connected.map(|()| plain(Ok(()))), waits));
            }
            SystemCall::Read(_, len, flags) => {
                if flags.is_urgent {
                    return Err(Stop::Unsupported("recv with MSG_OOB".to_owned()));
                }
                return Ok(unless_waiting(read(fd, *len), waits && !flags.is_nonblocking));
            }
            SystemCall::Write(_, octets, flags) => {
                let waits = waits && !flags.is_nonblocking;
                return Ok(write(fd, octets, *flags, waits, pending.offset, &mut pending.done));
            }
            SystemCall::Shutdown(_, how) => plain(rustix::net::shutdown(
                fd,
                match how {
                    How::Read => Shutdown::Read,
                    How::Write => Shutdown::Write,
                    How::Both => Shutdown::Both,
                },
            )),
            SystemCall::SetNonblocking(_, is_nonblocking) => {
                let mut flags = OFlags::RDWR;
                flags.set(OFlags::NONBLOCK, *is_nonblocking);
                plain(fcntl_setfl(fd, flags))
            }
            SystemCall::GetFlags(_) => number(fcntl_getfl(fd).map(|flags| flags.bits().into())),
            SystemCall::SetOption(_, option, value) => options::set(fd, *option, value)?,
            SystemCall::GetOption(_, option) => options::option(fd, *option)?,
            SystemCall::Ioctl(_, Request::InputQueue) => match rustix::io::ioctl_fionread(fd) {
                Ok(octets) => given(OptionValue::Number(i64::try_from(octets).unwrap_or(i64::MAX))),
                Err(error) => number(Err(error)),
            },
            other => return Err(unsupported(other)),
        }))
    }

    fn make_socket(&mut self, is_nonblocking: bool) -> Returned {
        let family = if self.is_v6() { AddressFamily::INET6 } else { AddressFamily::INET };
        let mut flags = SocketFlags::CLOEXEC;
        flags.set(SocketFlags::NONBLOCK, is_nonblocking);
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP));
        let socket = socket.and_then(|socket| {
            set_tcp_congestion(&socket, &self.congestion)?;
            Ok(socket)
        });
        number(socket.map(|socket| self.register(socket).into()))
    }

    /// Whether sockets are of IPv6.
    fn is_v6(&self) -> bool {
        self.plan.addresses.local.is_ipv6() || self.plan.is_mapped
    }

    fn any(&self) -> IpAddr {
        if self.is_v6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
    }

    /// The script's side, as the family of the sockets has it.
    fn remote(&self) -> IpAddr {
        match self.plan.addresses.remote {
            IpAddr::V4(ip) if self.plan.is_mapped => ip.to_ipv6_mapped().into(),
            ip => ip,
        }
    }

    fn poll(&self, watched: &[(i32, i16)], until_ns: Option<u64>) -> Option<Returned> {
        let sockets: Vec<_> =
            watched.iter().filter_map(|(fd, events)| Some((self.sockets.get(fd)?, *events))).collect();
        let mut fds: Vec<_> = sockets
            .iter()
            .map(|(fd, events)| PollFd::new(*fd, PollFlags::from_bits_retain(events.cast_unsigned())))
            .collect();
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match rustix::event::poll(&mut fds, Some(&at_once)) {
            Ok(0) if until_ns.is_none_or(|until| self.now() < until) => None,
            Ok(ready) => {
                let events = fds.iter().map(|fd| fd.revents().bits().cast_signed()).collect();
                Some(Returned { result: Ok(count(ready)), given: Given::Events(events) })
            }
            Err(error) => Some(number(Err(error))),
        }
    }
}

fn unsupported(call: &SystemCall) -> Stop {
    let what = match call {
        SystemCall::Ioctl(_, Request::OutputQueue) => "SIOCOUTQ".to_owned(),
        SystemCall::Ioctl(_, Request::NotSent) => "SIOCOUTQNSD".to_owned(),
        other => format!("{other:?}"),
    };
    Stop::Unsupported(format!("{what} on Linux"))
}

fn descriptor(call: &SystemCall) -> Option<i32> {
    Some(match call {
        SystemCall::Bind(fd, _)
        | SystemCall::Listen(fd, _)
        | SystemCall::Accept(fd, _)
        | SystemCall::Connect(fd, _)
        | SystemCall::Read(fd, ..)
        | SystemCall::Write(fd, ..)
        | SystemCall::Shutdown(fd, _)
        | SystemCall::SetNonblocking(fd, _)
        | SystemCall::GetFlags(fd)
        | SystemCall::SetOption(fd, ..)
        | SystemCall::GetOption(fd, _)
        | SystemCall::Ioctl(fd, _) => *fd,
        _ => return None,
    })
}

fn read(fd: &OwnedFd, len: usize) -> Result<Returned, Error> {
    let mut buffer = vec![0; len];
    let (octets, _) = rustix::net::recv(fd, &mut buffer[..], RecvFlags::DONTWAIT)?;
    buffer.truncate(octets);
    Ok(Returned { result: Ok(count(octets)), given: Given::Octets(buffer.into()) })
}

/// Writes what there is room for; a call that waits goes on until all is written.
fn write(
    fd: &OwnedFd,
    octets: &Octets,
    flags: MessageFlags,
    waits: bool,
    offset: u64,
    done: &mut usize,
) -> Option<Returned> {
    let (rest, len) = match octets {
        Octets::Pattern(len) => {
            let left = len.saturating_sub(*done);
            // What a socket takes at once is less; who does not wait is told how much that was.
            let left = if waits { left.min(1 << 20) } else { left };
            (pattern(offset.saturating_add(u64::try_from(*done).unwrap_or_default()), left), *len)
        }
        Octets::These(text) => (text.slice((*done).min(text.len())..), text.len()),
    };
    let mut sending = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sending.set(SendFlags::OOB, flags.is_urgent);
    match rustix::net::send(fd, &rest, sending) {
        Ok(sent) => {
            *done += sent;
            (!waits || *done >= len).then(|| number(Ok(count(*done))))
        }
        Err(Error::AGAIN) if waits => None,
        Err(_) if *done > 0 => Some(number(Ok(count(*done)))),
        Err(error) => Some(number(Err(error))),
    }
}
