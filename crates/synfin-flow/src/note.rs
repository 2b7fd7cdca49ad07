//! What the kernel told of packets, beside the packets that it told of.

use synfin_wire::{Note, NoteKind, SeqNumber, Side};

use crate::{Connection, Packet};

/// Notes that are kept of a connection. A connection with more has one trouble many times.
const MAX_NOTES: usize = 1_000;

/// What the kernel told of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketNote {
    /// When, in nanoseconds since the Unix epoch (UTC).
    pub at_ns: u64,
    /// Who sent the packet.
    pub from: Side,
    /// What happened to it.
    pub kind: NoteKind,
    /// Why; empty where that was not told.
    pub reason: String,
    /// Frame number of the packet, where it is among those that were kept.
    pub packet: Option<u64>,
    seq: Option<SeqNumber>,
}

impl Connection {
    /// Takes a note, as long as there is room for it.
    pub(crate) fn on_note(&mut self, from: Side, note: &Note<'_>) {
        if self.notes.len() < MAX_NOTES {
            let Note { at_ns, kind, seq, reason, .. } = *note;
            self.notes.push(PacketNote { at_ns, from, kind, reason: reason.to_owned(), packet: None, seq });
        }
    }

    /// Finds the packet of each note: of those that it may be, the nearest in time.
    pub(crate) fn place_notes(&mut self) {
        let mut notes = std::mem::take(&mut self.notes);
        for note in &mut notes {
            let may_be = |packet: &&Packet| {
                packet.from == note.from
                    && note.seq.is_none_or(|seq| packet.raw_seq == seq)
                    && (note.kind == NoteKind::ResetSent) == packet.flags.rst()
                    // What takes no sequence number cannot be sent again.
                    && (note.kind != NoteKind::Retransmit || packet.len > 0 || packet.flags.syn() || packet.flags.fin())
            };
            let found =
                self.packets.iter().filter(may_be).min_by_key(|packet| packet.at_ns.abs_diff(note.at_ns));
            note.packet = found.map(|packet| packet.n);
        }
        self.notes = notes;
    }
}
