//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::{fmt::Display, str::FromStr};

use crate::{
    Calendar, CredentialId, Digest, IdentityId, Json, JsonLimits, ServerName, Subject, TaskId,
    TemplateName, Timestamp, ToolName, parse_bytes, parse_span,
};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] =
    &[("model-calendar", calendar), ("model-json", json), ("model-name", name)];

/// Days, hours and a time zone.
fn calendar(bytes: &[u8]) {
    let Some(calendar) = written_again::<Calendar>(bytes) else { return };
    for moment in [i64::MIN, 0, 1_800_000_000_000, i64::MAX] {
        let _inside_or_not = calendar.contains(Timestamp::from_millis(moment));
    }
}

/// JSON that everyone reads the same way.
fn json(bytes: &[u8]) {
    let limits = JsonLimits { bytes: 64 << 10, depth: 32, values: 2000 };
    let Ok(json) = Json::parse(bytes, limits) else { return };
    let canonical = json.canonical();
    // The canonical text may be the longer one, where it spells a number out.
    let again = Json::parse(canonical.as_bytes(), JsonLimits { bytes: usize::MAX, ..limits });
    let again = again.map(|it| it.canonical());
    assert_eq!(again.as_deref(), Ok(canonical.as_str()), "a canonical text is its own");
}

/// Everything that is one word: ids, digests, moments, spans, sizes and what can be contained.
fn name(bytes: &[u8]) {
    let _ids = (written_again::<TaskId>(bytes), written_again::<CredentialId>(bytes));
    let _names = (
        written_again::<IdentityId>(bytes),
        written_again::<ServerName>(bytes),
        written_again::<TemplateName>(bytes),
        written_again::<ToolName>(bytes),
    );
    let _one_word = (
        written_again::<Subject>(bytes),
        written_again::<Digest>(bytes),
        written_again::<Timestamp>(bytes),
    );
    let _numbers = text(bytes).map(|it| (parse_span(it).is_ok(), parse_bytes(it).is_ok()));
}

/// Reads a value, which is the same when it is written and read again.
fn written_again<T: FromStr + Display + PartialEq>(bytes: &[u8]) -> Option<T> {
    let value: T = text(bytes)?.parse().ok()?;
    let written = value.to_string();
    assert!(written.parse().ok().as_ref() == Some(&value), "`{written}` is another value");
    Some(value)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("model", PARSERS);
}
