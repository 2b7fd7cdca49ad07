//! Where the body ends (RFC 9112, 6.3), and a reader that gets there counting.

use super::chunked::Chunked;
use crate::message::{Framing, is_interim};

/// What the header lines say about the length of the body.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct HeaderFraming {
    length: Length,
    coding: Coding,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Length {
    #[default]
    Absent,
    Bytes(u64),
    /// Not a number, more than 64 bits, or several that differ.
    Nonsense,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Coding {
    #[default]
    Absent,
    Chunked,
    /// There are codings, and chunked isn't the last.
    Other,
}

impl HeaderFraming {
    /// Equal lengths may be repeated, as several lines or as a list (RFC 9112, 6.3, item 5).
    pub(crate) fn on_content_length(&mut self, value: &[u8]) {
        for item in value.split(|byte| *byte == b',') {
            let length = decimal(item.trim_ascii()).map_or(Length::Nonsense, Length::Bytes);
            self.length = match self.length {
                Length::Absent => length,
                known if known == length => known,
                _ => Length::Nonsense,
            };
        }
    }

    pub(crate) fn on_transfer_encoding(&mut self, value: &[u8]) {
        for item in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
        {
            // Chunked twice is as wrong as chunked in front of another coding.
            let is_chunked = item.eq_ignore_ascii_case(b"chunked") && self.coding != Coding::Chunked;
            self.coding = if is_chunked { Coding::Chunked } else { Coding::Other };
        }
    }

    /// A transfer coding overrides a content length. Without either, a request has no body.
    pub(crate) fn of_request(self) -> Framing {
        match (self.coding, self.length) {
            (Coding::Chunked, _) => Framing::Chunked,
            (Coding::Other, _) | (Coding::Absent, Length::Nonsense) => Framing::Invalid,
            (Coding::Absent, Length::Bytes(0) | Length::Absent) => Framing::None,
            (Coding::Absent, Length::Bytes(length)) => Framing::ContentLength(length),
        }
    }

    /// The status and the method of the request come first: neither HEAD nor 1xx, 204 and 304 have a body, whatever
    /// the header says, nor has a CONNECT that succeeds.
    pub(crate) fn of_response(self, status: u16, request: RequestMethod) -> Framing {
        let is_tunnel = request == RequestMethod::Connect && (200..300).contains(&status);
        if is_interim(status)
            || matches!(status, 101 | 204 | 304)
            || request == RequestMethod::Head
            || is_tunnel
        {
            return Framing::None;
        }
        match (self.coding, self.length) {
            (Coding::Chunked, _) => Framing::Chunked,
            (Coding::Other, _) | (Coding::Absent, Length::Absent) => Framing::UntilClose,
            (Coding::Absent, Length::Nonsense) => Framing::Invalid,
            (Coding::Absent, Length::Bytes(0)) => Framing::None,
            (Coding::Absent, Length::Bytes(length)) => Framing::ContentLength(length),
        }
    }
}

/// The methods that change how the response is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RequestMethod {
    Head,
    Connect,
    Other,
    /// The request was not seen.
    Unseen,
}

impl RequestMethod {
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "HEAD" => Self::Head,
            "CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Digits only: `+5`, `0x5` and the empty string are not lengths.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// Goes through a body to its end, counting.
#[derive(Debug)]
pub(crate) enum BodyReader {
    /// So many bytes are to come.
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

/// Bytes of a body, or of what frames it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct BodyStep {
    /// Bytes that belong to the message.
    pub(crate) taken: u64,
    /// Those of them that are payload: not chunk sizes, not trailers.
    pub(crate) payload: u64,
    pub(crate) end: BodyEnd,
}

/// Is the body over?
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum BodyEnd {
    #[default]
    NotYet,
    Reached,
    /// The framing is broken: where the message ends cannot be known.
    Lost,
}

impl BodyReader {
    /// `None` where there is nothing to read.
    pub(crate) fn new(framing: Framing) -> Option<Self> {
        match framing {
            Framing::None | Framing::Invalid => None,
            Framing::ContentLength(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunked(Chunked::default())),
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    pub(crate) fn on_bytes(&mut self, bytes: &[u8]) -> BodyStep {
        match self {
            Self::Chunked(chunked) => chunked.on_bytes(bytes),
            Self::Length(_) | Self::UntilClose => self.pass(bytes.len() as u64),
        }
    }

    /// Bytes that the capture never saw. Where they hide framing, the body is lost.
    pub(crate) fn on_gap(&mut self, length: u64) -> BodyStep {
        match self {
            Self::Chunked(chunked) => chunked.on_gap(length),
            Self::Length(_) | Self::UntilClose => self.pass(length),
        }
    }

    fn pass(&mut self, length: u64) -> BodyStep {
        match self {
            Self::Length(left) => {
                let taken = length.min(*left);
                *left = left.saturating_sub(taken);
                let end = if *left == 0 { BodyEnd::Reached } else { BodyEnd::NotYet };
                BodyStep { taken, payload: taken, end }
            }
            Self::Chunked(_) | Self::UntilClose => {
                BodyStep { taken: length, payload: length, end: BodyEnd::NotYet }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(headers: &[(&str, &str)]) -> HeaderFraming {
        let mut framing = HeaderFraming::default();
        for (name, value) in headers {
            match *name {
                "cl" => framing.on_content_length(value.as_bytes()),
                _ => framing.on_transfer_encoding(value.as_bytes()),
            }
        }
        framing
    }

    #[test]
    fn a_request_without_a_length_has_no_body_and_a_response_goes_on_until_close() {
        let none = framing(&[]);
        assert_eq!(none.of_request(), Framing::None);
        assert_eq!(none.of_response(200, RequestMethod::Other), Framing::UntilClose);
    }

    #[test]
    fn transfer_encoding_overrides_content_length() {
        for headers in [[("cl", "5"), ("te", "chunked")], [("te", "gzip, Chunked"), ("cl", "x")]] {
            assert_eq!(framing(&headers).of_request(), Framing::Chunked);
            assert_eq!(framing(&headers).of_response(200, RequestMethod::Other), Framing::Chunked);
        }
        for value in ["gzip", "chunked, gzip", "chunked, chunked", "xchunked"] {
            let framing = framing(&[("cl", "5"), ("te", value)]);
            assert_eq!(framing.of_request(), Framing::Invalid, "{value}");
            assert_eq!(framing.of_response(200, RequestMethod::Other), Framing::UntilClose, "{value}");
        }
    }

    #[test]
    fn equal_lengths_may_repeat_and_nothing_else() {
        for value in ["5", "5, 5", " 5 ,5", "005"] {
            assert_eq!(
                framing(&[("cl", value), ("cl", "5")]).of_request(),
                Framing::ContentLength(5),
                "{value}"
            );
        }
        for value in ["6", "5,6", "", "+5", "-5", "5x", "0x5", "5 5", "5,", "18446744073709551616"] {
            assert_eq!(framing(&[("cl", "5"), ("cl", value)]).of_request(), Framing::Invalid, "{value}");
        }
        let largest = framing(&[("cl", "18446744073709551615")]);
        assert_eq!(largest.of_request(), Framing::ContentLength(u64::MAX));
    }

    #[test]
    fn status_and_method_come_before_the_headers() {
        let length = framing(&[("cl", "5")]);
        for status in [100, 101, 103, 199, 204, 304] {
            assert_eq!(length.of_response(status, RequestMethod::Other), Framing::None, "{status}");
        }
        assert_eq!(length.of_response(200, RequestMethod::Head), Framing::None);
        assert_eq!(length.of_response(200, RequestMethod::Connect), Framing::None);
        assert_eq!(length.of_response(407, RequestMethod::Connect), Framing::ContentLength(5));
        assert_eq!(length.of_response(200, RequestMethod::Unseen), Framing::ContentLength(5));
    }
}
