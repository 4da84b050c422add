//! One file of policies, cut and compiled. What its next edition begins and ends with is taken over
//! as it is, unread.

use std::{ops::Range, sync::Arc};

use bailiwick_model::Digest;

use crate::{
    PolicySource,
    pieces::{Piece, Pieces, lines},
    schema::Schema,
    seat::Seat,
};

/// One file of policies. It never changes.
#[derive(Debug)]
pub(crate) struct Sheet {
    name: String,
    text: String,
    digest: Digest,
    cuts: Vec<Cut>,
    /// Whether the cuts are its pieces; else it was read as a whole.
    in_pieces: bool,
    /// The schema that all of its policies fit.
    fits: Option<Digest>,
}

/// A piece of a file, or a policy of one that was read as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    start: usize,
    end: usize,
    /// The line on which it begins.
    line: usize,
    /// The place of its policy.
    pub(crate) at: Range<usize>,
    /// Its policy; none where it is blanks and remarks.
    pub(crate) seat: Option<Arc<Seat>>,
}

impl Cut {
    /// Cuts a piece.
    pub(crate) fn of(piece: &Piece<'_>, seat: Option<Arc<Seat>>) -> Self {
        let (start, line) = (piece.start, piece.line);
        let at = seat.as_ref().map_or(start..start, |it| it.at(start));
        Self { start, end: start.saturating_add(piece.text.len()), line, at, seat }
    }

    /// Takes a policy of a file that is read as a whole.
    pub(crate) const fn whole(at: Range<usize>, seat: Arc<Seat>) -> Self {
        Self { start: at.start, end: at.end, line: 0, at, seat: Some(seat) }
    }
}

/// Where the pieces at the end of a file begin: before, and in the next edition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shift {
    before: (usize, usize),
    after: (usize, usize),
}

impl Shift {
    /// Gives a cut of `name` where it stands now.
    pub(crate) fn moved(&self, cut: &Cut, name: &str) -> Cut {
        if self.before == self.after {
            return cut.clone();
        }
        let by = |it: usize, before: usize, after: usize| {
            it.saturating_sub(before).saturating_add(after)
        };
        let place = |it| by(it, self.before.0, self.after.0);
        let (start, line) = (place(cut.start), by(cut.line, self.before.1, self.after.1));
        let seat = cut.seat.as_ref().map(|it| it.placed(name, (start, line)));
        let at = place(cut.at.start)..place(cut.at.end);
        Cut { start, end: place(cut.end), line, at, seat }
    }
}

/// How the next edition of a file hangs together with this one.
#[derive(Debug)]
pub(crate) struct Next<'s, 't> {
    /// What both begin with.
    pub(crate) front: &'s [Cut],
    /// What comes after that.
    pub(crate) between: Vec<Piece<'t>>,
    /// What came after that before.
    pub(crate) loose: &'s [Cut],
    /// What both end with.
    pub(crate) back: &'s [Cut],
    pub(crate) shift: Shift,
}

impl<'t> Next<'_, 't> {
    /// Shares nothing.
    pub(crate) fn new(text: &'t str) -> Self {
        let shift = Shift { before: (0, 1), after: (0, 1) };
        let between = Pieces::of(text).collect();
        Self { front: &[], between, loose: &[], back: &[], shift }
    }
}

impl Sheet {
    /// Puts the cuts of a file together.
    pub(crate) fn new(source: &PolicySource, cuts: Vec<Cut>, in_pieces: bool) -> Self {
        let PolicySource { name, text } = source.clone();
        let digest = Digest::of_parts(&[name.as_bytes(), text.as_bytes()]);
        let mut all = cuts.iter().filter_map(|it| it.seat.as_ref()).map(|it| it.fits());
        let first = all.next().unwrap_or_default();
        let fits = first.filter(|_| all.all(|it| it == first)).copied();
        Self { name, text, digest, cuts, in_pieces, fits }
    }

    /// Says whether this is what `source` says.
    pub(crate) fn is(&self, source: &PolicySource) -> bool {
        self.name == source.name && self.text == source.text
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Gives what it was cut into.
    pub(crate) fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// Says whether nothing is left to find out about its policies, where they are to be held
    /// against `schema`.
    pub(crate) fn is_settled(&self, schema: Option<&Schema>) -> bool {
        let fits = |it: &Schema| self.fits.as_ref() == Some(it.digest());
        schema.is_none_or(fits) || self.cuts.iter().all(|it| it.seat.is_none())
    }

    /// Finds what the next edition, which says `text`, has in common with this one. Between the two
    /// no more is looked at than they differ in.
    pub(crate) fn next<'t>(&self, text: &'t str) -> Next<'_, 't> {
        if !self.in_pieces {
            return Next { loose: &self.cuts, ..Next::new(text) };
        }
        let (old, new) = (self.text.as_bytes(), text.as_bytes());
        let (front, others) =
            self.cuts
                .split_at(self.front(alike(old.chunks(ALIKE), new.chunks(ALIKE), |it| it.iter())));
        let start = front.last().map_or(0, |it| it.end);
        let line = others.first().map(|it| it.line).or_else(|| {
            let last = front.last()?;
            Some(last.line.saturating_add(lines(self.text.get(last.start..last.end)?)))
        });
        let mut pieces = Pieces::from(text, start, line.unwrap_or(1));
        let most = old.len().min(new.len()).saturating_sub(start);
        let end = alike(old.rchunks(ALIKE), new.rchunks(ALIKE), |it| it.iter().rev()).min(most);
        let mut between = Vec::new();
        loop {
            let after = pieces.place();
            // What is left of both is the same, and begins with a piece in both.
            let left = new.len().saturating_sub(after.0);
            let from = old.len().saturating_sub(left);
            let same = others.binary_search_by_key(&from, |it| it.start).ok();
            if let Some(place) = same.filter(|_| left <= end) {
                let (loose, back) = others.split_at(place);
                let before = back.first().map_or(after, |it| (it.start, it.line));
                return Next { front, between, loose, back, shift: Shift { before, after } };
            }
            let Some(piece) = pieces.next() else {
                let shift = Shift { before: after, after };
                return Next { front, between, loose: others, back: &[], shift };
            };
            between.push(piece);
        }
    }

    /// Says how many pieces lie before `end` and are ended there. The last one of a file may go on
    /// in its next edition.
    fn front(&self, end: usize) -> usize {
        let within = self.cuts.partition_point(|it| it.end <= end);
        within.min(self.cuts.len().saturating_sub(1))
    }
}

/// How much is compared at once.
const ALIKE: usize = 1024;

/// Counts the bytes that two texts begin with in common, which come in chunks.
fn alike<'b, I: Iterator<Item = &'b u8>>(
    one: impl Iterator<Item = &'b [u8]> + Clone,
    other: impl Iterator<Item = &'b [u8]> + Clone,
    bytes: impl Fn(&'b [u8]) -> I,
) -> usize {
    let same = one.clone().zip(other.clone()).take_while(|(one, other)| one == other);
    let (chunks, count) = same.fold((0_usize, 0_usize), |(chunks, count), (it, _)| {
        (chunks.saturating_add(1), count.saturating_add(it.len()))
    });
    let last = one.zip(other).nth(chunks).map_or(0, |(one, other)| {
        bytes(one).zip(bytes(other)).take_while(|(one, other)| one == other).count()
    });
    count.saturating_add(last)
}

/// The files of a set, in the order of their digests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Vec<Arc<Sheet>>);

impl Files {
    /// Orders files.
    pub(crate) fn of(mut sheets: Vec<Arc<Sheet>>) -> Self {
        sheets.sort_by_key(|it| it.digest);
        sheets.dedup_by_key(|it| it.digest);
        Self(sheets)
    }

    /// Gives them.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Arc<Sheet>> {
        self.0.iter()
    }

    /// Names each by what it is called and says.
    pub(crate) fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.0.iter().map(|it| &it.digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sheet(text: &str) -> Sheet {
        let source = PolicySource { name: "a".to_owned(), text: text.to_owned() };
        Sheet::new(&source, Pieces::of(text).map(|it| Cut::of(&it, None)).collect(), true)
    }

    fn places(cuts: &[Cut]) -> Vec<(usize, usize, usize)> {
        cuts.iter().map(|it| (it.start, it.end, it.line)).collect()
    }

    /// Cuts `new` with what it has in common with `old`, and says how much had to be looked at.
    fn cut_after(old: &str, new: &str) -> (Vec<(usize, usize, usize)>, usize) {
        let sheet = sheet(old);
        let next = sheet.next(new);
        let between = next.between.len();
        let mut cuts = next.front.to_vec();
        cuts.extend(next.between.iter().map(|it| Cut::of(it, None)));
        cuts.extend(next.back.iter().map(|it| next.shift.moved(it, "a")));
        let all = [next.front, next.loose, next.back].concat();
        assert_eq!(places(&all), places(&sheet.cuts), "each piece of before is somewhere");
        (places(&cuts), between)
    }

    #[test]
    fn no_more_is_looked_at_than_what_differs() {
        let old = "a;\nb;\nc;\nd;\n";
        for (new, looked_at) in [
            (old, 0),
            ("a;\nb;\nx;\nd;\n", 1),
            ("x;\na;\nb;\nc;\nd;\n", 2),
            ("a;\nb;\nd;\n", 0),
            ("a;\nb;\nc;\nd;\ne;\n", 1),
            ("a;\nb;\nc;\nd;\n// more", 1),
            ("", 0),
        ] {
            let (cuts, between) = cut_after(old, new);
            assert_eq!(cuts, places(&sheet(new).cuts), "{new:?}");
            assert!(between <= looked_at, "{new:?}: {between}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_file_that_is_cut_after_another_is_cut_as_it_would_be_by_itself(
            front in "[a;\"/\\\\\n\ré]{0,12}", back in "[a;\"/\\\\\n\ré]{0,12}",
            old in "[a;\"/\\\\\n\ré]{0,6}", new in "[a;\"/\\\\\n\ré]{0,6}",
        ) {
            let (old, new) = (format!("{front}{old}{back}"), format!("{front}{new}{back}"));
            prop_assert_eq!(cut_after(&old, &new).0, places(&sheet(&new).cuts));
        }
    }

    proptest! {
        #[test]
        fn the_common_beginning_and_end_are_counted_whatever_the_chunks(
            same in 0_usize..2500, one in "[ab]{0,3}", other in "[ab]{0,3}",
        ) {
            let same = "x".repeat(same);
            let [one, other] = [one, other].map(|it| format!("{same}{it}"));
            let count = |one: &str, other: &str| {
                one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
            };
            let (a, b) = (one.as_bytes(), other.as_bytes());
            let front = alike(a.chunks(ALIKE), b.chunks(ALIKE), |it| it.iter());
            prop_assert_eq!(front, count(&one, &other));
            let [one, other] = [a, b].map(|it| it.iter().rev().copied().collect::<Vec<u8>>());
            let back = alike(one.rchunks(ALIKE), other.rchunks(ALIKE), |it| it.iter().rev());
            prop_assert_eq!(back, front);
        }
    }
}
