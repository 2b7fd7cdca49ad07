//! The direction of a frame in Linux cooked captures, whose header carries the kernel's packet type.

use synfin_wire::{Direction, LinkType};

/// `PACKET_HOST`, `PACKET_BROADCAST`, `PACKET_MULTICAST`, `PACKET_OTHERHOST`, then `PACKET_OUTGOING` (if_packet.h).
pub(crate) fn direction_of_packet_type(packet_type: u16) -> Option<Direction> {
    match packet_type {
        0..=3 => Some(Direction::Inbound),
        4 => Some(Direction::Outbound),
        _ => None,
    }
}

/// The direction in the cooked header of a frame, if it has one.
pub(crate) fn direction(link: LinkType, bytes: &[u8]) -> Option<Direction> {
    let packet_type = match link {
        LinkType::LINUX_SLL => u16::from_be_bytes(*bytes.first_chunk()?),
        LinkType::LINUX_SLL2 => u16::from(*bytes.get(10)?),
        _ => return None,
    };
    direction_of_packet_type(packet_type)
}

/// The interface index in a version 2 cooked header.
pub(crate) fn interface_index(link: LinkType, bytes: &[u8]) -> Option<u32> {
    match link {
        LinkType::LINUX_SLL2 => Some(u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_type_says_which_way() {
        let sll = |packet_type: u8| direction(LinkType::LINUX_SLL, &[0, packet_type, 0, 1]);
        assert_eq!(sll(0), Some(Direction::Inbound));
        assert_eq!(sll(3), Some(Direction::Inbound));
        assert_eq!(sll(4), Some(Direction::Outbound));
        assert_eq!(sll(5), None);

        let mut header = [0u8; 20];
        header[7] = 2;
        header[10] = 4;
        assert_eq!(direction(LinkType::LINUX_SLL2, &header), Some(Direction::Outbound));
        assert_eq!(interface_index(LinkType::LINUX_SLL2, &header), Some(2));
        assert_eq!(direction(LinkType::LINUX_SLL2, &header[..10]), None);
        assert_eq!(direction(LinkType::ETHERNET, &header), None);
    }
}
