//! Against other programs: every capture that there is, as tshark reads it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic, in its helpers as well")]

mod files;
mod hostile;
mod oracle;
mod packing;
mod streams;
mod written;
