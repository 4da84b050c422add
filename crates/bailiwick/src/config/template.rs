//! `templates/*.toml`: the reviewed shapes of tasks.

mod line;
mod window;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bailiwick_model::{
    BoundTokens, Budget, Mode, OnWiden, ParamShape, ServerName, TargetName, Template, TemplateKind,
    TemplateName, Timestamp, Window,
};
use bailiwick_policy::Schema;
use toml::Spanned;

use super::{
    Code, ConfigError,
    file::Source,
    read::{Field, Reader, Table, filled, plain},
};

/// A template as it was read, with the places of what it names elsewhere.
#[derive(Debug)]
pub(super) struct TemplateFile {
    /// The template.
    pub(super) template: Template,
    /// Where its name stands.
    pub(super) name: Range<usize>,
    /// Where it waives bound tokens.
    pub(super) waived: Option<Range<usize>>,
    /// The servers its lines name.
    pub(super) servers: Vec<Spanned<ServerName>>,
    /// The targets its lines name.
    pub(super) targets: Vec<Spanned<TargetName>>,
    /// The conditions of its lines, in their order, each with its place.
    conditions: Vec<Option<Spanned<String>>>,
    /// The file.
    pub(super) source: Source,
}

impl TemplateFile {
    /// Says what does not fit in the conditions of its lines.
    pub(super) fn misfits(&self, schema: &Schema) -> Vec<ConfigError> {
        let lines = self.template.allow.iter().zip(&self.conditions);
        let told = lines.filter_map(|(line, condition)| {
            let misfits = schema.misfits_of_line(line, &self.template.params);
            Some(line::told(&self.source, condition.as_ref()?, misfits))
        });
        told.flatten().collect()
    }
}

/// Reads one template.
pub(super) fn read(source: &Source, reader: &Reader) -> Option<TemplateFile> {
    let file = reader.read(|root| read_root(root, source)).flatten()?;
    let name = &file.template.name;
    if name.as_str() != source.stem() {
        let message = format!("template `{name}` stands in `{}`", source.name);
        let warning = reader.warning(Code::TemplateFile, file.name.clone(), message);
        reader.push(warning.help(format!("call the file `{name}.toml`, so that people find it")));
    }
    if file.template.allow.is_empty() {
        let message = format!("template `{name}` allows nothing");
        let warning = reader.warning(Code::NoLines, file.name.clone(), message);
        reader.push(warning.help("add an `[[allow]]` with `server` and `tools`"));
    }
    Some(file)
}

fn read_root(root: &Table<'_>, source: &Source) -> Option<TemplateFile> {
    let name = root.get("name").required().parsed::<TemplateName>();
    let owner = root.get("owner").required().made(filled);
    let purpose = root.get("purpose").required().made(filled);
    let on_widen = root.get("on_widen").word(OnWiden::ALL, OnWiden::as_str);
    let mode = mode(root);
    let params = params(root);
    let window = root.section("window", window::read).flatten();
    let names: BTreeSet<String> = params.keys().cloned().collect();
    let (mut lines, servers) = line::read_all(root, source, &names);
    let (leases, targets) = line::read_leases(root, source, &names);
    lines.extend(leases);
    let (allow, conditions) = lines.into_iter().unzip();
    let (budget, day) = root.get("budget").table(budgets).unwrap_or_default();
    let max_open = max_open(root);
    let bound = root.get("bound_tokens");
    let waived = bound.at();
    let bound = bound.word(BoundTokens::ALL, BoundTokens::as_str);
    root.not_yet("sequence", "is not enforced yet: the order of calls is not judged");
    let kind = kind(root, window.as_ref(), mode.as_ref());
    let name = name?;
    let at = name.span();
    let template = Template {
        name: name.into_inner(),
        owner: owner?.into_inner(),
        purpose: purpose?.into_inner(),
        kind,
        on_widen: on_widen.unwrap_or(OnWiden::Deny),
        mode: mode?,
        params,
        window: window?,
        allow,
        budget,
        day,
        max_open,
        bound_tokens: bound.unwrap_or_default(),
    };
    let source = source.clone();
    let waived = waived.filter(|_| template.bound_tokens == BoundTokens::Waived);
    Some(TemplateFile { template, name: at, waived, servers, targets, conditions, source })
}

/// Reads `kind`. What is opened in an emergency lasts for minutes, and everything in it counts.
fn kind(root: &Table<'_>, window: Option<&Window>, mode: Option<&Mode>) -> TemplateKind {
    let field = root.get("kind");
    let kind = field.word(TemplateKind::ALL, TemplateKind::as_str).unwrap_or_default();
    if !kind.is_break_glass() {
        return kind;
    }
    if window.is_some_and(|it| TemplateKind::WINDOW_MAX < it.max) {
        let message = "a break-glass task lasts for an hour at the most";
        let help = "write `max = \"15m\"` in `[window]`";
        field.fault(Code::BreakGlass, message, "this template's window is longer", Some(help));
    }
    if matches!(mode, Some(Mode::Observe { .. })) {
        let message = "a break-glass template does not only observe";
        field.fault(Code::BreakGlass, message, "this one has `mode = \"observe\"`", None);
    }
    kind
}

/// Reads `mode`, which needs `[observe]` with an owner and an end where it only observes.
fn mode(root: &Table<'_>) -> Option<Mode> {
    let field = root.get("mode");
    let mode = field.word(&["enforce", "observe"], |it| it);
    let observe = root.get("observe");
    let terms = observe.table(|table| {
        let owner = table.get("owner").required().made(filled);
        let until = table.get("until").required().moment();
        Some((owner?.into_inner(), until?.into_inner()))
    });
    match (mode, terms) {
        (Some("observe"), Some(terms)) => {
            let (owner, until): (String, Timestamp) = terms?;
            Some(Mode::Observe { owner, until })
        }
        (Some("observe"), None) => {
            let message = "`mode = \"observe\"` needs an owner and an end";
            let help =
                "add `[observe]` with `owner = \"…\"` and `until = \"2027-01-31T00:00:00Z\"`";
            if !observe.is_given() {
                field.fault(Code::Observe, message, "nothing says for how long", Some(help));
            }
            None
        }
        (Some(_) | None, Some(_)) => {
            let message = "`[observe]` is given, and `mode` is not `observe`";
            observe.fault(Code::Observe, message, "this would change nothing", None);
            None
        }
        (Some(_), None) => Some(Mode::Enforce),
        (None, None) => (!field.is_given()).then_some(Mode::Enforce),
    }
}

fn params(root: &Table<'_>) -> BTreeMap<String, ParamShape> {
    let mut params = BTreeMap::new();
    for (name, field) in root.get("params").named() {
        let rule = field.table(|table| ParamShape {
            pattern: pattern(&table.get("pattern")),
            optional: table.get("optional").truth().is_some_and(Spanned::into_inner),
        });
        match plain(name.get_ref()) {
            Ok(name) => params.extend(rule.map(|rule| (name, rule))),
            Err(why) => {
                let error = root.reader().error(Code::WrongValue, name.span(), why);
                root.reader().push(error.label("no parameter can be called this"));
            }
        }
    }
    params
}

fn pattern(field: &Field<'_>) -> Option<String> {
    let pattern = field.text()?.into_inner();
    if let Err(why) = ParamShape::check(&pattern) {
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let message = format!("`{}` is no regular expression: {why}", pattern.escape_debug());
        field.fault(Code::Pattern, message, "this pattern", None);
    }
    Some(pattern)
}

/// Reads `[budget]` and, inside it, `[budget.day]`.
fn budgets(table: &Table<'_>) -> (Budget, Option<Budget>) {
    let own = budget(table);
    let field = table.get("day");
    let day = field.table(|day| {
        let limit = budget(day);
        day_fits(day, &own, &limit);
        limit
    });
    if day.is_some_and(|it| it == Budget::default()) {
        let help = "give it `calls` or `bytes_out`, or take it away";
        field.fault(Code::EmptyDay, "`[budget.day]` limits nothing", "nothing in it", Some(help));
    }
    (own, day)
}

/// Reports a day in which no call could be made, and one that is smaller than a single task.
fn day_fits(day: &Table<'_>, own: &Budget, limit: &Budget) {
    for (name, own, limit) in
        [("calls", own.calls, limit.calls), ("bytes_out", own.bytes_out, limit.bytes_out)]
    {
        let field = day.get(name);
        match (own, limit) {
            (_, Some(0)) => {
                let message = format!("with `{}` nought, no call could be made", field.name());
                field.fault(Code::EmptyDay, message, "nothing at all", None);
            }
            (Some(own), Some(limit)) if limit < own => {
                let message = format!("one task may use {own}, and a day of all has {limit}");
                field.warn(Code::SmallDay, message, "raise the day's, or lower the task's own");
            }
            (Some(_) | None, Some(_) | None) => {}
        }
    }
}

fn budget(table: &Table<'_>) -> Budget {
    for key in ["rows", "amount", "spend"] {
        table.not_yet(key, "is not enforced yet: only `calls` and `bytes_out` are counted");
    }
    Budget {
        calls: table.get("calls").whole().map(Spanned::into_inner),
        bytes_out: table.get("bytes_out").size().map(Spanned::into_inner),
    }
}

fn max_open(root: &Table<'_>) -> Option<u32> {
    let field = root.get("max_open");
    let number = field.whole()?.into_inner();
    match u32::try_from(number) {
        Ok(0) => field.wrong("with `max_open = 0` no such task could be opened"),
        Err(_) => field.wrong(format!("`{number}` is more than can be open")),
        Ok(number) => return Some(number),
    }
    None
}
