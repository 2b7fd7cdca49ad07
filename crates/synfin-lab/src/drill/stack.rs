//! What a script is run against: a TCP with sockets above it and a wire below.
//!
//! Our own runs in virtual time; Linux's, in real time, through a device. The runner knows neither.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::calls::{Returned, SystemCall};
use super::sysctl::Setting;

/// A TCP under test. Times are nanoseconds since the script began.
pub trait Stack {
    /// What time it is.
    fn now_ns(&self) -> u64;

    /// How long to wait, in nanoseconds, for a packet that is late, to be able to say when it came.
    fn patience_ns(&self) -> u64 {
        300_000_000_000
    }

    /// What was to happen at this time happens now. On a clock it may be late: then the script's time stands still until
    /// it has caught up, so that what follows is measured from what has happened.
    fn catch_up(&mut self, _at_ns: u64) {}

    /// The longest script that it runs, in nanoseconds, by the times that the script names; `None`: any.
    fn longest_ns(&self) -> Option<u64> {
        None
    }

    /// Lets time go on to `until_ns`, and no further than to the first packet that comes out, or to the return of the
    /// call that blocks.
    ///
    /// # Errors
    /// When it cannot go on.
    fn run(&mut self, until_ns: u64) -> Result<(), Stop>;

    /// The next packet that came out, with its time.
    fn poll_packet(&mut self) -> Option<(u64, Bytes)>;

    /// A packet arrives.
    ///
    /// # Errors
    /// When the device does not take it.
    fn inject(&mut self, packet: &Bytes) -> Result<(), Stop>;

    /// Begins a system call. What it returns is there at once, or, where it blocks, from [`poll_call`](Self::poll_call).
    /// What is written is the octets of the stream from `offset` on.
    ///
    /// # Errors
    /// When the stack has no such thing.
    fn call(&mut self, call: &SystemCall, offset: u64) -> Result<Option<Returned>, Stop>;

    /// What the call that blocked has returned, and when.
    fn poll_call(&mut self) -> Option<(u64, Returned)>;

    /// Changes a setting of the host.
    ///
    /// # Errors
    /// When the stack has no such setting, or not this value.
    fn set(&mut self, setting: &Setting) -> Result<(), Stop>;

    /// Whether there is such a variable of `TCP_INFO`, as far as that can be said before a script is run.
    fn has_variable(&self, _name: &str) -> bool {
        true
    }

    /// The variables of `TCP_INFO` that the stack has, by their names.
    ///
    /// # Errors
    /// When it has none for such a descriptor.
    fn info(&mut self, descriptor: i32) -> Result<BTreeMap<&'static str, i128>, Stop>;
}

/// Why a script cannot go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The stack has no such thing, and what it is.
    Unsupported(String),
    /// Something broke: the laboratory's or the machine's fault, not that of the TCP under test.
    Broken(String),
}
