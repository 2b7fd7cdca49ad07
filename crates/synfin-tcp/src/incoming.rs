//! A segment that has arrived: checked, its options read once, its payload by reference.

use core::net::IpAddr;

use bytes::{Buf, Bytes};
use synfin_wire::SeqNumber;
use synfin_wire::tcp::{Header, Options, SackBlock, Segment, SegmentError, TcpOption};

/// Explicit congestion notification in the IP header (RFC 3168 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ecn {
    /// The packet is of no ECN-capable transport.
    #[default]
    NotEct,
    /// ECN-capable, codepoint 0.
    Ect0,
    /// ECN-capable, codepoint 1.
    Ect1,
    /// Congestion experienced.
    Ce,
}

/// Who has checked the checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// Nobody yet.
    Check,
    /// The device, or there was no wire that could have damaged the bytes.
    Trusted,
}

/// A segment that has arrived.
///
/// Whoever takes in many segments reads them into the same place one after the other, with [`read`](Self::read) or
/// [`read_parts`](Self::read_parts): moving a value of this size from where it was made costs as much as making it.
#[derive(Clone, Default, Debug)]
pub struct Incoming {
    /// The fixed header.
    pub header: Header,
    /// The options that this TCP knows.
    pub options: KnownOptions,
    /// The text of the segment.
    pub payload: Bytes,
    /// What the IP header said.
    pub ecn: Ecn,
}

/// The options that this TCP knows, as far as the list could be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KnownOptions {
    /// Maximum segment size in bytes.
    pub mss: Option<u16>,
    /// Window scale: a shift, as it stood in the option.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// TSval and TSecr.
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks in the order of the option, the first ones filled.
    pub sack: [Option<SackBlock>; 4],
}

/// Why bytes are not a segment for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IncomingError {
    /// They are no segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// What should be header and options is more than that, or less.
    #[error("header and text are not apart where the data offset says")]
    Parts,
    /// They were damaged.
    #[error("TCP checksum is wrong")]
    Checksum,
}

impl Incoming {
    /// A whole segment, as [`read`](Self::read) reads it.
    ///
    /// # Errors
    /// When the bytes are no segment, or their checksum is wrong.
    pub fn parse(
        bytes: Bytes,
        source: IpAddr,
        destination: IpAddr,
        ecn: Ecn,
        checksum: Checksum,
    ) -> Result<Self, IncomingError> {
        let mut segment = Self::default();
        segment.read(bytes, source, destination, ecn, checksum)?;
        Ok(segment)
    }

    /// Reads a whole segment, from its source port to its last octet, in place of the one that was here. The payload is
    /// what is left of `bytes`: nothing is copied, nor counted.
    ///
    /// # Errors
    /// When the bytes are no segment, or their checksum is wrong; then what was here stays.
    #[inline]
    pub fn read(
        &mut self,
        mut bytes: Bytes,
        source: IpAddr,
        destination: IpAddr,
        ecn: Ecn,
        checksum: Checksum,
    ) -> Result<(), IncomingError> {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let segment = Segment::parse(&bytes, len)?;
        // RFC 9293 MUST-3: the receiver checks the checksum.
        if checksum == Checksum::Check && segment.has_valid_checksum(source, destination) != Some(true) {
            return Err(IncomingError::Checksum);
        }
        let head = bytes.len() - segment.payload.len();
        (self.header, self.ecn) = (segment.header, ecn);
        self.options.read(&segment.options);
        bytes.advance(head);
        self.payload = bytes;
        Ok(())
    }

    /// As [`read`](Self::read), from a device that puts header with options, and text, into memory of their own.
    ///
    /// # Errors
    /// When the bytes are no segment, or their checksum is wrong; then what was here stays.
    #[inline]
    pub fn read_parts(
        &mut self,
        head: &[u8],
        text: Bytes,
        source: IpAddr,
        destination: IpAddr,
        ecn: Ecn,
        checksum: Checksum,
    ) -> Result<(), IncomingError> {
        let len = head.len().saturating_add(text.len());
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let segment = Segment::parse(head, len)?;
        if !segment.payload.is_empty() || segment.payload_len as usize != text.len() {
            return Err(IncomingError::Parts);
        }
        if checksum == Checksum::Check && !segment.is_intact_with(&text, source, destination) {
            return Err(IncomingError::Checksum);
        }
        (self.header, self.ecn) = (segment.header, ecn);
        self.options.read(&segment.options);
        self.payload = text;
        Ok(())
    }

    /// `seg.seq`.
    pub(crate) fn seq(&self) -> SeqNumber {
        self.header.seq
    }

    /// `seg.len`: payload, SYN and FIN.
    pub(crate) fn seg_len(&self) -> u32 {
        let flags = self.header.flags;
        self.payload_len() + u32::from(flags.syn()) + u32::from(flags.fin())
    }

    /// Octets of text. No segment carries anything near to 2^31.
    pub(crate) fn payload_len(&self) -> u32 {
        u32::try_from(self.payload.len()).unwrap_or(u32::MAX >> 1).min(u32::MAX >> 1)
    }
}

impl KnownOptions {
    /// Reads what can be read; what follows a broken option is not looked at.
    // RFC 9293 MUST-4, MUST-5, MUST-6, MUST-7, MUST-64, MUST-68: options in any segment and at any octet, unknown ones
    // ignored by their length, and a length that cannot be true harms nobody.
    #[inline]
    fn read(&mut self, options: &Options<'_>) {
        *self = Self::default();
        if !options.is_empty() {
            self.read_list(options);
        }
    }

    fn read_list(&mut self, options: &Options<'_>) {
        for option in options.iter().map_while(Result::ok) {
            match option {
                TcpOption::MaximumSegmentSize(mss) => self.mss = Some(mss),
                TcpOption::WindowScale(shift) => self.window_scale = Some(shift),
                TcpOption::SackPermitted => self.sack_permitted = true,
                TcpOption::Timestamps { value, echo_reply } => self.timestamps = Some((value, echo_reply)),
                TcpOption::Sack(blocks) => {
                    for (to, block) in self.sack.iter_mut().zip(blocks.iter()) {
                        *to = Some(block);
                    }
                }
                _ => {}
            }
        }
    }

    /// The SACK blocks in the order of the option.
    pub fn sack_blocks(&self) -> impl Iterator<Item = SackBlock> + '_ {
        self.sack.iter().map_while(|block| *block)
    }

    /// Whether there is a SACK option.
    #[must_use]
    pub fn has_sack(&self) -> bool {
        self.sack.first().is_some_and(Option::is_some)
    }
}
