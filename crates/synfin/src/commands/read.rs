//! `synfin read`: connections in capture files.

use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Context, anyhow};
use synfin_capture::{Filter, Merged, ReadError, Reader};
use synfin_view::View;

use crate::Outcome;
use crate::cli::ReadArgs;
use crate::failure::{FILTER_HINT, Failure};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::session::{Linger, Session};

/// The progress bar and Ctrl-C are looked at every so many packets.
const PACKETS_PER_GLANCE: u32 = 4096;

/// What stands for standard input.
const STDIN: &str = "-";

pub(crate) fn run(args: &ReadArgs) -> Result<Outcome, Failure> {
    let (files, filter) = split(&args.files_and_filter)?;
    let mut filter = Filter::compile(&filter).map_err(|e| Failure::from(e).with_hint(FILTER_HINT))?;
    let readers = files.iter().map(|file| open(file)).collect::<Result<Vec<_>, _>>()?;
    refuse_overwriting(files, args)?;
    let is_stream = files.iter().any(|file| file == STDIN);
    let show = output::show(&args.view, View::Connections.into());
    let mut session =
        Session::new(&args.view, show, args.checksums, args.write.as_deref(), Linger::Long, is_stream)?;
    let interrupt = Interrupt::install()?;

    let mut merged = Merged::new(readers);
    let out_is_terminal = args.view.output.is_none() && io::stdout().is_terminal();
    let progress = Progress::new(merged.progress().1, args.view.quiet, out_is_terminal);
    let mut until_glance = PACKETS_PER_GLANCE;
    let mut broken = None;
    loop {
        match merged.next_record() {
            Ok(Some(record)) => {
                if filter.matches(&record.frame) {
                    session.on_record(&record)?;
                }
            }
            Ok(None) => break,
            // What was read up to here is shown all the same.
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
        until_glance -= 1;
        if until_glance == 0 || is_stream {
            until_glance = PACKETS_PER_GLANCE;
            progress.set(merged.progress().0);
            if interrupt.is_requested() {
                break;
            }
        }
    }
    while let Some(loss) = merged.poll_loss() {
        session.on_loss(&loss);
    }
    progress.finish();
    let shown = session.finish()?;
    if let Some((link, problem)) = filter.problems().next() {
        eprintln!("synfin: packets of {link} were left out: {problem}");
    }
    match broken {
        Some(error) => Err(read_failure(error)),
        None if shown == 0 => Ok(Outcome::Nothing),
        None => Ok(Outcome::Fine),
    }
}

/// What names an existing file is a file; the filter begins with the first word that does not.
fn split(words: &[String]) -> Result<(&[String], String), Failure> {
    let is_file = |word: &&String| *word == STDIN || Path::new(word).exists();
    let count = words.iter().take_while(is_file).count();
    let (files, filter) = words.split_at(count);
    if files.is_empty() {
        let name = words.first().map_or("", String::as_str);
        let failure = Failure::from(anyhow!("cannot read {name}: no such file"));
        return Err(failure.with_hint("synfin read FILE… [FILTER], or - for standard input"));
    }
    Ok((files, filter.join(" ")))
}

fn open(file: &str) -> Result<Reader, Failure> {
    let reader = if file == STDIN {
        if io::stdin().is_terminal() {
            return Err(Failure::from(anyhow!("cannot read standard input: it is a terminal"))
                .with_hint("tcpdump -U -w - | synfin read -"));
        }
        Reader::from_read(io::stdin(), "standard input")
    } else {
        Reader::open(file)
    };
    reader.map_err(read_failure)
}

fn read_failure(error: ReadError) -> Failure {
    Failure::from(anyhow::Error::new(error).context("cannot read on"))
}

/// A file that is being read must not be written: its packets would be gone.
fn refuse_overwriting(files: &[String], args: &ReadArgs) -> Result<(), Failure> {
    for target in [&args.write, &args.view.output].into_iter().flatten().filter(|target| target.exists()) {
        let target = target.canonicalize().with_context(|| format!("cannot write {}", target.display()))?;
        if files.iter().any(|file| Path::new(file).canonicalize().is_ok_and(|file| file == target)) {
            return Err(anyhow!("cannot write {}: it is being read", target.display()).into());
        }
    }
    Ok(())
}
