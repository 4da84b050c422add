//! Judges what a case asks, by the code that judges every call and every evaluation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_gateway::{Call, Rehearsed, ToolSpec};
use bailiwick_kernel::{
    Answer, Decision, Effect, Evaluated, Names, Opening, Outcome, Rewritable as _, Snapshot,
    Stopped, TaskState, advise_judged,
};
use bailiwick_model::{
    AccessRequest, Action, ActionKind, AskedPart, Caller, DayAccount, DecisionId, Digest,
    Environment, Evaluation, Fact, HoldId, Json, Judgement, Offered, OpenRequest, Opener, PartSaid,
    PersonName, Pin, PinStatus, Reason, ReasonCode, Step, TaskId, Timestamp, Ulid, VerdictKind,
};
use bailiwick_policy::{PolicySet, Question};

use super::case::{Asked, Called, Case, Opened};
use crate::{
    config::House,
    serve::{snapshot, tool},
};

/// How long what a case needs goes on: its facts, and a person's yes.
const LONG_ENOUGH: std::time::Duration = std::time::Duration::from_secs(3600);

/// What a rehearsal came to.
#[derive(Clone, Debug)]
pub(super) struct Came {
    /// The verdict that is carried out.
    pub(super) verdict: VerdictKind,
    /// What enforcing everything would have said, where that differs.
    pub(super) would: Option<VerdictKind>,
    /// Every step.
    pub(super) steps: Vec<Judgement>,
    /// Whether a person was asked, where the case has one.
    pub(super) asked: bool,
    /// What the call does, as it was read; nothing where its task did not open.
    pub(super) effects: Vec<&'static str>,
    /// What it does that to.
    pub(super) resources: Vec<String>,
    /// Of the policies that the case expects: what of them does not hold.
    pub(super) missed: BTreeMap<String, Vec<AskedPart>>,
    /// What its caller is told would be allowed, where the case expects to be told.
    pub(super) would_allow: BTreeSet<String>,
    /// Whether an enforcement point elsewhere asked.
    pub(super) of_evaluation: bool,
}

/// A house in which calls are judged, and none is sent.
#[derive(Debug)]
pub(super) struct Rehearsal<'a> {
    house: &'a House,
    files: Snapshot,
}

impl<'a> Rehearsal<'a> {
    /// Takes what the files say. Nothing that people decided counts here.
    pub(super) fn of(house: &'a House) -> Self {
        Self { house, files: snapshot(house) }
    }

    /// Takes what the files say, with other policies.
    pub(super) fn by(house: &'a House, policies: Arc<PolicySet>) -> Self {
        Self { house, files: Snapshot { policies, ..snapshot(house) } }
    }

    /// Judges what `case` asks.
    pub(super) fn judge(&self, case: &Case) -> Came {
        match &case.asked {
            Asked::Call(called) => self.judge_call(case, called),
            Asked::Evaluation(evaluation) => self.judge_evaluation(case, evaluation),
        }
    }

    /// Judges what an enforcement point elsewhere asks; again, once a person said yes.
    fn judge_evaluation(&self, case: &Case, evaluation: &Evaluation) -> Came {
        let snapshot = Snapshot { facts: facts(case), ..self.files.clone() };
        let first = bailiwick_kernel::evaluate(&snapshot, evaluation, case.at);
        match case.approved_by.as_ref().filter(|_| first.verdict == VerdictKind::Hold) {
            None => Came::of_evaluation(first, false),
            Some(by) => {
                let again = bailiwick_kernel::evaluate_approved(&snapshot, evaluation, by, case.at);
                Came::of_evaluation(again, true)
            }
        }
    }

    /// Opens the task and judges its call.
    fn judge_call(&self, case: &Case, called: &Called) -> Came {
        let snapshot = self.snapshot(case, called);
        let Opening { steps, outcome, .. } = open(&snapshot, called, case.at);
        let Ok(mut state) = outcome else { return Came::unopened(steps) };
        let liked = bailiwick_kernel::liked_inputs(&snapshot, &state);
        let tool = self.tool(&called.call);
        let around = (tool.as_ref(), &liked);
        let call = self.call(&state, &called.call, around);
        let names = |round: u8| {
            let decision = DecisionId::new(ulid(case.at, round));
            Names { hold: HoldId::of(&decision), decision }
        };
        let decide = |state: &mut TaskState, round: u8| {
            bailiwick_kernel::decide(&snapshot, state, &call, names(round), case.at)
        };
        let before = state.clone();
        // What is told of a call is told of it as it was judged: as it would be sent.
        let came = |decision: Decision, asked: bool| {
            let request = decision.sent.clone();
            let request = request.as_deref().unwrap_or_else(|| call.request());
            let missed = missed(&snapshot, &before, request, case);
            let why = match &decision.outcome {
                Outcome::Forward(..) => None,
                Outcome::Hold(_, why) | Outcome::Refuse(why) => Some(why),
            };
            let mut told = BTreeSet::new();
            if let Some(why) = why.filter(|_| !case.expected.would_allow.is_empty()) {
                let read = |arguments: &Json| {
                    let other = called.call.asking(arguments)?;
                    Some(self.call(&before, &other, around).request().clone())
                };
                let (judged, names) = (&decision.judged, &names(u8::from(asked)));
                let stopped = Stopped { request, judged, names, now: case.at };
                told = hints(&snapshot, &before, (stopped, why), &read);
            }
            Came { would_allow: told, ..Came::of(decision, (request, missed), asked) }
        };
        let first = decide(&mut state, 0);
        let Some((by, hold)) = case.approved_by.as_ref().zip(held(&first)) else {
            return came(first, false);
        };
        let yes = Answer::Once(case.at.after(LONG_ENOUGH));
        if bailiwick_kernel::answer(&mut state, hold, by, &yes, case.at).is_none() {
            return came(first, true);
        }
        came(decide(&mut state, 1), true)
    }

    /// Gives what the files say, with the case's facts, and its tool offered and accepted.
    fn snapshot(&self, case: &Case, called: &Called) -> Snapshot {
        let action = called.call.action();
        let pin = Pin {
            digest: definition(action),
            executable: None,
            status: PinStatus::Accepted,
            at: case.at,
            by: "rehearsal".to_owned(),
        };
        let pins = BTreeMap::from([(action.name.clone(), pin)]);
        Snapshot {
            facts: facts(case),
            pins: BTreeMap::from([(action.server.clone(), pins)]),
            ..self.files.clone()
        }
    }

    /// Gives the operator's word on the tool that is called.
    fn tool(&self, call: &Call) -> Option<ToolSpec> {
        let action = call.action();
        let server = self.house.config.servers.iter().find(|it| it.name == action.server);
        let words = server.into_iter().flat_map(|it| &it.tools);
        let word = words.filter(|_| action.kind == ActionKind::Tool);
        let word = word.filter(|(name, _)| name.as_str() == action.name).map(|(_, it)| tool(it));
        word.last()
    }

    /// Reads the call as the lane does.
    fn call<'l>(
        &self,
        state: &TaskState,
        call: &'l Call,
        (word, liked): (Option<&'l ToolSpec>, &'l BTreeSet<String>),
    ) -> Rehearsed<'l> {
        let action = call.action();
        let task = state.task();
        let caller = Caller {
            identity: task.identity.clone(),
            via: task.via.clone(),
            task: task.id.clone(),
            generation: task.generation,
            credentials: BTreeSet::new(),
            exposed: false,
        };
        let server = self.house.config.servers.iter().find(|it| it.name == action.server);
        // Of what is not configured the worst is assumed.
        let environment = server.map_or(Environment::Production, |it| it.environment);
        let offered = match action.kind {
            ActionKind::Tool => Offered::Tool { definition: definition(action), executable: None },
            ActionKind::Resource | ActionKind::Prompt | ActionKind::Lease => Offered::NotPinned,
        };
        bailiwick_gateway::rehearsed(call, caller, (word, environment), liked, offered)
    }
}

impl Came {
    fn of(
        decision: Decision,
        (request, missed): (&AccessRequest, BTreeMap<String, Vec<AskedPart>>),
        asked: bool,
    ) -> Self {
        let judged = decision.judged;
        Self {
            verdict: judged.verdict,
            would: judged.would,
            steps: judged.steps,
            asked,
            effects: request.facts.effects.iter().map(|it| it.as_str()).collect(),
            resources: request.resources.iter().cloned().collect(),
            missed,
            would_allow: BTreeSet::new(),
            of_evaluation: false,
        }
    }

    /// Policy alone judges what others ask.
    fn of_evaluation(evaluated: Evaluated, asked: bool) -> Self {
        let Evaluated { verdict, would, reasons, errors, .. } = evaluated;
        let step = Judgement {
            step: Step::Policy,
            verdict,
            reasons: reasons.into_iter().chain(errors).collect(),
            attributes: BTreeMap::new(),
            observed: false,
        };
        Self { verdict, would, asked, of_evaluation: true, ..Self::unopened(vec![step]) }
    }

    /// Says whether a reason is one for the verdict. What is held was permitted, too, and that is
    /// not why it is held; what could not be evaluated counts where it denies.
    fn decides(&self, reason: &Reason) -> bool {
        let denied = self.verdict == VerdictKind::Deny;
        let broken = [ReasonCode::PolicyError, ReasonCode::GrantError].contains(&reason.code);
        let permits = reason.code == ReasonCode::PolicyPermits;
        (denied || !broken) && (self.verdict == VerdictKind::Allow || !permits)
    }

    /// Where no task opens, nothing may be called.
    fn unopened(steps: Vec<Judgement>) -> Self {
        let (verdict, would, asked) = (VerdictKind::Deny, None, false);
        let (effects, resources, missed) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (would_allow, of_evaluation) = (BTreeSet::new(), false);
        Self {
            verdict,
            would,
            steps,
            asked,
            effects,
            resources,
            missed,
            would_allow,
            of_evaluation,
        }
    }

    /// Gives the reasons that decided: those of the steps that were as strict as the verdict, or
    /// stricter where a person's yes lifted them.
    pub(super) fn deciding(&self) -> impl Iterator<Item = (Step, &Reason)> {
        let counts = |it: &&Judgement| !it.observed && self.verdict <= it.verdict;
        let steps = self.steps.iter().filter(counts);
        let reasons = steps.flat_map(|it| it.reasons.iter().map(|reason| (it.step, reason)));
        reasons.filter(|(_, it)| self.decides(it))
    }
}

/// Says what keeps the policies that a case expects from applying to its call.
fn missed(
    snapshot: &Snapshot,
    state: &TaskState,
    request: &AccessRequest,
    case: &Case,
) -> BTreeMap<String, Vec<AskedPart>> {
    let task = state.task();
    let Some(charter) = snapshot.charters.get(&task.identity) else { return BTreeMap::new() };
    let (facts, now, granted, approval) = (&snapshot.facts, case.at, true, None);
    let question = Question { request, task, charter, facts, now, granted, approval };
    let asked = bailiwick_policy::Case::of(question);
    let missed = |id: &String| (id.clone(), missing(snapshot.policies.explain_one(id, &asked)));
    case.expected.because.iter().map(missed).filter(|(_, it)| !it.is_empty()).collect()
}

/// Gives the parts that do not hold, each once; none where the policy applies to some resource.
fn missing(asked: Vec<bailiwick_model::Asked>) -> Vec<AskedPart> {
    if asked.iter().any(|it| it.applies == Some(true)) {
        return Vec::new();
    }
    let mut missing: Vec<AskedPart> = Vec::new();
    for part in asked.into_iter().flat_map(|it| it.parts) {
        let fails = matches!(part.said, PartSaid::Fails | PartSaid::Breaks);
        if fails && missing.iter().all(|it| it.text != part.text || it.unless != part.unless) {
            missing.push(part);
        }
    }
    missing
}

/// Gives what the caller is told would be allowed instead, in the words that it is told.
fn hints(
    snapshot: &Snapshot,
    state: &TaskState,
    (stopped, why): (Stopped<'_>, &BTreeSet<Reason>),
    read: &dyn Fn(&Json) -> Option<AccessRequest>,
) -> BTreeSet<String> {
    let verdict = stopped.judged.verdict;
    let explained = bailiwick_kernel::explain(snapshot, state, stopped, read);
    let advice = advise_judged(verdict, why, None, &explained.judged);
    advice.would_allow.into_iter().collect()
}

/// Gives what holds in the world of a case.
fn facts(case: &Case) -> Vec<Fact> {
    let until = case.at.after(LONG_ENOUGH);
    case.facts.iter().map(|name| Fact { name: name.clone(), until }).collect()
}

/// Opens the tasks that a call is under, each by the one before it, and then its own.
fn open(snapshot: &Snapshot, called: &Called, at: Timestamp) -> Opening {
    let mut above: Option<TaskState> = None;
    for (round, opened) in (0_u8..).zip(&called.under) {
        let opening = one(snapshot, (above.as_mut(), round), opened, None, at);
        match opening.outcome {
            Ok(state) => above = Some(*state),
            Err(_) => return opening,
        }
    }
    let person = called.opened_by.as_ref();
    one(snapshot, (above.as_mut(), u8::MAX), &called.task, person, at)
}

fn one(
    snapshot: &Snapshot,
    (above, round): (Option<&mut TaskState>, u8),
    opened: &Opened,
    person: Option<&PersonName>,
    at: Timestamp,
) -> Opening {
    let giver = above.as_ref().map(|it| it.task());
    let opener = match (person, giver) {
        (Some(person), _) => Opener::Person(person.clone()),
        (None, Some(giver)) => Opener::Orchestrator(giver.identity.clone()),
        (None, None) => Opener::Itself,
    };
    let request = OpenRequest {
        identity: opened.identity.clone(),
        template: opened.template.clone(),
        opener,
        params: opened.params.clone(),
        purpose: None,
        parent: giver.map(|it| it.id.clone()),
        credential: None,
        // What a break-glass task may do is rehearsed; that two people agreed is taken for granted.
        people: ["one", "another"].iter().filter_map(|it| it.parse().ok()).collect(),
        on_behalf: None,
        shown: None,
    };
    let first_of_its_day = (TaskId::new(ulid(at, round)), 0, DayAccount::default());
    bailiwick_kernel::open(snapshot, above, &request, first_of_its_day, at)
}

/// Finds the hold that the decision opened.
fn held(decision: &Decision) -> Option<&bailiwick_model::Hold> {
    let Outcome::Hold(..) = decision.outcome else { return None };
    decision.effects.iter().find_map(|it| match it {
        Effect::HoldOpened(hold) => Some(hold.as_ref()),
        Effect::TaskStatus(_)
        | Effect::HoldUsed(_)
        | Effect::HoldsExpired(_)
        | Effect::Noticed(_)
        | Effect::MustEnd => None,
    })
}

/// Stands for the definition that was accepted and is offered.
fn definition(action: &Action) -> Digest {
    Digest::of(action.policy_name().as_bytes())
}

/// A rehearsal draws nothing by chance: the same case has the same ids.
fn ulid(at: Timestamp, round: u8) -> Ulid {
    Ulid::new(at, [round; 10])
}
