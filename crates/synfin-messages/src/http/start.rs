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
    let Some(rest) = expect(bytes, b"HTTP/1.") else { return partly(bytes, b"HTTP/1.") };
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

/// `GET /path HTTP/1.1`: a method in capitals, a target without white space, the version, the line's end. Any method
/// will do, so that new ones need no list; what makes it certain is the version behind it.
fn request_line(bytes: &[u8]) -> Verdict {
    let method = bytes.iter().take_while(|byte| is_method_byte(**byte)).count();
    if !bytes.first().is_none_or(u8::is_ascii_uppercase) || method > MAX_METHOD {
        return Verdict::No;
    }
    let target = match bytes.get(method..) {
        None | Some([]) => return Verdict::Maybe,
        Some([b' ', target @ ..]) => target,
        Some(_) => return Verdict::No,
    };
    let length = target.iter().take_while(|byte| **byte > b' ' && **byte != 0x7f).count();
    let version = match target.get(length..) {
        None | Some([]) => return Verdict::Maybe,
        Some([b' ', version @ ..]) if length > 0 => version,
        Some(_) => return Verdict::No,
    };
    let Some(rest) = expect(version, b"HTTP/1.") else { return partly(version, b"HTTP/1.") };
    match rest {
        [] => Verdict::Maybe,
        [minor] | [minor, b'\r'] if is_minor(*minor) => Verdict::Maybe,
        [minor, b'\n', ..] | [minor, b'\r', b'\n', ..] if is_minor(*minor) => Verdict::Request,
        _ => Verdict::No,
    }
}

fn expect<'a>(bytes: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    bytes.strip_prefix(word)
}

fn partly(bytes: &[u8], word: &[u8]) -> Verdict {
    if word.starts_with(bytes) { Verdict::Maybe } else { Verdict::No }
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
        for line in
            ["GET / HTTP/1.1\r\n", "GET / HTTP/1.0\nHost", "M-SEARCH * HTTP/1.1\r\n", "HELO x HTTP/1.0\n"]
        {
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
