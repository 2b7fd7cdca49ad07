//! `synfin read`: connections in capture files.

use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::anyhow;
use synfin_capture::{Filter, Merged, ReadError, Reader};
use synfin_view::View;

use crate::Outcome;
use crate::cli::ReadArgs;
use crate::failure::{FILTER_HINT, Failure};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::session::{Linger, Session};
use crate::targets;

/// The progress bar and Ctrl-C are looked at every so many packets.
const PACKETS_PER_GLANCE: u32 = 512;

/// What stands for standard input.
pub(crate) const STDIN: &str = "-";

pub(crate) fn run(args: &ReadArgs) -> Result<Outcome, Failure> {
    let (files, filter) = split(&args.files_and_filter)?;
    let mut compiled = Filter::compile(&filter).map_err(|e| {
        let first = filter.split(' ').next().unwrap_or_default();
        let hint = format!("no file is called {first}, so the filter begins there\nhint: {FILTER_HINT}");
        Failure::from(e).with_hint(hint)
    })?;
    let readers = files.iter().map(|file| open(file)).collect::<Result<Vec<_>, _>>()?;
    targets::check(files, args.write.as_deref(), args.view.output.file.as_deref())?;
    let is_stream = files.iter().any(|file| file == STDIN);
    let show = output::show(&args.view, View::Connections.into());
    let mut merged = Merged::new(readers);
    let progress = Progress::new(merged.progress().1, args.view.output.quiet);
    let write = args.write.as_deref();
    let mut session =
        Session::new(&args.view, show, args.checksums, write, Linger::Long, &progress, is_stream)?;
    let interrupt = Interrupt::install()?;

    let mut errors = Vec::new();
    let outcome = loop {
        match read_some(
            if is_stream { 1 } else { PACKETS_PER_GLANCE },
            &mut merged,
            &mut compiled,
            &mut session,
        ) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            // What was read up to here is shown all the same, and so are the other files.
            Err(Broken::Input(error)) => errors.push(error),
            Err(Broken::Output(failure)) => break Err(failure),
        }
        progress.set(merged.progress().0);
        if interrupt.is_requested() {
            break Ok(());
        }
    };
    while let Some(loss) = merged.poll_loss() {
        session.on_loss(&loss);
    }
    progress.finish();
    let finished = session.finish();
    for (link, problem) in compiled.problems() {
        eprintln!("synfin: packets of {link} were left out: {problem}");
    }
    outcome?;
    let shown = finished?;
    let last = errors.pop();
    for error in errors {
        read_failure(error, READ_ON).print();
    }
    match last {
        Some(error) => Err(read_failure(error, READ_ON)),
        None if shown == 0 => Ok(Outcome::Nothing),
        None => Ok(Outcome::Fine),
    }
}

/// What stopped reading.
enum Broken {
    /// One of the files.
    Input(ReadError),
    /// Where the results go.
    Output(Failure),
}

/// Reads so many packets, or to the end: then `false`.
fn read_some(
    count: u32,
    merged: &mut Merged,
    filter: &mut Filter,
    session: &mut Session,
) -> Result<bool, Broken> {
    for _ in 0..count {
        let Some(record) = merged.next_record().map_err(Broken::Input)? else {
            for reader in merged.readers() {
                session.on_blocks(reader.blocks()).map_err(Broken::Output)?;
            }
            return Ok(false);
        };
        let taken = if filter.matches(&record.frame) {
            session.on_record(&record)
        } else {
            session.on_blocks(record.blocks)
        };
        taken.map_err(Broken::Output)?;
    }
    Ok(true)
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
    reader.map_err(|error| read_failure(error, "cannot read"))
}

/// A file broke after its beginning was read.
const READ_ON: &str = "cannot read on";

fn read_failure(error: ReadError, what: &'static str) -> Failure {
    let hint = match &error {
        ReadError::NotACapture { .. } => Some("tcpdump -w, dumpcap and synfin trace -w write captures"),
        _ => None,
    };
    let failure = Failure::from(anyhow::Error::new(error).context(what));
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
