//! How text looks: width, colours, and the drawing characters with their ASCII stand-ins.

/// How text output looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// Columns of the terminal. Ladders never get wider; below 60 it counts as 60.
    pub width: usize,
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Whether to draw with characters beyond ASCII. Otherwise none is written at all.
    pub unicode: bool,
    /// Whether lines of lists must fit into the width as well, for a terminal, where a line that wraps is hard to
    /// read: packets say less there. Otherwise they are as long as they have to be.
    pub fits_lines: bool,
}

impl Default for Style {
    /// 80 columns, no colours, Unicode, lines as long as they have to be.
    fn default() -> Self {
        Self { width: 80, color: false, unicode: true, fits_lines: false }
    }
}

impl Style {
    /// The columns that output may take.
    pub(crate) fn columns(&self) -> usize {
        self.width.max(60)
    }

    pub(crate) const fn glyphs(&self) -> &'static Glyphs {
        if self.unicode { &UNICODE } else { &ASCII }
    }
}

/// Characters to draw with.
#[derive(Debug)]
pub(crate) struct Glyphs {
    /// From client to server, in running text.
    pub(crate) to: &'static str,
    /// From server to client.
    pub(crate) back: &'static str,
    /// Between items.
    pub(crate) dot: &'static str,
    /// Where something was cut.
    pub(crate) ellipsis: &'static str,
    /// Where lines were left out.
    pub(crate) more: &'static str,
    pub(crate) lane: &'static str,
    pub(crate) lane_from_left: &'static str,
    pub(crate) lane_from_right: &'static str,
    pub(crate) shaft: &'static str,
    /// The shaft of an arrow that carries what was sent before.
    pub(crate) shaft_again: &'static str,
    pub(crate) head_right: &'static str,
    pub(crate) head_left: &'static str,
    /// The head of an arrow that does not arrive.
    pub(crate) head_lost: &'static str,
    pub(crate) inferred: &'static str,
    pub(crate) micro: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    to: "→",
    back: "←",
    dot: "·",
    ellipsis: "…",
    more: "⋮",
    lane: "│",
    lane_from_left: "├",
    lane_from_right: "┤",
    shaft: "─",
    shaft_again: "╌",
    head_right: "▶",
    head_left: "◀",
    head_lost: "✗",
    inferred: "~",
    micro: "µs",
};

const ASCII: Glyphs = Glyphs {
    to: "->",
    back: "<-",
    dot: "|",
    ellipsis: "...",
    more: ":",
    lane: "|",
    lane_from_left: "|",
    lane_from_right: "|",
    shaft: "-",
    shaft_again: "=",
    head_right: ">",
    head_left: "<",
    head_lost: "x",
    inferred: "~",
    micro: "us",
};

/// What a colour says, and which one it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paint {
    /// What the eye may skip.
    Faint,
    /// What it should find first.
    Strong,
    /// A state.
    State,
    /// A message.
    Message,
    /// It cost time or bandwidth.
    Warning,
    /// It failed.
    Problem,
}

impl Paint {
    /// The escape sequence that switches it on (ECMA-48 SGR).
    pub(crate) const fn on(self) -> &'static str {
        match self {
            Self::Faint => "\x1b[2m",
            Self::Strong => "\x1b[1m",
            Self::State => "\x1b[36m",
            Self::Message => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Problem => "\x1b[1;31m",
        }
    }

    /// The sequence that switches all of them off.
    pub(crate) const OFF: &'static str = "\x1b[0m";
}
