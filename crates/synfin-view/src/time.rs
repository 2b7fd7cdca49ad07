//! Points in time: relative to a first one, or by the clock.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::text::Short;

/// How points in time are shown in tables and lists. Ladders always count from their own first packet.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TimeStyle {
    /// Seconds since the first packet.
    #[default]
    Relative,
    /// Time of day in a time zone.
    Clock(TimeZone),
}

/// From one point in time to another, in nanoseconds: negative where the second is earlier.
pub(crate) fn since(at_ns: u64, base_ns: u64) -> i64 {
    at_ns.wrapping_sub(base_ns).cast_signed()
}

/// A time in a unit with three digits after the point.
#[derive(Clone, Copy)]
struct Decimal {
    ns: i64,
    /// Nanoseconds in the unit.
    unit: u64,
    digits: u32,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10u64.pow(self.digits);
        let step = (self.unit / scale).max(1);
        let steps = self.ns.unsigned_abs() / step;
        let sign = if self.ns < 0 { "-" } else { "" };
        if self.digits == 0 {
            return write!(f, "{sign}{steps}");
        }
        write!(f, "{sign}{}.{:0digits$}", steps / scale, steps % scale, digits = self.digits as usize)
    }
}

/// The unit that a ladder counts in, by how long its connection takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Microseconds,
    Milliseconds,
    Seconds,
}

impl Unit {
    /// Columns of [`Unit::cell`].
    pub(crate) const WIDTH: usize = 8;

    pub(crate) fn for_length(ns: u64) -> Self {
        match ns {
            ..100_000 => Self::Microseconds,
            100_000..10_000_000_000 => Self::Milliseconds,
            _ => Self::Seconds,
        }
    }

    pub(crate) const fn name(self, unicode: bool) -> &'static str {
        match self {
            Self::Microseconds if unicode => "µs",
            Self::Microseconds => "us",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }

    /// A time in at most [`Unit::WIDTH`] columns, with as many digits after the point, up to three, as these allow.
    pub(crate) fn cell(self, ns: i64) -> Short {
        let unit = match self {
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
        };
        (0..=3)
            .rev()
            .map(|digits| Short::of(Decimal { ns, unit, digits }))
            .find(|cell| cell.as_str().len() <= Self::WIDTH)
            .unwrap_or_else(|| Short::of(if ns < 0 { "<-9999999" } else { ">9999999" }))
    }
}

/// Points in time as tables and lists show them.
#[derive(Clone, Default, Debug)]
pub(crate) struct Clock {
    style: TimeStyle,
    base_ns: Option<u64>,
}

impl Clock {
    pub(crate) fn new(style: TimeStyle) -> Self {
        Self { style, base_ns: None }
    }

    /// Counts from here, unless it counts from somewhere already.
    pub(crate) fn start_at(&mut self, at_ns: u64) {
        self.base_ns.get_or_insert(at_ns);
    }

    /// Columns that a point in time usually takes.
    pub(crate) fn width(&self, digits: u32) -> usize {
        match self.style {
            TimeStyle::Relative => 5 + digits as usize,
            TimeStyle::Clock(_) => 9 + digits as usize,
        }
    }

    /// A point in time with so many digits of the second, at most nine.
    pub(crate) fn show(&self, at_ns: u64, digits: u32) -> Short {
        match &self.style {
            TimeStyle::Relative => {
                let ns = since(at_ns, self.base_ns.unwrap_or(at_ns));
                Short::of(Decimal { ns, unit: 1_000_000_000, digits })
            }
            TimeStyle::Clock(zone) => {
                let Ok(timestamp) = Timestamp::from_nanosecond(i128::from(at_ns)) else {
                    return Short::of("?");
                };
                let offset = zone.to_offset(timestamp).seconds();
                let of_day = (timestamp.as_second() + i64::from(offset)).rem_euclid(86_400);
                let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
                let fraction = at_ns % 1_000_000_000 / 10u64.pow(9u32.saturating_sub(digits));
                Short::of(format_args!(
                    "{hour:02}:{minute:02}:{second:02}.{fraction:0w$}",
                    w = digits as usize
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_gives_up_digits_before_it_gives_up_its_width() {
        let cell = |ns| Unit::Milliseconds.cell(ns).to_string();
        assert_eq!(cell(18_000), "0.018");
        assert_eq!(cell(-18_000), "-0.018");
        assert_eq!(cell(9_999_999_999), "9999.999");
        assert_eq!(cell(60_000_900_000), "60000.90");
        assert_eq!(cell(99_999_999_000_000), "99999999");
        assert_eq!(cell(i64::MAX), ">9999999");
    }

    #[test]
    fn the_clock_knows_its_zone() {
        let clock = Clock::new(TimeStyle::Clock(TimeZone::fixed(jiff::tz::offset(-1))));
        assert_eq!(clock.show(1_700_000_000_123_456_789, 6).to_string(), "21:13:20.123456");
        let mut relative = Clock::default();
        relative.start_at(5_000_000_000);
        assert_eq!(relative.show(6_234_567_890, 3).to_string(), "1.234");
    }
}
