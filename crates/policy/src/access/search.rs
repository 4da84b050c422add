//! Who, what or to what: the few of all that are known that could be permitted at all.
//!
//! Something can only be permitted by a permit whose head it fits, so heads are asked first what
//! they ask for. Whatever is left is evaluated like any question, so nothing is found here that
//! evaluation would not permit; what heads leave out it would not permit either.

use std::collections::{BTreeSet, HashMap};

use bailiwick_model::{Entity, Evaluation, Sought};
use cedar_policy_core::ast::{EntityUID, Expr, ExprKind, Literal};

use super::AccessPolicies;
use crate::{
    PolicyEffect,
    index::{Index, Key, Wanted},
    inventory::Inventory,
    judge::Bench,
    view::{Part, shown},
    vocabulary::{Types, type_of_others},
};

/// What policies name, in their heads and conditions.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// The actions, in order.
    actions: BTreeSet<String>,
    /// The types of everything else.
    types: BTreeSet<String>,
}

impl Named {
    fn by(bench: &Bench) -> Self {
        let mut named = Self::default();
        for seat in bench.all() {
            let parts = std::iter::once(&seat.head).chain(&seat.condition);
            parts.flat_map(Expr::subexpressions).for_each(|it| named.hear(it));
        }
        named
    }

    fn hear(&mut self, part: &Expr) {
        if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() {
            self.entity(uid);
        } else if let ExprKind::Is { entity_type, .. } = part.expr_kind() {
            self.types.insert(entity_type.to_string());
        }
    }

    fn entity(&mut self, uid: &EntityUID) {
        let id: &str = uid.eid().as_ref();
        if Types::get().is_some_and(|it| it.action(id) == *uid) {
            self.actions.insert(id.to_owned());
        } else {
            self.types.insert(uid.entity_type().to_string());
        }
    }
}

/// The places of everything that is known by what heads ask for.
#[derive(Debug, Default)]
pub(super) struct Members(HashMap<Key, Vec<usize>>);

impl Members {
    fn of(inventory: &Inventory, index: &Index) -> Self {
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
    pub fn candidates(&self, sought: Sought, open: &Evaluation) -> Vec<&str> {
        match sought {
            Sought::Subject if self.knows(&open.resource) && self.knows_action(open) => {
                self.entities(sought, &open.subject.kind, open)
            }
            Sought::Resource if self.knows(&open.subject) && self.knows_action(open) => {
                self.entities(sought, &open.resource.kind, open)
            }
            Sought::Action if self.knows(&open.subject) && self.knows(&open.resource) => {
                self.actions(open)
            }
            Sought::Subject | Sought::Resource | Sought::Action => Vec::new(),
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
            None => self.named().types.contains(&entity.kind),
        }
    }

    fn named(&self) -> &Named {
        self.named.get_or_init(|| Named::by(&self.bench))
    }

    fn members(&self) -> &Members {
        self.members.get_or_init(|| Members::of(&self.inventory, &self.bench.index))
    }

    fn knows_action(&self, open: &Evaluation) -> bool {
        self.named().actions.contains(&open.action.name)
    }

    fn entities(&self, sought: Sought, kind: &str, open: &Evaluation) -> Vec<&str> {
        let (Some(range), Some(of)) = (self.inventory.of_type(kind), type_of_others(kind)) else {
            return Vec::new();
        };
        let Some(wanted) = self.wanted(sought, open) else { return Vec::new() };
        let places: BTreeSet<usize> = if wanted.takes_all(&self.bench.index, &of) {
            range.collect()
        } else {
            let under = wanted.keys().flat_map(|it| self.members().under(it));
            under.filter(|it| range.contains(it)).collect()
        };
        let known = places.into_iter().filter_map(|it| self.inventory.all().get(it));
        known.map(|it| it.name().id.as_str()).collect()
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
        self.named().actions.iter().map(String::as_str).filter(|it| fits(it)).collect()
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
