//! Reassembly of fragmented IP packets (RFC 791 section 3.2, RFC 8200 section 4.5), bounded.

use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;
use synfin_wire::dissect::{Fragment, Ip};
use synfin_wire::{Frame, InterfaceId};

/// How long fragments wait for the others, in nanoseconds (RFC 8200 section 4.5: 60 s).
const MAX_WAIT_NS: u64 = 60_000_000_000;

/// The longest payload that an IP packet can have, in bytes.
const MAX_PAYLOAD: u32 = 65_535;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    /// Seen on two interfaces, a packet becomes whole twice, and is then known for a duplicate.
    interface: InterfaceId,
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    protocol: u8,
}

#[derive(Debug)]
struct Partial {
    since_ns: u64,
    /// IP header and protocol of the first fragment (that at offset 0), once it came.
    first: Option<(Ip, u8)>,
    bytes: Vec<u8>,
    /// What of `bytes` is there, in order and apart.
    present: Vec<(u32, u32)>,
    len: Option<u32>,
    /// Frames that brought the fragments, on the wire, in bytes.
    wire_len: u32,
    /// The same for IP packets.
    ip_len: u32,
}

/// A packet that is whole again.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The IP header of its first fragment, with the length of all of them, headers included.
    pub(crate) ip: Ip,
    /// Protocol of the payload.
    pub(crate) protocol: u8,
    /// The payload.
    pub(crate) payload: Vec<u8>,
    /// All frames that brought it, on the wire, in bytes.
    pub(crate) wire_len: u32,
}

/// Fragments that wait for others.
#[derive(Default, Debug)]
pub(crate) struct Fragments {
    partial: HashMap<Key, Partial>,
    /// In the order of their first fragments; a key may be gone from `partial` already.
    order: VecDeque<(u64, Key)>,
    lost: u64,
}

impl Fragments {
    /// Takes a fragment, and gives the packet if that makes it whole. At most `max` packets wait.
    pub(crate) fn on_fragment(
        &mut self,
        frame: &Frame<'_>,
        ip: Ip,
        fragment: &Fragment<'_>,
        max: usize,
    ) -> Option<Whole> {
        let Frame { at_ns, interface, original_len: wire_len, .. } = *frame;
        self.expire(at_ns, max);
        let end = fragment.offset.checked_add(u32::try_from(fragment.payload.len()).ok()?)?;
        // A piece that the capture cut off can never be put together, nor one beyond the end of any packet.
        if fragment.payload.len() < fragment.payload_len as usize || end > MAX_PAYLOAD {
            self.lost += 1;
            return None;
        }
        let key = Key {
            interface,
            source: ip.source,
            destination: ip.destination,
            identification: ip.identification.unwrap_or_default(),
            protocol: fragment.protocol,
        };
        let order = &mut self.order;
        let partial = self.partial.entry(key).or_insert_with(|| {
            order.push_back((at_ns, key));
            Partial {
                since_ns: at_ns,
                first: None,
                bytes: Vec::new(),
                present: Vec::new(),
                len: None,
                wire_len: 0,
                ip_len: 0,
            }
        });
        partial.insert(fragment, end);
        partial.wire_len = partial.wire_len.saturating_add(wire_len);
        partial.ip_len = partial.ip_len.saturating_add(ip.total_len);
        if fragment.offset == 0 {
            partial.first = Some((ip, fragment.protocol));
        }
        if !fragment.more {
            partial.len = Some(end);
        }
        if !partial.is_whole() {
            return None;
        }
        let partial = self.partial.remove(&key)?;
        let (ip, protocol) = partial.first?;
        let ip = Ip { total_len: partial.ip_len, ..ip };
        Some(Whole { ip, protocol, payload: partial.bytes, wire_len: partial.wire_len })
    }

    /// Fragments that were given up, and those that still wait.
    pub(crate) fn lost(&self) -> u64 {
        self.lost + self.partial.values().map(|partial| partial.present.len() as u64).sum::<u64>()
    }

    fn expire(&mut self, now_ns: u64, max: usize) {
        while let Some(&(since_ns, key)) = self.order.front() {
            let is_gone = self.partial.get(&key).is_none_or(|partial| partial.since_ns != since_ns);
            let is_late = since_ns.saturating_add(MAX_WAIT_NS) < now_ns || self.partial.len() >= max;
            if !is_gone && !is_late {
                return;
            }
            self.order.pop_front();
            if !is_gone && let Some(partial) = self.partial.remove(&key) {
                self.lost += partial.present.len() as u64;
            }
        }
    }
}

impl Partial {
    /// Later bytes do not overwrite earlier ones: RFC 5722 forbids overlaps, so that there is no right way.
    fn insert(&mut self, fragment: &Fragment<'_>, end: u32) {
        let start = fragment.offset;
        if self.bytes.len() < end as usize {
            self.bytes.resize(end as usize, 0);
        }
        let mut at = start;
        let mut holes = Vec::new();
        for &(from, to) in &self.present {
            if at < from.min(end) {
                holes.push((at, from.min(end)));
            }
            at = at.max(to);
        }
        if at < end {
            holes.push((at, end));
        }
        for &(from, to) in &holes {
            let source = fragment.payload.get((from - start) as usize..(to - start) as usize);
            if let (Some(target), Some(source)) = (self.bytes.get_mut(from as usize..to as usize), source) {
                target.copy_from_slice(source);
            }
        }
        self.present.extend(holes);
        self.present.sort_unstable();
    }

    fn is_whole(&self) -> bool {
        let mut at = 0;
        for &(from, to) in &self.present {
            if from > at {
                return false;
            }
            at = at.max(to);
        }
        self.first.is_some() && self.len == Some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use synfin_wire::LinkType;

    use super::*;

    fn frame(at_ns: u64) -> Frame<'static> {
        Frame {
            number: 1,
            at_ns,
            link: LinkType::RAW,
            interface: InterfaceId(1),
            direction: None,
            original_len: 1,
            bytes: &[],
            fate: synfin_wire::Fate::default(),
        }
    }

    fn ip(identification: u32) -> Ip {
        Ip {
            source: Ipv4Addr::new(10, 0, 0, 1).into(),
            destination: Ipv4Addr::new(10, 0, 0, 2).into(),
            total_len: 44,
            ttl: 64,
            traffic_class: 0,
            identification: Some(identification),
        }
    }

    fn piece(payload: &[u8], from: usize, to: usize) -> Fragment<'_> {
        Fragment {
            protocol: 6,
            offset: from as u32,
            more: to < payload.len(),
            payload: &payload[from..to],
            payload_len: (to - from) as u32,
        }
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_gives_the_packet_back(
            payload in proptest::collection::vec(any::<u8>(), 1..400),
            order in proptest::collection::vec(0usize..50, 50..100),
        ) {
            let pieces: Vec<_> =
                (0..payload.len().div_ceil(8)).map(|n| piece(&payload, n * 8, (n * 8 + 8).min(payload.len()))).collect();
            let mut fragments = Fragments::default();
            let mut whole = None;
            let mut seen = vec![false; pieces.len()];
            for n in order.into_iter().map(|n| n % pieces.len()).chain(0..pieces.len()) {
                if whole.is_none() {
                    seen[n] = true;
                    whole = fragments.on_fragment(&frame(0), ip(7), &pieces[n], 10);
                    prop_assert_eq!(whole.is_some(), seen.iter().all(|seen| *seen));
                }
            }
            prop_assert_eq!(whole.unwrap().payload, payload);
            prop_assert_eq!(fragments.lost(), 0);
        }

        #[test]
        fn hostile_fragments_stay_bounded(
            pieces in proptest::collection::vec((0u32..20, 0u32..70_000, 0usize..70, any::<bool>(), 0u64..200), 0..300),
        ) {
            let bytes = [0; 70];
            let mut fragments = Fragments::default();
            for (id, offset, len, more, at) in pieces {
                let payload = &bytes[..len];
                let fragment = Fragment { protocol: 6, offset, more, payload, payload_len: len as u32 };
                let _ = fragments.on_fragment(&frame(at * 1_000_000_000), ip(id), &fragment, 8);
                prop_assert!(fragments.partial.len() <= 8);
            }
        }
    }

    #[test]
    fn what_never_becomes_whole_is_counted() {
        let payload = [1; 64];
        let mut fragments = Fragments::default();
        assert!(fragments.on_fragment(&frame(0), ip(1), &piece(&payload, 0, 32), 10).is_none());
        assert_eq!(fragments.lost(), 1);
        assert!(fragments.on_fragment(&frame(MAX_WAIT_NS + 1), ip(2), &piece(&payload, 0, 32), 10).is_none());
        assert_eq!((fragments.partial.len(), fragments.lost()), (1, 2));
    }
}
