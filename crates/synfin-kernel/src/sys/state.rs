//! The kernel's numbers for states (include/net/tcp_states.h).

use synfin_wire::State;

/// SYN-RECEIVED of a request socket; 3 is that of a full one.
pub(crate) const NEW_SYN_RECEIVED: u8 = 12;

pub(crate) fn from_kernel(number: u8) -> Option<State> {
    Some(match number {
        1 => State::Established,
        2 => State::SynSent,
        3 | NEW_SYN_RECEIVED => State::SynReceived,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 => State::Closed,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => return None,
    })
}
