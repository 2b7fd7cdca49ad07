//! What Linux's own TCP says of its connections.
//!
//! * [`Events`]: every state change as it happens, with its socket, its process and the kernel's own counters; what was
//!   sent again, reset or dropped, and why. From tracepoints, through eBPF programs and a ring buffer (feature `events`).
//! * [`Snapshot`]: every TCP socket that exists now, those in SYN-RECEIVED and TIME-WAIT too, from sock_diag.
//! * [`Processes`]: whose sockets they are, from /proc.
//! * [`Tracker`]: joins the three, without a gap or a double, into [`Change`]s in the states of RFC 9293, each marked
//!   observed or inferred.
//! * [`Session`]: all of that, running.
//! * [`Capabilities`]: what works on this machine, what does not, and what that costs.
//!
//! Linux's view differs from the RFC's in ways that are easy to get wrong; the modules say where and how that is mended.
#![cfg(target_os = "linux")]

pub mod capabilities;
pub mod event;
pub mod namespace;
pub mod process;
pub mod snapshot;
pub mod tracker;

mod clock;
#[cfg(feature = "events")]
pub mod events;
#[cfg(feature = "events")]
pub mod session;
mod sys;

pub use capabilities::{Capabilities, Capability, Status};
pub use event::{Counters, Event, Reason, Subject, Task};
#[cfg(feature = "events")]
pub use events::{EventOptions, Events, EventsError, Polled, Stopper};
pub use namespace::Namespace;
pub use process::Processes;
#[cfg(feature = "events")]
pub use session::{Scope, Session, SessionError, SessionOptions};
pub use snapshot::{Snapshot, SnapshotError, Socket, SocketTimer, TcpInfo};
pub use tracker::{Change, Existing, Report, Tracker, TrackerOptions, Why};
