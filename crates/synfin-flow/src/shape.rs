//! How a connection opens and closes, and what each of its packets is for.

use synfin_wire::Side;

use crate::arrival::Arrival;
use crate::half::Half;
use crate::{Close, Mark, Marks, Open, Phase};

/// Follows the opening and the closing.
#[derive(Clone, Default, Debug)]
pub(crate) struct Shape {
    syn: Sides,
    syn_ack: Sides,
    /// Something followed the SYN that is only sent once it was accepted, be the SYN-ACK seen or not.
    is_accepted: bool,
    /// A SYN-ACK of this side waits for the packet that answers it.
    syn_ack_unanswered: Sides,
    /// A FIN of this side waits for its acknowledgement.
    fin_unacked: Sides,
    first_fin: Option<Side>,
    /// The first FIN was acknowledged before the second one came.
    first_fin_was_acked: bool,
    close: Option<Close>,
}

/// A flag for each side.
#[derive(Clone, Copy, Default, Debug)]
struct Sides {
    client: bool,
    server: bool,
}

impl Sides {
    fn of(self, side: Side) -> bool {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    fn set(&mut self, side: Side, value: bool) {
        match side {
            Side::Client => self.client = value,
            Side::Server => self.server = value,
        }
    }
}

impl Shape {
    /// Takes a packet in and says what it is for; `is_reset` says that it is a RST that its receiver takes.
    pub(crate) fn on_packet(
        &mut self,
        arrival: &Arrival<'_>,
        marks: Marks,
        receiver: &Half,
        is_reset: bool,
    ) -> Phase {
        let (side, flags) = (arrival.from, arrival.flags());
        if flags.syn() {
            if flags.ack() { &mut self.syn_ack } else { &mut self.syn }.set(side, true);
            self.syn_ack_unanswered.set(side, flags.ack());
            return Phase::Open;
        }
        self.is_accepted |= flags.ack() && !flags.rst();
        let answers_syn_ack = self.syn_ack_unanswered.of(side.other());
        self.syn_ack_unanswered.set(side.other(), false);
        let acks_fin = receiver.fin.is_some_and(|fin| arrival.ack > Some(fin));
        let acks_fin_first = acks_fin && self.fin_unacked.of(side.other());
        if acks_fin {
            self.fin_unacked.set(side.other(), false);
        }
        if flags.fin() {
            self.fin_unacked.set(side, true);
            match self.first_fin {
                None => self.first_fin = Some(side),
                Some(first) if first != side && self.close.is_none() => {
                    self.close = Some(match (acks_fin, self.first_fin_was_acked) {
                        (false, _) => Close::Simultaneous,
                        (true, true) => Close::Fin,
                        (true, false) => Close::Fin3,
                    });
                }
                Some(_) => {}
            }
        } else if acks_fin {
            self.first_fin_was_acked = true;
        }
        if flags.rst() && is_reset && self.close.is_none() {
            self.close = Some(match side {
                Side::Client => Close::RstByClient,
                Side::Server => Close::RstByServer,
            });
        }
        if arrival.len > 0 && !marks.contains(Mark::KeepAlive) {
            Phase::Data
        } else if flags.rst() || flags.fin() || acks_fin_first {
            Phase::Close
        } else if answers_syn_ack {
            Phase::Open
        } else {
            Phase::Ack
        }
    }

    pub(crate) fn open(&self) -> Open {
        match (self.syn.client && self.syn.server, self.syn_ack.client || self.syn_ack.server) {
            (true, _) => Open::Simultaneous,
            (false, true) => Open::Handshake,
            (false, false) if self.syn.client || self.syn.server => {
                if self.is_accepted {
                    Open::Handshake
                } else {
                    Open::Attempt
                }
            }
            (false, false) => Open::Midstream,
        }
    }

    pub(crate) fn close(&self) -> Close {
        match (self.close, self.first_fin) {
            (Some(close), _) => close,
            (None, Some(_)) => Close::HalfClosed,
            (None, None) => Close::Open,
        }
    }
}
