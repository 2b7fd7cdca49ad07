//! A connection and its two endpoints, as they are handed out.

use std::net::SocketAddr;

use synfin_messages::Message;
use synfin_wire::{Process, Side, Source, State, Variables};

use crate::history::History;
use crate::{Ledger, PacketLog, PacketNote};

/// A connection, from its first packet to its last.
#[derive(Clone, Debug)]
pub struct Connection {
    /// From 1, in the order of their first packets.
    pub id: u64,
    /// Who sent the SYN, or who most likely did.
    pub client: Endpoint,
    /// The other end.
    pub server: Endpoint,
    /// Network namespace in which it was seen: its inode number (0: there was but one to see).
    pub namespace: u64,
    /// First packet, in nanoseconds since the Unix epoch (UTC).
    pub start_ns: u64,
    /// Last packet so far, likewise.
    pub end_ns: u64,
    /// Frame number of the first packet.
    pub first_packet: u64,
    /// How it opened.
    pub open: Open,
    /// How it closed.
    pub close: Close,
    /// Its packets by what they were for.
    pub ledger: Ledger,
    /// Its packets, as far as they were to be kept.
    pub packets: PacketLog,
    /// Its messages, as far as they were to be kept, in the order in which they were completed.
    pub messages: Vec<Message>,
    /// Messages that were recognised, kept or not.
    pub message_count: u64,
    /// HTTP requests among them.
    pub request_count: u64,
    /// What the kernel told of its packets, in the order of time; nothing, where nobody told.
    pub notes: Vec<PacketNote>,
    /// What Zeek calls it: see [`Connection::zeek`].
    pub(crate) history: History,
    /// Who sent the last payload.
    pub(crate) last_data_from: Option<Side>,
}

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its address.
    pub address: SocketAddr,
    /// The process that owns it, where that is known.
    pub process: Option<Process>,
    /// Its states in order, the first one being where it was before the first packet.
    pub states: Vec<StateEntry>,
    /// What it sent.
    pub sent: Counts,
    /// Times between something it sent and the acknowledgement of that, as seen where the capture was taken.
    pub rtt: Option<RttSummary>,
    /// The largest segment that it takes, by its SYN, in bytes.
    pub mss: Option<u16>,
    /// The window scale of its SYN.
    pub window_scale: Option<u8>,
    /// Whether its SYN permitted SACK.
    pub sack_permitted: bool,
}

/// A state that an endpoint went to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StateEntry {
    /// The state.
    pub state: State,
    /// When, in nanoseconds since the Unix epoch (UTC). For the first entry: the first packet.
    pub at_ns: u64,
    /// Who says so.
    pub source: Source,
    /// It follows from what that source told, and was not told itself. Always so of packets.
    pub is_inferred: bool,
    /// Frame number of the packet that shows it, where one does.
    pub packet: Option<u64>,
}

/// The variables of an endpoint at one time, as a TCP of our own tells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SampleEntry {
    /// When, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// `snd.una`, relative to the initial sequence number as everywhere.
    pub snd_una: i64,
    /// `snd.nxt`, relative as well.
    pub snd_nxt: i64,
    /// `rcv.nxt`, relative to the other end's initial sequence number.
    pub rcv_nxt: i64,
    /// All of them, with the sequence numbers as they are.
    pub variables: Variables,
}

/// What one end sent.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Packets.
    pub packets: u64,
    /// Payload in bytes, each byte of the stream counted once.
    pub payload_bytes: u64,
    /// Frames on the wire, in bytes, link headers included.
    pub wire_bytes: u64,
    /// IP packets, in bytes, headers included.
    pub ip_bytes: u64,
    /// Packets with payload, keep-alives not counted.
    pub data_packets: u64,
    /// Packets that brought again what was there already, of every kind.
    pub retransmitted: u64,
    /// Those among them whose payload had been acknowledged before.
    pub spurious: u64,
    /// Those of them that carried payload.
    pub retransmitted_data: u64,
    /// Payload bytes in them that had been sent before.
    pub retransmitted_bytes: u64,
    /// Packets that came after later ones.
    pub out_of_order: u64,
    /// Acknowledgements that said again what was said.
    pub duplicate_acks: u64,
    /// Packets that announced a closed window.
    pub zero_windows: u64,
    /// Keep-alives and probes.
    pub keep_alives: u64,
    /// Bytes of the stream that the capture never saw.
    pub missed_bytes: u64,
}

/// How a connection opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Open {
    /// SYN and SYN-ACK.
    Handshake,
    /// A SYN from each end, crossing.
    Simultaneous,
    /// Before the capture began.
    Midstream,
    /// A SYN that was never accepted.
    Attempt,
}

impl Open {
    /// The name in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Simultaneous => "simultaneous",
            Self::Midstream => "midstream",
            Self::Attempt => "attempt",
        }
    }
}

/// How a connection closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Close {
    /// A FIN from each end, one after the other, each acknowledged on its own: 4 segments.
    Fin,
    /// The second FIN acknowledged the first one: 3 segments.
    Fin3,
    /// Both ends sent their FIN before they saw the other's.
    Simultaneous,
    /// The client sent RST.
    RstByClient,
    /// The server sent RST.
    RstByServer,
    /// One end sent its FIN, the other has not.
    HalfClosed,
    /// Neither end has closed.
    Open,
}

impl Close {
    /// The name in the JSON contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Fin3 => "fin-3",
            Self::Simultaneous => "simultaneous",
            Self::RstByClient => "rst-by-client",
            Self::RstByServer => "rst-by-server",
            Self::HalfClosed => "half-closed",
            Self::Open => "open",
        }
    }

    /// Whether the connection is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::HalfClosed | Self::Open)
    }
}

/// Round-trip times: the shortest, the median and the longest, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RttSummary {
    /// Shortest.
    pub min_ns: u64,
    /// Median.
    pub median_ns: u64,
    /// Longest.
    pub max_ns: u64,
    /// How many were measured.
    pub samples: u64,
}

impl Connection {
    /// A connection of which nothing is known yet but its ends.
    #[must_use]
    pub fn new(id: u64, client: SocketAddr, server: SocketAddr, start_ns: u64) -> Self {
        Self {
            id,
            client: Endpoint::new(client),
            server: Endpoint::new(server),
            namespace: 0,
            start_ns,
            end_ns: start_ns,
            first_packet: 0,
            open: Open::Attempt,
            close: Close::Open,
            ledger: Ledger::default(),
            packets: PacketLog::default(),
            messages: Vec::new(),
            message_count: 0,
            request_count: 0,
            notes: Vec::new(),
            history: History::default(),
            last_data_from: None,
        }
    }

    /// Whether both ends are one socket, by their addresses: then every packet is what it sends and what it receives,
    /// and all are taken for the client's.
    #[must_use]
    pub fn is_to_itself(&self) -> bool {
        self.client.address == self.server.address
    }

    /// One of its ends.
    #[must_use]
    pub fn endpoint(&self, side: Side) -> &Endpoint {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(crate) fn endpoint_mut(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The way from end to end and back: what was measured towards the client and towards the server, added up,
    /// because a capture point divides the way in two. Where only one part could be measured, that one.
    #[must_use]
    pub fn rtt(&self) -> Option<RttSummary> {
        match (self.client.rtt, self.server.rtt) {
            (Some(a), Some(b)) => Some(RttSummary {
                min_ns: a.min_ns.saturating_add(b.min_ns),
                median_ns: a.median_ns.saturating_add(b.median_ns),
                max_ns: a.max_ns.saturating_add(b.max_ns),
                samples: a.samples + b.samples,
            }),
            (one, other) => one.or(other),
        }
    }

    /// Zeek's `conn_state`, such as `SF`, and `history`, such as `ShADadfF` (as documented for its conn.log).
    #[must_use]
    pub fn zeek(&self) -> (&'static str, &str) {
        self.history.zeek()
    }
}

impl Endpoint {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            process: None,
            states: Vec::new(),
            sent: Counts::default(),
            rtt: None,
            mss: None,
            window_scale: None,
            sack_permitted: false,
        }
    }

    /// Where it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.states.last().map_or(State::Closed, |entry| entry.state)
    }
}
