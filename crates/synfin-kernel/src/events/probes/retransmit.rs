//! Segments sent again: tracepoints `tcp:tcp_retransmit_skb` and `tcp:tcp_retransmit_synack` (Linux 4.16).

use synfin_wire::State;

use super::{Probe, Program};
use crate::{
    event::{Event, Retransmit},
    sys::record::{Kind, Record},
};

pub(crate) static PROBE: Probe = Probe {
    name: "retransmissions",
    gives: "segments and SYN-ACKs that the kernel sends again",
    without: "they are known from the packets only",
    hint: None,
    programs: &[&[Program::typed("tcp_retransmit_skb")], &[Program::typed("tcp_retransmit_synack")]],
    is_required: false,
};

pub(crate) fn decode(record: &Record<'_>) -> Option<Event> {
    let subject = record.subject()?;
    let timeouts = record.number_after();
    Some(Event::Retransmit(match record.kind {
        Kind::Retransmit => Retransmit {
            subject,
            state: record.state_before()?,
            timeouts,
            seq: record.value(),
            end_seq: record.reason(),
        },
        _ => Retransmit { subject, state: State::SynReceived, timeouts, seq: 0, end_seq: 0 },
    }))
}
