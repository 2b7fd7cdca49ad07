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
//! Two of them, talking without a network:
//!
//! ```
//! use std::net::{IpAddr, SocketAddr};
//!
//! use synfin_tcp::{
//!     Burst, Checksum, Config, Ecn, Endpoint, Incoming, Instant, NoObserver, ReadOutcome,
//! };
//!
//! let (ip_a, ip_b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
//! let mut a = Endpoint::new(Config::new([1; 16]), NoObserver);
//! let mut b = Endpoint::new(Config::new([2; 16]), NoObserver);
//!
//! /// What one has to send arrives at the other, at once and undamaged.
//! fn carry(now: Instant, from: (&mut Endpoint, IpAddr), to: (&mut Endpoint, IpAddr)) {
//!     let mut sent = Vec::new();
//!     let mut device = |burst: &Burst<'_>| sent.extend(burst.segments().map(|s| s.to_bytes()));
//!     from.0.poll_transmit(now, u32::MAX, &mut device);
//!     for bytes in sent {
//!         let mut segment = Incoming::parse(bytes, from.1, to.1, Ecn::NotEct, Checksum::Check).unwrap();
//!         to.0.handle(now, from.1, to.1, &mut segment);
//!     }
//! }
//!
//! let now = Instant::from_nanos(1);
//! let server = SocketAddr::new(ip_b, 80);
//! let listener = b.listen(server, 16, None)?;
//! let client = a.connect(now, SocketAddr::new(ip_a, 0), server, None)?;
//! a.connection_mut(client).unwrap().write(&"hello".into())?;
//! for _ in 0..2 {
//!     carry(now, (&mut a, ip_a), (&mut b, ip_b));
//!     carry(now, (&mut b, ip_b), (&mut a, ip_a));
//! }
//! let accepted = b.accept(listener).expect("the handshake is over");
//! let read = b.connection_mut(accepted).unwrap().read(now, usize::MAX);
//! assert_eq!(read, ReadOutcome::Data("hello".into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Comments of the form `RFC 9293 MUST-…`, with the number, in code and tests name the requirements of its Appendix B.

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
pub use connection::{CongestionState, Connection, ConnectionError, Event, Info, ReadOutcome, WriteError};
pub use endpoint::{ConnectError, ConnectionId, Counters, Endpoint, Handled, ListenError, ListenerId};
pub use icmp::{IcmpError, IcmpMessage, Unreachable};
pub use incoming::{Checksum, Ecn, Incoming, IncomingError, KnownOptions};
pub use observer::{NoObserver, Observer};
pub use outgoing::{Burst, Outgoing, Sink};
pub use send::Payload;
pub use synfin_wire::{Sample, Variables};
pub use time::Instant;
