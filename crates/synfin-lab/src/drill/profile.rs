//! What scripts take for granted of the host that they run on.

use core::time::Duration;

use synfin_tcp::{Config, ConnectionConfig, RtoConfig, SynCookies};

/// A host to run on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// Nothing beyond the RFCs: this TCP's own defaults.
    #[default]
    Rfc,
    /// The values that Linux has: buffers and so windows and their scale, timeouts, acknowledgements at once in the
    /// beginning.
    Linux,
}

/// How the host is set: by its profile, then by a script's `sysctl` commands.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// What sockets begin with.
    pub(crate) connection: ConnectionConfig,
    /// Whether connections that are opened from here ask for ECN.
    pub(crate) is_ecn_asked_for: bool,
    /// Whether those that are opened from elsewhere may have it.
    pub(crate) is_ecn_granted: bool,
    /// R2 of a SYN,ACK.
    pub(crate) syn_ack_r2: Duration,
    /// Whether all is acknowledged at once until the connection has sent something, as Linux does.
    pub(crate) has_quick_acks: bool,
    pub(crate) syn_cookies: SynCookies,
    pub(crate) half_open_limit: usize,
    pub(crate) time_wait_limit: usize,
    pub(crate) ephemeral_ports: core::ops::RangeInclusive<u16>,
    pub(crate) keep_alive: synfin_tcp::KeepAlive,
}

impl HostSettings {
    /// The settings of a profile.
    pub(crate) fn new(profile: Profile) -> Self {
        let config = Config::new([0; 16]);
        let mut settings = Self {
            // Pacing would spread over time what scripts expect at once.
            connection: ConnectionConfig { pacing: false, ..config.connection },
            is_ecn_asked_for: false,
            is_ecn_granted: false,
            syn_ack_r2: ConnectionConfig::default().syn_r2,
            has_quick_acks: false,
            syn_cookies: config.syn_cookies,
            half_open_limit: config.half_open_limit,
            time_wait_limit: config.time_wait_limit,
            ephemeral_ports: config.ephemeral_ports,
            keep_alive: synfin_tcp::KeepAlive::default(),
        };
        if profile == Profile::Linux {
            settings.become_linux();
        }
        settings
    }

    fn become_linux(&mut self) {
        self.connection = ConnectionConfig {
            // 44 segments of 1460: what is left of tcp_rmem[1] = 131072 after overhead.
            receive_buffer: 64_240,
            // tcp_rmem[2], which makes a window scale of 7.
            receive_buffer_max: 6 << 20,
            // tcp_wmem[2]: Linux lets the buffer grow to that.
            send_buffer: 4 << 20,
            delayed_ack: Duration::from_millis(40),
            rto: RtoConfig {
                initial: Duration::from_secs(1),
                min: Duration::from_millis(200),
                max: Duration::from_secs(120),
            },
            // tcp_syn_retries = 6: 1 + 2 + 4 + … + 64 s.
            syn_r2: retries(6, Duration::from_secs(1), Duration::from_secs(120)),
            // tcp_retries2 = 15.
            r2: Some(retries(15, Duration::from_millis(200), Duration::from_secs(120))),
            // TIME-WAIT lasts 60 s.
            msl: Duration::from_secs(30),
            fin_wait_2: Duration::from_secs(60),
            ..self.connection.clone()
        };
        // tcp_synack_retries = 5.
        self.syn_ack_r2 = retries(5, Duration::from_secs(1), Duration::from_secs(120));
        // tcp_ecn = 2.
        self.is_ecn_granted = true;
        self.has_quick_acks = true;
        self.ephemeral_ports = 32_768..=60_999;
    }
}

/// How long so many retransmissions take, and the wait after the last of them: as Linux computes R2 from a number.
pub(crate) fn retries(count: u32, first: Duration, most: Duration) -> Duration {
    let mut wait = first;
    let mut total = Duration::ZERO;
    for _ in 0..=count.min(255) {
        total += wait;
        wait = (wait * 2).min(most);
    }
    total
}

impl HostSettings {
    /// Whether what an endpoint is made with is the same.
    pub(crate) fn is_same_endpoint(&self, other: &Self) -> bool {
        self.syn_cookies == other.syn_cookies
            && self.half_open_limit == other.half_open_limit
            && self.time_wait_limit == other.time_wait_limit
            && self.ephemeral_ports == other.ephemeral_ports
    }
}
