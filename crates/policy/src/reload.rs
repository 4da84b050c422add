//! A set of policies after another, whose files are for the most part what they were: files that
//! say the same are not looked into, and what is filed already is not filed again.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use bailiwick_model::Digest;

use crate::{
    PolicySource,
    compile::Names,
    judge::Bench,
    load::{Fitted, Placed, by_id, misfits, placed, schema_of},
    seat::Seat,
};

/// Files by the digests of their names and texts.
pub(crate) type Files = BTreeSet<Digest>;

/// Names each file by what it is called and says.
pub(crate) fn files(sources: &[PolicySource]) -> Vec<Digest> {
    let parts = |it: &PolicySource| Digest::of_parts(&[it.name.as_bytes(), it.text.as_bytes()]);
    sources.iter().map(parts).collect()
}

/// Gives the policies of `sources`, by id, where most of these files are on the bench of `before`
/// and all is well. None where it must be looked at as a whole.
pub(crate) fn quick(
    (sources, files): (&[PolicySource], &[Digest]),
    names: Names<'_>,
    before: &Bench,
) -> Option<Fitted> {
    let (same, others): (Vec<_>, Vec<_>) =
        sources.iter().zip(files).partition(|(_, digest)| before.files().contains(digest));
    let (same, others) = (same.into_iter().map(|(it, _)| it), others.into_iter().map(|(it, _)| it));
    let (same, others): (Vec<&PolicySource>, Vec<&PolicySource>) =
        (same.collect(), others.collect());
    let unchanged: HashSet<&str> = same.iter().map(|it| it.name.as_str()).collect();
    let twice = unchanged.len() < same.len()
        || others.iter().any(|it| unchanged.contains(it.name.as_str()));
    if same.is_empty() || twice {
        return None;
    }
    let stays = |it: &&Arc<Seat>| {
        it.summary.source.as_deref().is_some_and(|source| unchanged.contains(source))
    };
    let schema = schema_of(names);
    if !before.all().filter(stays).all(|it| it.is_settled(schema)) {
        return None;
    }
    let (mut changed, faults) = placed(&others, names, before.all().filter(|it| !stays(it)));
    if !faults.is_empty() {
        return None;
    }
    let misfits = misfits(&others, &mut changed);
    changed.sort_by(by_id);
    Some((joined(before.all().filter(stays), changed)?, misfits))
}

/// Joins two lists that are sorted by id, and have no id in common.
fn joined<'a>(
    one: impl Iterator<Item = &'a Arc<Seat>>,
    other: Vec<Placed>,
) -> Option<Vec<Arc<Seat>>> {
    let mut all: Vec<Arc<Seat>> = Vec::new();
    let mut other = other.into_iter().map(|it| it.seat).peekable();
    for seat in one {
        while let Some(earlier) = other.next_if(|it| it.summary.id < seat.summary.id) {
            all.push(earlier);
        }
        all.push(Arc::clone(seat));
    }
    all.extend(other);
    let ids = || all.iter().map(|it| &it.summary.id);
    let apart = ids().zip(ids().skip(1)).all(|(one, next)| one < next);
    apart.then_some(all)
}

/// Where policies stand that stood elsewhere before.
pub(crate) struct Moves {
    /// Of each place of before, where the policy stands now.
    pub(crate) places: Vec<Option<usize>>,
    /// The places of those that were not there.
    pub(crate) fresh: Vec<usize>,
}

impl Moves {
    /// Finds them, of two lists that are sorted by id.
    pub(crate) fn of(before: &[Arc<Seat>], after: &[Arc<Seat>]) -> Self {
        let mut moves = Self { places: vec![None; before.len()], fresh: Vec::new() };
        let mut old = before.iter().zip(&mut moves.places).peekable();
        for (place, seat) in after.iter().enumerate() {
            let same = |it: &Arc<Seat>| Arc::ptr_eq(it, seat);
            // Those that come earlier are gone.
            while old.next_if(|(it, _)| !same(it) && it.summary.id < seat.summary.id).is_some() {}
            match old.next_if(|(it, _)| same(it)) {
                Some((_, moved)) => *moved = Some(place),
                None => moves.fresh.push(place),
            }
        }
        moves
    }
}
