//! `[[allow]]`: what such a task may do, line by line.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use bailiwick_model::{AllowLine, ServerName, TargetName, ToolName};
use bailiwick_policy::{WhenError, check_when};
use toml::Spanned;

use crate::config::{
    Code, ConfigError,
    file::Source,
    read::{Field, Reader, Table, filled},
};

/// A line, and its condition where it stands.
pub(super) type Placed = (AllowLine, Option<Spanned<String>>);

/// Reads all lines, and which servers they name where.
pub(super) fn read_all(
    root: &Table<'_>,
    source: &Source,
    params: &BTreeSet<String>,
) -> (Vec<Placed>, Vec<Spanned<ServerName>>) {
    let mut servers = Vec::new();
    let mut lines = Vec::new();
    for field in root.get("allow").items() {
        let line = field.table(|table| {
            let server = table.get("server").required().parsed::<ServerName>();
            servers.extend(server.clone());
            read(table, source, params, server.map(Spanned::into_inner))
        });
        lines.extend(line.flatten());
    }
    (lines, servers)
}

fn read(
    table: &Table<'_>,
    source: &Source,
    params: &BTreeSet<String>,
    server: Option<ServerName>,
) -> Option<Placed> {
    let (tools, resources) = (table.get("tools"), table.get("resources"));
    let prompts = table.get("prompts");
    let when = condition(&table.get("when"), table.reader(), params);
    if [&tools, &resources, &prompts]
        .iter()
        .all(|it| it.is_given() && it.items().is_empty() || !it.is_given())
    {
        let message = "this line allows nothing";
        let error = table.reader().error(Code::EmptyLine, table.at(), message);
        table.reader().push(
            error
                .label("without `tools`, `resources` or `prompts`")
                .help("name what it allows, such as `tools = [\"read_text_file\"]`"),
        );
    }
    let line = source.line(table.at().start);
    let line = AllowLine {
        tools: tools.items().iter().filter_map(tool).collect(),
        resources: resources.items().iter().filter_map(pattern).collect(),
        prompts: prompts.items().iter().filter_map(pattern).collect(),
        leases: Vec::new(),
        max: None,
        when: when.as_ref().map(|it| it.get_ref().clone()),
        source: format!("{}:{line}", source.base()),
        server: server?,
    };
    Some((line, when))
}

/// Reads `[[lease]]`: what credentials such a task may have, target by target.
pub(super) fn read_leases(
    root: &Table<'_>,
    source: &Source,
    params: &BTreeSet<String>,
) -> (Vec<Placed>, Vec<Spanned<TargetName>>) {
    let (mut targets, mut lines) = (Vec::new(), Vec::new());
    for field in root.get("lease").items() {
        let line = field.table(|table| {
            let target = table.get("target").required().parsed::<TargetName>();
            targets.extend(target.clone());
            lease(table, source, params, target.map(Spanned::into_inner))
        });
        lines.extend(line.flatten());
    }
    (lines, targets)
}

fn lease(
    table: &Table<'_>,
    source: &Source,
    params: &BTreeSet<String>,
    target: Option<TargetName>,
) -> Option<Placed> {
    const LONGEST: Duration = Duration::from_secs(12 * 3600);
    let (wants, max) = (table.get("wants").required(), table.get("max"));
    let when = condition(&table.get("when"), table.reader(), params);
    if wants.is_empty_list() {
        let message = "this line allows nothing";
        wants.fault(Code::EmptyLine, message, "nothing is wanted of its target", None);
    }
    let span = max.length().map(Spanned::into_inner);
    if span.is_some_and(|it| it < Duration::from_secs(1) || LONGEST < it) {
        max.wrong("a credential lives between a second and 12 hours");
    }
    let line = source.line(table.at().start);
    let line = AllowLine {
        // What is no server's name is no target's, and that is told where targets are read.
        server: target?.as_str().parse().ok()?,
        tools: Vec::new(),
        resources: Vec::new(),
        prompts: Vec::new(),
        leases: wants.items().iter().filter_map(want).collect(),
        max: span,
        when: when.as_ref().map(|it| it.get_ref().clone()),
        source: format!("{}:{line}", source.base()),
    };
    Some((line, when))
}

/// Takes what can be wanted of a target, one by one.
fn want(field: &Field<'_>) -> Option<String> {
    let text = field.made(filled)?.into_inner();
    let fits = |it: char| it.is_ascii_graphic() && it != ',';
    if text.contains('*') || !text.chars().all(fits) || 256 < text.len() {
        let message =
            format!("`{}` is nothing that can be wanted of a target", text.escape_debug());
        let help = "name each group, scope or role as the target calls it: no star, comma or space";
        field.fault(Code::Star, message, "not one name", Some(help));
        return None;
    }
    Some(text)
}

fn tool(field: &Field<'_>) -> Option<ToolName> {
    if field.text()?.get_ref().contains('*') {
        let help =
            "name each tool: a new one that its server adds is then denied until you allow it";
        field.fault(
            Code::Star,
            "tools are allowed by name, one by one",
            "no star here",
            Some(help),
        );
        return None;
    }
    field.parsed().map(Spanned::into_inner)
}

/// Takes a URI or a name with a star at its end or none.
fn pattern(field: &Field<'_>) -> Option<String> {
    let text = field.made(filled)?.into_inner();
    if text.strip_suffix('*').unwrap_or(&text).contains('*') {
        let message = format!("`{text}` has a star that is not at its end");
        field.fault(Code::Star, message, "only a star at the end covers what follows", None);
    }
    Some(text)
}

/// Reads a Cedar condition and reports its mistakes where they stand in this file.
fn condition(
    field: &Field<'_>,
    reader: &Reader,
    params: &BTreeSet<String>,
) -> Option<Spanned<String>> {
    let text = field.text()?;
    if let Err(errors) = check_when(text.get_ref(), params) {
        for error in errors {
            let at = within(reader.text(), &text, error.span.clone());
            let found = reader.error(error.code, at, error.message);
            reader.push(match error.help {
                Some(help) => found.help(help),
                None => found,
            });
        }
    }
    Some(text)
}

/// Tells what is wrong with the condition `text` where it stands in the file.
pub(super) fn told(
    source: &Source,
    text: &Spanned<String>,
    errors: Vec<WhenError>,
) -> Vec<ConfigError> {
    let tell = |error: WhenError| {
        let at = within(source.text(), text, error.span);
        let told = ConfigError::new(error.code, error.message).at(&source.file, at);
        match error.help {
            Some(help) => told.help(help),
            None => told,
        }
    };
    errors.into_iter().map(tell).collect()
}

/// Finds the place of a part of a text value in its file: exactly where the value stands there
/// letter by letter, else the whole value.
fn within(file: &str, value: &Spanned<String>, part: Range<usize>) -> Range<usize> {
    let whole = value.span();
    let exact = || {
        let raw = file.get(whole.clone())?;
        let skip = raw.find(value.get_ref().as_str())?;
        let quotes = raw.get(..skip)?;
        // A value that needed escapes would be found nowhere, or as a part of itself.
        let only_quotes = quotes.chars().all(|it| matches!(it, '\'' | '"' | '\n' | '\r'));
        let left = raw.len().checked_sub(skip)?.checked_sub(value.get_ref().len())?;
        if !only_quotes || 3 < left || part.end < part.start || value.get_ref().len() < part.end {
            return None;
        }
        let start = whole.start.checked_add(skip)?;
        Some(start.checked_add(part.start)?..start.checked_add(part.end)?)
    };
    exact().unwrap_or(whole.clone())
}

#[cfg(test)]
mod tests {
    use toml::{Spanned, de::DeTable};

    use super::within;

    fn part(file: &str, wanted: &str) -> String {
        let table = DeTable::parse(file).unwrap();
        let when = table.get_ref().get("when").unwrap();
        let value = Spanned::new(when.span(), when.get_ref().as_str().unwrap().to_owned());
        let start = value.get_ref().find(wanted).unwrap();
        let end = start.saturating_add(wanted.len());
        file.get(within(file, &value, start..end)).unwrap().to_owned()
    }

    #[test]
    fn a_part_of_a_literal_text_is_found_exactly() {
        assert_eq!(part("when = 'a == bad'", "bad"), "bad");
        assert_eq!(part("when = '''\n  a == \"x\" &&\n  bad'''", "bad"), "bad");
        assert_eq!(part("when = \"a == bad\"", "bad"), "bad");
        assert_eq!(part("x = 'bad'\nwhen = 'bad'", "bad"), "bad");
    }

    #[test]
    fn a_text_with_escapes_is_marked_whole() {
        let file = "when = \"a == \\\"x\\\" && bad\"";
        assert_eq!(part(file, "bad"), "\"a == \\\"x\\\" && bad\"");
    }
}
