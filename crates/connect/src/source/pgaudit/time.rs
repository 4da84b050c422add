//! Moments as PostgreSQL's log writes them: in `log_timezone`, whose short name stands behind them.

use bailiwick_model::Timestamp;

use crate::source::moment::moment;

/// Short names of zones that mean one thing to PostgreSQL and to everybody else, in minutes east of Greenwich. `CST` and
/// `IST` are said of several zones, and are none of them.
const ZONES: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("UCT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("JST", 540),
    ("KST", 540),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("EDT", -240),
    ("EST", -300),
    ("CDT", -300),
    ("MDT", -360),
    ("MST", -420),
    ("PDT", -420),
    ("PST", -480),
];

/// Reads a moment; none where its zone is not known, for then it may be any of a day's.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if let Some((seconds, millis)) = text.split_once('.').filter(|(_, it)| it.len() == 3) {
        // `%n` is a count since 1970, with thousandths.
        if let Ok(count) = [seconds, millis].concat().parse() {
            return Some(Timestamp::from_millis(count));
        }
    }
    let (local, zone) = text.rsplit_once(' ')?;
    let minutes = match ZONES.iter().find(|(name, _)| *name == zone) {
        Some((_, minutes)) => *minutes,
        None => offset(zone)?,
    };
    let ahead = i64::from(minutes).saturating_mul(60_000);
    Some(Timestamp::from_millis(moment(local)?.millis().saturating_sub(ahead)))
}

/// Reads `+03`, `-0330`, `+05:30`.
fn offset(zone: &str) -> Option<i32> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (true, digits),
        ("-", digits) => (false, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let number = |part: Option<&str>| part.unwrap_or("0").parse::<i32>().ok();
    let (hours, minutes) =
        (number(digits.get(..2))?, number(digits.get(2..).filter(|it| !it.is_empty()))?);
    let all = hours.saturating_mul(60).saturating_add(minutes);
    (hours <= 15 && minutes < 60).then_some(if sign { all } else { all.saturating_neg() })
}

#[test]
fn a_moment_is_that_of_its_zone_or_none() {
    for (text, is) in [
        ("2026-03-01 10:00:00.123 UTC", Some("2026-03-01T10:00:00.123Z")),
        ("2026-03-01 10:00:00 CEST", Some("2026-03-01T08:00:00.000Z")),
        ("2026-03-01 10:00:00 PST", Some("2026-03-01T18:00:00.000Z")),
        ("2026-03-01 10:00:00.5 +05:30", Some("2026-03-01T04:30:00.500Z")),
        ("2026-03-01 10:00:00 -03", Some("2026-03-01T13:00:00.000Z")),
        ("1772359200.123", Some("2026-03-01T10:00:00.123Z")),
        ("2026-03-01 10:00:00 IST", None),
        ("2026-03-01 10:00:00 XYZ", None),
        ("2026-03-01 10:00:00", None),
        ("today UTC", None),
        ("2026-03-01 10:00:00 +9é", None),
    ] {
        assert_eq!(read(text).map(|it| it.to_string()).as_deref(), is, "{text}");
    }
}
