//! A line for a change: time, process, this end, the other end, the change, how long it was in the state before, why.

use std::fmt::Display;
use std::io::Write as _;

use jiff::tz::TimeZone;
use synfin_kernel::{Change, Event, Existing};
use synfin_wire::{SocketId, State};

use crate::kernel::namespaces::Labels;
use crate::kernel::text::{Because, End, Span, What, Who};

/// How lines look.
#[derive(Debug)]
pub(super) struct Lines {
    /// Times count from here, unless they are times of day.
    pub(super) begun_ns: u64,
    pub(super) clock: Option<TimeZone>,
    pub(super) has_color: bool,
    pub(super) unicode: bool,
    /// There are several namespaces: what they are called.
    pub(super) namespaces: Option<Labels>,
}

/// The longest change: `SYN-RECEIVED → ESTABLISHED`.
const CHANGE_WIDTH: usize = 26;
const TIME_WIDTH: usize = 15;
const PROCESS_WIDTH: usize = 20;
const ADDRESS_WIDTH: usize = 21;

impl Lines {
    pub(super) fn change(&self, out: &mut Vec<u8>, change: &Change) {
        let step = &change.change;
        self.begin(out, Some(step.at_ns), step.socket);
        self.ends(out, Who(step.process), End(step.local), End(step.remote));
        self.paint(out, "\x1b[36m");
        let arrow = if self.unicode { "→" } else { "->" };
        let width = step.from.name().len() + step.to.name().len() + 2 + arrow.chars().count();
        put(out, format_args!("{} {arrow} {}", step.from.name(), step.to.name()));
        self.paint(out, "\x1b[0m");
        if let Some(ns) = change.in_state_ns {
            let pad = CHANGE_WIDTH.saturating_sub(width);
            put(out, format_args!("{:pad$}  after {}", "", Span { ns, unicode: self.unicode }));
        }
        if let Some(why) = change.why {
            put(out, format_args!("  ({})", Because(why)));
        }
        if change.change.is_inferred {
            out.extend_from_slice(b"  ~inferred");
        }
        out.push(b'\n');
    }

    pub(super) fn existing(&self, out: &mut Vec<u8>, existing: &Existing) {
        self.begin(out, None, existing.socket);
        self.ends(out, Who(existing.process), End(existing.local), End(existing.remote));
        self.paint(out, "\x1b[36m");
        put(out, existing.state.name());
        self.paint(out, "\x1b[0m");
        if let (State::TimeWait, Some(since_ns)) = (existing.state, existing.since_ns) {
            let ns = self.begun_ns.saturating_sub(since_ns);
            put(out, format_args!("  for {}", Span { ns, unicode: self.unicode }));
        }
        out.push(b'\n');
    }

    pub(super) fn event(&self, out: &mut Vec<u8>, event: &Event) {
        let Some(subject) = event.subject() else { return };
        self.begin(out, Some(event.at_ns()), subject.socket);
        self.ends(out, Who(None), End(subject.local), End(subject.remote));
        self.paint(out, "\x1b[33m");
        put(out, What(event));
        self.paint(out, "\x1b[0m");
        out.push(b'\n');
    }

    /// The time, or a word where there is none: the socket was there before.
    fn begin(&self, out: &mut Vec<u8>, at_ns: Option<u64>, socket: SocketId) {
        match (at_ns, &self.clock) {
            (None, _) => put(out, format_args!("{:>TIME_WIDTH$}", "existing")),
            (Some(at_ns), None) => {
                let sign = if at_ns < self.begun_ns { "-" } else { "" };
                let us = at_ns.abs_diff(self.begun_ns) / 1_000;
                let seconds = us / 1_000_000;
                let width = TIME_WIDTH - 7 - sign.len();
                // The sign stands right before the digits only where they fill their columns: none is this long.
                put(out, format_args!("{sign}{seconds:>width$}.{:06}", us % 1_000_000));
            }
            (Some(at_ns), Some(zone)) => put(out, format_args!("{:>TIME_WIDTH$}", of_day(at_ns, zone))),
        }
        if let Some(labels) = &self.namespaces {
            put(out, format_args!(" net:{:<10}", labels.of(socket.namespace)));
        }
        out.push(b' ');
    }

    fn ends(&self, out: &mut Vec<u8>, who: Who, local: End, remote: End) {
        let columns: [(&dyn Display, usize); 3] =
            [(&who, PROCESS_WIDTH), (&local, ADDRESS_WIDTH), (&remote, ADDRESS_WIDTH)];
        for (text, width) in columns {
            let start = out.len();
            put(out, text);
            // Nothing but ASCII in these.
            let pad = width.saturating_sub(out.len() - start);
            put(out, format_args!("{:pad$} ", ""));
        }
        out.push(b' ');
    }

    fn paint(&self, out: &mut Vec<u8>, sequence: &str) {
        if self.has_color {
            out.extend_from_slice(sequence.as_bytes());
        }
    }
}

/// The time of day to the microsecond.
fn of_day(at_ns: u64, zone: &TimeZone) -> String {
    let Ok(timestamp) = jiff::Timestamp::from_nanosecond(i128::from(at_ns)) else { return "?".to_owned() };
    let seconds = timestamp.as_second() + i64::from(zone.to_offset(timestamp).seconds());
    let of_day = seconds.rem_euclid(86_400);
    let us = at_ns % 1_000_000_000 / 1_000;
    format!("{:02}:{:02}:{:02}.{us:06}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

fn put(out: &mut Vec<u8>, text: impl Display) {
    // Writing to memory never fails.
    let _ = write!(out, "{text}");
}
