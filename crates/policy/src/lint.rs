//! Policies that do nothing: they never apply, or another has always said it already. Only what is
//! certain is told; what is not told may do nothing all the same.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use bailiwick_model::Mode;
use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal};

use crate::{
    AccessPolicies, PolicyEffect, PolicySet, PolicySummary,
    judge::Bench,
    parts::{self, Part},
    seat::Seat,
    view::{Anything, Settled, View},
};

/// How many policies that ask for next to nothing each is held against.
const MOST: usize = 512;

/// A policy that does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// Which.
    pub policy: PolicySummary,
    /// Its place in its file.
    pub at: Option<Range<usize>>,
    /// Why.
    pub why: IdleWhy,
}

/// Why a policy does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdleWhy {
    /// This part of it, or what these parts say together, holds for no call.
    NeverHolds(String),
    /// This part of it can be evaluated for no call. A forbid like this denies all that it fits.
    NeverEvaluates(String),
    /// Wherever it permits, this policy forbids.
    Beaten(String),
    /// Wherever it applies, this policy of the same effect does, too.
    Covered(String),
}

impl PolicySet {
    /// Finds the policies that do nothing, in the order of their ids.
    pub fn idle(&self) -> Vec<Idle> {
        idle(&self.bench)
    }
}

impl AccessPolicies {
    /// Finds the policies that do nothing, in the order of their ids.
    pub fn idle(&self) -> Vec<Idle> {
        idle(&self.bench)
    }
}

fn idle(bench: &Bench) -> Vec<Idle> {
    let said: Vec<Said<'_>> = bench.all().map(|it| Said::of(it)).collect();
    let by_part = by_part(&said);
    let anything = Anything::default();
    let view = anything.view();
    let find = |it: &Said<'_>| {
        let why = it.never(&view).or_else(|| it.shadowed(&said, &by_part))?;
        Some(Idle { policy: it.seat.summary.clone(), at: it.seat.range(), why })
    };
    said.iter().filter(|it| it.seat.summary.source.is_some()).filter_map(find).collect()
}

/// A policy by what it says: parts of its head and condition that must hold together.
struct Said<'a> {
    seat: &'a Seat,
    /// All of them, as texts: equal texts are equal conditions.
    parts: BTreeSet<String>,
    /// What its head says of the action; nothing where it fits all.
    actions: Option<BTreeSet<String>>,
}

impl<'a> Said<'a> {
    fn of(seat: &'a Seat) -> Self {
        let (mut said, mut actions) = (BTreeSet::new(), None);
        for part in &parts::of_head(&seat.head) {
            match named_actions(&part.expr) {
                Some(named) => actions = Some(named),
                None => said.extend(text(part)),
            }
        }
        said.extend(seat.parts().iter().filter_map(text));
        Self { seat, parts: said, actions }
    }

    /// Says why it applies to nothing, if that is so.
    fn never(&self, view: &View<'_>) -> Option<IdleWhy> {
        if self.actions.as_ref().is_some_and(BTreeSet::is_empty) {
            return Some(IdleWhy::NeverHolds("action in []".to_owned()));
        }
        let head = parts::of_head(&self.seat.head);
        head.iter().chain(self.seat.parts()).find_map(|part| match view.settled(&part.expr) {
            Some(Settled::False) => Some(IdleWhy::NeverHolds(part.in_words())),
            Some(Settled::True | Settled::Open) => None,
            None => Some(IdleWhy::NeverEvaluates(part.in_words())),
        })
    }

    /// Finds the policy that has always said it already.
    fn shadowed(&self, all: &[Said<'a>], by_part: &ByPart<'_>) -> Option<IdleWhy> {
        let mine = &self.seat.summary;
        // Those that share a part with it, and those that ask for none.
        let shared = self.parts.iter().filter_map(|it| by_part.get(it.as_str())).flatten();
        let candidates: BTreeSet<usize> =
            shared.chain(by_part.get("").into_iter().flatten().take(MOST)).copied().collect();
        let others = candidates.into_iter().filter_map(|it| all.get(it));
        let others: Vec<&Said<'_>> = others
            .filter(|it| it.seat.summary.id != mine.id && lasting(&it.seat.summary))
            .filter(|it| self.implies(it))
            .collect();
        let named = |it: &Said<'_>| it.seat.summary.id.clone();
        let beaten = others.iter().find(|it| {
            let his = &it.seat.summary;
            mine.effect == PolicyEffect::Permit
                && his.effect == PolicyEffect::Forbid
                && his.hold.is_none()
        });
        let covered = || {
            others.iter().find(|it| {
                let his = &it.seat.summary;
                // Of two that say the same the later one is told of.
                let first = it.implies(self) && mine.id < his.id;
                let as_strict = his.hold.is_none() || his.hold == mine.hold;
                his.effect == mine.effect && !first && as_strict && mine.obligations.is_nothing()
            })
        };
        let beaten = beaten.map(|it| IdleWhy::Beaten(named(it)));
        beaten.or_else(|| covered().map(|it| IdleWhy::Covered(named(it))))
    }

    /// Says whether the other applies wherever this one does: whatever it asks for is asked for
    /// here.
    fn implies(&self, other: &Self) -> bool {
        let actions = match (&self.actions, &other.actions) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(his)) => mine.is_subset(his),
        };
        actions && other.parts.is_subset(&self.parts)
    }
}

/// Says whether it counts always: neither an end nor observing takes it away.
fn lasting(policy: &PolicySummary) -> bool {
    policy.expires.is_none() && policy.mode == Mode::Enforce
}

/// Policies by one of their parts, and those without any under nothing.
type ByPart<'a> = BTreeMap<&'a str, Vec<usize>>;

/// Files each policy under the part that the fewest have.
fn by_part<'a>(all: &'a [Said<'_>]) -> ByPart<'a> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for part in all.iter().flat_map(|it| &it.parts) {
        let count = counts.entry(part).or_default();
        *count = count.saturating_add(1);
    }
    let mut filed = ByPart::new();
    for (place, said) in all.iter().enumerate() {
        let rarest = said.parts.iter().min_by_key(|it| counts.get(it.as_str()));
        filed.entry(rarest.map_or("", |it| it.as_str())).or_default().push(place);
    }
    filed
}

/// Writes a part so that equal texts say the same; none where it always holds.
fn text(part: &Part) -> Option<String> {
    let holds = matches!(part.expr.expr_kind(), ExprKind::Lit(Literal::Bool(true)));
    (!holds).then(|| part.expr.to_string())
}

/// Gives what a part of a head says that the action is, or belongs to.
fn named_actions(expr: &Expr) -> Option<BTreeSet<String>> {
    let ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } = expr.expr_kind() else {
        return None;
    };
    if arg1.to_string() != "action" {
        return None;
    }
    let ExprKind::Set(items) = arg2.expr_kind() else { return None };
    Some(items.iter().map(ToString::to_string).collect())
}
