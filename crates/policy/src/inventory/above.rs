//! Whatever something belongs to, by way of what it belongs to.

use std::collections::BTreeSet;

/// How much may be above one thing: all of it is shown to policies at every question.
pub(super) const MOST: usize = 256;

/// Why what is above something cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It, or something above it, is above itself.
    Circle,
    /// It is too much.
    TooMuch,
}

/// What is known so far of what is above one thing.
#[derive(Clone, Debug)]
enum Told {
    NotYet,
    /// It is being worked out: whoever comes here again has gone in a circle.
    UnderWay,
    All(Result<BTreeSet<usize>, Wrong>),
}

/// Works out what is above each of many, of whom the direct parents are known by their places; a
/// parent that is nowhere has nothing above it.
pub(super) fn all<E>(parents: &[Vec<Result<usize, E>>]) -> Vec<Result<BTreeSet<usize>, Wrong>> {
    let mut told = vec![Told::NotYet; parents.len()];
    (0..parents.len()).map(|it| above(it, parents, &mut told, 0)).collect()
}

fn above<E>(
    place: usize,
    parents: &[Vec<Result<usize, E>>],
    told: &mut [Told],
    depth: usize,
) -> Result<BTreeSet<usize>, Wrong> {
    match told.get(place) {
        Some(Told::All(found)) => return found.clone(),
        Some(Told::UnderWay) => return Err(Wrong::Circle),
        Some(Told::NotYet) | None => {}
    }
    // A chain of this length is more than may be above its first.
    if MOST < depth {
        return Err(Wrong::TooMuch);
    }
    set(told, place, Told::UnderWay);
    let found = gathered(place, parents, told, depth);
    // What was given up from below for its depth may be little by itself.
    let again = found == Err(Wrong::TooMuch) && 0 < depth;
    set(told, place, if again { Told::NotYet } else { Told::All(found.clone()) });
    found
}

fn gathered<E>(
    place: usize,
    parents: &[Vec<Result<usize, E>>],
    told: &mut [Told],
    depth: usize,
) -> Result<BTreeSet<usize>, Wrong> {
    let mut found = BTreeSet::new();
    for parent in parents.get(place).into_iter().flatten().filter_map(|it| it.as_ref().ok()) {
        found.insert(*parent);
        found.extend(above(*parent, parents, told, depth.saturating_add(1))?);
        if MOST < found.len() {
            return Err(Wrong::TooMuch);
        }
    }
    Ok(found)
}

fn set(told: &mut [Told], place: usize, to: Told) {
    if let Some(it) = told.get_mut(place) {
        *it = to;
    }
}
