//! Lengths of time as people type them: `10s`, `500ms`, `2m`, `1h`; a bare number is seconds.

use std::time::Duration;

/// Reads one.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{unit} is no unit of time: ms, s, m or h")),
    };
    let number: f64 = digits.parse().map_err(|_| "this is no length of time: 10s, 500ms, 2m".to_owned())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err("this is no length of time that anybody could wait for".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        for (text, ms) in
            [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("1.5m", 90_000), ("2h", 7_200_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "0", "-1s", "1 s", "10d", "inf", "nan", "1e300h", "e", "1s2"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
