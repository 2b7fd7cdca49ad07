//! A progress bar for long files, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Files below this size, in bytes, are read before a bar could be looked at.
const MIN_BYTES: u64 = 64 << 20;

/// Shows how far reading has come.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar if there is a terminal to see it on and something to wait for; nothing otherwise.
    pub(crate) fn new(total_bytes: Option<u64>, is_quiet: bool, out_is_terminal: bool) -> Self {
        let is_wanted = !is_quiet && std::io::stderr().is_terminal() && !out_is_terminal;
        let Some(total) = total_bytes.filter(|total| is_wanted && *total >= MIN_BYTES) else {
            return Self(None);
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
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
