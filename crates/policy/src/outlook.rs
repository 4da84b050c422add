//! How policies stand to an action while its call is not known: for every call, for none, or for
//! some.

use bailiwick_model::Timestamp;

use crate::{
    ListQuestion, PolicySet, PolicySummary,
    parts::{self, Part},
    seat::Seat,
    view::{Foreseen, Origin, Settled, Unknown, View},
};

/// How one policy or line stands to an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stance<T> {
    /// The policy, or where the line is written.
    pub of: T,
    /// Whether it applies.
    pub stands: Stands,
    /// The parts of its condition that only a call can answer, in its author's words.
    pub when: Vec<String>,
}

/// Whether something applies to the calls of an action. What applies to none is not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// To every call.
    Always,
    /// To some, as far as can be told without them.
    Depends,
}

impl PolicySet {
    /// Says how the policies stand to an action that the grant covers; `task` says whether the task
    /// is known, or only its template. What no longer counts at `now` is left out.
    pub fn stances(
        &self,
        question: &ListQuestion<'_>,
        (task, now): (bool, Timestamp),
    ) -> Vec<Stance<PolicySummary>> {
        let foreseen = Foreseen { origin: Origin::Task, task, granted: true };
        let Ok(unknown) = Unknown::foreseen(question, foreseen) else { return Vec::new() };
        let (scene, view) = (unknown.scene(), unknown.view());
        let keys = [&scene.principal, &scene.action].map(|it| self.bench.index.keys(&it.entity));
        let found = self.bench.index.policies_for(&keys, None);
        let lives = |it: &&Seat| it.summary.expires.is_none_or(|end| now < end);
        let stance = |seat: &Seat| {
            let stands = standing(seat.settled(&view))?;
            let mut when = open_parts(&parts::of_head(&seat.head), &view);
            when.extend(open_parts(seat.parts(), &view));
            Some(Stance { of: seat.summary.clone(), stands, when })
        };
        self.bench.seats(&found).filter(lives).filter_map(stance).collect()
    }
}

/// Says what a settled condition means; none where it never holds.
pub(crate) const fn standing(settled: Settled) -> Option<Stands> {
    match settled {
        Settled::True => Some(Stands::Always),
        Settled::Open => Some(Stands::Depends),
        Settled::False => None,
    }
}

/// Gives the parts that are open, in words.
pub(crate) fn open_parts(parts: &[Part], view: &View<'_>) -> Vec<String> {
    let open = parts.iter().filter(|it| view.settle(&it.expr) == Settled::Open);
    open.map(Part::in_words).collect()
}
