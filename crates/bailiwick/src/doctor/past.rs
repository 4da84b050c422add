//! What the ledger tells: when it began, when it was written last, and what is in force.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    path::Path,
};

use bailiwick_model::{CommandRecord, Digest, Record, Timestamp};
use bailiwick_store::LedgerReader;

use super::finding::{Finding, Severity};
use crate::config::House;

/// What a look through the ledger gave.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The time of the first record.
    pub(super) first: Option<Timestamp>,
    /// The time of the last record.
    pub(super) last: Option<Timestamp>,
    /// Which transmitters told something that was taken.
    pub(super) heard: BTreeSet<String>,
    /// What was put in force last, by group.
    active: BTreeMap<String, Digest>,
}

impl Past {
    /// Reads the ledger of a state; none where there is none yet.
    pub(super) fn read(state: &Path) -> Option<Self> {
        let ledger = LedgerReader::open(&state.join("ledger")).ok()?;
        let mut past = Self::default();
        let read = ledger.scan(0, &mut |it| {
            let time = it.record.time();
            past.first = past.first.or(Some(time));
            past.last = past.last.max(Some(time));
            if let Record::Command { command, .. } = it.record {
                past.hears(command);
            }
            ControlFlow::Continue(())
        });
        read.ok().map(|()| past)
    }

    fn hears(&mut self, command: CommandRecord) {
        if let CommandRecord::Activated(it) = command {
            self.active.insert(it.what, it.digest);
        } else if let CommandRecord::SignalReceived(it) = command {
            self.heard.insert(it.transmitter);
        }
    }

    /// Compares what is in force with what the files say.
    pub(super) fn stale(&self, house: &House) -> Option<Finding> {
        let differs = |(what, group): &(&&str, &crate::config::Group)| {
            self.active.get(**what).is_some_and(|it| *it != group.digest)
        };
        let changed: Vec<_> = house.groups.iter().filter(differs).map(|(what, _)| *what).collect();
        (!changed.is_empty()).then(|| Finding {
            severity: Severity::Open,
            code: "stale-configuration",
            subject: changed.join(", "),
            found: "the files say something else than what the governor took last".to_owned(),
            means: "what is written there is not in force",
            mend: "`bailiwick reload` puts it in force, or says that it needs a restart".to_owned(),
        })
    }
}
