//! The two file formats. Each takes the bytes of a [`Window`](crate::window::Window) and says where the next frame is.

pub(crate) mod pcap;
pub(crate) mod pcapng;

use std::io;
use std::ops::Range;

use synfin_wire::Direction;

use crate::FormatError;

/// What comes next in a file.
pub(crate) enum Step {
    /// A frame: its [`Head`] was filled in.
    Frame,
    /// The end, where one is due.
    End,
    /// The end, in the middle of something.
    Truncated,
}

/// A frame, but for its bytes: those are in the window. Filled in place: moving it costs as much as finding it.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) at_ns: u64,
    pub(crate) interface: u32,
    pub(crate) direction: Option<Direction>,
    pub(crate) original_len: u32,
    /// Where in the window the captured bytes are.
    pub(crate) bytes: Range<usize>,
    /// Where in the window options are, if there is a comment among them.
    pub(crate) options: Range<usize>,
}

/// Why a file cannot be read further.
pub(crate) enum Problem {
    Io(io::Error),
    Format(FormatError),
}

impl From<io::Error> for Problem {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<FormatError> for Problem {
    fn from(e: FormatError) -> Self {
        Self::Format(e)
    }
}
