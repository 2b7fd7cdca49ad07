//! IPv4 with options and fragments (RFC 791), IPv6 with extension headers (RFC 8200).

use core::net::{IpAddr, Ipv6Addr};

use etherparse::{Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxIpv4Slice, LaxIpv6Slice};

use super::{DissectError, Dissected, Extent, Fragment, Ip, Layer, Next};

/// Length of an IPv6 header without extensions, in bytes.
const IPV6_HEADER_LEN: u32 = 40;

pub(super) fn ip(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    match extent.captured.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(extent),
        Some(6) => ipv6(extent),
        Some(_) => Err(DissectError::Malformed { layer: Layer::Ip }),
        None => Err(DissectError::CutOff { layer: Layer::Ip, needed: 20, have: 0 }),
    }
}

fn ipv4(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    let (packet, stopped) = LaxIpv4Slice::from_slice(extent.captured).map_err(|error| match error {
        etherparse::err::ipv4::HeaderSliceError::Len(error) => cut_off(&error),
        etherparse::err::ipv4::HeaderSliceError::Content(_) => DissectError::Malformed { layer: Layer::Ip },
    })?;
    let header = packet.header();
    // A length of 0 is what segmentation offload leaves to packets of more than 64 KiB: they go to the frame's end.
    let declared = Some(u32::from(header.total_len())).filter(|len| *len >= u32::from(header.ihl()) * 4);
    let ip = Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        total_len: declared.unwrap_or(u32::MAX).min(extent.wire_len),
        ttl: header.ttl(),
        traffic_class: header.dcp().value() << 2 | header.ecn().value(),
        identification: Some(header.identification().into()),
    };
    if stopped.is_some() {
        return Err(DissectError::Malformed { layer: Layer::Ip });
    }
    let offset = u32::from(header.fragments_offset().value()) * 8;
    Ok(payload(ip, extent, packet.payload(), offset, header.more_fragments()))
}

fn ipv6(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    let (packet, stopped) = LaxIpv6Slice::from_slice(extent.captured).map_err(|error| match error {
        etherparse::err::ipv6::HeaderSliceError::Len(error) => cut_off(&error),
        etherparse::err::ipv6::HeaderSliceError::Content(_) => DissectError::Malformed { layer: Layer::Ip },
    })?;
    // This comes before anything else: the extensions of a packet that was not read to its end are not sound to walk.
    if let Some((error, _)) = stopped {
        return Err(match error {
            etherparse::err::ipv6_exts::HeaderSliceError::Len(error) => cut_off(&error),
            etherparse::err::ipv6_exts::HeaderSliceError::Content(_) => {
                DissectError::Malformed { layer: Layer::Ip }
            }
        });
    }
    let header = packet.header();
    // As with IPv4, 0 is what segmentation offload leaves (RFC 2675 has it mean a jumbogram).
    let declared = Some(u32::from(header.payload_length())).filter(|len| *len > 0);
    let (mut identification, mut offset, mut more) = (None, 0, false);
    for extension in packet.extensions().clone() {
        if let Ipv6ExtensionSlice::Fragment(fragment) = extension {
            identification = Some(fragment.identification());
            offset = u32::from(fragment.fragment_offset().value()) * 8;
            more = fragment.more_fragments();
        }
    }
    let ip = Ip {
        source: canonical(header.source_addr()),
        destination: canonical(header.destination_addr()),
        total_len: declared.map_or(u32::MAX, |len| len + IPV6_HEADER_LEN).min(extent.wire_len),
        ttl: header.hop_limit(),
        traffic_class: header.traffic_class(),
        identification,
    };
    Ok(payload(ip, extent, packet.payload(), offset, more))
}

/// What follows the headers: a fragment, or a whole payload.
fn payload<'a>(
    ip: Ip,
    extent: Extent<'a>,
    payload: &LaxIpPayloadSlice<'a>,
    offset: u32,
    more: bool,
) -> Next<'a> {
    let packet = extent.limited(ip.total_len);
    // The payload reaches to the end of what was captured of the packet: the rest in front of it is headers.
    let headers = packet.captured.len().saturating_sub(payload.payload.len());
    let wire_len = packet.wire_len.saturating_sub(u32::try_from(headers).unwrap_or(u32::MAX));
    let protocol = payload.ip_number.0;
    if payload.fragmented {
        let fragment = Fragment { protocol, offset, more, payload: payload.payload, payload_len: wire_len };
        return Next::Done(Dissected::Fragment(ip, fragment));
    }
    Next::IpPayload { ip, protocol, extent: Extent { captured: payload.payload, wire_len } }
}

fn cut_off(error: &etherparse::err::LenError) -> DissectError {
    DissectError::CutOff { layer: Layer::Ip, needed: error.required_len, have: error.len }
}

/// An IPv4-mapped IPv6 address is the IPv4 address that it stands for.
fn canonical(address: Ipv6Addr) -> IpAddr {
    IpAddr::V6(address).to_canonical()
}
