//! What an enforcement point elsewhere is answered: policy alone, as no task of ours stands behind
//! the question.

use std::collections::BTreeSet;

use bailiwick_model::{
    Evaluation, Json, ObligationKind, Obligations, PersonName, Reason, ReasonCode, Timestamp,
    Verdict, VerdictKind,
};
use bailiwick_policy::PolicyAnswer;

use crate::{Snapshot, ours::stopped};

/// One evaluation, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// The verdict. To whoever asks, a hold is a no.
    pub verdict: VerdictKind,
    /// What enforcing everything would have said, where that differs.
    pub would: Option<VerdictKind>,
    /// Why: what permitted, or what stood in the way.
    pub reasons: BTreeSet<Reason>,
    /// What must happen along with it, where it is allowed.
    pub obligations: Obligations,
    /// Policies beside these that could not be evaluated: permits that said nothing.
    pub errors: Vec<Reason>,
    /// The policies it was made under.
    pub policy: String,
}

impl Evaluated {
    /// Says whether some policy could not be evaluated.
    pub fn is_unclear(&self) -> bool {
        let broken = [ReasonCode::PolicyError, ReasonCode::Fault];
        self.reasons.iter().chain(&self.errors).any(|it| broken.contains(&it.code))
    }
}

/// Judges `evaluation`. Pure: all it knows is in its arguments.
pub fn evaluate(snapshot: &Snapshot, evaluation: &Evaluation, now: Timestamp) -> Evaluated {
    judged(snapshot, evaluation, None, now)
}

/// Judges it, with the yes of a person where one is given.
pub(crate) fn judged(
    snapshot: &Snapshot,
    evaluation: &Evaluation,
    by: Option<&PersonName>,
    now: Timestamp,
) -> Evaluated {
    let answer = snapshot.access.judge_approved(evaluation, by, (&snapshot.facts, now));
    let stopped = stopped(snapshot, evaluation);
    let would = answer.would.clone().filter(|_| stopped.is_empty());
    let supported = supported(evaluation);
    let would = would.map(|it| met(&it, &supported).and(it));
    let met = met(&answer.verdict, &supported);
    let stopped = if stopped.is_empty() { met } else { Verdict::Deny(stopped) };
    let answer = PolicyAnswer { verdict: answer.verdict.and(stopped), ..answer };
    let verdict = answer.verdict.kind();
    let obligations = match &answer.verdict {
        Verdict::Allow(asks) => asks.clone(),
        Verdict::Hold(_) | Verdict::Deny(_) => Obligations::NONE,
    };
    let reasons: BTreeSet<Reason> = match answer.verdict {
        Verdict::Allow(_) => answer.allowed_by.into_iter().collect(),
        Verdict::Hold(why) | Verdict::Deny(why) => why,
    };
    let errors = answer.errors.into_iter().filter(|it| !reasons.contains(it)).collect();
    Evaluated {
        verdict,
        would: would.map(|it| it.kind()).filter(|it| *it != verdict),
        reasons,
        obligations,
        errors,
        policy: snapshot.access.version().to_owned(),
    }
}

/// Gives what the asker says that it can meet, of what can be met there at all.
fn supported(evaluation: &Evaluation) -> Vec<ObligationKind> {
    let Some(Json::List(items)) = evaluation.context.get("supported_obligations") else {
        return Vec::new();
    };
    let said: Vec<&str> = items.iter().filter_map(Json::as_text).collect();
    let all = ObligationKind::MET_ELSEWHERE.iter().copied();
    all.filter(|it| said.contains(&it.as_str())).collect()
}

/// Denies what must happen and is not in `supported`: whoever does not say that it can meet it is not
/// believed to, and is not let through.
fn met(verdict: &Verdict, supported: &[ObligationKind]) -> Verdict {
    let Verdict::Allow(asks) = verdict else { return Verdict::allow() };
    let source = asks.from.iter().cloned().collect::<Vec<_>>().join(", ");
    let beyond = asks.unmet(supported).into_iter();
    let beyond = beyond.map(|it| Reason::new(ReasonCode::CannotComply, it, source.clone()));
    let beyond: BTreeSet<Reason> = beyond.collect();
    if beyond.is_empty() { Verdict::allow() } else { Verdict::Deny(beyond) }
}
