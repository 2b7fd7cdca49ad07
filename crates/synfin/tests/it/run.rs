//! Runs the command in a folder of its own.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) use crate::ran::{Ran, SYNFIN};

/// A command of synfin's that was not started yet.
pub(crate) fn command(folder: &Path, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = crate::ran::command(args);
    command.current_dir(folder);
    command
}

/// Runs it to its end.
pub(crate) fn synfin(folder: &Path, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Ran {
    command(folder, args).output().unwrap().into()
}

/// Rows of a table of connections.
pub(crate) fn rows(table: &str) -> usize {
    table.lines().filter(|line| line.contains(" → 10.0.0.2:80")).count()
}

/// Runs it on a terminal of 100 columns: all that the terminal got. `None` where `script` is not installed.
pub(crate) fn on_terminal(folder: &Path, args: &str) -> Option<Ran> {
    let inner = format!("stty rows 50 cols 100 && exec {SYNFIN} {args}");
    let mut command = Command::new("script");
    command.args(["-qec", &inner, "/dev/null"]).current_dir(folder).stdin(Stdio::null());
    command.env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR");
    match command.output() {
        Ok(output) => Some(output.into()),
        Err(e) => {
            println!("skipped: script: {e}");
            None
        }
    }
}
