//! Why a call was not let through, and what would have been: changed questions, each judged by the
//! very code that judges calls.

use std::{
    borrow::Cow,
    collections::{BTreeSet, VecDeque},
};

use bailiwick_model::{
    AccessRequest, ApprovedCall, Arguments, Explanation, Fact, Json, JsonLimits, JudgedChange,
    Otherwise, PersonName, ReasonCode, Step, Timestamp, Verdict, VerdictKind,
};
use bailiwick_policy::{Case, GrantProgram, Question, Told};

use crate::{Judged, Names, Outcome, Rewritable, Snapshot, TaskState, decide};

/// How many policies and lines are told of.
const TOLD: usize = 8;
/// How many changed questions are judged.
const JUDGED: usize = 12;
/// How many changes, one after the other, are looked at.
const DEEP: usize = 3;
/// How many are told of.
const KEPT: usize = 4;
/// How many of the judged change the task's parameters, and how many the facts: each of these takes
/// a compilation of its grant, or a copy of everything that decisions look at.
const DEAR: usize = 2;
/// The longest call, and the most resources, for which changed calls are judged.
const LARGE: (u64, usize) = (32 << 10, 64);

/// A call that was not let through.
#[derive(Clone, Copy, Debug)]
pub struct Stopped<'a> {
    /// What was asked.
    pub request: &'a AccessRequest,
    /// What was decided.
    pub judged: &'a Judged,
    /// The names that it was decided under.
    pub names: &'a Names,
    /// When.
    pub now: Timestamp,
}

/// Explains a call that was held or denied. `read` reads the same call with other arguments, as
/// the lane would. The questions are put to copies, so nothing happens.
pub fn explain(
    snapshot: &Snapshot,
    state: &TaskState,
    stopped: Stopped<'_>,
    read: Read<'_>,
) -> Explanation {
    let world = World {
        snapshot: Cow::Borrowed(snapshot),
        state: Cow::Borrowed(state),
        request: Cow::Borrowed(stopped.request),
    };
    let Told { asked, more } = world.told(stopped);
    let asked = asked.into_iter().map(|(_, it)| it).collect();
    Explanation { asked, more, judged: Search { stopped, read }.judged(world) }
}

/// Reads the same call with other arguments; none where it cannot have them.
type Read<'r> = &'r dyn Fn(&Json) -> Option<AccessRequest>;

/// A changed call, which obligations may change once more.
struct Asking<'a> {
    request: &'a AccessRequest,
    read: Read<'a>,
}

impl Rewritable for Asking<'_> {
    fn request(&self) -> &AccessRequest {
        self.request
    }

    fn rewritten(&self, limits: &Arguments) -> Result<AccessRequest, String> {
        let mut arguments = self.request.arguments.clone();
        for change in limits.changes(&arguments.clone())? {
            let path: Vec<String> = change.path.names().map(str::to_owned).collect();
            let value = Json::parse(change.value.as_bytes(), JsonLimits::default());
            let value = value.map_err(|it| it.to_string())?;
            put(&mut arguments, &path, Some(value)).ok_or("it is not there")?;
        }
        (self.read)(&arguments).ok_or_else(|| "it cannot be written anew".to_owned())
    }
}

/// A question with all that it is judged by; what was changed in it is its own.
#[derive(Clone, Debug)]
struct World<'a> {
    snapshot: Cow<'a, Snapshot>,
    state: Cow<'a, TaskState>,
    request: Cow<'a, AccessRequest>,
}

impl World<'_> {
    /// Shows the question to policies, as the decision does: with the yes that satisfies them.
    fn case(&self, now: Timestamp) -> Option<Case<'_>> {
        let task = &self.state.task;
        let charter = self.snapshot.charters.get(&task.identity)?;
        let (request, facts) = (&*self.request, self.snapshot.facts.as_slice());
        let (granted, approval) = (true, None);
        let case = Case::of(Question { request, task, charter, facts, now, granted, approval });
        let policies = &self.snapshot.policies;
        let satisfies = |it: &&ApprovedCall| match policies.evaluate(&case).verdict {
            Verdict::Hold(why) => why.is_subset(&it.reasons),
            Verdict::Allow(_) | Verdict::Deny(_) => false,
        };
        let approval = self.state.approvals_for(request, policies.version(), now).find(satisfies);
        Some(approval.map_or_else(|| case.clone(), |it| case.approved_by(it)))
    }

    /// Tells what was asked of the steps that stopped it.
    fn told(&self, stopped: Stopped<'_>) -> Told {
        let Some(case) = self.case(stopped.now) else { return Told::default() };
        let mut told = Told::default();
        if stops(stopped.judged, Step::Grant) {
            told = told.and(self.state.program.explain(&case, TOLD), TOLD);
        }
        if stops(stopped.judged, Step::Policy) {
            told = told.and(self.snapshot.policies.explain(&case, TOLD), TOLD);
        }
        told
    }

    /// Says whether it is so large that judging it again and again would hold others up.
    fn is_large(&self) -> bool {
        let (bytes, resources) = LARGE;
        bytes < self.request.bytes_out || resources < self.request.resources.len()
    }

    /// Decides it.
    fn judged(&self, stopped: Stopped<'_>, read: Read<'_>) -> crate::Decision {
        let mut state = self.state.clone().into_owned();
        let call = Asking { request: &self.request, read };
        decide(&self.snapshot, &mut state, &call, stopped.names.clone(), stopped.now)
    }

    /// Gives changes that the lines, or the policies, would say something else of.
    fn ways(&self, judged: &Judged, now: Timestamp) -> Vec<Vec<Otherwise>> {
        let Some(case) = self.case(now) else { return Vec::new() };
        let mut ways = Vec::new();
        if stops(judged, Step::Grant) {
            ways.extend(self.state.program.ways(&case));
        }
        if stops(judged, Step::Policy) {
            ways.extend(self.snapshot.policies.ways(&case));
        }
        ways
    }
}

/// Says whether a step that is carried out was stricter than allow.
fn stops(judged: &Judged, step: Step) -> bool {
    judged
        .steps
        .iter()
        .any(|it| it.step == step && !it.observed && it.verdict != VerdictKind::Allow)
}

/// Looks for changes that bring a call through.
struct Search<'a> {
    stopped: Stopped<'a>,
    read: Read<'a>,
}

impl Search<'_> {
    /// Gives changes with what was then decided, the fewest first.
    fn judged(&self, world: World<'_>) -> Vec<JudgedChange> {
        let Stopped { judged, now, .. } = self.stopped;
        let mut found = Vec::new();
        found.extend(self.approved(&world));
        found.extend(self.with_a_line(&world));
        // What another step stops, no argument brings through.
        let only =
            |it: &&bailiwick_model::Judgement| !it.observed && it.verdict != VerdictKind::Allow;
        let lifts = judged
            .steps
            .iter()
            .filter(only)
            .all(|it| matches!(it.step, Step::Grant | Step::Policy | Step::Drift));
        if lifts && !world.is_large() {
            let first = world.ways(judged, now);
            self.walk(&world, first, &mut found);
        }
        found.sort_by_key(|it| (it.verdict, hardest(&it.changes), it.changes.len()));
        found.truncate(KEPT);
        found
    }

    /// Tries changes, and where one alone does not do, more beside it.
    fn walk(&self, world: &World<'_>, first: Vec<Vec<Otherwise>>, found: &mut Vec<JudgedChange>) {
        let before = self.stopped.judged.verdict;
        let mut open: VecDeque<(usize, Vec<Otherwise>)> =
            first.into_iter().map(|it| (1, it)).collect();
        let (mut left, mut params, mut facts) = (JUDGED, DEAR, DEAR);
        let mut seen: BTreeSet<Vec<Otherwise>> = BTreeSet::new();
        while let Some((depth, mut changes)) = open.pop_front() {
            changes.sort();
            // The same in another order is the same, and what does with less needs no more.
            let less = |it: &JudgedChange| it.changes.iter().all(|it| changes.contains(it));
            if found.iter().any(less) || !seen.insert(changes.clone()) {
                continue;
            }
            let param = |it: &Otherwise| matches!(it, Otherwise::Param { .. });
            let fact = |it: &Otherwise| matches!(it, Otherwise::Fact { .. });
            if !afford(&mut params, changes.iter().any(param))
                || !afford(&mut facts, changes.iter().any(fact))
            {
                continue;
            }
            let Some(more) = left.checked_sub(1) else { return };
            left = more;
            let Some(changed) = self.changed(world, &changes) else { continue };
            let decision = changed.judged(self.stopped, self.read);
            let verdict = decision.judged.verdict;
            if verdict < before {
                found.push(JudgedChange { verdict, changes });
            } else if depth < DEEP {
                let further = changed.ways(&decision.judged, self.stopped.now);
                let next = depth.saturating_add(1);
                open.extend(further.into_iter().filter_map(|it| Some((next, with(&changes, it)?))));
            }
        }
    }

    /// Says what a person's yes would come to.
    fn approved(&self, world: &World<'_>) -> Option<JudgedChange> {
        let Stopped { judged, names, now, request } = self.stopped;
        if judged.verdict != VerdictKind::Hold {
            return None;
        }
        // Whoever it is: a policy that asks for one person is not promised.
        let by: PersonName = "somebody".parse().ok()?;
        let held =
            |it: &&bailiwick_model::Judgement| !it.observed && it.verdict == VerdictKind::Hold;
        let reasons =
            judged.steps.iter().filter(held).flat_map(|it| it.reasons.iter().cloned()).collect();
        let approval = ApprovedCall {
            hold: names.hold.clone(),
            call: request.call,
            caller: request.caller.identity.clone(),
            via: request.caller.via.clone(),
            reasons,
            policy: judged.policy.clone(),
            by,
            expires: Timestamp::MAX,
        };
        let mut yes = world.clone();
        yes.state.to_mut().approvals.push(approval);
        let verdict = yes.judged(self.stopped, self.read).judged.verdict;
        let allows = verdict == VerdictKind::Allow && now < world.state.task.deadline;
        allows.then(|| JudgedChange { verdict, changes: vec![Otherwise::Approval] })
    }

    /// Says what a line more would come to. Policies are judged as if one covered the call, and no
    /// step looks at another: where the grant alone stops it, a line is all that is missing.
    fn with_a_line(&self, world: &World<'_>) -> Option<JudgedChange> {
        let judged = self.stopped.judged;
        if judged.verdict != VerdictKind::Deny {
            return None;
        }
        let mut others = VerdictKind::Allow;
        let mut missing = false;
        for step in judged.steps.iter().filter(|it| !it.observed) {
            if step.step != Step::Grant || step.verdict == VerdictKind::Allow {
                others = others.max(step.verdict);
                continue;
            }
            missing = step.reasons.iter().any(|it| it.code == ReasonCode::OutsideGrant);
            if !step
                .reasons
                .iter()
                .all(|it| matches!(it.code, ReasonCode::OutsideGrant | ReasonCode::GrantError))
            {
                return None;
            }
        }
        let case = world.case(self.stopped.now)?;
        let own = world.state.program.covers_above(&case).is_covered();
        let template = world.state.task.template.to_string();
        (missing && own && others != VerdictKind::Deny)
            .then(|| JudgedChange { verdict: others, changes: vec![Otherwise::Line { template }] })
    }

    /// Makes the changes; none where they cannot be made.
    fn changed<'w>(&self, world: &World<'w>, changes: &[Otherwise]) -> Option<World<'w>> {
        let mut changed = world.clone();
        let mut arguments: Option<Json> = None;
        for change in changes {
            match change {
                Otherwise::Argument { path, value, .. } => {
                    let value = Json::parse(value.as_bytes(), JsonLimits::default()).ok()?;
                    let all = arguments.get_or_insert_with(|| world.request.arguments.clone());
                    put(all, path, Some(value))?;
                }
                Otherwise::LeftOut { path } => {
                    let all = arguments.get_or_insert_with(|| world.request.arguments.clone());
                    put(all, path, None)?;
                }
                Otherwise::Param { name, value, .. } => {
                    opened_with(&mut changed, name, value)?;
                }
                Otherwise::Fact { name, holds } => {
                    let facts = &mut changed.snapshot.to_mut().facts;
                    facts.retain(|it| it.name != *name);
                    if *holds {
                        facts.push(Fact { name: name.clone(), until: Timestamp::MAX });
                    }
                }
                Otherwise::Approval | Otherwise::Line { .. } => return None,
            }
        }
        if let Some(arguments) = arguments {
            let request = (self.read)(&arguments)?;
            changed.request = Cow::Owned(request);
        }
        Some(changed)
    }
}

/// Takes one of what is left, where it is needed; false where there is none.
fn afford(left: &mut usize, needed: bool) -> bool {
    match left.checked_sub(usize::from(needed)) {
        Some(less) => {
            *left = less;
            true
        }
        None => false,
    }
}

/// Says who has to act: what the asker can do alone comes before what others must.
fn hardest(changes: &[Otherwise]) -> u8 {
    let rank = |it: &Otherwise| match it {
        Otherwise::Argument { .. } | Otherwise::LeftOut { .. } => 0,
        Otherwise::Param { .. } => 1,
        Otherwise::Approval => 2,
        Otherwise::Fact { .. } | Otherwise::Line { .. } => 3,
    };
    changes.iter().map(rank).max().unwrap_or(0)
}

/// Adds changes to others; none where they are about the same.
fn with(changes: &[Otherwise], more: Vec<Otherwise>) -> Option<Vec<Otherwise>> {
    let mut all = changes.to_vec();
    for change in more {
        let clash = all.iter().any(|it| match (it, &change) {
            (
                Otherwise::Argument { path, .. } | Otherwise::LeftOut { path },
                Otherwise::Argument { path: other, .. } | Otherwise::LeftOut { path: other },
            ) => path == other,
            (Otherwise::Param { name, .. }, Otherwise::Param { name: other, .. })
            | (Otherwise::Fact { name, .. }, Otherwise::Fact { name: other, .. }) => name == other,
            _ => false,
        });
        if clash {
            return None;
        }
        all.push(change);
    }
    Some(all)
}

/// Puts a value where `path` leads, or takes it away.
fn put(all: &mut Json, path: &[String], value: Option<Json>) -> Option<()> {
    let (last, above) = path.split_last()?;
    let mut inner = all;
    for name in above {
        let Json::Object(members) = inner else { return None };
        inner = members.get_mut(name)?;
    }
    let Json::Object(members) = inner else { return None };
    match value {
        Some(value) => members.insert(last.clone(), value),
        None => members.remove(last),
    };
    Some(())
}

/// Makes the task one that was opened with another parameter, where its template takes that.
fn opened_with(world: &mut World<'_>, name: &str, value: &str) -> Option<()> {
    let template = world.snapshot.templates.get(&world.state.task.template)?;
    if !template.params.get(name)?.admits(value) {
        return None;
    }
    let state = world.state.to_mut();
    let own = state.task.grant.layers.first_mut()?;
    for params in [&mut state.task.params, &mut own.params] {
        value.clone_into(&mut params.get_mut(name)?.value);
    }
    state.program = GrantProgram::compile(&state.task.grant).ok()?.into();
    Some(())
}

/// Says whether what was decided is worth explaining: it was not let through.
pub const fn is_stopped(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Forward(..) => false,
        Outcome::Hold(..) | Outcome::Refuse(_) => true,
    }
}
