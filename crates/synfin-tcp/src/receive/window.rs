//! The window that is offered (RFC 9293 section 3.8.6).
//!
//! Its right edge stands at most RCV.BUFF beyond what the user has read. It never goes back, and goes forward in
//! steps worth having. In the header it is rounded up to the window scale, not down: rounding down would take back
//! octets that were offered (RFC 7323 section 2.4).

use synfin_wire::SeqNumber;

use super::Receiver;

impl Receiver {
    /// The right edge as the peer sees it: what lies before it is acceptable.
    pub(crate) fn right_edge(&self) -> SeqNumber {
        self.nxt + self.wnd()
    }

    /// `rcv.wnd` in octets, as the peer sees it.
    // RFC 9293 MUST-1, REC-1: windows are unsigned, and 32 bits wide.
    pub(crate) fn wnd(&self) -> u32 {
        u32::from(self.window_field()) << self.shift
    }

    /// The window field of a segment other than a SYN.
    pub(crate) fn window_field(&self) -> u16 {
        let wnd = u32::try_from(self.edge.distance_from(self.nxt)).unwrap_or_default();
        u16::try_from(wnd.div_ceil(1 << self.shift)).unwrap_or(u16::MAX)
    }

    /// Moves the right edge before a segment is sent, if that is worth it.
    // RFC 9293 MUST-39: receiver SWS avoidance; SHLD-14: the right edge never moves to the left.
    pub(crate) fn update_window(&mut self, mss: u32) {
        if self.reduction() >= mss.min(self.buffer / 2).max(1) {
            self.edge = self.widest_edge();
        }
    }

    /// Whether the user has read so much that the peer should be told without waiting for a reason to.
    ///
    /// What the window gains may also come from elsewhere: after the handshake, whose windows are not scaled, it grows
    /// with the next acknowledgement, and needs none of its own.
    #[inline]
    pub(crate) fn is_window_update_due(&self, mss: u32) -> bool {
        let gain = self.reduction();
        let read = u32::try_from(self.user.distance_from(self.user_at_ack)).unwrap_or_default();
        let remaining = u32::try_from(self.edge.distance_from(self.nxt)).unwrap_or_default();
        let is_nearly_closed = remaining < mss && gain >= mss.min(self.buffer / 2).max(1);
        !self.has_taken_fin() && (is_nearly_closed || gain.min(read) >= (self.buffer / 2).max(1))
    }

    /// The right edge that could be offered: what the field cannot say is not.
    #[inline]
    fn widest_edge(&self) -> SeqNumber {
        let most = self.nxt + (u32::from(u16::MAX) << self.shift);
        self.edge.later((self.user + self.buffer).earlier(most))
    }

    /// RCV.BUFF - RCV.USER - RCV.WND: space that is there but not offered, though it could be.
    #[inline]
    fn reduction(&self) -> u32 {
        u32::try_from(self.widest_edge().distance_from(self.edge)).unwrap_or_default()
    }
}
