//! The states of both ends, inferred from the packets (RFC 9293 section 3.3.2 and figure 5).
//!
//! What an end sends shows for certain where it is. What reaches it is only likely to have reached it: the capture saw
//! the packet pass, and it may have been lost after that. So an entry that follows from an arrival is uncertain until
//! something that this end sends later proves it, and is taken back when something contradicts it: an end that sends
//! its FIN again has not seen the acknowledgement of it, however clearly the capture has.
//!
//! An entry stands beside the packet that shows it. There is one choice in this: a client is ESTABLISHED by the SYN-ACK
//! that reaches it and by the ACK that it answers with in the same instant; it is shown at the ACK, which proves it.

use synfin_wire::{Side, Source, State};

use crate::arrival::Arrival;
use crate::half::Half;
use crate::{Connection, StateEntry};

/// How far the entries of one end are settled.
#[derive(Clone, Copy, Default, Debug)]
struct Lane {
    /// So many entries are certain.
    certain: usize,
    /// So many entries have been told.
    told: usize,
    /// Whether it came to SYN-RECEIVED from LISTEN, where a reset leads back.
    was_passive: bool,
}

/// The inference for both ends.
#[derive(Clone, Default, Debug)]
pub(crate) struct States {
    client: Lane,
    server: Lane,
}

/// What happened to one end, and by which packet.
struct Step<'c> {
    lane: &'c mut Lane,
    entries: &'c mut Vec<StateEntry>,
    at_ns: u64,
    packet: u64,
}

/// What has been found out about a packet before its states are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Findings {
    /// It is a RST that its receiver takes: see [`is_reset`].
    pub(crate) is_reset: bool,
    /// The FIN in it was sent before.
    pub(crate) is_repeated_fin: bool,
    /// It brought the last missing byte before the sender's FIN, or that FIN.
    pub(crate) ends_stream: bool,
}

/// Whether the packet is a RST that its receiver takes (RFC 9293 section 3.10.7.3, second, and 3.10.7.4, first and
/// second): as an answer to its SYN, or at what it expects next. What it expects next is not known for certain: it is
/// somewhere between what it acknowledged and what was sent to it.
pub(crate) fn is_reset(
    connection: &Connection,
    arrival: &Arrival<'_>,
    sender: &Half,
    receiver: &Half,
) -> bool {
    if !arrival.flags().rst() {
        return false;
    }
    if is_syn_sent(connection, arrival.from.other()) {
        return arrival.ack.is_some_and(|ack| ack > 0 && ack <= receiver.next);
    }
    receiver.acked.is_none_or(|acked| arrival.seq >= acked)
        && arrival.seq <= sender.next.max(receiver.acked.unwrap_or(i64::MIN))
}

fn is_syn_sent(connection: &Connection, side: Side) -> bool {
    connection.endpoint(side).states.last().is_some_and(|entry| entry.state == State::SynSent)
}

impl States {
    /// Takes a packet in, which `sender` and `receiver` have taken in already.
    pub(crate) fn on_packet(
        &mut self,
        connection: &mut Connection,
        arrival: &Arrival<'_>,
        sender: &Half,
        receiver: &Half,
        findings: Findings,
    ) {
        if arrival.flags().rst() && !findings.is_reset {
            return;
        }
        let was_syn_sent = is_syn_sent(connection, arrival.from.other());
        let mut step = self.step(connection, arrival.from, arrival);
        on_send(&mut step, arrival, sender, receiver, findings.is_repeated_fin, was_syn_sent);
        let mut step = self.step(connection, arrival.from.other(), arrival);
        on_arrival(&mut step, arrival, sender, receiver, findings.ends_stream);
    }

    /// What has become certain since the last call, in order, of the ends that are wanted. At the end of the connection,
    /// everything.
    pub(crate) fn settle(
        &mut self,
        connection: &Connection,
        is_over: bool,
        is_wanted: impl Fn(Side) -> bool,
        mut tell: impl FnMut(Side, &StateEntry, &StateEntry),
    ) {
        for side in Side::BOTH.into_iter().filter(|side| is_wanted(*side)) {
            let lane = self.lane(side);
            let entries = &connection.endpoint(side).states;
            let settled = if is_over { entries.len() } else { lane.certain };
            while lane.told < settled {
                lane.told += 1;
                if let [.., previous, entry] = entries.get(..lane.told).unwrap_or_default() {
                    tell(side, previous, entry);
                }
            }
        }
    }

    fn lane(&mut self, side: Side) -> &mut Lane {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn step<'c>(&'c mut self, connection: &'c mut Connection, side: Side, arrival: &Arrival<'_>) -> Step<'c> {
        Step {
            lane: self.lane(side),
            entries: &mut connection.endpoint_mut(side).states,
            at_ns: arrival.at_ns,
            packet: arrival.n,
        }
    }
}

/// What a packet shows of its sender.
fn on_send(
    step: &mut Step<'_>,
    arrival: &Arrival<'_>,
    sender: &Half,
    receiver: &Half,
    is_repeated_fin: bool,
    receiver_was_syn_sent: bool,
) {
    let flags = arrival.flags();
    if flags.rst() {
        // Who refuses a SYN has nobody listening.
        step.begin(if receiver_was_syn_sent { State::Closed } else { State::Established });
        step.certainly(State::Closed);
        return;
    }
    if flags.syn() {
        if !flags.ack() {
            step.begin(State::Closed);
            if step.state() == State::Closed {
                step.certainly(State::SynSent);
            }
            return;
        }
        step.begin(State::Listen);
        match step.state() {
            State::Listen => step.certainly(State::SynReceived),
            State::SynSent => {
                step.certainly(State::SynReceived);
                // Both SYNs crossed: the acknowledgement of its own one may be on its way already.
                if receiver.acked > Some(0) {
                    step.likely(State::Established);
                }
            }
            // The SYN-ACK once more: the acknowledgement of the first one has not come.
            State::Established => step.take_back_to(State::SynReceived),
            _ => {}
        }
        return;
    }
    step.begin(State::Established);
    if step.state() == State::SynSent && arrival.ack.is_some_and(|ack| ack > 0) {
        step.certainly(State::Established);
    }
    // In SYN-RECEIVED nothing is sent yet, and nothing but the SYN is acknowledged.
    if step.state() == State::SynReceived && (arrival.len > 0 || arrival.ack > Some(1)) {
        step.certainly(State::Established);
    }
    let is_fin = flags.fin();
    if is_fin && is_repeated_fin && !sender_fin_was_acked_for_certain(step) {
        step.take_back_to_fin_sent();
    }
    let has_received_fin = receiver.fin.is_some_and(|fin| arrival.ack > Some(fin));
    if has_received_fin {
        let own_fin_is_acked = sender.fin.is_some_and(|fin| receiver.acked > Some(fin));
        match step.state() {
            State::SynReceived | State::Established => step.certainly(State::CloseWait),
            State::FinWait1 if !own_fin_is_acked => step.certainly(State::Closing),
            State::FinWait1 => {
                step.certainly(State::FinWait2);
                step.certainly(State::TimeWait);
            }
            State::FinWait2 => step.certainly(State::TimeWait),
            _ => {}
        }
    }
    if is_fin && !is_repeated_fin {
        if step.state() == State::CloseWait && !has_received_fin {
            // Its FIN does not acknowledge the other one: they cross each other.
            step.take_back_to(State::Established);
        }
        match step.state() {
            State::SynReceived | State::Established => step.certainly(State::FinWait1),
            State::CloseWait => step.certainly(State::LastAck),
            _ => {}
        }
        if step.state() == State::FinWait1 && receiver.stream.has_ended() {
            // The other FIN is on its way.
            step.likely(State::Closing);
        }
    }
    // Whatever it sends now, it was established by what established it, and it has seen the FIN that it acknowledges.
    let state = step.state();
    if state == State::Established || (has_received_fin && state.has_received_fin()) {
        step.lane.certain = step.entries.len();
    }
}

/// What a packet does to its receiver, if it gets there.
fn on_arrival(step: &mut Step<'_>, arrival: &Arrival<'_>, sender: &Half, receiver: &Half, ends_stream: bool) {
    let flags = arrival.flags();
    if step.entries.is_empty() {
        match (flags.syn(), flags.ack()) {
            // Whether anybody listens shows when it answers.
            (true, false) => return,
            (true, true) => step.begin(State::SynSent),
            _ => step.begin(State::Established),
        }
    }
    if flags.rst() {
        match step.state() {
            State::Closed | State::Listen => {}
            State::SynReceived if step.lane.was_passive => step.likely(State::Listen),
            _ => step.likely(State::Closed),
        }
        return;
    }
    // A FIN that was sent earlier gets there before what is sent now.
    let fin_is_due = sender.stream.has_ended();
    if fin_is_due && !ends_stream && !flags.fin() {
        on_fin(step);
    }
    if step.state() == State::SynReceived && arrival.ack.is_some_and(|ack| ack > 0) {
        step.likely(State::Established);
    }
    // What is acknowledged beyond its SYN it has sent, and so it was established, seen or not.
    if step.state() == State::SynSent && arrival.ack > Some(1) {
        step.likely(State::Established);
    }
    if receiver.fin.is_some_and(|fin| arrival.ack > Some(fin)) {
        match step.state() {
            State::FinWait1 => step.likely(State::FinWait2),
            State::Closing => step.likely(State::TimeWait),
            State::LastAck => step.likely(State::Closed),
            _ => {}
        }
    }
    if fin_is_due {
        on_fin(step);
    }
}

/// The peer's FIN gets there, with everything before it.
fn on_fin(step: &mut Step<'_>) {
    match step.state() {
        State::SynReceived | State::Established => step.likely(State::CloseWait),
        State::FinWait1 => step.likely(State::Closing),
        State::FinWait2 => step.likely(State::TimeWait),
        _ => {}
    }
}

/// Whether the acknowledgement of its FIN is beyond doubt although it sends the FIN again: then the capture only shows
/// packets in another order.
fn sender_fin_was_acked_for_certain(step: &Step<'_>) -> bool {
    let certain = step.entries.get(..step.lane.certain).and_then(<[StateEntry]>::last);
    certain.is_some_and(|entry| matches!(entry.state, State::FinWait2 | State::TimeWait))
}

impl Step<'_> {
    fn state(&self) -> State {
        self.entries.last().map_or(State::Closed, |entry| entry.state)
    }

    /// Where the end was before its first packet, unless that is known.
    fn begin(&mut self, state: State) {
        if self.entries.is_empty() {
            self.push(state, None);
            self.lane.certain = 1;
        }
    }

    /// It is there, for certain, and so it was in all the states before.
    fn certainly(&mut self, state: State) {
        self.likely(state);
        self.lane.certain = self.entries.len();
    }

    /// It is there, if the packet reached it.
    fn likely(&mut self, state: State) {
        if self.state() != state {
            if state == State::SynReceived {
                self.lane.was_passive = self.state() == State::Listen;
            }
            self.push(state, Some(self.packet));
        }
    }

    fn push(&mut self, state: State, packet: Option<u64>) {
        let entry =
            StateEntry { state, at_ns: self.at_ns, source: Source::Packet, is_inferred: true, packet };
        self.entries.push(entry);
    }

    /// Takes back uncertain entries down to `state`, if one can get there.
    fn take_back_to(&mut self, state: State) {
        let Some(index) = self.entries.iter().rposition(|entry| entry.state == state) else { return };
        if index + 1 >= self.lane.certain {
            self.entries.truncate(index + 1);
        }
    }

    /// Takes back uncertain entries that suppose that the FIN was acknowledged.
    fn take_back_to_fin_sent(&mut self) {
        while self.entries.len() > self.lane.certain
            && matches!(self.state(), State::FinWait2 | State::TimeWait | State::Closed)
        {
            self.entries.pop();
        }
    }
}
