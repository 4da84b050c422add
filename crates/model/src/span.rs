//! Lengths of time and sizes as people write them: `10m`, `400d`, `1 MiB`.

use std::time::Duration;

/// The text is not a length of time or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct SpanError {
    text: String,
    wanted: &'static str,
}

const SPAN: &str = "a length of time like `90s`, `10m`, `1h` or `400d`";
const SIZE: &str = "a size like `512 KiB`, `1 MiB` or `4096`";

/// Reads a length of time: a whole number and one of `ms s m h d w`.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let wrong = || SpanError { text: text.to_owned(), wanted: SPAN };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads a size in bytes: a whole number and, after an optional space, `B KiB MiB GiB kB MB GB`.
pub fn parse_bytes(text: &str) -> Result<u64, SpanError> {
    let wrong = || SpanError { text: text.to_owned(), wanted: SIZE };
    let (number, unit) = split(text).ok_or_else(wrong)?;
    let factor = match unit {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Writes a length of time in the largest unit that keeps it whole.
pub fn format_span(span: Duration) -> String {
    let millis = span.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    units.into_iter().find(|(size, _)| millis != 0 && millis.is_multiple_of(*size)).map_or_else(
        || format!("{millis}ms"),
        |(size, unit)| format!("{}{unit}", millis.div_euclid(size)),
    )
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}
