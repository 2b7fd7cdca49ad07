//! pcap, the format that tcpdump began with: draft-ietf-opsawg-pcap.
//!
//! A header of 24 bytes, then records: 16 bytes and the frame. The header's magic number tells the byte order and
//! whether fractions of a second are micro- or nanoseconds. The *modified* format of old Linux patches has records
//! with 24 bytes of header, among them the packet's direction.

use synfin_wire::LinkType;

use super::{Head, Problem, Step};
use crate::cooked::direction_of_packet_type;
use crate::order::ByteOrder;
use crate::window::{MAX_RECORD, Window};
use crate::{FormatError, Interface, TimeResolution};

const HEADER_LEN: usize = 24;
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
/// Version before 2.3 had the two lengths of a record the other way round, and 2.3 had them either way.
const MINOR_OF_DOUBT: u16 = 3;

/// How to read the records of a pcap file.
#[derive(Debug)]
pub(crate) struct Pcap {
    order: ByteOrder,
    /// Length of a record's header, in bytes.
    record_header_len: usize,
    ns_per_tick: u64,
    minor: u16,
}

impl Pcap {
    /// Whether a file that begins so is a pcap file.
    pub(crate) fn is_magic(magic: [u8; 4]) -> bool {
        Self::from_magic(magic).is_some()
    }

    fn from_magic(magic: [u8; 4]) -> Option<Self> {
        [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
            let (record_header_len, ns_per_tick) = match order.u32(magic) {
                MICROSECONDS => (16, 1_000),
                NANOSECONDS => (16, 1),
                MODIFIED => (24, 1_000),
                _ => return None,
            };
            Some(Self { order, record_header_len, ns_per_tick, minor: 0 })
        })
    }

    /// Reads the header. `None`: the file breaks off in it.
    pub(crate) fn open(window: &mut Window) -> Result<Option<(Self, Interface)>, Problem> {
        if !window.ensure(HEADER_LEN)? {
            return Ok(None);
        }
        let Some(&header) = window.at_hand().first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let [m0, m1, m2, m3, ..] = header;
        let Some(mut pcap) = Self::from_magic([m0, m1, m2, m3]) else { return Ok(None) };
        let order = pcap.order;
        let major = order.u16_at(&header, 4).unwrap_or_default();
        let minor = order.u16_at(&header, 6).unwrap_or_default();
        if major != 2 {
            return Err(FormatError::Version { major, minor }.into());
        }
        pcap.minor = minor;
        // The top six bits say how many bytes of frame check sequence end each frame; nothing here needs to know.
        let link = order.u32_at(&header, 20).unwrap_or_default() & 0x03ff_ffff;
        let link = u16::try_from(link).map_err(|_| FormatError::LinkType(link))?;
        let interface = Interface {
            snap_len: order.u32_at(&header, 16).unwrap_or_default(),
            resolution: match pcap.ns_per_tick {
                1 => TimeResolution::NANOSECONDS,
                _ => TimeResolution::MICROSECONDS,
            },
            ..Interface::new(LinkType(link).canonical())
        };
        window.consume(HEADER_LEN);
        Ok(Some((pcap, interface)))
    }

    #[inline]
    pub(crate) fn advance(&mut self, window: &mut Window, head: &mut Head) -> Result<Step, Problem> {
        if !window.ensure(self.record_header_len)? {
            return Ok(if window.at_hand().is_empty() { Step::End } else { Step::Truncated });
        }
        let Some(&[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3]) =
            window.at_hand().first_chunk::<16>()
        else {
            return Ok(Step::Truncated);
        };
        let order = self.order;
        let seconds = u64::from(order.u32([s0, s1, s2, s3]));
        let ticks = u64::from(order.u32([f0, f1, f2, f3]));
        let mut captured = order.u32([c0, c1, c2, c3]);
        let mut original_len = order.u32([o0, o1, o2, o3]);
        if self.minor < MINOR_OF_DOUBT || (self.minor == MINOR_OF_DOUBT && captured > original_len) {
            std::mem::swap(&mut captured, &mut original_len);
        }
        if captured > MAX_RECORD {
            return Err(FormatError::TooLong { length: captured, limit: MAX_RECORD }.into());
        }
        let len = self.record_header_len + captured as usize;
        if !window.ensure(len)? {
            return Ok(Step::Truncated);
        }
        // In the modified format: interface index (4), protocol (2), packet type (1), padding (1).
        let direction = match self.record_header_len {
            24 => window.at_hand().get(22).and_then(|&byte| direction_of_packet_type(byte.into())),
            _ => None,
        };
        let start = window.consume(len);
        *head = Head {
            // Cannot overflow: both numbers have 32 bits.
            at_ns: seconds * 1_000_000_000 + ticks * self.ns_per_tick,
            interface: 0,
            direction,
            original_len,
            bytes: start + self.record_header_len..start + len,
            options: 0..0,
        };
        Ok(Step::Frame)
    }
}
