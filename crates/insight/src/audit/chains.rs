//! Who came by which way: chains of credentials that were seen being made and being used.
//!
//! Two steps belong together only where one made the very credential that the other shows. A name that looks alike joins
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, Platform, Timestamp, Via};
use serde::{Deserialize, Serialize};

use crate::exercised::{Exercised, Namesakes, Origin, Shown, SystemIdentity, Tally};

/// One way by which somebody came to be somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Whom it leads through, whoever began it first.
    pub path: Vec<String>,
    /// Of which system each of them is.
    pub platforms: Vec<Platform>,
    /// In which account each of them has its name, where others may have it in theirs; there is none of it where nobody's is.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accounts: Vec<String>,
    /// How each step was made: one fewer than there are names.
    pub via: Vec<Via>,
    /// How many accesses the last of them made by it.
    pub events: u64,
    /// With how many credentials.
    pub credentials: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// Whether it goes on to another system.
    pub crosses: bool,
    /// How much of it was seen.
    pub completeness: Completeness,
    /// Why it begins where it does.
    pub begins: String,
    /// What the last of them calls itself besides: nobody vouches for it, and it joins nothing.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub said: BTreeSet<String>,
}

/// How much of a chain was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// From a credential that lasts on.
    Full,
    /// From somebody whose own credential was made out of sight.
    Partial,
    /// From the system itself.
    PlatformRoot,
}

/// Counts of what came with credentials that count for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// All of it.
    pub events: u64,
    /// Whose credential was seen being made.
    pub joined: u64,
    /// Whose credential the system delivered itself.
    pub delivered: u64,
    /// Whose credential was made where nothing that was read could see it.
    pub out_of_sight: u64,
}

/// Everything that came by one way.
#[derive(Debug)]
struct Walked {
    credentials: BTreeSet<String>,
    said: BTreeSet<String>,
    used: Tally,
}

/// A way from whoever began it, and why it begins there.
type Way = (Vec<SystemIdentity>, Vec<Via>, Origin);

pub(super) fn of(exercised: &Exercised, names: &Namesakes) -> (Vec<Chain>, Sessions) {
    let mut sessions = Sessions::default();
    let mut ways: BTreeMap<Way, Walked> = BTreeMap::new();
    for shown in names.shown(exercised.shown()) {
        sessions.take(&shown);
        if shown.way.is_empty() {
            continue;
        }
        let path = std::iter::once(&shown.by).chain(shown.way.iter().map(|it| &it.from));
        let mut path: Vec<_> = path.cloned().collect();
        let mut via: Vec<_> = shown.way.iter().map(|it| it.via).collect();
        path.reverse();
        via.reverse();
        match ways.entry((path, via, shown.origin)) {
            std::collections::btree_map::Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.credentials.insert(shown.credential);
                known.said.extend(shown.said);
                known.used.join(&shown.used);
            }
            std::collections::btree_map::Entry::Vacant(new) => {
                let credentials = BTreeSet::from([shown.credential]);
                new.insert(Walked { credentials, said: shown.said, used: shown.used });
            }
        }
    }
    (ways.into_iter().map(told).collect(), sessions)
}

impl Chain {
    /// Gives the account in which one of them has its name; it is empty where nobody else can have that name.
    pub fn account(&self, place: usize) -> &str {
        self.accounts.get(place).map_or("", String::as_str)
    }
}

impl Sessions {
    fn take(&mut self, shown: &Shown) {
        // Whoever another system vouches for shows no session's credential.
        if shown.kind != ActorKind::Role
            || matches!(shown.origin, Origin::Vouched if shown.way.is_empty())
        {
            return;
        }
        let sort = match (shown.way.is_empty(), shown.origin) {
            (false, _) => &mut self.joined,
            (true, Origin::Delivered(_)) => &mut self.delivered,
            (true, _) => &mut self.out_of_sight,
        };
        *sort = sort.saturating_add(shown.used.count);
        self.events = self.events.saturating_add(shown.used.count);
    }
}

fn told(((path, via, origin), walked): (Way, Walked)) -> Chain {
    let (completeness, begins) = origin.why();
    let count = |it: usize| u64::try_from(it).unwrap_or(u64::MAX);
    let platforms: Vec<_> = path.iter().map(|it| it.platform).collect();
    let is_local = path.iter().any(|it| !it.within.is_empty());
    let accounts = path.iter().filter(|_| is_local).map(|it| it.within.clone()).collect();
    Chain {
        crosses: platforms.windows(2).any(|pair| pair.first() != pair.last()),
        path: path.into_iter().map(|it| it.id).collect(),
        platforms,
        accounts,
        via,
        events: walked.used.count,
        credentials: count(walked.credentials.iter().filter(|it| !it.is_empty()).count()),
        first: walked.used.first,
        last: walked.used.last,
        completeness,
        begins: begins.to_owned(),
        said: walked.said,
    }
}

impl Origin {
    /// Says how much of a way was seen, and why it begins where it does.
    const fn why(self) -> (Completeness, &'static str) {
        match self {
            Self::Lasting => (Completeness::Full, "a credential that lasts"),
            Self::Governed => (Completeness::Full, "an agent that Bailiwick governs"),
            Self::Vouched => (Completeness::PlatformRoot, "a token of its own system"),
            Self::Itself => (Completeness::PlatformRoot, "the system itself"),
            Self::Delivered(why) => (Completeness::Partial, why),
            Self::OutOfSight => {
                (Completeness::Partial, "its credential was made before, or outside, what was read")
            }
            Self::OutOfTime => {
                (Completeness::Partial, "its credential was made later, or had ended before")
            }
            Self::Unnamed => (Completeness::Partial, "the log names no credential of it"),
            Self::TooLong => (Completeness::Partial, "it has more steps than are followed"),
        }
    }
}

#[cfg(test)]
mod tests;
