//! Resets: tracepoints `tcp:tcp_send_reset` (its reason: Linux 6.10) and `tcp:tcp_receive_reset` (Linux 4.16).

use super::{Probe, Program};
use crate::{
    event::{Event, ResetSent},
    sys::{
        btf,
        record::{Kind, Record},
    },
};

pub(crate) static PROBE: Probe = Probe {
    name: "resets",
    gives: "resets sent and received, and why the kernel sent them",
    without: "they are known from the packets only, without a reason",
    hint: None,
    programs: &[
        &[
            Program::raw("tcp_send_reset", "tcp_send_reset"),
            Program::raw("tcp_send_reset_plain", "tcp_send_reset"),
        ],
        &[Program::typed("tcp_receive_reset")],
    ],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let subject = record.subject()?;
    Some(match record.kind {
        Kind::ResetSent => Event::ResetSent(ResetSent {
            subject,
            state: record.state_before(),
            reason: btf::reset_reason(record.reason()),
        }),
        _ => Event::ResetReceived(subject, record.state_before()?),
    })
}
