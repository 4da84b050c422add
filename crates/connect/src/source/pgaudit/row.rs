//! One record of PostgreSQL's log, whichever way it was written: text, CSV or JSON.

use std::borrow::Cow;

use super::{
    csv,
    own::LinePrefix,
    prefix::{self, Before},
};
use crate::source::{NotRead, fields::Fields, loose::Text};

/// How many values a record of `csvlog` has at least (PostgreSQL 9.0; 26 since 14).
const COLUMNS: usize = 23;

/// What the log says of one message; what is empty, it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) time: Cow<'a, str>,
    pub(super) user: Cow<'a, str>,
    pub(super) database: Cow<'a, str>,
    pub(super) process: Cow<'a, str>,
    pub(super) session: Cow<'a, str>,
    pub(super) line: Cow<'a, str>,
    pub(super) severity: Cow<'a, str>,
    /// SQLSTATE.
    pub(super) code: Cow<'a, str>,
    pub(super) message: Cow<'a, str>,
    pub(super) context: Cow<'a, str>,
    pub(super) statement: Cow<'a, str>,
    /// Whether its user and its database may be others than those.
    pub(super) is_unclear: bool,
}

impl<'a> Row<'a> {
    /// Reads one record.
    pub(super) fn read(record: &'a str, own: Option<&LinePrefix>) -> Result<Self, NotRead> {
        if record.starts_with('{') {
            return Self::json(record);
        }
        if let Some(row) = Self::text(record, own) {
            return Ok(row);
        }
        match csv::fields(record) {
            Some(fields) if COLUMNS <= fields.len() => Ok(Self::csv(fields)),
            Some(_) | None if is_csv(record) => {
                Err(NotRead::Shape("its CSV is broken, or cut off".to_owned()))
            }
            Some(_) | None if prefix::has_message(record) => {
                let which =
                    if own.is_some() { "not the one that was said" } else { "none that is known" };
                Err(NotRead::Shape(format!("its `log_line_prefix` is {which}")))
            }
            Some(_) | None => Err(NotRead::Stranger),
        }
    }

    fn json(record: &'a str) -> Result<Self, NotRead> {
        let it = Fields::of(record.as_bytes())?;
        let severity = it.text("error_severity").0;
        if severity.is_empty() {
            return Err(NotRead::Lacks("error_severity"));
        }
        Ok(Self {
            time: it.text("timestamp").0,
            user: it.text("user").0,
            database: it.text("dbname").0,
            process: it.text("pid").0,
            session: it.text("session_id").0,
            line: it.text("line_num").0,
            severity,
            // What went well has none.
            code: it.text("state_code").or(Text(Cow::Borrowed("00000"))).0,
            message: it.text("message").0,
            context: it.text("context").0,
            statement: it.text("statement").0,
            is_unclear: false,
        })
    }

    fn csv(fields: Vec<Cow<'a, str>>) -> Self {
        let mut row = Self::default();
        for (number, field) in fields.into_iter().enumerate() {
            match number {
                0 => row.time = field,
                1 => row.user = field,
                2 => row.database = field,
                3 => row.process = field,
                5 => row.session = field,
                6 => row.line = field,
                11 => row.severity = field,
                12 => row.code = field,
                13 => row.message = field,
                18 => row.context = field,
                19 => row.statement = field,
                _ => {}
            }
        }
        row
    }

    /// Reads a message and the lines that go with it; a line that begins with a tab goes on.
    fn text(record: &'a str, own: Option<&LinePrefix>) -> Option<Self> {
        let mut lines = record.split('\n');
        let first = prefix::line(lines.next()?, own)?;
        let Before { time, user, database, process, session, line, code, is_unclear } =
            first.before;
        let mut row = Self {
            time: time.into(),
            user: user.into(),
            database: database.into(),
            process: process.into(),
            session: session.into(),
            line: line.into(),
            severity: first.word.into(),
            code: code.into(),
            message: first.message.into(),
            context: Cow::Borrowed(""),
            statement: Cow::Borrowed(""),
            is_unclear,
        };
        let mut now = "";
        for line in lines {
            let begun = if line.starts_with('\t') { None } else { prefix::line(line, own) };
            if let Some(begun) = begun {
                now = begun.word;
            }
            let part = match now {
                "" => &mut row.message,
                "STATEMENT" => &mut row.statement,
                "CONTEXT" => &mut row.context,
                _ => continue,
            };
            match begun {
                Some(begun) => *part = begun.message.into(),
                None => {
                    let part = part.to_mut();
                    part.push('\n');
                    part.push_str(line.strip_prefix('\t').unwrap_or(line));
                }
            }
        }
        Some(row)
    }
}

/// Says whether a line is the first of a record of `csvlog`: a moment, a user, a database and a process.
pub(super) fn is_csv(line: &str) -> bool {
    let Some((time, rest)) = line.split_once(',') else { return false };
    let digits = |it: Option<&str>| {
        it.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    let quoted = |text: &'_ str| -> Option<usize> {
        match text.strip_prefix('"') {
            // A value that is quoted within another has two of them.
            Some(rest) if !rest.starts_with('"') => rest.find("\",").map(|it| it.saturating_add(3)),
            Some(_) => None,
            None => text.starts_with(',').then_some(1),
        }
    };
    let past = |text: &str| Some(text.get(quoted(text)?..)?.to_owned());
    let process = past(rest).and_then(|it| past(&it));
    time.len() <= 40
        && time.starts_with(|it: char| it.is_ascii_digit())
        && time.contains(':')
        && digits(process.as_deref().and_then(|it| it.split(',').next()))
}
