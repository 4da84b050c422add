//! Proves that a ledger is what was written: the chain, the numbers, and heads kept elsewhere.

use std::path::{Path, PathBuf};

use bailiwick_model::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use crate::{
    CheckpointError, CheckpointPublicKey, SqliteError,
    checkpoint::{Copies, Note, Purpose},
    ledger::{GENESIS, LEDGER, LIVE, Walk, decode, read_base},
    sqlite::{is_damage, open_reader},
};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// How many records are right, from the first kept one on.
    pub records: u64,
    /// How many files they are in.
    pub segments: u64,
    /// Whether everything is as it was written.
    pub ok: bool,
    /// The first record that is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<u64>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The signed head that decided: the first that does not match, else the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointReport>,
}

/// What became of the comparison with a signed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointReport {
    /// How many records it knows.
    pub seq: u64,
    /// When it was signed.
    pub time: Timestamp,
    /// Whether the ledger still has them, and its signature is right.
    pub matches: bool,
}

/// Nothing can be said about the ledger.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There are no signed heads to compare with.
    #[error("`{}` holds no signed head", path.display())]
    NoCheckpoint {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// The signed heads cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The ledger's file cannot be used.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
}

/// Verifies the ledger in `dir`, whether or not somebody writes it, with every signed head in the
/// file or directory `against`. Without one a cut end and a whole rewrite cannot be seen.
pub fn verify(
    dir: &Path,
    against: Option<&Path>,
    public_key: &CheckpointPublicKey,
) -> Result<VerifyReport, VerifyError> {
    let mut heads = match against {
        Some(path) => read_heads(path)?,
        None => Vec::new(),
    };
    heads.sort_by_key(|it| it.checkpoint.seq);
    let mut examiner = Examiner { key: public_key, heads: &heads, compared: 0, report: fresh() };
    if let Some(forged) = heads.iter().find(|it| !it.is_head_of(public_key)) {
        examiner.mismatch(forged, "a head is not signed by this ledger's key, or was altered");
        return Ok(examiner.report);
    }
    let path = dir.join(LIVE);
    match open_reader(&path, &LEDGER) {
        Ok(connection) => match examiner.walk(&connection) {
            Ok(()) => {}
            Err(error) if is_damage(&error) => {
                examiner.bad(None, &format!("the file is damaged: {error}"));
            }
            Err(source) => return Err(SqliteError::Engine { path, source }.into()),
        },
        Err(error @ (SqliteError::Missing { .. } | SqliteError::NotOurs { .. })) => {
            examiner.bad(None, &error.to_string());
        }
        Err(SqliteError::Engine { source, .. }) if is_damage(&source) => {
            examiner.bad(None, &format!("the file is damaged: {source}"));
        }
        Err(error) => return Err(error.into()),
    }
    examiner.compare_rest();
    Ok(examiner.report)
}

fn read_heads(path: &Path) -> Result<Vec<Note>, VerifyError> {
    match Copies::read(path)? {
        Some(notes) if !notes.is_empty() => Ok(notes),
        Some(_) | None => Err(VerifyError::NoCheckpoint { path: path.to_owned() }),
    }
}

const fn fresh() -> VerifyReport {
    VerifyReport { records: 0, segments: 1, ok: true, first_bad: None, why: None, checkpoint: None }
}

impl Note {
    fn is_head_of(&self, key: &CheckpointPublicKey) -> bool {
        self.purpose == Purpose::Head && self.is_signed_by(key)
    }
}

/// Goes along the chain with the signed heads beside it.
struct Examiner<'a> {
    key: &'a CheckpointPublicKey,
    /// In the order of their numbers.
    heads: &'a [Note],
    /// How many of them were compared.
    compared: usize,
    report: VerifyReport,
}

impl Examiner<'_> {
    fn walk(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        // One view of the file for all that follows, also beside a running writer.
        let transaction = connection.unchecked_transaction()?;
        let base = read_base(&transaction)?;
        let mut walk = Walk { at: base.as_ref().map_or(GENESIS, |it| it.at) };
        if let Some(base) = base.filter(|it| !it.is_signed_by(self.key)) {
            let next = base.at.seq.saturating_add(1);
            self.bad(Some(next), "nothing signed says that the records before it were dropped");
            return Ok(());
        }
        // What retention took cannot be compared any more; its signed base stands for it.
        self.compared = self.heads.iter().filter(|it| it.checkpoint.seq < walk.at.seq).count();
        let mut select = transaction.prepare(crate::ledger::SELECT)?;
        let mut rows = select.query([])?;
        loop {
            self.compare(&walk);
            let Some(row) = rows.next()? else {
                return Ok(());
            };
            let whole = walk.step(row).map_err(|flaw| (flaw.seq, flaw.why)).and_then(|_| {
                let body = row.get_ref(5).ok().and_then(|it| it.as_bytes().ok());
                decode(walk.at.seq, row.get(4).unwrap_or(0), body.unwrap_or_default())
                    .map_err(|error| (walk.at.seq, error.to_string()))
            });
            if let Err((seq, why)) = whole {
                self.bad(Some(seq), &why);
                return Ok(());
            }
            self.report.records = self.report.records.saturating_add(1);
        }
    }

    /// Compares the heads that were made for the record where `walk` stands.
    fn compare(&mut self, walk: &Walk) {
        while let Some(head) = self.heads.get(self.compared) {
            if head.checkpoint.seq != walk.at.seq {
                return;
            }
            self.compared = self.compared.saturating_add(1);
            if head.checkpoint.chain == walk.at.chain {
                self.set_checkpoint(head, true);
            } else {
                self.mismatch(head, "it is not the record that a signed head was made for");
            }
        }
    }

    /// Meets the heads that no record was found for.
    fn compare_rest(&mut self) {
        let heads = self.heads;
        if let Some(head) = heads.get(self.compared) {
            self.mismatch(head, "the end is missing: a signed head knows more records");
        } else if let (None, Some(head)) = (&self.report.checkpoint, heads.last()) {
            self.mismatch(head, "every signed head is older than the first kept record");
        }
    }

    fn set_checkpoint(&mut self, head: &Note, matches: bool) {
        // The first mismatch stays.
        if self.report.checkpoint.is_none_or(|it| it.matches) {
            let crate::Checkpoint { seq, time, .. } = head.checkpoint;
            self.report.checkpoint = Some(CheckpointReport { seq, time, matches });
        }
    }

    fn mismatch(&mut self, head: &Note, why: &str) {
        self.set_checkpoint(head, false);
        self.bad(None, why);
    }

    /// Remembers the first thing that is wrong.
    fn bad(&mut self, seq: Option<u64>, why: &str) {
        self.report.ok = false;
        if self.report.why.is_none() {
            self.report.why = Some(why.to_owned());
            self.report.first_bad = seq;
        }
    }
}
