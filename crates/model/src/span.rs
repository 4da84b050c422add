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

/// Writes a size in the largest unit of 1024 that keeps it whole.
pub fn format_bytes(bytes: u64) -> String {
    let units: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    units.into_iter().find(|(size, _)| bytes != 0 && bytes.is_multiple_of(*size)).map_or_else(
        || format!("{bytes} B"),
        |(size, unit)| format!("{} {unit}", bytes.div_euclid(size)),
    )
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("90s", 90_000),
            ("10m", 600_000),
            ("10 m", 600_000),
            ("1h", 3_600_000),
            ("400d", 34_560_000_000),
            ("2w", 1_209_600_000),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("4096", 4096),
            ("7 B", 7),
            ("512 KiB", 524_288),
            ("1 MiB", 1 << 20),
            ("2MB", 2_000_000),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_in_its_own_words() {
        for text in ["", "10", "m", "-1s", "+1s", "1.5h", "1 h ", " 1h", "1H", "1h30m", "１m"] {
            let error = parse_span(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not")), "{error}");
        }
        for text in ["", "KiB", "-1", "1.5 MiB", "1 mib", "0x10"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert!(parse_span("18446744073709551615w").is_err());
        assert!(parse_bytes("18446744073709551615 KiB").is_err());
        assert!(parse_bytes("18446744073709551616").is_err());
    }

    proptest! {
        #[test]
        fn a_length_of_time_reads_back_as_itself(number in 0_u64..1_000_000, unit in 0_usize..6) {
            let factor = [1, 1000, 60_000, 3_600_000, 86_400_000, 7][unit];
            let span = Duration::from_millis(number.saturating_mul(factor));
            prop_assert_eq!(parse_span(&format_span(span)), Ok(span));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = (parse_span(&text), parse_bytes(&text));
        }
    }
}
