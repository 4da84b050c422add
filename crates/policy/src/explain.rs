//! Why policies and lines said what they said: each asked part by part, with what it looked at.
//!
//! It is for people who ask and for the record of a call that was not let through. No verdict is
//! made of it; that the parts come to what the whole said is a test.

use bailiwick_model::{Asked, AskedKind, AskedPart, PartSaid, Saw, Timestamp, VerdictKind};

use cedar_policy_core::ast::Expr;

use crate::{
    Case, PolicyEffect, PolicySet, PolicySummary,
    parts::{self, Part},
    reads::{Looks, Reads},
    seat::Seat,
    view::{Origin, View, ViewError},
};

/// What was asked of a call that was not let through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The most telling first, whatever it was asked of.
    pub asked: Vec<(Rank, Asked)>,
    /// How many more there were.
    pub more: usize,
}

/// How telling a policy or line is of a call that was not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It forbids, or is a forbid that cannot be evaluated.
    Stops,
    /// It could have let it through, and nothing else did; how many parts are missing.
    Misses(usize),
    /// It permits.
    Permits,
    /// It does not forbid, only observes, or misses where another permits.
    Aside,
}

/// How many that could have let a call through are put in order by how much of them is missing.
pub(crate) const RANKED: usize = 32;
/// How many resources are looked at of those for which a call was stopped.
pub(crate) const FEW: usize = 3;
/// How many bytes of what it saw are told of one policy or line.
pub(crate) const SEEN: usize = 16 << 10;
/// How many bytes a value may have that is told of.
const VALUE: usize = 4 << 10;

impl Told {
    /// Puts both together, and leaves the `most` telling.
    #[must_use]
    pub fn and(mut self, other: Self, most: usize) -> Self {
        self.asked.extend(other.asked);
        self.asked.sort_by_key(|(rank, _)| *rank);
        let cut = self.asked.len().saturating_sub(most);
        self.asked.truncate(most);
        self.more = self.more.saturating_add(other.more).saturating_add(cut);
        self
    }
}

/// The policies whose head fits a resource that a call was stopped for, and what they see of it.
pub(crate) struct Spot<'a> {
    pub(crate) seats: Vec<&'a Seat>,
    pub(crate) view: View<'a>,
    /// Which, where policies see a difference between several.
    resource: Option<&'a str>,
}

impl PolicySet {
    /// Asks the policies whose head fits, part by part, and tells of the `most` telling: of the
    /// first resources that policies stopped the call for.
    pub fn explain(&self, case: &Case<'_>, most: usize) -> Told {
        let now = case.question.now;
        let spots = self.stopped_for(case).unwrap_or_default();
        let ranked = |spot| ranked(spot, now).into_iter().map(move |(rank, it)| (rank, spot, it));
        let mut ranked: Vec<(Rank, &Spot<'_>, &Seat)> = spots.iter().flat_map(ranked).collect();
        ranked.sort_by(|(one, _, a), (other, _, b)| {
            one.cmp(other).then_with(|| a.summary.id.cmp(&b.summary.id))
        });
        let more = ranked.len().saturating_sub(most);
        let told = |(rank, spot, seat): (Rank, &Spot<'_>, &Seat)| {
            let resource = spot.resource.map(str::to_owned);
            let observed = !seat.summary.mode.enforces(now);
            (rank, Asked { resource, observed, ..told(seat, &spot.view) })
        };
        Told { asked: ranked.into_iter().take(most).map(told).collect(), more }
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

    /// Finds the first resources that policies stop a call for. Where these see no difference
    /// between them, the first stands for all.
    pub(crate) fn stopped_for<'a>(
        &'a self,
        case: &'a Case<'_>,
    ) -> Result<Vec<Spot<'a>>, ViewError> {
        let now = case.question.now;
        let counts = |it: &PolicySummary| lives(it, now) && it.mode.enforces(now);
        let said = self.ask(case)?;
        let stops = said.iter().map(|it| it.verdict(counts).kind() != VerdictKind::Allow);
        let stopped = stops.enumerate().filter(|(_, it)| *it).map(|(place, _)| place);
        let stopped: Vec<usize> = stopped.take(FEW).collect();
        let (scene, places) = (case.scene()?, case.places()?);
        let index = &self.bench.index;
        let keys = [&scene.principal, &scene.action].map(|it| index.keys(&it.entity));
        let fitting = |place: &usize| {
            let resource = places.get(*place).map_or(&scene.tool, |it| &it.resource);
            index.policies_for(&keys, Some(&index.keys(&resource.entity)))
        };
        let found: Vec<Vec<usize>> = stopped.iter().map(fitting).collect();
        let seats = found.iter().flat_map(|it| self.bench.seats(it));
        let mut reads = Reads::all(seats.map(|it| &it.reads));
        // One view for each, of which no more than these are made.
        reads.resource = Looks::Itself;
        let views = case.views(Origin::Task, &reads)?.enumerate();
        let views = views.filter(|(place, _)| stopped.contains(place)).zip(&found);
        let several = 1 < said.len();
        let spot = |((place, view), found): ((usize, View<'a>), &Vec<usize>)| {
            let fits = |it: &&Seat| lives(&it.summary, now) && view.ask(&it.head) == Ok(true);
            let seats = self.bench.seats(found).filter(fits).collect();
            let mut names = case.question.request.resources.iter();
            let resource = names.nth(place).map(String::as_str).filter(|_| several);
            Spot { seats, view, resource }
        };
        Ok(views.map(spot).collect())
    }
}

fn lives(policy: &PolicySummary, now: Timestamp) -> bool {
    policy.expires.is_none_or(|end| now < end)
}

fn ranked<'s>(spot: &Spot<'s>, now: Timestamp) -> Vec<(Rank, &'s Seat)> {
    let rank = |it: &&'s Seat| (rank(it, &spot.view, now), *it);
    let mut ranked: Vec<(Rank, &Seat)> = spot.seats.iter().map(rank).collect();
    let permitted = ranked.iter().any(|(it, _)| *it == Rank::Permits);
    let misses = ranked.iter_mut().filter(|(it, _)| matches!(it, Rank::Misses(_)));
    for (place, (rank, seat)) in misses.enumerate() {
        if permitted {
            *rank = Rank::Aside;
        } else if place < RANKED {
            *rank = Rank::Misses(missing(seat.parts(), &spot.view));
        }
    }
    ranked
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

/// Counts the parts that do not hold.
pub(crate) fn missing(parts: &[Part], view: &View<'_>) -> usize {
    said(parts.iter(), view).filter(|(_, it, _)| is_missing(*it)).count()
}

const fn is_missing(said: PartSaid) -> bool {
    match said {
        PartSaid::Fails | PartSaid::Breaks => true,
        PartSaid::Holds | PartSaid::NotAsked => false,
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
    let mut parts = ask_all(parts.iter().copied(), view, SEEN);
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
fn said<'p>(
    parts: impl Iterator<Item = &'p Part>,
    view: &View<'_>,
) -> impl Iterator<Item = (&'p Part, PartSaid, Option<String>)> {
    let mut over = false;
    parts.map(move |part| {
        let (said, error) = match view.ask(&part.expr) {
            Ok(true) => (PartSaid::Holds, None),
            Ok(false) => (PartSaid::Fails, None),
            Err(_) if over => (PartSaid::NotAsked, None),
            Err(why) => (PartSaid::Breaks, Some(why)),
        };
        over |= said != PartSaid::Holds;
        (part, said, error)
    })
}

/// Asks each part by itself, and tells of what they saw as far as there is `room`, in bytes.
pub(crate) fn ask_all<'p>(
    parts: impl Iterator<Item = &'p Part>,
    view: &View<'_>,
    mut room: usize,
) -> Vec<AskedPart> {
    let told = |(part, said, error): (&Part, PartSaid, Option<String>)| AskedPart {
        text: part.text.clone(),
        unless: part.unless,
        line: None,
        span: part.at.as_ref().map(|it| (it.start, it.end)),
        said,
        error,
        saw: part.reads.iter().map_while(|it| saw(it, view, &mut room)).collect(),
    };
    said(parts, view).map(told).collect()
}

/// Tells of one value; nothing where no room is left.
fn saw((name, expr): &(String, Expr), view: &View<'_>, room: &mut usize) -> Option<Saw> {
    let left = room.checked_sub(name.len()).filter(|it| *it != 0)?;
    let (value, hidden) = view.glance(expr, VALUE.min(left)).unzip();
    let value = value.map(|it| it.canonical());
    *room = left.saturating_sub(value.as_ref().map_or(1, String::len));
    Some(Saw { name: name.clone(), value, hidden: hidden.unwrap_or(false) })
}

/// Says what parts come to together: the first that does not hold decides.
pub(crate) fn together(parts: &[AskedPart]) -> Option<bool> {
    match parts.iter().map(|it| it.said).find(|it| *it != PartSaid::Holds) {
        None => Some(true),
        Some(PartSaid::Breaks) => None,
        Some(PartSaid::Holds | PartSaid::Fails | PartSaid::NotAsked) => Some(false),
    }
}
