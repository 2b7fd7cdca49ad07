//! `TCP_INFO`: Linux's names for what our TCP knows of a connection, in Linux's units.

use core::time::Duration;
use std::collections::BTreeMap;

use super::{Kind, Sockets};
use crate::drill::names::state_number;
use crate::drill::stack::Stop;
use synfin_tcp::Info;

/// `TCP_INFINITE_SSTHRESH`: no threshold yet.
const NO_THRESHOLD: i128 = 0x7fff_ffff;

/// Everything that there is: what `TCP_INFO` has beyond it makes a script unsupported.
pub(super) const VARIABLES: [&str; 30] = [
    "tcpi_state",
    "tcpi_ca_state",
    "tcpi_retransmits",
    "tcpi_backoff",
    "tcpi_options",
    "tcpi_snd_wscale",
    "tcpi_rcv_wscale",
    "tcpi_rto",
    "tcpi_rtt",
    "tcpi_rttvar",
    "tcpi_snd_mss",
    "tcpi_advmss",
    "tcpi_pmtu",
    "tcpi_snd_cwnd",
    "tcpi_snd_ssthresh",
    "tcpi_unacked",
    "tcpi_sacked",
    "tcpi_lost",
    "tcpi_retrans",
    "tcpi_total_retrans",
    "tcpi_snd_wnd",
    "tcpi_rcv_wnd",
    "tcpi_notsent_bytes",
    "tcpi_segs_out",
    "tcpi_data_segs_out",
    "tcpi_bytes_sent",
    "tcpi_segs_in",
    "tcpi_data_segs_in",
    "tcpi_delivery_rate",
    "tcpi_delivery_rate_app_limited",
];

impl Sockets {
    pub(super) fn variables(&mut self, fd: i32) -> Result<BTreeMap<&'static str, i128>, Stop> {
        let Some(socket) = self.sockets.get(&fd) else {
            return Err(Stop::Unsupported("TCP_INFO of what no call has returned".to_owned()));
        };
        let id = match &socket.kind {
            Kind::Connected(connected) => connected.id,
            Kind::Listening(_) => return Ok(BTreeMap::from([("tcpi_state", 10)])),
            Kind::Fresh => return Ok(BTreeMap::from([("tcpi_state", 7)])),
        };
        let Some(connection) = self.endpoint.connection(id) else {
            return Ok(BTreeMap::from([("tcpi_state", 7)]));
        };
        let count = self.counts.get(&(connection.local(), connection.remote())).copied().unwrap_or_default();
        let mut list = variables(&connection.info());
        let headers = if connection.local().is_ipv6() { 60 } else { 40 };
        list.insert("tcpi_advmss", i128::from(socket.options.config.mtu) - headers);
        list.insert("tcpi_segs_out", count.out.into());
        list.insert("tcpi_data_segs_out", count.data_out.into());
        list.insert("tcpi_bytes_sent", count.octets_out.into());
        list.insert("tcpi_segs_in", count.arrived.into());
        list.insert("tcpi_data_segs_in", count.data_arrived.into());
        Ok(list)
    }
}

fn microseconds(time: Duration) -> i128 {
    i128::try_from(time.as_micros()).unwrap_or(i128::MAX)
}

fn variables(info: &Info) -> BTreeMap<&'static str, i128> {
    let variables = &info.variables;
    let mss = variables.mss.max(1);
    let segments = |octets: u32| i128::from(octets.div_ceil(mss));
    let outstanding = u32::try_from(variables.snd_nxt.distance_from(variables.snd_una)).unwrap_or_default();
    let options = i128::from(info.has_timestamps)
        | i128::from(info.is_sack) << 1
        | i128::from(info.window_scale != (0, 0)) << 2
        | i128::from(info.is_ecn) << 3;
    // A threshold above any window is none.
    let ssthresh = match variables.ssthresh {
        above if above >= 1 << 30 => NO_THRESHOLD,
        octets => i128::from(octets / mss),
    };
    let mut list = BTreeMap::from([
        ("tcpi_state", state_number(variables.state)),
        ("tcpi_ca_state", i128::from(info.congestion_state as u8)),
        ("tcpi_options", options),
        ("tcpi_snd_wscale", info.window_scale.0.into()),
        ("tcpi_rcv_wscale", info.window_scale.1.into()),
        ("tcpi_rto", microseconds(variables.rto)),
        ("tcpi_rtt", variables.srtt.map_or(0, microseconds)),
        ("tcpi_rttvar", microseconds(variables.rttvar)),
        ("tcpi_snd_mss", variables.mss.into()),
        ("tcpi_pmtu", info.mtu.into()),
        ("tcpi_snd_cwnd", i128::from(variables.cwnd / mss)),
        ("tcpi_snd_ssthresh", ssthresh),
        ("tcpi_unacked", segments(outstanding)),
        ("tcpi_sacked", segments(variables.sacked)),
        // Linux counts what is lost until it is known to have arrived; ours, until it is sent again.
        ("tcpi_lost", segments(variables.lost) + segments(info.resent)),
        ("tcpi_retrans", segments(info.resent)),
        ("tcpi_retransmits", info.timeouts.into()),
        ("tcpi_backoff", info.timeouts.into()),
        ("tcpi_total_retrans", variables.retransmissions.into()),
        ("tcpi_snd_wnd", variables.snd_wnd.into()),
        ("tcpi_rcv_wnd", variables.rcv_wnd.into()),
        ("tcpi_notsent_bytes", variables.send_queue.saturating_sub(outstanding).into()),
    ]);
    if let Some((rate, is_limited)) = info.delivery_rate {
        list.insert("tcpi_delivery_rate", rate.into());
        list.insert("tcpi_delivery_rate_app_limited", is_limited.into());
    }
    list
}
