//! System calls, made in earnest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::net::sockopt::set_tcp_congestion;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, ipproto};
use synfin_lab::drill::{
    At, Errno, Given, How, MessageFlags, Octets, OptionValue, Request, Returned, Stop, SystemCall, pattern,
};

use super::{Linux, options};

/// What came of a call.
pub(super) enum Done {
    /// This.
    Returned(Returned),
    /// A new socket.
    Socket(OwnedFd),
}

/// A call that is ready to be made, on any thread.
type Task = Box<dyn FnOnce() -> Done + Send>;

/// How a call went that gives a number.
fn number(result: Result<i64, rustix::io::Errno>) -> Done {
    let result = result.map_err(|errno| Errno(errno.raw_os_error()));
    Done::Returned(Returned { result, given: Given::Nothing })
}

fn none(result: Result<(), rustix::io::Errno>) -> Done {
    number(result.map(|()| 0))
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Gets a call ready.
pub(super) fn task(linux: &Linux, call: &SystemCall, at: &At) -> Result<Task, Stop> {
    if let SystemCall::Socket { is_nonblocking } = call {
        return Ok(socket(linux, *is_nonblocking));
    }
    if let SystemCall::Poll(watched, timeout) = call {
        return Ok(poll(linux, watched, *timeout));
    }
    let fd = match descriptor(call).map(|fd| linux.socket(fd)) {
        Some(Ok(socket)) => socket,
        Some(Err(errno)) => {
            let returned = Returned { result: Err(errno), given: Given::Nothing };
            return Ok(Box::new(move || Done::Returned(returned)));
        }
        None => return Err(unsupported(call)),
    };
    Ok(match call.clone() {
        SystemCall::Bind(_, address) => {
            let usual = SocketAddr::new(any(linux), linux.plan.addresses.bind_port);
            let address = address.map_or(usual, |address| SocketAddr::new(any(linux), address.port()));
            Box::new(move || none(rustix::net::bind(&*fd, &address)))
        }
        SystemCall::Listen(_, backlog) => Box::new(move || none(rustix::net::listen(&*fd, backlog))),
        SystemCall::Accept(_, is_nonblocking) => Box::new(move || {
            let flags = if is_nonblocking { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
            made(rustix::net::accept_with(&*fd, flags | SocketFlags::CLOEXEC))
        }),
        SystemCall::Connect(_, address) => {
            let remote = mapped(linux, linux.plan.addresses.remote);
            let port = address.map_or(linux.plan.addresses.connect_port, |address| address.port());
            Box::new(move || none(rustix::net::connect(&*fd, &SocketAddr::new(remote, port))))
        }
        SystemCall::Read(_, len, flags) => {
            if flags.is_urgent {
                return Err(Stop::Unsupported("recv with MSG_OOB".to_owned()));
            }
            Box::new(move || read(&fd, len, flags))
        }
        SystemCall::Write(_, octets, flags) => {
            let text = match octets {
                Octets::Pattern(len) => pattern(at.offset, len),
                Octets::These(text) => text,
            };
            Box::new(move || write(&fd, &text, flags))
        }
        SystemCall::Shutdown(_, how) => {
            let how = match how {
                How::Read => Shutdown::Read,
                How::Write => Shutdown::Write,
                How::Both => Shutdown::Both,
            };
            Box::new(move || none(rustix::net::shutdown(&*fd, how)))
        }
        SystemCall::SetNonblocking(_, is_nonblocking) => Box::new(move || {
            let flags = if is_nonblocking { OFlags::NONBLOCK } else { OFlags::empty() };
            none(fcntl_setfl(&*fd, OFlags::RDWR | flags))
        }),
        SystemCall::GetFlags(_) => {
            Box::new(move || number(fcntl_getfl(&*fd).map(|flags| flags.bits().into())))
        }
        SystemCall::SetOption(_, option, value) => options::set(fd, option, value)?,
        SystemCall::GetOption(_, option) => options::option(fd, option)?,
        SystemCall::Ioctl(_, Request::InputQueue) => {
            Box::new(move || match rustix::io::ioctl_fionread(&*fd) {
                Ok(octets) => given(OptionValue::Number(i64::try_from(octets).unwrap_or(i64::MAX))),
                Err(errno) => number(Err(errno)),
            })
        }
        other => return Err(unsupported(&other)),
    })
}

fn unsupported(call: &SystemCall) -> Stop {
    Stop::Unsupported(format!("{call:?} on Linux"))
}

/// A value that a call gives besides zero.
pub(super) fn given(value: OptionValue) -> Done {
    Done::Returned(Returned { result: Ok(0), given: Given::Value(value) })
}

/// How a call went that gives nothing.
pub(super) fn plain(result: Result<(), rustix::io::Errno>) -> Done {
    none(result)
}

fn made(socket: Result<OwnedFd, rustix::io::Errno>) -> Done {
    match socket {
        Ok(socket) => Done::Socket(socket),
        Err(errno) => number(Err(errno)),
    }
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

/// Whether sockets are of IPv6.
fn is_v6(linux: &Linux) -> bool {
    linux.plan.addresses.local.is_ipv6() || linux.plan.is_mapped
}

fn any(linux: &Linux) -> IpAddr {
    if is_v6(linux) { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

/// An address as the socket's family has it.
fn mapped(linux: &Linux, ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if linux.plan.is_mapped => ip.to_ipv6_mapped().into(),
        ip => ip,
    }
}

fn socket(linux: &Linux, is_nonblocking: bool) -> Task {
    let family = if is_v6(linux) { AddressFamily::INET6 } else { AddressFamily::INET };
    let congestion = linux.congestion.clone();
    Box::new(move || {
        let flags = if is_nonblocking { SocketFlags::NONBLOCK } else { SocketFlags::empty() };
        let flags = flags | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP));
        made(socket.and_then(|socket| {
            set_tcp_congestion(&socket, &congestion)?;
            Ok(socket)
        }))
    })
}

fn read(fd: &Arc<OwnedFd>, len: usize, flags: MessageFlags) -> Done {
    let mut buffer = vec![0; len];
    let flags = if flags.is_nonblocking { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
    match rustix::net::recv(&**fd, &mut buffer[..], flags) {
        Ok((octets, _)) => {
            buffer.truncate(octets);
            Done::Returned(Returned { result: Ok(count(octets)), given: Given::Octets(buffer.into()) })
        }
        Err(errno) => number(Err(errno)),
    }
}

fn write(fd: &Arc<OwnedFd>, text: &Bytes, flags: MessageFlags) -> Done {
    number(rustix::net::send(&**fd, text, sending(flags)).map(count))
}

/// Flags of `send`.
pub(super) fn sending(flags: MessageFlags) -> SendFlags {
    let mut sending = SendFlags::NOSIGNAL;
    sending.set(SendFlags::DONTWAIT, flags.is_nonblocking);
    sending.set(SendFlags::OOB, flags.is_urgent);
    sending
}

/// What a call has returned, and what was written before.
pub(super) fn and_before(done: Done, before: u64) -> Done {
    match done {
        Done::Returned(mut returned) if before > 0 => {
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            returned.result = Ok(before.saturating_add(returned.result.unwrap_or_default()));
            Done::Returned(returned)
        }
        done => done,
    }
}

fn poll(linux: &Linux, watched: &[(i32, i16)], timeout: Option<Duration>) -> Task {
    let watched: Vec<_> = watched.iter().map(|(fd, events)| (linux.socket(*fd).ok(), *events)).collect();
    Box::new(move || {
        let known = watched.iter().filter_map(|(fd, events)| Some((fd.as_ref()?, *events)));
        let mut fds: Vec<_> = known
            .map(|(fd, events)| PollFd::new(&**fd, PollFlags::from_bits_retain(events.cast_unsigned())))
            .collect();
        let time = timeout.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut fds, time.as_ref()) {
            Ok(ready) => {
                let events = fds.iter().map(|fd| fd.revents().bits().cast_signed()).collect();
                Done::Returned(Returned { result: Ok(count(ready)), given: Given::Events(events) })
            }
            Err(errno) => number(Err(errno)),
        }
    })
}
