//! How tasks open: that is decided, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_model::{
    Budget, Charter, DayAccount, DayBudget, Grant, IdentityId, Judgement, Layer, Mode, OnWiden,
    OpenRequest, Opener, Param, Reason, ReasonCode, ServerName, Spend, Step, Subject, Task, TaskId,
    TaskStatus, Template, TemplateKind, Timestamp, Verdict,
};
use bailiwick_policy::GrantProgram;

use crate::{Snapshot, TaskState, life::lapse, state::Memory};

/// How many hands authority passes through at the most.
pub const DEPTH_MAX: usize = 4;

/// What was decided about opening a task.
#[derive(Debug)]
#[must_use = "an opening that is not recorded did not happen"]
pub struct Opening {
    /// The judgement, for the record.
    pub steps: Vec<Judgement>,
    /// The task, or every reason why there is none.
    pub outcome: Result<Box<TaskState>, BTreeSet<Reason>>,
    /// Whether nothing is missing but another person.
    pub held: bool,
}

/// Decides whether `request` opens a task, and makes it. `open_now` counts the identity's open
/// tasks of this template, and `day` what they used. A child's share leaves its parent's budget here.
pub fn open(
    snapshot: &Snapshot,
    parent: Option<&mut TaskState>,
    request: &OpenRequest,
    (id, open_now, day): (TaskId, u32, DayAccount),
    now: Timestamp,
) -> Opening {
    let now = parent.as_ref().map_or(now, |it| it.latest.max(now));
    let charter = snapshot.charters.get(&request.identity);
    let template = snapshot.templates.get(&request.template);
    let mut why = identity_faults(snapshot, charter, request);
    match (charter, template) {
        (Some(charter), Some(template)) if charter.templates.contains(&template.name) => {
            why.extend(template_faults(template, request, (open_now, day), now));
        }
        (Some(charter), _) => why.push(outside_charter(charter, request)),
        (None, _) => {}
    }
    match (&parent, &request.parent) {
        (Some(parent), _) => why.extend(parent_faults(snapshot, parent, request, now)),
        (None, Some(gone)) => why.push(Reason::new(
            ReasonCode::NoSuchTask,
            format!("there is no open task `{gone}` to narrow"),
            gone.as_str(),
        )),
        (None, None) => {}
    }
    let alone = template.and_then(|it| alone(it, request));
    let held = why.is_empty() && alone.is_some() && could_be_joined(request);
    why.extend(alone);
    let made = match (charter, template, why.is_empty()) {
        (Some(charter), Some(template), true) => make(charter, template, parent, request, id, now),
        _ => Err(why.into_iter().collect()),
    };
    Opening { steps: vec![judgement(request, &made, held)], outcome: made, held }
}

/// Says who is missing for a break-glass task. It is nobody's child: what two people open for minutes
/// is not narrowed out of something that goes on.
fn alone(template: &Template, request: &OpenRequest) -> Option<Reason> {
    if !template.kind.is_break_glass() {
        return None;
    }
    let (name, identity) = (&template.name, &request.identity);
    let text = if request.parent.is_some() {
        format!("`{name}` is a break-glass template: no task is opened from it under another")
    } else if request.people.len() < TemplateKind::PEOPLE {
        format!(
            "`{name}` is a break-glass template, which takes two people: one asks with `bailiwick task open --template {name} --as {identity} --purpose WHY --by PERSON`, another one approves the ticket"
        )
    } else {
        return None;
    };
    Some(Reason::new(ReasonCode::TwoPeople, text, format!("template:{name}")))
}

/// Says whether another person's word would make it an opening.
const fn could_be_joined(request: &OpenRequest) -> bool {
    matches!(request.opener, Opener::Person(_)) && request.parent.is_none()
}

fn judgement(
    request: &OpenRequest,
    made: &Result<Box<TaskState>, BTreeSet<Reason>>,
    held: bool,
) -> Judgement {
    let verdict = match made {
        Ok(_) => Verdict::allow(),
        Err(why) if held => Verdict::Hold(why.clone()),
        Err(why) => Verdict::Deny(why.clone()),
    };
    let mut attributes = BTreeMap::from([
        ("identity".to_owned(), request.identity.to_string()),
        ("template".to_owned(), request.template.to_string()),
        ("opener".to_owned(), request.opener.label().to_owned()),
    ]);
    if let Some(person) = &request.on_behalf {
        attributes.insert("on_behalf".to_owned(), person.to_string());
    }
    Judgement {
        step: Step::Opening,
        verdict: verdict.kind(),
        reasons: verdict.reasons(),
        attributes,
        observed: false,
    }
}

fn identity_faults(
    snapshot: &Snapshot,
    charter: Option<&Arc<Charter>>,
    request: &OpenRequest,
) -> Vec<Reason> {
    let mut why = Vec::new();
    let identity = &request.identity;
    if charter.is_none() {
        why.push(Reason::new(
            ReasonCode::NotRegistered,
            format!("`{identity}` has no charter"),
            "registry",
        ));
    }
    let shown = request.credential.iter().cloned().collect();
    let contained = snapshot.contained_of_identity(identity, &shown);
    why.extend(contained.iter().map(contained_reason));
    why
}

/// Says that something is contained.
pub(crate) fn contained_reason(subject: &Subject) -> Reason {
    let text = format!("{} is contained", subject.in_words());
    Reason::new(ReasonCode::Contained, text, subject.to_string())
}

fn outside_charter(charter: &Charter, request: &OpenRequest) -> Reason {
    let may: Vec<_> = charter.templates.iter().map(|it| format!("`{it}`")).collect();
    Reason::new(
        ReasonCode::OutsideCharter,
        format!(
            "`{}` may not open `{}`; it may open {}",
            charter.identity,
            request.template,
            if may.is_empty() { "nothing".to_owned() } else { may.join(", ") },
        ),
        format!("charter:{}", charter.identity),
    )
}

fn template_faults(
    template: &Template,
    request: &OpenRequest,
    (open_now, day): (u32, DayAccount),
    now: Timestamp,
) -> Vec<Reason> {
    let source = format!("template:{}", template.name);
    let mut why = Vec::new();
    for (name, rule) in &template.params {
        match request.params.get(name) {
            None if rule.optional => {}
            None => why.push(format!("parameter `{name}` is missing")),
            Some(value) if rule.admits(value) => {}
            Some(value) => why.push(format!(
                "parameter `{name}` is `{value}`, which does not match `{}`",
                rule.pattern.as_deref().unwrap_or("at most 1024 bytes"),
            )),
        }
    }
    let unknown = request.params.keys().filter(|it| !template.params.contains_key(*it));
    why.extend(unknown.map(|it| format!("`{}` has no parameter `{it}`", template.name)));
    let mut why: Vec<_> =
        why.into_iter().map(|it| Reason::new(ReasonCode::BadParam, it, source.clone())).collect();
    if template.max_open.is_some_and(|most| most <= open_now) {
        why.push(Reason::new(
            ReasonCode::TooManyOpen,
            format!("`{}` has {open_now} such tasks open, as many as it may", request.identity),
            source.clone(),
        ));
    }
    if let Some(calendar) = template.window.calendar.as_ref().filter(|it| !it.contains(now)) {
        why.push(Reason::new(
            ReasonCode::OutsideCalendar,
            format!("it is outside `{calendar}`"),
            source.clone(),
        ));
    }
    if is_used_up(template, day, now) {
        let (name, identity) = (&template.name, &request.identity);
        let text = format!("the day of all `{name}` tasks of `{identity}` is used up");
        why.push(Reason::new(ReasonCode::OverBudget, text, source));
    }
    why
}

/// Says whether not even the smallest call would fit into the day: a task that could do nothing
/// is not opened.
fn is_used_up(template: &Template, account: DayAccount, now: Timestamp) -> bool {
    let smallest = Spend { calls: 1, bytes_out: 1 };
    template.mode.enforces(now)
        && day_of(template)
            .is_some_and(|it| !it.limit.covers(account.spent_on(it.day(now)).plus(smallest)))
}

fn day_of(template: &Template) -> Option<DayBudget> {
    let limit = template.day?;
    Some(DayBudget { limit, calendar: template.window.calendar.clone() })
}

fn parent_faults(
    snapshot: &Snapshot,
    parent: &TaskState,
    request: &OpenRequest,
    now: Timestamp,
) -> Vec<Reason> {
    let task = &parent.task;
    let deny = |code, text: String| Reason::new(code, text, task.id.as_str());
    let mut why = Vec::new();
    if !task.is_open() || lapse(parent, now).is_some() {
        why.push(deny(ReasonCode::TaskEnded, format!("`{}` is no longer open", task.id)));
    }
    let giver = &task.identity;
    let may =
        snapshot.charters.get(giver).is_some_and(|it| it.delegates_to.contains(&request.identity));
    if request.identity == *giver {
        // Authority that goes round in a circle is handed to nobody, and its end is put off.
        why.push(deny(
            ReasonCode::MayNotDelegate,
            format!("`{giver}` may not hand authority to itself"),
        ));
    } else if !may {
        why.push(deny(
            ReasonCode::MayNotDelegate,
            format!("`{giver}` may not hand authority to `{}`", request.identity),
        ));
    }
    let by_giver = match &request.opener {
        Opener::Orchestrator(who) => who == giver,
        Opener::Person(_) => true,
        // Whoever has the task's own token has it from its holder.
        Opener::Itself => request.shown.is_some(),
    };
    if !by_giver {
        why.push(deny(
            ReasonCode::MayNotDelegate,
            format!(
                "only `{giver}`, whoever shows its token, or a person may narrow `{}`",
                task.id
            ),
        ));
    }
    why.extend(broken_chain(snapshot, task).map(|text| deny(ReasonCode::MayNotDelegate, text)));
    if DEPTH_MAX <= task.via.len() {
        why.push(deny(
            ReasonCode::MayNotDelegate,
            format!("authority passes through {DEPTH_MAX} hands at the most"),
        ));
    }
    why.extend(snapshot.contained_of_task(task).iter().map(contained_reason));
    why
}

/// Says which hand the authority came through that may not give it on any more: it left, or its
/// charter changed.
fn broken_chain(snapshot: &Snapshot, task: &Task) -> Option<String> {
    let takers = std::iter::once(&task.identity).chain(&task.via);
    let broken = |(giver, taker): (&IdentityId, &IdentityId)| {
        let charter = snapshot.charters.get(giver);
        match charter {
            None => Some(format!("`{giver}` handed authority on and is no longer registered")),
            Some(it) if it.delegates_to.contains(taker) => None,
            Some(_) => Some(format!("`{giver}` may no longer hand authority to `{taker}`")),
        }
    };
    task.via.iter().zip(takers).find_map(broken)
}

/// Makes the task: its template within its charter within its parent's grant.
fn make(
    charter: &Charter,
    template: &Template,
    parent: Option<&mut TaskState>,
    request: &OpenRequest,
    id: TaskId,
    now: Timestamp,
) -> Result<Box<TaskState>, BTreeSet<Reason>> {
    let params = labelled(request);
    let grant = grant(charter, template, (&params, request), parent.as_deref());
    let program = GrantProgram::compile(&grant).map_err(|errors| {
        let source = format!("template:{}", template.name);
        let reason = |it: &_| Reason::new(ReasonCode::GrantError, format!("{it}"), source.clone());
        errors.iter().map(reason).collect::<BTreeSet<_>>()
    })?;
    let above = parent.as_deref().map(|it| &it.task);
    let deadline = now.after(template.window.max);
    let mut calendars: Vec<_> = template.window.calendar.iter().cloned().collect();
    calendars.extend(above.iter().flat_map(|it| it.calendars.iter().cloned()));
    let task = Task {
        id,
        identity: request.identity.clone(),
        via: above.map(lineage).unwrap_or_default(),
        template: template.name.clone(),
        purpose: request.purpose.clone().unwrap_or_else(|| template.purpose.clone()),
        opener: request.opener.clone(),
        params,
        parent: above.map(|it| it.id.clone()),
        above: above.map(|it| it.ancestors().cloned().collect()).unwrap_or_default(),
        opened: now,
        deadline: above.map_or(deadline, |it| deadline.min(it.deadline)),
        idle: template.window.idle,
        calendars,
        grant,
        generation: 1,
        status: TaskStatus::Open,
        // What is handed on is handed on for the same person.
        on_behalf: above.map_or_else(|| request.on_behalf.clone(), |it| it.on_behalf.clone()),
        people: if template.kind.is_break_glass() {
            request.people.clone()
        } else {
            BTreeSet::new()
        },
    };
    if let Some(parent) = parent {
        parent.carved.insert(task.id.clone(), task.grant.budget);
        parent.active = parent.see(now);
    }
    Ok(Box::new(TaskState::resume(task, Arc::new(program), Memory::default())))
}

fn labelled(request: &OpenRequest) -> BTreeMap<String, Param> {
    let label = |(name, value): (&String, &String)| {
        (name.clone(), Param { value: value.clone(), from: request.opener.clone() })
    };
    request.params.iter().map(label).collect()
}

/// Gives the hands a child's authority passed through, nearest first.
fn lineage(parent: &Task) -> Vec<IdentityId> {
    std::iter::once(&parent.identity).chain(&parent.via).cloned().collect()
}

fn grant(
    charter: &Charter,
    template: &Template,
    (params, request): (&BTreeMap<String, Param>, &OpenRequest),
    parent: Option<&TaskState>,
) -> Grant {
    // A token for one server hands on no more than that server.
    let only = request.shown.as_ref().and_then(|it| it.server.as_ref());
    // So does a person's word that is for some servers, whatever tokens of the task are asked for later.
    let said = request.on_behalf.as_ref().and_then(|it| it.only.as_ref());
    let within = |it: &&ServerName| {
        only.is_none_or(|only| *it == only) && said.is_none_or(|said| said.contains(*it))
    };
    let mut layers = vec![Layer {
        day: day_of(template),
        identity: charter.identity.clone(),
        template: template.name.clone(),
        purpose: template.purpose.clone(),
        params: params.clone(),
        servers: charter.servers.iter().filter(within).cloned().collect(),
        // Of one for servers, credentials elsewhere are no part.
        targets: if only.is_none() && said.is_none() {
            charter.targets.clone()
        } else {
            BTreeSet::new()
        },
        lines: template.allow.clone(),
    }];
    let Some(parent) = parent else {
        let (budget, on_widen, mode) = (template.budget, template.on_widen, template.mode.clone());
        return Grant { layers, budget, on_widen, mode };
    };
    let above = &parent.task.grant;
    layers.extend(above.layers.iter().cloned());
    Grant {
        layers,
        budget: narrowed(template.budget, parent.left()),
        on_widen: stricter(template.on_widen, above.on_widen),
        mode: both(&template.mode, &above.mode),
    }
}

fn narrowed(own: Budget, left: Budget) -> Budget {
    own.and(left)
}

const fn stricter(one: OnWiden, other: OnWiden) -> OnWiden {
    match (one, other) {
        (OnWiden::Hold, OnWiden::Hold) => OnWiden::Hold,
        (OnWiden::Deny, _) | (_, OnWiden::Deny) => OnWiden::Deny,
    }
}

/// Observes only while both do.
fn both(own: &Mode, above: &Mode) -> Mode {
    match (own, above) {
        (Mode::Observe { owner, until }, Mode::Observe { until: other, .. }) => {
            Mode::Observe { owner: owner.clone(), until: (*until).min(*other) }
        }
        (Mode::Enforce, _) | (_, Mode::Enforce) => Mode::Enforce,
    }
}
