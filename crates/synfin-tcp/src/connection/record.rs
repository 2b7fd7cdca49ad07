//! What is left of a connection in TIME-WAIT, and how a connection comes back from it or from a record of SYN-RECEIVED.

use synfin_wire::{SeqNumber, State};

use super::{Beginning, Challenge, Connection, Handshake};
use crate::observer::Observer;
use crate::options::Agreed;
use crate::send::Fin;
use crate::time::Instant;

/// What is left of a connection in TIME-WAIT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remains {
    pub(crate) snd_nxt: SeqNumber,
    pub(crate) rcv_nxt: SeqNumber,
    pub(crate) rcv_wnd: u32,
    pub(crate) max_wnd: u32,
    pub(crate) agreed: Agreed,
    challenge: Challenge,
}

impl<O: Observer> Connection<O> {
    /// What is left, for a record.
    pub(crate) fn remains(&self) -> Remains {
        Remains {
            snd_nxt: self.snd.nxt,
            rcv_nxt: self.rcv.nxt,
            rcv_wnd: self.rcv.wnd(),
            max_wnd: self.snd.max_wnd,
            agreed: self.agreed,
            challenge: self.challenge,
        }
    }

    /// A connection in TIME-WAIT, from its record. Its timer does not run: the record's does.
    pub(crate) fn from_time_wait(now: Instant, beginning: Beginning<O>, remains: &Remains) -> Self {
        let mut connection = Self::new(beginning, State::TimeWait);
        connection.agreed = remains.agreed;
        connection.is_released = true;
        connection.challenge = remains.challenge;
        connection.last_received = now;
        connection.rcv.on_syn(remains.rcv_nxt - 2, remains.rcv_wnd, remains.agreed.receive_shift);
        connection.rcv.resume_after_fin(remains.rcv_nxt - 1, remains.rcv_wnd);
        let snd = &mut connection.snd;
        (snd.iss, snd.una, snd.nxt) = (remains.snd_nxt - 1, remains.snd_nxt, remains.snd_nxt);
        snd.fin = Fin::Sent;
        snd.max_wnd = remains.max_wnd;
        connection.update_mss();
        connection
    }

    /// A new connection takes the place of this one in TIME-WAIT.
    pub(crate) fn end_time_wait(&mut self, now: Instant) {
        self.close_with(now, None);
    }

    /// What a segment that left it in SYN-RECEIVED has changed, for the record.
    pub(crate) fn note_in(&self, handshake: &mut Handshake) {
        handshake.challenge = self.challenge;
        handshake.agreed.is_ecn_setup = self.agreed.is_ecn_setup;
    }

    /// The SYN,ACK of a record is to be sent.
    pub(crate) fn request_syn(&mut self) {
        self.pending.is_syn = true;
    }

    /// Whether there are events to poll.
    pub(crate) fn has_events(&self) -> bool {
        self.events.is_any()
    }
}
