//! pcapng: draft-ietf-opsawg-pcapng.
//!
//! A file is a row of blocks, each with its length before and after it. Blocks form sections: each begins with a
//! header that tells its byte order, and has its own numbering of interfaces. Over all sections interfaces keep
//! different numbers here.

mod block;
mod options;
mod section;

pub(crate) use self::options::comment;

use synfin_wire::LossCause;

use self::block::RawBlock;
use self::section::Section;
use super::{Head, Problem, Step};
use crate::FormatError;
use crate::interface::Interface;
use crate::losses::Losses;
use crate::order::ByteOrder;
use crate::record::Block;
use crate::window::{MAX_RECORD, Window};

/// The type of a section header block, the same in both byte orders.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Type, length, length.
const FRAMING_LEN: u32 = 12;

/// All names, secrets and custom blocks that wait for their frame may have this many bytes; more are left out.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// Reads the blocks of a pcapng file.
#[derive(Debug)]
pub(crate) struct PcapNg {
    section: Section,
    /// Blocks since the last frame.
    blocks: Vec<Block>,
    kept_bytes: usize,
    blocks_left_out: u64,
    /// Stamp of the last frame: a simple packet has none of its own.
    last_at_ns: u64,
}

impl PcapNg {
    /// Whether a file that begins so is a pcapng file.
    pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
        u32::from_le_bytes(magic) == SECTION_HEADER
    }

    pub(crate) fn new() -> Self {
        Self {
            section: Section::default(),
            blocks: Vec::new(),
            kept_bytes: 0,
            blocks_left_out: 0,
            last_at_ns: 0,
        }
    }

    /// Blocks between the last frame and the one before, or the end of the file.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How many blocks did not fit.
    pub(crate) fn blocks_left_out(&self) -> u64 {
        self.blocks_left_out
    }

    /// The byte order of the current section.
    pub(crate) fn order(&self) -> ByteOrder {
        self.section.order()
    }

    #[inline]
    pub(crate) fn advance(
        &mut self,
        window: &mut Window,
        interfaces: &mut Vec<Interface>,
        losses: &mut Losses,
        head: &mut Head,
    ) -> Result<Step, Problem> {
        if !self.blocks.is_empty() {
            self.blocks.clear();
            self.kept_bytes = 0;
        }
        loop {
            if !window.ensure(FRAMING_LEN as usize)? {
                return Ok(if window.at_hand().is_empty() { Step::End } else { Step::Truncated });
            }
            let Some((block_type, length, order)) = self.framing(window.at_hand())? else {
                return Ok(Step::Truncated);
            };
            if !window.ensure(length as usize)? {
                return Ok(Step::Truncated);
            }
            let whole = window.at_hand().get(..length as usize).unwrap_or_default();
            let block = RawBlock::new(block_type, order, whole)?;
            let packet = match block.block_type {
                block::ENHANCED_PACKET => block.enhanced_packet()?,
                block::SIMPLE_PACKET => block.simple_packet(self.section.snap_len(interfaces))?,
                block::OBSOLETE_PACKET => block.obsolete_packet()?,
                _ => {
                    self.handle_other(&block, interfaces, losses)?;
                    window.consume(length as usize);
                    continue;
                }
            };
            let described = self.section.interface(packet.interface)?;
            if let Some(ticks) = packet.ticks {
                self.last_at_ns = described.clock.at_ns(ticks);
            }
            if packet.dropped > 0 {
                described.reported_os_drops = described.reported_os_drops.saturating_add(packet.dropped);
                losses.add(self.last_at_ns, LossCause::CaptureBuffer, packet.dropped);
            }
            let start = window.consume(length as usize);
            *head = Head {
                at_ns: self.last_at_ns,
                interface: self.section.id_of(packet.interface),
                direction: packet.direction,
                original_len: packet.original_len,
                bytes: start + packet.bytes.start..start + packet.bytes.end,
                options: start + packet.options.start..start + packet.options.end,
            };
            return Ok(Step::Frame);
        }
    }

    /// Type, length and byte order of the block that begins here.
    #[inline]
    fn framing(&self, bytes: &[u8]) -> Result<Option<(u32, u32, ByteOrder)>, FormatError> {
        let Some(&[t0, t1, t2, t3, l0, l1, l2, l3, m0, m1, m2, m3]) = bytes.first_chunk::<12>() else {
            return Ok(None);
        };
        let mut order = self.section.order();
        let block_type = order.u32([t0, t1, t2, t3]);
        if block_type == SECTION_HEADER {
            order = [ByteOrder::Little, ByteOrder::Big]
                .into_iter()
                .find(|order| order.u32([m0, m1, m2, m3]) == BYTE_ORDER_MAGIC)
                .ok_or(FormatError::ByteOrder)?;
        }
        let length = order.u32([l0, l1, l2, l3]);
        if length < FRAMING_LEN || !length.is_multiple_of(4) {
            return Err(FormatError::BlockLength { block_type, length });
        }
        if length > MAX_RECORD {
            return Err(FormatError::TooLong { length, limit: MAX_RECORD });
        }
        Ok(Some((block_type, length, order)))
    }

    /// A block that is no packet.
    #[cold]
    fn handle_other(
        &mut self,
        block: &RawBlock<'_>,
        interfaces: &mut Vec<Interface>,
        losses: &mut Losses,
    ) -> Result<(), FormatError> {
        match block.block_type {
            SECTION_HEADER => self.section.begin(block, interfaces)?,
            block::INTERFACE_DESCRIPTION => self.section.describe_interface(block, interfaces)?,
            block::INTERFACE_STATISTICS => self.section.on_statistics(block, losses),
            _ => self.keep(block),
        }
        Ok(())
    }

    /// Keeps what a reader may want to pass on; anything else is skipped.
    fn keep(&mut self, block: &RawBlock<'_>) {
        if !block.is_kept() {
            return;
        }
        // Empty blocks take memory as well.
        let kept_bytes = self.kept_bytes.saturating_add(block.body.len() + size_of::<Block>());
        match block.to_kept() {
            Some(kept) if kept_bytes <= MAX_KEPT_BYTES => {
                self.kept_bytes = kept_bytes;
                self.blocks.push(kept);
            }
            _ => self.blocks_left_out = self.blocks_left_out.saturating_add(1),
        }
    }
}
