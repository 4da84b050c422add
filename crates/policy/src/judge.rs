//! Asks the policies that can apply to a request, and makes a verdict of what they say.
//!
//! Cedar's own authorizer asks every policy there is, and makes each one's condition anew to ask
//! it. Here the conditions are made once and the index says whom to ask. Cedar evaluates them all
//! the same, and law 9 holds the two to the same answers.

use std::collections::BTreeSet;

use bailiwick_model::{Reason, ReasonCode, Verdict};
use cedar_policy_core::ast::Expr;

use crate::{
    PolicyEffect, PolicySummary,
    compile::Compiled,
    index::Index,
    view::{Settled, View},
};

/// The policies of a set, with the index of their heads.
#[derive(Debug)]
pub(crate) struct Bench {
    seats: Vec<Seat>,
    index: Index,
}

/// One policy on the bench.
#[derive(Debug)]
struct Seat {
    condition: Expr,
    summary: PolicySummary,
}

/// Which policies one request satisfies, and which could not be evaluated.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    pub(crate) satisfied: Vec<&'a PolicySummary>,
    pub(crate) errors: Vec<(&'a PolicySummary, String)>,
}

impl Bench {
    /// Seats the policies in the order in which they come.
    pub(crate) fn new(compiled: Vec<Compiled>) -> Self {
        let index = Index::new(compiled.iter().map(|it| &it.head));
        let seat = |it: Compiled| Seat { condition: it.condition, summary: it.summary };
        Self { seats: compiled.into_iter().map(seat).collect(), index }
    }

    /// Gives the policies in their order.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &PolicySummary> {
        self.seats.iter().map(|it| &it.summary)
    }

    fn seats_for(&self, view: &View<'_>) -> impl Iterator<Item = &Seat> {
        self.index.policies_for(view).into_iter().filter_map(|it| self.seats.get(it))
    }

    /// Asks the policies about `view`.
    pub(crate) fn ask(&self, view: &View<'_>) -> Findings<'_> {
        let mut findings = Findings::default();
        for Seat { condition, summary } in self.seats_for(view) {
            match view.ask(condition) {
                Ok(true) => findings.satisfied.push(summary),
                Ok(false) => {}
                Err(why) => findings.errors.push((summary, why)),
            }
        }
        findings
    }

    /// Says whether some call that `view` leaves open could be permitted and not forbidden. What
    /// Cedar cannot settle counts as possible.
    pub(crate) fn could_allow(&self, view: &View<'_>) -> bool {
        let mut permitted = false;
        for Seat { condition, summary } in self.seats_for(view) {
            if lasting(summary) && view.settle(condition) == Settled::True {
                return false;
            }
            permitted |= summary.effect == PolicyEffect::Permit
                && !permitted
                && view.settle(condition) != Settled::False;
        }
        permitted
    }
}

/// Says whether it is a forbid that neither an approval nor the passing of time lifts.
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
