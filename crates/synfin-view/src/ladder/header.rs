//! Whose connection it is, and what it was for.

use std::fmt::Write as _;

use synfin_flow::{Connection, Endpoint};

use crate::messages::write_purpose;
use crate::style::{Paint, Style};
use crate::text::{Line, neutral, width};

/// What separates the ends from the purpose.
const SEPARATOR: usize = 3;

/// What the method before a target and the answer after it take, with some room to spare.
const ANSWER: usize = 40;

pub(super) fn write(out: &mut String, connection: &Connection, style: &Style) {
    let glyphs = style.glyphs();
    let mut purpose = String::new();
    write_purpose(&mut purpose, connection, style.columns() - ANSWER, glyphs);
    let (client, server) = (name(&connection.client, style), name(&connection.server, style));

    let mut line = Line::new(out, style);
    line.painted(Some(Paint::Strong), |line| {
        line.put("#").show(connection.id).skip(2).put(&client).skip(2);
        // Two addresses of IPv6 and their processes may need a line each.
        if line.left() < width(&server, style.unicode) + width(glyphs.to, style.unicode) + 2 {
            line.end();
            line.skip(4);
        }
        line.put(glyphs.to).skip(2).put(&server);
    });
    if connection.namespace != 0 {
        let namespace = format!("net:{}", connection.namespace);
        if line.left() < namespace.len() + 2 {
            line.end();
            line.skip(2);
        }
        line.skip(2).put(&namespace);
    }
    if !purpose.is_empty() {
        if line.left() < width(&purpose, style.unicode) + SEPARATOR {
            line.end();
            line.skip(1);
        }
        line.skip(SEPARATOR).paint(Paint::Message, &purpose);
    }
    line.end();
    out.push('\n');
}

fn name(endpoint: &Endpoint, style: &Style) -> String {
    let mut name = endpoint.address.to_string();
    if let Some(process) = &endpoint.process {
        // Writing to a string never fails.
        let _ = write!(name, " {}[{}]", neutral(process.name.as_str(), style.unicode), process.pid);
    }
    name
}
