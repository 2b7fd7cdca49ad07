//! `synfin states`: every change of a state as it happens. A netstat loop that misses nothing.

mod line;
mod tally;

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use synfin_kernel::{Event, EventOptions, Polled, Report, Scope, Session, SessionOptions, TrackerOptions};

use crate::Outcome;
use crate::cli::{KernelFormat, StatesArgs};
use crate::commands::trace::command_line;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::kernel::filter::{self, Filter};
use crate::kernel::namespaces::Labels;
use crate::kernel::out::Out;
use crate::kernel::{self, json};
use crate::rights::{self, Needs};
use line::Lines;
use tally::Tally;

/// How long one wait takes at most, so that Ctrl-C and the end of the time are noticed soon.
const WAIT: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &StatesArgs) -> Result<Outcome, Failure> {
    let filter = Filter::parse(&args.filter).map_err(|e| Failure::from(e).with_hint(filter::HINT))?;
    let mut events = EventOptions { ring_bytes: args.buffer << 20, ..EventOptions::default() };
    filter.narrow(&mut events);
    let scope = kernel::scope(&args.scope);
    let namespaces = kernel::has_several(&scope).then(Labels::load);
    let is_elsewhere = scope != Scope::Own;
    let options = SessionOptions { events, tracker: TrackerOptions::default(), scope };
    let out = Out::open(&args.print.output)?;
    let interrupt = Interrupt::install()?;
    let mut session = Session::open(&options).map_err(|error| kernel::failure(error, &command_line()))?;
    let begun_ns = now_ns();
    let mut print = Print {
        lines: Lines {
            begun_ns,
            clock: args.clock.then(jiff::tz::TimeZone::system),
            has_color: out.has_color,
            unicode: !args.print.output.ascii,
            namespaces,
        },
        out,
        filter,
        format: args.print.format,
        tells_each: !args.summary,
        tells_events: args.events,
        tally: Tally::new(args.summary),
        begun_ns,
        error: None,
    };
    if !args.print.output.quiet {
        kernel::tell_missing(session.report(), args.print.output.verbose);
        if print.out.is_terminal || args.summary {
            eprintln!("watching the kernel's TCP; Ctrl-C ends");
        }
    }

    let needs = Needs { processes: true, namespaces: is_elsewhere, events: true, signals: false };
    rights::keep_only(needs, args.print.output.verbose);
    let deadline = args.duration.and_then(|duration| Instant::now().checked_add(duration));
    let stopper = session.stopper();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if interrupt.is_requested() || left.is_some_and(|left| left.is_zero()) {
            // What has happened up to here is told before the end.
            stopper.stop();
        }
        // Not even looking for the stop would be an end without what is held back.
        let wait = left.filter(|left| !left.is_zero()).map_or(WAIT, |left| left.min(WAIT));
        let polled = session.poll(Some(wait), |report| print.on_report(&report))?;
        print.flush()?;
        if polled == Polled::Stopped {
            break;
        }
    }
    print.finish(args)
}

/// Prints reports.
struct Print {
    lines: Lines,
    out: Out,
    filter: Filter,
    format: KernelFormat,
    tells_each: bool,
    tells_events: bool,
    tally: Tally,
    begun_ns: u64,
    error: Option<io::Error>,
}

impl Print {
    fn on_report(&mut self, report: &Report) {
        let buffer = &mut self.out.buffer;
        let is_json = self.format == KernelFormat::Json;
        match report {
            Report::Change(change) => {
                if !self.filter.matches(change.change.local, change.change.remote) {
                    return;
                }
                self.tally.on_change(change);
                match (self.tells_each, is_json) {
                    (false, _) => {}
                    (true, true) => json::change(buffer, change),
                    (true, false) => self.lines.change(buffer, change),
                }
            }
            Report::Existing(existing) => {
                if !self.filter.matches(existing.local, existing.remote) {
                    return;
                }
                self.tally.existing += 1;
                match (self.tells_each, is_json) {
                    (false, _) => {}
                    (true, true) => json::existing(buffer, existing, self.begun_ns),
                    (true, false) => self.lines.existing(buffer, existing),
                }
            }
            Report::Event(Event::Lost(loss)) => {
                self.tally.lost = self.tally.lost.saturating_add(loss.count);
                if is_json {
                    json::loss(buffer, loss);
                } else {
                    eprintln!("synfin: {} events were lost: -B makes more room for them", loss.count);
                }
            }
            Report::Event(event) => {
                let Some(subject) = event.subject().filter(|_| self.tells_events && self.tells_each) else {
                    return;
                };
                if self.filter.matches(subject.local, subject.remote) {
                    if is_json { json::event(buffer, event) } else { self.lines.event(buffer, event) }
                }
            }
            _ => return,
        }
        if self.error.is_none() {
            self.error = self.out.end_line().err();
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        match self.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(self.out.flush()?),
        }
    }

    fn finish(mut self, args: &StatesArgs) -> Result<Outcome, Failure> {
        let unicode = !args.print.output.ascii;
        match (self.format, args.summary) {
            (KernelFormat::Json, _) => self.tally.write_json(&mut self.out.buffer),
            (KernelFormat::Text, true) => self.tally.write_text(&mut self.out.buffer, unicode),
            (KernelFormat::Text, false) => {}
        }
        self.flush()?;
        if !args.print.output.quiet {
            eprintln!("{}", self.tally.footer());
        }
        let is_nothing = self.tally.changes == 0 && self.tally.existing == 0;
        Ok(if is_nothing { Outcome::Nothing } else { Outcome::Fine })
    }
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
