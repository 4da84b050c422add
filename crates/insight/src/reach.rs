//! Who can reach what, and who did: places, and the hops between them that were made or could be.
//!
//! A hop was made where a chain went along it, or a resource was used; it is possible where a list of grants, or a graph of
//! others, says so. What a grant wants besides is not judged: possible is no less than the truth, and may be more.

mod builder;
mod csr;
mod possible;
mod query;

use bailiwick_model::{Platform, Sensitivity, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use self::possible::has_all;
pub use self::{
    builder::{Labels, MapBuilder},
    csr::{Adjacency, Walk},
    query::{AccessWay, Crossing, ReachSummary, Reached, WayStep, Wish},
};
use crate::exercised::Tally;

/// One identity, or something that identities use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of which system; none where a graph of others does not say.
    pub platform: Option<Platform>,
    /// Its name there.
    pub id: String,
    /// In which account it has that name, where others may have it elsewhere; empty where nothing says so.
    pub within: String,
    /// What sort of thing: `identity`, `resource`, or another's word.
    pub kind: String,
    /// How much harm it does when the wrong eyes see it.
    pub sensitivity: Option<Sensitivity>,
}

/// What was seen of a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Accesses that came by it.
    pub used: Tally,
    /// On how many days the system that it leads to was seen before it was first made.
    pub watched_before: u64,
    /// On how many days that system was seen.
    pub observed_days: u64,
}

/// One step from a place to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// From which place, by its number.
    pub from: u32,
    /// To which.
    pub to: u32,
    /// How: a word of ours, or another's.
    pub via: String,
    /// Whether it was seen being made.
    pub made: Option<Made>,
    /// Whether something says that it can be made.
    pub possible: bool,
    /// Whether whoever makes it can go on from there.
    pub traversable: bool,
}

/// Whether a hop, or a way, was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopState {
    /// It was.
    Exercised,
    /// It could be, and was not seen.
    Possible,
}

impl HopState {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exercised => "exercised",
            Self::Possible => "possible",
        }
    }
}

/// Every place and every hop, each in order.
#[derive(Debug)]
pub struct AccessMap {
    places: Vec<Place>,
    hops: Vec<Hop>,
    chains: Vec<Vec<u32>>,
    pairs_left_out: u64,
    forward: Adjacency,
    backward: Adjacency,
}

impl Hop {
    /// Says whether it was made.
    pub const fn state(&self) -> HopState {
        if self.made.is_some() { HopState::Exercised } else { HopState::Possible }
    }
}

impl Made {
    /// Says whether it was made for the first time after its system had been watched without it.
    pub const fn is_new(&self) -> bool {
        0 < self.watched_before
    }

    /// Gives when it was first made, and when last.
    pub const fn span(&self) -> (Timestamp, Timestamp) {
        (self.used.first, self.used.last)
    }
}

impl AccessMap {
    /// Gives every place.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Gives every hop.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Gives a place by its number.
    pub fn place(&self, number: u32) -> Option<&Place> {
        self.places.get(usize::try_from(number).ok()?)
    }

    /// Says whether a place has a name that another of its system has in another account.
    pub fn has_namesake(&self, place: &Place) -> bool {
        let first = self.places.partition_point(|it| {
            (it.platform, it.id.as_str()) < (place.platform, place.id.as_str())
        });
        let same = self.places.get(first.saturating_add(1));
        same.is_some_and(|it| (it.platform, &it.id) == (place.platform, &place.id))
    }

    /// Says whether a hop leads to another system.
    pub fn crosses(&self, hop: &Hop) -> bool {
        let platform = |it: u32| self.place(it).filter(|it| it.kind != builder::RESOURCE)?.platform;
        matches!((platform(hop.from), platform(hop.to)), (Some(one), Some(next)) if one != next)
    }
}
