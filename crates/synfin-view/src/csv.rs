//! CSV (RFC 4180): a header row, then a row for each connection, packet, message, state, finding or set
//! of variables.
//!
//! Times are nanoseconds since the Unix epoch (UTC). What comes from the network is neutralised as in any other text,
//! so that a row is always one line.

use std::fmt::{self, Write as _};

use synfin_flow::{Connection, Finding, Mark, Packet, SampleEntry, StateEntry};
use synfin_messages::Message;
use synfin_wire::Side;

use crate::messages::{headline, write_purpose};
use crate::show::View;
use crate::style::Style;
use crate::text::neutral;
use crate::variables;

/// The columns of a view.
pub(crate) const fn header(view: View) -> &'static str {
    match view {
        View::Connections | View::Ladder => {
            "id,client,client_port,server,server_port,start_ns,end_ns,open,close,\
             client_packets,client_payload_bytes,client_wire_bytes,client_retransmitted,\
             server_packets,server_payload_bytes,server_wire_bytes,server_retransmitted,\
             rtt_min_ns,rtt_median_ns,rtt_max_ns,messages,purpose"
        }
        View::Packets => {
            "connection,n,at_ns,from,source,source_port,destination,destination_port,\
             flags,seq,ack,len,window,marks"
        }
        View::Messages => "connection,n,kind,from,first_ns,last_ns,packets,complete,text",
        View::States => "connection,side,local,local_port,remote,remote_port,from,to,at_ns,source,inferred",
        View::Findings => "connection,kind,severity,text",
        View::Variables => {
            "connection,side,at_ns,state,snd_una,snd_nxt,snd_wnd,rcv_nxt,rcv_wnd,cwnd,ssthresh,\
             rto_ns,srtt_ns,rttvar_ns,in_flight,sacked,lost,retransmissions,mss,send_queue,receive_queue"
        }
    }
}

/// One row on its way.
struct Row<'a> {
    out: &'a mut String,
    is_first: bool,
}

impl<'a> Row<'a> {
    fn new(out: &'a mut String) -> Self {
        Self { out, is_first: true }
    }

    /// A field that never needs quotes.
    fn plain(&mut self, value: impl fmt::Display) -> &mut Self {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        // Writing to a string never fails.
        let _ = write!(self.out, "{value}");
        self
    }

    fn some(&mut self, value: Option<impl fmt::Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.plain(""),
        }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        let text = neutral(text, true);
        if !text.contains([',', '"']) {
            return self.plain(text);
        }
        self.plain("\"");
        self.out.push_str(&text.replace('"', "\"\""));
        self.out.push('"');
        self
    }

    fn address(&mut self, connection: &Connection, side: Side) -> &mut Self {
        let address = connection.endpoint(side).address;
        self.plain(address.ip()).plain(address.port())
    }

    fn end(&mut self) {
        self.out.push_str("\r\n");
    }
}

pub(crate) fn write_header(out: &mut String, view: View) {
    Row::new(out).plain(header(view)).end();
}

pub(crate) fn write_connection(out: &mut String, connection: &Connection) {
    let mut row = Row::new(out);
    row.plain(connection.id).address(connection, Side::Client).address(connection, Side::Server);
    row.plain(connection.start_ns).plain(connection.end_ns);
    row.plain(connection.open.name()).plain(connection.close.name());
    for sent in Side::BOTH.map(|side| connection.endpoint(side).sent) {
        row.plain(sent.packets).plain(sent.payload_bytes).plain(sent.wire_bytes).plain(sent.retransmitted);
    }
    let rtt = connection.rtt();
    row.some(rtt.map(|r| r.min_ns)).some(rtt.map(|r| r.median_ns)).some(rtt.map(|r| r.max_ns));
    let mut purpose = String::new();
    write_purpose(&mut purpose, connection, usize::MAX, Style::default().glyphs());
    row.plain(connection.message_count).text(&purpose).end();
}

pub(crate) fn write_packet(out: &mut String, connection: &Connection, packet: &Packet) {
    let mut row = Row::new(out);
    row.plain(connection.id).plain(packet.n).plain(packet.at_ns).plain(packet.from.name());
    row.address(connection, packet.from).address(connection, packet.from.other());
    row.text(&packet.flags.to_string())
        .plain(packet.seq)
        .some(packet.ack)
        .plain(packet.len)
        .plain(packet.window);
    let marks: Vec<_> = packet.marks.iter().map(Mark::name).collect();
    row.plain(marks.join(" ")).end();
}

pub(crate) fn write_message(out: &mut String, connection: &Connection, message: &Message) {
    let mut row = Row::new(out);
    row.plain(connection.id).plain(message.n).plain(message.kind()).plain(message.from.name());
    row.plain(message.first_ns).plain(message.last_ns).plain(message.packets.count()).plain(message.complete);
    row.text(&headline(message)).end();
}

pub(crate) fn write_state(
    out: &mut String,
    connection: &Connection,
    side: Side,
    previous: &StateEntry,
    entry: &StateEntry,
) {
    let mut row = Row::new(out);
    row.plain(connection.id).plain(side.name()).address(connection, side).address(connection, side.other());
    row.plain(previous.state).plain(entry.state).plain(entry.at_ns);
    row.plain(entry.source.name()).plain(entry.is_inferred).end();
}

pub(crate) fn write_variables(out: &mut String, connection: &Connection, side: Side, entry: &SampleEntry) {
    let mut row = Row::new(out);
    row.plain(connection.id).plain(side.name()).plain(entry.at_ns).plain(entry.variables.state);
    for (_, value) in variables::named(entry) {
        row.some(value);
    }
    row.end();
}

pub(crate) fn write_finding(out: &mut String, connection: &Connection, finding: &Finding) {
    let mut row = Row::new(out);
    row.plain(connection.id).plain(finding.kind).plain(finding.severity.name()).text(&finding.text).end();
}
