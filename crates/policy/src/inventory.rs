//! What is known of people and things that others name: declared beside the policies.
//!
//! Only what is known can be found, and what is known of something counts wherever whoever asks
//! says nothing else. Who belongs to whom is worked out here, once and to the end.

mod above;
mod identities;

use std::{collections::HashMap, ops::Range};

use bailiwick_model::{Charter, Digest, Entity, EntityName, Json};
use cedar_policy_core::ast::EntityUID;

use crate::{
    view::Known,
    vocabulary::{nearest, type_of_others, uid},
};

pub use identities::{IdentityType, IdentityTypeError};

/// Among how many names the one that was meant is looked for.
const NAMES_MAX: usize = 2_000;

/// One entity as somebody declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// What it is, and what is known of it.
    pub entity: Entity,
    /// What it belongs to.
    pub parents: Vec<EntityName>,
}

/// Why something cannot be declared so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undeclarable {
    /// Policies could not name it.
    #[error("`{kind}` is no type that policies can name")]
    Kind {
        /// The type.
        kind: String,
    },
    /// Charters say what there is of it.
    #[error("type `{kind}` is the governor's own: each is declared by its charter")]
    Ours {
        /// The type, as it is ours.
        kind: IdentityType,
    },
    /// It stands there already.
    #[error("`{kind}` `{id}` is declared twice")]
    Twice {
        /// Its type.
        kind: String,
        /// Its id.
        id: String,
    },
    /// It belongs to something that nobody declares.
    #[error("parent `{kind}` `{id}` is not declared")]
    Parent {
        /// The parent's type.
        kind: String,
        /// The parent's id.
        id: String,
        /// The id of that type that may have been meant.
        meant: Option<String>,
    },
    /// It, or something above it, belongs to itself.
    #[error("what `{kind}` `{id}` belongs to goes round in a circle")]
    Circle {
        /// Its type.
        kind: String,
        /// Its id.
        id: String,
    },
    /// There is too much above it.
    #[error("`{kind}` `{id}` belongs to more than {} others", above::MOST)]
    TooMuchAbove {
        /// Its type.
        kind: String,
        /// Its id.
        id: String,
    },
}

/// Everything that is known, in an order that lasts as long as it.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Sorted by type and id.
    known: Vec<Known>,
    places: HashMap<EntityUID, usize>,
    kinds: HashMap<String, Range<usize>>,
    identities: IdentityType,
    version: String,
}

impl Inventory {
    /// Takes in what is declared and the identities that charters register, or says what is wrong
    /// with it: each with its place among the declared.
    pub fn new<'a>(
        declared: &[Declared],
        identities: impl IntoIterator<Item = &'a Charter>,
    ) -> Result<Self, Vec<(usize, Undeclarable)>> {
        Self::calling(IdentityType::default(), declared, identities)
    }

    /// Takes them in like [`Self::new`], where identities are of another type than usual.
    pub fn calling<'a>(
        ours: IdentityType,
        declared: &[Declared],
        identities: impl IntoIterator<Item = &'a Charter>,
    ) -> Result<Self, Vec<(usize, Undeclarable)>> {
        let charters = identities.into_iter();
        let identities: Vec<Declared> = charters.map(|it| identity(&ours, it)).collect();
        let (mut wrong, mut all) = (Vec::new(), Vec::new());
        for (at, one) in declared.iter().enumerate() {
            if ours.is_meant_by(&one.entity.kind) {
                wrong.push((at, Undeclarable::Ours { kind: ours.clone() }));
            } else {
                all.push((Some(at), one));
            }
        }
        all.extend(identities.iter().map(|it| (None, it)));
        let name = |it: &Declared| (it.entity.kind.clone(), it.entity.id.clone());
        all.sort_by_cached_key(|(_, it)| name(it));
        let mut wrong_there = |at: Option<usize>, why| wrong.extend(at.map(|at| (at, why)));
        let (mut uids, mut places) = (Vec::new(), HashMap::new());
        for (place, (at, one)) in all.iter().enumerate() {
            let (kind, id) = name(one);
            let Some(of) = type_of_others(&kind) else {
                wrong_there(*at, Undeclarable::Kind { kind });
                continue;
            };
            let uid = uid(&of, &id);
            if places.insert(uid.clone(), place).is_some() {
                wrong_there(*at, Undeclarable::Twice { kind, id });
            }
            uids.push(uid);
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let parents = all.iter().map(|(_, it)| parents(it, &places)).collect::<Vec<_>>();
        let above = above::all(&parents);
        let mut known = Vec::new();
        for (((at, one), uid), (parents, above)) in
            all.iter().zip(&uids).zip(parents.iter().zip(above))
        {
            let (kind, id) = name(one);
            for unknown in parents.iter().filter_map(|it| it.as_ref().err()) {
                wrong.extend(at.map(|at| (at, missing(unknown, &all))));
            }
            let above = match above {
                Ok(above) => above.into_iter().filter_map(|it| uids.get(it).cloned()).collect(),
                Err(above::Wrong::Circle) => {
                    wrong.extend(at.map(|at| (at, Undeclarable::Circle { kind, id })));
                    continue;
                }
                Err(above::Wrong::TooMuch) => {
                    wrong.extend(at.map(|at| (at, Undeclarable::TooMuchAbove { kind, id })));
                    continue;
                }
            };
            known.push(Known::new(&one.entity, (uid.clone(), above), at.is_none()));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let version = version(&ours, all.iter().map(|(_, it)| *it));
        Ok(Self { kinds: kinds(&known), known, places, identities: ours, version })
    }

    /// Gives what is known of something.
    pub(crate) fn get(&self, uid: &EntityUID) -> Option<&Known> {
        // Mostly nothing is declared.
        if self.known.is_empty() {
            return None;
        }
        self.places.get(uid).and_then(|it| self.known.get(*it))
    }

    /// Gives everything that is known, in order.
    pub(crate) fn all(&self) -> &[Known] {
        &self.known
    }

    /// Gives the places of all of one type; none where nothing of it is known.
    pub(crate) fn of_type(&self, kind: &str) -> Option<Range<usize>> {
        self.kinds.get(kind).cloned()
    }

    /// Gives the type of the identities that charters register.
    pub(crate) const fn identities(&self) -> &IdentityType {
        &self.identities
    }

    /// Names what is known: the digest of all of it; empty where nothing is.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

/// Declares an identity as its charter has it.
fn identity(ours: &IdentityType, charter: &Charter) -> Declared {
    let properties = [
        ("owner", charter.owner.as_str()),
        ("kind", charter.kind.as_str()),
        ("class", charter.class.as_str()),
    ];
    let properties = properties.map(|(name, it)| (name.to_owned(), Json::Text(it.to_owned())));
    let id = charter.identity.as_str().to_owned();
    let entity = Entity { kind: ours.to_string(), id, properties: properties.into() };
    Declared { entity, parents: Vec::new() }
}

/// Finds what something belongs to, each by its place or by its name alone.
fn parents<'a>(
    one: &'a Declared,
    places: &HashMap<EntityUID, usize>,
) -> Vec<Result<usize, &'a EntityName>> {
    let place =
        |name: &EntityName| places.get(&uid(&type_of_others(&name.kind)?, &name.id)).copied();
    one.parents.iter().map(|it| place(it).ok_or(it)).collect()
}

fn missing(name: &EntityName, all: &[(Option<usize>, &Declared)]) -> Undeclarable {
    let of_type = all.iter().filter(|(_, it)| it.entity.kind == name.kind);
    let ids = of_type.map(|(_, it)| it.entity.id.as_str()).take(NAMES_MAX);
    let meant = nearest(&name.id, ids).map(str::to_owned);
    Undeclarable::Parent { kind: name.kind.clone(), id: name.id.clone(), meant }
}

fn kinds(known: &[Known]) -> HashMap<String, Range<usize>> {
    let mut kinds: HashMap<String, Range<usize>> = HashMap::new();
    for (place, one) in known.iter().enumerate() {
        let range = kinds.entry(one.name().kind.clone()).or_insert(place..place);
        range.end = place.saturating_add(1);
    }
    kinds
}

fn version<'a>(ours: &IdentityType, all: impl Iterator<Item = &'a Declared>) -> String {
    let one = |it: &Declared| {
        let Entity { kind, id, properties } = &it.entity;
        let text = |it: &str| Json::Text(it.to_owned());
        let parents = it.parents.iter().map(|it| Json::List(vec![text(&it.kind), text(&it.id)]));
        let parts = vec![
            text(kind),
            text(id),
            Json::Object(properties.clone()),
            Json::List(parents.collect()),
        ];
        Json::List(parts).canonical()
    };
    // Whose word counts of whom is a part of what is known, where it is not as usual.
    let other = (*ours != IdentityType::default()).then(|| ours.to_string());
    let all: Vec<String> = other.into_iter().chain(all.map(one)).collect();
    if all.is_empty() {
        return String::new();
    }
    let parts: Vec<&[u8]> = all.iter().map(String::as_bytes).collect();
    Digest::of_parts(&parts).to_string()
}

#[cfg(test)]
mod tests;
