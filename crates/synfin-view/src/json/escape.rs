//! JSON strings that are safe to look at in a terminal.

use std::io;

use serde_json::ser::Formatter;

/// Compact, and every character that is a control or invisible written as an escape.
pub(super) struct Escaped;

impl Formatter for Escaped {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut plain_from = 0;
        for (i, c) in fragment.char_indices().filter(|(_, c)| must_be_escaped(*c)) {
            writer.write_all(fragment.get(plain_from..i).unwrap_or_default().as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain_from = i + c.len_utf8();
        }
        writer.write_all(fragment.get(plain_from..).unwrap_or_default().as_bytes())
    }
}

/// What is below the space is escaped by `serde_json` itself.
fn must_be_escaped(c: char) -> bool {
    !c.is_ascii_graphic()
        && c != ' '
        && unicode_width::UnicodeWidthChar::width(c).is_none_or(|width| width == 0)
}
