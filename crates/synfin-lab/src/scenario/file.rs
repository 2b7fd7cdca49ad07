//! A scenario as it stands in TOML: everything may be left out, and nothing unknown may stand there.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use synfin_tcp::{Algorithm, ConnectionConfig, KeepAlive, SynCookies};
use synfin_wire::Side;
use synfin_wire::tcp::Flags;

use super::{ANSWER, Forgery, HostConfig, REQUEST, Scenario, Vantage};
use crate::link::{Bursts, LinkConfig, Outage};
use crate::rule::Rule;
use crate::script::Action;
use crate::units::{Chance, Rate, Size, Time};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ScenarioFile {
    about: Option<String>,
    seed: Option<u64>,
    limit: Option<Time>,
    max_packets: Option<u64>,
    #[serde(default)]
    ipv6: bool,
    #[serde(default)]
    vantage: Vantage,
    /// The default talk: octets of the request and of the answer.
    request: Option<Size>,
    bytes: Option<Size>,
    #[serde(default)]
    link: LinkFile,
    #[serde(default)]
    to_server: LinkFile,
    #[serde(default)]
    to_client: LinkFile,
    #[serde(default)]
    hosts: HostFile,
    #[serde(default)]
    client: HostFile,
    #[serde(default)]
    server: HostFile,
    #[serde(default)]
    forged: Vec<ForgeryFile>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LinkFile {
    rate: Option<Rate>,
    delay: Option<Time>,
    jitter: Option<Time>,
    queue: Option<u64>,
    queue_bytes: Option<Size>,
    mark_above: Option<u64>,
    loss: Option<Chance>,
    bursts: Option<Bursts>,
    reorder: Option<Chance>,
    reorder_by: Option<Time>,
    duplicate: Option<Chance>,
    corrupt: Option<Chance>,
    mtu: Option<u32>,
    icmp: Option<bool>,
    #[serde(default)]
    outages: Vec<Outage>,
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct HostFile {
    does: Option<Vec<Action>>,
    reads: Option<Size>,
    port: Option<u16>,
    mtu: Option<u32>,
    send_buffer: Option<Size>,
    receive_buffer: Option<Size>,
    window_scaling: Option<bool>,
    timestamps: Option<bool>,
    sack: Option<bool>,
    ecn: Option<bool>,
    nagle: Option<bool>,
    delayed_ack: Option<Time>,
    congestion: Option<Congestion>,
    hystart: Option<bool>,
    pacing: Option<bool>,
    initial_window: Option<u32>,
    min_rto: Option<Time>,
    user_timeout: Option<Time>,
    msl: Option<Time>,
    keep_alive: Option<KeepAliveFile>,
    syn_cookies: Option<Cookies>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Congestion {
    NewReno,
    Cubic,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Cookies {
    Never,
    WhenFull,
    Always,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct KeepAliveFile {
    idle: Time,
    interval: Time,
    probes: u8,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ForgeryFile {
    at: Time,
    #[serde(deserialize_with = "side")]
    to: Side,
    #[serde(deserialize_with = "flags")]
    flags: Flags,
    #[serde(default)]
    offset: i32,
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Side, D::Error> {
    let name = String::deserialize(deserializer)?;
    Side::BOTH
        .into_iter()
        .find(|side| side.name() == name)
        .ok_or_else(|| D::Error::custom(format!("{name:?} is neither client nor server")))
}

fn flags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Flags, D::Error> {
    let names = String::deserialize(deserializer)?;
    let mut flags = Flags::NONE;
    for name in names.split(',') {
        let known = Flags::NAMED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name.trim()));
        let (flag, _) = known.ok_or_else(|| D::Error::custom(format!("{name:?} is no control bit")))?;
        flags |= *flag;
    }
    Ok(flags)
}

impl From<ScenarioFile> for Scenario {
    fn from(file: ScenarioFile) -> Self {
        let ScenarioFile {
            about,
            seed,
            limit,
            max_packets,
            ipv6,
            vantage,
            request,
            bytes,
            link,
            to_server,
            to_client,
            hosts,
            client,
            server,
            forged,
        } = file;
        let mut scenario = Self { is_ipv6: ipv6, vantage, ..Self::default() };
        if let Some(about) = about {
            about.trim().clone_into(&mut scenario.about);
        }
        if let Some(seed) = seed {
            scenario.seed = seed;
        }
        if let Some(limit) = limit {
            scenario.limit = limit.0;
        }
        set(&mut scenario.max_packets, max_packets);
        scenario.talk(request.map_or(REQUEST, |size| size.0), bytes.map_or(ANSWER, |size| size.0));
        link.apply(&mut scenario.to_server);
        link.apply(&mut scenario.to_client);
        to_server.of(Side::Client).apply(&mut scenario.to_server);
        to_client.of(Side::Server).apply(&mut scenario.to_client);
        hosts.apply(&mut scenario.client);
        hosts.apply(&mut scenario.server);
        client.apply(&mut scenario.client);
        server.apply(&mut scenario.server);
        scenario.forged = forged
            .into_iter()
            .map(|ForgeryFile { at, to, flags, offset }| Forgery { at: at.0, to, flags, offset })
            .collect();
        scenario
    }
}

/// Sets what is mentioned.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Octets for TCP, which counts them on 32 bits.
fn octets(size: Option<Size>) -> Option<u32> {
    size.map(|size| u32::try_from(size.0).unwrap_or(u32::MAX))
}

impl LinkFile {
    /// Its rules are for what this side sends.
    fn of(mut self, side: Side) -> Self {
        self.rules = self.rules.into_iter().map(|rule| rule.by(side)).collect();
        self
    }

    fn apply(&self, to: &mut LinkConfig) {
        to.rate = self.rate.or(to.rate);
        set(&mut to.delay, self.delay.map(|time| time.0));
        set(&mut to.jitter, self.jitter.map(|time| time.0));
        to.queue_packets = self.queue.or(to.queue_packets);
        to.queue_bytes = self.queue_bytes.map(|size| size.0).or(to.queue_bytes);
        to.mark_above = self.mark_above.or(to.mark_above);
        set(&mut to.loss, self.loss);
        to.bursts = self.bursts.or(to.bursts);
        set(&mut to.reorder, self.reorder);
        set(&mut to.reorder_by, self.reorder_by.map(|time| time.0));
        set(&mut to.duplicate, self.duplicate);
        set(&mut to.corrupt, self.corrupt);
        to.mtu = self.mtu.or(to.mtu);
        set(&mut to.icmp, self.icmp);
        to.outages.extend(&self.outages);
        to.rules.extend(self.rules.iter().cloned());
    }
}

impl HostFile {
    fn apply(&self, to: &mut HostConfig) {
        set(&mut to.does, self.does.clone());
        to.reads = self.reads.map(|size| size.0).or(to.reads);
        set(&mut to.port, self.port);
        if let Some(cookies) = self.syn_cookies {
            to.syn_cookies = match cookies {
                Cookies::Never => SynCookies::Never,
                Cookies::WhenFull => SynCookies::WhenFull,
                Cookies::Always => SynCookies::Always,
            };
        }
        self.apply_to_tcp(&mut to.tcp);
    }

    fn apply_to_tcp(&self, tcp: &mut ConnectionConfig) {
        set(&mut tcp.mtu, self.mtu);
        set(&mut tcp.send_buffer, octets(self.send_buffer));
        if let Some(size) = octets(self.receive_buffer) {
            // Whoever says how large it is does not want it tuned.
            (tcp.receive_buffer, tcp.receive_buffer_max) = (size, size);
        }
        set(&mut tcp.window_scaling, self.window_scaling);
        set(&mut tcp.timestamps, self.timestamps);
        set(&mut tcp.sack, self.sack);
        set(&mut tcp.ecn, self.ecn);
        set(&mut tcp.nagle, self.nagle);
        set(&mut tcp.delayed_ack, self.delayed_ack.map(|time| time.0));
        if let Some(congestion) = self.congestion {
            tcp.congestion = match congestion {
                Congestion::NewReno => Algorithm::NewReno,
                Congestion::Cubic => Algorithm::Cubic,
            };
        }
        set(&mut tcp.hystart, self.hystart);
        set(&mut tcp.pacing, self.pacing);
        set(&mut tcp.initial_window, self.initial_window);
        set(&mut tcp.rto.min, self.min_rto.map(|time| time.0));
        tcp.r2 = self.user_timeout.map(|time| time.0).or(tcp.r2);
        set(&mut tcp.msl, self.msl.map(|time| time.0));
        if let Some(KeepAliveFile { idle, interval, probes }) = &self.keep_alive {
            tcp.keep_alive = Some(KeepAlive { idle: idle.0, interval: interval.0, probes: *probes });
        }
    }
}
