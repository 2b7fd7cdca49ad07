//! Connections to what people see.
//!
//! [`Printer`] is a [`Sink`](synfin_flow::Sink): hand it to the tracker, and it prints packets, states and messages as
//! they come and connections as they end, in the way that [`Options`] say:
//!
//! * the connection table, one line for each connection;
//! * the ladder: client left, server right, states beside the moment they change;
//! * the packet list, with what is remarkable about each packet;
//! * states, messages and findings, one line for each;
//! * the same as JSON Lines, or as CSV.
//!
//! What comes from the network is never trusted here either: no line gets wider than it may (ladders and tables), and
//! nothing that a terminal would obey gets through.

mod csv;
mod findings;
mod json;
mod ladder;
mod messages;
mod packets;
mod printer;
mod segment;
mod show;
mod states;
mod style;
mod summary;
mod table;
mod text;
mod time;
mod units;
mod variables;

pub use printer::{Format, Options, Printer};
pub use show::{Show, UnknownShow, View};
pub use style::Style;
pub use summary::footer;
pub use time::TimeStyle;

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests;
