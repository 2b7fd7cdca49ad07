//! Runs the command under test, with an environment that says nothing: what all test binaries share.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The command under test.
pub(crate) const SYNFIN: &str = env!("CARGO_BIN_EXE_synfin");

/// Variables that change what is printed.
const VARIABLES: [&str; 5] = ["NO_COLOR", "COLUMNS", "LINES", "TERM", "CLICOLOR_FORCE"];

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
    pub(crate) fn fine(&self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout.clone()
    }

    /// The JSON objects on standard output, however it ended.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A command of synfin's that was not started yet.
pub(crate) fn command(args: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = Command::new(SYNFIN);
    command.args(args).stdin(Stdio::null());
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
}
