//! Blocks as bytes, in little-endian order.

use synfin_wire::{Direction, Frame, LinkType};

use crate::Interface;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
pub(super) const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
pub(super) const DECRYPTION_SECRETS: u32 = 10;
pub(super) const CUSTOM: u32 = 0x0bad;
/// Local use, and ours.
pub(super) const LOCAL: u32 = 0x8000_5359;

/// Options that every block may have.
const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;

/// A block in the making: its length is filled in at the end.
pub(super) struct BlockBuilder<'a> {
    buffer: &'a mut Vec<u8>,
    start: usize,
    has_options: bool,
}

impl<'a> BlockBuilder<'a> {
    pub(super) fn begin(buffer: &'a mut Vec<u8>, block_type: u32) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&block_type.to_le_bytes());
        buffer.extend_from_slice(&[0; 4]);
        Self { buffer, start, has_options: false }
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.buffer.extend_from_slice(&number.to_le_bytes());
    }

    fn u16(&mut self, number: u16) {
        self.buffer.extend_from_slice(&number.to_le_bytes());
    }

    fn stamp(&mut self, at_ns: u64) {
        self.u32((at_ns >> 32) as u32);
        self.u32(at_ns as u32);
    }

    pub(super) fn padded(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.buffer.resize(self.buffer.len() + padding, 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.has_options = true;
        self.u16(code);
        self.u16(value.len() as u16);
        self.padded(value);
    }

    fn text_option(&mut self, code: u16, text: &str) {
        let mut end = text.len().min(u16::MAX.into());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.option(code, text.get(..end).unwrap_or_default().as_bytes());
    }

    pub(super) fn end(mut self) {
        if self.has_options {
            self.u16(OPT_END);
            self.u16(0);
        }
        let length = (self.buffer.len() - self.start + 4) as u32;
        self.u32(length);
        if let Some(field) = self.buffer.get_mut(self.start + 4..self.start + 8) {
            field.copy_from_slice(&length.to_le_bytes());
        }
    }
}

pub(super) fn section_header(buffer: &mut Vec<u8>) {
    const SHB_OS: u16 = 3;
    const SHB_USERAPPL: u16 = 4;
    let mut block = BlockBuilder::begin(buffer, SECTION_HEADER);
    block.u32(0x1a2b_3c4d);
    block.u16(1);
    block.u16(0);
    // Length of the section: not known.
    block.u32(u32::MAX);
    block.u32(u32::MAX);
    block.text_option(SHB_OS, std::env::consts::OS);
    block.text_option(SHB_USERAPPL, concat!("synfin ", env!("CARGO_PKG_VERSION")));
    block.end();
}

pub(super) fn interface_description(buffer: &mut Vec<u8>, interface: &Interface, link: LinkType) {
    const IF_NAME: u16 = 2;
    const IF_DESCRIPTION: u16 = 3;
    const IF_TSRESOL: u16 = 9;
    let mut block = BlockBuilder::begin(buffer, INTERFACE_DESCRIPTION);
    block.u16(link.0);
    block.u16(0);
    block.u32(interface.snap_len);
    if let Some(name) = &interface.name {
        block.text_option(IF_NAME, name);
    }
    if let Some(description) = &interface.description {
        block.text_option(IF_DESCRIPTION, description);
    }
    block.option(IF_TSRESOL, &[9]);
    block.end();
}

pub(super) fn enhanced_packet(
    buffer: &mut Vec<u8>,
    interface: u32,
    frame: &Frame<'_>,
    comment: Option<&str>,
) {
    const EPB_FLAGS: u16 = 2;
    let mut block = BlockBuilder::begin(buffer, ENHANCED_PACKET);
    block.u32(interface);
    block.stamp(frame.at_ns);
    block.u32(frame.bytes.len() as u32);
    block.u32(frame.original_len);
    block.padded(frame.bytes);
    if let Some(comment) = comment {
        block.text_option(OPT_COMMENT, comment);
    }
    if let Some(direction) = frame.direction {
        let flags: u32 = match direction {
            Direction::Inbound => 1,
            Direction::Outbound => 2,
        };
        block.option(EPB_FLAGS, &flags.to_le_bytes());
    }
    block.end();
}

/// `drops` are those of the interface and those of the capture buffer.
pub(super) fn interface_statistics(buffer: &mut Vec<u8>, interface: u32, at_ns: u64, drops: (u64, u64)) {
    const ISB_IFDROP: u16 = 5;
    const ISB_OSDROP: u16 = 7;
    let mut block = BlockBuilder::begin(buffer, INTERFACE_STATISTICS);
    block.u32(interface);
    block.stamp(at_ns);
    block.option(ISB_IFDROP, &drops.0.to_le_bytes());
    block.option(ISB_OSDROP, &drops.1.to_le_bytes());
    block.end();
}

/// A block whose body is as it should be already.
pub(super) fn plain(buffer: &mut Vec<u8>, block_type: u32, body: &[u8]) {
    let mut block = BlockBuilder::begin(buffer, block_type);
    block.padded(body);
    block.end();
}

/// How many of the first `len` bytes of `blocks` are whole blocks.
pub(super) fn whole_blocks(blocks: &[u8], len: usize) -> usize {
    let mut end = 0;
    while let Some(length) = blocks.get(end + 4..).and_then(<[u8]>::first_chunk) {
        let next = end + u32::from_le_bytes(*length) as usize;
        if next > len || next == end {
            break;
        }
        end = next;
    }
    end
}
