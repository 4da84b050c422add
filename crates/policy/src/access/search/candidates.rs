//! What a search goes through, each by its place: a page that begins late does not list what was
//! before it.

use crate::view::Known;

/// The ids or names of whatever could be found, in an order that lasts as long as the policies.
#[derive(Debug)]
pub struct Candidates<'p>(Which<'p>);

#[derive(Debug)]
enum Which<'p> {
    /// All of these.
    All(&'p [Known]),
    /// Those of these that lie at some places.
    Some(&'p [Known], Vec<usize>),
    /// Whatever is called so.
    Named(Vec<&'p str>),
}

impl<'p> Candidates<'p> {
    pub(super) const fn none() -> Self {
        Self(Which::All(&[]))
    }

    pub(super) const fn all(known: &'p [Known]) -> Self {
        Self(Which::All(known))
    }

    pub(super) const fn some(known: &'p [Known], places: Vec<usize>) -> Self {
        Self(Which::Some(known, places))
    }

    pub(super) const fn named(names: Vec<&'p str>) -> Self {
        Self(Which::Named(names))
    }

    /// Gives the one at a place; none after the last.
    pub fn get(&self, at: usize) -> Option<&'p str> {
        let known = match &self.0 {
            Which::All(known) => known.get(at),
            Which::Some(known, places) => known.get(*places.get(at)?),
            Which::Named(names) => return names.get(at).copied(),
        };
        known.map(|it| it.name().id.as_str())
    }

    /// Gives all of them in order.
    pub fn iter(&self) -> impl Iterator<Item = &'p str> {
        (0..).map_while(|at| self.get(at))
    }
}
