//! What somebody off the path can do: send a segment in another's name, its sequence number guessed (RFC 5961).

use bytes::Bytes;
use etherparse::IpNumber;
use synfin_tcp::{Connection, Ecn};
use synfin_wire::SeqNumber;
use synfin_wire::tcp::{HEADER_LEN, Header, OptionsBuf};

use crate::ip;
use crate::recorder::Recorder;
use crate::scenario::Forgery;

/// A forged packet for the owner of this connection.
pub(crate) fn packet(forgery: &Forgery, victim: &Connection<Recorder>) -> Option<Bytes> {
    let (local, remote) = (victim.local(), victim.remote());
    let variables = victim.info().variables;
    let header = Header {
        source_port: remote.port(),
        destination_port: local.port(),
        seq: SeqNumber(variables.rcv_nxt.0.wrapping_add_signed(forgery.offset)),
        ack: if forgery.flags.ack() { variables.snd_nxt } else { SeqNumber(0) },
        flags: forgery.flags,
        window: u16::MAX,
        ..Header::default()
    };
    let mut segment = vec![0; HEADER_LEN];
    header.emit(&OptionsBuf::new(), &mut segment)?;
    Header::fill_checksum(&mut segment, remote.ip(), local.ip());
    let fields = ip::Fields { ttl: 64, dscp: 0, ecn: Ecn::NotEct, identification: 0 };
    ip::packet(remote.ip(), local.ip(), IpNumber::TCP, fields, &segment)
}
