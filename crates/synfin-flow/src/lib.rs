//! Observations to connections.
//!
//! [`Tracker`] takes every [`Observation`](synfin_wire::Observation) in order and tells a [`Sink`] what it makes of
//! them: each packet with its [`Marks`], each state of both ends, each message, and finally the whole
//! [`Connection`]. A connection that is over is handed out and forgotten: memory is bounded by what is open.
//!
//! Here is no clock, no socket and no I/O: time is what the observations say it is.

mod arrival;
mod classify;
mod config;
mod connection;
mod duplicates;
mod finding;
mod fragments;
mod half;
mod history;
mod key;
mod ledger;
mod marks;
mod note;
mod observed;
mod packet;
mod role;
mod rtt;
mod shape;
mod sink;
mod states;
mod stream;
mod talk;
mod tracked;
mod tracker;

pub use config::Config;
pub use connection::{Close, Connection, Counts, Endpoint, Open, RttSummary, SampleEntry, StateEntry};
pub use finding::{Finding, Severity};
pub use ledger::{Ledger, Phase};
pub use marks::{Mark, Marks};
pub use note::PacketNote;
pub use packet::{Packet, PacketLog, SackRange};
pub use sink::{Sink, Summary};
pub use tracker::Tracker;
