//! PostgreSQL's log with what pgaudit writes into it (tried with 1.7), as text, `csvlog` or `jsonlog`.
//!
//! pgaudit names each relation that a statement reads or writes, in a row of its own, and says nothing of what was
//! refused: the server's own message does, code 42501. Who it was stands before the message alone, so `log_line_prefix`
//! has to say it (`%u`). After `SET ROLE` that is still who signed in.

mod csv;
mod lines;
mod own;
mod prefix;
mod refused;
mod row;
mod statement;
mod time;

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Platform, Timestamp};

pub(super) use self::lines::{Lines, has_message, knows as knows_line};
pub use self::own::{LinePrefix, LinePrefixError};
use self::{row::Row, statement::Becomes};
use super::{NotRead, Shape, Source, Told, key};

pub(super) const SOURCE: Source =
    Source { name: "pgaudit", platform: Platform::Postgres, knows, read };

/// What pgaudit writes for a text that it leaves out (`pgaudit.log_statement = off`).
const NOT_LOGGED: &str = "<not logged>";
/// How many values pgaudit's own row has at least.
const COLUMNS: usize = 8;

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["timestamp", "error_severity", "message"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    read_by(record, None)
}

/// Reads a record of a log whose prefix somebody said, or nobody.
pub(super) fn read_by<'a>(record: &'a [u8], own: Option<&LinePrefix>) -> Result<Told<'a>, NotRead> {
    // A database of another encoding writes its own bytes.
    let text = String::from_utf8_lossy(record);
    let row = Row::read(&text, own)?;
    let Some(deed) = Deed::of(&row)? else { return Ok(Told::Nothing) };
    if row.user.is_empty() {
        return Err(NotRead::Lacks("%u of log_line_prefix"));
    }
    if row.is_unclear {
        let why =
            "its prefix has more than one `@`, and does not say which parts user from database";
        return Err(NotRead::Shape(why.to_owned()));
    }
    if is_turned_round(&row) {
        let why = "its prefix has user and database the other way round: say it with `--pg-prefix`";
        return Err(NotRead::Shape(why.to_owned()));
    }
    let at = time::read(&row.time).ok_or_else(|| NotRead::Time(row.time.clone().into_owned()))?;
    let Some(becomes) = deed.becomes.clone() else {
        return Ok(Told::Exercise(Box::new(exercise(&row, deed, at, record))));
    };
    let id = format!("{}/role", deed.key);
    let role = Deed { on: becomes, operation: "SET".to_owned(), key: id, ..Deed::default() };
    let [first, mut second] = [deed, role].map(|it| exercise(&row, it, at, record));
    if first.key == second.key {
        // Where no session is named, the record alone tells it from others.
        second.key = key(Platform::Postgres, "", &[record, b"/role"].concat());
    }
    Ok(Told::Exercises(vec![first, second]))
}

/// Says whether a message names a user and a database, and a prefix that was guessed has each for the other.
fn is_turned_round(row: &Row<'_>) -> bool {
    let said = row.message.strip_prefix("connection authorized: user=");
    said.is_some_and(|it| {
        row.user != row.database
            && it.starts_with(&format!("{} database={}", row.database, row.user))
    })
}

/// What was done or asked for, to what.
#[derive(Debug, Default)]
struct Deed {
    /// `table public.orders`; empty where the log does not name it.
    on: String,
    /// `SELECT`; empty where nothing says which privilege it took.
    operation: String,
    /// Whom a query makes of whoever gives it, besides what it reads.
    becomes: Option<String>,
    /// What tells it from others of the same session.
    key: String,
    refused: bool,
    /// Whether it is about data.
    data: bool,
    /// Whether it is told of for the sake of what it was done to (`OBJECT`), and not of what was done.
    picked: bool,
}

impl Deed {
    /// Finds what a message tells that somebody did; most tell nothing of the kind.
    fn of(row: &Row<'_>) -> Result<Option<Self>, NotRead> {
        if let Some(audited) = row.message.strip_prefix("AUDIT: ") {
            return Self::audited(audited, row);
        }
        let line = if row.line.is_empty() { String::new() } else { format!("#{}", row.line) };
        if refused::is_refusal(row) {
            let (on, operation) = refused::what(row);
            return Ok(Some(Self { on, operation, key: line, refused: true, ..Self::default() }));
        }
        let came = row.message.strip_prefix("connection authorized: ");
        Ok(came.map(|_| Self {
            on: object("database", &row.database),
            operation: "CONNECT".to_owned(),
            key: line,
            ..Self::default()
        }))
    }

    /// Reads `SESSION,1,1,READ,SELECT,TABLE,public.orders,"select …",<none>`.
    fn audited(audited: &str, row: &Row<'_>) -> Result<Option<Self>, NotRead> {
        let broken = || NotRead::Shape("the row of pgaudit in it is broken, or cut off".to_owned());
        let fields = csv::fields(audited).ok_or_else(broken)?;
        let [by, statement, part, class, command, sort, name, text, ..] = fields.as_slice() else {
            return Err(broken());
        };
        if fields.len() < COLUMNS || !statement.bytes().all(|it| it.is_ascii_digit()) {
            return Err(broken());
        }
        if &**command == "???" {
            // It stands in a statement, and no privilege was asked for: a view, once more, behind its own row.
            return Ok(None);
        }
        let (on, operation) = meant((command, sort, name, text), row);
        Ok(Some(Self {
            becomes: role(configured((command, sort, name, text))),
            key: format!("/{statement}/{part}/{class}/{command}/{sort}/{name}"),
            on,
            operation,
            refused: false,
            data: matches!(&**class, "READ" | "WRITE"),
            picked: &**by == "OBJECT",
        }))
    }
}

/// Says what a command was done to, and by which name it goes. Of some only their text says what they are about.
fn meant((command, sort, name, text): (&str, &str, &str, &str), row: &Row<'_>) -> (String, String) {
    let special = match command {
        "SET" => role(statement::becomes(text)).map(|it| (it, "SET".to_owned())),
        "CREATE SCHEMA" => Some((object("database", &row.database), "CREATE".to_owned())),
        "LOCK TABLE" => statement::locked(text)
            .map(|(table, mode)| (object("table", &table), format!("LOCK TABLE IN {mode} MODE"))),
        _ => None,
    };
    special.unwrap_or_else(|| (object(sort, name), operation(command).to_owned()))
}

/// Says whom a statement of any command makes of whoever gives it: `set_config` stands wherever a value does.
fn configured((command, sort, name, text): (&str, &str, &str, &str)) -> Becomes {
    match text {
        // A text that is not there may be one that reads nothing, and makes somebody else of whoever asks.
        NOT_LOGGED if command == "SELECT" && sort.is_empty() && name.is_empty() => Becomes::Open,
        NOT_LOGGED => Becomes::Nobody,
        text => statement::configures(text),
    }
}

/// Names the role that somebody becomes; where nobody said which, there is one all the same.
fn role(becomes: Becomes) -> Option<String> {
    match becomes {
        Becomes::Role(role) => Some(format!("role {role}")),
        Becomes::Open => Some("role".to_owned()),
        Becomes::Nobody => None,
    }
}

/// Names an object as privileges do: whatever has rows is a table.
fn object(sort: &str, name: &str) -> String {
    if name.is_empty() {
        return String::new();
    }
    let sort = match sort.to_ascii_lowercase().as_str() {
        "table" | "relation" | "view" | "materialized view" | "foreign table" | "toast table"
        | "partitioned table" => "table".to_owned(),
        "procedure" | "aggregate" => "function".to_owned(),
        other => other.to_owned(),
    };
    format!("{sort} {name}")
}

/// Gives the privilege that a command is named after.
fn operation(command: &str) -> &str {
    if command == "TRUNCATE TABLE" { "TRUNCATE" } else { command }
}

fn exercise(row: &Row<'_>, deed: Deed, at: Timestamp, record: &[u8]) -> Exercise<'static> {
    let session = match (row.session.is_empty(), row.process.is_empty()) {
        (false, _) => Some(row.session.clone()),
        // A process that is gone may lend its number to another: not within a second.
        (true, false) if deed.key.starts_with('/') => {
            Some(Cow::Owned(format!("{}@{}", row.process, at.seconds())))
        }
        (true, _) => None,
    };
    let id = match session {
        Some(session) if !deed.key.is_empty() => {
            format!("{}@{}:{session}{}", row.user, row.database, deed.key)
        }
        Some(_) | None => String::new(),
    };
    let name = deed.on.split_once(' ').map_or("", |(_, name)| name);
    let resource = match deed.on.split_once(' ') {
        Some(("database" | "role", _)) | None => name.to_owned(),
        Some(_) if row.database.is_empty() => name.to_owned(),
        Some(_) => format!("{}/{name}", row.database),
    };
    Exercise {
        platform: Platform::Postgres,
        key: key(Platform::Postgres, &id, record),
        at,
        // What is logged is set for each database, and what is granted counts there.
        account: Cow::Owned(row.database.clone().into_owned()),
        actor: Actor {
            id: Cow::Owned(row.user.clone().into_owned()),
            kind: ActorKind::Unknown,
            // A role that was leased is known by its name.
            credential: Cow::Owned(row.user.clone().into_owned()),
            ..Actor::default()
        },
        resource: Cow::Owned(resource),
        service: Cow::Owned(deed.on),
        operation: Cow::Owned(deed.operation),
        along: if deed.picked { Along::PICKED } else { Along::NOTHING },
        ended: if deed.refused { Ended::Denied } else { Ended::Success },
        code: if deed.refused { Cow::Owned(code(row)) } else { Cow::Borrowed("") },
        issued: None,
        data: deed.data,
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

/// Gives the code of a refusal, which a log of text has only where it was asked for.
fn code(row: &Row<'_>) -> String {
    match (row.code.is_empty(), &*row.severity) {
        (false, _) => row.code.clone().into_owned(),
        (true, "FATAL") => "28000".to_owned(),
        (true, _) => "42501".to_owned(),
    }
}

#[cfg(test)]
mod tests;
