//! User calls (RFC 9293 sections 3.9.1 and 3.10.2 to 3.10.5).

use std::sync::Arc;

use bytes::Bytes;
use synfin_wire::State;

use super::{Connection, ConnectionError, Reset};
use crate::config::ConnectionConfig;
use crate::observer::Observer;
use crate::send::Fin;
use crate::time::Instant;
use crate::timers::Timer;

/// Why nothing can be written, or the writing half not be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The user has closed already.
    #[error("connection is closing")]
    Closing,
    /// There is no connection any more, and why.
    #[error("connection does not exist")]
    Closed(#[source] Option<ConnectionError>),
}

/// What a read gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// The next octets. Never none.
    Data(Bytes),
    /// Nothing yet.
    Blocked,
    /// The peer has closed, and everything was read.
    Finished,
    /// The connection broke before the peer closed, and everything that came was read.
    Failed(ConnectionError),
}

impl<O: Observer> Connection<O> {
    /// SEND: queues octets, as many as there is room for, and says how many that are. They leave with the next
    /// transmission that the windows allow: nothing waits for a PUSH.
    ///
    /// # Errors
    /// When the user has closed, or the connection is over.
    // RFC 9293 MUST-60: without a PUSH flag in the call, nothing is held back indefinitely.
    pub fn write(&mut self, text: &Bytes) -> Result<usize, WriteError> {
        match self.state {
            State::Closed | State::Listen => return Err(WriteError::Closed(self.events.error)),
            _ if self.snd.fin != Fin::None => return Err(WriteError::Closing),
            _ => {}
        }
        let room = self.config.send_buffer().saturating_sub(self.snd.queue.len() as usize);
        let taken = text.len().min(room);
        if taken < text.len() {
            self.events.is_writer_waiting = true;
        }
        self.snd.queue.push(text.slice(..taken));
        Ok(taken)
    }

    /// SEND with the URGENT flag: as [`write`](Self::write), and what is queued so far is urgent. A sequence of urgent
    /// data may be of any length.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    // RFC 9293 MUST-30, MUST-31: urgent data of any length; MUST-62: the pointer is that of the octet after it.
    pub fn write_urgent(&mut self, text: &Bytes) -> Result<usize, WriteError> {
        let taken = self.write(text)?;
        if taken > 0 {
            self.snd.up = Some(self.snd.queue.end());
        }
        Ok(taken)
    }

    /// RECEIVE: the next octets in order, at most `max` of them, as they came: shared, not copied.
    pub fn read(&mut self, now: Instant, max: usize) -> ReadOutcome {
        if let Some(chunk) = self.rcv.read(now, max, self.snd.rtt.srtt_ns()) {
            if self.state.is_synchronized() && self.rcv.is_window_update_due(self.snd.mss) {
                self.rcv.ack.on_urgent_need();
            }
            self.observe(now);
            return ReadOutcome::Data(chunk);
        }
        if self.rcv.queued() > 0 {
            ReadOutcome::Blocked
        } else if self.rcv.has_taken_fin() {
            ReadOutcome::Finished
        } else if let Some(error) = self.events.error {
            ReadOutcome::Failed(error)
        } else if self.state == State::Closed {
            ReadOutcome::Finished
        } else {
            ReadOutcome::Blocked
        }
    }

    /// Octets that are urgent and not read yet; nothing outside of urgent mode.
    // RFC 9293 MUST-33: the application can learn how much urgent data remains.
    #[must_use]
    pub fn urgent(&self) -> Option<u32> {
        let up = self.rcv.up?;
        u32::try_from(up.distance_from(self.rcv.user())).ok()
    }

    /// Settings in force.
    #[must_use]
    pub fn config(&self) -> &ConnectionConfig {
        &self.config
    }

    /// Changes settings of this connection alone. What the handshake has settled stays as it is.
    // RFC 9293 MUST-17, MUST-21, MUST-24: Nagle, R2 and keep-alives of a single connection, at any time; SHLD-21: so
    // can the Differentiated Services field.
    pub fn reconfigure(&mut self, now: Instant, change: impl FnOnce(&mut ConnectionConfig)) {
        change(Arc::make_mut(&mut self.config));
        self.timers.stop(Timer::KeepAlive);
        if self.state.is_synchronized() && self.state != State::TimeWait {
            self.start_keep_alive(now);
        }
    }

    /// CLOSE: no more octets will be written. What is queued is still sent, and the other direction stays open.
    /// Calling it again while the FIN is on its way does nothing.
    ///
    /// # Errors
    /// When both directions are closed, or the connection is over: there is nothing to close any more. Nobody has to
    /// care.
    pub fn shutdown(&mut self, now: Instant) -> Result<(), WriteError> {
        match self.state {
            State::Closed | State::Listen => return Err(WriteError::Closed(self.events.error)),
            State::Closing | State::LastAck | State::TimeWait => return Err(WriteError::Closing),
            _ if self.snd.fin != Fin::None => return Ok(()),
            State::SynSent => {
                // "Return 'error: closing' responses to any queued SENDs."
                let error = (self.snd.queue.len() > 0).then_some(ConnectionError::Aborted);
                self.close_with(now, error);
            }
            State::SynReceived => {
                self.snd.fin = Fin::Queued;
                if self.snd.queue.len() == 0 {
                    self.become_state(now, State::FinWait1);
                }
                // Otherwise it is queued until ESTABLISHED: see `segment_arrives::fifth_ack`. In either case the FIN itself
                // leaves when our SYN is acknowledged: a peer that does not want the connection needs none.
            }
            State::Established => {
                self.snd.fin = Fin::Queued;
                self.become_state(now, State::FinWait1);
            }
            // LAST-ACK is entered when the FIN is sent.
            State::CloseWait => self.snd.fin = Fin::Queued,
            State::FinWait1 | State::FinWait2 => {}
        }
        self.observe(now);
        Ok(())
    }

    /// ABORT: the connection ends at once, and the peer is told by a RST. Says whether there was one to end.
    pub fn abort(&mut self, now: Instant) -> bool {
        let says_so = match self.state {
            // "Error: connection does not exist."
            State::Closed | State::Listen => return false,
            State::SynSent | State::Closing | State::LastAck | State::TimeWait => false,
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => true,
        };
        let reset = Reset { seq: self.snd.nxt, ack: Some(self.rcv.nxt) };
        self.close_with(now, Some(ConnectionError::Aborted));
        if says_so {
            self.pending.reset = Some(reset);
            self.pending.is_reset_stamped = true;
        }
        self.rcv.discard();
        self.observe(now);
        true
    }

    /// The user lets go of the connection: it closes regularly, and what still comes is nobody's.
    // RFC 9293 SHLD-3: octets that were received and will not be read are lost: the peer hears of it by a RST.
    // RFC 9293 MAY-1: a connection that is half-closed in this way answers data with a RST.
    pub(crate) fn release(&mut self, now: Instant) {
        self.is_released = true;
        if self.rcv.queued() > 0 {
            self.abort(now);
            return;
        }
        let _closed_already = self.shutdown(now);
        if self.state == State::FinWait2 {
            self.timers.start(Timer::Close, now + self.config.fin_wait_2);
        }
    }
}

#[cfg(test)]
mod tests;
