//! The handshake: a program of type `sock_ops` at the root of the control groups (version 2, mounted or hybrid).

use super::{Attach, Probe, Program};
use crate::{
    event::Event,
    sys::record::{Kind, Record},
};

pub(crate) static PROBE: Probe = Probe {
    name: "handshakes",
    gives: "when SYN-RECEIVED begins, and the local port of a SYN before it is sent",
    without: "SYN-RECEIVED is seen when it is over; a SYN-SENT has no local port until something happens to it",
    hint: Some("sudo mount -t cgroup2 none /mnt, if control groups are not mounted"),
    programs: &[&[Program { name: "handshake", attach: Attach::SockOps }]],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let subject = record.subject()?;
    Some(match record.kind {
        Kind::Connecting => Event::Connecting(subject, record.task()?),
        _ => Event::RequestCreated(subject),
    })
}
