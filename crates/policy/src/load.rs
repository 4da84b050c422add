//! From files to policies: each is compiled by itself, by as many hands as there are, and what says
//! the same as before is not looked at again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bailiwick_model::Digest;
use miette::NamedSource;

use crate::{
    PolicyError, PolicySource,
    compile::{Compiled, Names, Naming, read},
    hands,
    judge::Bench,
    mistake::{Found, Mistake},
    pieces::Piece,
    reload::{Moves, Turnover, seated},
    schema::Schema,
    seat::Seat,
    sheet::{Cut, Files, Next, Sheet},
};

/// Policies without a mistake in them.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) seats: Vec<Arc<Seat>>,
    /// The one that stands in no file.
    pub(crate) own: Option<Arc<Seat>>,
    /// Where they stood before.
    pub(crate) moves: Moves,
    /// What is new, and what is not there any more.
    pub(crate) turnover: Turnover,
    /// What does not fit the calls that they can meet.
    pub(crate) misfits: Vec<PolicyError>,
    /// The files that they come from.
    pub(crate) files: Files,
}

/// What is found in the files, each with the number of its file.
type Faults = Vec<(usize, Found)>;

/// One of the files: what it was, or how it goes on.
enum Draft<'s, 't> {
    Same(Arc<Sheet>),
    Next(Next<'s, 't>),
}

/// A piece that is to be compiled, unless it is known.
struct Part<'p, 't> {
    piece: &'p Piece<'t>,
    digest: Digest,
}

/// What a piece came to.
enum Read {
    Policy(Arc<Seat>, Vec<Found>),
    /// Blanks and remarks.
    Nothing,
    /// Something is wrong with it. What, and where, the whole file tells.
    Wrong,
}

/// Compiles every policy of every file, by id, or says everything that is wrong with them. What
/// is on the bench of `before` is taken from there. `own` is in no file.
pub(crate) fn load(
    sources: &[PolicySource],
    own: Option<Arc<Seat>>,
    names: Names<'_>,
    before: &Bench,
) -> Result<Loaded, Vec<PolicyError>> {
    let mut written = written(sources, names, before);
    written.gone.extend(before.own().cloned());
    written.came.extend(own.clone());
    let Written { sheets, gone, came, faults, misfits } = written;
    let turnover = Turnover::of(gone, came);
    let seated = if faults.is_empty() { seated(before.by_id(), &turnover) } else { None };
    let (seats, moves, turnover) = match seated {
        Some((seats, moves)) => (seats, moves, turnover),
        None => anew(sources, &sheets, own.as_ref(), (faults, before))?,
    };
    let (misfits, files) = (told(sources, misfits), Files::of(sheets));
    Ok(Loaded { seats, own, moves, turnover, misfits, files })
}

/// Policies by id, where they stood before, and what is new among them.
type Seated = (Vec<Arc<Seat>>, Moves, Turnover);

/// Seats everything anew, or says all that is wrong.
fn anew(
    sources: &[PolicySource],
    sheets: &[Arc<Sheet>],
    own: Option<&Arc<Seat>>,
    (mut faults, before): (Faults, &Bench),
) -> Result<Seated, Vec<PolicyError>> {
    faults.extend(twice(sheets));
    if !faults.is_empty() {
        return Err(told(sources, faults));
    }
    let all = sheets.iter().flat_map(|it| it.cuts()).filter_map(|it| it.seat.clone());
    let came = Turnover::of(Vec::new(), all.chain(own.cloned()).collect());
    let (seats, moves) = seated(&[], &came).unwrap_or_default();
    let gone = before.all().cloned().collect();
    Ok((seats, moves, Turnover { gone, ..came }))
}

/// Finds the policies whose id another has. Files come one after the other: the first of two is the
/// one that has it.
fn twice(sheets: &[Arc<Sheet>]) -> Faults {
    let mut first: HashMap<&str, &Seat> = HashMap::new();
    let mut faults = Faults::new();
    for (number, sheet) in sheets.iter().enumerate() {
        for Cut { seat, at, .. } in sheet.cuts() {
            let Some(seat) = seat else { continue };
            let id = &seat.summary.id;
            if let Some(other) = first.get(id.as_str()) {
                let first = other.summary.source.clone().unwrap_or_default();
                let mistake = Mistake::SameId { id: id.clone(), first };
                faults.push((number, Found { mistake, at: at.clone() }));
            } else {
                first.insert(id, seat);
            }
        }
    }
    faults
}

/// Gives what policies are held against.
const fn schema_of(names: Names<'_>) -> Option<&Schema> {
    match names {
        (Naming::Ours(schema), _) => schema,
        (Naming::Any, _) => None,
    }
}

/// Files that were read, and how they differ from those of before.
#[derive(Default)]
struct Written {
    sheets: Vec<Arc<Sheet>>,
    /// The policies of files that are not what they were.
    gone: Vec<Arc<Seat>>,
    /// Those that stand there now. Some are on both sides.
    came: Vec<Arc<Seat>>,
    faults: Faults,
    misfits: Faults,
}

/// Reads all files, each after the one of its name.
fn written(sources: &[PolicySource], names: Names<'_>, before: &Bench) -> Written {
    let schema = schema_of(names);
    let (drafts, gone) = drafts(sources, schema, before);
    let settled = gone.iter().filter(|it| it.is_settled(schema));
    let known: HashMap<Digest, &Arc<Seat>> =
        settled.filter_map(|it| Some((it.digest()?, it))).collect();
    let parts: Vec<Part<'_, '_>> = drafts.iter().flat_map(Draft::parts).collect();
    let new: Vec<&Part<'_, '_>> =
        parts.iter().filter(|it| !known.contains_key(&it.digest)).collect();
    let mut made = hands::few(&new, AT_ONCE, |it| together(it, names)).into_iter();
    let mut read = parts.iter().map(|it| match known.get(&it.digest) {
        Some(seat) => Read::Policy(Arc::clone(seat), Vec::new()),
        None => made.next().unwrap_or(Read::Wrong),
    });
    let mut written = Written::default();
    for (number, (source, draft)) in sources.iter().zip(&drafts).enumerate() {
        let sheet = match draft {
            Draft::Same(sheet) => Arc::clone(sheet),
            Draft::Next(next) => match pieced(source, next, &mut read) {
                Some(pieced) => written.take((number, source), pieced),
                None => written.take_whole((number, source), next, names),
            },
        };
        written.sheets.push(sheet);
    }
    drop(read);
    written.gone.extend(gone);
    written
}

/// Finds what each file has in common with what it was, and the policies that stood in what is not
/// there any more.
fn drafts<'s, 't>(
    sources: &'t [PolicySource],
    schema: Option<&Schema>,
    before: &'s Bench,
) -> (Vec<Draft<'s, 't>>, Vec<Arc<Seat>>) {
    let names: HashSet<&str> = sources.iter().map(|it| it.name.as_str()).collect();
    // Of files with one name nobody can say which was which.
    let apart = names.len() == sources.len();
    let known = before.files().each().filter(|it| apart && it.is_settled(schema));
    let mut known: HashMap<&str, &Arc<Sheet>> = known.map(|it| (it.name(), it)).collect();
    let mut stay = HashSet::new();
    let draft = |source: &'t PolicySource| match known.remove(source.name.as_str()) {
        Some(sheet) => {
            stay.insert(Arc::as_ptr(sheet));
            if sheet.is(source) {
                Draft::Same(Arc::clone(sheet))
            } else {
                Draft::Next(sheet.next(&source.text))
            }
        }
        None => Draft::Next(Next::new(&source.text)),
    };
    let drafts: Vec<Draft<'s, 't>> = sources.iter().map(draft).collect();
    let others = before.files().each().filter(|it| !stay.contains(&Arc::as_ptr(it)));
    let loose = drafts.iter().flat_map(Draft::loose);
    let gone = others.flat_map(|it| it.cuts()).chain(loose);
    let gone = gone.filter_map(|it| it.seat.clone()).collect();
    (drafts, gone)
}

impl<'s, 't> Draft<'s, 't> {
    /// Gives the pieces that are not known from their places.
    fn parts(&self) -> impl Iterator<Item = Part<'_, 't>> {
        let next = match self {
            Self::Same(_) => None,
            Self::Next(next) => Some(next),
        };
        let pieces = next.into_iter().flat_map(|it| &it.between).filter(|it| !is_blank(it));
        pieces.map(|piece| Part { piece, digest: Digest::of(piece.text.as_bytes()) })
    }

    fn loose(&self) -> &'s [Cut] {
        match self {
            Self::Same(_) => &[],
            Self::Next(next) => next.loose,
        }
    }
}

fn is_blank(piece: &Piece<'_>) -> bool {
    piece.text.trim().is_empty()
}

/// A file put together from its pieces.
#[derive(Default)]
struct Pieced {
    cuts: Vec<Cut>,
    gone: Vec<Arc<Seat>>,
    came: Vec<Arc<Seat>>,
    misfits: Vec<Found>,
}

/// Puts a file together; none where a piece of it is wrong.
fn pieced(
    source: &PolicySource,
    next: &Next<'_, '_>,
    read: &mut impl Iterator<Item = Read>,
) -> Option<Pieced> {
    let mut pieced = Pieced { cuts: next.front.to_vec(), ..Pieced::default() };
    let mut good = true;
    for piece in &next.between {
        let seat = match if is_blank(piece) { Some(Read::Nothing) } else { read.next() } {
            Some(Read::Policy(seat, misfits)) => {
                pieced.misfits.extend(misfits.into_iter().map(|it| it.after(piece.start)));
                Some(seat.placed(&source.name, (piece.start, piece.line)))
            }
            Some(Read::Nothing) => None,
            Some(Read::Wrong) | None => {
                good = false;
                None
            }
        };
        pieced.came.extend(seat.clone());
        pieced.cuts.push(Cut::of(piece, seat));
    }
    for old in next.back {
        let cut = next.shift.moved(old, &source.name);
        if let (Some(before), Some(after)) = (&old.seat, &cut.seat)
            && !Arc::ptr_eq(before, after)
        {
            pieced.gone.push(Arc::clone(before));
            pieced.came.push(Arc::clone(after));
        }
        pieced.cuts.push(cut);
    }
    good.then_some(pieced)
}

impl Written {
    fn take(&mut self, (number, source): (usize, &PolicySource), pieced: Pieced) -> Arc<Sheet> {
        let Pieced { cuts, gone, came, misfits } = pieced;
        self.gone.extend(gone);
        self.came.extend(came);
        self.misfits.extend(misfits.into_iter().map(|it| (number, it)));
        Arc::new(Sheet::new(source, cuts, true))
    }

    /// Reads a file as a whole, for what is wrong with it at its places.
    fn take_whole(
        &mut self,
        (number, source): (usize, &PolicySource),
        next: &Next<'_, '_>,
        names: Names<'_>,
    ) -> Arc<Sheet> {
        let known = next.front.iter().chain(next.back);
        self.gone.extend(known.filter_map(|it| it.seat.clone()));
        let mut found = Vec::new();
        let made = read(&source.text, names, &mut found);
        self.faults.extend(found.into_iter().map(|it| (number, it)));
        let mut cuts = Vec::with_capacity(made.len());
        for mut it in made {
            it.summary.source = Some(source.name.clone());
            self.misfits.extend(it.misfits.into_iter().map(|it| (number, it)));
            let seat = Arc::new(Seat::new(it.body, it.summary));
            self.came.push(Arc::clone(&seat));
            cuts.push(Cut::whole(it.at, seat));
        }
        Arc::new(Sheet::new(source, cuts, false))
    }
}

/// How many pieces are read at once: Cedar's lexer learns its words anew for each text.
const AT_ONCE: usize = 32;

/// Compiles some pieces, each as if it were by itself.
fn together(parts: &[&Part<'_, '_>], names: Names<'_>) -> Vec<Read> {
    let apart = || parts.iter().map(|it| alone(it, names)).collect();
    // What no semicolon ends would run on into the next one.
    if parts.len() < 2 || parts.iter().any(|it| !it.piece.ended) {
        return apart();
    }
    let text: String = parts.iter().map(|it| it.piece.text).collect();
    let mut found = Vec::new();
    let mut made = read(&text, names, &mut found).into_iter().peekable();
    if !found.is_empty() {
        return apart();
    }
    let (mut all, mut start) = (Vec::with_capacity(parts.len()), 0_usize);
    for part in parts {
        let end = start.saturating_add(part.piece.text.len());
        // Each holds one policy, and all of it. Where that is not so none is read along with others.
        let Some(own) = made.next_if(|it| start <= it.at.start && it.at.end <= end) else {
            return apart();
        };
        all.push(part.policy(own.before(start)));
        start = end;
    }
    if made.next().is_some() { apart() } else { all }
}

/// Compiles one piece.
fn alone(part: &Part<'_, '_>, names: Names<'_>) -> Read {
    let mut found = Vec::new();
    let mut made = read(part.piece.text, names, &mut found).into_iter();
    match (made.next(), made.next()) {
        _ if !found.is_empty() => Read::Wrong,
        (None, None) => Read::Nothing,
        (Some(one), None) => part.policy(one),
        (_, Some(_)) => Read::Wrong,
    }
}

impl Part<'_, '_> {
    fn policy(&self, one: Compiled) -> Read {
        let body = one.body.of_piece(self.piece, self.digest, one.at);
        Read::Policy(Arc::new(Seat::new(body, one.summary)), one.misfits)
    }
}

/// Puts mistakes in words, each with its file.
fn told(sources: &[PolicySource], mut faults: Faults) -> Vec<PolicyError> {
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
