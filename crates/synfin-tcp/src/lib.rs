//! One TCP: the endpoint of RFC 9293 and its companions, as a pure state machine.
//!
//! There is no clock, no I/O, no thread and no randomness here: every call says what time it is ([`Instant`]), segments
//! come in as values ([`Incoming`]) and go out through a [`Sink`] ([`Burst`]), and whatever has to be unpredictable
//! derives from the secret in the [`Config`]. So the same code runs for real over a device, and in a laboratory where
//! a day takes a second and every run repeats exactly.
//!
//! An [`Endpoint`] is the TCP of one host: it finds the connection of a segment, answers what belongs to none, opens
//! and accepts. A [`Connection`] is one of its connections. An [`Observer`] sees every state change and every variable.
//!
//! Comments of the form `RFC 9293 MUST-23` in code and tests name the requirements of its Appendix B.

pub mod config;
pub mod icmp;
pub mod incoming;
pub mod observer;

mod congestion;
mod connection;
mod endpoint;
mod isn;
mod options;
mod outgoing;
mod ports;
mod receive;
mod rtt;
mod send;
mod time;
mod timers;
mod tuple;

pub use config::{Algorithm, Config, ConnectionConfig, KeepAlive, RtoConfig, SynCookies};
pub use connection::{Connection, ConnectionError, Event, Info, ReadOutcome, WriteError};
pub use endpoint::{ConnectError, ConnectionId, Counters, Endpoint, Handled, ListenError, ListenerId};
pub use icmp::{IcmpError, IcmpMessage, Unreachable};
pub use incoming::{Checksum, Ecn, Incoming, IncomingError, KnownOptions};
pub use observer::{NoObserver, Observer, Variables};
pub use outgoing::{Burst, Outgoing, Sink};
pub use send::Payload;
pub use time::Instant;
