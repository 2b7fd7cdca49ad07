//! Runs the command, in a folder of its own, with an environment that says nothing.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command under test.
pub(crate) const SYNFIN: &str = env!("CARGO_BIN_EXE_synfin");

/// What it printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("a panic or a signal ended it"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Standard output of a run that was fine.
    pub(crate) fn fine(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    /// The JSON objects on standard output of a run that was fine.
    pub(crate) fn objects(self) -> Vec<serde_json::Value> {
        self.fine().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A command of synfin's that was not started yet.
pub(crate) fn command(folder: &Path, args: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(SYNFIN);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    for variable in ["NO_COLOR", "COLUMNS", "LINES", "TERM", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
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
