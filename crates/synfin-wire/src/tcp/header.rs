//! The fixed header of a segment, and the segment around it.

use core::net::IpAddr;

use super::{Flags, HEADER_LEN, Options, OptionsBuf};
use crate::SeqNumber;
use crate::bytes::{u16_at, u32_at};
use crate::checksum::Sum;

/// Protocol number of TCP.
const TCP: u8 = 6;

/// The fixed part of the header, in the standard's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// `seg.seq`: the sequence number of the first octet, the SYN's where SYN is set.
    pub seq: SeqNumber,
    /// `seg.ack`: the next octet expected. Without meaning unless ACK is set.
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// `seg.wnd` as it stands in the header, not yet scaled.
    pub window: u16,
    /// Checksum as it stands in the header.
    pub checksum: u16,
    /// Urgent pointer. Without meaning unless URG is set.
    pub urgent_pointer: u16,
}

/// A segment in captured bytes.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// The fixed header.
    pub header: Header,
    /// The options, as far as they were captured.
    pub options: Options<'a>,
    /// The payload, as far as it was captured.
    pub payload: &'a [u8],
    /// Length of the payload on the wire, in bytes: at least what was captured.
    pub payload_len: u32,
    /// The whole segment, as far as it was captured.
    bytes: &'a [u8],
}

/// Why bytes are not a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Fewer bytes than a header has.
    #[error("TCP header is cut off: {have} of {HEADER_LEN} bytes")]
    Truncated {
        /// Bytes that are there.
        have: usize,
    },
    /// The data offset points into the fixed header.
    #[error("TCP data offset of {words} words is less than the header's 5")]
    OffsetTooSmall {
        /// The data offset in words of 4 bytes.
        words: u8,
    },
    /// The data offset points beyond the segment.
    #[error("TCP data offset of {words} words is beyond the segment's {len} bytes")]
    OffsetBeyondEnd {
        /// The data offset in words of 4 bytes.
        words: u8,
        /// Length of the segment on the wire, in bytes.
        len: u32,
    },
}

impl<'a> Segment<'a> {
    /// Reads a segment that was `len` bytes long on the wire, of which `bytes` were captured.
    ///
    /// # Errors
    /// When the fixed header is not whole, or its data offset cannot be true. Options and payload may be cut off.
    #[inline]
    pub fn parse(bytes: &'a [u8], len: u32) -> Result<Self, SegmentError> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(SegmentError::Truncated { have: bytes.len() });
        };
        let len = len.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let (header, words) = Header::decode(fixed);
        let header_len = usize::from(words) * 4;
        let Some(options_len) = header_len.checked_sub(HEADER_LEN) else {
            return Err(SegmentError::OffsetTooSmall { words });
        };
        let Some(payload_len) = len.checked_sub(u32::from(words) * 4) else {
            return Err(SegmentError::OffsetBeyondEnd { words, len });
        };
        let (options, payload) = rest.split_at_checked(options_len).unwrap_or((rest, &[]));
        Ok(Self { header, options: Options::new(options, options_len), payload, payload_len, bytes })
    }

    /// `seg.len`: how much of the sequence space the segment takes, SYN and FIN counted.
    #[must_use]
    pub fn seg_len(&self) -> u32 {
        self.payload_len + u32::from(self.header.flags.syn()) + u32::from(self.header.flags.fin())
    }

    /// Whether bytes of the segment are missing from the capture.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.options.is_cut_off() || self.payload.len() < self.payload_len as usize
    }

    /// Whether the checksum is right; `None` when the segment was cut off by the capture.
    #[inline]
    #[must_use]
    pub fn has_valid_checksum(&self, source: IpAddr, destination: IpAddr) -> Option<bool> {
        if self.is_cut_off() {
            return None;
        }
        Some(self.is_intact_with(&[], source, destination))
    }

    /// Whether the checksum is right when `text` follows the bytes that were read.
    #[inline]
    #[must_use]
    pub fn is_intact_with(&self, text: &[u8], source: IpAddr, destination: IpAddr) -> bool {
        let len = self.bytes.len().saturating_add(text.len());
        let mut sum = Sum::pseudo_header(source, destination, TCP, u32::try_from(len).unwrap_or(u32::MAX));
        sum.add_bytes(self.bytes);
        sum.add_bytes(text);
        sum.is_intact()
    }
}

impl Header {
    /// The fields, and the data offset in words.
    #[inline]
    fn decode(b: &[u8; HEADER_LEN]) -> (Self, u8) {
        // The fixed length is known: none of these can be missing.
        let short = |at| u16_at(b, at).unwrap_or_default();
        let long = |at| SeqNumber(u32_at(b, at).unwrap_or_default());
        let offset_and_flags = short(12);
        let header = Self {
            source_port: short(0),
            destination_port: short(2),
            seq: long(4),
            ack: long(8),
            flags: Flags::from_bits(offset_and_flags),
            window: short(14),
            checksum: short(16),
            urgent_pointer: short(18),
        };
        (header, (offset_and_flags >> 12) as u8)
    }

    /// Writes header and options to the start of `buffer` and says how many bytes they take, a multiple of four.
    /// The checksum is written as it stands here; [`Header::fill_checksum`] computes it once the payload is in place.
    ///
    /// Returns `None`, and writes nothing, when the buffer is too small.
    #[inline]
    #[must_use]
    pub fn emit(&self, options: &OptionsBuf, buffer: &mut [u8]) -> Option<usize> {
        let padded = options.padded();
        let len = HEADER_LEN + padded.len();
        let words = u16::try_from(len / 4).ok()?;
        let (fixed, rest) = buffer.get_mut(..len)?.split_first_chunk_mut::<HEADER_LEN>()?;
        // In words of 32 bits: reading a word that was just written in halves makes a processor wait.
        let words = self.words(words);
        for (to, word) in fixed.as_chunks_mut().0.iter_mut().zip(words) {
            *to = word.to_be_bytes();
        }
        rest.copy_from_slice(padded);
        Some(len)
    }

    /// The fields as words of 32 bits, with this data offset in words.
    #[inline]
    fn words(&self, offset: u16) -> [u32; HEADER_LEN / 4] {
        let two = |upper: u16, lower: u16| u32::from(upper) << 16 | u32::from(lower);
        [
            two(self.source_port, self.destination_port),
            self.seq.0,
            self.ack.0,
            two(offset << 12 | self.flags.bits(), self.window),
            two(self.checksum, self.urgent_pointer),
        ]
    }

    /// The sum of the pseudo-header of a segment between these addresses, but for its length: the same for all segments of
    /// a connection.
    #[inline]
    #[must_use]
    pub fn pseudo_header(source: IpAddr, destination: IpAddr) -> Sum {
        Sum::pseudo_header(source, destination, TCP, 0)
    }

    /// The checksum of a segment with this header and these options. `others` is the sum of the
    /// [pseudo-header](Self::pseudo_header) and of the text, whose length is `text_len`.
    ///
    /// For whoever puts segments together: nothing that was written just now has to be read again.
    #[inline]
    #[must_use]
    pub fn checksum_with(&self, options: &OptionsBuf, others: Sum, text_len: u32) -> u16 {
        let (options, _) = options.padded().as_chunks();
        // There are at most 15 words.
        let words = HEADER_LEN / 4 + options.len();
        let mut sum = others;
        sum.add_word(text_len.saturating_add(words as u32 * 4));
        Self { checksum: 0, ..*self }.words(words as u16).into_iter().for_each(|word| sum.add_word(word));
        options.iter().for_each(|word| sum.add_word(u32::from_be_bytes(*word)));
        sum.finish()
    }

    /// Computes the checksum of a whole segment that [`Header::emit`] began, and writes it into its place.
    /// Does nothing to bytes that are too short for a header.
    pub fn fill_checksum(segment: &mut [u8], source: IpAddr, destination: IpAddr) {
        let len = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        let Some(field) = segment.get_mut(16..18) else { return };
        field.fill(0);
        let mut sum = Sum::pseudo_header(source, destination, TCP, len);
        sum.add_bytes(segment);
        if let Some(field) = segment.get_mut(16..18) {
            field.copy_from_slice(&sum.finish().to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::tcp::TcpOption;

    /// A SYN from a real Linux host, byte for byte: port 32966 to 8080, MSS 65495, SACK, timestamps, scale 7.
    const SYN: [u8; 40] = [
        0x80, 0xc6, 0x1f, 0x90, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xd7, 0xfe, 0x30, 0, 0,
        2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0x11, 0x22, 0x33, 0x44, 0, 0, 0, 0, 1, 3, 3, 7,
    ];

    #[test]
    fn reads_a_syn() {
        let segment = Segment::parse(&SYN, 40).unwrap();
        assert_eq!(segment.header.source_port, 32966);
        assert_eq!(segment.header.destination_port, 8080);
        assert_eq!(segment.header.seq, SeqNumber(0x1234_5678));
        assert_eq!(segment.header.flags, Flags::SYN);
        assert_eq!(segment.header.window, 65495);
        assert_eq!((segment.payload_len, segment.seg_len()), (0, 1));
        assert_eq!(segment.options.iter().filter_map(Result::ok).count(), 5);
    }

    #[test]
    fn every_lie_about_lengths_has_its_error() {
        assert_eq!(Segment::parse(&SYN[..19], 40).unwrap_err(), SegmentError::Truncated { have: 19 });
        let mut bytes = SYN;
        bytes[12] = 0x40;
        assert_eq!(Segment::parse(&bytes, 40).unwrap_err(), SegmentError::OffsetTooSmall { words: 4 });
        bytes[12] = 0xb0;
        let beyond = SegmentError::OffsetBeyondEnd { words: 11, len: 40 };
        assert_eq!(Segment::parse(&bytes, 40).unwrap_err(), beyond);
    }

    #[test]
    fn what_the_capture_cut_off_is_known() {
        let segment = Segment::parse(&SYN[..30], 1040).unwrap();
        assert_eq!(segment.payload_len, 1000);
        assert!(segment.is_cut_off());
        assert_eq!(segment.has_valid_checksum(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            ports: (u16, u16), seq: u32, ack: u32, flags: u16, window: u16, checksum: u16, urgent_pointer: u16,
            payload in proptest::collection::vec(any::<u8>(), 0..50), mss: u16,
        ) {
            let header = Header {
                source_port: ports.0, destination_port: ports.1, seq: SeqNumber(seq), ack: SeqNumber(ack),
                flags: Flags::from_bits(flags), window, checksum, urgent_pointer,
            };
            let mut options = OptionsBuf::new();
            options.push(&TcpOption::MaximumSegmentSize(mss)).unwrap();
            options.push(&TcpOption::SackPermitted).unwrap();
            let mut bytes = vec![0; HEADER_LEN + 40];
            let len = header.emit(&options, &mut bytes).unwrap();
            prop_assert_eq!(len, 28);
            bytes.truncate(len);
            bytes.extend_from_slice(&payload);
            let (source, destination) = (Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into());
            // Whatever stood in the field before.
            Header::fill_checksum(&mut bytes, source, destination);
            let read = Segment::parse(&bytes, bytes.len() as u32).unwrap();
            prop_assert_eq!(Header { checksum, ..read.header }, header);
            prop_assert_eq!(read.payload, &payload[..]);
            prop_assert_eq!(read.has_valid_checksum(source, destination), Some(true));
            bytes[4] ^= 1;
            let broken = Segment::parse(&bytes, bytes.len() as u32).unwrap();
            prop_assert_eq!(broken.has_valid_checksum(source, destination), Some(false));
        }

        #[test]
        fn any_bytes_end_in_a_value(bytes in proptest::collection::vec(any::<u8>(), 0..80), len: u32) {
            if let Ok(segment) = Segment::parse(&bytes, len) {
                prop_assert!(segment.payload.len() as u64 <= u64::from(segment.payload_len));
                let _ = segment.options.iter().count();
            }
        }
    }
}
