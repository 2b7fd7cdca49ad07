//! A section: its byte order and the interfaces it describes (sections 4.1, 4.2 and 4.6).

use synfin_wire::{LinkType, LossCause};

use super::block::RawBlock;
use super::options::Options;
use crate::FormatError;
use crate::interface::{Clock, Interface, TimeResolution};
use crate::losses::Losses;
use crate::order::ByteOrder;

/// A section header: byte order magic, version, section length.
const SECTION_HEADER_LEN: usize = 16;
/// An interface description: link type, reserved, snap length.
const INTERFACE_DESCRIPTION_LEN: usize = 8;

const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// Interfaces of all sections together. Captures have a handful; one that describes millions wants our memory.
const MAX_INTERFACES: u32 = 1 << 16;
/// Names are cut here, in bytes. Linux has names of 15; Windows' are GUIDs.
const MAX_NAME: usize = 256;

/// The current section.
#[derive(Debug)]
pub(super) struct Section {
    order: ByteOrder,
    /// How many interfaces the sections before described.
    base: u32,
    interfaces: Vec<Described>,
}

/// What is needed of an interface to read its packets.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) clock: Clock,
    /// What was reported as lost so far: statistics count from the start, packets count since the last one.
    pub(super) reported_os_drops: u64,
    reported_if_drops: u64,
}

impl Default for Section {
    fn default() -> Self {
        Self { order: ByteOrder::Little, base: 0, interfaces: Vec::new() }
    }
}

impl Section {
    pub(super) fn order(&self) -> ByteOrder {
        self.order
    }

    /// A section header: numbering of interfaces begins again.
    pub(super) fn begin(&mut self, block: &RawBlock<'_>, known: &[Interface]) -> Result<(), FormatError> {
        let header = block.fixed(SECTION_HEADER_LEN)?;
        let major = block.order.u16_at(header, 4).unwrap_or_default();
        let minor = block.order.u16_at(header, 6).unwrap_or_default();
        if major != 1 {
            return Err(FormatError::Version { major, minor });
        }
        let base = u32::try_from(known.len()).unwrap_or(u32::MAX);
        *self = Self { order: block.order, base, interfaces: Vec::new() };
        Ok(())
    }

    pub(super) fn describe_interface(
        &mut self,
        block: &RawBlock<'_>,
        known: &mut Vec<Interface>,
    ) -> Result<(), FormatError> {
        if known.len() >= MAX_INTERFACES as usize {
            return Err(FormatError::TooManyInterfaces { limit: MAX_INTERFACES });
        }
        let order = block.order;
        let fixed = block.fixed(INTERFACE_DESCRIPTION_LEN)?;
        let link = LinkType(order.u16_at(fixed, 0).unwrap_or_default()).canonical();
        let snap_len = order.u32_at(fixed, 4).unwrap_or_default();
        let mut interface =
            Interface { snap_len, resolution: TimeResolution::MICROSECONDS, ..Interface::new(link) };
        let mut offset_s = 0;
        for (code, value) in Options::new(order, block.after(INTERFACE_DESCRIPTION_LEN)) {
            match (code, value) {
                (IF_NAME, value) => interface.name = Some(text(value)),
                (IF_DESCRIPTION, value) => interface.description = Some(text(value)),
                (IF_TSRESOL, &[byte, ..]) => interface.resolution = TimeResolution::from_option(byte),
                (IF_TSOFFSET, value) => {
                    offset_s = order.u64_at(value, 0).map_or(offset_s, u64::cast_signed);
                }
                _ => {}
            }
        }
        let clock = Clock::new(interface.resolution, offset_s);
        self.interfaces.push(Described { clock, reported_os_drops: 0, reported_if_drops: 0 });
        known.push(interface);
        Ok(())
    }

    /// Interface statistics: what was dropped since the capture began. What was reported before is not repeated.
    pub(super) fn on_statistics(&mut self, block: &RawBlock<'_>, losses: &mut Losses) {
        let order = block.order;
        let stamp = |at| order.u32_at(block.body, at).map(u64::from);
        let (Some(id), Some(high), Some(low)) = (order.u32_at(block.body, 0), stamp(4), stamp(8)) else {
            return;
        };
        let Ok(interface) = self.interface(id) else { return };
        let at_ns = interface.clock.at_ns(high << 32 | low);
        for (code, value) in Options::new(order, block.after(12)) {
            let (reported, cause) = match code {
                ISB_OSDROP => (&mut interface.reported_os_drops, LossCause::CaptureBuffer),
                ISB_IFDROP => (&mut interface.reported_if_drops, LossCause::Interface),
                _ => continue,
            };
            let Some(dropped) = order.u64_at(value, 0) else { continue };
            losses.add(at_ns, cause, dropped.saturating_sub(*reported));
            *reported = dropped.max(*reported);
        }
    }

    /// An interface by its number within the section.
    #[inline]
    pub(super) fn interface(&mut self, id: u32) -> Result<&mut Described, FormatError> {
        let described = self.interfaces.len() as u32;
        self.interfaces.get_mut(id as usize).ok_or(FormatError::UnknownInterface { interface: id, described })
    }

    /// Its number within the file.
    #[inline]
    pub(super) fn id_of(&self, id: u32) -> u32 {
        self.base.saturating_add(id)
    }

    /// The snap length of the first interface, which is that of all simple packets.
    pub(super) fn snap_len(&self, known: &[Interface]) -> u32 {
        known.get(self.base as usize).map_or(0, |interface| interface.snap_len)
    }
}

/// A name or description, cut where it is absurdly long. Some writers end them with a NUL.
fn text(value: &[u8]) -> String {
    let value = value.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(value.get(..MAX_NAME).unwrap_or(value)).into_owned()
}
