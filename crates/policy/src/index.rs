//! Which policies can apply to a request at all, by what their heads name.
//!
//! A policy's head is asked before its condition, and where the head does not fit, the condition is
//! not looked at: it neither holds nor errs. A policy that is passed over here would therefore have
//! said nothing. What is not passed over is asked in full, head and all.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use cedar_policy_core::ast::{
    ActionConstraint, Entity, EntityReference, EntityType, EntityUID, Expr, Policy,
    PrincipalOrResourceConstraint as Constraint,
};

use crate::{syntax, vocabulary::Types};

/// The head of a policy.
#[derive(Debug)]
pub(crate) struct Head {
    /// All that it asks for, as Cedar asks.
    pub(crate) condition: Expr,
    pub(crate) names: Names,
}

/// What the head of a policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    principal: Part,
    /// One of these; with none of them no request fits.
    actions: Vec<Part>,
    resource: Part,
}

/// What one part of a head asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Anything,
    /// This one, or something that belongs to it.
    Thing(EntityUID),
    /// Something of this type.
    Type(EntityType),
}

impl Head {
    /// Reads the head of a policy.
    pub(crate) fn of(policy: &Policy) -> Self {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => vec![Part::Anything],
            ActionConstraint::Eq(uid) => vec![Part::Thing((**uid).clone())],
            ActionConstraint::In(uids) => {
                uids.iter().map(|it| Part::Thing((**it).clone())).collect()
            }
        };
        let principal = policy.principal_constraint();
        let resource = policy.resource_constraint();
        let who = Expr::and(principal.as_expr(), policy.action_constraint().as_expr());
        let condition = syntax::without_places(&Expr::and(who, resource.as_expr()));
        let (principal, resource) = (principal.as_inner(), resource.as_inner());
        let names = Names { principal: Part::of(principal), actions, resource: Part::of(resource) };
        Self { condition, names }
    }
}

impl Part {
    fn of(constraint: &Constraint) -> Self {
        match constraint {
            Constraint::Is(name) => Self::Type((**name).clone()),
            Constraint::Eq(EntityReference::EUID(uid))
            | Constraint::In(EntityReference::EUID(uid))
            | Constraint::IsIn(_, EntityReference::EUID(uid)) => Self::Thing((**uid).clone()),
            Constraint::Any
            | Constraint::Eq(EntityReference::Slot(_))
            | Constraint::In(EntityReference::Slot(_))
            | Constraint::IsIn(_, EntityReference::Slot(_)) => Self::Anything,
        }
    }
}

/// A name that some head asks for, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u32);

impl Key {
    /// What heads ask for that name nothing.
    const ANYTHING: Self = Self(0);
}

/// One way in which a request can fit a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    principal: Key,
    action: Key,
    resource: Key,
    policy: usize,
}

/// How many names that came later are looked for apart.
const MORE_MAX: usize = 1024;

/// The policies of a set by what their heads ask for.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Shared with the sets before and after.
    things: Arc<HashMap<EntityUID, Key>>,
    /// What came later. What nobody asks for any more stays, and nothing is filed under it.
    more: HashMap<EntityUID, Key>,
    names_resources: bool,
    types: HashMap<EntityType, Key>,
    /// Sorted: those that ask for the same lie together.
    entries: Vec<Entry>,
}

impl Index {
    /// Files heads under what they ask for; each is known by its place.
    pub(crate) fn new<'a>(heads: impl Iterator<Item = (usize, &'a Names)>) -> Self {
        let mut index = Self::default();
        heads.for_each(|(policy, head)| index.file(policy, head));
        index.entries.sort_unstable();
        index
    }

    /// Files what is `fresh`, each known by its place, beside what stands in `self`: of each place
    /// here, `places` says where it is now, if it is there. None where it is time to file all anew.
    pub(crate) fn after<'a>(
        &self,
        places: &[Option<usize>],
        fresh: impl Iterator<Item = (usize, &'a Names)>,
    ) -> Option<Self> {
        let moved = |it: &Entry| Some(Entry { policy: (*places.get(it.policy)?)?, ..*it });
        let entries = self.entries.iter().filter_map(moved).collect();
        let (things, more) = (Arc::clone(&self.things), self.more.clone());
        let (names_resources, types) = (self.names_resources, self.types.clone());
        let mut index = Self { things, more, names_resources, types, entries };
        fresh.for_each(|(policy, head)| index.file(policy, head));
        // What stays is in its order already, which this kind of sorting makes use of.
        index.entries.sort();
        (index.more.len() <= MORE_MAX).then_some(index)
    }

    fn file(&mut self, policy: usize, head: &Names) {
        let (principal, resource) = (self.key(&head.principal), self.key(&head.resource));
        for action in &head.actions {
            let action = self.key(action);
            self.entries.push(Entry { principal, action, resource, policy });
        }
    }

    fn key(&mut self, part: &Part) -> Key {
        let things = self.things.len().saturating_add(self.more.len());
        let names = things.saturating_add(self.types.len());
        // More names than there are numbers share the last one, which costs time and no policy.
        let next = Key(u32::try_from(names).unwrap_or(u32::MAX).saturating_add(1));
        match part {
            Part::Anything => Key::ANYTHING,
            Part::Thing(uid) => {
                self.names_resources |= Types::get().is_none_or(|it| it.is_resource(uid));
                if let Some(known) = self.key_of(uid) {
                    return known;
                }
                let things = Arc::get_mut(&mut self.things).unwrap_or(&mut self.more);
                things.insert(uid.clone(), next);
                next
            }
            Part::Type(name) => *self.types.entry(name.clone()).or_insert(next),
        }
    }

    /// Gives what can be asked for so that `entity` fits, as far as any head does.
    pub(crate) fn keys(&self, entity: &Entity) -> Vec<Key> {
        let own = self.key_of(entity.uid());
        self.keys_above(entity).into_iter().chain(own).collect()
    }

    /// Gives the same of whatever else belongs to what `entity` belongs to and is of its type.
    pub(crate) fn keys_above(&self, entity: &Entity) -> Vec<Key> {
        let above = entity.ancestors().filter_map(|it| self.key_of(it));
        let types = self.types.get(entity.uid().entity_type()).copied();
        std::iter::once(Key::ANYTHING).chain(above.chain(types)).collect()
    }

    /// Gives the key of what some head names, where one does.
    pub(crate) fn key_of(&self, uid: &EntityUID) -> Option<Key> {
        let later = || if self.more.is_empty() { None } else { self.more.get(uid) };
        self.things.get(uid).or_else(later).copied()
    }

    /// Says whether some head names a resource.
    pub(crate) const fn names_resources(&self) -> bool {
        self.names_resources
    }

    /// Gives the places of the policies that can apply, in order; of a resource that is not known,
    /// whatever they ask for.
    pub(crate) fn policies_for(
        &self,
        [principals, actions]: &[Vec<Key>; 2],
        resources: Option<&[Key]>,
    ) -> Vec<usize> {
        let mut found = Vec::new();
        for entries in stretches(&self.entries, principals, |it| it.principal) {
            for entries in stretches(entries, actions, |it| it.action) {
                match resources {
                    Some(resources) => {
                        let fit = stretches(entries, resources, |it| it.resource).flatten();
                        found.extend(fit.map(|it| it.policy));
                    }
                    None => found.extend(entries.iter().map(|it| it.policy)),
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Who, what and to what: what each can be asked for by, or nothing where it is open.
pub(crate) type Open<'k> = [Option<&'k [Key]>; 3];

impl Index {
    /// Gives what heads ask for in the place that is open, of those policies whose head fits the
    /// rest and that count.
    pub(crate) fn asked_for(&self, known: &Open<'_>, counts: impl Fn(usize) -> bool) -> Wanted {
        let [who, _, _] = known;
        let known = known.map(|keys| keys.map(|it| it.iter().copied().collect::<HashSet<Key>>()));
        let parts = |it: &Entry| [it.principal, it.action, it.resource].into_iter().zip(&known);
        let fits = |it: &&Entry| {
            parts(it).all(|(key, keys)| keys.as_ref().is_none_or(|it| it.contains(&key)))
        };
        let open = |it: &Entry| parts(it).find(|(_, keys)| keys.is_none()).map(|(key, _)| key);
        // Those that ask for one principal lie together; for whom nobody asks, all are gone through.
        let near: Vec<&[Entry]> = match who {
            Some(keys) => stretches(&self.entries, keys, |it| it.principal).collect(),
            None => vec![&self.entries],
        };
        let fitting = near.into_iter().flatten().filter(fits).filter(|it| counts(it.policy));
        Wanted(fitting.filter_map(open).collect())
    }

    /// Gives the key of a type that some head asks for.
    fn key_of_type(&self, name: &EntityType) -> Option<Key> {
        self.types.get(name).copied()
    }
}

/// What some heads ask for in one place.
#[derive(Debug)]
pub(crate) struct Wanted(BTreeSet<Key>);

impl Wanted {
    /// Says whether one of these heads takes everything of a type.
    pub(crate) fn takes_all(&self, index: &Index, of: &EntityType) -> bool {
        let named = index.key_of_type(of);
        self.0.contains(&Key::ANYTHING) || named.is_some_and(|it| self.0.contains(&it))
    }

    /// Gives what they ask for.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.0.iter().copied()
    }
}

/// Gives the stretches of sorted `entries` that ask for one of `keys`.
fn stretches<'e>(
    entries: &'e [Entry],
    keys: &[Key],
    of: fn(&Entry) -> Key,
) -> impl Iterator<Item = &'e [Entry]> {
    keys.iter().map(move |key| {
        let (_, from) = entries.split_at(entries.partition_point(|it| of(it) < *key));
        from.split_at(from.partition_point(|it| of(it) == *key)).0
    })
}
