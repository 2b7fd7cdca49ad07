//! TCP options (RFC 9293 section 3.2 and the RFCs that each option names), read without allocation, and written.

use core::fmt;

use super::MAX_OPTIONS_LEN;
use crate::SeqNumber;
use crate::bytes::{array_at, u16_at, u32_at};

/// Option kinds, as IANA numbers them.
pub mod kind {
    /// End of the option list (RFC 9293).
    pub const END_OF_LIST: u8 = 0;
    /// No operation: padding (RFC 9293).
    pub const NO_OPERATION: u8 = 1;
    /// Maximum segment size (RFC 9293).
    pub const MAXIMUM_SEGMENT_SIZE: u8 = 2;
    /// Window scale (RFC 7323).
    pub const WINDOW_SCALE: u8 = 3;
    /// SACK permitted (RFC 2018).
    pub const SACK_PERMITTED: u8 = 4;
    /// SACK (RFC 2018).
    pub const SACK: u8 = 5;
    /// Timestamps (RFC 7323).
    pub const TIMESTAMPS: u8 = 8;
    /// MD5 signature (RFC 2385).
    pub const MD5: u8 = 19;
    /// User timeout (RFC 5482).
    pub const USER_TIMEOUT: u8 = 28;
    /// Authentication (RFC 5925).
    pub const AUTHENTICATION: u8 = 29;
    /// Multipath TCP (RFC 8684).
    pub const MPTCP: u8 = 30;
    /// Fast open (RFC 7413).
    pub const FAST_OPEN: u8 = 34;
    /// Accurate ECN, fields in order 0 (RFC 9768).
    pub const ACC_ECN_0: u8 = 172;
    /// Accurate ECN, fields in order 1 (RFC 9768).
    pub const ACC_ECN_1: u8 = 174;
    /// Shared experiments, told apart by the bytes that follow (RFC 6994).
    pub const EXPERIMENT: u8 = 254;
}

/// The experiment identifier under which fast open travelled before it had a kind of its own (RFC 7413).
const FAST_OPEN_EXPERIMENT: u16 = 0xf989;

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Padding between options.
    NoOperation,
    /// Largest segment that the sender of this option takes, in bytes of payload.
    MaximumSegmentSize(u16),
    /// Windows in later segments count 2 to this power bytes; above 14 means 14 (RFC 7323 section 2.3).
    WindowScale(u8),
    /// The sender of this option understands SACK.
    SackPermitted,
    /// Ranges that were received beyond the acknowledgement.
    Sack(SackBlocks<'a>),
    /// Timestamps.
    Timestamps {
        /// `TSval`: the sender's clock.
        value: u32,
        /// `TSecr`: the clock value that is echoed; without meaning unless ACK is set.
        echo_reply: u32,
    },
    /// MD5 signature.
    Md5(&'a [u8; 16]),
    /// User timeout.
    UserTimeout {
        /// Whether `value` counts minutes; seconds otherwise.
        in_minutes: bool,
        /// 15 bits.
        value: u16,
    },
    /// TCP-AO.
    Authentication {
        /// Key in use.
        key_id: u8,
        /// Key that the sender is ready to receive next.
        next_key_id: u8,
        /// Message authentication code.
        mac: &'a [u8],
    },
    /// Multipath TCP: subtype in the high four bits of the first byte.
    Mptcp(&'a [u8]),
    /// Fast open: empty to ask for a cookie.
    FastOpen {
        /// Cookie of 4 to 16 bytes, or none.
        cookie: &'a [u8],
        /// Whether it came under the experimental kind.
        experimental: bool,
    },
    /// Accurate ECN byte counters of 24 bits each, as many as are there, in the order of the kind.
    AccEcn {
        /// Order 0 or order 1.
        order: u8,
        /// 0, 3, 6 or 9 bytes.
        counters: &'a [u8],
    },
    /// Any other kind, or one of the above with a length that its RFC does not know.
    Unknown {
        /// Kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

/// One SACK block: octets from `left` up to, not including, `right`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackBlock {
    /// First octet of the block.
    pub left: SeqNumber,
    /// The octet after its last one.
    pub right: SeqNumber,
}

/// The blocks of a SACK option, a multiple of 8 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [u8]);

impl<'a> SackBlocks<'a> {
    /// The blocks in the order of the option: the most recent first, or a duplicate report (RFC 2883).
    pub fn iter(self) -> impl ExactSizeIterator<Item = SackBlock> + 'a {
        self.0.chunks_exact(8).map(|block| SackBlock {
            left: SeqNumber(u32_at(block, 0).unwrap_or_default()),
            right: SeqNumber(u32_at(block, 4).unwrap_or_default()),
        })
    }
}

impl fmt::Debug for SackBlocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Why the list of options breaks off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A length of 0 or 1 would not even cover kind and length.
    #[error("option {kind} has length {len}, less than 2")]
    LengthTooSmall {
        /// Kind of the option.
        kind: u8,
        /// Its length byte.
        len: u8,
    },
    /// The option claims to be longer than what is left of the header.
    #[error("option {kind} claims {len} bytes, beyond the header's end")]
    BeyondHeader {
        /// Kind of the option.
        kind: u8,
        /// Its length byte; 0 where that is missing too.
        len: u8,
    },
    /// The capture ends inside of the options.
    #[error("options were cut off by the capture")]
    CutOff,
}

/// The options of a segment, as far as they were captured.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    bytes: &'a [u8],
    len_on_wire: usize,
}

impl<'a> Options<'a> {
    /// Options that took `len_on_wire` bytes of the header, of which `bytes` were captured.
    #[must_use]
    pub fn new(bytes: &'a [u8], len_on_wire: usize) -> Self {
        Self { bytes, len_on_wire }
    }

    /// The bytes that were captured.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len_on_wire == 0
    }

    /// Whether bytes of the options are missing from the capture.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.bytes.len() < self.len_on_wire
    }

    /// One option after the other, up to the end of the list or the first error.
    #[must_use]
    pub fn iter(&self) -> OptionsIter<'a> {
        OptionsIter { rest: self.bytes, is_cut_off: self.is_cut_off() }
    }

    /// Sender's clock and echoed clock, read without looking at anything else when the options are laid out as every
    /// common TCP lays them out in an established connection (RFC 7323 appendix A).
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        if let [1, 1, kind::TIMESTAMPS, 10, rest @ ..] = self.bytes {
            return Some((u32_at(rest, 0)?, u32_at(rest, 4)?));
        }
        self.iter().find_map(|option| match option {
            Ok(TcpOption::Timestamps { value, echo_reply }) => Some((value, echo_reply)),
            _ => None,
        })
    }
}

/// Iterator over options.
#[derive(Clone, Debug)]
pub struct OptionsIter<'a> {
    rest: &'a [u8],
    is_cut_off: bool,
}

impl<'a> OptionsIter<'a> {
    fn fail(&mut self, error: OptionError) -> Option<Result<TcpOption<'a>, OptionError>> {
        self.rest = &[];
        Some(Err(if core::mem::take(&mut self.is_cut_off) { OptionError::CutOff } else { error }))
    }
}

impl<'a> Iterator for OptionsIter<'a> {
    type Item = Result<TcpOption<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, len) = match *self.rest {
            [] if self.is_cut_off => return self.fail(OptionError::CutOff),
            [] => return None,
            [kind::END_OF_LIST, ..] => {
                (self.rest, self.is_cut_off) = (&[], false);
                return None;
            }
            [kind::NO_OPERATION, ref rest @ ..] => {
                self.rest = rest;
                return Some(Ok(TcpOption::NoOperation));
            }
            [kind] => return self.fail(OptionError::BeyondHeader { kind, len: 0 }),
            [kind, len @ (0 | 1), ..] => {
                self.is_cut_off = false;
                return self.fail(OptionError::LengthTooSmall { kind, len });
            }
            [kind, len, ..] => (kind, len),
        };
        let Some((option, rest)) = self.rest.split_at_checked(usize::from(len)) else {
            return self.fail(OptionError::BeyondHeader { kind, len });
        };
        self.rest = rest;
        let data = option.get(2..).unwrap_or_default();
        Some(Ok(decode(kind, data).unwrap_or(TcpOption::Unknown { kind, data })))
    }
}

/// The option of this kind, unless its length is not one that its RFC knows.
fn decode(kind: u8, data: &[u8]) -> Option<TcpOption<'_>> {
    Some(match (kind, data.len()) {
        (kind::MAXIMUM_SEGMENT_SIZE, 2) => TcpOption::MaximumSegmentSize(u16_at(data, 0)?),
        (kind::WINDOW_SCALE, 1) => TcpOption::WindowScale(*data.first()?),
        (kind::SACK_PERMITTED, 0) => TcpOption::SackPermitted,
        (kind::SACK, len) if len > 0 && len.is_multiple_of(8) => TcpOption::Sack(SackBlocks(data)),
        (kind::TIMESTAMPS, 8) => {
            TcpOption::Timestamps { value: u32_at(data, 0)?, echo_reply: u32_at(data, 4)? }
        }
        (kind::MD5, 16) => TcpOption::Md5(data.first_chunk()?),
        (kind::USER_TIMEOUT, 2) => {
            let field = u16_at(data, 0)?;
            TcpOption::UserTimeout { in_minutes: field & 0x8000 != 0, value: field & 0x7fff }
        }
        (kind::AUTHENTICATION, 2..) => {
            let [key_id, next_key_id] = array_at(data, 0)?;
            TcpOption::Authentication { key_id, next_key_id, mac: data.get(2..)? }
        }
        (kind::MPTCP, 1..) => TcpOption::Mptcp(data),
        (kind::FAST_OPEN, 0 | 4..=16) => TcpOption::FastOpen { cookie: data, experimental: false },
        (kind::EXPERIMENT, 2..) if u16_at(data, 0)? == FAST_OPEN_EXPERIMENT => {
            TcpOption::FastOpen { cookie: data.get(2..)?, experimental: true }
        }
        (kind::ACC_ECN_0, 0 | 3 | 6 | 9) => TcpOption::AccEcn { order: 0, counters: data },
        (kind::ACC_ECN_1, 0 | 3 | 6 | 9) => TcpOption::AccEcn { order: 1, counters: data },
        _ => return None,
    })
}

/// Room for the options of one segment, to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OptionsBuf {
    bytes: [u8; MAX_OPTIONS_LEN],
    len: usize,
}

/// The options do not fit into the header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no room for an option of {needed} bytes: {left} of {MAX_OPTIONS_LEN} are left")]
pub struct NoRoom {
    /// Bytes that the option takes.
    pub needed: usize,
    /// Bytes that are left.
    pub left: usize,
}

impl OptionsBuf {
    /// No options.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; MAX_OPTIONS_LEN], len: 0 }
    }

    /// A copy of the options of a segment, as far as they were captured.
    #[must_use]
    pub fn of(options: &Options<'_>) -> Self {
        let mut copy = Self::new();
        if let Some(to) = copy.bytes.get_mut(..options.bytes.len()) {
            to.copy_from_slice(options.bytes);
            copy.len = options.bytes.len();
        }
        copy
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The options, padded with zero (end of list) to a multiple of four bytes.
    #[inline]
    #[must_use]
    pub fn padded(&self) -> &[u8] {
        // `len` never exceeds the array, whose length is a multiple of four.
        self.bytes.get(..self.len.next_multiple_of(4)).unwrap_or(&self.bytes)
    }

    /// Appends an option.
    ///
    /// # Errors
    /// When it does not fit; nothing is written then.
    pub fn push(&mut self, option: &TcpOption<'_>) -> Result<(), NoRoom> {
        match *option {
            TcpOption::NoOperation => self.append(&[&[kind::NO_OPERATION]]),
            TcpOption::MaximumSegmentSize(mss) => {
                self.tagged(kind::MAXIMUM_SEGMENT_SIZE, &[&mss.to_be_bytes()])
            }
            TcpOption::WindowScale(shift) => self.tagged(kind::WINDOW_SCALE, &[&[shift]]),
            TcpOption::SackPermitted => self.tagged(kind::SACK_PERMITTED, &[]),
            TcpOption::Sack(blocks) => self.tagged(kind::SACK, &[blocks.0]),
            TcpOption::Timestamps { value, echo_reply } => {
                self.tagged(kind::TIMESTAMPS, &[&value.to_be_bytes(), &echo_reply.to_be_bytes()])
            }
            TcpOption::Md5(digest) => self.tagged(kind::MD5, &[digest]),
            TcpOption::UserTimeout { in_minutes, value } => {
                let field = u16::from(in_minutes) << 15 | value & 0x7fff;
                self.tagged(kind::USER_TIMEOUT, &[&field.to_be_bytes()])
            }
            TcpOption::Authentication { key_id, next_key_id, mac } => {
                self.tagged(kind::AUTHENTICATION, &[&[key_id, next_key_id], mac])
            }
            TcpOption::Mptcp(data) => self.tagged(kind::MPTCP, &[data]),
            TcpOption::FastOpen { cookie, experimental: false } => self.tagged(kind::FAST_OPEN, &[cookie]),
            TcpOption::FastOpen { cookie, experimental: true } => {
                self.tagged(kind::EXPERIMENT, &[&FAST_OPEN_EXPERIMENT.to_be_bytes(), cookie])
            }
            TcpOption::AccEcn { order: 0, counters } => self.tagged(kind::ACC_ECN_0, &[counters]),
            TcpOption::AccEcn { counters, .. } => self.tagged(kind::ACC_ECN_1, &[counters]),
            TcpOption::Unknown { kind, data } => self.tagged(kind, &[data]),
        }
    }

    /// Appends a SACK option of these blocks, as many as fit, and says how many did.
    pub fn push_sack(&mut self, blocks: &[SackBlock]) -> usize {
        let fitting = (MAX_OPTIONS_LEN - self.len).saturating_sub(2) / 8;
        let mut data = [0u8; MAX_OPTIONS_LEN];
        let mut count = 0;
        for (to, block) in data.chunks_exact_mut(8).zip(blocks).take(fitting) {
            for (to, from) in
                to.iter_mut().zip(block.left.0.to_be_bytes().iter().chain(&block.right.0.to_be_bytes()))
            {
                *to = *from;
            }
            count += 1;
        }
        if count > 0 {
            // Room for `count` blocks has been counted above.
            let _fits = self.tagged(kind::SACK, &[data.get(..count * 8).unwrap_or_default()]);
        }
        count
    }

    fn tagged(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), NoRoom> {
        let len = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
        // More than 255 bytes never fit, whatever the length byte says.
        let head = [kind, u8::try_from(len).unwrap_or(u8::MAX)];
        match parts {
            [] => self.append(&[&head]),
            [one] => self.append(&[&head, one]),
            [one, two, ..] => self.append(&[&head, one, two]),
        }
    }

    fn append(&mut self, parts: &[&[u8]]) -> Result<(), NoRoom> {
        let needed = parts.iter().map(|part| part.len()).sum();
        let left = MAX_OPTIONS_LEN - self.len;
        if needed > left {
            return Err(NoRoom { needed, left });
        }
        let from = parts.iter().copied().flatten();
        for (to, from) in self.bytes.iter_mut().skip(self.len).zip(from) {
            *to = *from;
        }
        self.len += needed;
        Ok(())
    }
}

impl Default for OptionsBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for OptionsBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let padded = self.padded();
        f.debug_list().entries(Options::new(padded, padded.len()).iter()).finish()
    }
}

#[cfg(test)]
mod tests;
