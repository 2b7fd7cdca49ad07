//! `synfin drill`: packetdrill scripts against our own TCP.

#[cfg(feature = "kernel")]
mod linux;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use synfin_lab::drill::{self, Profile, Script, Settings, Verdict};

use self::report::Report;
use crate::Outcome;
use crate::cli::{DrillArgs, ProfileArg};
use crate::failure::Failure;

/// Deepest folder that is looked into.
const DEPTH_MAX: u32 = 16;

pub(crate) fn run(args: &DrillArgs) -> Result<Outcome, Failure> {
    let scripts = scripts(&args.scripts)?;
    let settings = Settings {
        profile: args.profile.map(|profile| match profile {
            ProfileArg::Rfc => Profile::Rfc,
            ProfileArg::Linux => Profile::Linux,
        }),
        is_strict: args.strict,
        ..Settings::default()
    };
    let mut report = Report::new(args);
    let mut run = Vec::new();
    for path in &scripts {
        match drilled(path, &settings) {
            Ok((script, verdict)) => {
                report.on_verdict(&script, &verdict)?;
                run.push((script, verdict));
            }
            Err(failure) => report.on_error(path, &failure)?,
        }
    }
    #[cfg(feature = "kernel")]
    if args.against.is_some() {
        beside_linux(&run, &settings, args.longest.0, &mut report)?;
    }
    report.finish()
}

fn drilled(path: &Path, settings: &Settings) -> Result<(Script, Verdict), Failure> {
    let name = path.display().to_string();
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("cannot read {name}: it is no text"))?;
    let script = Script::parse(&name, &text)?;
    let verdict = drill::run(&script, settings).with_context(|| format!("cannot run {name}"))?;
    Ok((script, verdict))
}

/// Scripts that run against the kernel at one time: they wait more than they work.
#[cfg(feature = "kernel")]
const AT_ONE_TIME: usize = 4;

/// Runs the same scripts against the kernel, and tells in their order how they went there.
#[cfg(feature = "kernel")]
fn beside_linux(
    scripts: &[(Script, Verdict)],
    settings: &Settings,
    longest: std::time::Duration,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..AT_ONE_TIME.min(scripts.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, (script, _))) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, scripts.get(at)?)))
                {
                    if sender.send((index, linux::run(script, settings, longest))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut done = std::collections::BTreeMap::new();
        for (index, (script, ours)) in scripts.iter().enumerate() {
            while !done.contains_key(&index)
                && let Ok((at, ran)) = receiver.recv()
            {
                done.insert(at, ran);
            }
            match done.remove(&index) {
                Some(Ok(theirs)) => report.on_linux(script, ours, &theirs)?,
                // What fails for one fails for all: the machine does not let us.
                Some(Err(failure)) => {
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    return Err(failure);
                }
                None => return Ok(()),
            }
        }
        Ok(())
    })
}

/// The files that are meant, in the order of the arguments, and within folders by name.
fn scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut list = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = list.len();
            walk(path, 0, &mut list)?;
            if list.len() == before {
                let failure = Failure::from(anyhow!("no script is in {}", path.display()));
                return Err(failure.with_hint("scripts are files whose names end in .pkt"));
            }
        } else {
            list.push(path.clone());
        }
    }
    Ok(list)
}

fn walk(folder: &Path, depth: u32, list: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let entries: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.with_context(|| format!("cannot read {}", folder.display()))?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, depth + 1, list)?;
        } else if path.extension().is_some_and(|extension| extension == "pkt") {
            list.push(path);
        }
    }
    Ok(())
}
