//! Single blocks: packets (sections 4.3, 4.4 and appendix A), and those that are kept (4.5, 4.7, 4.8).

use std::ops::Range;

use synfin_wire::Direction;

use super::FRAMING_LEN;
use super::options::{COMMENT, Options};
use crate::FormatError;
use crate::order::ByteOrder;
use crate::record::{Block, BlockKind};

pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const OBSOLETE_PACKET: u32 = 2;
pub(super) const SIMPLE_PACKET: u32 = 3;
pub(crate) const NAME_RESOLUTION: u32 = 4;
pub(crate) const INTERFACE_STATISTICS: u32 = 5;
pub(crate) const ENHANCED_PACKET: u32 = 6;
pub(crate) const DECRYPTION_SECRETS: u32 = 10;
pub(crate) const CUSTOM: u32 = 0x0bad;
pub(crate) const CUSTOM_NO_COPY: u32 = 0x4000_0bad;
/// Blocks with the highest bit set are for local use; this one is ours.
pub(crate) const LOCAL: u32 = 0x8000_5359;

const EPB_FLAGS: u16 = 2;
const EPB_DROPCOUNT: u16 = 4;
/// Options whose value begins with a private enterprise number.
const CUSTOM_OPTIONS: [u16; 4] = [2988, 2989, 19372, 19373];

/// A block with a sound frame around it.
#[derive(Debug)]
pub(super) struct RawBlock<'a> {
    pub(super) block_type: u32,
    pub(super) order: ByteOrder,
    /// What is between the lengths.
    pub(super) body: &'a [u8],
}

/// A packet within its block: ranges count from the block's first byte.
#[derive(Debug)]
pub(super) struct Packet {
    /// Within the section.
    pub(super) interface: u32,
    pub(super) ticks: Option<u64>,
    pub(super) direction: Option<Direction>,
    /// Packets that were lost between this one and the one before.
    pub(super) dropped: u64,
    pub(super) original_len: u32,
    pub(super) bytes: Range<usize>,
    /// Empty unless there is a comment.
    pub(super) options: Range<usize>,
}

impl<'a> RawBlock<'a> {
    /// `whole` is all of the block, and at least [`FRAMING_LEN`] bytes.
    #[inline]
    pub(super) fn new(block_type: u32, order: ByteOrder, whole: &'a [u8]) -> Result<Self, FormatError> {
        let before = whole.len() as u32;
        let after = whole.last_chunk().map_or(0, |&bytes| order.u32(bytes));
        if before != after {
            return Err(FormatError::LengthsDiffer { before, after });
        }
        let body = whole.get(8..whole.len().saturating_sub(4)).unwrap_or_default();
        Ok(Self { block_type, order, body })
    }

    /// The first `len` bytes of the body, which must be there.
    #[inline]
    pub(super) fn fixed(&self, len: usize) -> Result<&'a [u8], FormatError> {
        self.body.get(..len).ok_or(FormatError::BlockLength {
            block_type: self.block_type,
            length: self.body.len() as u32 + FRAMING_LEN,
        })
    }

    /// What follows the first `len` bytes of the body.
    pub(super) fn after(&self, len: usize) -> &'a [u8] {
        self.body.get(len..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn enhanced_packet(&self) -> Result<Packet, FormatError> {
        let fixed = self.fixed(20)?;
        let number = |at| self.order.u32_at(fixed, at).unwrap_or_default();
        self.packet(number(0), number(4), number(8), number(12), number(16))
    }

    /// The obsolete packet block: interface and drop count have 16 bits each.
    pub(super) fn obsolete_packet(&self) -> Result<Packet, FormatError> {
        let fixed = self.fixed(20)?;
        let number = |at| self.order.u32_at(fixed, at).unwrap_or_default();
        let interface = self.order.u16_at(fixed, 0).unwrap_or_default();
        let dropped = self.order.u16_at(fixed, 2).unwrap_or_default();
        let mut packet = self.packet(interface.into(), number(4), number(8), number(12), number(16))?;
        // All ones: not known.
        if dropped != u16::MAX {
            packet.dropped = dropped.into();
        }
        Ok(packet)
    }

    /// The simple packet block: nothing but a length, and an interface that is the first one.
    pub(super) fn simple_packet(&self, snap_len: u32) -> Result<Packet, FormatError> {
        let fixed = self.fixed(4)?;
        let original_len = self.order.u32_at(fixed, 0).unwrap_or_default();
        let snap_len = if snap_len == 0 { u32::MAX } else { snap_len };
        let captured = original_len.min(snap_len);
        let room = self.body.len() - 4;
        if captured as usize > room {
            return Err(FormatError::PacketExceedsBlock { captured, room });
        }
        Ok(Packet {
            interface: 0,
            ticks: None,
            direction: None,
            dropped: 0,
            original_len,
            bytes: 12..12 + captured as usize,
            options: 0..0,
        })
    }

    #[inline]
    fn packet(
        &self,
        interface: u32,
        high: u32,
        low: u32,
        captured: u32,
        original_len: u32,
    ) -> Result<Packet, FormatError> {
        let room = self.body.len() - 20;
        let len = captured as usize;
        if len > room {
            return Err(FormatError::PacketExceedsBlock { captured, room });
        }
        let mut packet = Packet {
            interface,
            ticks: Some(u64::from(high) << 32 | u64::from(low)),
            direction: None,
            dropped: 0,
            original_len,
            bytes: 28..28 + len,
            options: 0..0,
        };
        let options_at = 20 + len.next_multiple_of(4);
        if options_at < self.body.len() {
            self.packet_options(options_at, &mut packet);
        }
        Ok(packet)
    }

    fn packet_options(&self, at: usize, packet: &mut Packet) {
        for (code, value) in Options::new(self.order, self.after(at)) {
            match code {
                COMMENT => packet.options = at + 8..self.body.len() + 8,
                EPB_FLAGS => {
                    packet.direction = self.order.u32_at(value, 0).and_then(|flags| match flags & 3 {
                        1 => Some(Direction::Inbound),
                        2 => Some(Direction::Outbound),
                        _ => None,
                    });
                }
                EPB_DROPCOUNT => {
                    let dropped = self.order.u64_at(value, 0).unwrap_or_default();
                    packet.dropped = packet.dropped.saturating_add(dropped);
                }
                _ => {}
            }
        }
    }

    /// Whether somebody may want the block.
    pub(super) fn is_kept(&self) -> bool {
        [NAME_RESOLUTION, DECRYPTION_SECRETS, CUSTOM, CUSTOM_NO_COPY, LOCAL].contains(&self.block_type)
    }

    /// The block, in little-endian order. `None`: it is malformed, or none that is kept.
    pub(super) fn to_kept(&self) -> Option<Block> {
        let order = self.order;
        let (kind, body) = match self.block_type {
            NAME_RESOLUTION => {
                let mut body = self.body.to_vec();
                if order == ByteOrder::Big {
                    // Records and the options after them have the same form, and an end mark each.
                    let options_at = swap_entries(&mut body, 0);
                    swap_entries(&mut body, options_at);
                }
                (BlockKind::NameResolution, body)
            }
            DECRYPTION_SECRETS => {
                let secrets_len = order.u32_at(self.body, 4)? as usize;
                let options_at = 8usize.checked_add(secrets_len.checked_next_multiple_of(4)?)?;
                if options_at > self.body.len() {
                    return None;
                }
                let mut body = self.body.to_vec();
                if order == ByteOrder::Big {
                    body.get_mut(..4)?.reverse();
                    body.get_mut(4..8)?.reverse();
                    swap_entries(&mut body, options_at);
                }
                (BlockKind::DecryptionSecrets, body)
            }
            CUSTOM | CUSTOM_NO_COPY => {
                let enterprise = order.u32_at(self.body, 0)?;
                let kind = BlockKind::Custom { enterprise, may_copy: self.block_type == CUSTOM };
                (kind, self.after(4).to_vec())
            }
            LOCAL => (BlockKind::Local, self.body.to_vec()),
            _ => return None,
        };
        Some(Block { kind, body })
    }
}

/// Turns the code and length of each entry from `at` on from big- to little-endian. Returns where the entries end.
fn swap_entries(body: &mut [u8], mut at: usize) -> usize {
    while let Some(&[c0, c1, l0, l1]) = body.get(at..).and_then(<[u8]>::first_chunk) {
        let code = u16::from_be_bytes([c0, c1]);
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if let Some(head) = body.get_mut(at..at + 4) {
            head.copy_from_slice(&[c1, c0, l1, l0]);
        }
        at += 4;
        if code == 0 {
            break;
        }
        if CUSTOM_OPTIONS.contains(&code)
            && length >= 4
            && let Some(enterprise) = body.get_mut(at..at + 4)
        {
            enterprise.reverse();
        }
        at += length.next_multiple_of(4);
    }
    at.min(body.len())
}
