//! The vocabulary of TCP: what is on the wire, and what can be observed of it.
//!
//! * [`SeqNumber`]: sequence numbers that cannot be compared wrongly;
//! * [`tcp`]: segments and their options, read without allocation, and written;
//! * [`State`]: the states of RFC 9293 and the legal transitions between them;
//! * [`checksum`]: the Internet checksum (RFC 1071);
//! * [`dissect`]: from a frame of any link type down to the TCP segment in it, through tags and tunnels;
//! * [`Observation`]: everything that a capture, the kernel or our own TCP can say about a connection.
//!
//! There is no clock, no allocation and no I/O here. Bytes are never trusted: whatever they are, the answer is a
//! value or a precise error.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod checksum;
pub mod dissect;
pub mod link;
pub mod observation;
pub mod seq;
pub mod side;
pub mod state;
pub mod tcp;
pub mod variables;

mod bytes;

pub use link::LinkType;
pub use observation::{
    Direction, Fate, Frame, InterfaceId, Loss, LossCause, Note, NoteKind, Observation, Owner, Process,
    ProcessName, SocketId, Source, StateChange,
};
pub use seq::SeqNumber;
pub use side::Side;
pub use state::State;
pub use variables::{Sample, Variables};
