//! Which policies and outcomes the cases have seen.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Reason, ReasonCode, Step, VerdictKind};
use bailiwick_policy::PolicySummary;
use serde::Serialize;

use super::rehearsal::Came;

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
    pub(super) fn of<'c>(
        policies: &[PolicySummary],
        all: impl Iterator<Item = &'c Came> + Clone,
    ) -> Self {
        let count = |kind: VerdictKind| all.clone().filter(|it| it.verdict == kind).count();
        let outcomes = VerdictKind::ALL.iter().map(|it| (it.as_str(), count(*it))).collect();
        let mut decided: BTreeMap<&str, usize> = BTreeMap::new();
        for id in all.flat_map(spoke) {
            let cases = decided.entry(id).or_default();
            *cases = cases.saturating_add(1);
        }
        let covered = |it: &PolicySummary| {
            Some(CoveredPolicy {
                id: it.id.clone(),
                file: it.source.clone()?,
                line: it.line?,
                cases: decided.get(it.id.as_str()).copied().unwrap_or(0),
            })
        };
        let mut policies: Vec<_> = policies.iter().filter_map(covered).collect();
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
