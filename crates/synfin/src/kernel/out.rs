//! Where lines go: together in a buffer, handed on when the source has nothing more to say for now.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use anyhow::Context;

use crate::cli::{ColorArg, PrintArgs};
use crate::failure::Failure;

/// Handed on when so many bytes have come together.
const BUFFER: usize = 64 << 10;

/// A buffered output of lines.
pub(crate) struct Out {
    to: Box<dyn Write>,
    /// What that is called.
    name: String,
    /// Lines that were not handed on yet.
    pub(crate) buffer: Vec<u8>,
    pub(crate) is_terminal: bool,
    pub(crate) has_color: bool,
}

impl Out {
    pub(crate) fn open(args: &PrintArgs) -> Result<Self, Failure> {
        let to: Box<dyn Write> = match &args.output {
            Some(path) => {
                Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            // Lines are kept together here; a second buffer would only copy them.
            None => match io::stdout().as_fd().try_clone_to_owned() {
                Ok(stdout) => Box::new(File::from(stdout)),
                Err(_) => Box::new(io::stdout()),
            },
        };
        let name = args
            .output
            .as_ref()
            .map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
        let is_terminal = args.output.is_none() && io::stdout().is_terminal();
        let has_color = match args.color {
            ColorArg::Always => true,
            ColorArg::Never => false,
            ColorArg::Auto => {
                is_terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Ok(Self { to, name, buffer: Vec::with_capacity(2 * BUFFER), is_terminal, has_color })
    }

    /// A line was written: hands on what has come together, if that is much.
    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Hands on everything.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let result = self.to.write_all(&self.buffer);
        self.buffer.clear();
        // Its kind stays: a closed pipe is no failure.
        result.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", self.name)))
    }
}
