//! The smaller templates and the smaller charter, and what to run.

use std::collections::BTreeSet;

use bailiwick_model::Json;

use super::{
    super::{
        Document, Plan, Stage, command,
        named::{Left, Written},
        narrow::with,
        shadow,
        written::{items, text},
    },
    Found, Source, names, toml, words,
};

/// Stands for the folder of `bailiwick.toml` in commands.
const HOUSE: &str = "HOUSE";

/// Writes what takes the place of the files that change.
pub(in crate::rightsize) fn write(found: &Found<'_>, left: &[Left<'_>], days: u64) -> Written {
    let mut written = Written::default();
    let mut stage = Stage {
        stage: "replace",
        says: "the smaller files take the place of the old ones, in HOUSE, the folder of `bailiwick.toml`, and the governor takes them up; no trial that denies ends by itself".to_owned(),
        days: 0,
        until: None,
        commands: Vec::new(),
        rollback: Vec::new(),
    };
    let (templates, charter) = left.split_at_checked(found.templates.len()).unwrap_or((left, &[]));
    let mut gone = BTreeSet::new();
    for (left, source) in templates.iter().zip(&found.templates) {
        let mut documents = Vec::new();
        let smaller = smaller(source.value, &left.names, left.grant.names.as_slice());
        match left.is_changed() {
            false => {}
            true if left.names.is_empty() => {
                gone.insert(text(source.value, "name"));
            }
            true => documents.push(placed(source, &smaller, &mut stage, &mut written)),
        }
        written.successors.push(documents);
    }
    // A template that goes is in the charter, and whatever changes there is in one file.
    let charter_left = charter.first();
    let is_smaller = charter_left.is_some_and(Left::is_changed);
    if is_smaller || !gone.is_empty() {
        let stays = charter_left.filter(|_| is_smaller).map(|it| (&it.names, &it.grant.names));
        let mut value = found.charter.value.clone();
        for (list, before) in [("servers", ""), ("targets", "lease:"), ("templates", "")] {
            let is_kept = |it: &&str| match (list, stays) {
                ("templates", _) => !gone.contains(*it),
                (_, Some((left, all))) => {
                    let name = format!("{before}{it}:*");
                    !all.contains(&name) || left.contains(name.as_str())
                }
                (_, None) => true,
            };
            if found.charter.value.get(list).is_some() {
                let kept = words(found.charter.value, list).into_iter().filter(is_kept);
                let kept = kept.map(|it| Json::Text(it.to_owned())).collect();
                value = with(&value, list, Json::List(kept));
            }
        }
        let document = placed(&found.charter, &value, &mut stage, &mut written);
        for (left, documents) in templates.iter().zip(&mut written.successors) {
            if left.is_changed() && left.names.is_empty() {
                documents.push(document.clone());
            }
        }
        written.successors.push(if is_smaller { vec![document] } else { Vec::new() });
    }
    if !stage.commands.is_empty() {
        for commands in [&mut stage.commands, &mut stage.rollback] {
            let config = format!("{HOUSE}/bailiwick.toml");
            commands.push(command(&["bailiwick", "check", "--config", &config]));
            commands.push(command(&["bailiwick", "reload", "--config", &config]));
        }
        written.plan = Plan { stages: vec![shadow(days), stage] };
    }
    written
}

/// Gives a file its place, and the old one its own.
fn placed(source: &Source<'_>, value: &Json, stage: &mut Stage, written: &mut Written) -> Document {
    let flat = source.file.replace('/', "-");
    let (new, old) = (format!("policies/{flat}"), format!("rollback/{flat}"));
    let place = format!("{HOUSE}/{}", source.file);
    stage.commands.push(command(&["cp", &new, &place]));
    stage.rollback.push(command(&["cp", &old, &place]));
    written.files.push(Document { file: old, json: Json::Text(source.text.to_owned()) });
    Document { file: new, json: Json::Text(toml::written(value)) }
}

/// Gives a template without what goes of it.
fn smaller(template: &Json, stays: &BTreeSet<&str>, given: &[String]) -> Json {
    let goes = |name: String| given.contains(&name) && !stays.contains(name.as_str());
    let mut smaller = template.clone();
    for list in ["allow", "lease"] {
        let mut lines = Vec::new();
        for line in items(template, list) {
            let mut left = line.clone();
            for part in ["prompts", "resources", "tools", "wants"] {
                let before = words(line, part);
                let is_kept = |it: &&str| {
                    let alone = Json::List(vec![Json::Text((*it).to_owned())]);
                    let of = with(&only(line), part, alone);
                    !names(&of).into_iter().any(goes)
                };
                let kept: Vec<_> = before.iter().copied().filter(is_kept).collect();
                if kept.len() != before.len() {
                    let kept = kept.into_iter().map(|it| Json::Text(it.to_owned())).collect();
                    left = with(&left, part, Json::List(kept));
                }
            }
            if !names(&left).is_empty() {
                lines.push(left);
            }
        }
        if template.get(list).is_some() {
            smaller = with(&smaller, list, Json::List(lines));
        }
    }
    smaller
}

/// Gives a line without what it allows.
fn only(line: &Json) -> Json {
    let mut line = line.clone();
    if let Json::Object(members) = &mut line {
        members.retain(|name, _| matches!(name.as_str(), "server" | "target"));
    }
    line
}
