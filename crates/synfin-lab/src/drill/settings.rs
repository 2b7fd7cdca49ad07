//! What a script's `--flags` say, on top of what the caller does.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use super::place::ScriptError;
use super::profile::Profile;
use super::script::{Flag, Script};
use super::sockets::Addresses;

/// How to run scripts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The host that scripts take for granted; `None`: what the script itself says, or [`Profile::Rfc`].
    pub profile: Option<Profile>,
    /// Whether a packet that no line expects is a failure also where packetdrill would not look at it any more, and
    /// TS ecr is compared.
    pub is_strict: bool,
    /// Whether time is that of a clock, which no event meets exactly: then the tolerance is packetdrill's 12.5 % of the
    /// time since the event before, and no less than 10 ms, unless a script says otherwise.
    pub is_real_time: bool,
    /// Whether the TCP under test is another one than ours. Then PSH is not compared: when to set it is left to the
    /// sender (RFC 9293 section 3.9.1.2), and nothing depends on it.
    pub is_foreign: bool,
}

/// How one script is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Who is where.
    pub addresses: Addresses,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// How far times may be off.
    pub tolerance: Duration,
    /// The same in parts of 10,000 of the time since the event before, where that is more.
    pub tolerance_parts: u32,
    /// How long a tick of the timestamp clock is, where TS val is to be compared.
    pub tick: Option<Duration>,
    /// Whether expected segments are never put together from smaller ones.
    pub has_strict_segments: bool,
    /// Whether sockets are of IPv6 and packets of IPv4.
    pub is_mapped: bool,
    /// See [`Settings::is_strict`].
    pub is_strict: bool,
    /// See [`Settings::is_foreign`].
    pub compares_push: bool,
    /// Whether scripts take a TCP for granted that sets PSH at the end of each burst, as Linux does for segmentation
    /// offload. Ours sets it where the text that was written ends (RFC 9293 section 3.9.1.2): there it is compared, before that a
    /// PSH that does not come is none that is missing.
    pub expects_pushed_bursts: bool,
    /// Whether the timers of the TCP under test are a kernel's, which end late: then a packet that is waited for may be
    /// late by the tolerance and an eighth of the time since the last one came out (or since the event before, if that
    /// is longer), and by as much as that last one was late, and by three times what the machine was late with an event.
    ///
    /// Linux's timer wheel has eight times coarser slots for each eight times longer wait (32 ms from 252 ms to 2 s, 256
    /// ms to 16 s, where a jiffy is 4 ms) and rounds up to the next slot. It starts a timer when it sends, not when the
    /// script's event before it was due.
    pub has_coarse_timers: bool,
}

/// packetdrill's own default: 4 ms.
const TOLERANCE: Duration = Duration::from_millis(4);

/// On a clock: what a machine with other work to do needs.
const TOLERANCE_REAL: Duration = Duration::from_millis(10);

/// Addresses of the private and the documentation ranges (RFC 1918, 4193, 5737, 3849).
const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const REMOTE_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xfa7b, 0xd17d, 0, 0, 0, 0, 1);
const REMOTE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The usual port on both sides.
const PORT: u16 = 8080;

impl Plan {
    /// What a script asks for, unless a clock cannot do it.
    fn least_tolerance(&self, asked: Duration) -> Duration {
        if self.tolerance == TOLERANCE_REAL { asked.max(TOLERANCE_REAL) } else { asked }
    }
}

/// A plan, or why there is none.
pub(crate) enum Planned {
    Plan(Box<Plan>),
    Unsupported(Flag),
}

impl Script {
    /// How the script is to be run.
    pub(crate) fn plan(&self, settings: &Settings) -> Result<Planned, ScriptError> {
        let mut plan = Plan {
            addresses: Addresses {
                local: LOCAL_V4.into(),
                remote: REMOTE_V4.into(),
                bind_port: PORT,
                connect_port: PORT,
            },
            mtu: 1500,
            tolerance: if settings.is_real_time { TOLERANCE_REAL } else { TOLERANCE },
            tolerance_parts: if settings.is_real_time { 1250 } else { 0 },
            tick: None,
            has_strict_segments: false,
            is_mapped: false,
            is_strict: settings.is_strict,
            compares_push: !settings.is_foreign,
            expects_pushed_bursts: settings.profile.or(self.profile) == Some(Profile::Linux),
            has_coarse_timers: settings.is_foreign && settings.is_real_time,
        };
        let (mut local, mut remote) = (None, None);
        for flag in &self.flags {
            let value = flag.value.as_deref().unwrap_or_default();
            let wrong = |what: &str| {
                let line = self.lines.get(flag.place.line as usize - 1).cloned().unwrap_or_default();
                let what = format!("--{}: {what}", flag.name);
                ScriptError { name: self.name.clone(), place: flag.place, what, line }
            };
            let number = || value.parse::<u64>().map_err(|_| wrong("expected a number"));
            let small =
                |most: u64| number().and_then(|n| if n <= most { Ok(n) } else { Err(wrong("out of range")) });
            match flag.name.as_str() {
                "ip_version" => match value {
                    "ipv4" => {}
                    "ipv6" => {
                        (plan.addresses.local, plan.addresses.remote) = (LOCAL_V6.into(), REMOTE_V6.into());
                    }
                    "ipv4-mapped-ipv6" => plan.is_mapped = true,
                    _ => return Err(wrong("expected ipv4, ipv6 or ipv4-mapped-ipv6")),
                },
                "mtu" => plan.mtu = u32::try_from(small(65_535)?.max(68)).unwrap_or(1500),
                "tolerance_usecs" => plan.tolerance = plan.least_tolerance(Duration::from_micros(number()?)),
                "tolerance_percent" => {
                    let percent: f64 = value.parse().map_err(|_| wrong("expected a number"))?;
                    let parts = (percent * 100.0).clamp(0.0, 1_000_000.0);
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "clamped above"
                    )]
                    let parts = parts as u32;
                    plan.tolerance_parts = parts;
                }
                "tcp_ts_tick_usecs" => {
                    plan.tick = Some(Duration::from_micros(number()?)).filter(|tick| !tick.is_zero());
                }
                "bind_port" => plan.addresses.bind_port = u16::try_from(small(65_535)?).unwrap_or(PORT),
                "connect_port" => plan.addresses.connect_port = u16::try_from(small(65_535)?).unwrap_or(PORT),
                "local_ip" => local = Some(address(value).ok_or_else(|| wrong("expected an address"))?),
                "remote_ip" => remote = Some(address(value).ok_or_else(|| wrong("expected an address"))?),
                "strict_segments" => plan.has_strict_segments = true,
                // Where there is no device, no other machine and no Python, they say nothing; `define` was seen to.
                "mss" | "speed" | "gateway_ip" | "netmask_ip" | "tcp_ts_ecr_scaled" | "send_omit_free"
                | "debug" | "verbose" | "code_command" | "code_format" | "define" => {}
                _ => return Ok(Planned::Unsupported(flag.clone())),
            }
        }
        let is_ipv6 = plan.addresses.local.is_ipv6();
        plan.addresses.local = local.filter(|ip| ip.is_ipv6() == is_ipv6).unwrap_or(plan.addresses.local);
        plan.addresses.remote = remote.filter(|ip| ip.is_ipv6() == is_ipv6).unwrap_or(plan.addresses.remote);
        Ok(Planned::Plan(Box::new(plan)))
    }
}

/// An address, perhaps with the length of its prefix.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}
