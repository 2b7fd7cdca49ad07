//! What the kernel told during a capture, inside the pcapng that was written: so that reading it later draws the same.
//!
//! It stands in blocks of a type for local use (draft-ietf-opsawg-pcapng section 11.1) between the packets, in the order
//! of time. Other programs pass over them. (Custom blocks Wireshark shows and counts among the packets, so that its
//! numbers would not be those of the capture.)
//!
//! ```text
//! block    "synfin", version (1), 0, item…, up to an item of kind 0 or the end
//! item     kind (1 byte), length of what follows (2), fields
//! state    kind 1: at_ns (8), namespace (8), cookie (8), local, remote, from (1), to (1), process, is inferred (1)
//! owner    kind 2: at_ns (8), namespace (8), cookie (8), local, remote, process
//! note     kind 3: at_ns (8), namespace (8), local, remote, what (1), has seq (1), seq (4), reason (the rest, UTF-8)
//! address  family (1: 4 or 6), IP address (16, IPv4 in the first 4), port (2)
//! process  pid (4; 0: not known), name (16)
//! ```
//!
//! Of a capture in several network namespaces, the description of each interface says in which one it lies.
//!
//! All numbers are little-endian. Items of a kind that is not known are passed over, and so are fields behind those that
//! are; blocks of another version are left alone.

use std::net::{IpAddr, SocketAddr};

use synfin_capture::{Block, BlockKind};
use synfin_wire::{
    Note, NoteKind, Observation, Owner, Process, ProcessName, SeqNumber, SocketId, Source, State, StateChange,
};

/// What the description of an interface begins with in a capture of several network namespaces; a number follows.
const NAMESPACE: &str = "network namespace ";

/// The description of an interface in this network namespace.
#[cfg(any(feature = "kernel", test))]
pub(crate) fn describe_namespace(namespace: u64) -> String {
    format!("{NAMESPACE}{namespace}")
}

/// The network namespace that the description of an interface tells.
pub(crate) fn namespace_of(description: &str) -> Option<u64> {
    description.strip_prefix(NAMESPACE)?.parse().ok()
}

const MAGIC: &[u8; 8] = b"synfin\x01\0";

const STATE: u8 = 1;
const OWNER: u8 = 2;
const NOTE: u8 = 3;

/// A longer reason is cut.
const MAX_REASON: usize = 256;

/// Puts what the kernel told behind what is to become one block. Frames and losses have blocks of their own; samples are
/// of no kernel.
pub(crate) fn encode(observation: &Observation<'_>, block: &mut Vec<u8>) {
    if block.is_empty() {
        block.extend_from_slice(MAGIC);
    }
    let mut fields = Vec::with_capacity(96);
    let kind = match observation {
        Observation::StateChange(change) => {
            let StateChange { at_ns, socket, local, remote, from, to, source: _, is_inferred, process } =
                *change;
            put_head(&mut fields, at_ns, socket);
            put_ends(&mut fields, local, remote);
            fields.extend([from, to].map(number));
            put_process(&mut fields, process);
            fields.push(u8::from(is_inferred));
            STATE
        }
        Observation::Owner(owner) => {
            let Owner { at_ns, socket, local, remote, process } = *owner;
            put_head(&mut fields, at_ns, socket);
            put_ends(&mut fields, local, remote);
            put_process(&mut fields, Some(process));
            OWNER
        }
        Observation::Note(note) => {
            let Note { at_ns, namespace, local, remote, kind, seq, reason } = *note;
            fields.extend(at_ns.to_le_bytes());
            fields.extend(namespace.to_le_bytes());
            put_ends(&mut fields, local, remote);
            fields.push(match kind {
                NoteKind::Retransmit => 1,
                NoteKind::ResetSent => 2,
                NoteKind::Dropped => 3,
                _ => return,
            });
            fields.push(u8::from(seq.is_some()));
            fields.extend(seq.map_or(0, |seq| seq.0).to_le_bytes());
            let cut = reason.floor_char_boundary(MAX_REASON);
            fields.extend_from_slice(reason.get(..cut).unwrap_or_default().as_bytes());
            NOTE
        }
        Observation::Frame(_) | Observation::Loss(_) | Observation::Sample(_) => return,
    };
    let Ok(len) = u16::try_from(fields.len()) else { return };
    block.push(kind);
    block.extend(len.to_le_bytes());
    block.extend_from_slice(&fields);
}

/// Hands over what the kernel told, where the block is one of ours.
pub(crate) fn decode(block: &Block, mut tell: impl FnMut(&Observation<'_>)) {
    let is_ours = block.kind == BlockKind::Local;
    let Some(mut items) = block.body.strip_prefix(MAGIC.as_slice()).filter(|_| is_ours) else { return };
    while let Some(([kind, low, high], rest)) = items.split_first_chunk::<3>()
        && *kind != 0
        && let Some((fields, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))
    {
        items = rest;
        let mut fields = Fields(fields);
        match *kind {
            STATE => {
                if let Some(change) = fields.state_change() {
                    tell(&Observation::StateChange(change));
                }
            }
            OWNER => {
                if let Some(owner) = fields.owner() {
                    tell(&Observation::Owner(owner));
                }
            }
            NOTE => {
                if let Some(note) = fields.note() {
                    tell(&Observation::Note(note));
                }
            }
            _ => {}
        }
    }
}

fn put_head(fields: &mut Vec<u8>, at_ns: u64, socket: SocketId) {
    for value in [at_ns, socket.namespace, socket.cookie] {
        fields.extend(value.to_le_bytes());
    }
}

fn put_ends(fields: &mut Vec<u8>, local: SocketAddr, remote: SocketAddr) {
    for end in [local, remote] {
        let mut ip = [0; 16];
        let family = match end.ip() {
            IpAddr::V4(v4) => {
                ip.iter_mut().zip(v4.octets()).for_each(|(to, from)| *to = from);
                4
            }
            IpAddr::V6(v6) => {
                ip = v6.octets();
                6
            }
        };
        fields.push(family);
        fields.extend(ip);
        fields.extend(end.port().to_le_bytes());
    }
}

fn put_process(fields: &mut Vec<u8>, process: Option<Process>) {
    let mut name = [0; 16];
    if let Some(process) = process {
        name.iter_mut().zip(process.name.as_str().bytes()).for_each(|(to, from)| *to = from);
    }
    fields.extend(process.map_or(0, |process| process.pid).to_le_bytes());
    fields.extend(name);
}

/// A state as a number: its place in RFC 9293 section 3.3.2.
fn number(state: State) -> u8 {
    State::ALL
        .iter()
        .position(|other| *other == state)
        .and_then(|at| u8::try_from(at).ok())
        .unwrap_or(u8::MAX)
}

/// Takes fields off the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn socket(&mut self) -> Option<SocketId> {
        Some(SocketId { namespace: self.long()?, cookie: self.long()? })
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let family = self.byte()?;
        let ip: [u8; 16] = self.take()?;
        let ip = match family {
            4 => IpAddr::from(*ip.first_chunk::<4>()?),
            6 => IpAddr::from(ip),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_le_bytes(self.take()?)))
    }

    fn state(&mut self) -> Option<State> {
        State::ALL.get(usize::from(self.byte()?)).copied()
    }

    fn process(&mut self) -> Option<Option<Process>> {
        let pid = u32::from_le_bytes(self.take()?);
        let name = ProcessName::new(&self.take::<16>()?);
        Some((pid != 0).then_some(Process { pid, name }))
    }

    fn state_change(&mut self) -> Option<StateChange> {
        Some(StateChange {
            at_ns: self.long()?,
            socket: self.socket()?,
            local: self.address()?,
            remote: self.address()?,
            from: self.state()?,
            to: self.state()?,
            source: Source::Kernel,
            process: self.process()?,
            // Files from before this field had nothing more to say.
            is_inferred: self.byte().is_some_and(|byte| byte != 0),
        })
    }

    fn owner(&mut self) -> Option<Owner> {
        Some(Owner {
            at_ns: self.long()?,
            socket: self.socket()?,
            local: self.address()?,
            remote: self.address()?,
            process: self.process()??,
        })
    }

    fn note(&mut self) -> Option<Note<'a>> {
        let (at_ns, namespace) = (self.long()?, self.long()?);
        let (local, remote) = (self.address()?, self.address()?);
        let kind = match self.byte()? {
            1 => NoteKind::Retransmit,
            2 => NoteKind::ResetSent,
            3 => NoteKind::Dropped,
            _ => return None,
        };
        let has_seq = self.byte()? != 0;
        let seq = SeqNumber(u32::from_le_bytes(self.take()?));
        let reason = str::from_utf8(self.0).ok()?;
        Some(Note { at_ns, namespace, local, remote, kind, seq: has_seq.then_some(seq), reason })
    }
}

#[cfg(test)]
mod tests;
