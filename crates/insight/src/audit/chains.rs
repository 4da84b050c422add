//! Who came by which way: chains of credentials that were seen being made and being used.
//!
//! Two steps belong together only where one made the very credential that the other shows. A name that looks alike joins
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, Timestamp, Via};
use serde::{Deserialize, Serialize};

use crate::exercised::{Doer, Exercised, Origin, SystemIdentity, Tally};

/// How many steps a chain has at most.
const STEPS_MAX: usize = 16;

/// One way by which somebody came to be somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Whom it leads through, whoever began it first.
    pub path: Vec<String>,
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

#[derive(Debug, Default)]
struct Edge {
    credentials: BTreeSet<String>,
    used: Option<Tally>,
}

pub(super) fn of(
    exercised: &Exercised,
    doers: &BTreeMap<SystemIdentity, Doer>,
) -> (Vec<Chain>, Sessions) {
    let mut edges: BTreeMap<(SystemIdentity, Via, SystemIdentity), Edge> = BTreeMap::new();
    let mut sessions = Sessions::default();
    let mut begins: BTreeMap<SystemIdentity, &'static str> = BTreeMap::new();
    let mut lasting: BTreeSet<SystemIdentity> = BTreeSet::new();
    for shown in exercised.shown() {
        let is_session = doers.get(&shown.by).is_some_and(|it| it.kind == ActorKind::Role);
        let count = if is_session { shown.used.count } else { 0 };
        sessions.events = sessions.events.saturating_add(count);
        match shown.origin {
            Origin::Issued { by, via, .. } => {
                sessions.joined = sessions.joined.saturating_add(count);
                let edge = edges.entry((by, via, shown.by)).or_default();
                edge.credentials.insert(shown.credential);
                match &mut edge.used {
                    Some(known) => known.join(&shown.used),
                    none => *none = Some(shown.used),
                }
            }
            Origin::Delivered(why) => {
                sessions.delivered = sessions.delivered.saturating_add(count);
                begins.insert(shown.by, why);
            }
            Origin::OutOfSight => {
                sessions.out_of_sight = sessions.out_of_sight.saturating_add(count);
                // Where the log names no credential, another record may.
                if !shown.credential.is_empty() {
                    begins
                        .entry(shown.by)
                        .or_insert("its credential was made before, or outside, what was read");
                }
            }
            Origin::Lasting => {
                lasting.insert(shown.by);
            }
        }
    }
    (walked(&edges, doers, &begins, &lasting), sessions)
}

/// Follows each edge back to where it began.
fn walked(
    edges: &BTreeMap<(SystemIdentity, Via, SystemIdentity), Edge>,
    doers: &BTreeMap<SystemIdentity, Doer>,
    begins: &BTreeMap<SystemIdentity, &'static str>,
    lasting: &BTreeSet<SystemIdentity>,
) -> Vec<Chain> {
    let mut chains = Vec::new();
    for ((from, via, to), edge) in edges {
        let Some(used) = &edge.used else { continue };
        let (mut path, mut ways) = (vec![to, from], vec![*via]);
        let mut first = from;
        // One who came by several ways begins the chain: which of them it was, no key says.
        while let (Some((before, by)), true) = (only_before(edges, first), path.len() < STEPS_MAX) {
            if path.contains(&before) {
                break;
            }
            path.push(before);
            ways.push(by);
            first = before;
        }
        path.reverse();
        ways.reverse();
        let kind = doers.get(first).map(|it| it.kind).unwrap_or_default();
        let (completeness, begins) = match (kind, begins.get(first)) {
            (ActorKind::Platform, _) => (Completeness::PlatformRoot, "the system itself"),
            (_, Some(why)) => (Completeness::Partial, *why),
            (_, None) if lasting.contains(first) => (Completeness::Full, "a credential that lasts"),
            (_, None) => (Completeness::Partial, "the log names no credential of it"),
        };
        chains.push(Chain {
            crosses: path
                .windows(2)
                .any(|pair| matches!(pair, [one, next] if one.platform != next.platform)),
            path: path.iter().map(|it| it.id.clone()).collect(),
            via: ways,
            events: used.count,
            credentials: u64::try_from(edge.credentials.len()).unwrap_or(u64::MAX),
            first: used.first,
            last: used.last,
            completeness,
            begins: begins.to_owned(),
        });
    }
    chains.sort_by(|one, next| one.path.cmp(&next.path).then(one.via.cmp(&next.via)));
    chains
}

/// Gives who somebody came from, where that is one.
fn only_before<'e>(
    edges: &'e BTreeMap<(SystemIdentity, Via, SystemIdentity), Edge>,
    to: &SystemIdentity,
) -> Option<(&'e SystemIdentity, Via)> {
    let mut before = edges.keys().filter(|(_, _, it)| it == to);
    match (before.next(), before.next()) {
        (Some((from, via, _)), None) => Some((from, *via)),
        _ => None,
    }
}
