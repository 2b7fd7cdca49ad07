//! Options of sockets: what Linux's mean in the settings of our TCP.

use core::time::Duration;

use synfin_tcp::{ConnectionConfig, KeepAlive};

use super::{Kind, Sockets};
use crate::drill::calls::{Given, OptionValue, Returned, SocketOption};
use crate::drill::errno::Errno;
use crate::drill::profile::{HostSettings, retries};
use crate::drill::stack::Stop;
use crate::drill::sysctl::algorithm;

/// The MSS option's least room for headers, which `TCP_MAXSEG` does not count.
const HEADERS_V4: u32 = 40;
const HEADERS_V6: u32 = 60;

/// What was set of a socket.
#[derive(Clone, Debug)]
pub(super) struct SocketOptions {
    pub(super) config: ConnectionConfig,
    pub(super) is_reusing: bool,
    /// Seconds to linger, where that is asked for.
    pub(super) linger: Option<i32>,
    /// Whether the number of SYNs was set.
    pub(super) has_syn_count: bool,
    keep_alive: KeepAlive,
    send_buffer: Option<i64>,
    receive_buffer: Option<i64>,
}

impl SocketOptions {
    pub(super) fn new(settings: &HostSettings) -> Self {
        Self {
            config: settings.connection.clone(),
            is_reusing: false,
            linger: None,
            has_syn_count: false,
            keep_alive: settings.keep_alive,
            send_buffer: None,
            receive_buffer: None,
        }
    }
}

type Optioned = Result<Option<Returned>, Stop>;

fn fails(errno: Errno) -> Optioned {
    Ok(Some(Returned::error(errno)))
}

impl Sockets {
    pub(super) fn set_option(&mut self, fd: i32, option: SocketOption, value: &OptionValue) -> Optioned {
        let is_ipv6 = self.addresses.local.is_ipv6();
        let default_ack = self.settings.connection.delayed_ack;
        let Some(socket) = self.sockets.get_mut(&fd) else { return fails(Errno::EBADF) };
        let is_connected = matches!(socket.kind, Kind::Connected(_));
        let options = &mut socket.options;
        let number = match value {
            OptionValue::Number(number) => *number,
            OptionValue::Linger(is_on, seconds) if option == SocketOption::Linger => {
                if *is_on && *seconds > 0 {
                    return Err(Stop::Unsupported("SO_LINGER with a time".to_owned()));
                }
                options.linger = is_on.then_some(*seconds);
                return Ok(Some(Returned::ok(0)));
            }
            OptionValue::Text(name) if option == SocketOption::Congestion => {
                if is_connected {
                    return Err(Stop::Unsupported("TCP_CONGESTION of a connection".to_owned()));
                }
                match algorithm(name) {
                    Some(algorithm) => options.config.congestion = algorithm,
                    None => return Err(Stop::Unsupported(format!("congestion control {name}"))),
                }
                return Ok(Some(Returned::ok(0)));
            }
            _ => return fails(Errno::EINVAL),
        };
        let Ok(small) = u32::try_from(number) else { return fails(Errno::EINVAL) };
        let seconds = Duration::from_secs(small.into());
        let config = &mut options.config;
        match option {
            SocketOption::Indifferent(name) => {
                options.is_reusing |= name.starts_with("SO_REUSE") && number != 0;
                return Ok(Some(Returned::ok(0)));
            }
            SocketOption::Error => return fails(Errno::ENOPROTOOPT),
            SocketOption::Linger => return fails(Errno::EINVAL),
            SocketOption::SendBuffer => {
                options.send_buffer = Some(number.saturating_mul(2));
                config.send_buffer = small;
            }
            SocketOption::ReceiveBuffer => {
                options.receive_buffer = Some(number.saturating_mul(2));
                if is_connected {
                    return Err(Stop::Unsupported("SO_RCVBUF of a connection".to_owned()));
                }
                // As Linux: fixed from now on.
                (config.receive_buffer, config.receive_buffer_max) = (small, small);
            }
            SocketOption::KeepAlive => config.keep_alive = (number != 0).then_some(options.keep_alive),
            SocketOption::KeepIdle => options.keep_alive.idle = seconds,
            SocketOption::KeepInterval => options.keep_alive.interval = seconds,
            SocketOption::KeepCount => match u8::try_from(small) {
                Ok(probes @ 1..=127) => options.keep_alive.probes = probes,
                _ => return fails(Errno::EINVAL),
            },
            SocketOption::NoDelay => config.nagle = number == 0,
            SocketOption::MaximumSegment => {
                if is_connected {
                    return Err(Stop::Unsupported("TCP_MAXSEG of a connection".to_owned()));
                }
                let headers = if is_ipv6 { HEADERS_V6 } else { HEADERS_V4 };
                config.mtu = config.mtu.min(small.saturating_add(headers));
            }
            SocketOption::UserTimeout => {
                config.r2 = match small {
                    0 => self.settings.connection.r2,
                    ms => Some(Duration::from_millis(ms.into())),
                };
            }
            SocketOption::QuickAck => {
                config.delayed_ack = if number == 0 { default_ack } else { Duration::ZERO }
            }
            SocketOption::SynCount => {
                options.has_syn_count = true;
                config.syn_r2 = retries(small, config.rto.initial, config.rto.max);
            }
            SocketOption::FinWait2 => config.fin_wait_2 = seconds,
            SocketOption::TrafficClass => config.dscp = u8::try_from(small >> 2 & 0x3f).unwrap_or_default(),
            SocketOption::TimeToLive => config.ttl = u8::try_from(small).unwrap_or(u8::MAX),
            SocketOption::Congestion => return fails(Errno::EINVAL),
        }
        if config.keep_alive.is_some() {
            config.keep_alive = Some(options.keep_alive);
        }
        self.reconfigure(fd, option);
        Ok(Some(Returned::ok(0)))
    }

    /// Carries an option of a socket over to its connection, if it has one.
    fn reconfigure(&mut self, fd: i32, option: SocketOption) {
        let now = self.now();
        let Some(socket) = self.sockets.get(&fd) else { return };
        let Kind::Connected(connected) = socket.kind else { return };
        let new = socket.options.config.clone();
        if let Some(connection) = self.endpoint.connection_mut(connected.id) {
            connection.reconfigure(now, |config| match option {
                SocketOption::SendBuffer => config.send_buffer = new.send_buffer,
                SocketOption::NoDelay => config.nagle = new.nagle,
                SocketOption::UserTimeout => config.r2 = new.r2,
                SocketOption::QuickAck => config.delayed_ack = new.delayed_ack,
                SocketOption::SynCount => config.syn_r2 = new.syn_r2,
                SocketOption::FinWait2 => config.fin_wait_2 = new.fin_wait_2,
                SocketOption::TrafficClass => config.dscp = new.dscp,
                SocketOption::TimeToLive => config.ttl = new.ttl,
                _ => config.keep_alive = new.keep_alive,
            });
        }
    }

    /// Who has answered something soon after it came will do so again, and no longer acknowledges at once: Linux's
    /// "pingpong" mode. Who speaks first, or late, has not.
    pub(super) fn on_write(&mut self, fd: i32, mut connected: super::Connected) -> Result<(), Errno> {
        let (now, now_ns) = (self.now(), self.now_ns);
        let delay = self.socket(fd)?.options.config.delayed_ack;
        let Some(connection) = self.endpoint.connection_mut(connected.id) else { return Ok(()) };
        let came_ns =
            self.counts.get(&(connection.local(), connection.remote())).and_then(|count| count.text_ns);
        let is_soon = came_ns.is_some_and(|came| u128::from(now_ns.saturating_sub(came)) < delay.as_nanos());
        if !is_soon {
            return Ok(());
        }
        if self.settings.has_quick_acks {
            connection.reconfigure(now, |config| config.delayed_ack = delay);
        }
        connected.has_answered = true;
        self.socket(fd)?.kind = Kind::Connected(connected);
        Ok(())
    }

    pub(super) fn option(&mut self, fd: i32, option: SocketOption) -> Optioned {
        let Some(socket) = self.sockets.get(&fd) else { return fails(Errno::EBADF) };
        let options = socket.options.clone();
        let connected = match socket.kind {
            Kind::Connected(connected) => Some(connected),
            _ => None,
        };
        let connection = connected.and_then(|connected| self.endpoint.connection(connected.id));
        let config = connection.map_or(&options.config, |connection| connection.config()).clone();
        let mss = connection.map_or(536, |connection| connection.info().variables.mss);
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let number = match option {
            SocketOption::Error => {
                let error = connected.and_then(|connected| self.take_error(connected.id));
                error.map_or(0, |errno| errno.0.into())
            }
            SocketOption::Linger => {
                let linger =
                    OptionValue::Linger(options.linger.is_some(), options.linger.unwrap_or_default());
                return Ok(Some(Returned::given(Given::Value(linger))));
            }
            SocketOption::Congestion => {
                let name = match config.congestion {
                    synfin_tcp::Algorithm::NewReno => "reno",
                    _ => "cubic",
                };
                let value = OptionValue::Text(name.to_owned());
                return Ok(Some(Returned::given(Given::Value(value))));
            }
            SocketOption::Indifferent(_) => i64::from(options.is_reusing),
            SocketOption::SendBuffer => options.send_buffer.unwrap_or(i64::from(config.send_buffer)),
            SocketOption::ReceiveBuffer => options.receive_buffer.unwrap_or(i64::from(config.receive_buffer)),
            SocketOption::KeepAlive => config.keep_alive.is_some().into(),
            SocketOption::KeepIdle => seconds(options.keep_alive.idle),
            SocketOption::KeepInterval => seconds(options.keep_alive.interval),
            SocketOption::KeepCount => options.keep_alive.probes.into(),
            SocketOption::NoDelay => (!config.nagle).into(),
            SocketOption::MaximumSegment => mss.into(),
            SocketOption::UserTimeout => {
                config.r2.map_or(0, |r2| i64::try_from(r2.as_millis()).unwrap_or(i64::MAX))
            }
            SocketOption::QuickAck => config.delayed_ack.is_zero().into(),
            SocketOption::FinWait2 => seconds(config.fin_wait_2),
            SocketOption::TrafficClass => (config.dscp << 2).into(),
            SocketOption::TimeToLive => config.ttl.into(),
            SocketOption::SynCount => return Err(Stop::Unsupported("getsockopt of TCP_SYNCNT".to_owned())),
        };
        Ok(Some(Returned::given(Given::Value(OptionValue::Number(number)))))
    }
}
