//! `constraints/*.toml`: what must happen along with calls, under names that policies ask for by
//! `@constrain("name")`.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use bailiwick_kernel::Paced;
use bailiwick_model::{
    ArgumentLimit, ArgumentPath, Arguments, Constraint, Constraints, CredentialScope, FieldPath,
    Json, JsonLimits, Most, Obligations, Rate, Rates, Redact,
};
use bailiwick_policy::{AccessPolicies, PolicySet};
use serde_json::Value;
use toml::Spanned;

use super::{
    Code, ConfigError,
    file::{Folder, Source},
    house::Found,
    read::{Field, Reader, Table, filled, plain},
};

/// A constraint as it was read.
#[derive(Debug)]
pub(super) struct ConstraintFile {
    /// The constraint.
    pub(super) constraint: Arc<Constraint>,
    /// Where its name stands.
    name: Range<usize>,
    /// The file.
    source: Source,
}

/// Reads one constraint.
pub(super) fn read(source: &Source, reader: &Reader) -> Option<ConstraintFile> {
    let (constraint, name) = reader.read(read_root).flatten()?;
    if constraint.name != source.stem() {
        let message = format!("constraint `{}` stands in `{}`", constraint.name, source.name);
        let warning = reader.warning(Code::ConstraintFile, name.clone(), message);
        let help = format!("call the file `{}.toml`, so that people find it", constraint.name);
        reader.push(warning.help(help));
    }
    if constraint.obligations.kinds().is_empty() {
        let message = format!("constraint `{}` asks for nothing", constraint.name);
        let error = reader.error(Code::EmptyConstraint, name.clone(), message);
        let help = "add `redact`, `rows`, `bytes`, `[rate]` or `[arguments.NAME]`";
        reader.push(error.label("nothing would happen").help(help));
    }
    for why in constraint.obligations.contradictions() {
        let error = reader.error(Code::WrongValue, name.clone(), why);
        reader.push(error.label("no call could meet this"));
    }
    Some(ConstraintFile { constraint: Arc::new(constraint), name, source: source.clone() })
}

fn read_root(root: &Table<'_>) -> Option<(Constraint, Range<usize>)> {
    let name = root.get("name").required().made(plain);
    let whose = name.as_ref().map(|it| it.get_ref().clone()).unwrap_or_default();
    let version = root.get("version").required();
    let number = version.whole().map(Spanned::into_inner);
    if number == Some(0) {
        version.wrong("versions are counted from 1");
    }
    let owner = root.get("owner").required().made(filled);
    let asks = Obligations {
        from: BTreeSet::new(),
        arguments: arguments(&root.get("arguments")),
        redact: redact(&root.get("redact")),
        rows: most(root.get("rows").whole()),
        bytes: most(root.get("bytes").size()),
        rate: root.get("rate").table(|it| rate(it, whose)).flatten().unwrap_or_default(),
        credential: credential(&root.get("credential")),
    };
    let name = name?;
    let at = name.span();
    Some((Constraint::new(name.into_inner(), number?, owner?.into_inner(), asks), at))
}

/// Reads `[rate]`, whose calls are counted under the constraint's own name.
fn rate(table: &Table<'_>, name: String) -> Option<Rates> {
    let (calls, per) = (table.get("calls").required(), table.get("per").required());
    let (number, length) = (calls.whole()?.into_inner(), per.length()?.into_inner());
    let most = u64::try_from(Paced::MOST).unwrap_or(u64::MAX);
    if number == 0 || most < number {
        calls.wrong(format!("a rate allows 1 to {most} calls"));
    }
    if length.is_zero() {
        per.wrong("in no time there are no calls");
    }
    Some(Rates::of(Rate { name, calls: number, per: length }))
}

fn most(limit: Option<Spanned<u64>>) -> Most {
    limit.map_or(Most::NONE, |it| Most::of(it.into_inner()))
}

fn credential(field: &Field<'_>) -> CredentialScope {
    let word = field.word(&[CredentialScope::ReadOnly], CredentialScope::as_str);
    if word.is_some() {
        let message =
            "every call under this is denied that does not go to a route with a `read_only` secret";
        let help = "name one in its `[route.credential]`, or leave this out";
        field.warn(Code::UnmetConstraint, message, help);
    }
    word.unwrap_or_default()
}

fn redact(field: &Field<'_>) -> Redact {
    if field.is_empty_list() {
        field.wrong("an empty list hides nothing");
    }
    let fields = field.items();
    Redact::of(fields.iter().filter_map(|it| Some(it.parsed::<FieldPath>()?.into_inner())))
}

/// Reads `[arguments.NAME]`, whose name may be a path: `[arguments."filter.limit"]`.
fn arguments(field: &Field<'_>) -> Arguments {
    let mut limits = Vec::new();
    for (name, field) in field.named() {
        let limit = field.table(limit);
        match name.get_ref().parse::<ArgumentPath>() {
            Ok(path) => limits.extend(limit.map(|it| (path, it))),
            Err(why) => field.wrong(format!("`{}`: {why}", name.get_ref().escape_debug())),
        }
    }
    Arguments::of(limits)
}

fn limit(table: &Table<'_>) -> ArgumentLimit {
    let (fix, few) = (table.get("fix"), table.get("one_of"));
    let (min, max) = (number(&table.get("min")), number(&table.get("max")));
    let fixed = fix.json().and_then(|it| canonical(&fix, &it));
    let listed = few.items();
    if few.is_empty_list() {
        few.wrong("an empty list leaves nothing that it may be");
    }
    let listed: BTreeSet<String> =
        listed.iter().filter_map(|it| canonical(it, &it.json()?)).collect();
    if fix.is_given() && (few.is_given() || min.is_some() || max.is_some()) {
        fix.wrong("what is `fix`ed has no other limit");
    }
    let limited = fix.is_given() || few.is_given() || min.is_some() || max.is_some();
    if !limited {
        let message = "this limits nothing";
        let error = table.reader().error(Code::EmptyConstraint, table.at(), message);
        let help = "give it `fix`, `one_of`, `min` or `max`";
        table.reader().push(error.label("nothing in it").help(help));
    }
    let few = few.is_given().then_some(listed);
    ArgumentLimit { min, max, one_of: fixed.map(|it| [it].into()).or(few) }
}

/// Writes a value as the call has it that may be sent.
fn canonical(field: &Field<'_>, value: &Value) -> Option<String> {
    match Json::parse(value.to_string().as_bytes(), JsonLimits::default()) {
        Ok(value) => Some(value.canonical()),
        Err(why) => {
            field.wrong(format!("`{}` cannot be sent: {why}", field.name()));
            None
        }
    }
}

/// Reads a whole number, which may be below nought.
fn number(field: &Field<'_>) -> Option<i64> {
    let value = field.json()?;
    let number = value.as_i64();
    if number.is_none() {
        let message = format!("`{}` should be a whole number", field.name());
        field.fault(Code::WrongType, message, "this is none that fits", None);
    }
    number
}

/// Gives them by name, and reports two that have the same.
pub(super) fn by_name(files: &[ConstraintFile], found: &mut Found) -> Constraints {
    let mut all = Constraints::new();
    for file in files {
        let name = file.constraint.name.clone();
        if all.insert(name.clone(), Arc::clone(&file.constraint)).is_some() {
            let message = format!("constraint `{name}` is written twice");
            let error = ConfigError::new(Code::Twice, message);
            found.push(error.at(&file.source.file, file.name.clone()).label("once more here"));
        }
    }
    all
}

/// Refuses another wording under a version that is in force: records could not tell the two apart.
pub(super) fn same_version(
    files: &[ConstraintFile],
    before: Option<&PolicySet>,
    found: &mut Found,
) {
    let Some(before) = before else { return };
    for file in files {
        let Constraint { name, version, obligations, .. } = &*file.constraint;
        let was = before.constraints().get(name).filter(|it| it.version == *version);
        if was.is_none_or(|it| it.obligations == *obligations) {
            continue;
        }
        let message = format!("`{name}@{version}` is in force and asks for something else");
        let error = ConfigError::new(Code::SameVersion, message);
        let error = error.at(&file.source.file, file.name.clone()).label("another wording of it");
        found.push(error.help(format!("make it `version = {}`", version.saturating_add(1))));
    }
}

/// Remarks on permits whose constraints the built-in permit lets calls go round.
pub(super) fn loose(folder: &Folder, policies: &PolicySet, found: &mut Found) {
    for (policy, which) in policies.loose() {
        let message = format!(
            "`{}` asks for constraints, and {which} is permitted without them by the built-in permit",
            policy.id
        );
        let warning = ConfigError::warning(Code::LooseConstraint, message);
        let help = "forbid what it does not fit, or write `[policy] builtin_permit = false`";
        let file = folder.ending("cedar").find(|it| Some(&it.name) == policy.source.as_ref());
        let placed = file.zip(policy.line).map(|(file, line)| (file, line_of(file.text(), line)));
        let warning = match placed {
            Some((source, at)) => warning.at(&source.file, at),
            None => warning,
        };
        found.push(warning.help(help));
    }
}

/// Gives the place of a line, counted from one.
fn line_of(text: &str, line: usize) -> Range<usize> {
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let start = before.map(str::len).fold(0, usize::saturating_add);
    let length = text.get(start..).and_then(|it| it.lines().next()).map_or(0, str::len);
    start..start.saturating_add(length)
}

/// Remarks on constraints that no permit asks for.
pub(super) fn unused(
    files: &[ConstraintFile],
    (policies, access): (&PolicySet, &AccessPolicies),
    found: &mut Found,
) {
    if files.is_empty() {
        return;
    }
    let all = policies.summaries().chain(access.summaries());
    let asked: BTreeSet<&String> = all.flat_map(|it| &it.obligations.from).collect();
    for file in files {
        let Constraint { name, obligations, .. } = &*file.constraint;
        if obligations.from.iter().all(|it| asked.contains(it)) {
            continue;
        }
        let message = format!("no permit asks for constraint `{name}`");
        let warning = ConfigError::warning(Code::UnusedConstraint, message);
        let help = format!("put `@constrain(\"{name}\")` before a permit");
        found.push(warning.at(&file.source.file, file.name.clone()).help(help));
    }
}
