//! Figures in sentences.

use std::fmt;

/// A time span in nanoseconds: `850 ns`, `36 µs`, `1.5 s`, `17 min`.
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit_ns, unit): (u64, _) = match self.0 {
            ..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            1_000_000_000..120_000_000_000 => (1_000_000_000, "s"),
            120_000_000_000..7_200_000_000_000 => (60_000_000_000, "min"),
            _ => (3_600_000_000_000, "h"),
        };
        let (whole, tenths) = (self.0 / unit_ns, self.0 % unit_ns * 10 / unit_ns);
        if whole < 10 && unit_ns > 1 {
            write!(f, "{whole}.{tenths} {unit}")
        } else {
            write!(f, "{whole} {unit}")
        }
    }
}

/// So many of something, in thousands: `1 byte`, `135,256 bytes`.
pub(super) struct Count(pub(super) u64, pub(super) &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (n, digit) in digits.chars().enumerate() {
            if n > 0 && (digits.len() - n).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        write!(f, " {}{}", self.1, if self.0 == 1 { "" } else { "s" })
    }
}

/// A part of a whole: `3.5 %`.
pub(super) struct Percent(pub(super) u64, pub(super) u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, whole) = (u128::from(self.0), u128::from(self.1.max(1)));
        let per_mille = (part * 1000 + whole / 2) / whole;
        match (per_mille / 10, per_mille % 10) {
            (0, 0) => f.write_str("less than 0.1 %"),
            (whole, tenth) => write!(f, "{whole}.{tenth} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let spans =
            [0, 999, 1_000, 36_400, 999_999_999, 1_500_000_000, 119_000_000_000, 120_000_000_000, u64::MAX];
        let spans = spans.map(|ns| Span(ns).to_string());
        assert_eq!(
            spans,
            ["0 ns", "999 ns", "1.0 µs", "36 µs", "999 ms", "1.5 s", "119 s", "2.0 min", "5124095 h"]
        );
        assert_eq!([0, 1, 1000].map(|n| Count(n, "byte").to_string()), ["0 bytes", "1 byte", "1,000 bytes"]);
        assert_eq!(Count(u64::MAX, "byte").to_string(), "18,446,744,073,709,551,615 bytes");
        assert_eq!(
            [(1, 28), (1, 5000), (3, 3)].map(|(part, whole)| Percent(part, whole).to_string()),
            ["3.6 %", "less than 0.1 %", "100.0 %",]
        );
        assert_eq!(Percent(0, 0).to_string(), "less than 0.1 %");
    }
}
