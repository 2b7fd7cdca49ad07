//! IEEE 802.11 data frames, as far as the LLC header inside them.

use super::{DissectError, Extent, Layer, Next};
use crate::bytes::u16_at;

/// Finds what an unencrypted data frame carries. Of an aggregate (A-MSDU) the first part is taken.
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
    if is_aggregate {
        // Destination, source, length, and then the LLC header of the first part.
        let (header, rest) = body.split::<14>(Layer::Wlan)?;
        return Ok(Next::Llc(rest.limited(u16_at(header, 12).unwrap_or_default().into())));
    }
    Ok(Next::Llc(body))
}
