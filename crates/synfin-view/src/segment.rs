//! What the header of a segment says, in words.

use std::fmt;

use synfin_flow::{Connection, Mark, Packet, SackRange};
use synfin_messages::Message;
use synfin_wire::tcp::{Flags, Options, TcpOption};

use crate::style::Paint;

/// The options of a packet, as far as they can be read.
pub(crate) fn options(packet: &Packet) -> impl Iterator<Item = TcpOption<'_>> {
    let bytes = packet.options.padded();
    Options::new(bytes, bytes.len()).iter().map_while(Result::ok)
}

/// Its SACK blocks, relative.
pub(crate) fn sack_ranges(packet: &Packet) -> impl Iterator<Item = SackRange> {
    options(packet)
        .filter_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks.iter()),
            _ => None,
        })
        .flatten()
        .map(|block| SackRange {
            left: packet.relative_to_ack(block.left),
            right: packet.relative_to_ack(block.right),
        })
}

/// An option as a label shows it; padding and SACK, which is shown with its ranges, are left out.
pub(crate) struct OptionLabel<'a>(pub(crate) TcpOption<'a>);

impl OptionLabel<'_> {
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self.0, TcpOption::NoOperation | TcpOption::Sack(_))
    }
}

impl fmt::Display for OptionLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            TcpOption::MaximumSegmentSize(mss) => write!(f, "mss {mss}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sack ok"),
            TcpOption::Timestamps { value, echo_reply } => write!(f, "ts {value}/{echo_reply}"),
            TcpOption::Md5(_) => f.write_str("md5"),
            TcpOption::UserTimeout { in_minutes, value } => {
                write!(f, "timeout {value} {}", if in_minutes { "min" } else { "s" })
            }
            TcpOption::Authentication { key_id, .. } => write!(f, "ao key {key_id}"),
            TcpOption::Mptcp(_) => f.write_str("mptcp"),
            TcpOption::FastOpen { cookie: [], .. } => f.write_str("fast open?"),
            TcpOption::FastOpen { .. } => f.write_str("fast open"),
            TcpOption::AccEcn { .. } => f.write_str("accecn"),
            TcpOption::Unknown { kind, .. } => write!(f, "option {kind}"),
            _ => Ok(()),
        }
    }
}

/// What a mark is called in running text.
pub(crate) const fn mark_name(mark: Mark) -> &'static str {
    match mark {
        Mark::Retransmission => "retransmission",
        Mark::FastRetransmission => "fast retransmission",
        Mark::SpuriousRetransmission => "spurious retransmission",
        Mark::OutOfOrder => "out of order",
        Mark::DuplicateAck => "dup ack",
        Mark::PreviousSegmentLost => "lost before this",
        Mark::AckedUnseen => "acks unseen",
        Mark::ZeroWindow => "zero window",
        Mark::WindowFull => "window full",
        Mark::WindowUpdate => "window update",
        Mark::KeepAlive => "keep-alive",
        Mark::KeepAliveAck => "keep-alive ack",
        Mark::PortReused => "ports reused",
        Mark::ZeroWindowProbe => "window probe",
        Mark::ZeroWindowProbeAck => "probe ack",
        Mark::Dsack => "dsack",
        Mark::BadChecksum => "bad checksum",
        Mark::CutOff => "cut off",
        Mark::Lost => "lost",
        Mark::Corrupted => "corrupted",
        Mark::Duplicated => "duplicated",
        Mark::HeldBack => "held back",
        Mark::Forged => "forged",
        #[expect(unreachable_patterns, reason = "marks may be added")]
        _ => mark.name(),
    }
}

/// Whether a mark tells of trouble, and not of TCP's everyday life.
pub(crate) const fn is_trouble(mark: Mark) -> bool {
    !matches!(
        mark,
        Mark::WindowUpdate | Mark::KeepAlive | Mark::KeepAliveAck | Mark::PortReused | Mark::CutOff
    )
}

/// The colour of a packet.
pub(crate) fn paint(packet: &Packet) -> Option<Paint> {
    if packet.flags.rst() {
        Some(Paint::Problem)
    } else if packet.marks.iter().any(is_trouble) {
        Some(Paint::Warning)
    } else {
        None
    }
}

/// Whether the receive window is worth a word wherever there is room for few.
pub(crate) fn window_matters(packet: &Packet) -> bool {
    packet.flags.syn()
        || [Mark::ZeroWindow, Mark::WindowUpdate, Mark::ZeroWindowProbeAck]
            .into_iter()
            .any(|mark| packet.marks.contains(mark))
}

/// Whether a packet is an acknowledgement and nothing else.
pub(crate) fn is_pure_ack(packet: &Packet) -> bool {
    packet.len == 0 && !packet.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST)
}

/// The messages of a connection whose first byte this packet carried.
pub(crate) fn message_starts<'c>(
    connection: &'c Connection,
    packet: &Packet,
) -> impl Iterator<Item = &'c Message> {
    let (n, from) = (packet.n, packet.from);
    connection.messages.iter().filter(move |message| message.from == from && message.packets.first() == n)
}
