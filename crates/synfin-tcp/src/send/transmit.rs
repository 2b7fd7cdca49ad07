//! What is sent next (RFC 9293 section 3.8.6.2.1): losses first, then new data as the windows allow.

use core::time::Duration;

use synfin_wire::SeqNumber;
use synfin_wire::tcp::Flags;

use super::scoreboard::{Place, Sent};
use super::tlp::Probe;
use super::{Fin, Sender};
use crate::time::Instant;

/// Most octets of a burst: what devices with segmentation offload take.
const BURST_MAX: u32 = 61_440;

/// What limits a transmission besides the windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Octets of text that fit into a segment with the options of this moment.
    pub(crate) segment_size: u32,
    /// Segments that may still be sent.
    pub(crate) segments: u32,
    /// Octets that the peer's window comes in, where it is scaled.
    pub(crate) window_step: u32,
    /// Whether to hold back short segments (Nagle).
    pub(crate) is_nagle: bool,
    /// Initial window in segments, to which an idle connection falls back.
    pub(crate) initial_window: u32,
    /// Idle time after which it does.
    pub(crate) rto: Duration,
}

/// A range to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Next {
    /// First sequence number.
    pub(crate) seq: SeqNumber,
    /// Octets of text.
    pub(crate) len: u32,
    /// FIN and PSH where they belong.
    pub(crate) flags: Flags,
    /// Whether it was sent before.
    pub(crate) is_again: bool,
}

impl Sender {
    /// The next range that may be sent, taken note of as sent.
    pub(crate) fn next(&mut self, now: Instant, limits: &Limits, timestamp: Option<u32>) -> Option<Next> {
        if limits.segments == 0 || limits.segment_size == 0 {
            return None;
        }
        if !self.recovery.wants_new_data()
            && let Some(next) = self.next_lost(now, limits, timestamp)
        {
            return Some(next);
        }
        let next = self.next_new(now, limits);
        if self.recovery.wants_new_data() && !self.recovery.may_wait_for_new_data(next.is_some()) {
            return self.next_lost(now, limits, timestamp);
        }
        next
    }

    /// The first lost segment, if the congestion window has room for it and it lies within the peer's window.
    // RFC 9293 SHLD-16: what is sent again lies within the window; SHLD-17: what lies beyond it is not waited for, since
    // the first octet that is always lies within, unless the window is closed and is probed.
    fn next_lost(&mut self, now: Instant, limits: &Limits, timestamp: Option<u32>) -> Option<Next> {
        let index = self.board.first_lost()?;
        self.board.isolate_first(index);
        let sent = *self.board.at(index)?;
        let in_window = self.window_for_again(&sent, limits.window_step);
        let has_room = self.recovery.is_first_due || self.has_room(sent.len.min(limits.segment_size));
        if in_window == 0 || !has_room {
            return None;
        }
        self.recovery.is_first_due = false;
        Some(self.resend(now, index, in_window.min(limits.segment_size), timestamp))
    }

    /// Octets that the peer's window leaves for a segment that is sent again.
    ///
    /// RFC 7323 section 2.4: a scaled window can't say everything, and may seem to shrink where nothing was taken back.
    /// What was within it goes again for the first time whatever it says now, and always if the edge is short by less
    /// than its step.
    fn window_for_again(&self, sent: &Sent, step: u32) -> u32 {
        let beyond = u32::try_from(sent.end().distance_from(self.right_edge())).unwrap_or_default();
        if self.wnd > 0 && step > 0 && (!sent.was_retransmitted || beyond < step) {
            return sent.len;
        }
        u32::try_from(self.right_edge().distance_from(sent.seq)).unwrap_or_default()
    }

    /// Whether the congestion window has room for so many octets. One segment may always be in flight.
    fn has_room(&self, octets: u32) -> bool {
        let in_flight = self.in_flight();
        in_flight == 0 || in_flight.saturating_add(octets) <= self.congestion.cwnd()
    }

    /// Takes note of a segment sent again, at most `len` octets of it.
    fn resend(&mut self, now: Instant, index: usize, len: u32, timestamp: Option<u32>) -> Next {
        self.board.isolate_first(index);
        if self.board.at(index).is_some_and(|sent| sent.text() > len) {
            self.board.split(index, len);
        }
        let rate = self.congestion.rate.on_sent(now, self.board.pipe() > 0);
        self.board.on_resent(index, now, rate);
        let sent = self.board.at(index).copied().unwrap_or(Sent {
            seq: self.una,
            len: 0,
            segment_size: 1,
            sent_at: now,
            rate,
            is_fin: false,
            was_retransmitted: true,
            place: Place::Resent,
        });
        self.recovery.on_resent(sent.seq, timestamp);
        self.recovery.on_sent(sent.len);
        self.retransmissions += 1;
        self.last_sent = now;
        let mut flags = Flags::NONE;
        if sent.is_fin {
            flags |= Flags::FIN;
        }
        // RFC 9293 MUST-61: the last segment of what is queued carries PSH.
        if sent.end().is_at_or_after(self.queue.end()) && sent.text() > 0 {
            flags |= Flags::PSH;
        }
        Next { seq: sent.seq, len: sent.text(), flags, is_again: true }
    }

    /// New data, as much as the windows, Nagle and SWS avoidance let go.
    // RFC 9293 SHLD-28: in segments of full size; MAY-16: what was written in pieces is sent together.
    fn next_new(&mut self, now: Instant, limits: &Limits) -> Option<Next> {
        let unsent = self.unsent();
        let fin = u32::from(self.fin == Fin::Queued);
        if unsent + fin == 0 {
            // What is lost and waits for the window is something to send.
            if self.in_flight() < self.congestion.cwnd() && self.board.lost() == 0 {
                self.congestion.rate.on_app_limited(self.in_flight());
            }
            return None;
        }
        let usable = self.usable_window();
        if self.board.is_empty() {
            self.restart_after_idle(now, limits);
        }
        let size = limits.segment_size;
        let room = self.congestion.cwnd().saturating_sub(self.in_flight());
        let room = if self.in_flight() == 0 { room.max(size) } else { room };
        let most = BURST_MAX.max(size).min(size.saturating_mul(limits.segments));
        let len = unsent.min(usable).min(most);
        if len > room && room < size {
            self.limited_until = self.nxt;
            return None;
        }
        let mut len = len.min(room);
        let tail = len % size;
        if tail > 0 && !self.may_send_short(tail, len == unsent, limits) {
            len -= tail;
        }
        let is_fin = fin == 1 && len == unsent && len < usable;
        if len == 0 && !is_fin {
            return None;
        }
        Some(self.send_new(now, len, is_fin, size))
    }

    /// Rules (2) and (3) of RFC 9293 section 3.8.6.2.1.
    // RFC 9293 MUST-38: sender SWS avoidance; SHLD-7: Nagle; MUST-60: no data waits forever.
    fn may_send_short(&self, tail: u32, is_all: bool, limits: &Limits) -> bool {
        // The end of the stream, and urgent data, have nothing to wait for.
        let is_last = self.fin == Fin::Queued || self.up.is_some();
        let is_quiet = !limits.is_nagle || self.board.is_empty() || is_last;
        is_quiet && (is_all || tail >= self.max_wnd / 2)
    }

    /// RFC 5681 section 4.1.
    fn restart_after_idle(&mut self, now: Instant, limits: &Limits) {
        self.congestion.on_quiet(now);
        if self.last_sent != Instant::ZERO && now.since(self.last_sent) > limits.rto {
            self.congestion.on_idle(limits.initial_window);
        }
    }

    /// Takes note of new segments, and of the FIN behind them.
    fn send_new(&mut self, now: Instant, len: u32, is_fin: bool, size: u32) -> Next {
        let seq = self.nxt;
        let rate = self.congestion.rate.on_sent(now, self.board.pipe() > 0);
        let sent = Sent {
            seq,
            len: len + u32::from(is_fin),
            segment_size: size.max(1),
            sent_at: now,
            rate,
            is_fin,
            was_retransmitted: false,
            place: Place::InFlight,
        };
        self.nxt = sent.end();
        self.board.push(sent);
        self.recovery.on_sent(len + u32::from(is_fin));
        self.last_sent = now;
        if self.in_flight().saturating_add(size) > self.congestion.cwnd() {
            self.limited_until = self.nxt;
        }
        let mut flags = Flags::NONE;
        if is_fin {
            self.fin = Fin::Sent;
            flags |= Flags::FIN;
        }
        // RFC 9293 MUST-61, SHLD-27: PSH once, where the queue ends.
        if len > 0 && (seq + len) == self.queue.end() {
            flags |= Flags::PSH;
        }
        Next { seq, len, flags, is_again: false }
    }

    /// RFC 8985 section 7.3: new data if there is any and the peer has room, else the last segment again.
    pub(crate) fn next_probe(
        &mut self,
        now: Instant,
        limits: &Limits,
        timestamp: Option<u32>,
    ) -> Option<Next> {
        let usable = self.usable_window();
        let len = self.unsent().min(usable).min(limits.segment_size);
        let next = if len > 0 {
            let is_fin = self.fin == Fin::Queued && len == self.unsent() && len < usable;
            self.send_new(now, len, is_fin, limits.segment_size)
        } else {
            let last = self.board.isolate_last(self.board.len().checked_sub(1)?);
            let sent = self.board.at(last)?;
            // SACK blocks of ours may have made segments shorter since: the tail is what has to arrive.
            let before = sent.text().saturating_sub(limits.segment_size);
            if before > 0 {
                self.board.split(last, before);
            }
            self.resend(now, last + usize::from(before > 0), limits.segment_size, timestamp)
        };
        self.recovery.probe = Some(Probe { end_seq: self.nxt, is_retrans: next.is_again });
        Some(next)
    }

    /// A probe of a window that is closed, or too small for the rules above (RFC 9293 section 3.8.6.1): at least one
    /// octet, whatever the window says.
    // RFC 9293 MUST-35, MUST-36: zero windows are probed; MUST-38 rule (4): the override timeout.
    pub(crate) fn next_window_probe(
        &mut self,
        now: Instant,
        limits: &Limits,
        timestamp: Option<u32>,
    ) -> Option<Next> {
        if !self.board.is_empty() {
            return Some(self.resend(now, 0, 1, timestamp));
        }
        let len = self.unsent().min(self.usable_window().max(1)).min(limits.segment_size);
        let is_fin =
            self.fin == Fin::Queued && len == self.unsent() && (len == 0 || len < self.usable_window());
        (len > 0 || is_fin).then(|| self.send_new(now, len, is_fin, limits.segment_size))
    }

    /// The window has opened again: what probed it may have been thrown away, and is sent again at once. An octet that
    /// was sent alone goes in one segment with what follows it: by itself it would make Nagle hold that back.
    pub(crate) fn on_window_opened(&mut self) {
        self.board.isolate_first(0);
        let Some(&first) = self.board.first() else { return };
        if first.place == Place::Sacked {
            return;
        }
        if self.board.len() == 1 && !first.is_fin {
            let more = self.unsent().min(self.usable_window()).min(self.mss.saturating_sub(first.len));
            self.board.extend_last(more);
            self.nxt += more;
        }
        self.board.change(0, Place::Lost);
    }
}
