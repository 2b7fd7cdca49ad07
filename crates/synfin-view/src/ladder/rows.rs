//! The rows of a ladder in their order, before anything is folded.

use synfin_flow::{Connection, Packet, PacketNote, StateEntry};
use synfin_messages::Message;
use synfin_wire::Side;

/// A row.
#[derive(Clone, Debug)]
pub(super) enum Row<'c> {
    Packet(PacketRow<'c>),
    /// A state that no packet shows.
    State(Side, &'c StateEntry),
    /// What the kernel told of a packet, which stands above.
    Told(&'c PacketNote),
    /// Packets that were not kept.
    Omitted(u64),
    Fold(super::folding::Fold),
}

/// A packet, and what it brings.
#[derive(Clone, Debug)]
pub(super) struct PacketRow<'c> {
    pub(super) packet: &'c Packet,
    /// States that it shows.
    pub(super) states: Vec<(Side, &'c StateEntry)>,
    /// Messages that begin or end with it.
    pub(super) notes: Vec<Note<'c>>,
}

/// What a packet carried of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note<'c> {
    pub(super) message: &'c Message,
    pub(super) part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// The first byte, and maybe all of it.
    First,
    /// The last byte, but not the first one.
    Last,
}

/// All rows. The first state of each end is not among them: it stands above the first packet.
pub(super) fn rows(connection: &Connection) -> Vec<Row<'_>> {
    let mut packets: Vec<PacketRow<'_>> = connection
        .packets
        .iter()
        .map(|packet| PacketRow { packet, states: Vec::new(), notes: Vec::new() })
        .collect();
    attach_notes(connection, &mut packets);
    let loose = attach_states(connection, &mut packets);
    let mut told = told(connection, &packets).into_iter().peekable();

    let omission = connection.packets.before_omission().len();
    let mut rows = Vec::with_capacity(packets.len() + loose.len() + 1);
    let mut loose = loose.into_iter().peekable();
    let end = packets.len();
    for (i, packet) in packets.into_iter().enumerate() {
        while let Some((_, note)) = told.next_if(|(before, _)| *before <= i) {
            rows.push(Row::Told(note));
        }
        while let Some(state) = loose.next_if(|state| state.before <= i) {
            rows.push(Row::State(state.side, state.entry));
        }
        if i == omission && connection.packets.omitted() > 0 {
            rows.push(Row::Omitted(connection.packets.omitted()));
        }
        rows.push(Row::Packet(packet));
    }
    if omission == end && connection.packets.omitted() > 0 {
        rows.push(Row::Omitted(connection.packets.omitted()));
    }
    rows.extend(told.map(|(_, note)| Row::Told(note)));
    rows.extend(loose.map(|state| Row::State(state.side, state.entry)));
    rows
}

/// Where the packet of this number stands.
fn position(packets: &[PacketRow<'_>], n: u64) -> Option<usize> {
    packets.binary_search_by_key(&n, |row| row.packet.n).ok()
}

fn attach_notes<'c>(connection: &'c Connection, packets: &mut [PacketRow<'c>]) {
    for message in &connection.messages {
        let (first, last) = (message.packets.first(), message.packets.last());
        let parts = [(first, Part::First), (last, Part::Last)];
        for (n, part) in parts.into_iter().take(if first == last { 1 } else { 2 }) {
            if let Some(row) = position(packets, n).and_then(|i| packets.get_mut(i)) {
                row.notes.push(Note { message, part });
            }
        }
    }
}

/// What the kernel told, and above the packet of which position it stands: below the packet that it is about.
fn told<'c>(connection: &'c Connection, packets: &[PacketRow<'c>]) -> Vec<(usize, &'c PacketNote)> {
    let mut told: Vec<_> = connection
        .notes
        .iter()
        .map(|note| {
            let about = note.packet.and_then(|n| position(packets, n)).map(|i| i + 1);
            (about.unwrap_or_else(|| packets.partition_point(|row| row.packet.at_ns <= note.at_ns)), note)
        })
        .collect();
    told.sort_by_key(|(before, note)| (*before, note.at_ns));
    told
}

/// A state with a row of its own, above the packet of this position.
struct Loose<'c> {
    before: usize,
    side: Side,
    entry: &'c StateEntry,
}

fn attach_states<'c>(connection: &'c Connection, packets: &mut [PacketRow<'c>]) -> Vec<Loose<'c>> {
    let mut loose = Vec::new();
    for side in Side::BOTH {
        // The states of one end stand in their order, whatever their times say.
        let mut earliest = 0;
        for entry in connection.endpoint(side).states.iter().skip(1) {
            let shown_by = entry.packet.and_then(|n| position(packets, n));
            if let Some(i) = shown_by.filter(|i| *i >= earliest)
                && let Some(row) = packets.get_mut(i)
            {
                row.states.push((side, entry));
                earliest = i;
                continue;
            }
            let by_time = packets.partition_point(|row| row.packet.at_ns <= entry.at_ns);
            // What the state before was attached to comes before this one.
            let is_attached =
                packets.get(earliest).is_some_and(|row| row.states.iter().any(|(s, _)| *s == side));
            earliest = by_time.max(earliest + usize::from(is_attached));
            loose.push(Loose { before: earliest, side, entry });
        }
    }
    loose.sort_by_key(|state| (state.before, state.entry.at_ns));
    loose
}
