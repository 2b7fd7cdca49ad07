//! The same packet seen on several interfaces.
//!
//! A capture on `any` sees a packet on every interface that it passes: on a bridge and its port, on both ends of a veth
//! pair, on a tunnel and below it. That is one packet. A retransmission is another one, which again passes all of
//! them: so each sighting is remembered with the interfaces that it came by, and one on an interface that has had it
//! already begins anew.

use std::collections::VecDeque;
use std::net::SocketAddr;

use hashbrown::HashMap;
use synfin_wire::InterfaceId;
use synfin_wire::dissect::Ip;
use synfin_wire::tcp::Segment;

/// How long a packet may take from one interface to another of the same host, in nanoseconds. Queues in between can
/// hold it for a while, but not for as long as the shortest retransmission timer in use (Linux: 200 ms).
const MAX_APART_NS: u64 = 150_000_000;

/// Sightings that are remembered; on a busy host others come in between.
const MAX_SIGHTINGS: usize = 16_384;

/// Packets that are remembered while there is but one interface: enough for the first ones on a second interface to be
/// recognised.
const MAX_BEFORE_SECOND: usize = 32;

/// Interfaces that one packet can have come by.
const MAX_INTERFACES: usize = 8;

#[derive(Debug)]
struct Sighting {
    at_ns: u64,
    interfaces: [Option<InterfaceId>; MAX_INTERFACES],
}

/// What stays the same on the way of a packet through a host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Identity {
    /// What passes from one namespace to another belongs to a connection in each.
    namespace: u64,
    source: SocketAddr,
    destination: SocketAddr,
    seq: u32,
    ack: u32,
    flags: u16,
    window: u16,
    len: u32,
    identification: Option<u32>,
    timestamps: Option<(u32, u32)>,
}

impl Identity {
    pub(crate) fn of(
        namespace: u64,
        source: SocketAddr,
        destination: SocketAddr,
        ip: &Ip,
        segment: &Segment<'_>,
    ) -> Self {
        Self {
            namespace,
            source,
            destination,
            seq: segment.header.seq.0,
            ack: segment.header.ack.0,
            flags: segment.header.flags.bits(),
            window: segment.header.window,
            len: segment.payload_len,
            identification: ip.identification,
            timestamps: segment.options.timestamps(),
        }
    }
}

/// Tells packets from further sightings of them.
#[derive(Default, Debug)]
pub(crate) struct Duplicates {
    /// The last packets while there is but one interface, not looked at any closer.
    before_second: VecDeque<(u64, Identity)>,
    /// The latest sighting of each packet.
    recent: HashMap<Identity, Sighting>,
    /// The same in the order of time; a later sighting may have taken the place of an earlier one.
    order: VecDeque<(u64, Identity)>,
    first_interface: Option<InterfaceId>,
    has_several: bool,
}

impl Duplicates {
    /// Whether this packet has been seen already, on another interface.
    pub(crate) fn is_duplicate(&mut self, interface: InterfaceId, at_ns: u64, identity: Identity) -> bool {
        let first = *self.first_interface.get_or_insert(interface);
        if !self.has_several {
            if first == interface {
                if self.before_second.len() >= MAX_BEFORE_SECOND {
                    self.before_second.pop_front();
                }
                self.before_second.push_back((at_ns, identity));
                return false;
            }
            self.has_several = true;
            for (at_ns, identity) in std::mem::take(&mut self.before_second) {
                self.look(first, at_ns, identity);
            }
        }
        self.look(interface, at_ns, identity)
    }

    fn look(&mut self, interface: InterfaceId, at_ns: u64, identity: Identity) -> bool {
        while let Some(&(oldest_ns, oldest)) = self.order.front()
            && (self.order.len() >= MAX_SIGHTINGS || oldest_ns.saturating_add(MAX_APART_NS) < at_ns)
        {
            self.order.pop_front();
            if self.recent.get(&oldest).is_some_and(|sighting| sighting.at_ns == oldest_ns) {
                self.recent.remove(&oldest);
            }
        }
        if let Some(sighting) = self.recent.get_mut(&identity)
            && !sighting.interfaces.contains(&Some(interface))
            && let Some(free) = sighting.interfaces.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(interface);
            return true;
        }
        let mut interfaces = [None; MAX_INTERFACES];
        if let Some(first) = interfaces.first_mut() {
            *first = Some(interface);
        }
        self.order.push_back((at_ns, identity));
        self.recent.insert(identity, Sighting { at_ns, interfaces });
        false
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn packet(seq: u32) -> Identity {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        Identity {
            namespace: 0,
            source: address,
            destination: address,
            seq,
            ack: 0,
            flags: 0,
            window: 0,
            len: 0,
            identification: None,
            timestamps: None,
        }
    }

    #[test]
    fn a_second_interface_shows_the_same_packet_and_a_retransmission_is_another() {
        let mut duplicates = Duplicates::default();
        let (veth, bridge) = (InterfaceId(1), InterfaceId(2));
        let seen =
            [(veth, 0, 7), (veth, 10, 8), (bridge, 11, 8), (veth, 50, 8), (bridge, 51, 8), (bridge, 52, 8)]
                .map(|(interface, at_ns, seq)| duplicates.is_duplicate(interface, at_ns, packet(seq)));
        assert_eq!(seen, [false, false, true, false, true, false]);
    }

    #[test]
    fn much_later_it_is_another_packet() {
        let mut duplicates = Duplicates::default();
        assert!(!duplicates.is_duplicate(InterfaceId(1), 0, packet(7)));
        assert!(!duplicates.is_duplicate(InterfaceId(2), MAX_APART_NS + 1, packet(7)));
    }

    #[test]
    fn room_is_bounded() {
        let mut duplicates = Duplicates::default();
        for seq in 0..100_000 {
            duplicates.is_duplicate(InterfaceId(seq % 2), 0, packet(seq));
            assert!(duplicates.recent.len() <= MAX_SIGHTINGS && duplicates.order.len() <= MAX_SIGHTINGS);
        }
    }
}
