//! The chunked transfer coding (RFC 9112, 7.1), byte by byte where it frames and chunk by chunk where it doesn't.

use super::framing::{BodyEnd, BodyStep};

/// Longest line of a chunk's size with its extensions, and longest trailer section, in bytes.
const MAX_FRAMING_BYTES: usize = 16 * 1024;

/// Reads chunks. Nothing is held: a bare line feed ends a line as CRLF does, extensions and trailers are passed over.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Chunked {
    at: At,
    /// Bytes of the present size line or trailer section.
    framing_bytes: usize,
}

#[derive(Clone, Copy, Default, Debug)]
enum At {
    /// Before the first digit of a size.
    #[default]
    Size,
    Digits(u64),
    /// Behind the digits: white space, extensions, the line's end.
    Extension(u64),
    /// So many bytes of payload to come.
    Data(u64),
    DataEnd,
    /// In the trailer section, with so many bytes on the present line (carriage returns apart).
    Trailer(usize),
}

impl Chunked {
    pub(crate) fn on_bytes(&mut self, bytes: &[u8]) -> BodyStep {
        let mut step = BodyStep::default();
        let mut rest = bytes;
        while step.end == BodyEnd::NotYet && !rest.is_empty() {
            let taken = match &mut self.at {
                At::Data(left) => {
                    let taken = (*left).min(rest.len() as u64);
                    *left = left.saturating_sub(taken);
                    step.payload = step.payload.saturating_add(taken);
                    if *left == 0 {
                        self.at = At::DataEnd;
                    }
                    taken
                }
                _ => {
                    step.end = rest.first().map_or(BodyEnd::NotYet, |byte| self.on_framing_byte(*byte));
                    u64::from(step.end != BodyEnd::Lost)
                }
            };
            step.taken = step.taken.saturating_add(taken);
            rest = usize::try_from(taken).ok().and_then(|taken| rest.get(taken..)).unwrap_or_default();
        }
        step
    }

    /// A gap inside the data of one chunk is bridged; any other hides where the next chunk begins.
    pub(crate) fn on_gap(&mut self, length: u64) -> BodyStep {
        match &mut self.at {
            At::Data(left) if length < *left => {
                *left = left.saturating_sub(length);
                BodyStep { taken: length, payload: length, end: BodyEnd::NotYet }
            }
            At::Data(left) if length == *left => {
                self.at = At::DataEnd;
                BodyStep { taken: length, payload: length, end: BodyEnd::NotYet }
            }
            _ => BodyStep { taken: 0, payload: 0, end: BodyEnd::Lost },
        }
    }

    fn on_framing_byte(&mut self, byte: u8) -> BodyEnd {
        self.framing_bytes = self.framing_bytes.saturating_add(1);
        let next = match self.at {
            At::Size => hex(byte).map(At::Digits),
            At::Digits(size) => match hex(byte) {
                Some(digit) => size.checked_mul(16).and_then(|size| size.checked_add(digit)).map(At::Digits),
                None => match byte {
                    b'\n' => Some(self.on_size(size)),
                    b';' | b' ' | b'\t' | b'\r' => Some(At::Extension(size)),
                    _ => None,
                },
            },
            At::Extension(size) if byte == b'\n' => Some(self.on_size(size)),
            At::Extension(size) => Some(At::Extension(size)),
            At::Data(left) => Some(At::Data(left)),
            At::DataEnd => match byte {
                b'\r' if self.framing_bytes == 1 => Some(At::DataEnd),
                b'\n' => {
                    self.framing_bytes = 0;
                    Some(At::Size)
                }
                _ => None,
            },
            At::Trailer(0) if byte == b'\n' => return BodyEnd::Reached,
            At::Trailer(_) if byte == b'\n' => Some(At::Trailer(0)),
            At::Trailer(length) if byte == b'\r' => Some(At::Trailer(length)),
            At::Trailer(length) => Some(At::Trailer(length.saturating_add(1))),
        };
        match next {
            Some(next) if self.framing_bytes <= MAX_FRAMING_BYTES => {
                self.at = next;
                BodyEnd::NotYet
            }
            _ => BodyEnd::Lost,
        }
    }

    fn on_size(&mut self, size: u64) -> At {
        self.framing_bytes = 0;
        if size == 0 { At::Trailer(0) } else { At::Data(size) }
    }
}

fn hex(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunked: &mut Chunked, bytes: &[u8]) -> BodyStep {
        chunked.on_bytes(bytes)
    }

    #[test]
    fn extensions_and_trailers_are_framing() {
        let body = b"5;a=b;c=\"d\"\r\nhello\r\nA \r\n0123456789\r\n0\r\nX: y\r\nZ: w\r\n\r\nHTTP/1.1";
        let whole = read(&mut Chunked::default(), body);
        let length = (body.len() - "HTTP/1.1".len()) as u64;
        assert_eq!(whole, BodyStep { taken: length, payload: 15, end: BodyEnd::Reached });
        let mut pieces = Chunked::default();
        let mut sum = BodyStep::default();
        for byte in body {
            let step = read(&mut pieces, &[*byte]);
            sum = BodyStep {
                taken: sum.taken + step.taken,
                payload: sum.payload + step.payload,
                end: step.end,
            };
            if step.end != BodyEnd::NotYet {
                break;
            }
        }
        assert_eq!(sum, whole);
    }

    #[test]
    fn bare_line_feeds_end_lines() {
        let step = read(&mut Chunked::default(), b"3\nabc\n0\n\n");
        assert_eq!(step, BodyStep { taken: 9, payload: 3, end: BodyEnd::Reached });
    }

    #[test]
    fn nonsense_is_lost_and_not_taken() {
        for (body, taken) in [
            (&b"x\r\n"[..], 0),
            (b"\r\n", 0),
            (b"-1\r\n", 0),
            (b"5\r\nhelloX", 8),
            (b"5\r\nhello\r\r\n", 9),
            (b"10000000000000000\r\n", 16),
        ] {
            let step = read(&mut Chunked::default(), body);
            assert_eq!((step.taken, step.end), (taken, BodyEnd::Lost), "{:?}", String::from_utf8_lossy(body));
        }
        let endless = vec![b'a'; MAX_FRAMING_BYTES + 1];
        let mut chunked = Chunked::default();
        assert_eq!(read(&mut chunked, b"1;").end, BodyEnd::NotYet);
        assert_eq!(read(&mut chunked, &endless).end, BodyEnd::Lost);
    }

    #[test]
    fn a_gap_inside_a_chunk_is_bridged_and_any_other_is_not() {
        let mut chunked = Chunked::default();
        assert_eq!(read(&mut chunked, b"A\r\nab").payload, 2);
        assert_eq!(chunked.on_gap(6), BodyStep { taken: 6, payload: 6, end: BodyEnd::NotYet });
        let mut to_the_end = chunked;
        assert_eq!(to_the_end.on_gap(2).end, BodyEnd::NotYet);
        assert_eq!(read(&mut to_the_end, b"\r\n0\r\n\r\n").end, BodyEnd::Reached);
        assert_eq!(chunked.on_gap(3).end, BodyEnd::Lost);
    }
}
