//! Asks the map: from whom, to what, by which way.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Platform, Sensitivity, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    AccessMap, Hop, HopState,
    builder::{ACCESS, RESOURCE},
};

/// How many ways are told before they are only counted.
const WAYS_MAX: usize = 10_000;

/// What somebody wants to know.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// From whom: a name, or a part of one. Without, from everybody.
    pub from: Option<String>,
    /// To whom or what. Without, to everything.
    pub to: Option<String>,
    /// To whatever is at least so sensitive.
    pub at_least: Option<Sensitivity>,
    /// How many hops far.
    pub far: u32,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Counts of the whole map.
    pub summary: ReachSummary,
    /// Each way: to one place the one that was made, and a shorter one that could be.
    pub ways: Vec<AccessWay>,
    /// Every hop from one system to another that was made.
    pub crossings: Vec<Crossing>,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachSummary {
    /// Places.
    pub places: u64,
    /// Hops that were made.
    pub exercised: u64,
    /// Hops that could be made, and were not seen.
    pub possible: u64,
    /// Places from which was asked.
    pub from: u64,
    /// Places to which was asked.
    pub to: u64,
    /// Ways beyond those that are told.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub more_ways: u64,
    /// Pairs of identities that were too many to look at: whether one of them could become the other is not told.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub pairs_left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is called with a reference")]
fn is_nothing(count: &u64) -> bool {
    *count == 0
}

/// One way from a place to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessWay {
    /// Where it begins; where several have one name, the account stands behind it in brackets.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// How sensitive that is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sensitivity: Option<Sensitivity>,
    /// Whether each of its hops was made.
    pub state: HopState,
    /// Whether one chain of credentials went all of it, but for the resource at its end.
    pub one_chain: bool,
    /// Its hops.
    pub steps: Vec<WayStep>,
}

/// One hop of a way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WayStep {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How.
    pub via: String,
    /// Whether it was made.
    pub state: HopState,
    /// How many accesses came by it.
    pub count: u64,
    /// When first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Timestamp>,
    /// When last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Timestamp>,
    /// Whether it leads to another system.
    pub crosses: bool,
    /// Whether it leads to another system, and did so for the first time after that had been watched without it.
    pub new: bool,
}

/// A hop from one system to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Crossing {
    /// From which system.
    pub from_platform: Platform,
    /// From whom there.
    pub from: String,
    /// To which system.
    pub to_platform: Platform,
    /// To whom there.
    pub to: String,
    /// How.
    pub via: String,
    /// How many accesses came by it.
    pub count: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// On how many days the system that it leads to had been seen before.
    pub watched_before: u64,
    /// Whether that was on any.
    pub new: bool,
}

impl AccessMap {
    /// Finds the ways that somebody asks for.
    pub fn reach(&self, wish: &Wish) -> Reached {
        let (from, to) = (self.named(wish.from.as_deref()), self.wanted(wish));
        let (mut ways, mut more_ways) = (BTreeSet::new(), 0_u64);
        let mut add = |hops: &dyn Fn() -> Vec<u32>, back| {
            if ways.len() < WAYS_MAX {
                ways.extend(self.way(hops(), back));
            } else {
                more_ways = more_ways.saturating_add(1);
            }
        };
        // From the fewer: back from few targets, or on from few beginnings.
        let back = wish.from.is_none();
        let asked = wish.from.is_some() || wish.to.is_some() || wish.at_least.is_some();
        for begin in if back { &to } else { &from }.iter().filter(|_| asked) {
            let graph = if back { &self.backward } else { &self.forward };
            let walk = |open: &dyn Fn(&Hop) -> bool| {
                graph.walk(&[*begin], wish.far, |it| {
                    self.hop(it).is_some_and(|it| it.traversable && open(it))
                })
            };
            let made = walk(&|it| it.made.is_some());
            let any = walk(&|_| true);
            let by_made_far: BTreeMap<u32, u32> = made.reached.iter().copied().collect();
            let ends = if back { &from } else { &to };
            for (place, far) in
                any.reached.iter().filter(|(it, _)| ends.contains(it) && it != begin)
            {
                let by_made = by_made_far.get(place).copied();
                if by_made.is_some() {
                    add(&|| made.hops_to(*place), back);
                }
                if by_made.is_none_or(|it| *far < it) {
                    add(&|| any.hops_to(*place), back);
                }
            }
        }
        let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
        let exercised = self.hops.iter().filter(|it| it.made.is_some()).count();
        let summary = ReachSummary {
            places: count(self.places.len()),
            exercised: count(exercised),
            possible: count(self.hops.len().saturating_sub(exercised)),
            from: count(from.len()),
            to: count(to.len()),
            more_ways,
            pairs_left_out: self.pairs_left_out,
        };
        let crossings = self.hops.iter().filter_map(|it| self.crossing(it));
        let mut crossings: Vec<_> = crossings.collect();
        crossings.sort();
        Reached { summary, ways: ways.into_iter().collect(), crossings }
    }

    /// Finds places by name: the very one, or else all that have it as a part.
    pub fn named(&self, name: Option<&str>) -> BTreeSet<u32> {
        let all = || (0_u32..).zip(&self.places);
        let Some(name) = name else {
            return all().filter(|it| it.1.kind != RESOURCE).map(|it| it.0).collect();
        };
        let exact: BTreeSet<_> = all().filter(|it| it.1.id == name).map(|it| it.0).collect();
        if exact.is_empty() {
            all().filter(|it| it.1.id.contains(name)).map(|it| it.0).collect()
        } else {
            exact
        }
    }

    fn wanted(&self, wish: &Wish) -> BTreeSet<u32> {
        let named = match &wish.to {
            Some(name) => self.named(Some(name)),
            None => (0_u32..).zip(&self.places).map(|it| it.0).collect(),
        };
        let sensitive = |it: &u32| {
            let place = self.place(*it).and_then(|it| it.sensitivity);
            wish.at_least.is_none_or(|least| place.is_some_and(|it| least <= it))
        };
        named.into_iter().filter(sensitive).collect()
    }

    fn hop(&self, number: u32) -> Option<&Hop> {
        self.hops.get(usize::try_from(number).ok()?)
    }

    fn way(&self, mut hops: Vec<u32>, back: bool) -> Option<AccessWay> {
        if back {
            hops.reverse();
        }
        let hops: Vec<&Hop> = hops.into_iter().filter_map(|it| self.hop(it)).collect();
        let (first, last) = (hops.first()?, hops.last()?);
        let end = self.place(last.to)?;
        let made = hops.iter().all(|it| it.made.is_some());
        let whole = hops.iter().filter(|it| it.via != ACCESS);
        let path: Vec<u32> = std::iter::once(first.from).chain(whole.map(|it| it.to)).collect();
        Some(AccessWay {
            from: self.name(first.from),
            to: self.name(last.to),
            sensitivity: end.sensitivity,
            state: if made { HopState::Exercised } else { HopState::Possible },
            one_chain: made
                && (path.len() == 1
                    || self.chains.iter().any(|it| it.windows(path.len()).any(|it| it == path))),
            steps: hops.iter().map(|it| self.step(it)).collect(),
        })
    }

    fn step(&self, hop: &Hop) -> WayStep {
        let made = hop.made.as_ref();
        WayStep {
            from: self.name(hop.from),
            to: self.name(hop.to),
            via: hop.via.clone(),
            state: hop.state(),
            count: made.map_or(0, |it| it.used.count),
            first: made.map(|it| it.span().0),
            last: made.map(|it| it.span().1),
            crosses: self.crosses(hop),
            new: self.crosses(hop) && made.is_some_and(super::Made::is_new),
        }
    }

    fn crossing(&self, hop: &Hop) -> Option<Crossing> {
        let made = hop.made.as_ref().filter(|_| self.crosses(hop))?;
        let place = |it: u32| Some((self.place(it)?.platform?, self.name(it)));
        let ((from_platform, from), (to_platform, to)) = (place(hop.from)?, place(hop.to)?);
        Some(Crossing {
            from_platform,
            from,
            to_platform,
            to,
            via: hop.via.clone(),
            count: made.used.count,
            first: made.span().0,
            last: made.span().1,
            watched_before: made.watched_before,
            new: made.is_new(),
        })
    }

    fn name(&self, place: u32) -> String {
        let Some(place) = self.place(place) else { return String::new() };
        if !place.within.is_empty() && self.has_namesake(place) {
            return format!("{} ({})", place.id, place.within);
        }
        place.id.clone()
    }
}

#[cfg(test)]
mod tests;
