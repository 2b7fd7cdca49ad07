//! An interface as a capture describes it, and its clock.

use std::fmt;

use synfin_wire::LinkType;

/// Where frames were captured, as the capture itself describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name, like `eth0`. A pcap file has none.
    pub name: Option<String>,
    /// What somebody wrote about it.
    pub description: Option<String>,
    /// How its frames begin.
    pub link: LinkType,
    /// At most this many bytes of each frame were captured; 0 means no limit was stated.
    pub snap_len: u32,
    /// How finely its clock counted.
    pub resolution: TimeResolution,
}

impl Interface {
    /// An interface of which only the link type is known.
    #[must_use]
    pub fn new(link: LinkType) -> Self {
        Self { name: None, description: None, link, snap_len: 0, resolution: TimeResolution::NANOSECONDS }
    }
}

/// How finely a clock counts: ticks per second as a power (pcapng's `if_tsresol`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimeResolution {
    /// Ticks of 10^-n seconds.
    Decimal(u8),
    /// Ticks of 2^-n seconds.
    Binary(u8),
}

impl TimeResolution {
    /// What pcapng means where it says nothing.
    pub const MICROSECONDS: Self = Self::Decimal(6);
    /// What [`Frame`](synfin_wire::Frame)s are stamped with.
    pub const NANOSECONDS: Self = Self::Decimal(9);

    /// From the byte in an `if_tsresol` option: the top bit chooses the base.
    pub(crate) fn from_option(byte: u8) -> Self {
        match byte & 0x80 {
            0 => Self::Decimal(byte),
            _ => Self::Binary(byte & 0x7f),
        }
    }
}

impl fmt::Display for TimeResolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decimal(0) | Self::Binary(0) => f.write_str("seconds"),
            Self::Decimal(3) => f.write_str("milliseconds"),
            Self::Decimal(6) => f.write_str("microseconds"),
            Self::Decimal(9) => f.write_str("nanoseconds"),
            Self::Decimal(n) => write!(f, "10^-{n} s"),
            Self::Binary(n) => write!(f, "2^-{n} s"),
        }
    }
}

/// Turns an interface's ticks into nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: Scale,
    /// Added to every stamp (pcapng's `if_tsoffset`).
    offset_s: i64,
}

#[derive(Clone, Copy, Debug)]
enum Scale {
    Multiply(u64),
    Divide(u64),
    /// Ticks finer than any 64-bit count of them can show.
    Nothing,
    Shift(u8),
}

const NS_PER_S: i128 = 1_000_000_000;

impl Clock {
    pub(crate) fn new(resolution: TimeResolution, offset_s: i64) -> Self {
        let scale = match resolution {
            TimeResolution::Decimal(n @ 0..=9) => Scale::Multiply(10u64.pow(u32::from(9 - n))),
            TimeResolution::Decimal(n) => {
                10u64.checked_pow(u32::from(n - 9)).map_or(Scale::Nothing, Scale::Divide)
            }
            TimeResolution::Binary(n) => Scale::Shift(n),
        };
        Self { scale, offset_s }
    }

    /// Nanoseconds since the Unix epoch. Times before it, and after the year 2554, stick at the ends.
    #[inline]
    pub(crate) fn at_ns(self, ticks: u64) -> u64 {
        let ns = match self.scale {
            Scale::Multiply(by) => {
                if self.offset_s == 0 {
                    return ticks.saturating_mul(by);
                }
                i128::from(ticks) * i128::from(by)
            }
            Scale::Divide(by) => i128::from(ticks / by),
            Scale::Nothing => 0,
            Scale::Shift(by) => (i128::from(ticks) * NS_PER_S) >> by,
        };
        let ns = ns.saturating_add(i128::from(self.offset_s) * NS_PER_S);
        u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resolution_comes_out_in_nanoseconds() {
        let at = |byte, ticks| Clock::new(TimeResolution::from_option(byte), 0).at_ns(ticks);
        assert_eq!(at(0, 7), 7_000_000_000);
        assert_eq!(at(3, 1_500), 1_500_000_000);
        assert_eq!(at(6, 1_000_001), 1_000_001_000);
        assert_eq!(at(9, 1_000_000_001), 1_000_000_001);
        assert_eq!(at(12, 1_000_000_001_999), 1_000_000_001, "finer than a nanosecond is cut off");
        assert_eq!(at(127, u64::MAX), 0, "finer than 64 bits can count");
        assert_eq!(at(0x80, 7), 7_000_000_000, "2^0");
        assert_eq!(at(0x80 | 10, 1536), 1_500_000_000, "2^-10");
        assert_eq!(at(0x80 | 32, 3 << 31), 1_500_000_000, "NTP fractions");
        assert_eq!(at(0xff, u64::MAX), 0);
    }

    #[test]
    fn offsets_move_the_epoch_and_the_ends_hold() {
        let micro = |offset_s, ticks| Clock::new(TimeResolution::MICROSECONDS, offset_s).at_ns(ticks);
        assert_eq!(micro(1_700_000_000, 5), 1_700_000_000_000_005_000);
        assert_eq!(micro(-1, 3_000_000), 2_000_000_000);
        assert_eq!(micro(-5, 3_000_000), 0, "before the epoch");
        assert_eq!(micro(0, u64::MAX), u64::MAX);
        assert_eq!(micro(i64::MAX, u64::MAX), u64::MAX);
        assert_eq!(micro(i64::MIN, u64::MAX), 0);
    }
}
