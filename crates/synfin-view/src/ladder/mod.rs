//! The ladder: client left, server right, time downwards.
//!
//! ```text
//!       ms       client                                               server
//!                CLOSED                                               LISTEN
//!    0.000     SYN-SENT ├──── SYN  seq 0  win 65495  mss 65495 ─────▶│
//!    0.018              │◀─── SYN,ACK  seq 0  ack 1 ─────────────────┤ SYN-RECEIVED
//! ```
//!
//! [`rows`] puts packets, states and messages in order, [`folding`] takes runs of equal traffic together, [`label`]
//! says what stands on an arrow, and [`layout`] draws. States stand beside the packet that shows them; those that only
//! the kernel or a TCP of our own knows of have their place by time.

mod folding;
mod footer;
mod header;
mod label;
mod layout;
mod rows;

use synfin_flow::Connection;

use crate::style::Style;

/// Draws a connection.
pub(crate) fn write(out: &mut String, connection: &Connection, style: &Style) {
    header::write(out, connection, style);
    let rows = folding::fold(rows::rows(connection));
    layout::Canvas::new(connection, style).draw(out, &rows);
    footer::write(out, connection, style);
}

#[cfg(test)]
mod tests;
