//! A progress bar for long files, on a terminal.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Files below this size, in bytes, are read before a bar could be looked at.
const MIN_BYTES: u64 = 64 << 20;

/// Shows how far reading has come.
#[derive(Clone)]
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// No bar: nobody knows how much there is.
    pub(crate) const NONE: Self = Self(None);

    /// A bar if there is a terminal to see it on and something to wait for; nothing otherwise.
    pub(crate) fn new(total_bytes: Option<u64>, is_quiet: bool) -> Self {
        let is_wanted = !is_quiet && io::stderr().is_terminal();
        let Some(total) = total_bytes.filter(|total| is_wanted && *total >= MIN_BYTES) else {
            return Self::NONE;
        };
        let bar = ProgressBar::new(total);
        if let Ok(style) =
            ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}")
        {
            bar.set_style(style);
        }
        Self(Some(bar))
    }

    pub(crate) fn set(&self, bytes: u64) {
        if let Some(bar) = self.0.as_ref().filter(|bar| !bar.is_finished()) {
            bar.set_position(bytes);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }

    /// A writer to the same terminal. Its first line takes the bar's place: from there on, the lines are the progress.
    pub(crate) fn cleared_by<W: Write>(&self, out: W) -> impl Write + use<W> {
        Clearing { progress: self.clone(), out }
    }
}

struct Clearing<W> {
    progress: Progress,
    out: W,
}

impl<W: Write> Write for Clearing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.progress.finish();
            self.progress = Progress::NONE;
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
