//! A connection that is being followed: what is told about it, and what it takes to judge its next packet.

use synfin_messages::{Carrier, Conversation, Detail, Message};
use synfin_wire::dissect::Ip;
use synfin_wire::tcp::{OptionsBuf, Segment};
use synfin_wire::{Fate, Sample, Side, State, StateChange};

use crate::arrival::Arrival;
use crate::classify::classify;
use crate::half::{Half, LastKind, SynOptions};

use crate::observed::{Observed, Telling};
use crate::shape::Shape;
use crate::states::{Findings, States, is_reset};
use crate::stream::{Coverage, Piece, Room};
use crate::talk::hand_over;
use crate::tracker::side_of;
use crate::{Config, Connection, Counts, Mark, Marks, Packet, Phase, SampleEntry, Sink};

/// A connection that is being followed.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) connection: Connection,
    client: Half,
    server: Half,
    states: States,
    /// States that were told, where somebody tells.
    observed: Option<Box<Observed>>,
    shape: Shape,
    conversation: Option<Box<Conversation>>,
    /// Messages of the packet at hand, told after it.
    messages: Vec<Message>,
}

/// A packet as it comes out of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incoming<'a> {
    pub(crate) n: u64,
    pub(crate) at_ns: u64,
    pub(crate) ip: Ip,
    pub(crate) segment: Segment<'a>,
    pub(crate) wire_len: u32,
    pub(crate) fate: Fate,
}

impl Tracked {
    pub(crate) fn new(connection: Connection, telling: Telling, config: &Config) -> Self {
        Self {
            connection,
            client: Half::default(),
            server: Half::default(),
            states: States::default(),
            observed: (telling != Telling::Nobody).then(|| Box::new(Observed::new(telling))),
            shape: Shape::default(),
            conversation: config.messages.then(Box::default),
            messages: Vec::new(),
        }
    }

    pub(crate) fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Tells the sink of the variables of an end, in the numbers of this connection.
    pub(crate) fn on_sample(&self, sample: &Sample, sink: &mut impl Sink) {
        let Sample { at_ns, variables, local, .. } = *sample;
        let side = side_of(&self.connection, local);
        let (ours, theirs) = (self.half(side), self.half(side.other()));
        let entry = SampleEntry {
            at_ns,
            snd_una: ours.relative(variables.snd_una),
            snd_nxt: ours.relative(variables.snd_nxt),
            // In SYN-SENT the other end's numbers are not known.
            rcv_nxt: if variables.state == State::SynSent { 0 } else { theirs.relative(variables.rcv_nxt) },
            variables,
        };
        sink.sample(&self.connection, side, &entry);
    }

    /// Whether it closed, as far as the capture shows.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.close.is_over()
    }

    /// Takes a packet in and tells the sink what it is.
    pub(crate) fn on_packet(
        &mut self,
        incoming: &Incoming<'_>,
        from: Side,
        is_reuse: bool,
        config: &Config,
        sink: &mut impl Sink,
    ) {
        let arrival = self.arrive(incoming, from);
        let (sender, receiver, conversation) = match from {
            Side::Client => (&mut self.client, &mut self.server, self.conversation.as_deref_mut()),
            Side::Server => (&mut self.server, &mut self.client, self.conversation.as_deref_mut()),
        };
        let mut ways = Ways { sender, receiver, conversation, messages: &mut self.messages };

        let had_ended = ways.sender.stream.has_ended();
        let missed_before = (ways.sender.stream.missed(), ways.receiver.stream.missed());
        let coverage = ways.take_payload(&arrival, config);
        ways.receiver.on_probe_acked(arrival.ack);
        let mut marks = classify(&arrival, ways.sender, ways.receiver, coverage);
        if is_reuse {
            marks.insert(Mark::PortReused);
        }
        let is_repeated_fin = arrival.fin().is_some() && ways.sender.fin.is_some();
        let is_reset = is_reset(&self.connection, &arrival, ways.sender, ways.receiver);
        ways.take_fin(&arrival);
        ways.take_ack(&arrival);
        ways.time(&arrival, marks);
        ways.remember(&arrival, marks);
        let ends_stream = !had_ended && ways.sender.stream.has_ended();
        let has_gap =
            (ways.sender.stream.missed() > missed_before.0, ways.receiver.stream.missed() > missed_before.1);
        let (sender, receiver) = (&*ways.sender, &*ways.receiver);

        let phase = self.shape.on_packet(&arrival, marks, receiver, is_reset);
        let connection = &mut self.connection;
        connection.end_ns = connection.end_ns.max(arrival.at_ns);
        connection.ledger.add(phase);
        if phase == Phase::Data {
            connection.last_data_from = Some(from);
        }
        connection.open = self.shape.open();
        connection.close = self.shape.close();
        connection.history.on_packet(&arrival, marks, coverage);
        if has_gap.0 {
            connection.history.on_gap(from);
        }
        if has_gap.1 {
            connection.history.on_gap(from.other());
        }
        count(&mut connection.endpoint_mut(from).sent, &arrival, marks, coverage, sender);
        connection.endpoint_mut(from.other()).sent.missed_bytes = receiver.stream.missed();
        let findings = Findings { is_reset, is_repeated_fin, ends_stream };
        self.states.on_packet(connection, &arrival, sender, receiver, findings);

        if sink.wants_packets() || config.kept_packets > 0 {
            Marks::from(incoming.fate).iter().for_each(|mark| marks.insert(mark));
            let packet = Packet {
                n: arrival.n,
                at_ns: arrival.at_ns,
                from,
                flags: arrival.flags(),
                seq: arrival.seq,
                ack: arrival.ack,
                len: arrival.len,
                window: arrival.window,
                options: OptionsBuf::of(&arrival.segment.options),
                raw_seq: arrival.segment.header.seq,
                raw_ack: arrival.segment.header.ack,
                marks,
                phase,
                wire_len: arrival.wire_len,
            };
            sink.packet(connection, &packet);
            if config.kept_packets > 0 {
                connection.packets.push(packet, config.kept_packets);
            }
        }
        self.tell(false, config, sink);
    }

    /// The state that this end was last told to be in, by somebody who knows.
    pub(crate) fn told_state(&self, side: Side) -> Option<State> {
        self.observed.as_ref()?.state(side)
    }

    /// Whether an end was told to have it still open, whatever the packets look like.
    pub(crate) fn is_told_open(&self) -> bool {
        self.observed.as_ref().is_some_and(|observed| observed.is_open())
    }

    /// Whether it is over by all that is known.
    pub(crate) fn is_over_for_both(&self) -> bool {
        let is_covered = |observed: &Observed| Side::BOTH.into_iter().all(|side| observed.covers(side));
        !self.is_told_open() && (self.is_over() || self.observed.as_deref().is_some_and(is_covered))
    }

    /// Whether a told change can belong to it, and not to the next connection between the same ports.
    pub(crate) fn takes(&self, side: Side, change: &StateChange) -> bool {
        let none = Observed::default();
        self.observed.as_deref().unwrap_or(&none).takes(side, change, self.is_over())
    }

    /// Somebody who knows tells of a state.
    pub(crate) fn on_state_change(&mut self, side: Side, change: &StateChange, sink: &mut impl Sink) {
        let (previous, entry) = self.observed.get_or_insert_default().on_change(side, change);
        if let Some(process) = change.process {
            self.connection.endpoint_mut(side).process = Some(process);
        }
        sink.state(&self.connection, side, &previous, &entry);
    }

    /// A packet whose checksum is wrong: its receiver dropped it.
    pub(crate) fn on_bad_checksum(&mut self, from: Side) {
        self.connection.history.on_bad_checksum(from);
    }

    /// Nothing more will come.
    pub(crate) fn finish(mut self, config: &Config, sink: &mut impl Sink) -> Connection {
        for side in Side::BOTH {
            let (half, conversation, messages) = match side {
                Side::Client => (&mut self.client, &mut self.conversation, &mut self.messages),
                Side::Server => (&mut self.server, &mut self.conversation, &mut self.messages),
            };
            let missed = half.stream.missed();
            half.stream.finish(&mut |piece| {
                hand_over(conversation.as_deref_mut(), side, piece, &mut |message| messages.push(message));
            });
            let endpoint = self.connection.endpoint_mut(side);
            endpoint.rtt = half.rtt.summary();
            endpoint.sent.missed_bytes = half.stream.missed();
            if half.stream.missed() > missed {
                self.connection.history.on_gap(side);
            }
        }
        if let Some(conversation) = &mut self.conversation {
            conversation.on_close(&mut |message| self.messages.push(message));
        }
        self.tell(true, config, sink);
        if let Some(observed) = self.observed {
            observed.settle(&mut self.connection);
        }
        self.connection.place_notes();
        self.connection
    }

    /// Tells the sink of states that are certain by now, and of messages.
    fn tell(&mut self, is_over: bool, config: &Config, sink: &mut impl Sink) {
        let connection = &self.connection;
        let observed = &self.observed;
        // Where states are told, inferred ones only count for an end of which nothing was told till the end.
        let is_inferred = |side| observed.as_ref().is_none_or(|observed| is_over && !observed.covers(side));
        self.states.settle(connection, is_over, is_inferred, |side, previous, entry| {
            sink.state(connection, side, previous, entry);
        });
        for message in self.messages.drain(..) {
            sink.message(&self.connection, &message);
            self.connection.message_count += 1;
            self.connection.request_count += u64::from(matches!(message.detail, Detail::HttpRequest(_)));
            if self.connection.messages.len() < config.kept_messages {
                self.connection.messages.push(message);
            }
        }
    }

    /// Makes the numbers of a packet relative.
    fn arrive<'a>(&mut self, incoming: &Incoming<'a>, from: Side) -> Arrival<'a> {
        let header = incoming.segment.header;
        let is_stray =
            header.flags.syn() && !header.flags.ack() && self.half(from).began_elsewhere(header.seq);
        if header.flags.syn() && !is_stray {
            let options = SynOptions::of(&incoming.segment);
            let endpoint = self.connection.endpoint_mut(from);
            endpoint.mss = options.mss;
            endpoint.window_scale = options.window_scale;
            endpoint.sack_permitted = options.sack_permitted;
        }
        let (sender, receiver) = match from {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        };
        sender.begin(header.seq, header.flags.syn());
        if header.flags.syn() && !is_stray {
            sender.scale = SynOptions::of(&incoming.segment).window_scale;
            sender.on_syn(header.flags.ack());
        }
        if header.flags.ack() && !receiver.has_sent {
            // What acknowledges a SYN, seen or not, tells where the stream after it begins; so does the first
            // acknowledgement of an end whose own SYN was seen, for it ends the handshake.
            if header.flags.syn() || (sender.has_syn && receiver.base.is_none()) {
                receiver.stream.begin();
            }
            receiver.begin(header.ack, false);
        }
        // Scaling needs the option from both ends (RFC 7323 section 2.2).
        let scale = receiver.scale.and(sender.scale);
        Arrival {
            n: incoming.n,
            at_ns: incoming.at_ns,
            from,
            ip: incoming.ip,
            segment: incoming.segment,
            wire_len: incoming.wire_len,
            seq: sender.relative(header.seq),
            ack: header.flags.ack().then(|| receiver.relative(header.ack)),
            len: incoming.segment.payload_len,
            window: Half::scaled_window(&incoming.segment, scale),
            timestamps: incoming.segment.options.timestamps(),
        }
    }
}

/// Both directions while a packet is taken in.
struct Ways<'t> {
    sender: &'t mut Half,
    receiver: &'t mut Half,
    conversation: Option<&'t mut Conversation>,
    messages: &'t mut Vec<Message>,
}

impl Ways<'_> {
    fn take_payload(&mut self, arrival: &Arrival<'_>, config: &Config) -> Coverage {
        if arrival.len == 0 || arrival.flags().rst() || arrival.is_stray_syn() {
            return Coverage::default();
        }
        if self.conversation.as_deref().is_none_or(|conversation| !conversation.wants(arrival.from)) {
            self.sender.stream.forget_bytes();
        }
        let room = Room { bytes: config.max_pending_bytes, segments: config.max_pending_segments };
        let carrier = Carrier { at_ns: arrival.at_ns, frame: arrival.n };
        let mut out = hand_over_to(self.conversation.as_deref_mut(), arrival.from, self.messages);
        self.sender.stream.on_segment(
            arrival.offset(),
            arrival.segment.payload,
            arrival.len,
            carrier,
            room,
            &mut out,
        )
    }

    fn take_fin(&mut self, arrival: &Arrival<'_>) {
        let Some(fin) = arrival.fin() else { return };
        if self.sender.fin.is_none() {
            self.sender.fin = Some(fin);
            let mut out = hand_over_to(self.conversation.as_deref_mut(), arrival.from, self.messages);
            self.sender.stream.on_fin(fin - 1, &mut out);
        }
    }

    fn take_ack(&mut self, arrival: &Arrival<'_>) {
        let Some(ack) = arrival.ack.filter(|_| !arrival.flags().rst()) else { return };
        let mut out = hand_over_to(self.conversation.as_deref_mut(), arrival.from.other(), self.messages);
        self.receiver.stream.on_acked(ack - 1, &mut out);
        self.receiver.rtt.on_acked(ack, arrival.at_ns, arrival.timestamps.map(|(_, echo_reply)| echo_reply));
    }

    /// Times what takes room in the sequence space.
    fn time(&mut self, arrival: &Arrival<'_>, marks: Marks) {
        let is_probe = marks.contains(Mark::KeepAlive) || marks.contains(Mark::ZeroWindowProbe);
        let is_taken = !arrival.flags().rst() && !arrival.is_stray_syn();
        if arrival.segment.seg_len() == 0 || !is_taken || is_probe {
            return;
        }
        let value = arrival.timestamps.map(|(value, _)| value);
        if arrival.end() > self.sender.next || !self.sender.has_sent {
            self.sender.rtt.on_sent(arrival.end(), arrival.at_ns, value);
        } else {
            self.sender.rtt.on_resent(arrival.seq, arrival.end(), arrival.at_ns, value);
        }
    }

    /// Brings the sender up to date.
    fn remember(&mut self, arrival: &Arrival<'_>, marks: Marks) {
        let sender = &mut *self.sender;
        let flags = arrival.flags();
        sender.last_kind = if marks.contains(Mark::KeepAlive) {
            LastKind::KeepAlive
        } else if marks.contains(Mark::ZeroWindowProbe) {
            LastKind::ZeroWindowProbe
        } else {
            LastKind::Other
        };
        if flags.rst() || arrival.is_stray_syn() {
            sender.has_sent = true;
            return;
        }
        // The octet of a probe is refused until the window opens, and sent again then.
        let is_probe = sender.last_kind == LastKind::ZeroWindowProbe;
        sender.has_probed |= is_probe;
        if (arrival.end() > sender.next && !is_probe) || !sender.has_sent {
            sender.has_probed = false;
            sender.next = arrival.end();
            sender.next_ns = arrival.at_ns;
            sender.timestamp = arrival.timestamps.map(|(value, _)| value);
            sender.identification = arrival.identification();
        }
        sender.has_sent = true;
        if let Some(ack) = arrival.ack {
            if marks.contains(Mark::DuplicateAck) {
                sender.duplicate_acks = sender.duplicate_acks.saturating_add(1);
            } else if sender.acked < Some(ack) {
                sender.duplicate_acks = 0;
            }
            sender.last_ack = Some(ack);
            sender.last_ack_ns = arrival.at_ns;
            sender.acked = sender.acked.max(Some(ack));
            sender.window = arrival.window;
        }
    }
}

/// Where the pieces of a stream go.
fn hand_over_to<'a>(
    mut conversation: Option<&'a mut Conversation>,
    from: Side,
    messages: &'a mut Vec<Message>,
) -> impl FnMut(Piece<'_>) + 'a {
    move |piece| hand_over(conversation.as_deref_mut(), from, piece, &mut |message| messages.push(message))
}

fn count(sent: &mut Counts, arrival: &Arrival<'_>, marks: Marks, coverage: Coverage, sender: &Half) {
    sent.packets += 1;
    sent.wire_bytes += u64::from(arrival.wire_len);
    sent.ip_bytes += u64::from(arrival.ip.total_len);
    sent.payload_bytes = sender.stream.unique();
    sent.missed_bytes = sender.stream.missed();
    sent.data_packets += u64::from(arrival.len > 0 && !marks.contains(Mark::KeepAlive));
    sent.retransmitted += u64::from(marks.is_retransmission());
    sent.retransmitted_data += u64::from(marks.is_retransmission() && arrival.len > 0);
    sent.spurious += u64::from(marks.contains(Mark::SpuriousRetransmission));
    if !marks.contains(Mark::KeepAlive) {
        sent.retransmitted_bytes += coverage.old;
    }
    sent.out_of_order += u64::from(marks.contains(Mark::OutOfOrder));
    sent.duplicate_acks += u64::from(marks.contains(Mark::DuplicateAck));
    sent.zero_windows += u64::from(marks.contains(Mark::ZeroWindow));
    sent.keep_alives += u64::from(marks.contains(Mark::KeepAlive) || marks.contains(Mark::ZeroWindowProbe));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million open connections are to fit into two gigabytes, with what hangs on them.
    #[test]
    fn a_connection_is_small() {
        assert!(size_of::<Tracked>() <= 1536, "{}", size_of::<Tracked>());
    }
}
