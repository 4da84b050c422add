//! Asks the policies that can apply to a request, and makes a verdict of what they say.
//!
//! Cedar's own authorizer asks every policy there is, and makes each one's condition anew to ask
//! it. Here the conditions are made once, the index says whom to ask, and what is the same for
//! every call of a task is asked once. Cedar evaluates them all the same, and law 9 holds the two
//! to the same answers.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_model::{Obligations, Reason, ReasonCode, Verdict};

use crate::{
    PolicyEffect, PolicySummary,
    index::Index,
    load::Loaded,
    reload::Turnover,
    seat::Seat,
    sheet::Files,
    slice::Slice,
    view::{Case, Origin, Settled, Stranger, Unknown, View, ViewError},
};

/// The policies of a set, with the index of their heads.
#[derive(Debug, Default)]
pub(crate) struct Bench {
    seats: Vec<Arc<Seat>>,
    /// The one that stands in no file.
    own: Option<Arc<Seat>>,
    pub(crate) index: Arc<Index>,
    files: Files,
}

/// Which policies one request satisfies, and which could not be evaluated.
#[derive(Debug, Default)]
pub(crate) struct Findings<'a> {
    pub(crate) satisfied: Vec<&'a PolicySummary>,
    pub(crate) errors: Vec<(&'a PolicySummary, String)>,
}

impl Seat {
    /// Asks the condition of a policy whose head fits.
    pub(crate) fn asked(&self, view: &View<'_>) -> Result<bool, String> {
        self.condition.as_ref().map_or(Ok(true), |it| view.ask(it))
    }

    /// Says whether it permits or forbids.
    pub(crate) const fn effect(&self) -> PolicyEffect {
        self.summary.effect
    }

    /// Asks the head and the condition as far as the request is known.
    pub(crate) fn settled(&self, view: &View<'_>) -> Settled {
        match (view.settle(&self.head), &self.condition) {
            (Settled::True, Some(condition)) => view.settle(condition),
            (head, _) => head,
        }
    }
}

impl Bench {
    /// Seats what was loaded after `before`, of which it may have most.
    pub(crate) fn after(before: &Self, loaded: Loaded) -> (Self, Turnover) {
        let Loaded { seats, own, moves, turnover, files, .. } = loaded;
        let names = |place: usize| Some((place, &seats.get(place)?.names));
        let most = moves.fresh.len().saturating_mul(4) < seats.len();
        let index = if most && moves.are_none() {
            Arc::clone(&before.index)
        } else {
            let fresh = moves.fresh.iter().filter_map(|it| names(*it));
            let filed = most.then(|| before.index.after(&moves.places, fresh)).flatten();
            Arc::new(filed.unwrap_or_else(|| Index::new((0..seats.len()).filter_map(names))))
        };
        (Self { seats, own, index, files }, turnover)
    }

    /// Gives the files that it was loaded from.
    pub(crate) const fn files(&self) -> &Files {
        &self.files
    }

    /// Gives the policy that stands in no file.
    pub(crate) const fn own(&self) -> Option<&Arc<Seat>> {
        self.own.as_ref()
    }

    /// Gives the policies by id.
    pub(crate) fn by_id(&self) -> &[Arc<Seat>] {
        &self.seats
    }

    /// Gives the policies in their order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Seat>> {
        self.seats.iter()
    }

    /// Tells of the policies in their order.
    pub(crate) fn summaries(&self) -> impl Iterator<Item = &PolicySummary> {
        self.seats.iter().map(|it| &it.summary)
    }

    /// Finds the policy of this id.
    pub(crate) fn called(&self, id: &str) -> Option<&Seat> {
        let place = self.seats.binary_search_by(|it| it.summary.id.as_str().cmp(id)).ok()?;
        self.seat(place)
    }

    pub(crate) fn seat(&self, place: usize) -> Option<&Seat> {
        self.seats.get(place).map(Arc::as_ref)
    }

    pub(crate) fn seats(&self, places: &[usize]) -> impl Iterator<Item = &Seat> {
        places.iter().filter_map(|it| self.seat(*it))
    }

    /// Asks the policies about `case`, whose slice is `slice`: one answer for each resource, or one
    /// that is the same for all of them.
    pub(crate) fn ask(
        &self,
        case: &Case<'_>,
        slice: &Slice,
    ) -> Result<Vec<Findings<'_>>, ViewError> {
        let satisfied = || self.seats(&slice.satisfied).map(|it| &it.summary).collect();
        let naming = slice.naming(self, case)?;
        if slice.open.is_empty() && naming.is_empty() {
            return Ok(vec![Findings { satisfied: satisfied(), errors: Vec::new() }]);
        }
        let reads = naming.reads(self, &slice.reads);
        let ask = |(place, view): (usize, View<'_>)| {
            let mut findings = Findings { satisfied: satisfied(), errors: Vec::new() };
            self.seats(&slice.open).for_each(|it| findings.add(it, it.asked(&view)));
            for seat in self.seats(naming.of(place)) {
                let fits = view.ask(&seat.head);
                let said = fits.and_then(|fits| if fits { seat.asked(&view) } else { Ok(false) });
                findings.add(seat, said);
            }
            findings
        };
        Ok(case.views(Origin::Task, &reads)?.enumerate().map(ask).collect())
    }

    /// Asks the policies about something that nothing was known of before.
    pub(crate) fn ask_apart(&self, stranger: &Stranger) -> Findings<'_> {
        let (scene, view) = (stranger.scene(), stranger.view());
        let keys = [&scene.principal, &scene.action].map(|it| self.index.keys(&it.entity));
        let resource = self.index.keys(&scene.tool.entity);
        let mut findings = Findings::default();
        for seat in self.seats(&self.index.policies_for(&keys, Some(&resource))) {
            let fits = view.ask(&seat.head);
            let said = fits.and_then(|fits| if fits { seat.asked(&view) } else { Ok(false) });
            findings.add(seat, said);
        }
        findings
    }

    /// Says whether some call that `unknown` leaves open could be permitted and not forbidden. What
    /// Cedar cannot settle counts as possible.
    pub(crate) fn could_allow(&self, unknown: &Unknown) -> bool {
        let (scene, view) = (unknown.scene(), unknown.view());
        let keys = [&scene.principal, &scene.action].map(|it| self.index.keys(&it.entity));
        let mut permitted = false;
        for seat in self.seats(&self.index.policies_for(&keys, None)) {
            if lasting(&seat.summary) && seat.settled(&view) == Settled::True {
                return false;
            }
            permitted |= seat.summary.effect == PolicyEffect::Permit
                && !permitted
                && seat.settled(&view) != Settled::False;
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

impl<'a> Findings<'a> {
    fn add(&mut self, seat: &'a Seat, said: Result<bool, String>) {
        match said {
            Ok(true) => self.satisfied.push(&seat.summary),
            Ok(false) => {}
            Err(why) => self.errors.push((&seat.summary, why)),
        }
    }

    /// Says whether one of these policies is `such`.
    pub(crate) fn any(&self, such: impl Fn(&PolicySummary) -> bool) -> bool {
        self.satisfied.iter().copied().chain(self.errors.iter().map(|(it, _)| *it)).any(such)
    }

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

    /// Gives what the permits that count ask for, all of them together: the most restrictive.
    pub(crate) fn obligations(&self, counts: impl Fn(&PolicySummary) -> bool) -> Obligations {
        let permits = self.satisfied.iter().filter(|it| !it.obligations.is_nothing());
        let counted = permits.filter(|it| it.effect == PolicyEffect::Permit && counts(it));
        counted.fold(Obligations::NONE, |all, it| all.and((*it.obligations).clone()))
    }

    /// Gives the errors of policies that count.
    pub(crate) fn errors(&self, counts: impl Fn(&PolicySummary) -> bool) -> BTreeSet<Reason> {
        self.errors.iter().filter(|(it, _)| counts(it)).map(|(it, why)| broken(it, why)).collect()
    }

    /// Makes the verdict of those policies that count. A forbid that cannot be evaluated denies, and
    /// so does a permit that asks for something: another permit would let the call through without
    /// it. A hold asks only where nothing else stands in the way.
    pub(crate) fn verdict(&self, counts: impl Fn(&PolicySummary) -> bool) -> Verdict {
        let forbids =
            || self.satisfied.iter().filter(|it| it.effect == PolicyEffect::Forbid && counts(it));
        let mut denials: BTreeSet<Reason> = self
            .errors
            .iter()
            .filter(|(it, _)| it.effect == PolicyEffect::Forbid && counts(it))
            .map(|(it, why)| broken(it, why))
            .collect();
        denials.extend(self.errors.iter().filter(|(it, _)| asks(it) && counts(it)).map(
            |(it, why)| {
                let text = format!(
                    "policy `{}` asks for constraints and could not be evaluated: {why}",
                    it.id
                );
                Reason::new(ReasonCode::PolicyError, text, &it.id)
            },
        ));
        denials.extend(forbids().filter(|it| it.hold.is_none()).map(|it| {
            let text = format!("forbidden by policy `{}`", it.id);
            Reason::new(ReasonCode::PolicyForbids, text, &it.id)
        }));
        let permits = |it: &&PolicySummary| it.effect == PolicyEffect::Permit && counts(it);
        if denials.is_empty() && !self.satisfied.iter().copied().any(|it| permits(&it)) {
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

/// Says whether it is a permit that something must happen along with.
fn asks(policy: &PolicySummary) -> bool {
    policy.effect == PolicyEffect::Permit && !policy.obligations.is_nothing()
}

fn broken(policy: &PolicySummary, why: &str) -> Reason {
    let text = format!("policy `{}` could not be evaluated: {why}", policy.id);
    Reason::new(ReasonCode::PolicyError, text, &policy.id)
}
