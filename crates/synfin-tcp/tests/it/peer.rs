//! One endpoint, and a peer of which every segment is written by hand.
//!
//! All numbers are relative to the initial sequence numbers: the peer's SYN is 0, its first octet 1, and so are ours.

use std::time::Duration;

use bytes::Bytes;
use synfin_tcp::{
    Burst, Checksum, ConnectionConfig, ConnectionId, Ecn, Endpoint, Event, Handled, Incoming, Instant,
    ReadOutcome, Variables,
};
use synfin_wire::tcp::{Flags, Header, OptionsBuf, SackBlock, Segment, TcpOption};
use synfin_wire::{SeqNumber, State};

use crate::world::{Host, Watcher, config};

/// The peer's initial sequence number: near the wrap, so that every test crosses it.
const IRS: SeqNumber = SeqNumber(u32::MAX - 2);

pub(crate) struct Peer {
    pub(crate) now: Instant,
    pub(crate) endpoint: Endpoint<Watcher>,
    pub(crate) id: Option<ConnectionId>,
    pub(crate) watcher: Watcher,
    iss: Option<SeqNumber>,
    /// Ours, the peer's.
    ports: (u16, u16),
    /// Whether the options of our segments are shown.
    pub(crate) shows_options: bool,
    /// Whether the window of our segments is shown.
    pub(crate) shows_window: bool,
}

/// A segment of the peer's.
#[derive(Clone)]
pub(crate) struct Seg {
    flags: Flags,
    seq: i64,
    ack: i64,
    window: u16,
    text: Vec<u8>,
    options: OptionsBuf,
    urgent: u16,
    ecn: Ecn,
}

pub(crate) fn seg(flags: Flags, seq: i64, ack: i64) -> Seg {
    Seg {
        flags,
        seq,
        ack,
        window: 60_000,
        text: Vec::new(),
        options: OptionsBuf::new(),
        urgent: 0,
        ecn: Ecn::NotEct,
    }
}

/// An acknowledgement.
pub(crate) fn ack(seq: i64, ack: i64) -> Seg {
    seg(Flags::ACK, seq, ack)
}

impl Seg {
    pub(crate) fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    pub(crate) fn text(mut self, text: &[u8]) -> Self {
        self.text = text.to_vec();
        self
    }

    pub(crate) fn option(mut self, option: &TcpOption<'_>) -> Self {
        self.options.push(option).unwrap();
        self
    }

    pub(crate) fn timestamps(self, value: u32, echo_reply: u32) -> Self {
        self.option(&TcpOption::Timestamps { value, echo_reply })
    }

    pub(crate) fn urgent(mut self, urgent: u16) -> Self {
        self.urgent = urgent;
        self.flags |= Flags::URG;
        self
    }

    pub(crate) fn flag(mut self, flag: Flags) -> Self {
        self.flags |= flag;
        self
    }

    pub(crate) fn marked(mut self) -> Self {
        self.ecn = Ecn::Ce;
        self
    }
}

impl Peer {
    pub(crate) fn new(connection: ConnectionConfig) -> Self {
        let watcher = Watcher::default();
        Self {
            now: Instant::from_nanos(1_000_000_000),
            endpoint: Endpoint::new(config(connection, 1), watcher.clone()),
            id: None,
            watcher,
            iss: None,
            ports: (5000, 80),
            shows_options: false,
            shows_window: false,
        }
    }

    /// We connect; nothing has been sent yet.
    pub(crate) fn connecting(connection: ConnectionConfig) -> Self {
        let mut peer = Self::new(connection);
        let id = peer.endpoint.connect(peer.now, Host::A.address(5000), Host::B.address(80), None).unwrap();
        peer.id = Some(id);
        peer
    }

    /// We have connected; the peer's SYN had the MSS 1000 and these options. A round trip took 100 ms.
    pub(crate) fn connected_with(connection: ConnectionConfig, options: &[TcpOption<'_>]) -> Self {
        let mut peer = Self::connecting(connection);
        peer.taken();
        peer.wait(100);
        let mut syn = seg(Flags::SYN | Flags::ACK, 0, 1).option(&TcpOption::MaximumSegmentSize(1000));
        for option in options {
            syn = syn.option(option);
        }
        peer.send(&syn);
        assert_eq!(peer.taken(), ["ACK seq 1 ack 1"]);
        peer
    }

    pub(crate) fn connected(connection: ConnectionConfig) -> Self {
        Self::connected_with(connection, &[])
    }

    /// The peer sends.
    pub(crate) fn send(&mut self, seg: &Seg) -> Handled {
        let iss = self.iss.unwrap_or_default();
        let header = Header {
            source_port: self.ports.1,
            destination_port: self.ports.0,
            seq: IRS + seg.seq as u32,
            ack: if seg.flags.ack() { iss + seg.ack as u32 } else { SeqNumber(0) },
            flags: seg.flags,
            window: seg.window,
            urgent_pointer: seg.urgent,
            ..Header::default()
        };
        let mut bytes = vec![0; 60];
        let len = header.emit(&seg.options, &mut bytes).unwrap();
        bytes.truncate(len);
        bytes.extend_from_slice(&seg.text);
        let (source, destination) = (Host::B.ip(), Host::A.ip());
        Header::fill_checksum(&mut bytes, source, destination);
        let mut incoming =
            Incoming::parse(bytes.into(), source, destination, seg.ecn, Checksum::Check).unwrap();
        let handled = self.endpoint.handle(self.now, source, destination, &mut incoming);
        if let Handled::Accepted(id) = handled {
            self.id = Some(id);
        }
        handled
    }

    /// Counts from the initial number that another endpoint has given this peer.
    pub(crate) fn adopt(&mut self, other: &Self) {
        self.iss = other.iss;
    }

    /// What we have sent since the last time.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        let mut packets = Vec::new();
        let mut sink = |burst: &Burst<'_>| {
            packets.extend(burst.segments().map(|segment| (segment.to_bytes(), burst.ecn)));
        };
        while self.endpoint.poll_transmit(self.now, 1000, &mut sink) > 0 {}
        packets.iter().map(|(bytes, ecn)| self.line(bytes, *ecn)).collect()
    }

    /// Sends segments one after the other, and counts what is sent in return.
    pub(crate) fn answers(&mut self, segments: impl IntoIterator<Item = Seg>) -> usize {
        let mut count = 0;
        for seg in segments {
            self.send(&seg);
            count += self.taken().len();
        }
        count
    }

    fn line(&mut self, bytes: &Bytes, ecn: Ecn) -> String {
        let segment = Segment::parse(bytes, bytes.len() as u32).unwrap();
        let h = &segment.header;
        if h.flags.syn() {
            self.iss = Some(h.seq);
        }
        let iss = self.iss.unwrap_or_default();
        let mut line = format!("{} seq {}", h.flags, h.seq.distance_from(iss));
        if h.flags.ack() {
            line += &format!(" ack {}", h.ack.distance_from(IRS));
        }
        if self.shows_window {
            line += &format!(" win {}", h.window);
        }
        if segment.payload_len > 0 {
            line += &format!(" len {}", segment.payload_len);
        }
        if h.flags.contains(Flags::URG) {
            line += &format!(" up {}", h.urgent_pointer);
        }
        if ecn != Ecn::NotEct {
            line += &format!(" {ecn:?}");
        }
        for option in segment.options.iter().flatten() {
            if let TcpOption::Sack(blocks) = option {
                for SackBlock { left, right } in blocks.iter() {
                    line += &format!(" sack {}-{}", left.distance_from(IRS), right.distance_from(IRS));
                }
            } else if self.shows_options && option != TcpOption::NoOperation {
                line += &format!(" {option:?}");
            }
        }
        line
    }

    /// Time passes, with everything that is due in it. What is sent is taken at the end, without times.
    pub(crate) fn wait(&mut self, ms: u64) -> Vec<String> {
        self.wait_until(ms).into_iter().map(|(_, line)| line).collect()
    }

    /// As `wait`, with the times of sending in milliseconds from now.
    pub(crate) fn wait_until(&mut self, ms: u64) -> Vec<(u64, String)> {
        let start = self.now;
        let end = self.now + Duration::from_millis(ms);
        let mut lines: Vec<(u64, String)> = Vec::new();
        loop {
            let at = self.now.since(start).as_millis() as u64;
            lines.extend(self.taken().into_iter().map(|line| (at, line)));
            let Some(next) = self.endpoint.poll_timeout().filter(|&next| next <= end) else { break };
            self.now = self.now.max(next);
            self.endpoint.handle_timeout(self.now);
        }
        self.now = end;
        lines
    }

    pub(crate) fn write(&mut self, len: usize) {
        let text = Bytes::from(vec![b'x'; len]);
        let connection = self.endpoint.connection_mut(self.id.unwrap()).unwrap();
        assert_eq!(connection.write(&text), Ok(len));
    }

    pub(crate) fn read(&mut self, max: usize) -> ReadOutcome {
        let now = self.now;
        self.endpoint.connection_mut(self.id.unwrap()).unwrap().read(now, max)
    }

    pub(crate) fn shutdown(&mut self) {
        let now = self.now;
        self.endpoint.connection_mut(self.id.unwrap()).unwrap().shutdown(now).unwrap();
    }

    pub(crate) fn abort(&mut self) {
        let now = self.now;
        self.endpoint.connection_mut(self.id.unwrap()).unwrap().abort(now);
    }

    pub(crate) fn state(&self) -> State {
        self.endpoint.states().map(|(_, _, state)| state).next().unwrap_or(State::Closed)
    }

    pub(crate) fn variables(&self) -> Variables {
        self.endpoint.connection(self.id.unwrap()).unwrap().info().variables
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let _sent = self.taken();
        std::iter::from_fn(|| self.endpoint.poll_event().map(|(_, event)| event)).collect()
    }

    /// A SACK option of these blocks of our octets.
    pub(crate) fn sack(&self, seg: Seg, blocks: &[(i64, i64)]) -> Seg {
        let iss = self.iss.unwrap_or_default();
        let blocks: Vec<SackBlock> = blocks
            .iter()
            .map(|&(left, right)| SackBlock { left: iss + left as u32, right: iss + right as u32 })
            .collect();
        let mut seg = seg;
        seg.options.push_sack(&blocks);
        seg
    }

    pub(crate) fn sequence_number(&self, relative: i64) -> SeqNumber {
        self.iss.unwrap_or_default() + relative as u32
    }
}
