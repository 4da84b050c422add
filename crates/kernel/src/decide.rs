//! One access request, judged.

mod again;
mod sent;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use bailiwick_insight::{Advice, DETECTORS, DriftFinding, advise, detect};
use bailiwick_model::{
    AccessRequest, ApprovedCall, Hold, HoldStatus, Judgement, Reason, ReasonCode, Spend, Step,
    Timestamp, Verdict, VerdictKind,
};
use bailiwick_policy::{Briefs, Case, Question};

use crate::{
    Decision, Effect, Judged, Names, Outcome, Permit, Snapshot, TaskState,
    decide::{
        sent::{AsSent, as_sent},
        steps::Said,
    },
    lateral, life,
    state::Waiting,
};

pub use again::{Lapsed, still_stands, still_waits};
pub use sent::{CAME, Rewritable};

/// How long after its decision a call may still be sent.
const PERMIT_LIFE: std::time::Duration = std::time::Duration::from_secs(10);
/// How many calls of one task may wait for people.
const WAITING_MAX: usize = 64;
/// How long a hold waits for its answer.
const HOLD_LIFE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// Says what detectors find in a request.
type Detect<'d> = &'d dyn Fn(&AccessRequest) -> Vec<DriftFinding>;

/// Decides `call`, as it will be sent. Pure: all it knows is in its arguments.
pub fn decide(
    snapshot: &Snapshot,
    state: &mut TaskState,
    call: &impl Rewritable,
    names: Names,
    now: Timestamp,
) -> Decision {
    let find = |request: &AccessRequest| detect(DETECTORS, request);
    decide_with(snapshot, state, call, (names, &find), now)
}

/// Decides `call`, of which detectors find what `find` says.
pub(crate) fn decide_with(
    snapshot: &Snapshot,
    state: &mut TaskState,
    call: &impl Rewritable,
    (names, find): (Names, Detect<'_>),
    now: Timestamp,
) -> Decision {
    let now = state.see(now);
    // A window that closed since the last tick closes here: the step then finds the task ended.
    let mut effects = life::tick(state, now);
    let policy = snapshot.policies.version().to_owned();
    let mut briefs = std::mem::take(&mut state.briefs);
    let weigh = |asked: &Asked<'_>| asked.weigh(&find(asked.request), &policy);
    let weighed = as_sent((snapshot, &*state, &mut briefs), call, now, weigh);
    let AsSent { request: sent, said: mut judged, with: approved, obligations } = weighed;
    let request = sent.as_ref().unwrap_or_else(|| call.request());
    let asked = Asked { snapshot, state, request, now, case: None, approval: None };
    let verdict = together(&judged);
    let would = judged.iter().map(|it| it.verdict.kind()).max();
    let would = would.filter(|it| *it != verdict.kind());
    let (verdict, answered) = asked.settle(verdict, approved.as_ref(), &policy);
    judged.extend(answered);
    state.briefs = briefs;
    let steps: Vec<Judgement> = judged.into_iter().map(Said::into_judgement).collect();

    let mut judged = Judged {
        verdict: verdict.kind(),
        would: would.filter(|it| *it != verdict.kind()),
        steps,
        spend: Spend::default(),
        paced: BTreeSet::new(),
        approval: None,
        hold: None,
        policy,
    };
    let outcome = match verdict {
        Verdict::Allow(_) => {
            judged.spend = cost(request);
            judged.approval = approved.as_ref().map(|it| it.hold.clone());
            effects.extend(take(state, judged.spend, approved.as_ref(), now));
            judged.paced = obligations.rate.each().map(|it| it.name.clone()).collect();
            judged.paced.iter().for_each(|it| state.paced.take(it, now));
            let permit = Permit::new(request.call, state.authority, now.after(PERMIT_LIFE));
            Outcome::Forward(permit, obligations)
        }
        Verdict::Hold(why) => {
            let (hold, opened) = ticket(state, request, names, (&why, &judged.policy), now);
            judged.hold = Some(hold.clone());
            effects.extend(opened);
            state.active = now;
            Outcome::Hold(hold, why)
        }
        Verdict::Deny(why) => {
            effects.extend(lateral::denied(state, request, now).into_iter().flatten());
            Outcome::Refuse(why)
        }
    };
    let advice = advice(&outcome);
    Decision { outcome, sent: sent.map(Box::new), judged, advice, effects }
}

/// Tells whoever was not let through what to do about it.
fn advice(outcome: &Outcome) -> Advice {
    match outcome {
        Outcome::Forward(..) => Advice::default(),
        Outcome::Hold(hold, why) => advise(VerdictKind::Hold, why, Some(hold)),
        Outcome::Refuse(why) => advise(VerdictKind::Deny, why, None),
    }
}

/// Everything the steps look at.
#[derive(Clone, Copy)]
struct Asked<'a> {
    snapshot: &'a Snapshot,
    state: &'a TaskState,
    request: &'a AccessRequest,
    now: Timestamp,
    /// None where the identity has no charter, which the binding denies.
    case: Option<&'a Case<'a>>,
    approval: Option<&'a ApprovedCall>,
}

/// Makes the request ready for the grant's conditions and for the policies. These are asked as if a
/// line covered the call, so that hold is told from deny: nobody should be asked to approve what
/// would be denied anyway.
fn case<'a>(
    snapshot: &'a Snapshot,
    (state, briefs): (&'a TaskState, &mut Briefs),
    request: &'a AccessRequest,
    now: Timestamp,
) -> Option<Case<'a>> {
    let charter = snapshot.charters.get(&state.task.identity)?;
    let (task, facts) = (&state.task, &snapshot.facts);
    let (granted, approval) = (true, None);
    let question = Question { request, task, charter, facts, now, granted, approval };
    Some(briefs.case(&snapshot.policies, question))
}

impl Asked<'_> {
    /// Judges with each approval that the call has until one satisfies what is held, and gives
    /// that one. Where none does, the strictest judgement stands.
    fn weigh(&self, findings: &[DriftFinding], policy: &str) -> (Vec<Said>, Option<ApprovedCall>) {
        let mut strictest: Option<(VerdictKind, Vec<Said>)> = None;
        for approval in self.state.approvals_for(self.request, policy, self.now) {
            let judged = Asked { approval: Some(approval), ..*self }.judge(findings);
            let verdict = together(&judged);
            if covers(approval, &verdict) {
                return (judged, Some(approval.clone()));
            }
            if strictest.as_ref().is_none_or(|(kind, _)| *kind < verdict.kind()) {
                strictest = Some((verdict.kind(), judged));
            }
        }
        (strictest.map_or_else(|| self.judge(findings), |(_, judged)| judged), None)
    }
}

/// Gives what the steps say together.
fn together(said: &[Said]) -> Verdict {
    combine(said.iter().filter_map(Said::enforced).cloned())
}

fn combine(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    verdicts.fold(Verdict::allow(), Verdict::and)
}

/// An approval satisfies the hold reasons that its record names: a new reason is a new hold.
fn covers(approval: &ApprovedCall, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Hold(why) => why.is_subset(&approval.reasons),
        Verdict::Allow(_) | Verdict::Deny(_) => false,
    }
}

impl Asked<'_> {
    /// Brings people's answers in: a yes that covers turns hold into allow, a no turns it into
    /// deny.
    fn settle(
        &self,
        verdict: Verdict,
        approved: Option<&ApprovedCall>,
        policy: &str,
    ) -> (Verdict, Option<Said>) {
        let (state, request) = (self.state, self.request);
        let Verdict::Hold(why) = &verdict else { return (verdict, None) };
        if let Some(approval) = approved {
            let text = format!("`{}` said yes to this call", approval.by);
            let reason = Reason::new(ReasonCode::Approved, text, approval.hold.as_str());
            return (Verdict::allow(), Some(fine(Step::Answer).because(reason)));
        }
        if let Some(refusal) = state.refusals.iter().find(|it| it.call == request.call) {
            let text = format!("`{}` said no to this call", refusal.by);
            let reason = Reason::new(ReasonCode::Refused, text, refusal.hold.as_str());
            let refused = Verdict::deny(reason);
            return (verdict.and(refused.clone()), Some(Said::new(Step::Answer, refused)));
        }
        let room = state.waiting.len() < WAITING_MAX;
        if room || same_ticket(state, request, why, policy, self.now).is_some() {
            return (verdict, None);
        }
        let text = format!("{WAITING_MAX} calls of this task wait for people already");
        let full = Verdict::deny(Reason::new(ReasonCode::OverBudget, text, "holds"));
        (verdict.and(full.clone()), Some(Said::new(Step::Answer, full)))
    }
}

/// Finds the ticket that waits for this very call, under these policies.
fn same_ticket<'s>(
    state: &'s TaskState,
    request: &AccessRequest,
    why: &BTreeSet<Reason>,
    policy: &str,
    now: Timestamp,
) -> Option<&'s Waiting> {
    state.waiting.iter().map(AsRef::as_ref).find(|it: &&Waiting| {
        it.call == request.call && it.reasons == *why && it.policy == policy && now < it.expires
    })
}

/// Gives what the call takes from the budget.
const fn cost(request: &AccessRequest) -> Spend {
    Spend { calls: 1, bytes_out: request.bytes_out }
}

/// Takes the call's cost, and its approval, before it is sent.
fn take(
    state: &mut TaskState,
    cost: Spend,
    approved: Option<&ApprovedCall>,
    now: Timestamp,
) -> Option<Effect> {
    state.spent = state.spent.plus(cost);
    state.take_days(cost, now);
    state.in_flight = state.in_flight.saturating_add(1);
    state.active = now;
    let used = approved?.hold.clone();
    state.approvals.retain(|it| it.hold != used);
    Some(Effect::HoldUsed(used))
}

/// Finds the ticket that already waits for this call, or opens one.
fn ticket(
    state: &mut TaskState,
    request: &AccessRequest,
    names: Names,
    (why, policy): (&BTreeSet<Reason>, &str),
    now: Timestamp,
) -> (bailiwick_model::HoldId, Option<Effect>) {
    if let Some(same) = same_ticket(state, request, why, policy, now) {
        return (same.hold.clone(), None);
    }
    let hold = Hold {
        id: names.hold,
        decision: names.decision,
        task: state.task.id.clone(),
        caller: request.caller.identity.clone(),
        via: request.caller.via.clone(),
        action: request.action.clone(),
        resources: request.resources.clone(),
        destinations: request.destinations.clone(),
        call: request.call,
        arguments: String::new(),
        reasons: why.clone(),
        policy: policy.to_owned(),
        opened: now,
        expires: now.after(HOLD_LIFE).min(state.task.deadline),
        status: HoldStatus::Waiting,
    };
    state.remember(&hold);
    (hold.id.clone(), Some(Effect::HoldOpened(Box::new(hold))))
}

/// Names the drift step's reasons by their detector.
fn detector_source(detector: &str) -> String {
    format!("detector:{detector}")
}

/// Gives a step that found nothing to say against the call.
fn fine(step: Step) -> Said {
    Said::new(step, Verdict::allow())
}
