//! Asks Cedar which policies a request satisfies, and makes a verdict of the answer.
//!
//! Cedar names the permits only where nothing forbids. Permits and forbids are therefore kept and
//! asked apart: one pass over each tells the status of every policy, and whether a hold is all
//! that stands in the way needs no second look.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Reason, ReasonCode, Verdict};
use cedar_policy::{
    AuthorizationError, Authorizer, EvaluationError, Policy, PolicyId, PolicySet, PolicySetError,
};

use crate::{PolicyEffect, PolicySummary, compile::Compiled, view::View};

/// The policies of a set, apart by effect.
#[derive(Debug)]
pub(crate) struct Bench {
    authorizer: Authorizer,
    permits: PolicySet,
    forbids: PolicySet,
    /// Forbids that neither an approval nor the passing of time lifts.
    lasting: PolicySet,
    summaries: BTreeMap<String, PolicySummary>,
}

/// Which policies one request satisfies, and which could not be evaluated.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    pub(crate) satisfied: Vec<&'a PolicySummary>,
    pub(crate) errors: Vec<(&'a PolicySummary, String)>,
}

impl Bench {
    /// Seats the policies.
    pub(crate) fn new(compiled: BTreeMap<String, Compiled>) -> Result<Self, Box<PolicySetError>> {
        let pick = |fits: fn(&PolicySummary) -> bool| {
            let policies: Vec<Policy> = compiled
                .values()
                .filter(|it| fits(&it.summary))
                .map(|it| it.policy.clone())
                .collect();
            PolicySet::from_policies(policies).map_err(Box::new)
        };
        Ok(Self {
            authorizer: Authorizer::new(),
            permits: pick(|it| it.effect == PolicyEffect::Permit)?,
            forbids: pick(|it| it.effect == PolicyEffect::Forbid)?,
            lasting: pick(lasting)?,
            summaries: compiled.into_iter().map(|(id, it)| (id, it.summary)).collect(),
        })
    }

    /// Gives the policies by id.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &PolicySummary> {
        self.summaries.values()
    }

    /// Asks every policy about `view`.
    pub(crate) fn ask(&self, view: &View) -> Findings<'_> {
        let mut findings = Findings::default();
        for set in [&self.permits, &self.forbids] {
            let response = self.authorizer.is_authorized(&view.request, set, &view.entities);
            let diagnostics = response.diagnostics();
            findings.satisfied.extend(diagnostics.reason().filter_map(|id| self.summary(id)));
            findings.errors.extend(diagnostics.errors().filter_map(|error| {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                Some((self.summary(error.policy_id())?, without_values(error.inner())))
            }));
        }
        findings
    }

    /// Says whether some call that `view` leaves open could be permitted and not forbidden. What
    /// Cedar cannot settle counts as possible.
    pub(crate) fn could_allow(&self, view: &View) -> bool {
        let look = |set| self.authorizer.is_authorized_partial(&view.request, set, &view.entities);
        let forbidden = look(&self.lasting).definitely_satisfied().next().is_some();
        let permits = look(&self.permits);
        let permitted = permits.may_be_determining().next().is_some()
            || permits.definitely_errored().next().is_some();
        permitted && !forbidden
    }

    fn summary(&self, id: &PolicyId) -> Option<&PolicySummary> {
        let id: &str = id.as_ref();
        self.summaries.get(id)
    }
}

fn lasting(policy: &PolicySummary) -> bool {
    policy.effect == PolicyEffect::Forbid
        && policy.hold.is_none()
        && policy.expires.is_none()
        && policy.mode == bailiwick_model::Mode::Enforce
}

impl Findings<'_> {
    /// Gives the permits that count.
    pub(crate) fn permits(&self, counts: impl Fn(&PolicySummary) -> bool) -> BTreeSet<Reason> {
        self.satisfied
            .iter()
            .filter(|it| it.effect == PolicyEffect::Permit && counts(it))
            .map(|it| {
                let text = format!("permitted by policy `{}`", it.id);
                Reason::new(ReasonCode::PolicyPermits, text, &it.id)
            })
            .collect()
    }

    /// Gives the errors of policies that count.
    pub(crate) fn errors(&self, counts: impl Fn(&PolicySummary) -> bool) -> BTreeSet<Reason> {
        self.errors.iter().filter(|(it, _)| counts(it)).map(|(it, why)| broken(it, why)).collect()
    }

    /// Makes the verdict of those policies that count. A forbid that cannot be evaluated denies;
    /// a hold asks only where nothing else stands in the way.
    pub(crate) fn verdict(&self, counts: impl Fn(&PolicySummary) -> bool) -> Verdict {
        let forbids =
            || self.satisfied.iter().filter(|it| it.effect == PolicyEffect::Forbid && counts(it));
        let mut denials: BTreeSet<Reason> = self
            .errors
            .iter()
            .filter(|(it, _)| it.effect == PolicyEffect::Forbid && counts(it))
            .map(|(it, why)| broken(it, why))
            .collect();
        denials.extend(forbids().filter(|it| it.hold.is_none()).map(|it| {
            let text = format!("forbidden by policy `{}`", it.id);
            Reason::new(ReasonCode::PolicyForbids, text, &it.id)
        }));
        if denials.is_empty() && self.permits(&counts).is_empty() {
            let text = "no policy permits it";
            denials.insert(Reason::new(ReasonCode::NoPermit, text, "policies"));
        }
        if !denials.is_empty() {
            return Verdict::Deny(denials);
        }
        let holds: BTreeSet<Reason> = forbids()
            .filter_map(|it| {
                Some(Reason::new(ReasonCode::ApprovalNeeded, it.hold.as_deref()?, &it.id))
            })
            .collect();
        if holds.is_empty() { Verdict::allow() } else { Verdict::Hold(holds) }
    }
}

fn broken(policy: &PolicySummary, why: &str) -> Reason {
    let text = format!("policy `{}` could not be evaluated: {why}", policy.id);
    Reason::new(ReasonCode::PolicyError, text, &policy.id)
}

/// Says what went wrong without showing a value: arguments may be secrets, and this text is kept.
pub(crate) fn without_values(error: &EvaluationError) -> String {
    if let EvaluationError::IntegerOverflow(_) = error {
        "a whole number grew too large".to_owned()
    } else if let EvaluationError::FailedExtensionFunctionExecution(_) = error {
        "a value is not what a function reads".to_owned()
    } else if let EvaluationError::NonValue(_) = error {
        "it holds something unknown".to_owned()
    } else {
        error.to_string()
    }
}
