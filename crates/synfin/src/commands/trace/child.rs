//! The command after `--`: its output is its own, its exit status becomes ours.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Instant;

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};

use super::now_ns;
use crate::failure::Failure;

/// A running command.
pub(super) struct Child {
    process: std::process::Child,
    exited: Option<Exited>,
}

/// How and when a command was seen to have exited.
#[derive(Clone, Copy)]
pub(super) struct Exited {
    status: ExitStatus,
    pub(super) at: Instant,
    /// The same on the clock of the packets, in nanoseconds since the Unix epoch.
    pub(super) at_ns: u64,
}

impl Exited {
    fn now(status: ExitStatus) -> Self {
        Self { status, at: Instant::now(), at_ns: now_ns() }
    }
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

    /// Whether it has exited.
    pub(super) fn exited(&mut self) -> Option<Exited> {
        if self.exited.is_none()
            && let Ok(Some(status)) = self.process.try_wait()
        {
            self.exited = Some(Exited::now(status));
        }
        self.exited
    }

    /// Sends it SIGTERM, if it is still there.
    pub(super) fn ask_to_end(&mut self) {
        if self.exited().is_none() {
            // It may have exited since, which is as well.
            let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        }
    }

    /// Its number.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// As [`wait`](Self::wait), but a command that still runs is asked to end.
    pub(super) fn finish(mut self) -> Result<u8, Failure> {
        self.ask_to_end();
        self.wait()
    }

    /// The status to exit with: the command's own, or, as shells have it, 128 and the number of the signal that ended
    /// it.
    pub(super) fn wait(mut self) -> Result<u8, Failure> {
        let status = match self.exited {
            Some(exited) => exited.status,
            None => self.process.wait().context("cannot wait for the command")?,
        };
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
    }
}
