//! Points in time, as the API writes them.

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::text::TextError;

/// A point in time of the years 1970–9999 (UTC), to the microsecond.
///
/// It is kept as its canonical text, since that is what Postgres renders and clients read: RFC 3339 in UTC with `Z`,
/// with a fraction only where it is not zero and without trailing zeros. Within one second that text does not sort by
/// time (`.` < `Z`), so there is no `Ord`; compare [`Instant::to_utc`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Instant(String);

impl Instant {
    /// The years that are accepted, counted in UTC.
    pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

    /// Reads an RFC 3339 date and time with its offset. Digits beyond the microsecond are cut off.
    ///
    /// A leap second (`:60`) is refused: Postgres would move it into the next minute, and the caller would get back an
    /// instant that it never sent.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if !has_shape(text.as_bytes()) {
            return Err(malformed());
        }
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| malformed())?;
        // chrono keeps a leap second as a second of more than a billion nanoseconds.
        if parsed.nanosecond() >= 1_000_000_000 {
            return Err(TextError::new("invalid_format", "leap seconds are not supported"));
        }
        Self::from_utc(parsed.to_utc()).ok_or_else(|| {
            let years = Self::YEARS;
            let detail = format!("must lie in the years {} to {} (UTC)", years.start(), years.end());
            TextError::new("out_of_range", detail)
        })
    }

    /// The instant of a clock; `None` outside [`Instant::YEARS`].
    pub fn from_utc(at: DateTime<Utc>) -> Option<Self> {
        if !Self::YEARS.contains(&at.year()) {
            return None;
        }
        let micros = at.nanosecond() / 1000 % 1_000_000;
        let seconds = at.format("%Y-%m-%dT%H:%M:%S");
        let text = if micros == 0 {
            format!("{seconds}Z")
        } else {
            format!("{}Z", format!("{seconds}.{micros:06}").trim_end_matches('0'))
        };
        Some(Self(text))
    }

    /// For arithmetic and other formats.
    pub fn to_utc(&self) -> DateTime<Utc> {
        // The text was parsed when the value was made, so the default is never taken.
        DateTime::parse_from_rfc3339(&self.0).map(|at| at.to_utc()).unwrap_or_default()
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error| serde::de::Error::custom(error.detail))
    }
}

fn malformed() -> TextError {
    TextError::new("invalid_format", "must be an RFC 3339 date and time with an offset, such as 2026-11-23T09:00:00Z")
}

/// Whether the text is laid out as RFC 3339 says. chrono alone also takes a blank for the `T`, and a Unicode minus.
fn has_shape(text: &[u8]) -> bool {
    let digit_or = |pattern: u8, byte: u8| {
        if pattern == b'0' { byte.is_ascii_digit() } else { pattern == byte.to_ascii_uppercase() }
    };
    let fits = |pattern: &[u8], bytes: &[u8]| {
        pattern.len() == bytes.len() && pattern.iter().zip(bytes).all(|(p, b)| digit_or(*p, *b))
    };
    let Some((seconds, mut rest)) = text.split_at_checked(19) else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    fits(b"0000-00-00T00:00:00", seconds) && (fits(b"Z", rest) || fits(b"+00:00", rest) || fits(b"-00:00", rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Instant::parse(text).unwrap_or_else(|error| panic!("{text}: {}", error.detail)).into_string()
    }

    fn code(text: &str) -> &'static str {
        Instant::parse(text).expect_err(text).code
    }

    #[test]
    fn an_offset_becomes_utc() {
        assert_eq!(canonical("2026-11-23T03:13:00+01:00"), "2026-11-23T02:13:00Z");
        assert_eq!(canonical("2026-11-23T23:30:00-00:45"), "2026-11-24T00:15:00Z");
        assert_eq!(canonical("2026-11-23t03:13:00z"), "2026-11-23T03:13:00Z");
        assert_eq!(canonical("2024-02-29T00:00:00-00:00"), "2024-02-29T00:00:00Z");
    }

    #[test]
    fn the_fraction_is_short_and_ends_at_microseconds() {
        assert_eq!(canonical("2026-11-23T03:13:00.000Z"), "2026-11-23T03:13:00Z");
        assert_eq!(canonical("2026-11-23T03:13:00.120Z"), "2026-11-23T03:13:00.12Z");
        assert_eq!(canonical("2026-11-23T03:13:00.000001Z"), "2026-11-23T03:13:00.000001Z");
        assert_eq!(canonical("2026-11-23T03:13:00.1234567891234Z"), "2026-11-23T03:13:00.123456Z");
        assert_eq!(canonical("9999-12-31T23:59:59.9999999Z"), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn years_count_in_utc() {
        assert_eq!(canonical("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00Z");
        assert_eq!(canonical("1969-12-31T23:30:00-01:00"), "1970-01-01T00:30:00Z");
        for text in
            ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00Z"]
        {
            assert_eq!(code(text), "out_of_range", "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_refused() {
        assert_eq!(code("2016-12-31T23:59:60Z"), "invalid_format");
        assert_eq!(code("2016-12-31T23:59:60.5+00:00"), "invalid_format");
        assert_eq!(code("2016-12-31T23:59:61Z"), "invalid_format");
    }

    #[test]
    fn everything_else_is_refused() {
        let others = [
            "",
            "2026-11-23",
            "2026-11-23T03:13:00",
            "2026-11-23 03:13:00Z",
            "2026-11-23T03:13Z",
            "2026-11-23T03:13:00,5Z",
            "2026-11-23T03:13:00.Z",
            "2026-11-23T03:13:00+01",
            "2026-11-23T03:13:00+0100",
            "2026-11-23T03:13:00\u{2212}01:00",
            "2026-11-23T03:13:00+24:00",
            "2026-02-29T03:13:00Z",
            "2026-13-01T03:13:00Z",
            "2026-11-23T24:00:00Z",
            " 2026-11-23T03:13:00Z",
            "2026-11-23T03:13:00Z ",
            "+2026-11-23T03:13:00Z",
            "20261-11-23T03:13:00Z",
            "infinity",
            "1732331580",
            "２026-11-23T03:13:00Z",
        ];
        for text in others {
            assert_eq!(code(text), "invalid_format", "{text}");
        }
    }

    #[test]
    fn it_is_a_string_in_json() {
        let at: Instant = serde_json::from_str(r#""2026-11-23T03:13:00.500+00:00""#).unwrap();
        assert_eq!(serde_json::to_string(&at).unwrap(), r#""2026-11-23T03:13:00.5Z""#);
        assert_eq!(at.to_utc().timestamp_millis(), 1_795_403_580_500);
        assert!(serde_json::from_str::<Instant>("5").is_err());
    }
}
