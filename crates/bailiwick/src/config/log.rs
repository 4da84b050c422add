//! `[log]`: how the governor tells what it does.

use super::{Given, origin::Settings, read::Table};

/// The form of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const ALL: &'static [Self] = &[Self::Text, Self::Json];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// The form; none is text on a terminal and JSON elsewhere.
    pub(crate) format: Option<LogFormat>,
    /// From which level on, and of what.
    pub(crate) level: String,
}

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

/// Reads `[log]`. A level given outside the file may name parts of the program, too.
pub(super) fn read(
    root: &Table<'_>,
    given: Option<&Given>,
    settings: &mut Settings<'_>,
) -> Option<Log> {
    root.section("log", |log| {
        let (format, level) = (log.get("format"), log.get("level"));
        let chosen = format.word(LogFormat::ALL, LogFormat::as_str);
        let shown = chosen.map_or("text on a terminal, json elsewhere", LogFormat::as_str);
        settings.add("log.format", &shown, format.at());
        let word = level.word(LEVELS, |it| it).unwrap_or("info");
        let word = match given {
            Some(given) => {
                settings.given("log.level", given);
                given.text.clone()
            }
            None => {
                settings.add("log.level", &word, level.at());
                word.to_owned()
            }
        };
        Log { format: chosen, level: word }
    })
}
