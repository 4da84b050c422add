//! From files to policies: each is compiled by itself, by as many hands as there are, and what says
//! the same as before is not compiled again.

use std::{cmp::Ordering, collections::HashMap, ops::Range, sync::Arc};

use bailiwick_model::Digest;
use miette::NamedSource;

use crate::{
    PolicyError, PolicySource,
    compile::{Names, Naming, read},
    hands,
    judge::Bench,
    mistake::{Found, Mistake},
    pieces::{Piece, pieces},
    reload::{self, Files},
    schema::Schema,
    seat::Seat,
};

/// A piece of one of the files, and what it is known by.
struct Part<'t> {
    source: usize,
    piece: Piece<'t>,
    digest: Digest,
}

/// A policy at its place in one of the files.
pub(crate) struct Placed {
    source: usize,
    at: Range<usize>,
    pub(crate) seat: Arc<Seat>,
    misfits: Vec<Found>,
}

/// Policies without a mistake in them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) seats: Vec<Arc<Seat>>,
    /// What does not fit the calls that they can meet.
    pub(crate) misfits: Vec<PolicyError>,
    /// The files that they come from.
    pub(crate) files: Files,
}

/// What is wrong in the files, each with the number of its file.
pub(crate) type Faults = Vec<(usize, Found)>;

/// What a piece came to.
enum Read {
    Policy(Arc<Seat>, Vec<Found>),
    /// Blanks and remarks.
    Nothing,
    /// Something is wrong with it. What, and where, the whole file tells.
    Wrong,
}

/// Compiles every policy of every file, by id, or says everything that is wrong with them. What
/// is on the bench of `before` is taken from there.
pub(crate) fn load(
    sources: &[PolicySource],
    names: Names<'_>,
    before: &Bench,
) -> Result<Loaded, Vec<PolicyError>> {
    let digests = reload::files(sources);
    let (seats, misfits) = match reload::quick((sources, &digests), names, before) {
        Some(found) => found,
        None => whole(sources, names, before)?,
    };
    Ok(Loaded { seats, misfits, files: digests.into_iter().collect() })
}

/// Policies by id, and what does not fit.
pub(crate) type Fitted = (Vec<Arc<Seat>>, Vec<PolicyError>);

/// Orders policies by id.
pub(crate) fn by_id(one: &Placed, other: &Placed) -> Ordering {
    one.seat.summary.id.cmp(&other.seat.summary.id)
}

fn whole(
    sources: &[PolicySource],
    names: Names<'_>,
    before: &Bench,
) -> Result<Fitted, Vec<PolicyError>> {
    let sources: Vec<&PolicySource> = sources.iter().collect();
    let (mut placed, mut faults) = placed(&sources, names, before.all());
    // Files come one after the other: the first of two policies of one id is the one that has it.
    placed.sort_by(by_id);
    for same in placed.chunk_by(|one, other| one.seat.summary.id == other.seat.summary.id) {
        let Some((first, more)) = same.split_first() else { continue };
        let first = &first.seat.summary;
        for it in more {
            let first_in = first.source.clone().unwrap_or_default();
            let mistake = Mistake::SameId { id: first.id.clone(), first: first_in };
            faults.push((it.source, Found { mistake, at: it.at.clone() }));
        }
    }
    if faults.is_empty() {
        let misfits = misfits(&sources, &mut placed);
        return Ok((placed.into_iter().map(|it| it.seat).collect(), misfits));
    }
    Err(told(&sources, faults))
}

/// Takes what does not fit.
pub(crate) fn misfits(sources: &[&PolicySource], placed: &mut [Placed]) -> Vec<PolicyError> {
    let misfits = placed
        .iter_mut()
        .flat_map(|it| std::mem::take(&mut it.misfits).into_iter().map(|found| (it.source, found)));
    told(sources, misfits.collect())
}

/// Gives what policies are held against.
pub(crate) const fn schema_of(names: Names<'_>) -> Option<&Schema> {
    match names {
        (Naming::Ours(schema), _) => schema,
        (Naming::Any, _) => None,
    }
}

/// Finds every policy, and what is wrong; what is `known` is not compiled again.
pub(crate) fn placed<'k>(
    sources: &[&PolicySource],
    names: Names<'_>,
    known: impl Iterator<Item = &'k Arc<Seat>>,
) -> (Vec<Placed>, Faults) {
    let schema = schema_of(names);
    let known: HashMap<Digest, &Arc<Seat>> = known
        .filter(|it| it.is_settled(schema))
        .filter_map(|it| Some((it.digest()?, it)))
        .collect();
    let parts: Vec<Part<'_>> = sources.iter().enumerate().flat_map(parts).collect();
    let new: Vec<&Part<'_>> = parts.iter().filter(|it| !known.contains_key(&it.digest)).collect();
    let mut made = hands::each(&new, |it| compiled(it, names)).into_iter();
    let (mut all, mut faults) = (Vec::with_capacity(parts.len()), Vec::new());
    for of_file in parts.chunk_by(|one, other| one.source == other.source) {
        let Some(number) = of_file.first().map(|it| it.source) else { continue };
        let Some(source) = sources.get(number) else { continue };
        let (whole, mut wrong) = (all.len(), false);
        for Part { piece, digest, .. } in of_file {
            let seat = match known.get(digest) {
                Some(seat) => Some((Arc::clone(seat), Vec::new())),
                None => match made.next() {
                    Some(Read::Policy(seat, misfits)) => Some((seat, misfits)),
                    Some(Read::Nothing) => None,
                    Some(Read::Wrong) | None => {
                        wrong = true;
                        None
                    }
                },
            };
            all.extend(seat.map(|(seat, misfits)| Placed {
                source: number,
                at: seat.at(piece),
                seat: seat.placed(&source.name, piece),
                misfits: misfits.into_iter().map(|it| it.after(piece.start)).collect(),
            }));
        }
        if wrong {
            all.truncate(whole);
            all.extend(wholly((number, source), names, &mut faults));
        }
    }
    (all, faults)
}

fn parts<'t>((source, file): (usize, &&'t PolicySource)) -> impl Iterator<Item = Part<'t>> {
    let digest = |piece: &Piece<'_>| Digest::of(piece.text.as_bytes());
    let pieces = pieces(&file.text).into_iter().filter(|it| !it.text.trim().is_empty());
    pieces.map(move |piece| Part { source, digest: digest(&piece), piece })
}

/// Compiles one piece.
fn compiled(part: &Part<'_>, names: Names<'_>) -> Read {
    let mut found = Vec::new();
    let mut made = read(part.piece.text, names, &mut found).into_iter();
    match (made.next(), made.next()) {
        _ if !found.is_empty() => Read::Wrong,
        (None, None) => Read::Nothing,
        (Some(one), None) => {
            let seat = one.seat.of_piece(&part.piece, part.digest, one.at);
            Read::Policy(Arc::new(seat), one.misfits)
        }
        (_, Some(_)) => Read::Wrong,
    }
}

/// Reads a file as a whole, for what is wrong with it at its places.
fn wholly(
    (number, source): (usize, &PolicySource),
    names: Names<'_>,
    faults: &mut Faults,
) -> Vec<Placed> {
    let mut found = Vec::new();
    let made = read(&source.text, names, &mut found);
    faults.extend(found.into_iter().map(|it| (number, it)));
    let placed = made.into_iter().map(|mut it| {
        it.seat.summary.source = Some(source.name.clone());
        let (at, misfits) = (it.at, it.misfits);
        Placed { source: number, at, seat: Arc::new(it.seat), misfits }
    });
    placed.collect()
}

/// Puts mistakes in words, each with its file.
fn told(sources: &[&PolicySource], mut faults: Faults) -> Vec<PolicyError> {
    faults.sort_by_key(|(source, it)| (*source, it.at.start, it.at.end));
    let mut errors = Vec::new();
    for same in faults.chunk_by(|(one, _), (other, _)| one == other) {
        let Some(source) = same.first().and_then(|(number, _)| sources.get(*number)) else {
            continue;
        };
        let named = NamedSource::new(&source.name, source.text.clone()).with_language("cedar");
        let file = Arc::new(named);
        errors.extend(same.iter().map(|(_, it)| PolicyError::new(it.clone(), &file)));
    }
    errors
}
