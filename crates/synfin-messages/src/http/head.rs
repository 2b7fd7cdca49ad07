//! Heads: start line and header lines, gathered up to the empty line and then read once (RFC 9112, 2 to 5).

use std::mem::MaybeUninit;

use super::framing::HeaderFraming;
use super::start::{RequestLine, Verdict, judge, split_request_line};
use crate::message::HttpVersion;

/// Longest head that is gathered, in bytes. Servers refuse more than 8 to 32 KiB.
pub(crate) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most header lines that are read.
const MAX_HEADERS: usize = 256;
/// While no line is whole, the beginning is judged anew at each piece up to this length; after it only at the line's
/// end, so that a long target that comes byte by byte is not read again and again.
const JUDGED_PREFIX: usize = 64;

/// Gathers a head from pieces of any size. Each byte is looked at once while gathering and once when reading.
#[derive(Default, Debug)]
pub(crate) struct HeadReader {
    held: Vec<u8>,
    /// Bytes since the last line feed, carriage returns apart.
    line_length: usize,
    /// The start line was seen whole, and is one.
    is_certain: bool,
}

/// What a piece of a head led to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "returned and taken apart at once, never kept")]
pub(crate) enum HeadStep {
    /// More is needed.
    More,
    /// It is all there.
    Complete(ParsedHead),
    /// It is not HTTP after all.
    NotHttp,
    /// It is HTTP, but too long or malformed.
    GiveUp,
}

impl HeadReader {
    /// Takes in bytes from the head's first one on; answers how many belonged to it.
    pub(crate) fn on_bytes(&mut self, bytes: &[u8]) -> (usize, HeadStep) {
        let room = MAX_HEAD_BYTES.saturating_sub(self.held.len());
        let (piece, _) = bytes.split_at(bytes.len().min(room));
        let (taken, ends) = self.scan(piece);
        let (piece, _) = piece.split_at(taken);
        let judged = self.held.len();
        let head = if ends && self.held.is_empty() {
            piece
        } else {
            self.held.extend_from_slice(piece);
            &self.held
        };
        if !self.is_certain && (judged < JUDGED_PREFIX || piece.contains(&b'\n')) {
            match judge(head) {
                Verdict::No => return (taken, HeadStep::NotHttp),
                Verdict::Maybe => {}
                Verdict::Request | Verdict::Response => self.is_certain = true,
            }
        }
        let step = match () {
            () if ends => ParsedHead::read(head).map_or(HeadStep::GiveUp, HeadStep::Complete),
            () if head.len() < MAX_HEAD_BYTES => HeadStep::More,
            () if self.is_certain => HeadStep::GiveUp,
            () => HeadStep::NotHttp,
        };
        (taken, step)
    }

    /// What can be said of a head whose rest will not come: its whole lines, if the start line is among them.
    pub(crate) fn read_cut_short(&self) -> Option<ParsedHead> {
        let whole_lines = self.held.iter().rposition(|byte| *byte == b'\n').filter(|_| self.is_certain)?;
        let mut head = self.held.get(..=whole_lines)?.to_vec();
        head.extend_from_slice(b"\r\n");
        let parsed = ParsedHead::read(&head)?;
        Some(ParsedHead { header_bytes: self.held.len(), ..parsed })
    }

    pub(crate) fn is_certain(&self) -> bool {
        self.is_certain
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held.capacity()
    }

    /// Looks for the empty line; answers how many bytes go up to its end, or all of them, and whether it is there.
    fn scan(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.line_length == 0 => return (at.saturating_add(1), true),
                b'\n' => self.line_length = 0,
                b'\r' => {}
                _ => self.line_length = self.line_length.saturating_add(1),
            }
        }
        (bytes.len(), false)
    }
}

/// A head that was read.
#[derive(Debug)]
pub(crate) struct ParsedHead {
    pub(crate) start: StartLine,
    pub(crate) version: HttpVersion,
    pub(crate) header_bytes: usize,
    pub(crate) headers: Headers,
}

/// The first line.
#[derive(Debug)]
pub(crate) enum StartLine {
    Request { method: String, target: String },
    Response { status: u16, reason: String },
}

/// What the header lines say, as far as anyone here wants to know.
#[derive(Default, Debug)]
pub(crate) struct Headers {
    pub(crate) framing: HeaderFraming,
    pub(crate) host: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) upgrade: Option<String>,
    pub(crate) expect_continue: bool,
}

impl ParsedHead {
    /// Reads a whole head, its empty line included. `None` where it is malformed, or has too many header lines.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"HTTP/") {
            return Self::read_response(bytes);
        }
        Self::read_request(bytes).or_else(|| {
            // A target with spaces or odd bytes in it: a plain one takes its place while the header lines are read.
            let RequestLine { method, target, minor, rest } = split_request_line(bytes)?;
            let plain = [&b"X / HTTP/1."[..], &[minor], b"\r\n", rest].concat();
            let start = StartLine::Request { method: text(method), target: text(target) };
            Some(Self { start, header_bytes: bytes.len(), ..Self::read_request(&plain)? })
        })
    }

    fn read_request(bytes: &[u8]) -> Option<Self> {
        let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut []);
        let status = tolerant().parse_request_with_uninit_headers(&mut head, bytes, &mut lines).ok()?;
        let start = StartLine::Request { method: head.method?.to_owned(), target: head.path?.to_owned() };
        status.is_complete().then(|| Self::new(start, head.version, head.headers, bytes))
    }

    fn read_response(bytes: &[u8]) -> Option<Self> {
        let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut []);
        let status = tolerant().parse_response_with_uninit_headers(&mut head, bytes, &mut lines).ok()?;
        let start =
            StartLine::Response { status: head.code?, reason: head.reason.unwrap_or_default().to_owned() };
        status.is_complete().then(|| Self::new(start, head.version, head.headers, bytes))
    }

    fn new(start: StartLine, minor: Option<u8>, lines: &[httparse::Header<'_>], bytes: &[u8]) -> Self {
        let version = if minor == Some(0) { HttpVersion::Http10 } else { HttpVersion::Http11 };
        Self { start, version, header_bytes: bytes.len(), headers: Headers::read(lines) }
    }
}

/// A line that is no header line is passed over, as browsers do: better one header less than no message.
fn tolerant() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

impl Headers {
    fn read(lines: &[httparse::Header<'_>]) -> Self {
        let mut headers = Self::default();
        for httparse::Header { name, value } in lines {
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
            if is("content-length") {
                headers.framing.on_content_length(value);
            } else if is("transfer-encoding") {
                headers.framing.on_transfer_encoding(value);
            } else if is("expect") {
                headers.expect_continue |= value.trim_ascii().eq_ignore_ascii_case(b"100-continue");
            } else if is("host") {
                headers.host.get_or_insert_with(|| text(value));
            } else if is("user-agent") {
                headers.user_agent.get_or_insert_with(|| text(value));
            } else if is("server") {
                headers.server.get_or_insert_with(|| text(value));
            } else if is("content-type") {
                headers.content_type.get_or_insert_with(|| text(value));
            } else if is("upgrade") {
                headers.upgrade.get_or_insert_with(|| text(value));
            }
        }
        headers
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.trim_ascii()).into_owned()
}
