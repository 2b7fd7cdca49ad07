//! The list of findings.

use synfin_flow::{Connection, Finding, Severity};

use crate::style::{Paint, Style};
use crate::text::Line;

pub(crate) const fn paint(severity: Severity) -> Paint {
    match severity {
        Severity::Note => Paint::Faint,
        Severity::Warning => Paint::Warning,
        Severity::Problem => Paint::Problem,
    }
}

/// One line: which connection, how bad, what happened.
pub(crate) fn write(out: &mut String, connection: &Connection, finding: &Finding, style: &Style) {
    let glyphs = style.glyphs();
    // A finding is a whole sentence, which is never cut.
    let mut line = Line::new(out, &Style { width: usize::MAX, ..*style });
    line.put("#").show(connection.id).to(5).skip(1).show(connection.client.address);
    line.skip(1).put(glyphs.to).skip(1).show(connection.server.address).skip(2);
    line.paint(paint(finding.severity), finding.severity.name()).put(": ").put(&finding.text).end();
}
