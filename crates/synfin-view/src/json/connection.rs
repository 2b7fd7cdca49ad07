//! The `connection` object.

use serde::Serialize;
use synfin_flow::{Connection, Endpoint, PacketNote, RttSummary};

use super::Address;

#[derive(Serialize)]
pub(super) struct Object<'a> {
    id: u64,
    client: Address,
    server: Address,
    #[serde(skip_serializing_if = "is_zero")]
    netns: u64,
    start_ns: u64,
    end_ns: u64,
    first_packet: u64,
    open: &'static str,
    close: &'static str,
    states: States,
    from_client: Half,
    from_server: Half,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ns: Option<Rtt>,
    ledger: Ledger,
    messages: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note<'a>>,
    zeek: Zeek<'a>,
}

/// Where there is but one namespace, nothing is said of it.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[derive(Serialize)]
struct States {
    client: Vec<&'static str>,
    server: Vec<&'static str>,
}

/// What one end sent, and what it said about itself.
#[derive(Serialize)]
struct Half {
    packets: u64,
    payload_bytes: u64,
    wire_bytes: u64,
    ip_bytes: u64,
    data_packets: u64,
    retransmitted: u64,
    retransmitted_data: u64,
    spurious: u64,
    retransmitted_bytes: u64,
    out_of_order: u64,
    duplicate_acks: u64,
    zero_windows: u64,
    keep_alives: u64,
    missed_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mss: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_scale: Option<u8>,
    sack_permitted: bool,
    /// From something that this end sent to its acknowledgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt_ns: Option<Rtt>,
}

#[derive(Serialize)]
struct Rtt {
    min: u64,
    median: u64,
    max: u64,
    samples: u64,
}

#[derive(Serialize)]
struct Ledger {
    open: u64,
    data: u64,
    ack: u64,
    close: u64,
}

/// What the kernel told of a packet.
#[derive(Serialize)]
struct Note<'a> {
    at_ns: u64,
    from: &'static str,
    what: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<u64>,
}

#[derive(Serialize)]
struct Zeek<'a> {
    conn_state: &'static str,
    history: &'a str,
}

impl From<RttSummary> for Rtt {
    fn from(rtt: RttSummary) -> Self {
        let RttSummary { min_ns: min, median_ns: median, max_ns: max, samples } = rtt;
        Self { min, median, max, samples }
    }
}

impl From<&Endpoint> for Half {
    fn from(endpoint: &Endpoint) -> Self {
        // A count that is added must find its place here.
        let synfin_flow::Counts {
            packets,
            payload_bytes,
            wire_bytes,
            ip_bytes,
            data_packets,
            retransmitted,
            retransmitted_data,
            spurious,
            retransmitted_bytes,
            out_of_order,
            duplicate_acks,
            zero_windows,
            keep_alives,
            missed_bytes,
        } = endpoint.sent;
        Self {
            packets,
            payload_bytes,
            wire_bytes,
            ip_bytes,
            data_packets,
            retransmitted,
            retransmitted_data,
            spurious,
            retransmitted_bytes,
            out_of_order,
            duplicate_acks,
            zero_windows,
            keep_alives,
            missed_bytes,
            mss: endpoint.mss,
            window_scale: endpoint.window_scale,
            sack_permitted: endpoint.sack_permitted,
            rtt_ns: endpoint.rtt.map(Rtt::from),
        }
    }
}

impl<'a> From<&'a PacketNote> for Note<'a> {
    fn from(note: &'a PacketNote) -> Self {
        Self {
            at_ns: note.at_ns,
            from: note.from.name(),
            what: note.kind.name(),
            reason: &note.reason,
            packet: note.packet,
        }
    }
}

impl<'a> From<&'a Connection> for Object<'a> {
    fn from(connection: &'a Connection) -> Self {
        let names = |endpoint: &Endpoint| endpoint.states.iter().map(|entry| entry.state.name()).collect();
        let synfin_flow::Ledger { open, data, ack, close } = connection.ledger;
        let (conn_state, history) = connection.zeek();
        Self {
            id: connection.id,
            client: Address::from(&connection.client),
            server: Address::from(&connection.server),
            netns: connection.namespace,
            start_ns: connection.start_ns,
            end_ns: connection.end_ns,
            first_packet: connection.first_packet,
            open: connection.open.name(),
            close: connection.close.name(),
            states: States { client: names(&connection.client), server: names(&connection.server) },
            from_client: Half::from(&connection.client),
            from_server: Half::from(&connection.server),
            rtt_ns: connection.rtt().map(Rtt::from),
            ledger: Ledger { open, data, ack, close },
            messages: connection.message_count,
            notes: connection.notes.iter().map(Note::from).collect(),
            zeek: Zeek { conn_state, history },
        }
    }
}
