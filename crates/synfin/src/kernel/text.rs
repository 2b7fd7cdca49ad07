//! Words and figures for people.

use std::fmt;
use std::net::SocketAddr;

use synfin_kernel::{
    Event, Why,
    event::{Dropped, ResetSent, Retransmit},
};
use synfin_wire::Process;

/// A duration in at most seven columns: `36 µs`, `1.2 ms`, `45 s`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) ns: u64,
    pub(crate) unicode: bool,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.ns {
            ..1_000_000 => (1_000, if self.unicode { "µs" } else { "us" }),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let tenths = self.ns / (unit / 10);
        if tenths < 100 && unit > 1_000 {
            write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
        } else {
            write!(f, "{} {name}", self.ns / unit)
        }
    }
}

/// `curl[5123]`; a dash where nobody is known. What a terminal would obey is escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who(pub(crate) Option<Process>);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let Some(process) = self.0 else { return f.write_str("-") };
        for c in process.name.as_str().chars() {
            if c.is_ascii_graphic() || c == ' ' {
                f.write_char(c)?
            } else {
                write!(f, "{}", c.escape_unicode())?
            }
        }
        write!(f, "[{}]", process.pid)
    }
}

/// An address; `*` for a port that is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End(pub(crate) SocketAddr);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.0.port()) {
            (SocketAddr::V4(address), 0) => write!(f, "{}:*", address.ip()),
            (SocketAddr::V6(address), 0) => write!(f, "[{}]:*", address.ip()),
            (address, _) => write!(f, "{address}"),
        }
    }
}

/// Why a state was left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Because(pub(crate) Why);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Why::ResetSent(reason) => write!(f, "reset sent: {reason}"),
            Why::ResetReceived => f.write_str("reset received"),
            Why::Error(number) => {
                let error = std::io::Error::from_raw_os_error(i32::try_from(number).unwrap_or_default());
                let text = error.to_string();
                f.write_str(text.split(" (os error").next().unwrap_or_default())
            }
            Why::Expired => f.write_str("time is over"),
            Why::NoRoom => f.write_str("no room for TIME-WAIT: net.ipv4.tcp_max_tw_buckets"),
            Why::Reused => f.write_str("a new connection took its place"),
            _ => f.write_str("for a reason of the kernel's"),
        }
    }
}

/// What happened without changing a state, in a few words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct What<'e>(pub(crate) &'e Event);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Retransmit(Retransmit { timeouts, state, .. }) => match timeouts {
                0 => write!(f, "sent again in {state}"),
                n => write!(f, "sent again in {state}, timeout {n}"),
            },
            Event::ResetSent(ResetSent { reason, .. }) => write!(f, "reset sent: {reason}"),
            Event::ResetReceived(_, state) => write!(f, "reset received in {state}"),
            Event::Dropped(Dropped { flags, reason, .. }) => write!(f, "{flags} dropped: {reason}"),
            other => write!(f, "{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let shown = |ns| Span { ns, unicode: true }.to_string();
        for (ns, text) in [
            (0, "0 µs"),
            (36_400, "36 µs"),
            (999_999, "999 µs"),
            (1_250_000, "1.2 ms"),
            (45_000_000, "45 ms"),
            (1_500_000_000, "1.5 s"),
            (60_000_000_000, "60 s"),
        ] {
            assert_eq!(shown(ns), text);
        }
        assert_eq!(Span { ns: 5_000, unicode: false }.to_string(), "5 us");
    }

    #[test]
    fn names_of_processes_cannot_command_a_terminal() {
        let name = synfin_wire::ProcessName::new("a\x1b[31mé".as_bytes());
        assert_eq!(Who(Some(Process { pid: 7, name })).to_string(), r"a\u{1b}[31m\u{e9}[7]");
        assert_eq!(Who(None).to_string(), "-");
    }

    #[test]
    fn errors_have_their_names() {
        assert_eq!(Because(Why::Error(111)).to_string(), "Connection refused");
        assert_eq!(Because(Why::Error(110)).to_string(), "Connection timed out");
    }
}
