//! Who, what or to what: the few of all that are known that could be permitted at all.
//!
//! Something can only be permitted by a permit whose head it fits, so heads are asked first what
//! they ask for. Whatever is left is evaluated like any question, so nothing is found here that
//! evaluation would not permit; what heads leave out it would not permit either.

mod candidates;

use std::collections::{BTreeSet, HashMap};

use bailiwick_model::{Entity, Evaluation, Sought};
use cedar_policy_core::ast::{EntityType, EntityUID, Expr, ExprKind, Literal};

pub use self::candidates::Candidates;
use super::AccessPolicies;
use crate::{
    PolicyEffect,
    counted::Counted,
    index::{Index, Key, Wanted},
    inventory::Inventory,
    judge::Bench,
    reload::Turnover,
    seat::Seat,
    view::{Part, shown},
    vocabulary::{Types, type_of_others},
};

/// What policies name, in their heads and conditions.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// The actions.
    actions: Counted<String>,
    /// The types of everything else.
    types: Counted<String>,
}

/// What one policy names.
#[derive(Default)]
struct Names<'s> {
    actions: BTreeSet<&'s str>,
    types: BTreeSet<&'s EntityType>,
}

impl Named {
    /// Goes on from here, where some policies are gone and others came.
    pub(super) fn after(mut self, turnover: &Turnover) -> Self {
        for names in turnover.gone.iter().map(|it| Names::of(it)) {
            names.actions.into_iter().for_each(|it| self.actions.take(it));
            names.types.into_iter().for_each(|it| self.types.take(&it.to_string()));
        }
        for names in turnover.came.iter().map(|it| Names::of(it)) {
            names.actions.into_iter().for_each(|it| self.actions.add_like(it));
            names.types.into_iter().for_each(|it| self.types.add(it.to_string()));
        }
        self
    }
}

impl<'s> Names<'s> {
    fn of(seat: &'s Seat) -> Self {
        let mut names = Self::default();
        let action = Types::get().map(|it| it.action(""));
        let action = action.as_ref().map(EntityUID::entity_type);
        let parts = std::iter::once(&seat.head).chain(&seat.condition);
        for part in parts.flat_map(Expr::subexpressions) {
            if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
                if Some(uid.entity_type()) == action {
                    names.actions.insert(AsRef::<str>::as_ref(uid.eid()));
                } else {
                    names.types.insert(uid.entity_type());
                }
            } else if let ExprKind::Is { entity_type, .. } = part.expr_kind() {
                names.types.insert(entity_type);
            }
        }
        names
    }
}

/// The places of everything that is known by what heads ask for.
#[derive(Debug, Default)]
pub(super) struct Members(HashMap<Key, Vec<usize>>);

impl Members {
    pub(super) fn of(inventory: &Inventory, index: &Index) -> Self {
        let mut members: HashMap<Key, Vec<usize>> = HashMap::new();
        for (place, known) in inventory.all().iter().enumerate() {
            let names = std::iter::once(known.uid()).chain(known.above());
            for key in names.filter_map(|it| index.key_of(it)) {
                members.entry(key).or_default().push(place);
            }
        }
        Self(members)
    }

    fn under(&self, key: Key) -> impl Iterator<Item = usize> {
        self.0.get(&key).into_iter().flatten().copied()
    }
}

impl AccessPolicies {
    /// Lists the ids or names of whatever could make `open` a yes in the place of what is `sought`,
    /// in an order that stays as it is as long as the version does. It is empty where `open` names
    /// something that nobody knows.
    pub fn candidates(&self, sought: Sought, open: &Evaluation) -> Candidates<'_> {
        match sought {
            Sought::Subject if self.knows(&open.resource) && self.knows_action(open) => {
                self.entities(sought, &open.subject.kind, open)
            }
            Sought::Resource if self.knows(&open.subject) && self.knows_action(open) => {
                self.entities(sought, &open.resource.kind, open)
            }
            Sought::Action if self.knows(&open.subject) && self.knows(&open.resource) => {
                Candidates::named(self.actions(open))
            }
            Sought::Subject | Sought::Resource | Sought::Action => Candidates::none(),
        }
    }

    /// Says whether something is known. Where some of a type are declared, all of them are; of
    /// another type whatever is said is as good as known, if only some policy has heard of it.
    fn knows(&self, entity: &Entity) -> bool {
        match self.inventory.of_type(&entity.kind) {
            Some(places) => {
                let all = self.inventory.all().get(places).unwrap_or_default();
                all.binary_search_by(|it| it.name().id.as_str().cmp(&entity.id)).is_ok()
            }
            // Charters declare all of these, and here nobody has one.
            None if self.identities().is_meant_by(&entity.kind) => false,
            None => self.named.types.has(&entity.kind),
        }
    }

    fn knows_action(&self, open: &Evaluation) -> bool {
        self.named.actions.has(&open.action.name)
    }

    fn entities(&self, sought: Sought, kind: &str, open: &Evaluation) -> Candidates<'_> {
        let (Some(range), Some(of)) = (self.inventory.of_type(kind), type_of_others(kind)) else {
            return Candidates::none();
        };
        let Some(wanted) = self.wanted(sought, open) else { return Candidates::none() };
        let known = self.inventory.all();
        if wanted.takes_all(&self.bench.index, &of) {
            return Candidates::all(known.get(range).unwrap_or_default());
        }
        let under = wanted.keys().flat_map(|it| self.members.under(it));
        let mut places: Vec<usize> = under.filter(|it| range.contains(it)).collect();
        places.sort_unstable();
        places.dedup();
        Candidates::some(known, places)
    }

    fn actions(&self, open: &Evaluation) -> Vec<&str> {
        let Some(types) = Types::get() else { return Vec::new() };
        let Some(wanted) = self.wanted(Sought::Action, open) else { return Vec::new() };
        let index = &self.bench.index;
        let all = wanted.takes_all(index, types.action("").entity_type());
        let keys: BTreeSet<Key> = wanted.keys().collect();
        let fits = |name: &str| {
            all || index.key_of(&types.action(name)).is_some_and(|it| keys.contains(&it))
        };
        self.named.actions.each().map(String::as_str).filter(|it| fits(it)).collect()
    }

    /// Gives what the heads of permits ask for in the place of what is sought.
    fn wanted(&self, sought: Sought, open: &Evaluation) -> Option<Wanted> {
        let Bench { index, .. } = &self.bench;
        let keys = |part: Part| index.keys(&part.entity);
        let of = |what, entity| shown(what, entity, &self.inventory).ok().map(keys);
        let subject = || of("subject", &open.subject);
        let resource = || of("resource", &open.resource);
        let action = || Some(keys(Part::new(Types::get()?.action(&open.action.name), [], [])));
        let permits = |place: usize| {
            self.bench.seat(place).is_some_and(|it| it.effect() == PolicyEffect::Permit)
        };
        let (who, what, whom) = match sought {
            Sought::Subject => (None, Some(action()?), Some(resource()?)),
            Sought::Resource => (Some(subject()?), Some(action()?), None),
            Sought::Action => (Some(subject()?), None, Some(resource()?)),
        };
        let known = [who.as_deref(), what.as_deref(), whom.as_deref()];
        Some(index.asked_for(&known, permits))
    }
}

#[cfg(test)]
mod tests;
