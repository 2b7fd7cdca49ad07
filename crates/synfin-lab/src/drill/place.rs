//! Where in a script something stands, and what is wrong there.

use core::fmt;

/// A place in a script.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
}

impl Place {
    /// The place of a byte of a text. A byte within a character is at that character.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let one_based = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        Self { line: one_based(line), column: one_based(column) }
    }
}

/// A script that cannot be understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct ScriptError {
    /// The script's name.
    pub name: String,
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub what: String,
    /// The line, as it stands in the script.
    pub line: String,
}

/// Longest part of a line that is shown.
const SHOWN_MAX: usize = 160;

impl ScriptError {
    pub(crate) fn new(name: &str, text: &str, offset: usize, what: impl Into<String>) -> Self {
        let place = Place::of(text, offset);
        let line = text.lines().nth(place.line as usize - 1).unwrap_or_default();
        Self { name: name.to_owned(), place, what: what.into(), line: line.to_owned() }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, place, what, line } = self;
        write!(f, "{name}:{}:{}: {what}", place.line, place.column)?;
        let column = place.column as usize;
        if column > SHOWN_MAX {
            return Ok(());
        }
        // A tab stays one, so that the caret stands below its character however wide tabs are.
        let shown = |c: char| if c == '\t' || !c.is_control() { c } else { ' ' };
        let line: String = line.chars().take(SHOWN_MAX).map(shown).collect();
        let indent: String =
            line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "\n    {line}\n    {indent}^")
    }
}
