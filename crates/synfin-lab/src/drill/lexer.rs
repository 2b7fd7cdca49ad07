//! The words of the language.
//!
//! A script is read token by token; a token knows where it begins. Nothing is an error here but a quotation, a comment
//! or a piece of code without its end: what a character means is the parser's business.

use super::place::ScriptError;

/// A token, and where it begins and ends, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Kinds of tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind<'a> {
    /// Letters, digits and underscores that are no number.
    Word(&'a str),
    /// `12`, `-1`, `0x1f`.
    Number(i64),
    /// `0.5`, `.5`, as it stands.
    Decimal(&'a str),
    /// `"…"`, without its quotes, escapes as they stand.
    Text(&'a str),
    /// A command between backquotes.
    Command(&'a str),
    /// `%{ … }%`.
    Code(&'a str),
    /// `--name`.
    Flag(&'a str),
    /// `...`.
    Ellipsis,
    /// Any other character.
    Sign(char),
    /// The end of the script.
    End,
}

/// Takes a script apart.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    name: &'a str,
    text: &'a str,
    at: usize,
    /// Comments, with where they begin.
    pub(crate) comments: Vec<(usize, &'a str)>,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, at: 0, comments: Vec::new() }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn error(&self, offset: usize, what: impl Into<String>) -> ScriptError {
        ScriptError::new(self.name, self.text, offset, what)
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Result<Token<'a>, ScriptError> {
        self.skip()?;
        let (start, rest) = (self.at, self.rest());
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: Kind::End, start, end: start });
        };
        let (kind, len) = if let Some(found) = number(rest) {
            found
        } else if is_word(first) {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (Kind::Word(rest.get(..len).unwrap_or_default()), len)
        } else if rest.starts_with("...") {
            (Kind::Ellipsis, 3)
        } else if rest.starts_with("%{") {
            let inner = rest.get(2..).unwrap_or_default();
            let end = inner.find("}%").ok_or_else(|| self.error(start, "%{ without its }%"))?;
            (Kind::Code(inner.get(..end).unwrap_or_default()), end + 4)
        } else if let Some(name) = rest.strip_prefix("--").filter(|name| name.starts_with(is_word)) {
            let len = name.find(|c| !is_word(c)).unwrap_or(name.len());
            (Kind::Flag(name.get(..len).unwrap_or_default()), len + 2)
        } else if first == '"' || first == '`' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = closing(inner, first).ok_or_else(|| self.error(start, "quotation without its end"))?;
            let quoted = inner.get(..end).unwrap_or_default();
            (if first == '"' { Kind::Text(quoted) } else { Kind::Command(quoted) }, end + 2)
        } else {
            (Kind::Sign(first), first.len_utf8())
        };
        self.at = start + len;
        Ok(Token { kind, start, end: self.at })
    }

    /// Blanks and comments.
    fn skip(&mut self) -> Result<(), ScriptError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            let len = if trimmed.starts_with("//") || trimmed.starts_with('#') {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                let end = trimmed.find("*/").filter(|end| *end >= 2);
                end.ok_or_else(|| self.error(self.at, "comment without its end"))? + 2
            } else {
                return Ok(());
            };
            self.comments.push((self.at, trimmed.get(..len).unwrap_or_default()));
            self.at += len;
        }
    }
}

/// Where a quotation ends: a backslash makes the next character one of its own.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// A number at the beginning, and its length. What goes on as a word is one.
fn number(text: &str) -> Option<(Kind<'_>, usize)> {
    let digits_of = |text: &str, radix| text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    if let Some(hex) = text.strip_prefix("0x") {
        let len = digits_of(hex, 16);
        let value = i64::from_str_radix(hex.get(..len)?, 16).ok()?;
        let goes_on = hex.get(len..)?.starts_with(is_word);
        return (len > 0 && !goes_on).then_some((Kind::Number(value), len + 2));
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let sign = text.len() - unsigned.len();
    let whole = digits_of(unsigned, 10);
    let after = unsigned.get(whole..)?;
    if let Some(fraction) = after.strip_prefix('.') {
        let len = digits_of(fraction, 10);
        if len > 0 && sign == 0 {
            let len = whole + 1 + len;
            return Some((Kind::Decimal(text.get(..len)?), len));
        }
    }
    if whole == 0 || after.starts_with(is_word) {
        return None;
    }
    let value = text.get(..sign + whole)?.parse().ok()?;
    Some((Kind::Number(value), sign + whole))
}
