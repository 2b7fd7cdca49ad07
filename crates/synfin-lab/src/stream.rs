//! What applications say: octets that tell whose they are and where they belong.
//!
//! Each is a function of the side that sends it, of the connection (the first, the second, … between the two) and of its
//! place in the stream. So a receiver can tell an octet of its own connection from one of an old duplicate, which TCP
//! itself could not.

use bytes::Bytes;
use synfin_wire::Side;

use crate::random::mix;

/// One direction of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stream {
    pub(crate) from: Side,
    /// Which connection, from 1.
    pub(crate) connection: u64,
}

/// Octets that are drawn at once.
const WORD: u64 = 8;

impl Stream {
    fn word(self, index: u64) -> [u8; 8] {
        let key = self.connection.wrapping_mul(2).wrapping_add(self.from as u64);
        let word = mix(index.wrapping_add(mix(key).wrapping_mul(3)));
        // Letters: they can be read in a dump, and are no protocol.
        word.to_le_bytes().map(|byte| b'a' + byte % 26)
    }

    fn octets(self, offset: u64) -> impl Iterator<Item = u8> {
        let skip = usize::try_from(offset % WORD).unwrap_or_default();
        (offset / WORD..).flat_map(move |index| self.word(index)).skip(skip)
    }

    /// So many octets from a place on.
    pub(crate) fn text(self, offset: u64, len: usize) -> Bytes {
        self.octets(offset).take(len).collect::<Vec<_>>().into()
    }

    /// How many of these octets are not those of this place in this stream.
    pub(crate) fn count_foreign(self, offset: u64, text: &[u8]) -> u64 {
        self.octets(offset).zip(text).map(|(expected, octet)| u64::from(expected != *octet)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_know_their_place() {
        let stream = Stream { from: Side::Client, connection: 1 };
        let whole = stream.text(0, 100);
        assert_eq!(stream.text(37, 20), whole.slice(37..57));
        assert_eq!(stream.count_foreign(37, &whole[37..]), 0);
        assert!(stream.count_foreign(38, &whole[37..]) > 40);
        assert!(Stream { connection: 2, ..stream }.count_foreign(0, &whole) > 80);
        assert!(Stream { from: Side::Server, ..stream }.count_foreign(0, &whole) > 80);
    }
}
