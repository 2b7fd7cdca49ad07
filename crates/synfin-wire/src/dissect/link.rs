//! Link headers: Ethernet, VLAN tags, MPLS, PPP, LLC, Linux cooked, BSD loopback, raw IP.

use super::{DissectError, Extent, Layer, Next};
use crate::LinkType;
use crate::bytes::u16_at;

/// EtherTypes (IEEE registry).
mod ether_type {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const IPV6: u16 = 0x86dd;
    /// IEEE 802.1Q, 802.1ad, and what QinQ used before that.
    pub(super) const VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
    pub(super) const MPLS: [u16; 2] = [0x8847, 0x8848];
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    pub(super) const TRANSPARENT_ETHERNET: u16 = 0x6558;
}

/// Values below this in the place of an EtherType are lengths (IEEE 802.3): an LLC header follows.
const MIN_ETHER_TYPE: u16 = 0x0600;

/// The header that the link type gives every frame.
pub(super) fn first(link: LinkType, extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    let link = link.canonical();
    Ok(match link {
        LinkType::ETHERNET => Next::Ethernet(extent),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Next::Ip(extent),
        LinkType::NULL | LinkType::LOOP => {
            let (family, rest) = extent.split::<4>(Layer::Link)?;
            // NULL carries the family in the byte order of the host that captured, LOOP in network order: one of
            // the two readings is small. AF_INET is 2 everywhere; AF_INET6 is 24, 28 or 30 on the BSDs, 10 on Linux.
            let family = u32::from_be_bytes(*family).min(u32::from_le_bytes(*family));
            if matches!(family, 2 | 10 | 24 | 28 | 30) { Next::Ip(rest) } else { Next::OTHER }
        }
        LinkType::LINUX_SLL => {
            let (header, rest) = extent.split::<16>(Layer::Link)?;
            cooked(u16_at(header, 14).unwrap_or_default(), rest)
        }
        LinkType::LINUX_SLL2 => {
            let (header, rest) = extent.split::<20>(Layer::Link)?;
            cooked(u16_at(header, 0).unwrap_or_default(), rest)
        }
        LinkType::PPP | LinkType::PPP_HDLC => Next::Ppp(extent),
        LinkType::FDDI => {
            // Frame control and two addresses; only asynchronous LLC frames (0101 xxxx) carry packets.
            let (header, rest) = extent.split::<13>(Layer::Link)?;
            if header[0] & 0xf0 == 0x50 { Next::Llc(rest) } else { Next::OTHER }
        }
        LinkType::IEEE802_11 => Next::Wlan(extent),
        LinkType::IEEE802_11_RADIOTAP => {
            let (header, _) = extent.split::<4>(Layer::Link)?;
            // The one link header in little-endian order: its length is the second 16-bit field.
            let [_, _, low, high] = *header;
            let len = usize::from(u16::from_le_bytes([low, high]));
            if len < header.len() {
                return Err(DissectError::Malformed { layer: Layer::Link });
            }
            Next::Wlan(extent.after(len, Layer::Link)?)
        }
        unknown => return Err(DissectError::UnknownLink(unknown)),
    })
}

/// Linux cooked frames carry an EtherType, or one of the kernel's own numbers below 0x600.
fn cooked(protocol: u16, rest: Extent<'_>) -> Next<'_> {
    const LLC: u16 = 4;
    match protocol {
        LLC => Next::Llc(rest),
        ..MIN_ETHER_TYPE => Next::OTHER,
        _ => Next::EtherType(protocol, rest),
    }
}

pub(super) fn ethernet(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    let (header, rest) = extent.split::<14>(Layer::Link)?;
    Ok(type_or_length(u16_at(header, 12).unwrap_or_default(), rest))
}

fn type_or_length(field: u16, rest: Extent<'_>) -> Next<'_> {
    if field < MIN_ETHER_TYPE { Next::Llc(rest.limited(field.into())) } else { Next::EtherType(field, rest) }
}

pub(super) fn ether_type(ether_type: u16, extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    Ok(match ether_type {
        ether_type::IPV4 | ether_type::IPV6 => Next::Ip(extent),
        tag if ether_type::VLAN.contains(&tag) => {
            let (header, rest) = extent.split::<4>(Layer::Vlan)?;
            type_or_length(u16_at(header, 2).unwrap_or_default(), rest)
        }
        label if ether_type::MPLS.contains(&label) => mpls(extent)?,
        ether_type::PPPOE_SESSION => {
            // Version and type, code, session, length (RFC 2516 section 4); code 0 is data.
            let (header, rest) = extent.split::<6>(Layer::Ppp)?;
            let rest = rest.limited(u16_at(header, 4).unwrap_or_default().into());
            if header[1] == 0 { Next::Ppp(rest) } else { Next::OTHER }
        }
        ether_type::TRANSPARENT_ETHERNET => Next::Ethernet(extent),
        _ => Next::OTHER,
    })
}

/// Labels of four bytes down to the bottom of the stack (RFC 3032). What follows is not named: it is IP when it
/// looks like IP, and Ethernet behind a control word of zeros (RFC 4385, RFC 4448).
fn mpls(mut extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    loop {
        let (label, rest) = extent.split::<4>(Layer::Mpls)?;
        extent = rest;
        if label[2] & 1 == 1 {
            break;
        }
    }
    Ok(match extent.captured.first().map(|byte| byte >> 4) {
        Some(4 | 6) => Next::Ip(extent),
        Some(0) => Next::Ethernet(extent.after(4, Layer::Mpls)?),
        _ => Next::OTHER,
    })
}

/// PPP (RFC 1661), with or without the address and control bytes of HDLC (RFC 1662) and with either length of the
/// protocol field.
pub(super) fn ppp(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    const IPV4: u16 = 0x0021;
    const IPV6: u16 = 0x0057;
    const MPLS: u16 = 0x0281;
    let extent = match extent.captured {
        [0xff, 0x03, ..] => extent.after(2, Layer::Ppp)?,
        _ => extent,
    };
    let (protocol, rest) = match *extent.captured {
        [low, ..] if low & 1 == 1 => (low.into(), extent.after(1, Layer::Ppp)?),
        _ => {
            let (protocol, rest) = extent.split::<2>(Layer::Ppp)?;
            (u16::from_be_bytes(*protocol), rest)
        }
    };
    match protocol {
        IPV4 | IPV6 => Ok(Next::Ip(rest)),
        MPLS => mpls(rest),
        _ => Ok(Next::OTHER),
    }
}

/// LLC (IEEE 802.2): IP travels behind SNAP, or, rarely, under its own service access point.
pub(super) fn llc(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    const SNAP: u8 = 0xaa;
    const IP: u8 = 0x06;
    const UNNUMBERED_INFORMATION: u8 = 0x03;
    let (header, rest) = extent.split::<3>(Layer::Llc)?;
    match *header {
        [SNAP, SNAP, UNNUMBERED_INFORMATION] => {
            let (snap, rest) = rest.split::<5>(Layer::Llc)?;
            // Organisation 0 means an EtherType (RFC 1042); f8 is the bridge-tunnel encapsulation of the same.
            let [organisation @ .., high, low] = *snap;
            match organisation {
                [0, 0, 0 | 0xf8] => Ok(Next::EtherType(u16::from_be_bytes([high, low]), rest)),
                _ => Ok(Next::OTHER),
            }
        }
        [IP, IP, UNNUMBERED_INFORMATION] => Ok(Next::Ip(rest)),
        _ => Ok(Next::OTHER),
    }
}
