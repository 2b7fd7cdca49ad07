//! `synfin demo`: a server, a client and a trace, all in one.

mod exchange;
mod made;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use synfin_capture::{Live, LiveError, LiveOptions, Poll, Reader, Record};
use synfin_view::View;

use crate::Outcome;
use crate::beside::{Beside, Scope};
use crate::cli::{Checksums, DemoArgs};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::rights::{self, Needs};
use crate::session::{Linger, Session, Unfinished};
use crate::targets;
use exchange::{Exchange, Server};

/// How long the exchange over loopback may take.
const MAX_TIME: Duration = Duration::from_secs(4);

pub(crate) fn run(args: &DemoArgs) -> Result<Outcome, Failure> {
    let server = Server::bind().context("cannot start a server on loopback")?;
    let path = target(args.write.as_deref())?;
    let show = output::show(&args.view, View::Ladder.into());
    targets::check(&[], Some(&path), args.view.output.file.as_deref())?;
    let (checksums, linger) = (Checksums::Ignore, Linger::Short);
    let mut session = Session::new(&args.view, show, checksums, Some(&path), linger, &Progress::NONE, true)?;
    let mut options = LiveOptions::new("lo");
    options.filter = format!("tcp port {}", server.port());
    let say = |text: &str| {
        if !args.view.output.quiet {
            eprintln!("{text}");
        }
    };
    let beside = Beside::open(&options.filter, false, Scope::Own);
    match Live::open(&options) {
        Ok(live) => {
            say(&format!(
                "An HTTP server on {}, a client, and the packets between them, live:\n",
                server.address()
            ));
            // Both ends are this very process: nobody else is looked at.
            let needs = Needs { events: beside.is_there(), ..Needs::default() };
            rights::keep_only(needs, args.view.output.verbose);
            trace(live, beside, &server, &mut session)?;
        }
        Err(error) => {
            say(&format!("This is not live: {error}."));
            say(match &error {
                LiveError::NoPermission { .. } => {
                    "hint: sudo synfin demo, to see the packets that really passed."
                }
                _ => "hint: synfin demo captures on the interface lo.",
            });
            say(
                "The bytes below did pass between a server and a client; the packets around them are made.\n",
            );
            let exchange = server.exchange().context("cannot fetch over loopback")?;
            let mut reader =
                Reader::from_read(std::io::Cursor::new(made::capture(&exchange)?), "made packets")?;
            while let Some(record) = reader.next_record()? {
                session.on_record(&record)?;
            }
        }
    }
    let shown = session.finish()?;
    say(&format!("\nThe packets are in {}: wireshark and synfin read open it.", path.display()));
    Ok(if shown == 0 { Outcome::Nothing } else { Outcome::Fine })
}

/// Fetches while the capture runs, until the connection is over.
fn trace(mut live: Live, mut beside: Beside, server: &Server, session: &mut Session) -> Result<(), Failure> {
    let _exchange: Exchange = server.exchange().context("cannot fetch over loopback")?;
    let stopper = live.stopper();
    let (began, mut is_stopping) = (Instant::now(), false);
    loop {
        let is_idle = match live.next_record(Duration::from_millis(20))? {
            Poll::Frame(record) => {
                let record: Record<'_> = record;
                beside.on_record(&record, session)?;
                false
            }
            Poll::Idle => {
                beside.on_time(u64::MAX, live.interfaces(), session)?;
                true
            }
            Poll::End => break,
        };
        let is_over = is_idle && session.has_any() && session.unfinished() == Unfinished::Nothing;
        if !is_stopping && (is_over || began.elapsed() >= MAX_TIME) {
            is_stopping = true;
            stopper.stop();
        }
    }
    beside.finish(live.interfaces(), session)?;
    while let Some(loss) = live.poll_loss() {
        session.on_loss(&loss);
    }
    Ok(())
}

/// The file that was asked for, or a new one in the temporary folder.
fn target(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = asked {
        return Ok(path.to_owned());
    }
    let file = tempfile::Builder::new().prefix("synfin-demo-").suffix(".pcapng").tempfile();
    let (_, path): (File, PathBuf) = file
        .and_then(|file| file.keep().map_err(|e| e.error))
        .context("cannot create a file for the packets")?;
    Ok(path)
}
