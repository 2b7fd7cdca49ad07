//! What a scenario may ask for: every value that would make a run senseless, endless or larger than the machine is
//! named before it begins.

use core::time::Duration;

use super::{HostConfig, Scenario};
use crate::link::LinkConfig;

/// A setting that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key} is {value}: {allowed}")]
pub struct SettingError {
    key: String,
    value: String,
    allowed: String,
}

/// Every host takes packets of so many bytes (RFC 791 section 3.2), and none are larger than this.
const MTU: (u64, u64) = (68, 65_535);

/// What a link has to carry: our TCP takes no MSS below 48, and headers are 40 bytes.
const LINK_MTU: (u64, u64) = (88, 65_535);

/// Octets of a buffer: 5 Gbit/s for 100 ms. Four of them, cut into the smallest segments, still fit into memory.
const BUFFER: (u64, u64) = (1, 64 << 20);

/// Segments of an initial window (RFC 6928: 10).
const INITIAL_WINDOW: (u64, u64) = (1, 1000);

/// RFC 6298 has a minimum of one second, and (2.5) a maximum of no less than 60, which is what there is here.
const MIN_RTO: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(60));

/// Without any time between them keep-alives would be all that ever happens.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_millis(1), LIMIT.1);

/// A year.
const LIMIT: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(365 * 24 * 3600));

/// Packets that a run may take.
const PACKETS: (u64, u64) = (1, 1_000_000_000);

/// Rules, outages, forgeries, actions: each packet is held against all of them.
const ENTRIES: (u64, u64) = (0, 1000);

impl Scenario {
    /// Whether it can be run.
    ///
    /// # Errors
    /// Names the first key whose value cannot be, and what could.
    pub fn check(&self) -> Result<(), SettingError> {
        between("limit", self.limit, LIMIT)?;
        count("max-packets", self.max_packets, PACKETS)?;
        entries("forged", self.forged.len())?;
        let [to_server, to_client] = [&self.to_server, &self.to_client];
        each(to_server, to_client, ["link", "to-server", "to-client"], link)?;
        each(&self.client, &self.server, ["hosts", "client", "server"], host)
    }
}

/// Checks both; what is wrong with both of them has been set for both.
fn each<T>(
    first: &T,
    second: &T,
    [both, one, other]: [&str; 3],
    check: impl Fn(&str, &T) -> Result<(), SettingError>,
) -> Result<(), SettingError> {
    if let (Err(first), Err(second)) = (check(both, first), check(both, second))
        && first == second
    {
        return Err(first);
    }
    check(one, first)?;
    check(other, second)
}

fn link(name: &str, link: &LinkConfig) -> Result<(), SettingError> {
    let key = |key: &str| format!("{name}.{key}");
    if let Some(mtu) = link.mtu {
        count(&key("mtu"), mtu.into(), LINK_MTU)?;
    }
    for (what, room) in [("queue", link.queue_packets), ("queue-bytes", link.queue_bytes)] {
        if let Some(room) = room {
            count(&key(what), room, (1, u64::MAX))?;
        }
    }
    entries(&key("rules"), link.rules.len())?;
    entries(&key("outages"), link.outages.len())
}

fn host(name: &str, host: &HostConfig) -> Result<(), SettingError> {
    let key = |key: &str| format!("{name}.{key}");
    let tcp = &host.tcp;
    count(&key("port"), host.port.into(), (1, u16::MAX.into()))?;
    entries(&key("does"), host.does.len())?;
    if let Some(reads) = host.reads {
        count(&key("reads"), reads, (1, u64::MAX))?;
    }
    count(&key("mtu"), tcp.mtu.into(), MTU)?;
    count(&key("send-buffer"), tcp.send_buffer.into(), BUFFER)?;
    count(&key("receive-buffer"), tcp.receive_buffer.max(tcp.receive_buffer_max).into(), BUFFER)?;
    count(&key("receive-buffer"), tcp.receive_buffer.into(), BUFFER)?;
    count(&key("initial-window"), tcp.initial_window.into(), INITIAL_WINDOW)?;
    between(&key("min-rto"), tcp.rto.min, MIN_RTO)?;
    if let Some(keep_alive) = &tcp.keep_alive {
        between(&key("keep-alive.idle"), keep_alive.idle, KEEP_ALIVE)?;
        between(&key("keep-alive.interval"), keep_alive.interval, KEEP_ALIVE)?;
    }
    Ok(())
}

fn entries(key: &str, len: usize) -> Result<(), SettingError> {
    let (_, most) = ENTRIES;
    if len as u64 <= most {
        return Ok(());
    }
    Err(SettingError {
        key: key.to_owned(),
        value: format!("{len} entries long"),
        allowed: format!("at most {most}"),
    })
}

fn count(key: &str, value: u64, (least, most): (u64, u64)) -> Result<(), SettingError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let allowed =
        if most == u64::MAX { format!("at least {least}") } else { format!("from {least} to {most}") };
    Err(SettingError { key: key.to_owned(), value: value.to_string(), allowed })
}

fn between(key: &str, value: Duration, (least, most): (Duration, Duration)) -> Result<(), SettingError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let (value, allowed) = (format!("{value:?}"), format!("from {least:?} to {most:?}"));
    Err(SettingError { key: key.to_owned(), value, allowed })
}
