//! The Internet checksum (RFC 1071), with the pseudo-headers of TCP over IPv4 (RFC 9293 section 3.1) and IPv6
//! (RFC 8200 section 8.1).

use core::net::IpAddr;

/// A running one's complement sum. Parts of odd length may only come last.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// The sum of the pseudo-header that precedes a segment of `length` bytes.
    ///
    /// Addresses of different families have no pseudo-header in common; they are summed up all the same.
    #[must_use]
    pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: u32) -> Self {
        let mut sum = Self::new();
        for address in [source, destination] {
            match address {
                IpAddr::V4(address) => sum.add_bytes(&address.octets()),
                IpAddr::V6(address) => sum.add_bytes(&address.octets()),
            }
        }
        sum.0 += u64::from(protocol) + u64::from(length);
        sum
    }

    /// Adds bytes, taken as 16-bit numbers in network byte order; an odd last byte is padded with zero.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        // Byte order does not matter to a one's complement sum until the end (RFC 1071 section 2 (B)), and 32-bit
        // pieces sum up to the same after folding: eight bytes a step, with 32 bits of room for carries.
        let mut sum = 0u64;
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let word = u64::from_ne_bytes(chunk.try_into().unwrap_or_default());
            sum += (word >> 32) + (word & 0xffff_ffff);
        }
        let mut rest = [0u8; 8];
        for (to, from) in rest.iter_mut().zip(chunks.remainder()) {
            *to = *from;
        }
        let word = u64::from_ne_bytes(rest);
        sum += (word >> 32) + (word & 0xffff_ffff);
        self.0 += u64::from(u16::from_be(fold(sum)));
    }

    /// The checksum: what belongs into the header field, computed with that field at zero.
    #[must_use]
    pub fn finish(self) -> u16 {
        !fold(self.0)
    }

    /// Whether the sum over everything, the checksum field included, is that of intact bytes.
    #[must_use]
    pub fn is_intact(self) -> bool {
        fold(self.0) == 0xffff
    }
}

/// Folds carries back in until 16 bits remain.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop leaves at most 16 bits.
    (sum & 0xffff) as u16
}

/// The checksum of `bytes` alone, as in an IPv4 header.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = Sum::new();
    sum.add_bytes(bytes);
    sum.finish()
}

#[cfg(test)]
mod tests {
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

    proptest! {
        #[test]
        fn agrees_with_the_book(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(checksum(&bytes), by_the_book(&bytes));
        }

        #[test]
        fn parts_sum_up_to_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
            let cut = (cut * 2).min(bytes.len() / 2 * 2);
            let mut sum = Sum::new();
            sum.add_bytes(&bytes[..cut]);
            sum.add_bytes(&bytes[cut..]);
            prop_assert_eq!(sum.finish(), by_the_book(&bytes));
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
