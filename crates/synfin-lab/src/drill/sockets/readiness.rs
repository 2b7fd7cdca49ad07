//! `poll`: who is ready for what.

use synfin_wire::State;

use super::{Connected, Kind, Sockets};
use crate::drill::calls::{Given, Returned};
use crate::drill::names::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP, POLLRDNORM, POLLWRNORM,
};

/// What `poll` tells whether it was asked for it or not.
const ALWAYS: i16 = POLLERR | POLLHUP | POLLNVAL;

impl Sockets {
    /// What `poll` has to say; nothing where it has to wait.
    pub(super) fn poll(&mut self, watched: &[(i32, i16)], until_ns: Option<u64>) -> Option<Returned> {
        let found: Vec<i16> =
            watched.iter().map(|(fd, events)| self.readiness(*fd) & (events | ALWAYS)).collect();
        let count = found.iter().filter(|events| **events != 0).count();
        let is_over = until_ns.is_some_and(|until| until <= self.now_ns);
        (count > 0 || is_over).then(|| Returned {
            result: Ok(i64::try_from(count).unwrap_or_default()),
            given: Given::Events(found),
        })
    }

    fn readiness(&mut self, fd: i32) -> i16 {
        match self.sockets.get(&fd).map(|socket| &socket.kind) {
            None => POLLNVAL,
            Some(Kind::Fresh) => POLLOUT | POLLWRNORM | POLLHUP,
            Some(Kind::Listening(listener)) => {
                let is_any = self.endpoint.waiting(*listener) > 0;
                if is_any { POLLIN | POLLRDNORM } else { 0 }
            }
            Some(Kind::Connected(connected)) => {
                let connected = *connected;
                self.connected_readiness(connected)
            }
        }
    }

    fn connected_readiness(&mut self, connected: Connected) -> i16 {
        self.note_events();
        let mut events = 0;
        if self.fates.get(&connected.id).is_some_and(|fate| fate.error.is_some()) {
            events |= POLLERR;
        }
        let Some(connection) = self.endpoint.connection(connected.id) else { return events | POLLHUP };
        let variables = connection.info().variables;
        let room = connection.send_room();
        let buffer = usize::try_from(connection.config().send_buffer).unwrap_or(usize::MAX);
        if matches!(variables.state, State::SynSent | State::SynReceived) {
            return events;
        }
        let has_peer_closed = matches!(
            variables.state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait | State::Closed
        ) || connected.is_read_shut;
        let is_shut = !matches!(variables.state, State::Established | State::CloseWait);
        if has_peer_closed {
            events |= POLLIN | POLLRDNORM | POLLRDHUP;
        }
        if variables.receive_queue > 0 {
            events |= POLLIN | POLLRDNORM;
        }
        if connection.urgent().is_some() {
            events |= POLLPRI;
        }
        if (has_peer_closed && is_shut) || variables.state == State::Closed {
            events |= POLLHUP;
        }
        // As Linux: at least a third of the buffer is free; and who has shut down need not wait.
        if is_shut || room >= buffer / 3 {
            events |= POLLOUT | POLLWRNORM;
        }
        events
    }
}
