//! The command after `--`: its output is its own, its exit status becomes ours.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use crate::failure::Failure;

/// A running command.
pub(super) struct Child {
    process: std::process::Child,
    exited: Option<(ExitStatus, Instant)>,
}

impl Child {
    pub(super) fn start(words: &[String]) -> Result<Self, Failure> {
        let (program, args) = words.split_first().ok_or_else(|| anyhow!("there is no command after --"))?;
        let process = Command::new(program).args(args).spawn().map_err(|error| {
            let is_missing = error.kind() == io::ErrorKind::NotFound;
            let failure = Failure::from(anyhow::Error::new(error).context(format!("cannot run {program}")));
            if is_missing {
                failure.with_hint("the words after -- are a program and its arguments")
            } else {
                failure
            }
        })?;
        Ok(Self { process, exited: None })
    }

    /// When it was first seen to have exited.
    pub(super) fn exited_at(&mut self) -> Option<Instant> {
        if self.exited.is_none()
            && let Ok(Some(status)) = self.process.try_wait()
        {
            self.exited = Some((status, Instant::now()));
        }
        self.exited.map(|(_, at)| at)
    }

    /// The status to exit with: the command's own, or, as shells have it, 128 and the number of the signal that ended
    /// it. A command that still runs when the trace was ended is asked to end as well.
    pub(super) fn finish(mut self) -> Result<u8, Failure> {
        if self.exited_at().is_none() {
            // It may have exited since, which is as well.
            let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        }
        let status = match self.exited {
            Some((status, _)) => status,
            None => self.process.wait().context("cannot wait for the command")?,
        };
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}
