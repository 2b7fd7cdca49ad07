//! Names of enumerators in the running kernel's BTF (Documentation/bpf/btf.rst).

use std::{collections::BTreeMap, sync::OnceLock};

use super::bytes::{u16_at, u32_at};
use crate::event::Reason;

/// Where the kernel describes its own types.
pub(crate) const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Why packets are dropped and resets sent, by this kernel's numbers.
#[derive(Default)]
struct Reasons {
    drops: BTreeMap<u32, &'static str>,
    resets: BTreeMap<u32, &'static str>,
}

pub(crate) fn drop_reason(number: u32) -> Reason {
    Reason { number, name: reasons().drops.get(&number).copied() }
}

pub(crate) fn reset_reason(number: u32) -> Reason {
    Reason { number, name: reasons().resets.get(&number).copied() }
}

/// This kernel's number of a reason for drops.
pub(crate) fn drop_reason_number(name: &str) -> Option<u32> {
    reasons().drops.iter().find(|(_, found)| **found == name).map(|(number, _)| *number)
}

/// Whether the kernel tells the names.
pub(crate) fn are_reasons_named() -> bool {
    !reasons().drops.is_empty()
}

/// Read once: the kernel does not change while it runs. So the names may live as long as this process.
fn reasons() -> &'static Reasons {
    static REASONS: OnceLock<Reasons> = OnceLock::new();
    REASONS.get_or_init(|| {
        let Ok(btf) = std::fs::read(KERNEL_BTF) else { return Reasons::default() };
        Reasons {
            drops: names(&btf, "skb_drop_reason", "SKB_DROP_REASON_"),
            resets: names(&btf, "sk_rst_reason", "SK_RST_REASON_"),
        }
    })
}

fn names(btf: &[u8], enumeration: &str, prefix: &str) -> BTreeMap<u32, &'static str> {
    let pairs = enumerators(btf, enumeration).unwrap_or_default();
    let short = |name: String| -> &'static str {
        name.strip_prefix(prefix).map_or_else(|| name.clone(), str::to_owned).leak()
    };
    pairs.into_iter().map(|(number, name)| (number, short(name))).collect()
}

/// `btf_header.magic`.
const MAGIC: u16 = 0xeb9f;

/// All enumerators of an enumeration.
fn enumerators(btf: &[u8], wanted: &str) -> Option<Vec<(u32, String)>> {
    if u16_at(btf, 0)? != MAGIC {
        return None;
    }
    let header_len = usize::try_from(u32_at(btf, 4)?).ok()?;
    let section = |offset_at, len_at| -> Option<&[u8]> {
        let start = header_len.checked_add(usize::try_from(u32_at(btf, offset_at)?).ok()?)?;
        btf.get(start..)?.get(..usize::try_from(u32_at(btf, len_at)?).ok()?)
    };
    let (mut types, strings) = (section(8, 12)?, section(16, 20)?);
    let string = |offset: u32| -> Option<&str> {
        let bytes = strings.get(usize::try_from(offset).ok()?..)?;
        std::str::from_utf8(bytes.split(|&b| b == 0).next()?).ok()
    };
    while !types.is_empty() {
        let (name, info) = (u32_at(types, 0)?, u32_at(types, 4)?);
        let (kind, count) = (info >> 24 & 0x1f, usize::try_from(info & 0xffff).ok()?);
        let body = types.get(12..)?;
        if kind == KIND_ENUM && string(name) == Some(wanted) {
            return (0..count)
                .map(|n| Some((u32_at(body, n * 8 + 4)?, string(u32_at(body, n * 8)?)?.to_owned())))
                .collect();
        }
        types = body.get(body_len(kind, count)?..)?;
    }
    None
}

const KIND_ENUM: u32 = 6;

/// Bytes that follow the common part of a type.
fn body_len(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        // PTR, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FLOAT, TYPE_TAG
        2 | 7..=12 | 16 | 18 => 0,
        // INT, VAR, DECL_TAG
        1 | 14 | 17 => 4,
        // ARRAY
        3 => 12,
        // STRUCT, UNION, DATASEC, ENUM64
        4 | 5 | 15 | 19 => count * 12,
        // ENUM, FUNC_PROTO
        6 | 13 => count * 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
