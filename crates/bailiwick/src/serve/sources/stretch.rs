//! What is folded of a stretch of accesses, and what of it is still to be told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_connect::source::Place;
use bailiwick_gateway::Desk;
use bailiwick_insight::{Intent, Live, Noticed};
use bailiwick_model::Exercise;

use super::{
    PAUSE, REST,
    memory::{Memory, key},
    room::{Room, TOLD_MAX},
};

/// How much of all logs is read in a stretch: after a restart that much is read again.
const BYTES: u64 = 64 << 20;

/// A stretch, and what is remembered of those before it.
#[derive(Debug)]
pub(super) struct Stretch {
    live: Live,
    pub(super) memory: Memory,
    desk: Arc<Desk>,
    room: Room,
    pub(super) begun: Instant,
    /// How many bytes it has.
    pub(super) bytes: u64,
    /// What was found to be told already.
    known: BTreeSet<u64>,
    /// What is still to be told.
    pub(super) waiting: Vec<Noticed>,
    looked: Looked,
}

/// What the last look saw.
#[derive(Debug, Default)]
struct Looked {
    at: Duration,
    took: Duration,
    taken: u64,
    meant: Option<Arc<[Intent]>>,
}

impl Stretch {
    pub(super) fn new(mut memory: Memory, desk: Arc<Desk>, ways: Vec<String>) -> Self {
        memory.number(&ways);
        Self {
            live: Live::new(memory.made.clone()),
            room: Room::new(ways, &memory.counts),
            memory,
            desk,
            begun: Instant::now(),
            bytes: 0,
            known: BTreeSet::new(),
            waiting: Vec::new(),
            looked: Looked::default(),
        }
    }

    /// Takes an access that came by the way of this number. A packed file may hold many stretches: whoever reads it again after a
    /// restart begins with the first.
    pub(super) fn take(&mut self, it: &Exercise<'_>, way: u8, meant: &Arc<[Intent]>) {
        if self.live.is_over() {
            self.look(meant);
            self.go_on();
        }
        self.live.take(it, way);
    }

    pub(super) fn is_full(&self) -> bool {
        self.live.is_full() || BYTES <= self.bytes
    }

    /// Looks for what deserves a word, where it is time to: something came or is meant otherwise, and looking is a small part
    /// of the time.
    pub(super) fn look_in_time(&mut self, meant: &Arc<[Intent]>) {
        let same = self.looked.meant.as_ref().is_some_and(|it| Arc::ptr_eq(it, meant));
        if same && self.looked.taken == self.live.taken() {
            return;
        }
        let rest = self.looked.took.saturating_mul(REST).max(PAUSE.0);
        let is_first = self.looked.meant.is_none();
        let in_time = self.looked.at.saturating_add(rest) <= self.begun.elapsed();
        if is_first || self.is_full() || in_time {
            self.look(meant);
        }
    }

    fn look(&mut self, meant: &Arc<[Intent]>) {
        let at = self.begun.elapsed();
        for it in self.live.noticed(meant) {
            let known = key(it.kind.as_str(), &it.subject);
            if self.known.contains(&known) {
                continue;
            }
            // Whoever chooses names chooses how many there are.
            let Some(ways) = self.room.find(&it.ways) else { continue };
            self.known.insert(known);
            // Names are anybody's words: what looks like a secret goes by its digest.
            let subject = self.desk.evidence().phrase(&it.subject);
            if !self.memory.told.contains(&key(it.kind.as_str(), &subject)) {
                self.room.take(&ways);
                self.waiting.push(Noticed { subject, ways, ..it });
            }
        }
        let took = self.begun.elapsed().saturating_sub(at);
        let (taken, meant) = (self.live.taken(), Some(Arc::clone(meant)));
        self.looked = Looked { at, took, taken, meant };
    }

    /// Says whether so much of a way was told that no more is.
    pub(super) fn is_told_of(&self, way: &str) -> bool {
        self.memory.counts.get(way).is_some_and(|it| TOLD_MAX <= *it)
    }

    /// Gives the ways of which so much was told that no more is, and of which that is not on record yet.
    pub(super) fn full(&self) -> impl Iterator<Item = &str> {
        let is_full = |(name, count): &(&String, &u64)| {
            TOLD_MAX <= **count && !self.memory.full.contains(*name)
        };
        self.memory.counts.iter().filter(is_full).map(|it| it.0.as_str())
    }

    /// Keeps what was told, and begins the next stretch where all of this one was seen and told.
    pub(super) fn keep(
        &mut self,
        (told, full): (&[Noticed], Vec<String>),
        ledger: u64,
        places: impl FnOnce() -> BTreeMap<String, Vec<Place>>,
    ) -> anyhow::Result<()> {
        let is_new = !told.is_empty() || !full.is_empty();
        self.memory.full.extend(full);
        self.memory.told.extend(told.iter().map(|it| key(it.kind.as_str(), &it.subject)));
        for name in told.iter().flat_map(|it| self.room.names(&it.ways)) {
            let count = self.memory.counts.entry(name.to_owned()).or_default();
            *count = count.saturating_add(1);
        }
        self.waiting.retain(|it| !told.contains(it));
        let is_seen = self.looked.taken == self.live.taken() && self.waiting.is_empty();
        let ends = self.is_full() && is_seen;
        if ends {
            self.memory.places = places();
            self.memory.made = self.go_on();
        }
        if ends || is_new { self.memory.write(ledger) } else { Ok(()) }
    }

    /// Begins the next stretch with those who made credentials, and gives them.
    fn go_on(&mut self) -> Vec<bailiwick_insight::MadeBy> {
        let made = std::mem::replace(&mut self.live, Live::new(Vec::new())).end();
        self.live = Live::new(made.clone());
        (self.bytes, self.looked.taken) = (0, 0);
        made
    }
}
