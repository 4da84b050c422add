//! The smaller roles and bindings as they are written, and what to run.
//!
//! Old bindings are never written whole, and never deleted: a patch takes the subject out of one, and the API server lets it
//! through only if the binding still has all the subjects that were listed. Whoever was added meanwhile is not dropped.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;

use super::{
    super::{
        Document, Plan, Stage, command,
        decide::file,
        named::{Left, Written},
        narrow::with,
        shadow,
        written::{items, text},
    },
    Bound, Found, Item, rules, yaml,
};

/// How many letters a name may have.
const NAME_MAX: usize = 253;
const GROUP: &str = "rbac.authorization.k8s.io";

/// Writes what takes the place of each binding that changes, and how that is done.
pub(in crate::rightsize) fn write(found: &Found<'_>, left: &[Left<'_>], days: u64) -> Written {
    let mut written = Written::default();
    let mut names = BTreeSet::new();
    let mut stage = Stage {
        stage: "replace",
        says: "the subject gets roles of its own, and is then taken out of the old bindings; a patch that is refused met a binding that others changed since it was listed: list the grants anew"
            .to_owned(),
        days: 0,
        until: None,
        commands: Vec::new(),
        rollback: Vec::new(),
    };
    for (place, left) in left.iter().enumerate() {
        let mut documents = Vec::new();
        let parts = found.bound.get(place).zip(found.rules.get(place));
        if let Some((bound, rules)) = parts.filter(|_| left.is_changed()) {
            let mut undo = Vec::new();
            if let Some(own) = own(found, bound, rules, left) {
                let file = yaml_file("policies", &own.0, &mut names);
                stage.commands.push(command(&["kubectl", "auth", "reconcile", "-f", &file]));
                undo.push(command(&["kubectl", "delete", "-f", &file]));
                documents.push(Document { file, json: Json::Text(yaml::written(&own.1)) });
            }
            let binding = bound.binding;
            let called = format!("{}.{}", binding.namespace, binding.name);
            let called = called.trim_start_matches('.');
            let file = named_file("policies", &format!("{called}-others"), "json", &mut names);
            stage.commands.push(patched(&binding, &file));
            documents.push(Document { file, json: without(bound) });
            let file = yaml_file("rollback", called, &mut names);
            let back = command(&["kubectl", "auth", "reconcile", "-f", &file]);
            stage.rollback.splice(..0, std::iter::once(back).chain(undo));
            let json = Json::Text(yaml::written(&[listed(bound)]));
            written.files.push(Document { file, json });
        }
        written.successors.push(documents);
    }
    if !stage.commands.is_empty() {
        written.plan = Plan { stages: vec![shadow(days), stage] };
    }
    written
}

fn yaml_file(folder: &str, name: &str, names: &mut BTreeSet<String>) -> String {
    named_file(folder, name, "yaml", names)
}

fn named_file(folder: &str, name: &str, end: &str, names: &mut BTreeSet<String>) -> String {
    let path = file(folder, &name.replace([':', '/'], "-"), names);
    path.strip_suffix(".json").map_or(path.clone(), |it| format!("{it}.{end}"))
}

fn patched(binding: &Item<'_>, file: &str) -> Vec<String> {
    let kind = binding.kind.to_ascii_lowercase();
    let mut words = command(&["kubectl", "patch", &kind]);
    if !binding.namespace.is_empty() {
        words.extend(command(&["--namespace", binding.namespace]));
    }
    words.extend(command(&["--type", "json", "--patch-file", file]));
    // A name may be spelt as an option is: `--all`.
    words.extend(command(&["--", binding.name]));
    words
}

/// Gives a role for the subject alone with a binding to it, under one name; nothing where nothing is left.
fn own(
    found: &Found<'_>,
    bound: &Bound<'_>,
    rules: &[&Json],
    left: &Left<'_>,
) -> Option<(String, [Json; 2])> {
    let binding = bound.binding;
    let kind = if binding.kind == "RoleBinding" { "Role" } else { "ClusterRole" };
    // A role of one namespace may name no address, and through a binding in one an address gives nothing.
    let may_be = |it: &&&Json| kind != "Role" || items(it, "nonResourceURLs").is_empty();
    let smaller: Vec<Json> =
        rules.iter().filter(may_be).flat_map(|it| rules::narrowed(it, &left.names)).collect();
    if smaller.is_empty() {
        return None;
    }
    let end = "-rightsized";
    let begin = format!("{}-{}", binding.name, text(bound.subject, "name"));
    let plain = begin.replace(['/', '%'], "-");
    let mut name: String =
        plain.chars().take(NAME_MAX.saturating_sub(end.len().saturating_add(4))).collect();
    name.push_str(end);
    let is_taken = |name: &str| {
        [kind, binding.kind].iter().any(|it| found.taken.contains(&(it, binding.namespace, name)))
    };
    let mut number = 1_u32;
    while is_taken(&name) {
        number = number.saturating_add(1);
        name = format!("{}{end}{number}", name.split(end).next().unwrap_or_default());
    }
    let role = object(kind, binding.namespace, &name, [("rules", Json::List(smaller))]);
    let reference = map([("apiGroup", word(GROUP)), ("kind", word(kind)), ("name", word(&name))]);
    let subject = whole(bound.subject, &binding);
    let binding = object(
        binding.kind,
        binding.namespace,
        &name,
        [("roleRef", reference), ("subjects", Json::List(vec![subject]))],
    );
    Some((name, [role, binding]))
}

/// Gives a subject with all that the API server adds to one.
fn whole(subject: &Json, binding: &Item<'_>) -> Json {
    let (kind, own) = (text(subject, "kind"), text(subject, "namespace"));
    match kind {
        // Where the binding did not say a namespace, it meant its own.
        "ServiceAccount" if own.is_empty() => with(subject, "namespace", word(binding.namespace)),
        "Group" | "User" => grouped(subject),
        _ => subject.clone(),
    }
}

fn grouped(value: &Json) -> Json {
    if text(value, "apiGroup").is_empty() {
        with(value, "apiGroup", word(GROUP))
    } else {
        value.clone()
    }
}

/// Gives the patch that takes the subject out of its binding, if that is still what was listed.
fn without(bound: &Bound<'_>) -> Json {
    let binding = &bound.binding;
    let all: Vec<&Json> = items(binding.value, "subjects").iter().collect();
    let id = super::id_of(binding, bound.subject);
    let mut others = all.iter().filter(|it| super::id_of(binding, it) != id);
    let step = |what: &str, path: &str, value: Json| {
        map([("op", word(what)), ("path", word(path)), ("value", value)])
    };
    let list = |all: &mut dyn Iterator<Item = &&Json>| {
        Json::List(all.map(|it| whole(it, binding)).collect())
    };
    let mut steps = Vec::new();
    // Another of the same name has another number.
    let uid = binding.value.get("metadata").and_then(|it| it.get("uid"));
    steps.extend(uid.map(|it| step("test", "/metadata/uid", it.clone())));
    if let Some(role) = binding.value.get("roleRef") {
        steps.push(step("test", "/roleRef", grouped(role)));
    }
    steps.push(step("test", "/subjects", list(&mut all.iter())));
    steps.push(step("replace", "/subjects", list(&mut others)));
    Json::List(steps)
}

/// Gives the binding as it was listed, for the subject alone: whoever else is in it then stays in it, and whoever was
/// taken out meanwhile does not come back.
fn listed(bound: &Bound<'_>) -> Json {
    let item = &bound.binding;
    let role = item.value.get("roleRef").map(|it| ("roleRef", it.clone()));
    let id = super::id_of(item, bound.subject);
    let mine = items(item.value, "subjects").iter().filter(|it| super::id_of(item, it) == id);
    let mine = mine.map(|it| whole(it, item)).collect();
    let parts = role.into_iter().chain([("subjects", Json::List(mine))]);
    let mut made = object(item.kind, item.namespace, item.name, parts);
    let metadata = item.value.get("metadata");
    if let Json::Object(members) = &mut made
        && let Some(Json::Object(to)) = members.get_mut("metadata")
    {
        for name in ["annotations", "finalizers", "labels", "ownerReferences"] {
            let known = metadata.and_then(|it| it.get(name));
            to.extend(known.map(|it| (name.to_owned(), it.clone())));
        }
    }
    made
}

fn object(
    kind: &str,
    namespace: &str,
    name: &str,
    parts: impl IntoIterator<Item = (&'static str, Json)>,
) -> Json {
    let within = (!namespace.is_empty()).then(|| ("namespace", word(namespace)));
    let metadata = map([("name", word(name))].into_iter().chain(within));
    let api = word("rbac.authorization.k8s.io/v1");
    map([("apiVersion", api), ("kind", word(kind)), ("metadata", metadata)]
        .into_iter()
        .chain(parts))
}

fn map<'n>(members: impl IntoIterator<Item = (&'n str, Json)>) -> Json {
    let members = members.into_iter().map(|(name, it)| (name.to_owned(), it));
    Json::Object(members.collect::<BTreeMap<_, _>>())
}

fn word(text: &str) -> Json {
    Json::Text(text.to_owned())
}
