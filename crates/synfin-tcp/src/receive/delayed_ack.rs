//! When to acknowledge (RFC 9293 section 3.8.6.3, RFC 5681 section 4.2).

use core::time::Duration;

/// Longest delay, whatever is asked for.
// RFC 9293 MUST-40: less than 0.5 seconds.
const DELAY_MAX: Duration = Duration::from_millis(499);

/// Whether an acknowledgement is owed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Owed {
    /// No.
    #[default]
    Nothing,
    /// Yes, and it may wait for company.
    Later,
    /// Yes, with the next transmission.
    Now,
}

/// Keeps account of what is not acknowledged yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DelayedAck {
    owed: Owed,
    /// Octets in order that arrived since the last acknowledgement.
    octets: u32,
    /// Segments out of order that arrived since then.
    out_of_order: u8,
}

impl DelayedAck {
    /// The delay in force.
    pub(crate) fn delay(configured: Duration) -> Duration {
        configured.min(DELAY_MAX)
    }

    /// Text arrived in order. `rmss` is the MSS that we announced.
    // RFC 9293 SHLD-18: acknowledgements are delayed; SHLD-19: one for at least every 2*RMSS octets.
    #[inline]
    pub(crate) fn on_text(&mut self, octets: u32, rmss: u32) {
        self.octets = self.octets.saturating_add(octets);
        let is_enough = self.octets >= rmss.saturating_mul(2);
        self.owed = if is_enough || self.owed == Owed::Now { Owed::Now } else { Owed::Later };
    }

    /// Something arrived that is to be acknowledged without delay.
    pub(crate) fn on_urgent_need(&mut self) {
        self.owed = Owed::Now;
    }

    /// A segment arrived beyond a gap.
    pub(crate) fn on_out_of_order(&mut self) {
        self.out_of_order = self.out_of_order.saturating_add(1);
        self.on_urgent_need();
    }

    /// Segments out of order since the last acknowledgement.
    pub(crate) fn out_of_order(&self) -> u8 {
        self.out_of_order
    }

    /// The timer ran out.
    pub(crate) fn on_timeout(&mut self) {
        if self.owed == Owed::Later {
            self.owed = Owed::Now;
        }
    }

    /// Any segment with an acknowledgement was sent.
    pub(crate) fn on_ack_sent(&mut self) {
        *self = Self::default();
    }

    /// Whether an acknowledgement is owed.
    pub(crate) fn owed(&self) -> Owed {
        self.owed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9293 SHLD-18, SHLD-19.
    #[test]
    fn every_second_full_segment_is_acknowledged() {
        let mut ack = DelayedAck::default();
        ack.on_text(1000, 1000);
        assert_eq!(ack.owed(), Owed::Later);
        ack.on_text(1000, 1000);
        assert_eq!(ack.owed(), Owed::Now);
        ack.on_ack_sent();
        assert_eq!(ack.owed(), Owed::Nothing);
        ack.on_text(1, 1000);
        ack.on_timeout();
        assert_eq!(ack.owed(), Owed::Now);
    }

    /// RFC 9293 MUST-40.
    #[test]
    fn nobody_can_ask_for_half_a_second() {
        assert!(DelayedAck::delay(Duration::from_secs(3)) < Duration::from_millis(500));
        assert_eq!(DelayedAck::delay(Duration::from_millis(10)), Duration::from_millis(10));
    }
}
