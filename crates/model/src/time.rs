//! A moment, in milliseconds since 1970-01-01 UTC, read and written as RFC 3339.

use std::{fmt, str, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The last moment that has a name: nothing ends later.
    pub const MAX: Self = Self(253_402_207_200_000);

    /// Takes milliseconds since 1970-01-01 UTC, held inside the years 1 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        const MIN: i64 = -62_135_596_800_000;
        if millis < MIN {
            Self(MIN)
        } else if Self::MAX.0 < millis {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Takes a day and a time of day in UTC, as calendars and clocks have them.
    pub fn from_civil(
        (year, month, day): (i16, i8, i8),
        (hour, minute, second): (i8, i8, i8),
    ) -> Option<Self> {
        let moment = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        let moment = jiff::tz::Offset::UTC.to_timestamp(moment).ok()?;
        Some(Self::from_millis(moment.as_millisecond()))
    }

    /// Gives milliseconds since 1970-01-01 UTC.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Gives whole seconds since 1970-01-01 UTC, as tokens count them (RFC 7519, section 2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Counts the days of UTC up to this moment.
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(24 * 3600 * 1000)
    }

    /// Gives the year and the month of UTC, from 1 to 12; none where no calendar has it.
    pub fn utc_month(self) -> Option<(i16, i8)> {
        let moment = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let moment = jiff::tz::Offset::UTC.to_datetime(moment);
        Some((moment.year(), moment.month()))
    }

    /// Gives the moment `span` later, or [`Timestamp::MAX`] where there is none.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Gives the time that has passed since `earlier`; none if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Timestamp {
    /// Writes the moment as RFC 3339 does; none where no calendar has it. Every record holds one, so
    /// it goes without the layers of formatting.
    fn letters(self) -> Option<[u8; 24]> {
        let moment = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let moment = jiff::tz::Offset::UTC.to_datetime(moment);
        let mut letters = *b"0000-00-00T00:00:00.000Z";
        let mut put = |place: std::ops::Range<usize>, number: i16| {
            let mut rest = number.unsigned_abs();
            for letter in letters.get_mut(place).into_iter().flatten().rev() {
                *letter = b'0' | u8::try_from(rest % 10).unwrap_or(0);
                rest /= 10;
            }
        };
        put(0..4, moment.year());
        put(5..7, moment.month().into());
        put(8..10, moment.day().into());
        put(11..13, moment.hour().into());
        put(14..16, moment.minute().into());
        put(17..19, moment.second().into());
        put(20..23, moment.millisecond());
        Some(letters)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        match letters.as_ref().and_then(|it| str::from_utf8(it).ok()) {
            Some(text) => out.write_str(text),
            None => write!(out, "{}ms", self.0),
        }
    }
}

/// The text is not an RFC 3339 moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a moment like `2026-12-27T06:00:00Z` (RFC 3339)")]
pub struct TimeError {
    text: String,
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self::from_millis(moment.as_millisecond()))
            .map_err(|_| TimeError { text: text.to_owned() })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let letters = self.letters();
        match letters.as_ref().and_then(|it| str::from_utf8(it).ok()) {
            Some(text) => out.serialize_str(text),
            None => out.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_written_in_utc_to_the_millisecond() {
        for (text, expected) in [
            ("2026-12-27T06:00:00Z", "2026-12-27T06:00:00.000Z"),
            ("2026-12-27T06:00:00+02:00", "2026-12-27T04:00:00.000Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_not_a_moment_is_refused() {
        for text in ["", "now", "2026-12-27", "2026-12-27T06:00:00", "2026-13-01T00:00:00Z"] {
            let error = text.parse::<Timestamp>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a moment")), "{error}");
        }
    }

    #[test]
    fn nothing_is_later_than_the_last_moment() {
        let max = Timestamp::from_millis(i64::MAX);
        assert_eq!(max, Timestamp::MAX);
        assert_eq!(max.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.to_string().parse(), Ok(Timestamp::MAX));
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn seconds_round_down_before_1970_too() {
        assert_eq!(Timestamp::from_millis(-1).seconds(), -1);
        assert_eq!(Timestamp::from_millis(1999).seconds(), 1);
    }

    proptest! {
        #[test]
        fn a_moment_is_written_as_its_calendar_writes_it(millis in any::<i64>(), near in 0_i64..4_000_000_000_000) {
            for moment in [millis, near].map(Timestamp::from_millis) {
                let calendar = jiff::Timestamp::from_millisecond(moment.millis()).unwrap();
                prop_assert_eq!(moment.to_string(), format!("{calendar:.3}"));
            }
        }

        #[test]
        fn a_moment_reads_back_as_itself(millis in any::<i64>()) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
            let written = serde_json::to_string(&moment).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&written).unwrap(), moment);
        }

        /// Ledgers and listings sort moments as text.
        #[test]
        fn text_sorts_as_time_does(one in any::<i64>(), other in any::<i64>()) {
            let (one, other) = (Timestamp::from_millis(one), Timestamp::from_millis(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn what_passed_since_is_what_was_added(millis in 0_i64..4_000_000_000_000, span in 0_u64..4_000_000_000) {
            let (start, span) = (Timestamp::from_millis(millis), Duration::from_millis(span));
            prop_assert_eq!(start.after(span).since(start), span);
            prop_assert_eq!(start.since(start.after(span)), Duration::ZERO);
        }
    }
}
