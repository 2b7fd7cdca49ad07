//! Connections made by hand, for tests.

use synfin_flow::{Close, Connection, Mark, Marks, Open, Packet, Phase, RttSummary, StateEntry};
use synfin_messages::{Carrier, Conversation, Detail};
use synfin_wire::tcp::{Flags, OptionsBuf, SackBlock, TcpOption};
use synfin_wire::{Process, ProcessName, SeqNumber, Side, Source, State};

pub(crate) use synfin_wire::Side::{Client, Server};

/// Wednesday, 15 November 2023, 06:13:20 UTC.
pub(crate) const START_NS: u64 = 1_700_028_800_000_000_000;

/// A connection that two ends are having.
pub(crate) struct Talk {
    pub(crate) connection: Connection,
    conversation: Conversation,
    n: u64,
    pub(crate) at_ns: u64,
    next: [i64; 2],
    /// Packets that the connection keeps.
    pub(crate) keep: usize,
}

const fn index(side: Side) -> usize {
    match side {
        Client => 0,
        Server => 1,
    }
}

impl Talk {
    pub(crate) fn new(id: u64) -> Self {
        Self::between(id, "127.0.0.1:32966", "127.0.0.1:8080")
    }

    pub(crate) fn between(id: u64, client: &str, server: &str) -> Self {
        let connection = Connection::new(id, client.parse().unwrap(), server.parse().unwrap(), START_NS);
        let mut talk = Self {
            connection,
            conversation: Conversation::new(),
            n: 0,
            at_ns: START_NS,
            next: [0; 2],
            keep: 1 << 20,
        };
        talk.connection.open = Open::Handshake;
        talk.state(Client, State::Closed).state(Server, State::Listen);
        talk
    }

    fn endpoint(&mut self, side: Side) -> &mut synfin_flow::Endpoint {
        match side {
            Client => &mut self.connection.client,
            Server => &mut self.connection.server,
        }
    }

    pub(crate) fn process(&mut self, side: Side, pid: u32, name: &str) -> &mut Self {
        self.endpoint(side).process = Some(Process { pid, name: ProcessName::new(name.as_bytes()) });
        self
    }

    /// Goes on by so many microseconds.
    pub(crate) fn wait(&mut self, us: u64) -> &mut Self {
        self.at_ns += us * 1000;
        self
    }

    pub(crate) fn rtt(&mut self, side: Side, us: u64) -> &mut Self {
        let ns = us * 1000;
        self.endpoint(side).rtt =
            Some(RttSummary { min_ns: ns / 2, median_ns: ns, max_ns: ns * 3, samples: 5 });
        self
    }

    /// A state that the last packet shows.
    pub(crate) fn state(&mut self, side: Side, state: State) -> &mut Self {
        let packet = (self.n > 0).then_some(self.n);
        let entry =
            StateEntry { state, at_ns: self.at_ns, source: Source::Packet, is_inferred: true, packet };
        self.endpoint(side).states.push(entry);
        self
    }

    /// A state that the kernel tells.
    pub(crate) fn kernel_state(&mut self, side: Side, state: State) -> &mut Self {
        let entry =
            StateEntry { state, at_ns: self.at_ns, source: Source::Kernel, is_inferred: false, packet: None };
        self.endpoint(side).states.push(entry);
        self
    }

    /// The next packet of an end, in sequence.
    pub(crate) fn send(&mut self, from: Side, flags: Flags, payload: &[u8]) -> &mut Self {
        self.send_len(from, flags, payload.len() as u32);
        let carrier = Carrier { at_ns: self.at_ns, frame: self.n };
        let messages = &mut self.connection.messages;
        let offset = (self.next[index(from)] as u64).saturating_sub(payload.len() as u64 + 1);
        self.conversation.on_bytes(from, offset, payload, carrier, &mut |message| messages.push(message));
        if flags.fin() {
            self.conversation.on_end(from, &mut |message| messages.push(message));
        }
        self.connection.message_count = messages.len() as u64;
        let requests = messages.iter().filter(|message| matches!(message.detail, Detail::HttpRequest(_)));
        self.connection.request_count = requests.count() as u64;
        self
    }

    /// Likewise, with so much payload of no interest.
    pub(crate) fn send_len(&mut self, from: Side, flags: Flags, len: u32) -> &mut Self {
        let seq = self.next[index(from)];
        self.next[index(from)] = seq + i64::from(len) + i64::from(flags.syn()) + i64::from(flags.fin());
        self.endpoint(from).sent.payload_bytes += u64::from(len);
        self.packet(from, flags, seq, len, &[], &[])
    }

    /// A packet with these marks and SACK blocks, out of sequence.
    pub(crate) fn packet(
        &mut self,
        from: Side,
        flags: Flags,
        seq: i64,
        len: u32,
        marks: &[Mark],
        sack: &[(u32, u32)],
    ) -> &mut Self {
        self.n += 1;
        let mut options = OptionsBuf::new();
        if flags.syn() {
            options.push(&TcpOption::MaximumSegmentSize(65495)).unwrap();
            options.push(&TcpOption::SackPermitted).unwrap();
            options.push(&TcpOption::Timestamps { value: 4_012_345_678, echo_reply: 0 }).unwrap();
            options.push(&TcpOption::WindowScale(7)).unwrap();
        } else {
            options.push(&TcpOption::NoOperation).unwrap();
            options.push(&TcpOption::NoOperation).unwrap();
            options.push(&TcpOption::Timestamps { value: 4_012_345_690, echo_reply: 912_345 }).unwrap();
        }
        let acked = self.next[index(from.other())];
        let marks: Marks = marks.iter().copied().collect();
        let blocks: Vec<_> = sack
            .iter()
            .map(|&(left, right)| SackBlock { left: SeqNumber(left), right: SeqNumber(right) })
            .collect();
        options.push_sack(&blocks);
        let phase = match (flags, len) {
            (flags, _) if flags.syn() => Phase::Open,
            (_, 1..) => Phase::Data,
            (flags, _) if flags.fin() || flags.rst() => Phase::Close,
            _ if self.n == 3 => Phase::Open,
            _ => Phase::Ack,
        };
        let packet = Packet {
            n: self.n,
            at_ns: self.at_ns,
            from,
            flags,
            seq,
            ack: flags.ack().then_some(acked),
            len,
            window: if marks.contains(Mark::ZeroWindow) { 0 } else { 65_536 },
            options,
            raw_seq: SeqNumber(seq as u32),
            raw_ack: SeqNumber(acked as u32),
            marks,
            phase,
            wire_len: len + 66,
        };
        self.connection.ledger.add(phase);
        self.connection.end_ns = self.connection.end_ns.max(self.at_ns);
        self.connection.packets.push(packet, self.keep);
        let endpoint = self.endpoint(from);
        if flags.syn() {
            (endpoint.mss, endpoint.window_scale, endpoint.sack_permitted) = (Some(65495), Some(7), true);
        }
        let sent = &mut endpoint.sent;
        sent.packets += 1;
        sent.wire_bytes += u64::from(len) + 66;
        if marks.is_retransmission() {
            sent.retransmitted += 1;
            sent.retransmitted_bytes += u64::from(len);
        }
        self
    }

    /// An acknowledgement that says again what was acknowledged before.
    pub(crate) fn ack_of(&mut self, from: Side, ack: i64, marks: &[Mark], sack: &[(u32, u32)]) -> &mut Self {
        let next = std::mem::replace(&mut self.next[index(from.other())], ack);
        let seq = self.next[index(from)];
        self.packet(from, Flags::ACK, seq, 0, marks, sack);
        self.next[index(from.other())] = next;
        self
    }

    pub(crate) fn handshake(&mut self) -> &mut Self {
        self.send(Client, Flags::SYN, b"").state(Client, State::SynSent).wait(18);
        self.send(Server, Flags::SYN | Flags::ACK, b"").state(Server, State::SynReceived).wait(18);
        self.send(Client, Flags::ACK, b"")
            .state(Client, State::Established)
            .state(Server, State::Established);
        self.wait(27)
    }

    /// The server closes in four segments.
    pub(crate) fn close_fin(&mut self) -> &mut Self {
        self.connection.close = Close::Fin;
        let fin = Flags::FIN | Flags::ACK;
        self.wait(12).send(Client, fin, b"").state(Client, State::FinWait1).state(Server, State::CloseWait);
        self.wait(9).send(Server, Flags::ACK, b"").state(Client, State::FinWait2);
        self.wait(31).send(Server, fin, b"").state(Server, State::LastAck).state(Client, State::TimeWait);
        self.wait(7).send(Client, Flags::ACK, b"").state(Server, State::Closed)
    }

    /// What a browser of one page does: 20 packets.
    pub(crate) fn page(id: u64) -> Self {
        let mut talk = Self::new(id);
        let data = Flags::PSH | Flags::ACK;
        talk.process(Client, 5123, "curl").process(Server, 811, "nginx").handshake();
        talk.send(Client, data, b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\n\r\n").wait(6);
        talk.send(Server, Flags::ACK, b"").wait(150);
        let head = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 135000\r\n\r\n";
        talk.send(Server, data, head).wait(11).send(Client, Flags::ACK, b"").wait(20);
        for len in [65_483, 65_483, 4_034] {
            talk.send(Server, data, &vec![b'x'; len]).wait(30).send(Client, Flags::ACK, b"").wait(25);
        }
        talk.rtt(Client, 7).rtt(Server, 28).close_fin();
        talk
    }

    /// A download of about 10,000 packets in which every loss of a dozen is repaired once SACK has told of it.
    pub(crate) fn download(id: u64, keep: usize) -> Self {
        const LEN: u32 = 1448;
        let mut talk = Self::between(id, "192.0.2.7:50412", "198.51.100.20:80");
        talk.keep = keep;
        let data = Flags::PSH | Flags::ACK;
        talk.handshake().send(Client, data, b"GET /big HTTP/1.1\r\nHost: example.org\r\n\r\n").wait(20_000);
        let head = b"HTTP/1.0 200 OK\r\n\r\n";
        talk.send(Server, data, head).wait(11);
        let body = [0; LEN as usize];
        for round in 0..3300 {
            let gap = talk.next[1];
            let is_lost = round % 275 == 200;
            if is_lost {
                talk.next[1] += i64::from(LEN);
                talk.packet(Server, Flags::ACK, talk.next[1], LEN, &[Mark::PreviousSegmentLost], &[]);
                talk.next[1] += i64::from(LEN);
                for _ in 0..7 {
                    let sack = (gap as u32 + LEN, talk.next[1] as u32);
                    talk.wait(3).ack_of(Client, gap, &[Mark::DuplicateAck], &[sack]);
                    talk.wait(5).send_len(Server, Flags::ACK, LEN);
                }
                talk.wait(20_000).packet(Server, Flags::ACK, gap, LEN, &[Mark::FastRetransmission], &[]);
                talk.wait(4).send(Client, Flags::ACK, b"");
                continue;
            }
            for _ in 0..2 {
                talk.wait(6).send(Server, Flags::ACK, &body);
            }
            talk.wait(4).send(Client, Flags::ACK, b"");
        }
        talk.rtt(Client, 7).rtt(Server, 20_028).close_fin();
        talk
    }

    /// A receiver that stops reading, as its kernel and the packets tell.
    pub(crate) fn stalled(id: u64) -> Self {
        let mut talk = Self::between(id, "[2001:db8::7]:50412", "[2001:db8:0:1::20]:6379");
        talk.send(Client, Flags::SYN, b"").kernel_state(Client, State::SynSent).wait(180);
        talk.send(Server, Flags::SYN | Flags::ACK, b"").state(Server, State::SynReceived).wait(3);
        talk.kernel_state(Client, State::Established).wait(5);
        talk.send(Client, Flags::ACK, b"").state(Server, State::Established).wait(400);
        talk.send_len(Client, Flags::PSH | Flags::ACK, 1448).wait(9);
        talk.packet(Client, Flags::ACK, 1449, 1448, &[Mark::WindowFull], &[]).wait(40);
        talk.next[0] += 1448;
        talk.packet(Server, Flags::ACK, 1, 0, &[Mark::ZeroWindow], &[]).wait(200_000);
        talk.packet(Client, Flags::ACK, 2896, 1, &[Mark::ZeroWindowProbe], &[]).wait(90);
        talk.packet(Server, Flags::ACK, 1, 0, &[Mark::ZeroWindowProbeAck, Mark::ZeroWindow], &[])
            .wait(350_000);
        talk.packet(Server, Flags::ACK, 1, 0, &[Mark::WindowUpdate], &[]).wait(70);
        talk.packet(
            Client,
            Flags::ACK,
            1449,
            1448,
            &[Mark::SpuriousRetransmission, Mark::PreviousSegmentLost],
            &[],
        );
        talk.wait(80).packet(Server, Flags::ACK, 1, 0, &[Mark::Dsack], &[(1449, 2897)]).wait(2_000);
        talk.connection.close = Close::RstByClient;
        talk.send(Client, Flags::RST | Flags::ACK, b"").kernel_state(Client, State::Closed);
        talk.state(Server, State::Closed);
        talk
    }
}
