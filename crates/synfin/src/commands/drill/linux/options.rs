//! Options of sockets, as far as they can be set without a raw call.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::{AddressFamily, sockopt};
use synfin_lab::drill::{OptionValue, Returned, SocketOption, Stop};

use super::calls::{given, plain};

fn unsupported(option: SocketOption) -> Stop {
    Stop::Unsupported(format!("{} on Linux", option.name()))
}

/// Whether a socket is of IPv6, where traffic class and hop limit are options of another level.
fn is_ipv6(fd: &OwnedFd) -> Result<bool, Stop> {
    let family = sockopt::socket_domain(fd).map_err(|error| Stop::Broken(format!("SO_DOMAIN: {error}")))?;
    Ok(family == AddressFamily::INET6)
}

/// `setsockopt`
pub(super) fn set(fd: &OwnedFd, option: SocketOption, value: &OptionValue) -> Result<Returned, Stop> {
    let number = match value {
        OptionValue::Number(number) => *number,
        OptionValue::Linger(is_on, seconds) => {
            let time = is_on.then(|| Duration::from_secs(u64::try_from(*seconds).unwrap_or_default()));
            return Ok(plain(sockopt::set_socket_linger(fd, time)));
        }
        OptionValue::Text(name) if option == SocketOption::Congestion => {
            return Ok(plain(sockopt::set_tcp_congestion(fd, name)));
        }
        OptionValue::Text(_) => return Err(unsupported(option)),
    };
    let is_on = number != 0;
    let size = usize::try_from(number).unwrap_or_default();
    let small = u32::try_from(number).unwrap_or_default();
    let byte = u8::try_from(number).unwrap_or_default();
    let time = Duration::from_secs(small.into());
    Ok(match option {
        SocketOption::Indifferent("SO_REUSEADDR") => plain(sockopt::set_socket_reuseaddr(fd, is_on)),
        SocketOption::Indifferent("SO_REUSEPORT") => plain(sockopt::set_socket_reuseport(fd, is_on)),
        SocketOption::Indifferent(_) => plain(Ok(())),
        SocketOption::SendBuffer => plain(sockopt::set_socket_send_buffer_size(fd, size)),
        SocketOption::ReceiveBuffer => plain(sockopt::set_socket_recv_buffer_size(fd, size)),
        SocketOption::KeepAlive => plain(sockopt::set_socket_keepalive(fd, is_on)),
        SocketOption::NoDelay => plain(sockopt::set_tcp_nodelay(fd, is_on)),
        SocketOption::KeepIdle => plain(sockopt::set_tcp_keepidle(fd, time)),
        SocketOption::KeepInterval => plain(sockopt::set_tcp_keepintvl(fd, time)),
        SocketOption::KeepCount => plain(sockopt::set_tcp_keepcnt(fd, small)),
        SocketOption::UserTimeout => plain(sockopt::set_tcp_user_timeout(fd, small)),
        SocketOption::QuickAck => plain(sockopt::set_tcp_quickack(fd, is_on)),
        // A socket of IPv6 may send IPv4: its options of IPv4 say what those packets carry.
        SocketOption::TrafficClass => plain(if is_ipv6(fd)? {
            sockopt::set_ipv6_tclass(fd, small).and_then(|()| sockopt::set_ip_tos(fd, byte))
        } else {
            sockopt::set_ip_tos(fd, byte)
        }),
        SocketOption::TimeToLive => plain(if is_ipv6(fd)? {
            sockopt::set_ipv6_unicast_hops(fd, Some(byte)).and_then(|()| sockopt::set_ip_ttl(fd, small))
        } else {
            sockopt::set_ip_ttl(fd, small)
        }),
        other => return Err(unsupported(other)),
    })
}

/// `getsockopt`
pub(super) fn option(fd: &OwnedFd, option: SocketOption) -> Result<Returned, Stop> {
    let told = |result: Result<i64, rustix::io::Errno>| match result {
        Ok(number) => given(OptionValue::Number(number)),
        Err(errno) => plain(Err(errno)),
    };
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let size = |size: usize| i64::try_from(size).unwrap_or(i64::MAX);
    Ok(match option {
        SocketOption::Error => {
            told(sockopt::socket_error(fd).map(|error| error.err().map_or(0, |e| e.raw_os_error().into())))
        }
        SocketOption::SendBuffer => told(sockopt::socket_send_buffer_size(fd).map(size)),
        SocketOption::ReceiveBuffer => told(sockopt::socket_recv_buffer_size(fd).map(size)),
        SocketOption::KeepAlive => told(sockopt::socket_keepalive(fd).map(i64::from)),
        SocketOption::NoDelay => told(sockopt::tcp_nodelay(fd).map(i64::from)),
        SocketOption::KeepIdle => told(sockopt::tcp_keepidle(fd).map(seconds)),
        SocketOption::KeepInterval => told(sockopt::tcp_keepintvl(fd).map(seconds)),
        SocketOption::KeepCount => told(sockopt::tcp_keepcnt(fd).map(i64::from)),
        SocketOption::UserTimeout => told(sockopt::tcp_user_timeout(fd).map(i64::from)),
        SocketOption::QuickAck => told(sockopt::tcp_quickack(fd).map(i64::from)),
        SocketOption::TrafficClass => told(if is_ipv6(fd)? {
            sockopt::ipv6_tclass(fd).map(i64::from)
        } else {
            sockopt::ip_tos(fd).map(i64::from)
        }),
        SocketOption::TimeToLive => told(if is_ipv6(fd)? {
            sockopt::ipv6_unicast_hops(fd).map(i64::from)
        } else {
            sockopt::ip_ttl(fd).map(i64::from)
        }),
        SocketOption::Congestion => match sockopt::tcp_congestion(fd) {
            Ok(name) => given(OptionValue::Text(name)),
            Err(errno) => plain(Err(errno)),
        },
        SocketOption::Linger => match sockopt::socket_linger(fd) {
            Ok(time) => {
                let seconds = time.map_or(0, |time| i32::try_from(time.as_secs()).unwrap_or(i32::MAX));
                given(OptionValue::Linger(time.is_some(), seconds))
            }
            Err(errno) => plain(Err(errno)),
        },
        other => return Err(unsupported(other)),
    })
}
