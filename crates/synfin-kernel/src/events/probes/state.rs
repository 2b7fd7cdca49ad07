//! State changes of full sockets: tracepoint `sock:inet_sock_set_state` (Linux 4.16).

use super::{Probe, Program};
use crate::{
    event::{Changed, Event},
    sys::record::{Kind, Record},
};

pub(crate) static PROBE: Probe = Probe {
    name: "state changes",
    gives: "every state change, its process, and the kernel's counters at the end",
    without: "nothing can be traced",
    hint: None,
    programs: &[&[Program::typed("inet_sock_set_state")]],
    is_required: true,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let rtt_us = record.value();
    Some(Event::Changed(Changed {
        subject: record.subject()?,
        from: record.state_before()?,
        to: record.state_after()?,
        task: record.task(),
        error: record.reason(),
        is_fin_received: record.is_fin_received(),
        is_orphan: record.is_orphan(),
        is_time_wait_full: record.is_time_wait_full(),
        handshake_ns: (rtt_us != 0).then(|| u64::from(rtt_us) * 1_000),
        counters: if record.kind == Kind::Closed { record.counters() } else { None },
    }))
}
