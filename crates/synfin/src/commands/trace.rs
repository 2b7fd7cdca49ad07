//! `synfin trace`: connections as they happen.

mod child;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use synfin_capture::{Live, LiveOptions, Poll};
use synfin_view::{Show, View};

use crate::Outcome;
use crate::cli::TraceArgs;
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::output;
use crate::session::{Linger, Session};
use child::Child;

/// How long one wait for packets takes at most, so that Ctrl-C and the command's end are noticed soon.
const WAIT: Duration = Duration::from_millis(50);

/// How long the command's connections may take to close after it has exited.
const MAX_CLOSING: Duration = Duration::from_secs(5);

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
    let mut live = Live::open(&options).map_err(|e| failure::live(e, &command_line()))?;
    let mut session =
        Session::new(&args.view, show, args.checksums, args.write.as_deref(), Linger::Short, true)?;
    let interrupt = Interrupt::install()?;
    if args.view.verbose {
        eprintln!("capturing on {}, {}, stamps: {:?}", args.interface, live.link(), live.resolution());
    } else if !args.view.quiet && !runs_command {
        eprintln!("capturing on {}; Ctrl-C ends", args.interface);
    }
    let mut child = None;
    if runs_command {
        session.only_since(now_ns());
        child = Some(Child::start(&args.command)?);
    }

    let stopper = live.stopper();
    let mut is_stopping = false;
    let outcome = loop {
        if interrupt.is_requested() && !is_stopping {
            is_stopping = true;
            stopper.stop();
        }
        let is_idle = match live.next_record(WAIT) {
            Ok(Poll::Frame(record)) => {
                session.on_record(&record)?;
                false
            }
            Ok(Poll::Idle) => {
                session.on_idle(now_ns())?;
                true
            }
            Ok(Poll::End) => break Ok(()),
            // What was seen up to here is shown all the same.
            Err(error) => break Err(failure::live(error, &command_line())),
        };
        while let Some(loss) = live.poll_loss() {
            session.on_loss(&loss);
        }
        // Only once nothing is waiting to be read is it certain that nothing of the command's was missed.
        if is_idle && !is_stopping && child.as_mut().is_some_and(|child| is_done(child, &session)) {
            is_stopping = true;
            stopper.stop();
        }
    };
    while let Some(loss) = live.poll_loss() {
        session.on_loss(&loss);
    }
    let shown = session.finish()?;
    outcome?;
    match child {
        Some(child) => child.finish().map(Outcome::Status),
        None if shown == 0 => Ok(Outcome::Nothing),
        None => Ok(Outcome::Fine),
    }
}

/// Whether the command has exited and its connections are closed, or will not close any more.
fn is_done(child: &mut Child, session: &Session) -> bool {
    child.exited_at().is_some_and(|at: Instant| !session.has_unfinished() || at.elapsed() >= MAX_CLOSING)
}

/// Nanoseconds since the Unix epoch.
fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// What the user typed, for a hint that can be typed again.
fn command_line() -> String {
    let words = std::env::args().map(|word| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
