//! Commands between backquotes: `sysctl` and its like, and what their settings mean here.
//!
//! No command is run. Those that set kernel parameters are understood, those that change nothing here are passed over,
//! and any other makes the script unsupported.

use core::time::Duration;

use synfin_tcp::{Algorithm, SynCookies};

use super::expression::{self, Value};
use super::profile::{HostSettings, retries};

/// A kernel parameter and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Such as `net.ipv4.tcp_sack`.
    pub name: String,
    /// Such as `1`, or `4096 131072 6291456`.
    pub value: String,
    /// Whether it came with `defaults.sh` and not by name: what is not had is passed over then.
    pub is_default: bool,
}

/// What `defaults.sh` of the public scripts amounts to, as far as it differs from what there is.
const DEFAULTS: [(&str, &str); 12] = [
    ("net.ipv4.tcp_rmem", "4096 540000 15728640"),
    ("net.ipv4.tcp_wmem", "4096 262144 4194304"),
    ("net.ipv4.tcp_timestamps", "1"),
    ("net.ipv4.tcp_syn_retries", "5"),
    ("net.ipv4.tcp_synack_retries", "5"),
    ("net.ipv4.tcp_frto", "2"),
    ("net.ipv4.tcp_sack", "1"),
    ("net.ipv4.tcp_dsack", "1"),
    ("net.ipv4.tcp_congestion_control", "cubic"),
    ("net.ipv4.tcp_slow_start_after_idle", "0"),
    ("net.ipv4.tcp_ecn", "0"),
    ("net.ipv4.tcp_syncookies", "1"),
];

/// Commands that change nothing here: counters, traffic control, offload of a device, what cleans up.
const IDLE: [&str; 8] =
    ["true", "echo", "sync", "nstat -n", "ip tcp_metrics flush", "tc qdisc", "ethtool -K", ":"];

/// What a queueing discipline may do to packets that is more than to let them wait for a line that is never busy.
const DISTURBING: [&str; 4] = [" limit ", " netem", " tbf", " loss"];

/// The settings of a command.
pub(crate) fn settings(command: &str) -> Result<Vec<Setting>, String> {
    let joined = command.replace("\\\n", " ");
    let mut list = Vec::new();
    for part in joined.split(['\n', ';']).flat_map(|line| line.split("&&")) {
        let part = part.split(" #").next().unwrap_or_default().trim();
        let bare = part.split([' ', '\t']).filter(|word| !is_redirection(word)).collect::<Vec<_>>().join(" ");
        let bare = bare.trim();
        if is_begun_by(bare, "tc qdisc") && DISTURBING.iter().any(|word| bare.contains(word)) {
            return Err(format!("the command `{bare}`"));
        }
        if bare.is_empty() || bare.starts_with('#') || IDLE.iter().any(|idle| is_begun_by(bare, idle)) {
            continue;
        }
        let (program, rest) = bare.split_once([' ', '\t']).unwrap_or((bare, ""));
        match program.rsplit('/').next().unwrap_or_default() {
            "sysctl" => list.extend(assignments(rest)?),
            "set_sysctls.py" => list.extend(assignments(rest)?),
            "defaults.sh" => list.extend(DEFAULTS.iter().map(|(name, value)| Setting {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                is_default: true,
            })),
            name if name.starts_with("sysctl_restore") => {}
            _ => return Err(format!("the command `{bare}`")),
        }
    }
    Ok(list)
}

fn is_redirection(word: &str) -> bool {
    matches!(word, "2>&1" | ">/dev/null" | "2>/dev/null" | "&>/dev/null" | ">" | "/dev/null")
}

fn is_begun_by(command: &str, words: &str) -> bool {
    command.strip_prefix(words).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// `-q a.b=1 c.d="1 2 3"`, or `/proc/sys/a/b=1`.
fn assignments(text: &str) -> Result<Vec<Setting>, String> {
    let mut list = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if rest.starts_with('-') {
            let (option, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if !matches!(option, "-q" | "-w" | "-e" | "-qw") {
                return Err(format!("sysctl {option}"));
            }
            rest = after.trim_start();
            continue;
        }
        let (name, value) = rest.split_once('=').ok_or_else(|| format!("sysctl {rest}"))?;
        let end = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value
                .get(1..)
                .and_then(|inner| inner.find(quote))
                .map(|at| at + 2)
                .ok_or_else(|| format!("sysctl {rest}"))?,
            _ => value.find([' ', '\t']).unwrap_or(value.len()),
        };
        let (value, after) = value.split_at_checked(end).ok_or_else(|| format!("sysctl {rest}"))?;
        let name = name.trim().trim_start_matches("/proc/sys/").replace('/', ".");
        list.push(Setting { name, value: computed(value.trim_matches(['"', '\''])), is_default: false });
        rest = after.trim_start();
    }
    Ok(list)
}

/// With `$((15*1024*1024))` worked out.
fn computed(value: &str) -> String {
    let mut out = value.to_owned();
    while let Some((before, inner, after)) = out
        .split_once("$((")
        .and_then(|(before, rest)| rest.split_once("))").map(|(inner, after)| (before, inner, after)))
    {
        let Some(Value::Number(number)) = expression::evaluate(inner) else { break };
        out = format!("{before}{number}{after}");
    }
    out
}

/// Parameters whose value must be this, for we have it so and no other way.
const FIXED: [(&str, &[i64]); 22] = [
    ("tcp_dsack", &[1]),
    ("tcp_frto", &[1, 2]),
    ("tcp_fack", &[0]),
    ("tcp_early_retrans", &[3, 4]),
    ("tcp_recovery", &[1]),
    ("tcp_reordering", &[3]),
    ("tcp_slow_start_after_idle", &[1]),
    ("tcp_moderate_rcvbuf", &[1]),
    ("tcp_mtu_probing", &[0]),
    ("tcp_fastopen", &[0]),
    ("tcp_ecn_fallback", &[1]),
    ("tcp_adv_win_scale", &[1]),
    ("tcp_rfc1337", &[0]),
    ("tcp_abort_on_overflow", &[0]),
    ("tcp_shrink_window", &[0]),
    ("tcp_thin_linear_timeouts", &[0]),
    ("tcp_tw_reuse", &[0, 1, 2]),
    ("tcp_stdurg", &[1]),
    ("tcp_notsent_lowat", &[-1, 4_294_967_295]),
    ("tcp_backlog_ack_defer", &[0, 1]),
    ("tcp_retrans_collapse", &[0, 1]),
    ("tcp_low_latency", &[0, 1]),
];

/// Parameters that mean nothing here, whatever their value: offload, memory of earlier connections, pacing.
const INDIFFERENT: [&str; 14] = [
    "tcp_autocorking",
    "tcp_tso_win_divisor",
    "tcp_min_tso_segs",
    "tcp_limit_output_bytes",
    "tcp_pacing_ss_ratio",
    "tcp_pacing_ca_ratio",
    "tcp_no_metrics_save",
    "tcp_no_ssthresh_metrics_save",
    "tcp_app_win",
    "tcp_challenge_ack_limit",
    "tcp_comp_sack_delay_ns",
    "tcp_comp_sack_slack_ns",
    "tcp_comp_sack_nr",
    "tcp_fastopen_key",
];

impl HostSettings {
    /// Changes what a parameter means here. What goes with it where nobody has it, is the reason.
    pub(crate) fn apply(&mut self, setting: &Setting) -> Result<(), String> {
        let applied = self.try_apply(setting);
        if setting.is_default { Ok(()) } else { applied }
    }

    fn try_apply(&mut self, setting: &Setting) -> Result<(), String> {
        let Setting { name, value, .. } = setting;
        let unsupported = || format!("sysctl {name}={value}");
        let short = ["net.ipv4.", "net.ipv6."].iter().find_map(|prefix| name.strip_prefix(prefix));
        let Some(short) = short else {
            // Limits of buffers and queueing disciplines: ours has neither.
            return if name.starts_with("net.core.") { Ok(()) } else { Err(unsupported()) };
        };
        if INDIFFERENT.contains(&short) {
            return Ok(());
        }
        let numbers: Option<Vec<i64>> = value.split_whitespace().map(|word| word.parse().ok()).collect();
        let first = numbers.as_ref().and_then(|numbers| numbers.first().copied());
        if let Some((_, values)) = FIXED.iter().find(|(known, _)| *known == short) {
            let is_had = first.is_some_and(|number| values.contains(&number));
            return if is_had { Ok(()) } else { Err(unsupported()) };
        }
        if short == "tcp_congestion_control" {
            self.connection.congestion = algorithm(value).ok_or_else(unsupported)?;
            return Ok(());
        }
        let first = first.ok_or_else(unsupported)?;
        let at = |index: usize| numbers.as_ref().and_then(|list| u32::try_from(*list.get(index)?).ok());
        let small = u32::try_from(first).map_err(|_| unsupported())?;
        let is_on = match first {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        let (connection, seconds) = (&mut self.connection, Duration::from_secs(small.into()));
        let (rto_first, rto_most) = (connection.rto.initial, connection.rto.max);
        match short {
            // 2: without an offset of its own for each connection.
            "tcp_timestamps" => {
                connection.timestamps = is_on.or((first == 2).then_some(true)).ok_or_else(unsupported)?
            }
            "tcp_sack" => connection.sack = is_on.ok_or_else(unsupported)?,
            "tcp_window_scaling" => connection.window_scaling = is_on.ok_or_else(unsupported)?,
            "tcp_ecn" => {
                (self.is_ecn_asked_for, self.is_ecn_granted) = match first {
                    0 => (false, false),
                    1 => (true, true),
                    2 => (false, true),
                    _ => return Err(unsupported()),
                };
            }
            "tcp_rmem" => {
                // Half of it is overhead (tcp_adv_win_scale).
                connection.receive_buffer = at(1).ok_or_else(unsupported)? / 2;
                connection.receive_buffer_max = at(2).ok_or_else(unsupported)?;
            }
            "tcp_wmem" => connection.send_buffer = at(2).ok_or_else(unsupported)?,
            "tcp_syn_retries" => connection.syn_r2 = retries(small, rto_first, rto_most),
            "tcp_synack_retries" => self.syn_ack_r2 = retries(small, rto_first, rto_most),
            "tcp_retries1" => connection.r1 = small,
            "tcp_retries2" => connection.r2 = Some(retries(small, connection.rto.min, rto_most)),
            "tcp_rto_min_us" => connection.rto.min = Duration::from_micros(small.into()),
            "tcp_rto_max_ms" => connection.rto.max = Duration::from_millis(small.into()),
            "tcp_keepalive_time" => self.keep_alive.idle = seconds,
            "tcp_keepalive_intvl" => self.keep_alive.interval = seconds,
            "tcp_keepalive_probes" => {
                self.keep_alive.probes = u8::try_from(small).map_err(|_| unsupported())?
            }
            "tcp_fin_timeout" => connection.fin_wait_2 = seconds,
            "tcp_syncookies" => {
                self.syn_cookies = match first {
                    0 => SynCookies::Never,
                    1 => SynCookies::WhenFull,
                    2 => SynCookies::Always,
                    _ => return Err(unsupported()),
                };
            }
            "tcp_max_syn_backlog" => self.half_open_limit = usize::try_from(small).unwrap_or(usize::MAX),
            "tcp_max_tw_buckets" => self.time_wait_limit = usize::try_from(small).unwrap_or(usize::MAX),
            "ip_default_ttl" => connection.ttl = u8::try_from(small).map_err(|_| unsupported())?,
            "ip_local_port_range" => {
                let port =
                    |index| at(index).and_then(|port| u16::try_from(port).ok()).ok_or_else(unsupported);
                self.ephemeral_ports = port(0)?..=port(1)?;
            }
            _ => return Err(unsupported()),
        }
        Ok(())
    }
}

/// Congestion control by Linux's names.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "reno" => Some(Algorithm::NewReno),
        "cubic" => Some(Algorithm::Cubic),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::profile::Profile;

    fn applied(command: &str) -> Result<HostSettings, String> {
        let mut host = HostSettings::new(Profile::Linux);
        settings(command)?.iter().try_for_each(|setting| host.apply(setting))?;
        Ok(host)
    }

    #[test]
    fn what_commands_set() {
        let host = applied(
            "sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_rmem=\"4096 20000 $((15*1024*1024))\" > /dev/null 2>&1\n\
             ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_ecn=1 && tc qdisc add dev tun0 root pfifo; \
             ethtool -K tun0 tso off gso off; nstat -n",
        );
        let host = host.unwrap();
        assert!(!host.connection.sack && host.is_ecn_asked_for && host.is_ecn_granted);
        assert_eq!(
            (host.connection.receive_buffer, host.connection.receive_buffer_max),
            (10_000, 15_728_640)
        );
        let host = applied("./defaults.sh\nsysctl -q net.ipv4.tcp_timestamps=0").unwrap();
        assert_eq!((host.connection.receive_buffer, host.connection.timestamps), (270_000, false));
        assert!(!host.is_ecn_granted);
    }

    /// RFC 9293 section 3.8.3 has R2 as a time or a number; Linux has a number, and this is its time.
    #[test]
    fn numbers_of_retransmissions_are_times() {
        let host = applied("sysctl -w net.ipv4.tcp_syn_retries=2 net.ipv4.tcp_retries2=8").unwrap();
        assert_eq!(host.connection.syn_r2, Duration::from_secs(1 + 2 + 4));
        assert_eq!(
            host.connection.r2,
            Some(Duration::from_millis(200 * (1 + 2 + 4 + 8 + 16 + 32 + 64 + 128 + 256)))
        );
    }

    #[test]
    fn what_is_not_had_is_said() {
        for command in [
            "sysctl -q net.ipv4.tcp_recovery=0",
            "sysctl -q net.ipv4.tcp_congestion_control=bbr",
            "sysctl -q net.ipv4.tcp_rmem=\"1 2\"",
            "sysctl -q net.ipv4.no_such_thing=1",
            "sysctl -q net.ipv4.tcp_sack",
            "sysctl -p file",
            "rm -rf /",
            "nstat | grep x",
            "tc qdisc delete dev tun0 root 2>/dev/null ; tc qdisc add dev tun0 root pfifo limit 0",
            "tc qdisc add dev tun0 root netem loss 10%",
        ] {
            assert!(applied(command).is_err(), "{command}");
        }
        // `defaults.sh` sets what it can.
        assert!(applied("./defaults.sh").is_ok());
    }
}
