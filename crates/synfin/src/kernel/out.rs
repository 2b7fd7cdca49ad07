//! Where lines go: together in a buffer, handed on when the source has nothing more to say for now.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use anyhow::Context;

use crate::cli::OutputArgs;
use crate::failure::Failure;
use crate::output;

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
    pub(crate) fn open(args: &OutputArgs) -> Result<Self, Failure> {
        let to: Box<dyn Write> = match &args.file {
            Some(path) => {
                Box::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?)
            }
            // Lines are kept together here; a second buffer would only copy them.
            None => match io::stdout().as_fd().try_clone_to_owned() {
                Ok(stdout) => Box::new(File::from(stdout)),
                Err(_) => Box::new(io::stdout()),
            },
        };
        let is_terminal = output::is_to_terminal(args);
        let has_color = output::has_color(args, is_terminal);
        let name = output::name(args);
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
