//! The `packet` object.

use std::fmt::Write as _;

use serde::Serialize;
use synfin_flow::{Connection, Packet};
use synfin_wire::tcp::TcpOption;

use crate::segment::options;

#[derive(Serialize)]
pub(super) struct Object {
    connection: u64,
    n: u64,
    at_ns: u64,
    from: &'static str,
    flags: String,
    seq: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<i64>,
    len: u32,
    window: u32,
    options: Vec<OptionObject>,
    marks: Vec<&'static str>,
    raw_seq: u32,
    raw_ack: u32,
    wire_len: u32,
    phase: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum OptionObject {
    Mss { value: u16 },
    WindowScale { shift: u8 },
    SackPermitted,
    Sack { blocks: Vec<[i64; 2]> },
    Timestamps { value: u32, echo_reply: u32 },
    FastOpen { cookie: String, experimental: bool },
    UserTimeout { seconds: u32 },
    Md5,
    Authentication { key_id: u8, next_key_id: u8 },
    Mptcp { subtype: u8 },
    Accecn,
    Unknown { number: u8, data: String },
}

impl Object {
    pub(super) fn new(connection: &Connection, packet: &Packet) -> Self {
        Self {
            connection: connection.id,
            n: packet.n,
            at_ns: packet.at_ns,
            from: packet.from.name(),
            flags: packet.flags.to_string(),
            seq: packet.seq,
            ack: packet.ack,
            len: packet.len,
            window: packet.window,
            options: options(packet).filter_map(|option| OptionObject::new(packet, option)).collect(),
            marks: packet.marks.iter().map(synfin_flow::Mark::name).collect(),
            raw_seq: packet.raw_seq.0,
            raw_ack: packet.raw_ack.0,
            wire_len: packet.wire_len,
            phase: packet.phase.name(),
        }
    }
}

impl OptionObject {
    /// `None` for padding.
    fn new(packet: &Packet, option: TcpOption<'_>) -> Option<Self> {
        Some(match option {
            TcpOption::NoOperation => return None,
            TcpOption::MaximumSegmentSize(value) => Self::Mss { value },
            TcpOption::WindowScale(shift) => Self::WindowScale { shift },
            TcpOption::SackPermitted => Self::SackPermitted,
            TcpOption::Sack(blocks) => Self::Sack {
                blocks: blocks
                    .iter()
                    .map(|block| [packet.relative_to_ack(block.left), packet.relative_to_ack(block.right)])
                    .collect(),
            },
            TcpOption::Timestamps { value, echo_reply } => Self::Timestamps { value, echo_reply },
            TcpOption::Md5(_) => Self::Md5,
            TcpOption::UserTimeout { in_minutes, value } => {
                Self::UserTimeout { seconds: u32::from(value) * if in_minutes { 60 } else { 1 } }
            }
            TcpOption::Authentication { key_id, next_key_id, .. } => {
                Self::Authentication { key_id, next_key_id }
            }
            TcpOption::Mptcp(data) => Self::Mptcp { subtype: data.first().map_or(0, |byte| byte >> 4) },
            TcpOption::FastOpen { cookie, experimental } => {
                Self::FastOpen { cookie: hex(cookie), experimental }
            }
            TcpOption::AccEcn { .. } => Self::Accecn,
            TcpOption::Unknown { kind, data } => Self::Unknown { number: kind, data: hex(data) },
            _ => return None,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
