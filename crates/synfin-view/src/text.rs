//! Lines of text that never get wider than they may and never carry what a terminal would obey.
//!
//! Target, header value, process name: all of it comes from someone else. Whatever goes into a [`Line`] is
//! neutralised: control characters, bidirectional overrides and everything else without a width of its own is written
//! as an escape (`\x1b`, `\u{202e}`).

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthChar as _;

use crate::style::{Paint, Style};

/// A short text on the stack: what does not fit is cut.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Short {
    /// The longest is an address of IPv6 with scope and port.
    const CAPACITY: usize = 64;

    pub(crate) const fn new() -> Self {
        Self { bytes: [0; Self::CAPACITY], len: 0 }
    }

    pub(crate) fn of(value: impl fmt::Display) -> Self {
        let mut short = Self::new();
        // Writing to it never fails.
        let _ = write!(short, "{value}");
        short
    }

    pub(crate) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if let Some(room) = self.bytes.get_mut(self.len..self.len + text.len()) {
            room.copy_from_slice(text.as_bytes());
            self.len += text.len();
            return Ok(());
        }
        for c in text.chars() {
            let mut utf8 = [0; 4];
            let encoded = c.encode_utf8(&mut utf8).as_bytes();
            let Some(room) = self.bytes.get_mut(self.len..self.len + encoded.len()) else {
                return Ok(());
            };
            room.copy_from_slice(encoded);
            self.len += encoded.len();
        }
        Ok(())
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a character is written as.
enum Clean {
    AsIs(usize),
    Escaped(Short),
}

fn clean(c: char, unicode: bool) -> Clean {
    if (' '..='~').contains(&c) {
        return Clean::AsIs(1);
    }
    match c.width() {
        Some(width @ 1..) if unicode => Clean::AsIs(width),
        _ => {
            let code = u32::from(c);
            let mut escape = Short::new();
            // Writing to it never fails.
            let _ = if code < 0x100 {
                write!(escape, "\\x{code:02x}")
            } else {
                write!(escape, "\\u{{{code:x}}}")
            };
            Clean::Escaped(escape)
        }
    }
}

/// Columns that a text takes once it is neutralised.
pub(crate) fn width(text: &str, unicode: bool) -> usize {
    if text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return text.len();
    }
    text.chars()
        .map(|c| match clean(c, unicode) {
            Clean::AsIs(width) => width,
            Clean::Escaped(escape) => escape.len,
        })
        .sum()
}

/// The text, neutralised.
pub(crate) fn neutral(text: &str, unicode: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match clean(c, unicode) {
            Clean::AsIs(_) => out.push(c),
            Clean::Escaped(escape) => out.push_str(escape.as_str()),
        }
    }
    out
}

/// One line on its way into `out`, at most so many columns wide. What does not fit is cut, which an ellipsis shows.
/// Nothing is padded at the end of a line.
pub(crate) struct Line<'a> {
    out: &'a mut String,
    style: Style,
    limit: usize,
    column: usize,
    /// Spaces that come before whatever comes next.
    gap: usize,
    is_cut: bool,
}

impl<'a> Line<'a> {
    /// A line that ends at the style's width.
    pub(crate) fn new(out: &'a mut String, style: &Style) -> Self {
        Self { out, style: *style, limit: style.columns(), column: 0, gap: 0, is_cut: false }
    }

    /// A line, or a part of one, of so many columns.
    pub(crate) fn within(out: &'a mut String, style: &Style, limit: usize) -> Self {
        Self { limit, ..Self::new(out, style) }
    }

    /// Where the next character goes, if it is not padded.
    pub(crate) fn column(&self) -> usize {
        self.column + self.gap
    }

    /// Columns that are left.
    pub(crate) fn left(&self) -> usize {
        if self.is_cut { 0 } else { self.limit.saturating_sub(self.column()) }
    }

    /// Appends text, neutralised and, if it has to be, cut.
    pub(crate) fn put(&mut self, text: &str) -> &mut Self {
        self.put_measured(text, width(text, self.style.unicode))
    }

    fn put_measured(&mut self, text: &str, needed: usize) -> &mut Self {
        if text.is_empty() || self.is_cut {
            return self;
        }
        if needed <= self.left() {
            self.put_gap();
            if needed == text.len() {
                self.out.push_str(text);
            } else {
                self.put_clean(text, usize::MAX);
            }
            self.column += needed;
            return self;
        }
        self.is_cut = true;
        let ellipsis = self.style.glyphs().ellipsis;
        let ellipsis_width = width(ellipsis, self.style.unicode);
        let left = self.limit.saturating_sub(self.column());
        if left >= ellipsis_width {
            self.put_gap();
            self.put_clean(text, left - ellipsis_width);
            self.out.push_str(ellipsis);
            self.column = self.limit;
        }
        self
    }

    fn put_clean(&mut self, text: &str, mut room: usize) {
        for c in text.chars() {
            let cleaned = clean(c, self.style.unicode);
            let needed = match &cleaned {
                Clean::AsIs(width) => *width,
                Clean::Escaped(escape) => escape.len,
            };
            let Some(rest) = room.checked_sub(needed) else { return };
            room = rest;
            match cleaned {
                Clean::AsIs(_) => self.out.push(c),
                Clean::Escaped(escape) => self.out.push_str(escape.as_str()),
            }
        }
    }

    fn put_gap(&mut self) {
        const SPACES: &str =
            "                                                                                ";
        match SPACES.get(..self.gap) {
            Some(gap) => self.out.push_str(gap),
            None => self.out.extend(std::iter::repeat_n(' ', self.gap)),
        }
        self.column += self.gap;
        self.gap = 0;
    }

    /// Appends a value.
    pub(crate) fn show(&mut self, value: impl fmt::Display) -> &mut Self {
        self.put(Short::of(value).as_str())
    }

    /// Goes on so many columns.
    pub(crate) fn skip(&mut self, columns: usize) -> &mut Self {
        self.gap += columns;
        self
    }

    /// Goes on at a column; not at all, where the line is there already.
    pub(crate) fn to(&mut self, column: usize) -> &mut Self {
        self.gap = self.gap.max(column.saturating_sub(self.column));
        self
    }

    /// Appends a value so that it ends before a column, with a space before it: to the right of that where there is no
    /// room.
    pub(crate) fn right(&mut self, end: usize, value: impl fmt::Display) -> &mut Self {
        let value = Short::of(value);
        let needed = width(value.as_str(), self.style.unicode);
        let start = end.saturating_sub(needed);
        if self.column > 0 {
            self.to(self.column + 1);
        }
        self.to(start).put_measured(value.as_str(), needed)
    }

    /// Appends characters of one column each, so many times.
    pub(crate) fn repeat(&mut self, glyph: &str, times: usize) -> &mut Self {
        for _ in 0..times {
            self.put(glyph);
        }
        self
    }

    /// Appends words, and goes on at `indent` of another line where there is no room for one. A column of room is left
    /// for what may follow.
    pub(crate) fn words(&mut self, indent: usize, words: &str) -> &mut Self {
        for (i, word) in words.split(' ').enumerate() {
            let space = usize::from(i > 0);
            if self.column() > indent && self.left() <= space + width(word, self.style.unicode) {
                self.end();
                self.skip(indent);
            } else {
                self.skip(space);
            }
            self.put(word);
        }
        self
    }

    /// Appends text in a colour.
    pub(crate) fn paint(&mut self, paint: Paint, text: &str) -> &mut Self {
        self.painted(Some(paint), |line| {
            line.put(text);
        })
    }

    /// Appends whatever in a colour, if any.
    pub(crate) fn painted(&mut self, paint: Option<Paint>, put: impl FnOnce(&mut Self)) -> &mut Self {
        match paint {
            Some(paint) if self.style.color && !self.is_cut => {
                self.put_gap();
                self.out.push_str(paint.on());
                put(self);
                self.out.push_str(Paint::OFF);
            }
            _ => put(self),
        }
        self
    }

    /// Ends the line.
    pub(crate) fn end(&mut self) {
        self.out.push('\n');
        (self.column, self.gap, self.is_cut) = (0, 0, false);
    }
}

/// Writes words in lines that begin at `indent`, as wide as the style allows.
pub(crate) fn wrap(out: &mut String, style: &Style, indent: usize, first: &str, words: &str) {
    let mut line = Line::new(out, style);
    line.to(indent).put(first);
    let start = line.column();
    line.words(start, words).end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, width: usize) -> String {
        let mut out = String::new();
        Line::new(&mut out, &Style { width, ..Style::default() }).put(text).end();
        out
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(
            line("a\x1b[31mb\u{9b}c\r\n\t\u{202e}d\u{200d}\x7f", 80),
            "a\\x1b[31mb\\x9bc\\x0d\\x0a\\x09\\u{202e}d\\u{200d}\\x7f\n"
        );
        assert_eq!(neutral("\0é", false), "\\x00\\xe9");
    }

    #[test]
    fn a_line_is_cut_by_columns_and_not_by_bytes() {
        assert_eq!(line(&"x".repeat(60), 60), "x".repeat(60) + "\n");
        assert_eq!(line(&"x".repeat(61), 60), "x".repeat(59) + "…\n");
        assert_eq!(line(&"日".repeat(31), 60), "日".repeat(29) + "…\n");
    }

    #[test]
    fn nothing_is_padded_at_the_end() {
        let mut out = String::new();
        Line::new(&mut out, &Style::default()).put("a").to(10).put("").skip(5).end();
        assert_eq!(out, "a\n");
    }
}
