//! How a smaller policy comes into force: watched first, then denied for a while, then removed; each step with its way
//! back.

use std::collections::BTreeSet;

use bailiwick_model::{Json, Timestamp};
use serde::Serialize;

use super::{
    Document, Look,
    certificate::Certificate,
    decide::{Fate, Held, file},
    shorten::shorten,
    split::{MANAGED_MAX, PARTS_MAX, length},
    written::Way,
};

/// The steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In order; none where nothing changes.
    pub stages: Vec<Stage>,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Its name: `shadow`, `deny`, `remove`.
    pub stage: &'static str,
    /// What it does.
    pub says: String,
    /// How many days it lasts.
    pub days: u64,
    /// When it takes itself back; none where it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What to run, word by word.
    pub commands: Vec<Vec<String>>,
    /// What takes it back.
    pub rollback: Vec<Vec<String>>,
}

/// A plan and the documents that it speaks of.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) documents: Vec<Document>,
}

impl Planned {
    /// Says so where more policies are attached at once than AWS lets anybody attach: a quota may be raised, and whoever
    /// does not know it stops half way.
    pub(super) fn crowded(&self, look: &Look<'_, '_>) -> Option<String> {
        let entitlements = look.written.entitlements.iter();
        let mut held = entitlements.filter(|it| matches!(it.way, Way::Managed { .. })).count();
        let mut most = held;
        for stage in &self.plan.stages {
            let (then, at_once) = attached(held, &stage.commands);
            most = most.max(at_once).max(attached(then, &stage.rollback).1);
            held = then;
        }
        let why = format!(
            "up to {most} managed policies are attached at once while the plan is carried out: AWS's quota is {PARTS_MAX} unless it was raised"
        );
        (PARTS_MAX < most).then_some(why)
    }
}

/// Plans how what was decided comes into force.
pub(super) fn plan(
    look: &Look<'_, '_>,
    certificate: &Certificate,
    made: Timestamp,
    days: u64,
) -> Planned {
    let mut planned = Planned { plan: Plan::default(), documents: Vec::new() };
    if !look.decided.fates.iter().any(Fate::is_changed) {
        return planned;
    }
    let mut names = BTreeSet::new();
    planned.plan.stages.push(shadow(days));
    let mut trial = Vec::new();
    if !certificate.removed.actions.is_empty() {
        let stage = deny(look, made, days, &mut names, &mut planned.documents);
        trial.clone_from(&stage.rollback);
        planned.plan.stages.push(stage);
    }
    let mut stage = remove(look, &mut names, &mut planned.documents);
    // What denied for a trial takes up places that the new policies need.
    stage.commands.splice(..0, trial);
    planned.plan.stages.push(stage);
    planned
}

/// Counts how many policies are attached once these are carried out, and how many are at once meanwhile.
fn attached(held: usize, commands: &[Vec<String>]) -> (usize, usize) {
    let (mut now, mut most) = (held, held);
    for verb in commands.iter().filter_map(|it| it.get(2)) {
        if verb.starts_with("attach-") {
            now = now.saturating_add(1);
        } else if verb.starts_with("detach-") {
            now = now.saturating_sub(1);
        }
        most = most.max(now);
    }
    (now, most)
}

pub(super) fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| (*it).to_owned()).collect()
}

pub(super) fn shadow(days: u64) -> Stage {
    Stage {
        stage: "shadow",
        says: "nothing changes: new logs are held against the smaller policies, and each access that they would deny is told".to_owned(),
        days,
        until: None,
        commands: vec![command(&[
            "bailiwick", "rightsize", "shadow", "certificate.json", "NEW-LOGS", "--grants", "GRANTS",
        ])],
        rollback: Vec::new(),
    }
}

/// Denies what is to go, with a condition that ends it by itself.
fn deny(
    look: &Look<'_, '_>,
    made: Timestamp,
    days: u64,
    names: &mut BTreeSet<String>,
    documents: &mut Vec<Document>,
) -> Stage {
    let seconds = days.saturating_mul(2 * 24 * 3600);
    let until = made.after(std::time::Duration::from_secs(seconds));
    // AWS's examples of moments have no parts of seconds.
    let until = Timestamp::from_millis(until.seconds().saturating_mul(1000));
    let catalogue = look.exercised.catalogue();
    let mut gone = shorten(catalogue, &look.decided.gone(), &look.decided.patterns_after());
    // Where not all of it fits, whole services say most in fewest letters.
    gone.sort_by_key(|it| !it.ends_with(":*"));
    let written = look.written;
    let mut stage = Stage {
        stage: "deny",
        says: "what is to go is denied, and by itself allowed again at the time given".to_owned(),
        days,
        until: Some(until),
        commands: Vec::new(),
        rollback: Vec::new(),
    };
    let mut parts = denials(&gone, until);
    let attached = written.entitlements.iter().filter(|it| matches!(it.way, Way::Managed { .. }));
    let room = PARTS_MAX.saturating_sub(attached.count());
    if room == 0 {
        "left out: as many policies are attached as may be; watch for longer"
            .clone_into(&mut stage.says);
        stage.until = None;
    } else if room < parts.len() {
        stage.says = format!(
            "of what is to go, as much is denied as fits into {room} policies, whole services first; it is allowed again by itself at the time given"
        );
    }
    parts.truncate(room);
    for (place, json) in parts.into_iter().enumerate() {
        let begin: String = written.name().chars().take(96).collect();
        let name = format!("{begin}-rightsize-trial-{}", place.saturating_add(1));
        let path = file("deny", &name, names);
        let arn = format!("arn:{}:iam::{}:policy/{name}", written.partition(), written.account());
        stage.commands.push(create(&name, &path));
        stage.commands.push(attach(look, "attach", &arn));
        stage.rollback.push(attach(look, "detach", &arn));
        stage.rollback.push(command(&["aws", "iam", "delete-policy", "--policy-arn", &arn]));
        documents.push(Document { file: path, json });
    }
    stage
}

/// Gives documents that deny these until then.
fn denials(gone: &[String], until: Timestamp) -> Vec<Json> {
    let object = |members: Vec<(&str, Json)>| {
        Json::Object(members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
    };
    let text = |it: &str| Json::Text(it.to_owned());
    let whole = |actions: Vec<Json>| {
        let moment = until.to_string().replace(".000Z", "Z");
        let before = object(vec![("aws:CurrentTime", text(&moment))]);
        let statement = object(vec![
            ("Sid", text("RightsizeTrial")),
            ("Effect", text("Deny")),
            ("Action", Json::List(actions)),
            ("Resource", text("*")),
            ("Condition", object(vec![("DateLessThan", before)])),
        ]);
        let statements = Json::List(vec![statement]);
        object(vec![("Version", text("2012-10-17")), ("Statement", statements)])
    };
    let room = MANAGED_MAX.saturating_sub(length(&whole(Vec::new())));
    let mut parts: Vec<Vec<Json>> = Vec::new();
    let mut left = 0_usize;
    for name in gone {
        let size = name.len().saturating_add(3);
        if left < size {
            left = room;
            parts.push(Vec::new());
        }
        left = left.saturating_sub(size);
        if let Some(part) = parts.last_mut() {
            part.push(text(name));
        }
    }
    parts.into_iter().map(whole).collect()
}

/// Puts the smaller policies in the place of the old ones.
fn remove(
    look: &Look<'_, '_>,
    names: &mut BTreeSet<String>,
    documents: &mut Vec<Document>,
) -> Stage {
    let mut stage = Stage {
        stage: "remove",
        says: "the smaller policies take the place of the old ones: first the new are there, then the old go".to_owned(),
        days: 0,
        until: None,
        commands: Vec::new(),
        rollback: Vec::new(),
    };
    let mut fates: Vec<_> = look.decided.fates.iter().filter(|it| it.is_changed()).collect();
    // What goes without a successor makes room for the others.
    fates.sort_by_key(|it| it.successors.iter().filter(|it| it.held == Held::Managed).count());
    for fate in fates {
        // Of each, the old one is there again before the new ones go; what was done last is taken back first.
        let (mut back, mut undo) = (Vec::new(), Vec::new());
        let managed = fate.successors.iter().filter(|it| it.held == Held::Managed);
        for successor in managed {
            let (partition, account) = (look.written.partition(), look.written.account());
            let arn = format!("arn:{partition}:iam::{account}:policy/{}", successor.name);
            stage.commands.push(create(&successor.name, &successor.file));
            stage.commands.push(attach(look, "attach", &arn));
            undo.push(attach(look, "detach", &arn));
            undo.push(command(&["aws", "iam", "delete-policy", "--policy-arn", &arn]));
        }
        match &fate.entitlement.way {
            Way::Managed { arn } => {
                stage.commands.push(attach(look, "detach", arn));
                back.push(attach(look, "attach", arn));
            }
            Way::Inline { name } => {
                let stays = fate.successors.iter().find(|it| it.held == Held::Inline);
                stage.commands.push(match stays {
                    Some(it) => put(look, name, &it.file),
                    None => inline(look, "delete", name),
                });
                let old = file("rollback", name, names);
                back.push(put(look, name, &old));
                documents.push(Document { file: old, json: fate.entitlement.document.clone() });
            }
            Way::Group => {}
        }
        stage.rollback.splice(..0, back.into_iter().chain(undo));
    }
    stage
}

fn create(name: &str, path: &str) -> Vec<String> {
    let document = format!("file://{path}");
    command(&["aws", "iam", "create-policy", "--policy-name", name, "--policy-document", &document])
}

fn attach(look: &Look<'_, '_>, verb: &str, arn: &str) -> Vec<String> {
    let sort = look.written.sort.as_str();
    let (call, option) = (format!("{verb}-{sort}-policy"), format!("--{sort}-name"));
    command(&["aws", "iam", &call, &option, look.written.name(), "--policy-arn", arn])
}

fn inline(look: &Look<'_, '_>, verb: &str, name: &str) -> Vec<String> {
    let sort = look.written.sort.as_str();
    let (call, option) = (format!("{verb}-{sort}-policy"), format!("--{sort}-name"));
    command(&["aws", "iam", &call, &option, look.written.name(), "--policy-name", name])
}

fn put(look: &Look<'_, '_>, name: &str, path: &str) -> Vec<String> {
    let mut words = inline(look, "put", name);
    words.extend(["--policy-document".to_owned(), format!("file://{path}")]);
    words
}
