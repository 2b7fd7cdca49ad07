//! `TCP_INFO`, by way of sock_diag, which needs no raw call.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use synfin_kernel::{Namespace, Snapshot, Socket};
use synfin_lab::drill::{Stop, state_number};

/// The variables of a socket.
pub(super) fn variables(fd: &OwnedFd) -> Result<BTreeMap<&'static str, i128>, Stop> {
    let address = |any: rustix::io::Result<rustix::net::SocketAddrAny>| {
        let address = SocketAddr::try_from(any.ok()?).ok()?;
        Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
    };
    let local = address(rustix::net::getsockname(fd));
    let remote = rustix::net::getpeername(fd).ok().flatten().and_then(|remote| address(Ok(remote)));
    let snapshot = Snapshot::take(&Namespace::Current).map_err(|error| Stop::Broken(error.to_string()))?;
    let socket = snapshot
        .sockets
        .iter()
        .find(|socket| Some(socket.local) == local && remote.is_none_or(|remote| remote == socket.remote));
    // What sock_diag does not list is closed.
    Ok(socket.map_or_else(|| BTreeMap::from([("tcpi_state", 7)]), of))
}

fn of(socket: &Socket) -> BTreeMap<&'static str, i128> {
    let mut list = BTreeMap::from([("tcpi_state", state_number(socket.state))]);
    let Some(info) = &socket.info else { return list };
    let (counters, us) = (&info.counters, |ns: u64| i128::from(ns / 1000));
    let (theirs, ours) = info.window_scale;
    list.extend([
        ("tcpi_ca_state", info.congestion_state.into()),
        ("tcpi_options", info.options.into()),
        ("tcpi_snd_wscale", theirs.into()),
        ("tcpi_rcv_wscale", ours.into()),
        ("tcpi_rto", us(info.rto_ns)),
        ("tcpi_rtt", us(counters.srtt_ns)),
        ("tcpi_rttvar", us(info.rttvar_ns)),
        ("tcpi_min_rtt", us(info.min_rtt_ns)),
        ("tcpi_snd_mss", counters.mss.into()),
        ("tcpi_pmtu", info.mtu.into()),
        ("tcpi_snd_cwnd", counters.cwnd.into()),
        ("tcpi_snd_ssthresh", info.ssthresh.into()),
        ("tcpi_unacked", info.unacked.into()),
        ("tcpi_sacked", info.sacked.into()),
        ("tcpi_lost", info.lost.into()),
        ("tcpi_retransmits", info.timeouts.into()),
        ("tcpi_total_retrans", counters.retransmits.into()),
        ("tcpi_notsent_bytes", info.not_sent.into()),
        ("tcpi_segs_out", counters.segments_out.into()),
        ("tcpi_segs_in", counters.segments_in.into()),
        ("tcpi_data_segs_out", counters.data_segments_out.into()),
        ("tcpi_data_segs_in", counters.data_segments_in.into()),
        ("tcpi_bytes_sent", counters.bytes_sent.into()),
    ]);
    list
}
