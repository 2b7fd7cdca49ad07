//! Between the numbers of a script and those of the wire.
//!
//! As in packetdrill: numbers of segments with SYN are absolute, those of all others count from the initial sequence
//! number of their side. What the script writes down as the TCP's own initial number stands for the one that it chose.
//! What the script has as TS val stands for what the TCP has sent, and comes back as such.

use std::collections::HashMap;

use synfin_wire::tcp::Flags;

use super::script::{Tcp, TcpOption};
use super::wire::Seen;

/// Ports of a connection on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Ports {
    pub(crate) local: u16,
    pub(crate) remote: u16,
}

/// One connection's numbers.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) ports: Ports,
    /// The TCP's initial number: in the script, and on the wire.
    local: Option<(u32, u32)>,
    /// The script's own side's.
    remote: Option<u32>,
    /// A SYN came in with another initial number: if it is answered, the connection is a new one.
    reopening: Option<u32>,
    /// TS val: from the script's to the wire's.
    timestamps: HashMap<u32, u32>,
    /// The first of them.
    first_timestamp: Option<(u32, u32)>,
    /// The last one on the wire, whether the script has written it or not.
    last_timestamp: Option<u32>,
}

/// Most timestamps that are remembered: more are not told apart by any script of the size that is read.
const TIMESTAMPS_MAX: usize = 1 << 16;

impl Mapping {
    pub(crate) fn new(ports: Ports) -> Self {
        Self {
            ports,
            local: None,
            remote: None,
            reopening: None,
            timestamps: HashMap::new(),
            first_timestamp: None,
            last_timestamp: None,
        }
    }

    fn local_offset(&self, is_syn: bool) -> u32 {
        let (script, wire) = self.local.unwrap_or_default();
        if is_syn { wire.wrapping_sub(script) } else { wire }
    }

    fn remote_offset(&self, is_syn: bool) -> u32 {
        if is_syn { 0 } else { self.remote.unwrap_or_default() }
    }

    /// The number on the wire of an octet that the TCP has sent.
    pub(crate) fn local_seq(&self, seq: u32) -> u32 {
        seq.wrapping_add(self.local_offset(false))
    }

    /// A packet that goes in, with the numbers of the wire.
    pub(crate) fn inbound(&mut self, tcp: &Tcp) -> Result<Tcp, String> {
        let is_syn = tcp.flags.syn();
        if is_syn {
            match self.remote {
                None => self.remote = Some(tcp.seq),
                Some(known) if known != tcp.seq => self.reopening = Some(tcp.seq),
                Some(_) => {}
            }
        }
        let (ours, theirs) = (self.local_offset(is_syn), self.remote_offset(is_syn));
        let mut wire = tcp.clone();
        wire.seq = wire.seq.wrapping_add(theirs);
        // As in packetdrill, a number that is not written is zero.
        if tcp.flags.ack() {
            wire.ack = Some(tcp.ack.unwrap_or_default().wrapping_add(ours));
        }
        for option in wire.options.iter_mut().flatten() {
            match option {
                TcpOption::Sack(blocks) => shift(blocks, ours),
                TcpOption::Timestamps(_, echo) if tcp.flags.ack() => *echo = self.echo(*echo)?,
                _ => {}
            }
        }
        Ok(wire)
    }

    /// The TS val that stands for one of the script: one that was sent; or as far from the first one; or, where the
    /// script has written none (`<...>`), the last one.
    fn echo(&self, script: u32) -> Result<u32, String> {
        if let Some(wire) = self.timestamps.get(&script) {
            return Ok(*wire);
        }
        let near = self.first_timestamp.map(|(first, wire)| script.wrapping_sub(first).wrapping_add(wire));
        // Where none ever came out, 0 is what a host sends that has none to answer (RFC 7323 section 3.2).
        near.or(self.last_timestamp)
            .or((script == 0).then_some(0))
            .ok_or_else(|| format!("TS ecr {script} answers nothing: no TS val came out before"))
    }

    /// Learns from a packet that came out where another was expected.
    pub(crate) fn learn(&mut self, expected: &Tcp, seen: &Seen) {
        let flags = seen.header.flags;
        if flags.syn() && expected.flags.syn() {
            if let Some(remote) = self.reopening.filter(|_| flags.ack()) {
                (self.remote, self.reopening) = (Some(remote), None);
                self.local = None;
                self.timestamps.clear();
                self.first_timestamp = None;
            }
            self.local.get_or_insert((expected.seq, seen.header.seq.0));
        } else if !flags.contains(Flags::RST) {
            self.reopening = None;
        }
        let timestamp = |options: &[TcpOption]| {
            options.iter().find_map(|option| match option {
                TcpOption::Timestamps(value, _) => Some(*value),
                _ => None,
            })
        };
        let script = expected.options.as_deref().and_then(timestamp);
        self.last_timestamp = timestamp(&seen.options).or(self.last_timestamp);
        if let Some((script, wire)) = script.zip(timestamp(&seen.options)) {
            self.first_timestamp.get_or_insert((script, wire));
            if self.timestamps.len() < TIMESTAMPS_MAX {
                self.timestamps.insert(script, wire);
            }
        }
    }

    /// A packet that came out, with the numbers of the script.
    pub(crate) fn outbound(&self, seen: &Seen) -> Tcp {
        let header = &seen.header;
        let is_syn = header.flags.syn();
        let (ours, theirs) = (self.local_offset(is_syn), self.remote_offset(is_syn));
        let mut options = seen.options.clone();
        for option in &mut options {
            match option {
                TcpOption::Sack(blocks) => shift(blocks, theirs.wrapping_neg()),
                TcpOption::Timestamps(value, _) => {
                    if let Some((script, wire)) = self.first_timestamp {
                        *value = value.wrapping_sub(wire).wrapping_add(script);
                    }
                }
                _ => {}
            }
        }
        Tcp {
            flags: header.flags,
            seq: header.seq.0.wrapping_sub(ours),
            len: u16::try_from(seen.payload.len()).unwrap_or(u16::MAX),
            ack: header.flags.ack().then(|| header.ack.0.wrapping_sub(theirs)),
            window: Some(header.window),
            urgent_pointer: header.urgent_pointer,
            options: Some(options),
        }
    }
}

fn shift(blocks: &mut [(u32, u32)], by: u32) {
    for (left, right) in blocks {
        *left = left.wrapping_add(by);
        *right = right.wrapping_add(by);
    }
}
