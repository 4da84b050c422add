//! What the tables of several kinds say in the same way.

use std::{path::PathBuf, time::Duration};

use bailiwick_connect::{EndCommand, SecretSource, TargetMistake};
use toml::Spanned;

use super::Home;
use crate::config::{Table, filled};

/// Reads one line of text.
pub(super) fn text(table: &Table<'_>, key: &'static str) -> Option<String> {
    table.get(key).made(filled).map(Spanned::into_inner)
}

/// Reads one line of text that must be there.
pub(super) fn required(table: &Table<'_>, key: &'static str) -> Option<String> {
    table.get(key).required().made(filled).map(Spanned::into_inner)
}

/// Reads a list of lines.
pub(super) fn texts(table: &Table<'_>, key: &'static str) -> Vec<String> {
    let items = table.get(key).items();
    items.iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner).collect()
}

/// Reads a list of lines that must be there.
pub(super) fn needed_texts(table: &Table<'_>, key: &'static str) -> Option<Vec<String>> {
    table.get(key).required().is_given().then(|| texts(table, key))
}

/// Reads a file or folder, which starts where the configuration lies.
pub(super) fn path(table: &Table<'_>, key: &'static str, home: &Home<'_>) -> Option<PathBuf> {
    text(table, key).map(|it| home.home.join(it))
}

/// Reads a file or folder that must be named.
pub(super) fn needed_path(
    table: &Table<'_>,
    key: &'static str,
    home: &Home<'_>,
) -> Option<PathBuf> {
    required(table, key).map(|it| home.home.join(it))
}

/// Reads the command that ends what is open, which must be there.
pub(super) fn end(table: &Table<'_>, home: &Home<'_>) -> Option<EndCommand> {
    let field = table.get("end").required();
    if field.is_empty_list() {
        field.wrong("`end` names no program: without it, what is open would go on");
        return None;
    }
    EndCommand::new(&field.command(home.home)?)
}

/// Reads where a secret lies: in a file or printed by a command, of which one is named at most.
pub(super) fn secret(
    table: &Table<'_>,
    [file, command]: [&'static str; 2],
    home: &Home<'_>,
) -> Option<SecretSource> {
    let path = path(table, file, home);
    let command = table.get(command);
    if path.is_some() && command.is_given() {
        command.wrong(format!("the secret lies in `{file}` already: leave one out"));
    }
    let printed = command.command(home.home).map(SecretSource::Command);
    path.map(SecretSource::File).or(printed)
}

/// Reads where a secret lies, which must be said.
pub(super) fn needed_secret(
    table: &Table<'_>,
    [file, command]: [&'static str; 2],
    home: &Home<'_>,
) -> Option<SecretSource> {
    if !table.get(file).is_given() && !table.get(command).is_given() {
        table.get(file).wrong(format!("say where the secret lies: `{file}` or `{command}`"));
    }
    secret(table, [file, command], home)
}

/// Gives the file that a secret lies in.
pub(super) fn file(source: Option<&SecretSource>) -> Vec<PathBuf> {
    match source {
        Some(SecretSource::File(path)) => vec![path.clone()],
        Some(SecretSource::Command(_) | SecretSource::Held(_)) | None => Vec::new(),
    }
}

/// Reads how long a credential lives at the longest, within what is wise for its kind.
pub(super) fn longest(table: &Table<'_>, usual: Duration, most: Duration) -> Duration {
    let field = table.get("longest");
    let span = field.length().map_or(usual, Spanned::into_inner);
    if span < Duration::from_secs(10) || most < span {
        let most = bailiwick_model::format_span(most);
        field.wrong(format!("a credential of this kind lives between 10 seconds and {most}"));
    }
    span
}

/// Reports what a kind finds wrong with the whole.
pub(super) fn checked<T>(
    table: &Table<'_>,
    made: T,
    check: Result<(), TargetMistake>,
) -> Option<T> {
    match check {
        Ok(()) => Some(made),
        Err(mistake) => {
            table.get(mistake.setting).wrong(mistake.message);
            None
        }
    }
}

/// The time by the machine's clock, for what is made at a start.
pub(super) fn now() -> bailiwick_model::Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    bailiwick_model::Timestamp::from_millis(0).after(since)
}
