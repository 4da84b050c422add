//! Why policies and lines said what they said: each asked part by part, with what it looked at.
//!
//! It is for people who ask and for the record of a call that was not let through. No verdict is
//! made of it; that the parts come to what the whole said is a test.

use bailiwick_model::{Asked, AskedKind, AskedPart, PartSaid, Saw, Timestamp};

use crate::{
    Case, PolicyEffect, PolicySet,
    parts::{self, Part},
    reads::{Looks, Reads},
    seat::Seat,
    view::{Origin, View, ViewError},
};

/// What was asked of one resource, or of the tool where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The most telling first: what forbids, what permits, what could have permitted, the rest.
    pub asked: Vec<Asked>,
    /// How many more there were.
    pub more: usize,
}

/// How many that could have permitted are put in order by how much of them is missing.
const RANKED: usize = 32;

impl PolicySet {
    /// Asks every policy whose head fits, part by part, and tells of the `most` telling: once for
    /// each resource.
    pub fn explain(&self, case: &Case<'_>, most: usize) -> Vec<Told> {
        let now = case.question.now;
        let told = self.fitting(case, |seats, view, resource| {
            let lives = |it: &&Seat| it.summary.expires.is_none_or(|end| now < end);
            let seats = seats.into_iter().filter(lives).collect();
            let (mut asked, more) = telling(seats, (view, now), most);
            for it in &mut asked {
                it.resource = resource.map(str::to_owned);
            }
            Told { asked, more }
        });
        told.unwrap_or_default()
    }

    /// Asks the policy `id`, head and all, of each resource. Nothing where there is none.
    pub fn explain_one(&self, id: &str, case: &Case<'_>) -> Vec<Asked> {
        let Some(seat) = self.bench.called(id) else { return Vec::new() };
        let mut reads = seat.reads.clone();
        reads.resource = Looks::Itself;
        let head = parts::of_head(&seat.head);
        let asked = |view: View<'_>| {
            let parts: Vec<&Part> = head.iter().chain(seat.parts()).collect();
            asked(seat, &parts, &view)
        };
        case.views(Origin::Task, &reads).into_iter().flatten().map(asked).collect()
    }

    /// Goes through the policies whose head fits, once for each resource.
    pub(crate) fn fitting<T>(
        &self,
        case: &Case<'_>,
        mut each: impl FnMut(Vec<&Seat>, &View<'_>, Option<&str>) -> T,
    ) -> Result<Vec<T>, ViewError> {
        let scene = case.scene()?;
        let index = &self.bench.index;
        let keys = [&scene.principal, &scene.action].map(|it| index.keys(&it.entity));
        let places = case.places()?;
        let resources: Vec<_> = if places.is_empty() {
            vec![&scene.tool]
        } else {
            places.iter().map(|it| &it.resource).collect()
        };
        let found = |entity| index.policies_for(&keys, Some(&index.keys(entity)));
        let found: Vec<Vec<usize>> = resources.iter().map(|it| found(&it.entity)).collect();
        let seats = found.iter().flat_map(|it| self.bench.seats(it));
        let mut reads = Reads::all(seats.map(|it| &it.reads));
        reads.resource = Looks::Itself;
        let mut names = case.question.request.resources.iter();
        let several = 1 < places.len();
        let all = case.views(Origin::Task, &reads)?.zip(&found).map(|(view, found)| {
            let fits = |it: &&Seat| view.ask(&it.head) == Ok(true);
            let seats = self.bench.seats(found).filter(fits).collect();
            each(seats, &view, names.next().map(String::as_str).filter(|_| several))
        });
        Ok(all.collect())
    }
}

/// How telling a policy is of a call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It forbids, or cannot be evaluated.
    Stops,
    /// It permits.
    Permits,
    /// It could have permitted; how many parts are missing.
    Misses(usize),
    /// It does not forbid, or only observes.
    Aside,
}

fn telling(
    seats: Vec<&Seat>,
    (view, now): (&View<'_>, Timestamp),
    most: usize,
) -> (Vec<Asked>, usize) {
    let rank = |it| (rank(it, view, now), it);
    let mut ranked: Vec<(Rank, &Seat)> = seats.into_iter().map(rank).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let misses = ranked.iter_mut().filter(|(it, _)| matches!(it, Rank::Misses(_)));
    for (rank, seat) in misses.take(RANKED) {
        *rank = Rank::Misses(told(seat, view).missing());
    }
    ranked.sort_by(|(one, a), (other, b)| one.cmp(other).then(a.summary.id.cmp(&b.summary.id)));
    let more = ranked.len().saturating_sub(most);
    let told = |(_, seat): (Rank, &Seat)| Asked {
        observed: !seat.summary.mode.enforces(now),
        ..told(seat, view)
    };
    (ranked.into_iter().take(most).map(told).collect(), more)
}

fn rank(seat: &Seat, view: &View<'_>, now: Timestamp) -> Rank {
    if !seat.summary.mode.enforces(now) {
        return Rank::Aside;
    }
    match (seat.summary.effect, seat.asked(view)) {
        (PolicyEffect::Forbid, Ok(true) | Err(_)) => Rank::Stops,
        (PolicyEffect::Permit, Ok(true)) => Rank::Permits,
        (PolicyEffect::Permit, Ok(false) | Err(_)) => Rank::Misses(usize::MAX),
        (PolicyEffect::Forbid, Ok(false)) => Rank::Aside,
    }
}

/// Asks a policy whose head fits.
pub(crate) fn told(seat: &Seat, view: &View<'_>) -> Asked {
    asked(seat, &seat.parts().iter().collect::<Vec<_>>(), view)
}

fn asked(seat: &Seat, parts: &[&Part], view: &View<'_>) -> Asked {
    let summary = &seat.summary;
    let kind = match (summary.effect, &summary.hold) {
        (PolicyEffect::Permit, _) => AskedKind::Permit,
        (PolicyEffect::Forbid, None) => AskedKind::Forbid,
        (PolicyEffect::Forbid, Some(_)) => AskedKind::Hold,
    };
    let mut parts = ask_all(parts.iter().copied(), view);
    for part in &mut parts {
        let place = part.span.and_then(|it| seat.placed_at(it));
        (part.line, part.span) = place.unzip();
    }
    Asked {
        by: summary.id.clone(),
        kind,
        file: summary.source.clone(),
        line: summary.line,
        resource: None,
        applies: together(&parts),
        observed: false,
        parts,
    }
}

/// Asks each part by itself. After one that does not hold, Cedar asks no more: what cannot be
/// evaluated there is no mistake.
pub(crate) fn ask_all<'p>(
    parts: impl Iterator<Item = &'p Part>,
    view: &View<'_>,
) -> Vec<AskedPart> {
    let mut over = false;
    let ask = |part: &Part| {
        let (said, error) = match view.ask(&part.expr) {
            Ok(true) => (PartSaid::Holds, None),
            Ok(false) => (PartSaid::Fails, None),
            Err(_) if over => (PartSaid::NotAsked, None),
            Err(why) => (PartSaid::Breaks, Some(why)),
        };
        over |= said != PartSaid::Holds;
        let saw = |(name, expr): &(String, _)| Saw {
            name: name.clone(),
            value: view.look(expr).map(|it| it.canonical()),
            hidden: false,
        };
        AskedPart {
            text: part.text.clone(),
            unless: part.unless,
            line: None,
            span: part.at.as_ref().map(|it| (it.start, it.end)),
            said,
            error,
            saw: part.reads.iter().map(saw).collect(),
        }
    };
    parts.map(ask).collect()
}

/// Says what parts come to together: the first that does not hold decides.
pub(crate) fn together(parts: &[AskedPart]) -> Option<bool> {
    match parts.iter().map(|it| it.said).find(|it| *it != PartSaid::Holds) {
        None => Some(true),
        Some(PartSaid::Breaks) => None,
        Some(PartSaid::Holds | PartSaid::Fails | PartSaid::NotAsked) => Some(false),
    }
}
