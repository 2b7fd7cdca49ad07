//! One entry of the list: `struct inet_diag_msg` and its attributes.
//!
//! Read here and not by a crate, since those at hand leave out how long TIME-WAIT still lasts.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use synfin_wire::{SocketId, State};

use crate::{
    event::Counters,
    sys::{
        bytes::{array, u8_at, u32_at, u64_at},
        netlink::attributes,
        state,
    },
};

pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;

/// Every state, request sockets too.
pub(super) const ALL_STATES: u32 = u32::MAX;
/// Those in which a process may have a connection open: all but `TCP_TIME_WAIT` (6), `TCP_CLOSE` (7), `TCP_LISTEN` (10)
/// and `TCP_NEW_SYN_RECV` (12).
pub(super) const OPEN_STATES: u32 = !(1 << 6 | 1 << 7 | 1 << 10 | 1 << 12);

/// `INET_DIAG_INFO`: `struct tcp_info`.
const INFO: u16 = 2;
/// `INET_DIAG_CGROUP_ID`.
const CGROUP: u16 = 21;

/// One socket.
#[derive(Clone, PartialEq, Debug)]
pub struct Socket {
    /// Namespace and cookie; the same as in events.
    pub id: SocketId,
    /// Whether it is a socket of IPv6, be its addresses those of IPv4.
    pub is_ipv6: bool,
    /// Its own address, IPv4-mapped IPv6 as IPv4.
    pub local: SocketAddr,
    /// The other end's; unspecified for a listener.
    pub remote: SocketAddr,
    /// Its state.
    pub state: State,
    /// What it waits for.
    pub timer: Option<SocketTimer>,
    /// Bytes received and not read; for a listener, connections waiting to be accepted.
    pub receive_queue: u32,
    /// Bytes not acknowledged; for a listener, how many connections may wait.
    pub send_queue: u32,
    /// The user who made it.
    pub uid: u32,
    /// What links in `/proc/PID/fd` name. 0 where no process has it: in SYN-RECEIVED, TIME-WAIT, not accepted, closed.
    pub inode: u64,
    /// The interface that it is bound to, 0 for none.
    pub interface: u32,
    /// The control group (version 2) that it was made in, where the kernel tells.
    pub cgroup: Option<u64>,
    /// `tcp_info`, for those in a state that has one.
    pub info: Option<Box<TcpInfo>>,
}

/// What a socket waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SocketTimer {
    /// An acknowledgement; after this time it sends again.
    Retransmit(Duration),
    /// A sign of life; after this time it probes, or gives up.
    KeepAlive(Duration),
    /// The end of TIME-WAIT, or of FIN-WAIT-2 without a process, in this time.
    TimeWait(Duration),
    /// An open window; after this time it probes.
    Probe(Duration),
}

/// What `tcp_info` tells beyond the counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpInfo {
    /// The counters, as events give them at the end.
    pub counters: Counters,
    /// Retransmission timeout in nanoseconds.
    pub rto_ns: u64,
    /// Deviation of the round-trip time in nanoseconds.
    pub rttvar_ns: u64,
    /// Smallest round-trip time seen lately, in nanoseconds.
    pub min_rtt_ns: u64,
    /// Slow-start threshold in segments; 2^31 - 1: none yet.
    pub ssthresh: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Timeouts in a row.
    pub timeouts: u8,
    /// What congestion control is about: 0 open, 1 disorder, 2 window reduced, 3 recovery, 4 loss.
    pub congestion_state: u8,
    /// `TCPI_OPT_…`: 1 timestamps, 2 SACK, 4 window scale, 8 ECN.
    pub options: u8,
    /// Scale of the peer's windows, and of this side's.
    pub window_scale: (u8, u8),
    /// Segments that the peer reported beyond `snd.una`.
    pub sacked: u32,
    /// Segments held to be lost.
    pub lost: u32,
    /// Path MTU in bytes.
    pub mtu: u32,
    /// Bytes that were written and not sent.
    pub not_sent: u32,
}

/// `struct inet_diag_req_v2`.
pub(super) fn request(family: u8, states: u32) -> [u8; 56] {
    let mut request = [0; 56];
    let [f, p, extensions, _, s @ ..] = &mut request;
    (*f, *p, *extensions) = (family, IPPROTO_TCP, 1 << (INFO - 1));
    for (to, from) in s.iter_mut().zip(states.to_ne_bytes()) {
        *to = from;
    }
    request
}

/// Fails on what is cut off, or of a state that is not known.
pub(super) fn parse(bytes: &[u8], namespace: u64) -> Option<Socket> {
    const LEN: usize = 72;
    let address = |ip_at, port_at| -> Option<SocketAddr> {
        let ip: IpAddr = match u8_at(bytes, 0)? {
            AF_INET => Ipv4Addr::from(array::<4>(bytes, ip_at)?).into(),
            AF_INET6 => IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, ip_at)?)).to_canonical(),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(array(bytes, port_at)?)))
    };
    let cookie = u64::from(u32_at(bytes, 44)?) | u64::from(u32_at(bytes, 48)?) << 32;
    let left = Duration::from_millis(u64::from(u32_at(bytes, 52)?));
    let mut socket = Socket {
        id: SocketId { namespace, cookie },
        is_ipv6: u8_at(bytes, 0)? == AF_INET6,
        local: address(8, 4)?,
        remote: address(24, 6)?,
        state: state::from_kernel(u8_at(bytes, 1)?)?,
        timer: match u8_at(bytes, 2)? {
            1 => Some(SocketTimer::Retransmit(left)),
            2 => Some(SocketTimer::KeepAlive(left)),
            3 => Some(SocketTimer::TimeWait(left)),
            4 => Some(SocketTimer::Probe(left)),
            _ => None,
        },
        receive_queue: u32_at(bytes, 56)?,
        send_queue: u32_at(bytes, 60)?,
        uid: u32_at(bytes, 64)?,
        inode: u64::from(u32_at(bytes, 68)?),
        interface: u32_at(bytes, 40)?,
        cgroup: None,
        info: None,
    };
    for (kind, payload) in attributes(bytes.get(LEN..)?) {
        match kind {
            INFO => socket.info = tcp_info(payload).map(Box::new),
            CGROUP => socket.cgroup = u64_at(payload, 0),
            _ => {}
        }
    }
    Some(socket)
}

/// `struct tcp_info` (linux/tcp.h), which grows at its end: what an older kernel does not have is 0.
fn tcp_info(bytes: &[u8]) -> Option<TcpInfo> {
    let word = |at| u32_at(bytes, at).unwrap_or_default();
    let long = |at| u64_at(bytes, at).unwrap_or_default();
    let microseconds = |at| u64::from(word(at)) * 1_000;
    // The part that every kernel has.
    u32_at(bytes, 100)?;
    Some(TcpInfo {
        counters: Counters {
            bytes_sent: long(200),
            bytes_acked: long(120),
            bytes_received: long(128),
            bytes_retransmitted: long(208),
            segments_out: word(136),
            segments_in: word(140),
            data_segments_out: word(156),
            data_segments_in: word(152),
            retransmits: word(100),
            srtt_ns: microseconds(68),
            cwnd: word(80),
            mss: word(16),
        },
        rto_ns: microseconds(8),
        rttvar_ns: microseconds(72),
        min_rtt_ns: microseconds(148),
        ssthresh: word(76),
        unacked: word(24),
        timeouts: u8_at(bytes, 2)?,
        congestion_state: u8_at(bytes, 1)?,
        options: u8_at(bytes, 5)?,
        window_scale: (u8_at(bytes, 6)? & 15, u8_at(bytes, 6)? >> 4),
        sacked: word(28),
        lost: word(32),
        mtu: word(60),
        not_sent: word(144),
    })
}

#[cfg(test)]
mod tests;
