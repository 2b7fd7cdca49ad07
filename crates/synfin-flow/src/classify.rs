//! What is remarkable about a packet, judged by what both ends have sent before it.
//!
//! The marks mean what Wireshark's analysis of TCP sequence numbers means by them. Where that guesses, the evidence
//! that the packet itself carries decides first: timestamps and IP identifications tell a segment that was overtaken
//! from one that was sent again.

use synfin_wire::tcp::{Flags, TcpOption};

use crate::arrival::Arrival;
use crate::half::{Half, LastKind, SynKind};
use crate::stream::Coverage;
use crate::{Mark, Marks};

/// A repair that comes this soon after the last duplicate acknowledgement answers it, in nanoseconds.
const FAST_RETRANSMISSION_NS: u64 = 20_000_000;

/// A segment that comes this soon after a later one was overtaken by it rather than lost, in nanoseconds.
const OVERTAKEN_NS: u64 = 3_000_000;

/// The marks of a packet. `sender` and `receiver` stand as they were before it, but for the sender's stream, which has
/// taken it in with this `coverage`.
pub(crate) fn classify(arrival: &Arrival<'_>, sender: &Half, receiver: &Half, coverage: Coverage) -> Marks {
    let mut marks = Marks::NONE;
    if arrival.is_stray_syn() {
        return marks;
    }
    let flags = arrival.flags();
    let is_plain = !flags.intersects(Flags::SYN | Flags::FIN | Flags::RST);
    if is_plain {
        if arrival.segment.header.window == 0 {
            marks.insert(Mark::ZeroWindow);
        }
        window_marks(arrival, sender, receiver, &mut marks);
        if arrival.len == 0 {
            pure_ack_marks(arrival, sender, receiver, &mut marks);
        }
    }
    if sender.has_sent && arrival.seq > sender.next && !flags.rst() {
        marks.insert(Mark::PreviousSegmentLost);
    }
    if receiver.has_sent
        && let Some(ack) = arrival.ack.filter(|ack| !flags.rst() && sender.acked < Some(*ack))
        && (ack > receiver.next || receiver.stream.lacks_before(ack - 1))
    {
        marks.insert(Mark::AckedUnseen);
    }
    let takes_room = arrival.len > 0 || flags.intersects(Flags::SYN | Flags::FIN);
    let is_answer = flags.syn() && sender.syn_kind == SynKind::Answer;
    let is_behind = sender.has_sent && takes_room && arrival.seq < sender.next && !is_answer;
    if is_behind && !marks.contains(Mark::KeepAlive) {
        marks.insert(again(arrival, sender, receiver, coverage));
    }
    if arrival.segment.is_cut_off() && arrival.segment.payload.len() < arrival.len as usize {
        marks.insert(Mark::CutOff);
    }
    marks
}

/// Keep-alives, probes and full windows.
fn window_marks(arrival: &Arrival<'_>, sender: &Half, receiver: &Half, marks: &mut Marks) {
    // The octet before the next one is a keep-alive, unless that was the FIN, which no keep-alive repeats, or is still
    // to be acknowledged: keep-alives are for the idle (RFC 9293 section 3.8.4).
    let is_behind = sender.has_sent && arrival.seq == sender.next - 1 && sender.fin != Some(arrival.seq);
    let is_idle = receiver.acked.is_none_or(|acked| acked >= sender.next);
    if arrival.len <= 1 && is_behind && is_idle {
        marks.insert(Mark::KeepAlive);
    }
    let is_closed = receiver.has_sent && receiver.window == 0;
    if arrival.len == 1 && arrival.seq == sender.next && is_closed {
        marks.insert(Mark::ZeroWindowProbe);
    } else if arrival.len > 0
        && receiver.scale.is_some() == sender.scale.is_some()
        && (receiver.has_syn || receiver.scale.is_some())
        // What goes beyond it only shows that a later acknowledgement was not seen.
        && receiver.acked.is_some_and(|acked| arrival.end() == acked + i64::from(receiver.window))
        && arrival.end() > sender.next
    {
        marks.insert(Mark::WindowFull);
    }
}

/// Marks of a packet that does nothing but acknowledge.
fn pure_ack_marks(arrival: &Arrival<'_>, sender: &Half, receiver: &Half, marks: &mut Marks) {
    let mut sack = arrival.segment.options.iter().flatten().filter_map(|option| match option {
        TcpOption::Sack(blocks) => Some(blocks),
        _ => None,
    });
    let sack = sack.next();
    if let (Some(ack), Some(blocks)) = (arrival.ack, sack) {
        // The first block reports a duplicate when it lies below the acknowledgement or inside of the second block
        // (RFC 2883 section 4).
        let mut blocks = blocks.iter().map(|block| {
            let left = receiver.relative(block.left);
            (left, left + i64::from(block.right.distance_from(block.left)))
        });
        if let Some((left, right)) = blocks.next() {
            let is_inside = blocks
                .next()
                .is_some_and(|(outer_left, outer_right)| outer_left <= left && right <= outer_right);
            if right <= ack || is_inside {
                marks.insert(Mark::Dsack);
            }
        }
    }
    let repeats = sender.has_sent
        && arrival.seq == sender.next
        && arrival.ack.is_some()
        && arrival.ack == sender.last_ack;
    if !repeats {
        return;
    }
    match receiver.last_kind {
        LastKind::KeepAlive if arrival.window == sender.window && arrival.window != 0 => {
            marks.insert(Mark::KeepAliveAck);
        }
        LastKind::ZeroWindowProbe if arrival.window == 0 => marks.insert(Mark::ZeroWindowProbeAck),
        _ if arrival.window == 0 => {}
        _ if arrival.window != sender.window && sack.is_none() => marks.insert(Mark::WindowUpdate),
        // Without anything under way there is nothing to complain about (RFC 5681 section 2).
        _ if arrival.ack < Some(receiver.next) => marks.insert(Mark::DuplicateAck),
        // SACK reports something beyond what the capture has seen, unless it reports a duplicate.
        _ if sack.is_some() && !marks.contains(Mark::Dsack) => marks.insert(Mark::DuplicateAck),
        _ => {}
    }
}

/// Something from before `snd.nxt`: sent again, or overtaken.
fn again(arrival: &Arrival<'_>, sender: &Half, receiver: &Half, coverage: Coverage) -> Mark {
    let flags = arrival.flags();
    let is_seen = if arrival.len > 0 {
        coverage.new == 0
    } else if flags.syn() {
        sender.syn_kind == SynKind::Again
    } else {
        sender.fin == Some(arrival.seq)
    };
    let is_acked = receiver.acked.is_some_and(|acked| arrival.end() <= acked);
    if is_seen && is_acked {
        return Mark::SpuriousRetransmission;
    }
    let answers_duplicates = receiver.duplicate_acks >= 2
        && receiver.acked == Some(arrival.seq)
        && arrival.at_ns.saturating_sub(receiver.last_ack_ns) < FAST_RETRANSMISSION_NS;
    if is_seen {
        return if answers_duplicates { Mark::FastRetransmission } else { Mark::Retransmission };
    }
    if arrival.len == 0 && flags.syn() {
        // A SYN that comes after what it preceded: the capture took them in the wrong order.
        return Mark::OutOfOrder;
    }
    let was_overtaken = sent_before_furthest(arrival, sender).unwrap_or_else(|| {
        !answers_duplicates && arrival.at_ns.saturating_sub(sender.next_ns) < OVERTAKEN_NS
    });
    match (was_overtaken, answers_duplicates) {
        (true, _) => Mark::OutOfOrder,
        (false, true) => Mark::FastRetransmission,
        (false, false) => Mark::Retransmission,
    }
}

/// Whether the packet was sent before the furthest one, by its own evidence: a clock that is behind, or an
/// identification that was given out before. `None` without evidence.
fn sent_before_furthest(arrival: &Arrival<'_>, sender: &Half) -> Option<bool> {
    if let (Some((value, _)), Some(furthest)) = (arrival.timestamps, sender.timestamp)
        && value != furthest
    {
        return Some(value.wrapping_sub(furthest).cast_signed() < 0);
    }
    // Identifications count up by one for each packet of a connection on most systems. Zero and far jumps mean that
    // they do not here.
    if let (Some(id), Some(furthest)) = (arrival.identification(), sender.identification)
        && id != 0
        && furthest != 0
    {
        let ahead = id.wrapping_sub(furthest).cast_signed();
        if (1..=512).contains(&ahead.unsigned_abs()) {
            return Some(ahead < 0);
        }
    }
    None
}
