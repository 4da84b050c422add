//! Until when a session counts, as `CloudTrail` writes it: `Jul 10, 2023, 12:09:47 PM`, in UTC.

use bailiwick_model::Timestamp;

use crate::source::moment::moment;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads it; some writers have it as every other moment.
pub(super) fn expiry(text: &str) -> Option<Timestamp> {
    if text.is_empty() {
        return None;
    }
    moment(text).or_else(|| spelt(text))
}

fn spelt(text: &str) -> Option<Timestamp> {
    // Newer writers put a narrow blank before the half of the day.
    let mut words =
        text.split(|it: char| it.is_whitespace() || it == ',').filter(|it| !it.is_empty());
    let mut next = || words.next();
    let (month, day, year) = (next()?, next()?, next()?);
    let (time, half) = (next()?, next()?);
    let month = MONTHS.iter().position(|it| *it == month)?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    let mut parts = time.split(':').map(|it| it.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let hour = match (half, hour) {
        ("AM", 12) => 0,
        ("PM", 12) => 12,
        ("AM", 1..12) => hour,
        ("PM", 1..12) => hour.checked_add(12)?,
        _ => return None,
    };
    Timestamp::from_civil((year.parse().ok()?, month, day.parse().ok()?), (hour, minute, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_in_each_way_that_it_is_written() {
        for (text, is) in [
            ("Jul 10, 2023, 12:09:47 PM", "2023-07-10T12:09:47.000Z"),
            ("Jul 10, 2023, 12:09:47 AM", "2023-07-10T00:09:47.000Z"),
            ("Jan 1, 2024, 1:00:00\u{202f}PM", "2024-01-01T13:00:00.000Z"),
            ("2024-01-01T13:00:00Z", "2024-01-01T13:00:00.000Z"),
        ] {
            assert_eq!(expiry(text).map(|it| it.to_string()).as_deref(), Some(is), "{text}");
        }
        for text in [
            "",
            "soon",
            "Jul 10, 2023, 13:09:47 PM",
            "Jux 10, 2023, 1:09:47 PM",
            "Feb 30, 2023, 1:09:47 PM",
        ] {
            assert_eq!(expiry(text), None, "{text}");
        }
    }
}
