//! What can go wrong, precisely enough to say what to do about it.

use std::io;

/// Reading a capture failed. Frames that were read before stay good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be opened.
    #[error("{name}: {source}")]
    Open {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Bytes could not be read, or not be decompressed.
    #[error("{name}: at byte {offset}: {source}")]
    Io {
        /// The input.
        name: String,
        /// How far reading had come, in bytes after decompression.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{name}: empty: not even the header of a capture file")]
    Empty {
        /// The input.
        name: String,
    },
    /// It begins like nothing that we know.
    #[error("{name}: neither pcap nor pcapng: it begins with the bytes {magic:02x?}")]
    NotACapture {
        /// The input.
        name: String,
        /// How it begins.
        magic: Vec<u8>,
    },
    /// It contradicts its own format, and nothing after this can be trusted.
    #[error("{name}: at byte {offset}: {problem}")]
    Format {
        /// The input.
        name: String,
        /// Where the record or block begins, in bytes after decompression.
        offset: u64,
        /// How.
        problem: FormatError,
    },
}

/// How a capture file contradicts its own format.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A version of the format that does not exist, or not yet.
    #[error("unknown version {major}.{minor} of the format")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A record or block is longer than any can be.
    #[error("a record of {length} bytes (at most {limit} are possible)")]
    TooLong {
        /// What it claims, in bytes.
        length: u32,
        /// What is possible, in bytes.
        limit: u32,
    },
    /// A block is too short for what it must hold, or its length is no multiple of four.
    #[error("a block of type {block_type:#x} cannot be {length} bytes long")]
    BlockLength {
        /// Type of the block.
        block_type: u32,
        /// What it claims, in bytes.
        length: u32,
    },
    /// The length before a block and the one after it differ.
    #[error("a block of {before} bytes that ends as one of {after}")]
    LengthsDiffer {
        /// Length in bytes by the number before it.
        before: u32,
        /// Length in bytes by the number after it.
        after: u32,
    },
    /// The captured bytes of a packet do not fit into its block.
    #[error("{captured} captured bytes in a block that holds {room}")]
    PacketExceedsBlock {
        /// What the packet claims, in bytes.
        captured: u32,
        /// What there is, in bytes.
        room: usize,
    },
    /// A section whose byte order cannot be told.
    #[error("a section without a byte order mark")]
    ByteOrder,
    /// A packet on an interface that was never described.
    #[error("a packet on interface {interface}, of which {described} are described")]
    UnknownInterface {
        /// Number within its section.
        interface: u32,
        /// How many the section described so far.
        described: u32,
    },
    /// More interfaces than any capture has.
    #[error("more than {limit} interfaces")]
    TooManyInterfaces {
        /// How many are possible.
        limit: u32,
    },
    /// A link type beyond the registry.
    #[error("link type {0} does not exist")]
    LinkType(u32),
}

/// A filter expression was not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("filter {expression:?}: {message}")]
pub struct FilterError {
    /// The expression.
    pub expression: String,
    /// What libpcap says about it.
    pub message: String,
}

/// Capturing on an interface failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// There is no such interface.
    #[error("{interface}: no such interface (there are: {})", available.join(", "))]
    NoSuchInterface {
        /// What was asked for.
        interface: String,
        /// What there is.
        available: Vec<String>,
    },
    /// This user may not capture.
    #[error("{interface}: no permission to capture: {message}")]
    NoPermission {
        /// The interface.
        interface: String,
        /// What libpcap says.
        message: String,
    },
    /// The interface exists but is down.
    #[error("{interface}: the interface is down")]
    InterfaceDown {
        /// The interface.
        interface: String,
    },
    /// The interface went away during the capture.
    #[error("{interface}: {message}")]
    InterfaceGone {
        /// The interface.
        interface: String,
        /// What libpcap says.
        message: String,
    },
    /// The filter was not understood, or makes no sense on this interface.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// An option is out of range.
    #[error("{interface}: {what} of {value} is more than libpcap can take")]
    Option {
        /// The interface.
        interface: String,
        /// Which option.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Waiting for packets failed.
    #[error("{interface}: {source}")]
    Io {
        /// The interface.
        interface: String,
        /// Why.
        source: io::Error,
    },
    /// Anything else that libpcap reports.
    #[error("{interface}: {message}")]
    Capture {
        /// The interface.
        interface: String,
        /// What libpcap says.
        message: String,
    },
}

/// Writing a capture failed. What was written before stays readable.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {source}")]
pub struct WriteError {
    /// The output.
    pub name: String,
    /// Why.
    pub source: io::Error,
}
