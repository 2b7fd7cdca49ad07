//! What the user hears of a connection (RFC 9293 section 3.9.1.8).
//!
//! They are there for whoever asks: who does not want to hear of soft errors passes them over.
//! Events say that something has changed, not how often: several of one kind are one.

use super::Connection;
use crate::icmp::Unreachable;
use crate::observer::Observer;

/// Something has changed.
// RFC 9293 MUST-47: soft errors are reported; SHLD-20: nobody has to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is over.
    Connected,
    /// There is something to read, or the peer's FIN.
    Readable,
    /// There is room again to write after there was none.
    Writable,
    /// The peer has sent an urgent pointer: see [`Connection::urgent`].
    // RFC 9293 MUST-32: the application is told asynchronously.
    Urgent,
    /// The peer has closed: what is left to read is all.
    PeerClosed,
    /// R1 retransmissions went without an answer.
    // RFC 9293 SHLD-9: the application hears of a delivery problem.
    DeliveryProblem,
    /// The network said that it can't deliver, which may pass.
    // RFC 9293 SHLD-25: the application hears of it; MUST-56: the connection goes on.
    Unreachable(Unreachable),
    /// The connection is over, regularly or because of an error. Nothing follows.
    // RFC 9293 MUST-12: the application is told whether it was aborted.
    Closed(Option<ConnectionError>),
}

/// Why a connection ended before its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The peer refused the connection.
    #[error("connection refused")]
    Refused,
    /// The peer reset the connection.
    #[error("connection reset by the peer")]
    Reset,
    /// The user aborted it.
    #[error("connection aborted")]
    Aborted,
    /// Nothing was acknowledged for the time R2.
    #[error("connection timed out")]
    TimedOut,
    /// Keep-alives had no answer.
    #[error("peer no longer answers")]
    PeerGone,
    /// The network refused the connection before it was open.
    #[error("destination unreachable: {0}")]
    Unreachable(Unreachable),
}

/// What was not polled yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Events {
    waiting: u8,
    unreachable: Option<Unreachable>,
    closed: bool,
    /// Why the connection ended; kept for later calls.
    pub(crate) error: Option<ConnectionError>,
    /// Whether a write found no room since the last [`Event::Writable`].
    pub(crate) is_writer_waiting: bool,
}

const CONNECTED: u8 = 1;
const READABLE: u8 = 1 << 1;
const WRITABLE: u8 = 1 << 2;
const URGENT: u8 = 1 << 3;
const PEER_CLOSED: u8 = 1 << 4;
const DELIVERY_PROBLEM: u8 = 1 << 5;

impl Events {
    pub(crate) fn on_connected(&mut self) {
        self.waiting |= CONNECTED;
    }

    pub(crate) fn on_readable(&mut self) {
        self.waiting |= READABLE;
    }

    pub(crate) fn on_room(&mut self) {
        if std::mem::take(&mut self.is_writer_waiting) {
            self.waiting |= WRITABLE;
        }
    }

    pub(crate) fn on_urgent(&mut self) {
        self.waiting |= URGENT;
    }

    pub(crate) fn on_peer_closed(&mut self) {
        self.waiting |= PEER_CLOSED | READABLE;
    }

    pub(crate) fn on_delivery_problem(&mut self) {
        self.waiting |= DELIVERY_PROBLEM;
    }

    pub(crate) fn on_unreachable(&mut self, unreachable: Unreachable) {
        self.unreachable = Some(unreachable);
    }

    pub(crate) fn on_closed(&mut self, error: Option<ConnectionError>) {
        (self.closed, self.error) = (true, error);
    }

    /// Whether there is anything to poll.
    pub(crate) fn is_any(&self) -> bool {
        self.waiting != 0 || self.closed || self.unreachable.is_some()
    }

    fn poll(&mut self) -> Option<Event> {
        const ORDER: [(u8, Event); 6] = [
            (CONNECTED, Event::Connected),
            (URGENT, Event::Urgent),
            (READABLE, Event::Readable),
            (PEER_CLOSED, Event::PeerClosed),
            (WRITABLE, Event::Writable),
            (DELIVERY_PROBLEM, Event::DeliveryProblem),
        ];
        for (bit, event) in ORDER {
            if self.waiting & bit != 0 {
                self.waiting &= !bit;
                return Some(event);
            }
        }
        if let Some(unreachable) = self.unreachable.take() {
            return Some(Event::Unreachable(unreachable));
        }
        std::mem::take(&mut self.closed).then_some(Event::Closed(self.error))
    }
}

impl<O: Observer> Connection<O> {
    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.poll()
    }
}
