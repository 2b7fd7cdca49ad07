//! Owners: tracepoints `sock:sock_recv_length` and `sock:sock_send_length` (Linux 6.3), before that
//! `tcp:tcp_rcv_space_adjust`.
//!
//! accept() has no tracepoint that names the new socket, and tracing all system calls would slow every process of the
//! machine. The first receive or send of a worker comes right after, and tells who really serves the connection.

use super::{Probe, Program};
use crate::{event::Event, sys::record::Record};

pub(crate) static PROBE: Probe = Probe {
    name: "owners",
    gives: "the process that sends and receives, so the worker that really serves a connection",
    without: "the owner of an accepted connection is known when it closes, or from /proc",
    hint: None,
    programs: &[
        &[Program::typed("sock_recv_length"), Program::typed("tcp_rcv_space_adjust")],
        &[Program::typed("sock_send_length")],
    ],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    Some(Event::Owner(record.subject()?, record.task()?))
}
