//! The Internet checksum (RFC 1071), with the pseudo-headers of TCP over IPv4 (RFC 9293 section 3.1) and IPv6
//! (RFC 8200 section 8.1).

use core::net::IpAddr;

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64, u32x16};

/// A running one's complement sum.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum {
    /// In the byte order of this machine, which does not matter until the end (RFC 1071 section 2 (B)), and with all
    /// carries. Each part adds less than 2^48 for a byte count that fits into memory: there is room.
    sum: u64,
    /// Whether the parts so far are of odd length together: the next one begins in the middle of a 16-bit number.
    is_odd: bool,
}

impl Sum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0, is_odd: false }
    }

    /// The sum of the pseudo-header that precedes a segment of `length` bytes.
    ///
    /// Addresses of different families have no pseudo-header in common; they are summed up all the same.
    #[inline]
    #[must_use]
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: u32) -> Self {
        let mut sum = Self::new();
        for address in [source, destination] {
            match address {
                IpAddr::V4(address) => sum.sum += u64::from(u32::from_ne_bytes(address.octets())),
                IpAddr::V6(address) => sum.add_bytes(&address.octets()),
            }
        }
        sum.sum += u64::from(u32::from(protocol).to_be()) + u64::from(length.to_be());
        sum
    }

    /// Adds a word of 32 bits, written in network byte order at an even place: before, between or behind what else is added,
    /// for it does not matter which is added first (RFC 1071 section 2 (A)).
    #[inline]
    pub fn add_word(&mut self, word: u32) {
        self.sum += u64::from(word.to_be());
    }

    /// Adds bytes, taken as 16-bit numbers in network byte order; an odd last byte is padded with zero, unless more
    /// bytes follow.
    #[inline]
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        let sum = if bytes.len() < FEW { sum_of_few(bytes) } else { sum_of_many(bytes) };
        self.add_sum(sum, bytes.len());
    }

    /// Adds the sum of so many bytes.
    #[inline]
    fn add_sum(&mut self, sum: u64, len: usize) {
        self.sum += if self.is_odd { u64::from(fold(sum).swap_bytes()) } else { sum };
        self.is_odd ^= !len.is_multiple_of(2);
    }

    /// Copies bytes to a place of the same length, and adds them as [`add_bytes`](Self::add_bytes) does: each is read once.
    ///
    /// # Panics
    /// When the lengths differ.
    #[inline]
    pub fn add_copied(&mut self, to: &mut [u8], from: &[u8]) {
        if from.len() < FEW {
            to.copy_from_slice(from);
            self.add_bytes(from);
        } else {
            self.add_sum(copy_many(to, from), from.len());
        }
    }

    /// The checksum: what belongs into the header field, computed with that field at zero.
    #[must_use]
    pub fn finish(self) -> u16 {
        !u16::from_be(fold(self.sum))
    }

    /// Whether the sum over everything, the checksum field included, is that of intact bytes.
    #[must_use]
    pub fn is_intact(self) -> bool {
        fold(self.sum) == 0xffff
    }
}

/// Bytes for which it does not pay to ask what this processor can do.
const FEW: usize = 128;

/// Words of 4 bytes that are added in one step, each in a lane of its own.
const LANES: usize = 16;

/// Bytes that are added in one step.
type Block = [u8; 4 * LANES];

/// Blocks that are summed up at once: as many as leave the sum of all lanes, and of what does not fill a block, below 2^32.
const BLOCKS_MAX: usize = 1024;
const _: () = assert!((BLOCKS_MAX + 2) * 2 * LANES * 0xffff <= u32::MAX as usize);

/// The sum of bytes that vector registers are worth while for, the widest ones that this processor has.
#[inline(never)]
fn sum_of_many(bytes: &[u8]) -> u64 {
    let level = Level::new();
    let mut sum = 0;
    let mut rest = bytes;
    while let Some((part, behind)) = rest.split_at_checked(BLOCKS_MAX * size_of::<Block>()) {
        sum += u64::from(dispatch!(level, simd => sum_of_blocks(simd, part)));
        rest = behind;
    }
    sum + u64::from(dispatch!(level, simd => sum_of_blocks(simd, rest)))
}

/// As [`sum_of_many`], of bytes that are copied to a place of the same length.
#[inline(never)]
fn copy_many(to: &mut [u8], from: &[u8]) -> u64 {
    assert_eq!(to.len(), from.len(), "what is copied is as long as its place");
    let level = Level::new();
    let copy = |to: &mut [u8], from: &[u8]| u64::from(dispatch!(level, simd => copy_blocks(simd, to, from)));
    let part = BLOCKS_MAX * size_of::<Block>();
    to.chunks_mut(part).zip(from.chunks(part)).map(|(to, from)| copy(to, from)).sum()
}

/// What is left of a block when so many of its last bytes count: those from this place in it on.
static TAILS: [u8; 2 * size_of::<Block>()] = {
    let tails = [[0; size_of::<Block>()], [0xff; size_of::<Block>()]];
    match tails.as_flattened().first_chunk() {
        Some(tails) => *tails,
        None => unreachable!(),
    }
};

/// The sum of at most [`BLOCKS_MAX`] blocks and a part of one.
// Inlined, so that the version of the caller for each kind of processor has it in the instructions of that kind; and so
// is what it calls.
#[inline(always)]
fn sum_of_blocks<S: Simd>(simd: S, bytes: &[u8]) -> u32 {
    let mut lanes = Lanes::new(simd);
    let (blocks, rest) = bytes.as_chunks::<{ size_of::<Block>() }>();
    blocks.iter().for_each(|block| lanes.add(u8x64::simd_from(simd, *block)));
    lanes.finish(simd, bytes, rest)
}

/// As [`sum_of_blocks`], of bytes that are copied.
#[inline(always)]
fn copy_blocks<S: Simd>(simd: S, to: &mut [u8], from: &[u8]) -> u32 {
    let mut lanes = Lanes::new(simd);
    let (blocks, rest) = from.as_chunks::<{ size_of::<Block>() }>();
    let (places, last_place) = to.as_chunks_mut::<{ size_of::<Block>() }>();
    for (place, block) in places.iter_mut().zip(blocks) {
        let block = u8x64::simd_from(simd, *block);
        block.store_slice(place);
        lanes.add(block);
    }
    last_place.copy_from_slice(rest);
    lanes.finish(simd, from, rest)
}

/// Sums in the making.
///
/// A lane sums up whole words, and beside them their upper halves. That the words overflow does no harm: what is left
/// when the upper halves are taken away again is the sum of the lower ones. It takes one operation less than to sum up
/// both halves apart.
struct Lanes<S: Simd> {
    words: u32x16<S>,
    upper: u32x16<S>,
}

impl<S: Simd> Lanes<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        Self { words: u32x16::splat(simd, 0), upper: u32x16::splat(simd, 0) }
    }

    #[inline(always)]
    fn add(&mut self, block: u8x64<S>) {
        let word = u32x16::from_bytes(block);
        self.words += word;
        self.upper += word >> 16;
    }

    /// The sum, with what is left of `bytes` behind their last block.
    #[inline(always)]
    fn finish(mut self, simd: S, bytes: &[u8], rest: &[u8]) -> u32 {
        let (even, last) = rest.split_at(rest.len() & !1);
        // The rest is read together with what comes before it, which counts for nothing; and an odd byte apart, so that
        // what is read begins at an even place.
        let tail =
            bytes.get(..bytes.len() - last.len()).and_then(<[u8]>::last_chunk::<{ size_of::<Block>() }>);
        let counts = TAILS.get(even.len()..).and_then(<[u8]>::first_chunk::<{ size_of::<Block>() }>);
        let few = match tail.zip(counts) {
            Some((tail, counts)) => {
                self.add(u8x64::simd_from(simd, *tail) & u8x64::simd_from(simd, *counts));
                0
            }
            None => fold(sum_of_few(even)),
        };
        let lower = self.words - (self.upper << 16);
        (lower + self.upper).reduce_sum() + u32::from(few) + u32::from(fold(sum_of_few(last)))
    }
}

/// The sum of a few bytes.
#[inline]
fn sum_of_few(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let mut sum = 0u64;
    for word in words {
        let word = u64::from_ne_bytes(*word);
        sum += (word >> 32) + (word & 0xffff_ffff);
    }
    let mut last = rest;
    if let Some((word, behind)) = last.split_first_chunk() {
        sum += u64::from(u32::from_ne_bytes(*word));
        last = behind;
    }
    match *last {
        [a, b, c] => sum + u64::from(u32::from_ne_bytes([a, b, c, 0])),
        [a, b] => sum + u64::from(u16::from_ne_bytes([a, b])),
        [a] => sum + u64::from(u16::from_ne_bytes([a, 0])),
        _ => sum,
    }
}

/// Folds carries back in until 16 bits remain.
#[inline]
fn fold(sum: u64) -> u16 {
    // An addition with its carry brought back in never carries again.
    let (sum, carry) = (sum as u32).overflowing_add((sum >> 32) as u32);
    let sum = sum + u32::from(carry);
    let (sum, carry) = (sum as u16).overflowing_add((sum >> 16) as u16);
    sum + u16::from(carry)
}

/// The checksum of `bytes` alone, as in an IPv4 header.
#[inline]
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add_bytes(bytes);
    sum.finish()
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// As RFC 1071 section 4.1 writes it, a 16-bit word at a time.
    fn by_the_book(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        // Section 3: the bytes 00 01 f2 03 f4 f5 f6 f7 sum up to ddf2.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    /// Lanes are summed up before they overflow.
    #[test]
    fn long_runs_of_ones() {
        let bytes = vec![0xff; size_of::<Block>() * 2 * BLOCKS_MAX + 77];
        assert_eq!(checksum(&bytes), by_the_book(&bytes));
        let (mut sum, mut copy) = (Sum::new(), vec![0; bytes.len()]);
        sum.add_copied(&mut copy, &bytes);
        assert_eq!((sum.finish(), copy), (by_the_book(&bytes), bytes));
    }

    /// Each length around the sizes at which the way to sum up changes, from each place in a register's width.
    #[test]
    fn every_length_at_every_alignment() {
        let bytes: Vec<u8> = (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for start in 0..size_of::<Block>() {
            for len in (0..2 * FEW + size_of::<Block>()).chain(1440..1500) {
                let part = &bytes[start..start + len];
                assert_eq!(checksum(part), by_the_book(part), "{len} bytes from {start} on");
                let (mut sum, mut copy) = (Sum::new(), vec![0; len]);
                sum.add_copied(&mut copy, part);
                assert_eq!(
                    (sum.finish(), &copy[..]),
                    (by_the_book(part), part),
                    "{len} bytes from {start} on"
                );
            }
        }
    }

    /// What this processor has, and what the oldest of its kind has, sum up alike.
    #[test]
    fn processors_agree() {
        let bytes: Vec<u8> = (0..6400u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let widest = dispatch!(Level::new(), simd => sum_of_blocks(simd, &bytes));
        let narrowest = dispatch!(Level::baseline(), simd => sum_of_blocks(simd, &bytes));
        assert_eq!(widest, narrowest);
        assert_eq!(fold(widest.into()), fold(sum_of_few(&bytes)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_book(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert_eq!(checksum(&bytes), by_the_book(&bytes));
        }

        #[test]
        fn parts_sum_up_to_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cut in 0usize..3000) {
            let cut = cut.min(bytes.len());
            let mut sum = Sum::new();
            sum.add_bytes(&bytes[..cut]);
            sum.add_bytes(&bytes[cut..]);
            prop_assert_eq!(sum.finish(), by_the_book(&bytes));
            let (mut sum, mut copy) = (Sum::new(), vec![0; bytes.len()]);
            sum.add_copied(&mut copy[..cut], &bytes[..cut]);
            sum.add_copied(&mut copy[cut..], &bytes[cut..]);
            prop_assert_eq!((sum.finish(), copy), (by_the_book(&bytes), bytes));
        }

        #[test]
        fn a_filled_in_checksum_is_intact(mut bytes in proptest::collection::vec(any::<u8>(), 2..100)) {
            bytes[0] = 0;
            bytes[1] = 0;
            let field = checksum(&bytes).to_be_bytes();
            bytes[..2].copy_from_slice(&field);
            let mut sum = Sum::new();
            sum.add_bytes(&bytes);
            prop_assert!(sum.is_intact());
        }
    }
}
