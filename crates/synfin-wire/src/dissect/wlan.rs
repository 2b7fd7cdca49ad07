//! IEEE 802.11 data frames, as far as the LLC header inside them.

use super::{DissectError, Extent, Layer, Next};
use crate::bytes::u16_at;

/// Finds what an unencrypted data frame carries.
pub(super) fn wlan(extent: Extent<'_>) -> Result<Next<'_>, DissectError> {
    const TYPE_DATA: u8 = 2;
    const SUBTYPE_QOS: u8 = 0x8;
    const SUBTYPE_NO_DATA: u8 = 0x4;
    const TO_AND_FROM_DS: u8 = 0x03;
    const PROTECTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const QOS_AGGREGATE: u8 = 0x80;

    let (control, _) = extent.split::<2>(Layer::Wlan)?;
    let [kind, flags] = *control;
    let subtype = kind >> 4;
    if kind >> 2 & 3 != TYPE_DATA || subtype & SUBTYPE_NO_DATA != 0 || flags & PROTECTED != 0 {
        return Ok(Next::OTHER);
    }
    let mut len = 24;
    if flags & TO_AND_FROM_DS == TO_AND_FROM_DS {
        len += 6;
    }
    let mut is_aggregate = false;
    if subtype & SUBTYPE_QOS != 0 {
        is_aggregate = extent.captured.get(len).is_some_and(|qos| qos & QOS_AGGREGATE != 0);
        len += 2;
        if flags & ORDER != 0 {
            len += 4;
        }
    }
    let body = extent.after(len, Layer::Wlan)?;
    Ok(if is_aggregate { Next::Aggregate(body) } else { Next::Llc(body) })
}

/// The first part of an aggregate (A-MSDU), and what follows it: each part has addresses and a length before its LLC
/// header, and is padded to a multiple of four bytes.
pub(super) fn aggregate(extent: Extent<'_>) -> Result<(Next<'_>, Option<Extent<'_>>), DissectError> {
    const HEADER_LEN: usize = 14;
    let (header, part) = extent.split::<HEADER_LEN>(Layer::Wlan)?;
    let len = u16_at(header, 12).unwrap_or_default();
    let padded = (HEADER_LEN + usize::from(len)).next_multiple_of(4);
    let rest = extent.after(padded, Layer::Wlan).ok().filter(|rest| rest.captured.len() > HEADER_LEN);
    Ok((Next::Llc(part.limited(len.into())), rest))
}
