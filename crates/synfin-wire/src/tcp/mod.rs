//! The TCP segment (RFC 9293 section 3.1): its header, its options, its payload.

mod flags;
mod header;
pub mod options;

pub use flags::Flags;
pub use header::{Header, Segment, SegmentError};
pub use options::{OptionError, Options, OptionsBuf, SackBlock, SackBlocks, TcpOption};

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;

/// Most bytes that options can take: the data offset counts 15 words of 4 bytes, 5 of them the fixed header.
pub const MAX_OPTIONS_LEN: usize = 40;
