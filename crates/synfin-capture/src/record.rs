//! What a source of frames lends: the frame and what is known beside it.

use std::borrow::Cow;

use synfin_wire::Frame;

use crate::Interface;

/// One captured frame, with what the capture says about it. Valid until the next one is asked for.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The frame.
    pub frame: Frame<'a>,
    /// Where it was captured: what `frame.interface` stands for.
    pub interface: &'a Interface,
    /// What somebody wrote about it. Several comments stand on lines of their own.
    pub comment: Option<Cow<'a, str>>,
    /// Blocks that stand in the file between the frame before and this one, to be passed on or understood.
    pub blocks: &'a [Block],
}

/// A block of a pcapng file that is no packet and yet worth keeping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its body, padded to four bytes. For names and secrets this is the body as pcapng has it, with its numbers in
    /// little-endian order whatever the file's was; for a custom block it is what follows the enterprise number.
    pub body: Vec<u8>,
}

/// What a [`Block`] is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum BlockKind {
    /// Names for addresses.
    NameResolution,
    /// Keys with which the traffic can be decrypted.
    DecryptionSecrets,
    /// Our own, of a type for local use: no other program looks into it, or counts it among the packets as Wireshark does
    /// with custom blocks. Its body is as it was written.
    Local,
    /// Somebody's own.
    Custom {
        /// Whose: the private enterprise number.
        enterprise: u32,
        /// Whether a program that does not understand it may copy it.
        may_copy: bool,
    },
}
