//! Moments as logs write them.

use std::{str::FromStr, time::Duration};

use bailiwick_model::Timestamp;

use super::NotRead;

/// Reads the moment of a record; where none is written, the record is undated.
pub(super) fn when(text: &str) -> Result<Timestamp, NotRead> {
    if text.is_empty() {
        return Err(NotRead::Undated);
    }
    moment(text).ok_or_else(|| NotRead::Time(text.to_owned()))
}

/// Reads a moment: RFC 3339, the same with a blank for the `T` or without a zone (then it is UTC), or seconds,
/// milliseconds or microseconds since 1970.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let number = || text.parse::<i64>().ok().map(since_1970);
    plain(text.as_bytes()).or_else(|| text.parse().ok()).or_else(number).or_else(|| spaced(text))
}

/// Reads `2023-07-10T11:42:18Z`, with a fraction or without, and the same with a blank or without the zone: nearly every
/// line of a log has it.
fn plain(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_at_checked(19)?;
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = head
    else {
        return None;
    };
    let year = two(y1, y2)?.checked_mul(100)?.checked_add(two(y3, y4)?)?;
    let short = |ten, one| i8::try_from(two(ten, one)?).ok();
    let day = (year, short(m1, m2)?, short(d1, d2)?);
    let time = (short(h1, h2)?, short(n1, n2)?, short(s1, s2)?);
    let at = Timestamp::from_civil(day, time)?;
    let fraction = rest.strip_suffix(b"Z").unwrap_or(rest);
    match fraction {
        [] => Some(at),
        // Some exports lose the point.
        [b'.', digits @ ..] | digits @ [_, _, _, ..] if is_digits(digits) => {
            let three: Vec<u8> = digits.iter().copied().chain(*b"00").take(3).collect();
            Some(at.after(Duration::from_millis(number(&three)?)))
        }
        _ => None,
    }
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Reads two digits.
fn two(ten: u8, one: u8) -> Option<i16> {
    let digit = |it: u8| it.is_ascii_digit().then_some(i16::from(it & 0xf));
    digit(ten)?.checked_mul(10)?.checked_add(digit(one)?)
}

/// Reads digits.
fn number<T: FromStr>(digits: &[u8]) -> Option<T> {
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.bytes().all(|it| it.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Takes a count since 1970 by its size: seconds until the year 5138, then milliseconds until then, then microseconds,
/// then nanoseconds.
fn since_1970(count: i64) -> Timestamp {
    let millis = match count.unsigned_abs() {
        0..100_000_000_000 => count.saturating_mul(1000),
        100_000_000_000..100_000_000_000_000 => count,
        100_000_000_000_000..100_000_000_000_000_000 => count / 1000,
        100_000_000_000_000_000.. => count / 1_000_000,
    };
    Timestamp::from_millis(millis)
}

/// Reads `2022-11-15 22:58:13.123 +00:00` and its like.
fn spaced(text: &str) -> Option<Timestamp> {
    let (day, rest) = text.split_once(' ')?;
    format!("{day}T{}", rest.replace(' ', "")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        moment(text).map_or_else(|| "none".to_owned(), |it| it.to_string())
    }

    #[test]
    fn moments_come_in_many_shapes() {
        for (text, is) in [
            ("2023-07-10T11:42:18Z", "2023-07-10T11:42:18.000Z"),
            ("2022-11-15 22:58:13", "2022-11-15T22:58:13.000Z"),
            ("2022-11-15 22:58:13Z", "2022-11-15T22:58:13.000Z"),
            ("2024-12-17 00:00:00000000", "2024-12-17T00:00:00.000Z"),
            ("2024-12-17 00:00:01250000", "2024-12-17T00:00:01.250Z"),
            ("2025-01-20 16:52:14.000000000", "2025-01-20T16:52:14.000Z"),
            ("2024-02-29T00:00:00.5Z", "2024-02-29T00:00:00.500Z"),
            ("2024-02-29T01:00:00+01:00", "2024-02-29T00:00:00.000Z"),
            ("2024-02-29 01:00:00.250 +01:00", "2024-02-29T00:00:00.250Z"),
            ("1700000000", "2023-11-14T22:13:20.000Z"),
            ("1700000000123", "2023-11-14T22:13:20.123Z"),
            ("1700000000123456", "2023-11-14T22:13:20.123Z"),
            ("1700000000123456789", "2023-11-14T22:13:20.123Z"),
        ] {
            assert_eq!(said(text), is, "{text}");
        }
        for text in [
            "",
            "today",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-07-10T11:42:1812",
            "2023-07-10T11:42:18.",
            "2023-07-10T25:00:00Z",
            "é",
        ] {
            assert_eq!(said(text), "none", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_one_reads(millis in -2_000_000_000_000_i64..4_000_000_000_000) {
            let at = Timestamp::from_millis(millis);
            let text = at.to_string();
            proptest::prop_assert_eq!(moment(&text), Some(at));
            proptest::prop_assert_eq!(moment(text.trim_end_matches('Z')), Some(at));
        }
    }
}
