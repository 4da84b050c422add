//! `[holds]`: how long a held call keeps its caller.

use std::time::Duration;

use bailiwick_model::format_span;
use toml::Spanned;

use super::{
    origin::Settings,
    read::{Field, Table},
};

/// How held calls keep their callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holds {
    /// How long one round of a client of 2026-07-28 lasts.
    pub(crate) poll: Duration,
    /// How long an answer to an older client is held open.
    pub(crate) stream: Duration,
}

/// Ten rounds of this and the first answer come in within the life of a token.
const POLL: Duration = Duration::from_secs(25);
/// Older clients give up after a minute.
const STREAM: Duration = Duration::from_secs(50);
/// Hardly a client waits longer for one answer.
const MAX: Duration = Duration::from_secs(5 * 60);

/// Reads `[holds]`.
pub(super) fn read(root: &Table<'_>, settings: &mut Settings<'_>) -> Option<Holds> {
    root.section("holds", |holds| {
        let poll = holds.get("poll");
        let stream = holds.get("stream");
        let (polled, streamed) = (length(&poll, POLL), length(&stream, STREAM));
        let read = Holds { poll: polled?, stream: streamed? };
        settings.add("holds.poll", &format_span(read.poll), poll.at());
        settings.add("holds.stream", &format_span(read.stream), stream.at());
        Some(read)
    })
    .flatten()
}

fn length(field: &Field<'_>, default: Duration) -> Option<Duration> {
    if !field.is_given() {
        return Some(default);
    }
    let length = field.length().map(Spanned::into_inner)?;
    if length <= MAX {
        return Some(length);
    }
    let max = format_span(MAX);
    field.wrong(format!(
        "`{}` is at most {max}: no client waits so long for one answer",
        field.name()
    ));
    None
}
