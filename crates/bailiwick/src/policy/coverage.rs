//! Which policies and outcomes the cases have seen.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Reason, ReasonCode, Step, VerdictKind};
use bailiwick_policy::PolicySummary;
use serde::Serialize;

use super::rehearsal::Came;

/// The policies that cases can see. The two sets may use the same ids.
#[derive(Debug)]
pub(super) struct Policies {
    /// Those that judge calls.
    pub(super) calls: Vec<PolicySummary>,
    /// Those that judge evaluations.
    pub(super) evaluations: Vec<PolicySummary>,
}

impl Policies {
    /// Gives those that judge what came of a case.
    fn of(&self, came: &Came) -> &[PolicySummary] {
        if came.of_evaluation { &self.evaluations } else { &self.calls }
    }

    /// Finds the one that is called `id` among those that judged it.
    pub(super) fn called(&self, id: &str, came: &Came) -> Option<&PolicySummary> {
        // Both lists are in the order of ids.
        let all = self.of(came);
        let at = all.binary_search_by(|it| it.id.as_str().cmp(id)).ok()?;
        all.get(at)
    }
}

/// What the cases have seen.
#[derive(Debug, Serialize)]
pub(super) struct Coverage {
    /// How many cases came to each verdict.
    pub(super) outcomes: BTreeMap<&'static str, usize>,
    /// The policies of the files, in their order there.
    pub(super) policies: Vec<CoveredPolicy>,
}

/// How much a policy was seen.
#[derive(Debug, Serialize)]
pub(super) struct CoveredPolicy {
    /// Its `@id`.
    pub(super) id: String,
    /// The file it is written in.
    pub(super) file: String,
    /// The line on which it begins there.
    pub(super) line: usize,
    /// How many cases it decided.
    pub(super) cases: usize,
}

impl Coverage {
    /// Counts what `all` came to. A policy that only observes counts where it spoke.
    pub(super) fn of<'c>(policies: &Policies, all: impl Iterator<Item = &'c Came> + Clone) -> Self {
        let count = |kind: VerdictKind| all.clone().filter(|it| it.verdict == kind).count();
        let outcomes = VerdictKind::ALL.iter().map(|it| (it.as_str(), count(*it))).collect();
        let mut decided: BTreeMap<(bool, &str), usize> = BTreeMap::new();
        for (came, id) in all.flat_map(|it| spoke(it).into_iter().map(move |id| (it, id))) {
            let cases = decided.entry((came.of_evaluation, id)).or_default();
            *cases = cases.saturating_add(1);
        }
        let covered = |(of_evaluation, it): (bool, &PolicySummary)| {
            Some(CoveredPolicy {
                id: it.id.clone(),
                file: it.source.clone()?,
                line: it.line?,
                cases: decided.get(&(of_evaluation, it.id.as_str())).copied().unwrap_or(0),
            })
        };
        let calls = policies.calls.iter().map(|it| (false, it));
        let evaluations = policies.evaluations.iter().map(|it| (true, it));
        let mut policies: Vec<_> = calls.chain(evaluations).filter_map(covered).collect();
        policies.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
        Self { outcomes, policies }
    }

    /// Gives the policies that decided no case.
    pub(super) fn never(&self) -> impl Iterator<Item = &CoveredPolicy> {
        self.policies.iter().filter(|it| it.cases == 0)
    }
}

/// Gives the sources of what the step of policy said, each once.
fn spoke(came: &Came) -> BTreeSet<&str> {
    let steps = came.steps.iter().filter(|it| it.step == Step::Policy);
    let said = steps.flat_map(|step| step.reasons.iter().map(|it| (step.verdict, it)));
    // A permit that cannot be evaluated says nothing.
    let counts = |(verdict, it): &(VerdictKind, &Reason)| {
        it.code != ReasonCode::PolicyError || *verdict == VerdictKind::Deny
    };
    said.filter(counts).map(|(_, it)| it.source.as_str()).collect()
}
