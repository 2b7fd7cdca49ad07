//! What was found, a line each: whether it works, its name, what it gives.

use std::fmt::Write as _;

/// Where the description begins.
const INDENT: usize = 31;

/// Something that a machine may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thing<'a> {
    pub(super) name: &'a str,
    /// What it is good for.
    pub(super) gives: &'a str,
    /// What is worse without it; empty where nothing is.
    pub(super) without: &'a str,
}

/// What was found, as text.
#[derive(Debug)]
pub(super) struct Report {
    text: String,
    missing: usize,
    is_verbose: bool,
}

impl Report {
    pub(super) fn new(is_verbose: bool) -> Self {
        Self { text: String::new(), missing: 0, is_verbose }
    }

    pub(super) fn title(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    /// It is there, in such a form.
    pub(super) fn works(&mut self, thing: Thing<'_>, detail: &str) {
        self.line("ok", thing, detail);
        if self.is_verbose && !thing.without.is_empty() {
            self.more("without it", thing.without);
        }
    }

    /// It works, but somebody may want more of it.
    pub(super) fn scarce(&mut self, thing: Thing<'_>, detail: &str, hint: &str) {
        self.line("few", thing, detail);
        if !thing.without.is_empty() {
            self.more("so", thing.without);
        }
        self.more("hint", hint);
    }

    /// What is missing, why (empty, where that is the name already), what that costs, and what to type.
    pub(super) fn misses(&mut self, thing: Thing<'_>, why: &str, hint: Option<&str>) {
        self.missing += 1;
        self.line("MISSING", thing, "");
        if !why.is_empty() {
            self.more("why", why);
        }
        if !thing.without.is_empty() {
            self.more("without it", thing.without);
        }
        if let Some(hint) = hint {
            self.more("hint", hint);
        }
    }

    pub(super) fn missing(&self) -> usize {
        self.missing
    }

    pub(super) fn finish(mut self) -> String {
        let last = match self.missing {
            0 => "everything works".to_owned(),
            1 => "1 thing is missing".to_owned(),
            n => format!("{n} things are missing"),
        };
        // Writing to a string never fails.
        let _ = writeln!(self.text, "\n{last}");
        self.text
    }

    fn line(&mut self, word: &str, Thing { name, gives, .. }: Thing<'_>, detail: &str) {
        let separator = if detail.is_empty() { "" } else { ": " };
        let _ = writeln!(self.text, "  {word:<8} {name:<19} {gives}{separator}{detail}");
    }

    fn more(&mut self, what: &str, text: &str) {
        let _ = writeln!(self.text, "{:INDENT$}{what}: {text}", "");
    }
}
