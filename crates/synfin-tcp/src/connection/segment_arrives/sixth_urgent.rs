//! Sixth, check the URG bit (RFC 9293 sections 3.8.5 and 3.10.7.4).

use synfin_wire::State;
use synfin_wire::tcp::Flags;

use crate::connection::Connection;
use crate::incoming::Incoming;
use crate::observer::Observer;

impl<O: Observer> Connection<O> {
    pub(super) fn sixth_check_urg(&mut self, segment: &Incoming) {
        let is_open = matches!(self.state, State::Established | State::FinWait1 | State::FinWait2);
        if !is_open || !segment.header.flags.contains(Flags::URG) {
            return;
        }
        // RFC 9293 MUST-62: the pointer is that of the octet after the urgent data, counted from the sequence number of
        // the segment (section 3.1), which is that of the SYN where there is one.
        let up = segment.seq() + u32::from(segment.header.urgent_pointer);
        let is_ahead = up.is_after(self.rcv.user());
        let is_advance = self.rcv.up.is_none_or(|old| up.is_after(old));
        if is_ahead && is_advance {
            // RFC 9293 MUST-32: whenever it is new, or advances.
            self.rcv.up = Some(up);
            self.events.on_urgent();
        }
    }
}
