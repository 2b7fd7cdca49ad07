//! Tunnels over IP: IP in IP, GRE, and those over UDP (VXLAN, Geneve, GTP-U, Teredo, AYIYA).
//!
//! A tunnel over UDP is known by its port alone, so that its header is checked closely: what does not fit is not
//! that tunnel, and no error.

use super::{DissectError, Extent, Layer, Next};
use crate::bytes::{u16_at, u32_at};

/// IP protocol numbers.
mod protocol {
    pub(super) const IPV4: u8 = 4;
    pub(super) const UDP: u8 = 17;
    pub(super) const IPV6: u8 = 41;
    pub(super) const GRE: u8 = 47;
}

/// UDP ports, as IANA assigns them (and the one that Linux used for VXLAN before that).
mod port {
    pub(super) const GTP_USER: u16 = 2152;
    pub(super) const TEREDO: u16 = 3544;
    pub(super) const VXLAN: u16 = 4789;
    pub(super) const AYIYA: u16 = 5072;
    pub(super) const GENEVE: u16 = 6081;
    pub(super) const VXLAN_LINUX: u16 = 8472;
}

/// What a packet that is not TCP itself carries.
pub(super) fn inside(protocol: u8, extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    match protocol {
        protocol::IPV4 | protocol::IPV6 => Ok(Next::Ip(extent)),
        protocol::GRE => gre(extent),
        protocol::UDP => {
            let (header, rest) = extent.split::<8>(Layer::Udp)?;
            let short = |at| u16_at(header, at).unwrap_or_default();
            let len = u32::from(short(4)).saturating_sub(8);
            let rest = if len == 0 { rest } else { rest.limited(len) };
            Ok(over_udp(short(0), short(2), rest).unwrap_or(Next::OTHER))
        }
        _ => Ok(Next::OTHER),
    }
}

/// GRE (RFC 2784, RFC 2890), its version 1 with PPP inside (RFC 2637), ERSPAN, and 802.11 from access points.
fn gre(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    const CHECKSUM_OR_ROUTING: u8 = 0xc0;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    const PPTP_ACKNOWLEDGEMENT: u8 = 0x80;
    const PPP: u16 = 0x880b;
    const ERSPAN_1_AND_2: u16 = 0x88be;
    const ERSPAN_3: u16 = 0x22eb;

    let (header, _) = extent.split::<4>(Layer::Tunnel)?;
    let [flags, version, ..] = *header;
    let kind = u16_at(header, 2).unwrap_or_default();
    let mut len = 4;
    for (bit, bytes) in [(CHECKSUM_OR_ROUTING, 4), (KEY, 4), (SEQUENCE, 4)] {
        if flags & bit != 0 {
            len += bytes;
        }
    }
    if version & 7 == 1 && version & PPTP_ACKNOWLEDGEMENT != 0 {
        len += 4;
    }
    let rest = extent.after(len, Layer::Tunnel)?;
    Ok(match kind {
        PPP => Next::Ppp(rest),
        // ERSPAN II and III say by a sequence number that a header of their own follows.
        ERSPAN_1_AND_2 if flags & SEQUENCE != 0 => Next::Ethernet(rest.after(8, Layer::Tunnel)?),
        ERSPAN_1_AND_2 => Next::Ethernet(rest),
        ERSPAN_3 => {
            let has_subheader = rest.captured.get(11).is_some_and(|byte| byte & 1 == 1);
            Next::Ethernet(rest.after(if has_subheader { 20 } else { 12 }, Layer::Tunnel)?)
        }
        // Aruba access points number their tunnels from here and carry 802.11 frames in them.
        0x8200..=0x83ff | 0x9000 => Next::Wlan(rest),
        kind => Next::EtherType(kind, rest),
    })
}

/// The tunnel that belongs to one of the ports, if the bytes fit it.
fn over_udp(source: u16, destination: u16, extent: Extent<'_>) -> Option<Next<'_>> {
    let either = |port| source == port || destination == port;
    match destination {
        port::VXLAN | port::VXLAN_LINUX => vxlan(extent),
        port::GENEVE => geneve(extent),
        port::GTP_USER => gtp(extent),
        _ if source == port::GTP_USER => gtp(extent),
        _ if either(port::TEREDO) => teredo(extent),
        _ if is_teredo_between_peers(extent) => Some(Next::Ip(extent)),
        _ if either(port::AYIYA) => ayiya(extent),
        _ => None,
    }
}

/// VXLAN (RFC 7348 section 5): flags with bit I alone, a network identifier, reserved bytes.
fn vxlan(extent: Extent<'_>) -> Option<Next<'_>> {
    let (header, rest) = extent.split::<8>(Layer::Tunnel).ok()?;
    (header[0] & 0x08 != 0).then_some(Next::Ethernet(rest))
}

/// Geneve (RFC 8926 section 3.4): version 0, the length of the options in words, an EtherType.
fn geneve(extent: Extent<'_>) -> Option<Next<'_>> {
    let (header, rest) = extent.split::<8>(Layer::Tunnel).ok()?;
    let [version_and_len, ..] = *header;
    if version_and_len >> 6 != 0 {
        return None;
    }
    let rest = rest.after(usize::from(version_and_len & 0x3f) * 4, Layer::Tunnel).ok()?;
    Some(Next::EtherType(u16_at(header, 2)?, rest))
}

/// GTP-U (3GPP TS 29.281 section 5): version 1, message 255 (G-PDU), optional fields, extension headers.
fn gtp(extent: Extent<'_>) -> Option<Next<'_>> {
    const G_PDU: u8 = 255;
    const OPTIONAL_FIELDS: u8 = 0x07;
    const EXTENSION: u8 = 0x04;
    let (header, rest) = extent.split::<8>(Layer::Tunnel).ok()?;
    let [flags, message, ..] = *header;
    if flags >> 5 != 1 || flags & 0x10 == 0 || message != G_PDU {
        return None;
    }
    let mut rest = rest.limited(u16_at(header, 2)?.into());
    if flags & OPTIONAL_FIELDS != 0 {
        let (fields, after) = rest.split::<4>(Layer::Tunnel).ok()?;
        rest = after;
        let mut next = if flags & EXTENSION != 0 { fields[3] } else { 0 };
        while next != 0 {
            let len = usize::from(*rest.captured.first()?) * 4;
            // Each extension names the next in its last byte; none is empty, so that this ends.
            next = *rest.captured.get(len.checked_sub(1)?)?;
            rest = rest.after(len, Layer::Tunnel).ok()?;
        }
    }
    looks_like_ip(rest)
}

/// Teredo (RFC 4380 section 5.1.1): IPv6 behind optional indications of authentication and origin.
fn teredo(mut extent: Extent<'_>) -> Option<Next<'_>> {
    const AUTHENTICATION: u16 = 1;
    const ORIGIN: u16 = 0;
    if u16_at(extent.captured, 0)? == AUTHENTICATION {
        let [client_len, value_len] = crate::bytes::array_at(extent.captured, 2)?;
        let len = 13 + usize::from(client_len) + usize::from(value_len);
        extent = extent.after(len, Layer::Tunnel).ok()?;
    }
    if u16_at(extent.captured, 0)? == ORIGIN {
        extent = extent.after(8, Layer::Tunnel).ok()?;
    }
    (extent.captured.first()? >> 4 == 6).then_some(Next::Ip(extent))
}

/// Whether this is what Teredo peers send each other from whatever ports their NATs give them: an IPv6 packet that
/// fills the datagram, with a Teredo address at one end (2001:0::/32, RFC 4380 section 2.6).
fn is_teredo_between_peers(extent: Extent<'_>) -> bool {
    const PREFIX: Option<u32> = Some(0x2001_0000);
    let is_ipv6 = extent.captured.first().is_some_and(|byte| byte >> 4 == 6);
    is_ipv6
        && (u32_at(extent.captured, 8) == PREFIX || u32_at(extent.captured, 24) == PREFIX)
        && u16_at(extent.captured, 4).is_some_and(|len| u32::from(len) + 40 == extent.wire_len)
}

/// AYIYA (draft-massar-v6ops-ayiya-02): lengths of identity and signature in words, a next header by IP number.
fn ayiya(extent: Extent<'_>) -> Option<Next<'_>> {
    const FORWARD: u8 = 1;
    let (header, _) = extent.split::<8>(Layer::Tunnel).ok()?;
    let [identity, signature, operation, next_header, ..] = *header;
    if operation & 0x0f != FORWARD || !matches!(next_header, protocol::IPV4 | protocol::IPV6) {
        return None;
    }
    let _epoch = u32_at(header, 4)?;
    let len = 8 + (1usize << (identity >> 4)) + usize::from(signature >> 4) * 4;
    looks_like_ip(extent.after(len, Layer::Tunnel).ok()?)
}

fn looks_like_ip(extent: Extent<'_>) -> Option<Next<'_>> {
    matches!(extent.captured.first()? >> 4, 4 | 6).then_some(Next::Ip(extent))
}
