//! Values with units, as people write them: `10 Mbit/s`, `20 ms`, `64 kB`, `1 %`.
//!
//! Decimal prefixes are powers of 1000 (`kB`), binary ones of 1024 (`KiB`). All of them are exact: what cannot be said
//! in whole nanoseconds, bytes or bits a second is refused. The same parsers serve TOML and the command line.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Why a value is not understood.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{given:?} is not {what}, such as {example}")]
pub struct UnitError {
    given: String,
    what: &'static str,
    example: &'static str,
}

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Time(pub Duration);

/// Bits a second. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate(pub u64);

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Size(pub u64);

/// A probability from 0 to 1.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Chance(f64);

impl Chance {
    /// Never.
    pub const NEVER: Self = Self(0.0);

    /// A probability; `None` unless it is one.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// From 0 to 1.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

/// What a unit stands for: names, and how many of the smallest unit it is.
type Units = [(&'static str, u64)];

const TIMES: &Units = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const RATES: &Units = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("bit", 1),
    ("kbit", 1_000),
    ("Mbit", 1_000_000),
    ("Gbit", 1_000_000_000),
    ("B/s", 8),
    ("kB/s", 8_000),
    ("MB/s", 8_000_000),
    ("GB/s", 8_000_000_000),
];

const SIZES: &Units = &[
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// A decimal number and a unit, exactly.
fn parse(text: &str, units: &Units) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (number, unit) = (number.replace('_', ""), unit.trim());
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = u32::try_from(fraction.len()).ok()?;
    let value: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = 10u128.checked_pow(digits)?;
    let value = value.checked_mul(u128::from(*factor))?;
    if !value.is_multiple_of(scale) {
        return None;
    }
    u64::try_from(value / scale).ok()
}

fn error(given: &str, what: &'static str, example: &'static str) -> UnitError {
    UnitError { given: given.to_owned(), what, example }
}

impl FromStr for Time {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let ns = if text.trim() == "0" { Some(0) } else { parse(text, TIMES) };
        ns.map(|ns| Self(Duration::from_nanos(ns))).ok_or_else(|| error(text, "a time", "20ms or 1.5s"))
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let rate = parse(text, RATES).filter(|rate| *rate > 0);
        rate.map(Self).ok_or_else(|| error(text, "a rate above zero", "10Mbit/s or 1.5MB/s"))
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, SIZES).map(Self).ok_or_else(|| error(text, "a number of bytes", "1500, 64kB or 1MiB"))
    }
}

impl FromStr for Chance {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || error(text, "a chance", "1%, 0.01 or 0");
        let (number, scale) = match text.trim().strip_suffix('%') {
            Some(number) => (number.trim(), 100.0),
            None => (text.trim(), 1.0),
        };
        let value: f64 = number.parse().map_err(|_| wrong())?;
        Self::new(value / scale).ok_or_else(wrong)
    }
}

/// Reads strings and numbers by way of `FromStr`, so that TOML and the command line agree.
struct Text<T>(core::marker::PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its unit")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

macro_rules! deserialize_as_text {
    ($($type:ty),+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text(core::marker::PhantomData))
            }
        }
    )+};
}

deserialize_as_text!(Time, Rate, Size, Chance, crate::Rule, crate::Action, crate::Outage);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact() {
        assert_eq!("1.5 ms".parse(), Ok(Time(Duration::from_micros(1500))));
        assert_eq!("2min".parse(), Ok(Time(Duration::from_secs(120))));
        assert_eq!("10Mbit/s".parse(), Ok(Rate(10_000_000)));
        assert_eq!("1.5 MB/s".parse(), Ok(Rate(12_000_000)));
        assert_eq!("64KiB".parse(), Ok(Size(65_536)));
        assert_eq!("1_000".parse(), Ok(Size(1000)));
        assert_eq!("1 %".parse::<Chance>().unwrap().value().to_bits(), 0.01f64.to_bits());
    }

    #[test]
    fn what_is_not_meant_is_refused() {
        for wrong in ["", "20", "ms", "-1s", "0.1ns", "1 fortnight", "99999999999h", "1.2.3s"] {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
        for wrong in ["0", "0bit/s", "10", "0.5bit/s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
        for wrong in ["101%", "-0.1", "2", "NaN", "often"] {
            assert!(wrong.parse::<Chance>().is_err(), "{wrong}");
        }
        let told = "20".parse::<Time>().unwrap_err().to_string();
        assert_eq!(told, "\"20\" is not a time, such as 20ms or 1.5s");
    }
}
