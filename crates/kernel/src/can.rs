//! What an identity can do in a task, before it does it: every action with what it depends on.

use std::collections::BTreeMap;

use bailiwick_insight::{Because, Can, Prospect};
use bailiwick_model::{
    Action, ActionFacts, ActionKind, Charter, Grant, Layer, Offered, OnWiden, Opener, PinStatus,
    Subject, Task, TaskId, TaskStatus, Template, Timestamp, Ulid,
};
use bailiwick_policy::{GrantProgram, ListQuestion, PolicyEffect, Stance, Stands, WhenError};

use crate::{Memory, Snapshot, TaskState};

/// One action that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// Which.
    pub action: &'a Action,
    /// What is known of it.
    pub facts: &'a ActionFacts,
    /// What is offered under its name; none where there is no server to ask.
    pub offered: Option<Offered>,
    /// Whether the task is known, or only its template.
    pub known: bool,
}

/// Says what `state`'s task can do with an action. Window and budget are not looked at: they say
/// when, and how often.
pub fn can(snapshot: &Snapshot, state: &TaskState, sought: Sought<'_>, now: Timestamp) -> Can {
    let mut because = withdrawn(snapshot, state, sought.action);
    if because.is_empty() {
        let Some(charter) = snapshot.charters.get(&state.task.identity) else {
            let text = "the identity has no charter";
            return found(sought, vec![Because::new(Prospect::Never, "registry", text)]);
        };
        let question = ListQuestion {
            action: sought.action,
            facts_of_action: sought.facts,
            task: &state.task,
            charter,
            facts: &snapshot.facts_at(now),
        };
        because.extend(granted(state, &question, sought.known, now));
        because.extend(permitted(snapshot, &question, (sought.known, now)));
        because.extend(pinned(snapshot, sought));
    }
    found(sought, because)
}

fn found(sought: Sought<'_>, mut because: Vec<Because>) -> Can {
    because.sort_by_key(|it| std::cmp::Reverse(it.prospect));
    let prospect = because.first().map_or(Prospect::Always, |it| it.prospect);
    Can { action: sought.action.policy_name(), on: None, prospect, because }
}

/// Says what withdraws or never gave the authority.
fn withdrawn(snapshot: &Snapshot, state: &TaskState, action: &Action) -> Vec<Because> {
    let (task, server) = (&state.task, &action.server);
    let never = |source: String, text: String| Because::new(Prospect::Never, source, text);
    let mut all = Vec::new();
    let mut contained = snapshot.contained_of_task(task);
    contained.extend(snapshot.contained_of_action(action));
    let of_server = Subject::Server(server.clone());
    if snapshot.contained.contains(&of_server) {
        contained.insert(of_server);
    }
    for subject in contained {
        all.push(never(subject.to_string(), format!("{} is contained", subject.in_words())));
    }
    for layer in &task.grant.layers {
        let charter = snapshot.charters.get(&layer.identity);
        let now = charter.is_some_and(|it| it.reaches(action));
        if !now || !layer.reaches(action) {
            let text = format!("the charter of `{}` does not name `{server}`", layer.identity);
            all.push(never(format!("charter:{}", layer.identity), text));
        }
    }
    all
}

/// Says what the lines of each layer cover.
fn granted(
    state: &TaskState,
    question: &ListQuestion<'_>,
    known: bool,
    now: Timestamp,
) -> Vec<Because> {
    let grant = &state.task.grant;
    if !grant.mode.enforces(now) {
        let text = "its template only observes: what no line covers is let through";
        return vec![Because::new(Prospect::Always, state.task.template.as_str(), text)];
    }
    let layers = state.program.stances(question, known);
    let above = layers.iter().skip(1).all(|it| !it.is_empty());
    let mut all = Vec::new();
    for (place, (stances, layer)) in layers.iter().zip(&grant.layers).enumerate() {
        let widens = place == 0 && above && grant.on_widen == OnWiden::Hold;
        all.extend(covered(stances, layer, widens));
    }
    all
}

fn covered(stances: &[Stance<String>], layer: &Layer, widens: bool) -> Vec<Because> {
    let template = layer.template.as_str();
    if let Some(open) = stances.iter().find(|it| it.stands == Stands::Always) {
        return vec![Because::new(Prospect::Always, &open.of, "the line covers every call")];
    }
    if stances.is_empty() {
        let (prospect, text) = if widens {
            (Prospect::Held, "no line covers it: a person is asked")
        } else {
            (Prospect::Never, "no line covers it")
        };
        return vec![Because::new(prospect, template, text)];
    }
    let otherwise = if widens { "of others a person is asked" } else { "others are denied" };
    let line = |it: &Stance<String>| {
        Because::new(
            Prospect::Depends,
            &it.of,
            format!("the line covers calls where this holds; {otherwise}"),
        )
        .when(&it.when)
    };
    stances.iter().map(line).collect()
}

/// Says what the policies that are enforced have to say.
fn permitted(
    snapshot: &Snapshot,
    question: &ListQuestion<'_>,
    (known, now): (bool, Timestamp),
) -> Vec<Because> {
    let stances = snapshot.policies.stances(question, (known, now));
    let enforced = || stances.iter().filter(|it| it.of.mode.enforces(now));
    let mut all = Vec::new();
    for it in enforced().filter(|it| it.of.effect == PolicyEffect::Forbid) {
        let (prospect, text) = match (it.stands, &it.of.hold) {
            (Stands::Always, None) => (Prospect::Never, "it forbids every call".to_owned()),
            (Stands::Always, Some(why)) => (Prospect::Held, format!("a person is asked: {why}")),
            (Stands::Depends, None) => {
                (Prospect::Depends, "it forbids calls where this holds".to_owned())
            }
            (Stands::Depends, Some(why)) => {
                (Prospect::Depends, format!("a person is asked where this holds: {why}"))
            }
        };
        let when: &[String] = if it.stands == Stands::Depends { &it.when } else { &[] };
        all.push(Because::new(prospect, &it.of.id, text).when(when));
    }
    let permits: Vec<_> = enforced().filter(|it| it.of.effect == PolicyEffect::Permit).collect();
    if let Some(always) = permits.iter().find(|it| it.stands == Stands::Always) {
        all.push(Because::new(Prospect::Always, &always.of.id, "it permits every call"));
    } else if permits.is_empty() {
        all.push(Because::new(Prospect::Never, "policies", "no policy permits it"));
    } else {
        all.extend(permits.iter().map(|it| {
            Because::new(Prospect::Depends, &it.of.id, "it permits calls where this holds")
                .when(&it.when)
        }));
    }
    all
}

/// Says whether what is offered is what was accepted, where that is known.
fn pinned(snapshot: &Snapshot, sought: Sought<'_>) -> Option<Because> {
    let action = sought.action;
    let source = action.policy_name();
    let never = |text: &str| Some(Because::new(Prospect::Never, &source, text));
    let (definition, executable) = match sought.offered? {
        Offered::NotPinned if action.kind != ActionKind::Tool => return None,
        Offered::NotPinned | Offered::Nothing => return never("its server does not offer it"),
        Offered::Tool { definition, executable } => (definition, executable),
    };
    match snapshot.pin(&action.server, &action.name) {
        None => never("nobody has accepted it yet"),
        Some(pin) if pin.status == PinStatus::Waiting => never("it waits to be accepted"),
        Some(pin) if pin.digest != definition || pin.executable != executable => {
            let text = "it is no longer what was accepted: a person is asked";
            Some(Because::new(Prospect::Held, source, text))
        }
        Some(_) => None,
    }
}

/// Makes a task of `template` as it would be opened by itself at `now`, with parameters that nobody
/// knows yet: to look at what it could do.
pub fn prospective(
    charter: &Charter,
    template: &Template,
    now: Timestamp,
) -> Result<TaskState, Vec<WhenError>> {
    let layer = Layer {
        day: None,
        identity: charter.identity.clone(),
        template: template.name.clone(),
        purpose: template.purpose.clone(),
        params: BTreeMap::new(),
        servers: charter.servers.clone(),
        targets: charter.targets.clone(),
        lines: template.allow.clone(),
    };
    let grant = Grant {
        layers: vec![layer],
        budget: template.budget,
        on_widen: template.on_widen,
        mode: template.mode.clone(),
    };
    let program = GrantProgram::compile(&grant)?;
    let task = Task {
        id: TaskId::new(Ulid::new(now, [0; 10])),
        identity: charter.identity.clone(),
        via: Vec::new(),
        template: template.name.clone(),
        purpose: template.purpose.clone(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        parent: None,
        above: Vec::new(),
        opened: now,
        deadline: now.after(template.window.max),
        idle: template.window.idle,
        calendars: Vec::new(),
        grant,
        generation: 1,
        status: TaskStatus::Open,
        on_behalf: None,
        people: std::collections::BTreeSet::new(),
    };
    Ok(TaskState::resume(task, program.into(), Memory::default()))
}
