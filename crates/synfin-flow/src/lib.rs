//! Observations to connections.
//!
//! [`Tracker`] takes every [`Observation`](synfin_wire::Observation) in order and tells a [`Sink`] what it makes of
//! them: each packet with its [`Marks`], each state of both ends, each message, and finally the whole
//! [`Connection`]. A connection that is over is handed out and forgotten: memory is bounded by what is open.
//!
//! Here is no clock, no socket and no I/O: time is what the observations say it is.

mod connection;
mod finding;
mod history;
mod ledger;
mod marks;
mod packet;
mod sink;

pub use connection::{Close, Connection, Counts, Endpoint, Open, RttSummary, StateEntry};
pub use finding::{Finding, Severity};
pub use ledger::{Ledger, Phase};
pub use marks::{Mark, Marks};
pub use packet::{Packet, PacketLog, SackRange};
pub use sink::{Sink, Summary};
