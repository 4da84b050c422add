//! When in the week something may happen: `Mon-Fri 06:00-22:00 Europe/Berlin`.

use std::{fmt, str::FromStr};

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// Days and hours in one time zone. An interval whose end is not after its start runs past
/// midnight and belongs to the day it starts on. Both ends follow the zone's clock changes.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    text: String,
    days: [bool; 7],
    from: u16,
    to: u16,
    zone: TimeZone,
}

/// The text is not a calendar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a calendar like `Mon-Fri 06:00-22:00 Europe/Berlin`: {why}")]
pub struct CalendarError {
    text: String,
    why: String,
}

impl Calendar {
    /// Says whether `now` lies inside.
    pub fn contains(&self, now: Timestamp) -> bool {
        let Ok(moment) = jiff::Timestamp::from_millisecond(now.millis()) else { return false };
        let local = moment.to_zoned_datetime(self.zone.clone());
        let today = local.weekday().to_monday_zero_offset();
        let minute = minutes(local.hour().into(), local.minute().into());
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        let allowed = |day: i8| {
            usize::try_from(day.rem_euclid(7))
                .ok()
                .and_then(|it| self.days.get(it).copied())
                .unwrap_or(false)
        };
        if from < to {
            allowed(today) && from <= minute && minute < to
        } else {
            (allowed(today) && from <= minute) || (allowed(today.saturating_sub(1)) && minute < to)
        }
    }

    /// Counts the days in its zone up to `now`.
    pub(crate) fn day(&self, now: Timestamp) -> i64 {
        let Ok(moment) = jiff::Timestamp::from_millisecond(now.millis()) else {
            return now.utc_day();
        };
        let ahead = i64::from(self.zone.to_offset(moment).seconds());
        Timestamp::from_millis(now.millis().saturating_add(ahead.saturating_mul(1000))).utc_day()
    }
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl FromStr for Calendar {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Self, CalendarError> {
        let wrong = |why: String| CalendarError { text: text.to_owned(), why };
        let mut words = text.split_whitespace();
        let (Some(days), Some(hours), Some(zone), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong("it has three parts: days, hours, time zone".to_owned()));
        };
        let (from, to) = hours
            .split_once('-')
            .and_then(|(from, to)| Some((minute(from)?, minute(to)?)))
            .ok_or_else(|| wrong(format!("`{hours}` is not hours like `06:00-22:00`")))?;
        let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone).map_err(|_| {
            wrong(format!("`{zone}` is no time zone like `Europe/Berlin` or `UTC`"))
        })?;
        let days = week(days)
            .ok_or_else(|| wrong(format!("`{days}` is not days like `Mon-Fri` or `Sat,Sun`")))?;
        Ok(Self { text: text.to_owned(), days, from, to, zone })
    }
}

/// Reads `Mon-Fri,Sun` into a week.
fn week(text: &str) -> Option<[bool; 7]> {
    let place = |name: &str| DAYS.iter().position(|it| *it == name);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (place(first)?, place(last)?);
        // `Fri-Mon` runs over the end of the week.
        let round = days.iter_mut().enumerate();
        for (day, open) in round {
            let inside = first <= day && day <= last;
            let around = last < first && (first <= day || day <= last);
            *open |= inside || around;
        }
    }
    Some(days)
}

fn minutes(hour: i64, minute: i64) -> i64 {
    hour.saturating_mul(60).saturating_add(minute)
}

/// Reads `06:00` into minutes since midnight; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if hour.len() != 2
        || minute.len() != 2
        || !text.bytes().all(|it| it.is_ascii_digit() || it == b':')
    {
        return None;
    }
    let (hour, minute): (i64, i64) = (hour.parse().ok()?, minute.parse().ok()?);
    let fits = minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
    u16::try_from(minutes(hour, minute)).ok().filter(|_| fits)
}

impl fmt::Display for Calendar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Calendar({})", self.text)
    }
}

impl Serialize for Calendar {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Calendar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
