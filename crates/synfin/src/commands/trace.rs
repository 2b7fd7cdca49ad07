//! `synfin trace`: connections as they happen.

mod child;
mod place;
mod sources;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use synfin_capture::{LiveOptions, Poll, Stopper};
use synfin_view::{Show, View};
use synfin_wire::InterfaceId;

use crate::Outcome;
use crate::beside::Beside;
use crate::cli::TraceArgs;
use crate::failure::{self, Failure, quoted};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::rights::{self, Needs};
use crate::session::{Linger, Session, Unfinished};
use crate::targets;
use child::Child;
use place::Place;
use sources::Sources;

/// How long one wait for packets takes at most, so that Ctrl-C and the command's end are noticed soon.
const WAIT: Duration = Duration::from_millis(50);

/// The same while the kernel is asked as well: what it has told should not be waited for.
const WAIT_BESIDE: Duration = Duration::from_millis(20);

/// While packets come, time passes for everything else in steps of this, in nanoseconds on their clock.
const STEP_NS: u64 = 10_000_000;

/// How long the command's connections may take to close after it has exited.
const MAX_CLOSING: Duration = Duration::from_secs(5);

/// How long a SYN of the command may have no answer after it has exited. Most answers take a tenth of that; and who has
/// exited cannot take one.
const MAX_ANSWERING: Duration = Duration::from_secs(1);

/// How long a command that was asked to end may take, and its connections to close, before the capture ends.
const MAX_ENDING: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &TraceArgs) -> Result<Outcome, Failure> {
    let runs_command = !args.command.is_empty();
    // A command prints for itself: the packets one by one would be in its way.
    let default: Show =
        if runs_command { View::Ladder.into() } else { [View::Packets, View::Ladder].into_iter().collect() };
    let show = output::show(&args.view, default);
    let mut options = LiveOptions::new(&args.interface);
    options.filter = args.filter.join(" ");
    options.snap_len = args.snap_length;
    options.buffer_bytes = args.buffer << 20;
    options.promiscuous = args.promiscuous;
    targets::check(&[], args.write.as_deref(), args.view.output.file.as_deref())?;
    let place = Place::of(args);
    place.check()?;
    let mut beside = Beside::open(&options.filter, runs_command, place.scope());
    let mut sources = place.open(&options)?;
    let write = args.write.as_deref();
    let mut session =
        Session::new(&args.view, show, args.checksums, write, Linger::Short, &Progress::NONE, true)?;
    let interrupt = Interrupt::install()?;
    if args.view.output.verbose {
        eprintln!("capturing on {}{}, {}", args.interface, place, sources.describe());
    } else if !args.view.output.quiet && !runs_command {
        eprintln!("capturing on {}{}; Ctrl-C ends", args.interface, place);
    }
    for (id, interface) in (0..).zip(sources.interfaces()) {
        session.on_interface(InterfaceId(id), interface);
    }
    if !args.view.output.quiet {
        beside.tell_missing(args.view.output.verbose);
    }
    let mut end = End {
        interrupt,
        stoppers: sources.stoppers(),
        child: None,
        asked_at: None,
        tells: !args.view.output.quiet,
    };
    if runs_command {
        let tells_forks = beside.tells_forks(args.view.output.quiet);
        if !tells_forks {
            session.only_since(now_ns());
        }
        let child = place.run(|| Child::start(&args.command))??;
        if tells_forks {
            session.only_tree(child.pid());
        }
        end.child = Some(child);
    }
    // The command has what its user is due; what follows needs nothing but to read.
    let needs = Needs {
        processes: beside.is_there(),
        namespaces: beside.is_there() && place.is_elsewhere(),
        events: beside.is_there(),
        signals: runs_command,
    };
    rights::keep_only(needs, args.view.output.verbose);
    let outcome = capture(&mut sources, &mut beside, &mut session, &mut end);
    let outcome = outcome.and(beside.finish(sources.interfaces(), &mut session));
    while let Some(loss) = sources.poll_loss() {
        session.on_loss(&loss);
    }
    let finished = session.finish();
    let shown = outcome.and(finished);
    // Whatever happened, a command is not left behind; where only nobody reads any more what is shown, it goes on.
    let is_unread = shown.as_ref().is_err_and(Failure::is_closed_pipe);
    let status = end.child.map(|child| if is_unread { child.wait() } else { child.finish() }).transpose();
    match (shown, status?) {
        (Err(failure), None) => Err(failure),
        (Err(failure), Some(_)) if !is_unread => Err(failure),
        (_, Some(status)) => Ok(Outcome::Status(status)),
        (Ok(0), None) => Ok(Outcome::Nothing),
        (Ok(_), None) => Ok(Outcome::Fine),
    }
}

/// Follows packets until the capture ends. Whatever stops it, what was seen up to there is shown.
fn capture(
    sources: &mut Sources,
    beside: &mut Beside,
    session: &mut Session,
    end: &mut End,
) -> Result<(), Failure> {
    let mut step_ns = 0;
    let wait = if beside.is_there() { WAIT_BESIDE } else { WAIT };
    loop {
        let seen_until_ns = match sources.next_record(wait) {
            Ok(Poll::Frame(record)) => {
                beside.on_record(&record, session)?;
                // Others may be on their way that are a little older.
                record.frame.at_ns.saturating_sub(STEP_NS)
            }
            Ok(Poll::Idle) => {
                let known_ns = beside.on_time(now_ns(), sources.interfaces(), session)?;
                session.on_idle(known_ns)?;
                known_ns
            }
            Ok(Poll::End) => return Ok(()),
            Err(error) => return Err(failure::interrupted(error)),
        };
        end.on_signals();
        if seen_until_ns >= step_ns {
            step_ns = seen_until_ns.saturating_add(STEP_NS);
            let seen_until_ns = beside.on_time(seen_until_ns, sources.interfaces(), session)?;
            session.on_time(seen_until_ns)?;
            while let Some(loss) = sources.poll_loss() {
                session.on_loss(&loss);
            }
            end.on_time(seen_until_ns, session);
        }
    }
}

/// What ends a trace: the user, or the end of the command.
struct End {
    interrupt: Interrupt,
    stoppers: Vec<Stopper>,
    child: Option<Child>,
    /// When the command was asked to end.
    asked_at: Option<Instant>,
    /// Whether to say what is not waited for.
    tells: bool,
}

impl End {
    fn stop(&self) {
        self.stoppers.iter().for_each(Stopper::stop);
    }

    /// Ends at once if the user wants it; a command is asked to end first, so that its connections are seen to close.
    fn on_signals(&mut self) {
        if self.asked_at.is_some() || !self.interrupt.is_requested() {
            return;
        }
        self.asked_at = Some(Instant::now());
        match &mut self.child {
            Some(child) => child.ask_to_end(),
            None => self.stop(),
        }
    }

    /// Ends when the command has exited, everything up to then was seen, and its connections are closed or will not
    /// close any more.
    fn on_time(&mut self, seen_until_ns: u64, session: &Session) {
        let Some(child) = &mut self.child else { return };
        let (max, what) = match session.unfinished() {
            Unfinished::Nothing => (Duration::ZERO, None),
            Unfinished::Answer => (MAX_ANSWERING, Some("an answer to the command's SYN: none came")),
            Unfinished::Close => (MAX_CLOSING, Some("the command's connections to close: not all did")),
        };
        let max = if self.asked_at.is_some() { max.min(MAX_ENDING) } else { max };
        let is_closed =
            child.exited().is_some_and(|exited| seen_until_ns >= exited.at_ns && exited.at.elapsed() >= max);
        let is_stubborn = self.asked_at.is_some_and(|at| at.elapsed() >= MAX_ENDING);
        if !is_closed && !is_stubborn {
            return;
        }
        if let Some(what) = what.filter(|_| is_closed && self.tells) {
            self.tells = false;
            eprintln!("waited {} s for {what}", max.as_secs());
        }
        self.stop();
    }
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// What the user typed, for a hint that can be typed again.
pub(crate) fn command_line() -> String {
    std::env::args().map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}
