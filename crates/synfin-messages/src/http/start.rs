//! Does a message begin here? (RFC 9112, sections 3 and 4: the start lines.)

/// Longest method looked for: the registry's longest, `UPDATEREDIRECTREF`, has 17.
const MAX_METHOD: usize = 24;

/// What the first bytes of something may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Not the start of an HTTP/1.x message.
    No,
    /// So far it could be one.
    Maybe,
    /// A whole request line.
    Request,
    /// A whole status line.
    Response,
}

/// Judges the bytes from the start of a would-be message. Stops at the first byte that does not fit.
pub(crate) fn judge(bytes: &[u8]) -> Verdict {
    match status_line(bytes) {
        Verdict::No => request_line(bytes),
        verdict => verdict,
    }
}

/// `HTTP/1.1 200 OK`: the version, a space, three digits, and then anything up to the line's end.
fn status_line(bytes: &[u8]) -> Verdict {
    const VERSION: &[u8] = b"HTTP/1.";
    let Some(rest) = bytes.strip_prefix(VERSION) else {
        return if VERSION.starts_with(bytes) { Verdict::Maybe } else { Verdict::No };
    };
    let shape = [is_minor, is_space, is_first_status_digit, is_digit, is_digit];
    for (at, fits) in shape.into_iter().enumerate() {
        match rest.get(at) {
            None => return Verdict::Maybe,
            Some(&byte) if !fits(byte) => return Verdict::No,
            Some(_) => {}
        }
    }
    match rest.get(shape.len()) {
        None => Verdict::Maybe,
        Some(b' ' | b'\r' | b'\n') if rest.contains(&b'\n') => Verdict::Response,
        Some(b' ' | b'\r') => Verdict::Maybe,
        Some(_) => Verdict::No,
    }
}

/// `GET /path HTTP/1.1`: a method in capitals, a target, the version, the line's end. Any method will do, so that new
/// ones need no list; what makes it certain is the version at the end of the line.
fn request_line(bytes: &[u8]) -> Verdict {
    let method = bytes.iter().take_while(|byte| is_method_byte(**byte)).count();
    if !bytes.first().is_none_or(u8::is_ascii_uppercase) || method > MAX_METHOD {
        return Verdict::No;
    }
    let rest = match bytes.get(method..) {
        None | Some([] | [b' ']) => return Verdict::Maybe,
        Some([b' ', first, ..]) if *first <= b' ' => return Verdict::No,
        Some([b' ', rest @ ..]) => rest,
        Some(_) => return Verdict::No,
    };
    let line = rest.iter().take_while(|byte| **byte >= b' ' && **byte != 0x7f).count();
    match rest.get(line..) {
        None | Some([] | [b'\r']) => Verdict::Maybe,
        Some([b'\n', ..] | [b'\r', b'\n', ..]) if split_request_line(bytes).is_some() => Verdict::Request,
        Some(_) => Verdict::No,
    }
}

/// A whole request line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    /// The digit behind `HTTP/1.`.
    pub(crate) minor: u8,
    /// What follows the line.
    pub(crate) rest: &'a [u8],
}

/// Takes a request line apart. Targets with bare spaces in them are against the rules (RFC 9112, 3.2) and real: the
/// version is what stands at the end.
pub(crate) fn split_request_line(bytes: &[u8]) -> Option<RequestLine<'_>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end.checked_add(1)?)?;
    let line = line.strip_suffix(b"\n")?;
    let (minor, line) = line.strip_suffix(b"\r").unwrap_or(line).split_last()?;
    let line = line.strip_suffix(b" HTTP/1.").filter(|_| is_minor(*minor))?;
    let (method, target) = line.split_at_checked(line.iter().position(|byte| *byte == b' ')?)?;
    let target = target.trim_ascii();
    (!target.is_empty()).then_some(RequestLine { method, target, minor: *minor, rest })
}

fn is_minor(byte: u8) -> bool {
    matches!(byte, b'0' | b'1')
}

fn is_space(byte: u8) -> bool {
    byte == b' '
}

fn is_first_status_digit(byte: u8) -> bool {
    matches!(byte, b'1'..=b'9')
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_certain() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.0\nHost",
            "M-SEARCH * HTTP/1.1\r\n",
            "HELO x HTTP/1.0\n",
            "CONNECT a:25 / HTTP/1.0\r\n",
        ] {
            assert_eq!(judge(line.as_bytes()), Verdict::Request, "{line}");
        }
        for line in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 404\r\n", "HTTP/1.1 999 \n", "HTTP/1.1 204\n"] {
            assert_eq!(judge(line.as_bytes()), Verdict::Response, "{line}");
        }
    }

    #[test]
    fn every_prefix_of_a_line_may_become_one() {
        for line in ["HEAD /a?b=%20 HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n", "CONNECT a:443 HTTP/1.0\n"] {
            for end in 0..line.len() {
                assert_eq!(judge(&line.as_bytes()[..end]), Verdict::Maybe, "{:?}", &line[..end]);
            }
        }
    }

    #[test]
    fn other_protocols_are_not_http() {
        for line in [
            "EHLO example.org\r\n",
            "220 mail ESMTP\r\n",
            "SSH-2.0-OpenSSH\r\n",
            "PRI * HTTP/2.0\r\n",
            "INVITE sip:a@b SIP/2.0\r\n",
            "get / HTTP/1.1\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET / HTTP/1.2\r\n",
            "GET /\r\n",
            "HTTP/1.1 20x\r\n",
            "HTTP/2 200\r\n",
            "HTTP/1.1 2000\r\n",
            "\r\nGET / HTTP/1.1\r\n",
        ] {
            assert_eq!(judge(line.as_bytes()), Verdict::No, "{line}");
        }
    }
}
