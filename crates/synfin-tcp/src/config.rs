//! What can be set: once for an endpoint, and for each connection.
//!
//! Every default is the value of the RFC that the field names, where it gives one.

use core::time::Duration;

/// Settings of an endpoint.
#[derive(Clone, Debug)]
pub struct Config {
    /// The secret of this host: initial sequence numbers, ports, timestamps and SYN cookies derive from it.
    /// Everything is reproducible from it; outside of a laboratory it has to be random (RFC 6528 section 3).
    // RFC 9293 MUST-9: the key of the pseudo-random function never leaves the host.
    pub secret: [u8; 16],
    /// Most connections that may be in SYN-RECEIVED at one time, over all listeners (RFC 4987 section 3).
    pub half_open_limit: usize,
    /// When to answer a SYN with a cookie and forget it (RFC 4987 section 3.6).
    pub syn_cookies: SynCookies,
    /// Most connections that may be in TIME-WAIT at one time; beyond it the oldest ends early and is counted.
    pub time_wait_limit: usize,
    /// Ports that [`Endpoint::connect`](crate::Endpoint::connect) chooses from (RFC 6056 section 3.2: all from 1024 on);
    /// where this host's own services listen is left out.
    pub ephemeral_ports: core::ops::RangeInclusive<u16>,
    /// Settings that connections start with.
    pub connection: ConnectionConfig,
}

/// When a SYN is answered with a cookie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SynCookies {
    /// Never: SYNs beyond the limits are dropped.
    Never,
    /// When a limit is reached.
    WhenFull,
    /// Always.
    Always,
}

/// Settings of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// Largest IP packet that the path is assumed to take, in bytes; what ICMP says makes it smaller (RFC 1191, 8201).
    pub mtu: u32,
    /// Most octets that [`Connection::write`](crate::Connection::write) queues. At most 1 GiB counts. It is a bound, and
    /// costs nothing that is not written; what is on its way counts too, so that it bounds the rate on a long path.
    pub send_buffer: u32,
    /// RCV.BUFF at the start, in octets.
    pub receive_buffer: u32,
    /// What auto-tuning may raise `receive_buffer` to, in octets. At most 1 GiB counts.
    pub receive_buffer_max: u32,
    /// Offer window scaling (RFC 7323 section 2).
    pub window_scaling: bool,
    /// Offer timestamps (RFC 7323 section 3).
    pub timestamps: bool,
    /// Offer selective acknowledgements (RFC 2018).
    pub sack: bool,
    /// Offer explicit congestion notification (RFC 3168).
    pub ecn: bool,
    /// Hold back a short segment while data is unacknowledged.
    // RFC 9293 SHLD-7: the Nagle algorithm is there; MUST-17: an application can turn it off.
    pub nagle: bool,
    /// How long an acknowledgement may wait for company.
    // RFC 9293 MUST-40: less than 0.5 s, whatever is asked for: see `receive::delayed_ack`.
    pub delayed_ack: Duration,
    /// Congestion control.
    // RFC 9293 MAY-18: one of several.
    pub congestion: Algorithm,
    /// Leave slow start before it overshoots (RFC 9406).
    pub hystart: bool,
    /// Spread segments over the round trip instead of sending them as fast as acknowledgements allow. Then slow start
    /// may grow by everything that one acknowledgement covers (RFC 9406 section 4.3), however much that is.
    pub pacing: bool,
    /// Initial window in segments (RFC 6928: 10).
    pub initial_window: u32,
    /// Retransmission timeout.
    pub rto: RtoConfig,
    /// R1: after so many retransmissions of one segment the user hears of a delivery problem.
    // RFC 9293 SHLD-10: at least 3 retransmissions.
    pub r1: u32,
    /// R2: a connection whose data was not acknowledged for so long is given up. `None`: never.
    // RFC 9293 MUST-21: the application can set R2, "infinity" included; SHLD-11: at least 100 seconds.
    pub r2: Option<Duration>,
    /// R2 of a SYN.
    // RFC 9293 MUST-23: at least 3 minutes.
    pub syn_r2: Duration,
    /// Probe the peer of an idle connection.
    // RFC 9293 MUST-24, MUST-25: for each connection, off by default.
    pub keep_alive: Option<KeepAlive>,
    /// Maximum segment lifetime. A connection stays in TIME-WAIT for twice as long.
    // RFC 9293 MUST-13: TIME-WAIT lasts 2 MSL, with an MSL of 2 minutes.
    pub msl: Duration,
    /// How long a connection that the user has let go of may stay in FIN-WAIT-2 for a FIN that never comes.
    pub fin_wait_2: Duration,
    /// Time to live (IPv4) or hop limit (IPv6) of packets.
    // RFC 9293 MUST-49: configurable.
    pub ttl: u8,
    /// Differentiated services code point, 6 bits.
    // RFC 9293 MUST-48: the application can set it; SHLD-22: it is passed on unchanged.
    pub dscp: u8,
}

/// Bounds of the retransmission timeout (RFC 6298).
#[derive(Clone, Copy, Debug)]
pub struct RtoConfig {
    /// Before the first sample: 1 s.
    pub initial: Duration,
    /// Lower bound: 1 s. Less is common (Linux: 200 ms) and pays off where spurious timeouts are undone.
    pub min: Duration,
    /// Upper bound of the timeout with backoff: 60 s.
    pub max: Duration,
}

/// Probing of an idle connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// Idle time before the first probe, at least a millisecond.
    // RFC 9293 MUST-27: configurable; MUST-28: no less than two hours by default.
    pub idle: Duration,
    /// Time between probes, at least a millisecond.
    pub interval: Duration,
    /// So many probes without an answer end the connection.
    // RFC 9293 MUST-29: no single probe does.
    pub probes: u8,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(2 * 60 * 60), interval: Duration::from_secs(75), probes: 9 }
    }
}

/// Congestion control algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Algorithm {
    /// NewReno (RFC 5681).
    NewReno,
    /// CUBIC (RFC 9438).
    Cubic,
}

impl Config {
    /// The defaults, with the secret of this host.
    #[must_use]
    pub fn new(secret: [u8; 16]) -> Self {
        Self {
            secret,
            half_open_limit: 1024,
            syn_cookies: SynCookies::WhenFull,
            time_wait_limit: 65_536,
            ephemeral_ports: 1024..=65_535,
            connection: ConnectionConfig::default(),
        }
    }
}

/// Shortest time between probes of an idle connection: with less, time would not go on between them.
const KEEP_ALIVE_MIN: Duration = Duration::from_millis(1);

/// Largest buffer in octets: RFC 7323 section 2.3 allows windows below 2^30.
const BUFFER_MAX: u32 = 1 << 30;

impl ConnectionConfig {
    pub(crate) fn send_buffer(&self) -> usize {
        self.send_buffer.clamp(1, BUFFER_MAX) as usize
    }

    /// With times that go on.
    pub(crate) fn keep_alive(&self) -> Option<KeepAlive> {
        self.keep_alive.map(|asked| KeepAlive {
            idle: asked.idle.max(KEEP_ALIVE_MIN),
            interval: asked.interval.max(KEEP_ALIVE_MIN),
            probes: asked.probes,
        })
    }

    pub(crate) fn receive_buffer(&self) -> u32 {
        self.receive_buffer.clamp(1, BUFFER_MAX)
    }

    pub(crate) fn receive_buffer_max(&self) -> u32 {
        self.receive_buffer_max.clamp(self.receive_buffer(), BUFFER_MAX)
    }
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            mtu: 1500,
            send_buffer: 4 << 20,
            receive_buffer: 128 << 10,
            receive_buffer_max: 6 << 20,
            window_scaling: true,
            timestamps: true,
            sack: true,
            ecn: false,
            nagle: true,
            delayed_ack: Duration::from_millis(40),
            congestion: Algorithm::Cubic,
            hystart: true,
            pacing: true,
            initial_window: 10,
            rto: RtoConfig::default(),
            r1: 3,
            r2: Some(Duration::from_secs(300)),
            syn_r2: Duration::from_secs(180),
            keep_alive: None,
            msl: Duration::from_secs(120),
            fin_wait_2: Duration::from_secs(60),
            ttl: 64,
            dscp: 0,
        }
    }
}

impl Default for RtoConfig {
    fn default() -> Self {
        Self { initial: Duration::from_secs(1), min: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}
