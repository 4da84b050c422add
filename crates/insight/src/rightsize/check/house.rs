//! Charters and templates as the kernel reads them: a line lets through the tools that it names, of servers that the charter
//! reaches.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;

use super::{
    named::{Weighed, Weights},
    policy::NoPolicy,
    toml,
    verify::Used,
};

/// Files by name.
type Files = BTreeMap<String, Json>;

fn said<'a>(of: &'a Json, name: &str) -> &'a str {
    of.get(name).and_then(Json::as_text).unwrap_or_default()
}

fn list<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    if let Some(Json::List(all)) = of.get(name) { all } else { &[] }
}

fn words(of: &Json, name: &str) -> BTreeSet<String> {
    list(of, name).iter().filter_map(|it| it.as_text().map(str::to_owned)).collect()
}

fn files(house: &Json) -> Files {
    let file = |it: &Json| Some((said(it, "name").to_owned(), it.get("value")?.clone()));
    list(house, "files").iter().filter_map(file).collect()
}

fn charter<'f>(files: &'f Files, id: &str) -> Option<(&'f String, &'f Json)> {
    files.iter().find(|it| it.0.starts_with("charters/") && said(it.1, "identity") == id)
}

/// Gives an identity and all whom it may hand authority on to.
pub(super) fn users(house: &Json, id: &str) -> Vec<String> {
    let files = files(house);
    let mut found = BTreeSet::new();
    let mut open = vec![id.to_owned()];
    while let Some(one) = open.pop() {
        if found.insert(one.clone()) {
            open.extend(
                charter(&files, &one).map(|it| words(it.1, "delegates_to")).unwrap_or_default(),
            );
        }
    }
    found.into_iter().collect()
}

/// One thing that a line lets through, and in which case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Given {
    name: String,
    /// All that the line says besides.
    case: String,
}

/// Gives what a line lets through; resources and prompts by pattern.
fn given(line: &Json) -> Vec<(Given, String)> {
    let mut case = line.clone();
    if let Json::Object(members) = &mut case {
        for part in ["tools", "resources", "prompts", "wants"] {
            members.remove(part);
        }
    }
    let case = case.canonical();
    let (server, target) = (said(line, "server"), said(line, "target"));
    let mut all = Vec::new();
    let mut put =
        |name: String, what: &str| all.push((Given { name, case: case.clone() }, what.to_owned()));
    for it in words(line, "tools") {
        put(format!("{server}:{it}"), "");
    }
    for it in words(line, "resources") {
        put(format!("{server}:resources/read"), &it);
    }
    for it in words(line, "prompts") {
        put(format!("{server}:prompts/get"), &it);
    }
    for it in words(line, "wants") {
        put(format!("lease:{target}:{it}"), "");
    }
    all
}

fn is_reached(charter: &Json, name: &str) -> bool {
    match name.strip_prefix("lease:").map(|it| it.split(':').next().unwrap_or_default()) {
        Some(target) => words(charter, "targets").contains(target),
        None => words(charter, "servers").contains(name.split(':').next().unwrap_or_default()),
    }
}

fn lines(template: &Json) -> impl Iterator<Item = &Json> {
    list(template, "allow").iter().chain(list(template, "lease"))
}

/// Gives everything that an identity's tasks may do, as far as its charter reaches.
fn held(files: &Files, id: &str) -> BTreeSet<(Given, String)> {
    let Some((_, charter)) = charter(files, id) else { return BTreeSet::new() };
    let opens = words(charter, "templates");
    let templates = files
        .iter()
        .filter(|it| it.0.starts_with("templates/") && opens.contains(said(it.1, "name")));
    let all = templates.flat_map(|it| lines(it.1)).flat_map(given);
    all.filter(|it| is_reached(charter, &it.0.name)).collect()
}

/// Gives servers and targets that a charter reaches and none of these templates names.
fn unnamed(charter: &Json, named: &BTreeSet<String>) -> Vec<String> {
    let servers = words(charter, "servers").into_iter();
    let targets = words(charter, "targets").into_iter().map(|it| format!("lease:{it}"));
    servers.chain(targets).filter(|it| !named.contains(it)).map(|it| format!("{it}:*")).collect()
}

/// Says what a changed file says besides what it may lose.
fn rest(value: &Json, losable: &[&str]) -> String {
    let mut value = value.clone();
    if let Json::Object(members) = &mut value {
        members.retain(|name, _| !losable.contains(&name.as_str()));
    }
    value.canonical()
}

/// Says what a file of an identity says now that it did not say.
fn changed(name: &str, was: &Json, is: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    if name.starts_with("charters/") {
        let lists = ["servers", "targets", "templates"];
        for list in lists {
            if !words(is, list).is_subset(&words(was, list)) {
                faults.push(format!("`{name}` has more `{list}`"));
            }
        }
        if rest(was, &lists) != rest(is, &lists) {
            faults.push(format!("`{name}` says something else besides"));
        }
        return faults;
    }
    let before: BTreeSet<_> = lines(was).flat_map(given).collect();
    for (given, what) in lines(is).flat_map(given) {
        if !before.contains(&(given.clone(), what)) {
            faults.push(format!("this was not allowed: {} by `{name}`", given.name));
        }
    }
    if rest(was, &["allow", "lease"]) != rest(is, &["allow", "lease"]) {
        faults.push(format!("`{name}` says something else besides"));
    }
    faults
}

/// Holds what is given afterwards against what was given, and against what was used.
pub(super) fn weigh(weights: &Weights<'_>, used: &[Used]) -> Result<Weighed, NoPolicy> {
    let id = &weights.certificate.identity;
    let before = files(weights.grants);
    let mut after = before.clone();
    let mut told = Weighed::default();
    let (own, charter_was) =
        charter(&before, id).ok_or(NoPolicy("the identity is not in these charters"))?;
    let opens = words(charter_was, "templates");
    let mut wanted = vec![(format!("charter {id}"), own.clone(), charter_was)];
    for (name, value) in before.iter().filter(|it| it.0.starts_with("templates/")) {
        if opens.contains(said(value, "name")) {
            wanted.push((format!("template {}", said(value, "name")), name.clone(), value));
        }
    }
    for (path, file, value) in wanted {
        let documents = weights.successor(&path, value, &mut told.files).unwrap_or_default();
        for text in documents.into_iter().filter_map(Json::as_text) {
            let new = toml::read(text)?;
            // What a template that goes changes is the charter.
            let place = if new.get("identity").is_some() { own } else { &file };
            let was = before.get(place).unwrap_or(&Json::Null);
            told.gives_more.extend(changed(place, was, &new));
            let is_shared = place != own
                && before.iter().any(|it| {
                    it.0.starts_with("charters/")
                        && it.0 != own
                        && words(it.1, "templates").contains(said(was, "name"))
                });
            if is_shared {
                told.gives_more.push(format!("others are changed with it: `{place}`"));
            }
            after.insert(place.clone(), new);
        }
    }
    let (had, has) = (held(&before, id), held(&after, id));
    told.gives_more
        .extend(has.difference(&had).map(|it| format!("this was not allowed: {}", it.0.name)));
    for it in used {
        told.replay.asked = told.replay.asked.saturating_add(1);
        let gave: Vec<_> = had.iter().filter(|had| had.0.name == it.action).collect();
        if gave.is_empty() {
            told.replay.given_otherwise = told.replay.given_otherwise.saturating_add(1);
        }
        if !gave.into_iter().all(|it| has.contains(it)) {
            told.replay.lost.push(it.clone());
        }
    }
    // Whatever a template names, its server is not judged by itself.
    let of = |name: &str| {
        // Behind the first colon, or the second of what is leased, stands a name that may have some of its own.
        let parts = if name.starts_with("lease:") { 2 } else { 1 };
        name.split(':').take(parts).collect::<Vec<_>>().join(":")
    };
    let templates = before.iter().filter(|it| opens.contains(said(it.1, "name")));
    let named =
        templates.flat_map(|it| lines(it.1)).flat_map(given).map(|it| of(&it.0.name)).collect();
    let charter_is = after.get(own).unwrap_or(charter_was);
    let names = |all: &BTreeSet<(Given, String)>| {
        all.iter().map(|it| it.0.name.clone()).collect::<BTreeSet<_>>()
    };
    let was = names(&had).into_iter().chain(unnamed(charter_was, &named));
    told.given.before = was.map(|it| (it, None)).collect();
    told.given.after = names(&has).into_iter().chain(unnamed(charter_is, &named)).collect();
    Ok(told)
}
