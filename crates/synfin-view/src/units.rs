//! Figures for people: bytes, counts, durations.

use std::fmt;

use crate::style::Glyphs;

/// A count with its thousands set off: `135,256`.
#[derive(Clone, Copy)]
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = (self.0 / 1000, self.0 % 1000);
        if high == 0 {
            return write!(f, "{low}");
        }
        write!(f, "{},{low:03}", Self(high))
    }
}

/// Bytes in decimal units: `78 B`, `135 kB`, `1.2 MB`.
#[derive(Clone, Copy)]
pub(crate) struct Bytes(pub(crate) u64);

/// Bytes in at most four columns, for tables: `78`, `135k`, `1.2M`.
#[derive(Clone, Copy)]
pub(crate) struct CompactBytes(pub(crate) u64);

/// The number in the largest unit that it fills, with two significant digits at least, and that unit's prefix.
fn scaled(bytes: u64) -> (u64, Option<u64>, &'static str) {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if bytes < 1000 {
        return (bytes, None, "");
    }
    let bytes = u128::from(bytes);
    let mut unit: u128 = 1000;
    let mut prefix = "k";
    // From 999.5 of a unit on, it is one of the next.
    for next in PREFIXES.into_iter().skip(1) {
        if bytes * 10 < unit * 9995 {
            break;
        }
        (prefix, unit) = (next, unit * 1000);
    }
    let rounded = |step: u128| u64::try_from((bytes + step / 2) / step).unwrap_or(u64::MAX);
    match rounded(unit / 10) {
        tenths @ ..100 => (tenths / 10, Some(tenths % 10), prefix),
        _ => (rounded(unit), None, prefix),
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match scaled(self.0) {
            (whole, Some(tenth), prefix) => write!(f, "{whole}.{tenth} {prefix}B"),
            (whole, None, prefix) => write!(f, "{whole} {prefix}B"),
        }
    }
}

impl fmt::Display for CompactBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match scaled(self.0) {
            (whole, Some(tenth), prefix) => write!(f, "{whole}.{tenth}{prefix}"),
            (whole, None, prefix) => write!(f, "{whole}{prefix}"),
        }
    }
}

/// A duration: `36 µs`, `0.9 ms`, `12 ms`, `1.5 s`, `3 min 20 s`, `2 h 5 min`.
#[derive(Clone, Copy)]
pub(crate) struct Duration {
    ns: u64,
    glyphs: &'static Glyphs,
    /// In five columns, as far as hours go: `474µs`, `0.9ms`, `12ms`, `1.5s`, `200s`, `2.1h`.
    is_compact: bool,
}

impl Duration {
    pub(crate) const fn new(ns: u64, glyphs: &'static Glyphs) -> Self {
        Self { ns, glyphs, is_compact: false }
    }

    /// For tables.
    pub(crate) const fn compact(ns: u64, glyphs: &'static Glyphs) -> Self {
        Self { ns, glyphs, is_compact: true }
    }
}

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
const S: u64 = 1_000_000_000;

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ns, glyphs, is_compact } = *self;
        let space = if is_compact { "" } else { " " };
        // Each bound is where the rounded figure would no longer look right in the smaller unit.
        let (unit, name) = match ns {
            ..499_500 => return write!(f, "{}{space}{}", (ns + US / 2) / US, glyphs.micro),
            499_500..999_500_000 => (MS, "ms"),
            999_500_000..119_500_000_000 => (S, "s"),
            _ => {
                let seconds = ns / S + u64::from(ns % S >= S / 2);
                return match seconds {
                    ..9_999 if is_compact => write!(f, "{seconds}s"),
                    _ if is_compact => write!(f, "{}.{}h", seconds / 3600, seconds % 3600 / 360),
                    ..7200 => write!(f, "{}{space}min{space}{}{space}s", seconds / 60, seconds % 60),
                    _ => write!(f, "{}{space}h{space}{}{space}min", seconds / 3600, seconds % 3600 / 60),
                };
            }
        };
        let tenths = (ns + unit / 20) / (unit / 10);
        if tenths < 100 {
            write!(f, "{}.{}{space}{name}", tenths / 10, tenths % 10)
        } else {
            write!(f, "{}{space}{name}", (ns + unit / 2) / unit)
        }
    }
}

/// A share in percent with one digit, never rounded up to all or down to nothing.
#[derive(Clone, Copy)]
pub(crate) struct Percent {
    pub(crate) part: u64,
    pub(crate) whole: u64,
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, whole) = (u128::from(self.part), u128::from(self.whole.max(1)));
        let mut tenths = (part * 1000 + whole / 2) / whole;
        if part < whole {
            tenths = tenths.min(999);
        }
        if part > 0 {
            tenths = tenths.max(1);
        }
        write!(f, "{}.{} %", tenths / 10, tenths % 10)
    }
}

/// `1 packet`, `2 packets`.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", Grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Style;

    #[test]
    fn bytes_have_two_digits_at_least_and_three_at_most() {
        let shown = |n| (Bytes(n).to_string(), CompactBytes(n).to_string());
        assert_eq!(shown(0), ("0 B".into(), "0".into()));
        assert_eq!(shown(999), ("999 B".into(), "999".into()));
        assert_eq!(shown(1000), ("1.0 kB".into(), "1.0k".into()));
        assert_eq!(shown(9949), ("9.9 kB".into(), "9.9k".into()));
        assert_eq!(shown(9950), ("10 kB".into(), "10k".into()));
        assert_eq!(shown(135_256), ("135 kB".into(), "135k".into()));
        assert_eq!(shown(999_499), ("999 kB".into(), "999k".into()));
        assert_eq!(shown(999_500), ("1.0 MB".into(), "1.0M".into()));
        assert_eq!(shown(u64::MAX), ("18 EB".into(), "18E".into()));
    }

    #[test]
    fn counts_have_their_thousands_set_off() {
        assert_eq!(Grouped(0).to_string(), "0");
        assert_eq!(Grouped(1_000).to_string(), "1,000");
        assert_eq!(Grouped(12_034_005).to_string(), "12,034,005");
    }

    #[test]
    fn a_duration_takes_the_unit_that_people_would_take() {
        let shown = |ns| Duration::new(ns, Style::default().glyphs()).to_string();
        assert_eq!(shown(0), "0 µs");
        assert_eq!(shown(36_400), "36 µs");
        assert_eq!(shown(499_499), "499 µs");
        assert_eq!(shown(900_000), "0.9 ms");
        assert_eq!(shown(9_949_999), "9.9 ms");
        assert_eq!(shown(9_950_000), "10 ms");
        assert_eq!(shown(999_499_999), "999 ms");
        assert_eq!(shown(999_500_000), "1.0 s");
        assert_eq!(shown(119_000_000_000), "119 s");
        assert_eq!(shown(200_000_000_000), "3 min 20 s");
        assert_eq!(shown(7_500_000_000_000), "2 h 5 min");
        assert!(shown(u64::MAX).ends_with("min"));
        let compact = |ns| Duration::compact(ns, Style::default().glyphs()).to_string();
        assert_eq!(compact(474_000), "474µs");
        assert_eq!(compact(200_000_000_000), "200s");
        assert_eq!(compact(36_000_000_000_000), "10.0h");
    }

    #[test]
    fn only_all_is_all() {
        let shown = |part, whole| Percent { part, whole }.to_string();
        assert_eq!(shown(135_256, 136_720), "98.9 %");
        assert_eq!(shown(99_999, 100_000), "99.9 %");
        assert_eq!(shown(1, 100_000), "0.1 %");
        assert_eq!(shown(7, 7), "100.0 %");
        assert_eq!(shown(0, 0), "0.0 %");
    }
}
