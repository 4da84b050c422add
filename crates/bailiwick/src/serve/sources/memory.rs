//! What is remembered of sources across a restart: up to where they were read when the stretch began, and what was told.
//!
//! Whatever a crash takes of it is made good: a stretch is read again from its beginning, and what was told meanwhile is in the
//! ledger.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use bailiwick_connect::{source::Place, write_private};
use bailiwick_gateway::Desk;
use bailiwick_insight::{FindingKind, MadeBy};
use bailiwick_model::{Digest, Record};
use serde::{Deserialize, Serialize};

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The last record of the ledger that what was told is known up to.
    ledger: u64,
    /// What was told: digests of its sort and subject.
    pub(super) told: BTreeSet<u64>,
    /// How much of each way that was.
    #[serde(default)]
    pub(super) counts: BTreeMap<String, u64>,
    /// Of which ways it is on record that no more of them is told.
    #[serde(default)]
    pub(super) full: BTreeSet<String>,
    /// Up to where each folder was read when the stretch began.
    pub(super) places: BTreeMap<String, Vec<Place>>,
    /// Who made credentials before it began.
    pub(super) made: Vec<MadeBy>,
    /// What the ways are called that those came by, by their numbers.
    #[serde(default)]
    ways: Vec<String>,
    #[serde(skip)]
    path: PathBuf,
}

impl Memory {
    /// Reads what is remembered, and what the ledger has told since.
    pub(super) fn open(home: &Path, desk: &Desk) -> anyhow::Result<Self> {
        let path = home.join("seen.json");
        let mut memory = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "what was read of sources is forgotten: they are read again");
                Self::default()
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error.into()),
        };
        memory.path = path;
        let told = &mut memory.told;
        desk.ledger().scan(memory.ledger, &mut |it| {
            if let Record::Finding(it) = it.record
                && it.code.parse::<FindingKind>().is_ok()
            {
                told.insert(key(&it.code, &it.subject));
            }
            ControlFlow::Continue(())
        })?;
        Ok(memory)
    }

    /// Has who made credentials known by the numbers that these ways have: sources come, go and are moved in their list.
    pub(super) fn number(&mut self, ways: &[String]) {
        let before = std::mem::replace(&mut self.ways, ways.to_vec());
        for it in &mut self.made {
            it.renumber(|number| {
                let name = before.get(usize::from(number))?;
                u8::try_from(ways.iter().position(|it| it == name)?).ok()
            });
        }
    }

    /// Writes it down. Everything that was told is on record up to `ledger`.
    pub(super) fn write(&mut self, ledger: u64) -> anyhow::Result<()> {
        self.ledger = ledger;
        Ok(write_private(&self.path, &serde_json::to_vec(self)?)?)
    }
}

/// What something that was noticed is known by.
pub(super) fn key(code: &str, subject: &str) -> u64 {
    let digest = Digest::of_parts(&[code.as_bytes(), subject.as_bytes()]);
    u64::from_be_bytes(digest.as_bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use bailiwick_insight::Live;
    use bailiwick_model::{Exercise, Issued, Platform, Timestamp, Via};

    use super::*;

    #[test]
    fn whoever_made_a_credential_is_known_by_the_name_of_its_way() {
        let ways = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let made = |way: u8| {
            let mut it = Exercise::begun(Platform::Github, Timestamp::from_millis(0));
            it.actor.id = "repo:1".into();
            it.issued = Some(Issued {
                credential: "ASIA1".into(),
                to: "role".into(),
                via: Via::Federation,
                until: None,
            });
            let mut live = Live::new(Vec::new());
            live.take(&it, way);
            live.end()
        };
        let mut memory = Memory { ways: ways(&["a", "b"]), made: made(1), ..Memory::default() };
        memory.number(&ways(&["c", "d", "b"]));
        assert_eq!(memory.made, made(2));
        // As it is after a restart.
        let text = serde_json::to_string(&memory).unwrap();
        let mut memory: Memory = serde_json::from_str(&text).unwrap();
        memory.number(&ways(&["b", "c"]));
        assert_eq!(memory.made, made(0));
        memory.number(&ways(&["c"]));
        assert_eq!(memory.made, made(u8::MAX));
        // Whoever came back is not taken for another.
        memory.number(&ways(&["b", "c"]));
        assert_eq!(memory.made, made(u8::MAX));
    }
}
