//! NewReno's window (RFC 5681 section 3.1): one segment a round trip, half on loss.

use super::{AckEvent, CongestionControl, Window};

/// NewReno.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NewReno {
    /// Octets acknowledged towards the next segment of growth (RFC 3465).
    acked: u32,
}

impl CongestionControl for NewReno {
    fn on_ack_in_avoidance(&mut self, window: &mut Window, event: &AckEvent) {
        self.acked = self.acked.saturating_add(event.acked);
        if self.acked >= window.cwnd {
            self.acked -= window.cwnd;
            window.cwnd = window.cwnd.saturating_add(window.mss);
        }
    }

    /// RFC 5681 equation (4).
    fn on_congestion(&mut self, window: &mut Window, flight_size: u32) {
        self.acked = 0;
        window.ssthresh = (flight_size / 2).max(window.mss.saturating_mul(2));
    }
}
