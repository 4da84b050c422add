//! Proves that a ledger is what was written: the chain, the numbers, and heads kept elsewhere.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_model::Timestamp;
use serde::Serialize;

use crate::{
    CheckpointError, CheckpointPublicKey, DurableAt, LedgerError,
    checkpoint::{Copies, Note, Purpose},
    file,
    ledger::{Ending, Flaw, Folder, Header, OLD, Survey, decode, index_bytes, index_path, survey},
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
    /// The ledger's files cannot be used.
    #[error(transparent)]
    Ledger(Box<LedgerError>),
}

/// How often an end that is not whole is read again, since the governor may just be writing it,
/// and after which pause first; each is twice as long as the one before.
const LOOKS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(1);

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
    let mut examiner = Examiner { dir, heads: &heads, compared: 0, report: fresh() };
    if let Some(forged) = heads.iter().find(|it| !it.is_head_of(public_key)) {
        examiner.mismatch(forged, "a head is not signed by this ledger's key, or was altered");
        return Ok(examiner.report);
    }
    match examiner.examine(public_key) {
        Ok(()) => {}
        Err(LedgerError::Tampered { seq, why }) => examiner.bad(Some(seq), &why),
        Err(error @ (LedgerError::Missing { .. } | LedgerError::Old { .. })) => {
            examiner.bad(None, &error.to_string());
        }
        Err(error) => return Err(VerifyError::Ledger(Box::new(error))),
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
    VerifyReport { records: 0, segments: 0, ok: true, first_bad: None, why: None, checkpoint: None }
}

impl Note {
    fn is_head_of(&self, key: &CheckpointPublicKey) -> bool {
        self.purpose == Purpose::Head && self.is_signed_by(key)
    }
}

/// Goes along the chain with the signed heads beside it.
struct Examiner<'a> {
    dir: &'a Path,
    /// In the order of their numbers.
    heads: &'a [Note],
    /// How many of them were compared.
    compared: usize,
    report: VerifyReport,
}

impl Examiner<'_> {
    fn examine(&mut self, key: &CheckpointPublicKey) -> Result<(), LedgerError> {
        let folder = Folder::read(self.dir, Some(key))?;
        if folder.segments.is_empty() {
            let old = self.dir.join(OLD);
            let dir = self.dir.to_owned();
            return Err(if old.exists() {
                LedgerError::Old { path: old }
            } else {
                LedgerError::Missing { dir }
            });
        }
        // What retention took cannot be compared any more; its signed base stands for it.
        self.compared = self.heads.iter().filter(|it| it.checkpoint.seq < folder.base.seq).count();
        self.compare(folder.base);
        self.report.segments = u64::try_from(folder.segments.len()).unwrap_or(u64::MAX);
        for (header, next) in folder.segments.iter().zip(folder.segments.iter().skip(1)) {
            self.sealed(header, next)?;
        }
        folder.segments.last().map_or(Ok(()), |live| self.live(live))
    }

    /// Reads a sealed segment, which must be whole, be followed by the next, and be indexed
    /// rightly where it is indexed.
    fn sealed(&mut self, header: &Header, next: &Header) -> Result<(), LedgerError> {
        let Some(Survey { index, ending }) = self.read(header)? else {
            // Retention was here.
            return Ok(());
        };
        let tampered = |why: &str| {
            Err(LedgerError::Tampered {
                seq: index.last.seq.saturating_add(1),
                why: why.to_owned(),
            })
        };
        match &ending {
            Ending::Whole => {}
            Ending::Torn { why, .. } => return tampered(why),
            Ending::Bad(Flaw { seq, why, .. }) => {
                return Err(LedgerError::Tampered { seq: *seq, why: why.clone() });
            }
        }
        if index.last != next.before {
            return tampered("the next segment does not follow on it");
        }
        let path = index_path(self.dir, header.number);
        match file::read_if_there(&path)? {
            Some(said) if said != index_bytes(header.number, &index) => {
                let seq = index.before.seq.saturating_add(1);
                let why = format!(
                    "`{}` does not say what is in its segment: remove it, and the next start \
                     makes it anew",
                    path.display()
                );
                Err(LedgerError::Tampered { seq, why })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Reads the segment that takes new records.
    fn live(&mut self, header: &Header) -> Result<(), LedgerError> {
        let Some(Survey { index, ending }) = self.settled(header)? else {
            return Ok(());
        };
        match ending {
            Ending::Whole => Ok(()),
            Ending::Torn { why, .. } => {
                let seq = index.last.seq.saturating_add(1);
                Err(LedgerError::Tampered { seq, why })
            }
            Ending::Bad(Flaw { seq, why, .. }) => Err(LedgerError::Tampered { seq, why }),
        }
    }

    /// Reads a segment whose end may just be written: again and again, until a reading is whole, finds
    /// what the one before found bad, or was the last.
    fn settled(&mut self, header: &Header) -> Result<Option<Survey>, LedgerError> {
        let before = (self.compared, self.report.clone());
        let mut pause = PAUSE;
        let mut read = self.read(header)?;
        for _ in 1..LOOKS {
            let earlier = match read {
                None | Some(Survey { ending: Ending::Whole, .. }) => break,
                Some(Survey { ending, .. }) => ending,
            };
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2);
            (self.compared, self.report) = before.clone();
            read = self.read(header)?;
            // Records may come between the look at one place and at the next. What is bad stays so.
            let now = read.as_ref().map(|it| &it.ending);
            if let (Ending::Bad(earlier), Some(Ending::Bad(now))) = (&earlier, now)
                && earlier == now
            {
                break;
            }
        }
        Ok(read)
    }

    /// Reads a segment, every record of it whole, and compares the heads that were made in it.
    fn read(&mut self, header: &Header) -> Result<Option<Survey>, LedgerError> {
        self.compare(header.before);
        let dir = self.dir;
        let read = survey(dir, header, &mut |at, head, body| {
            let wrong = decode(at.seq, head.format, body).err().map(|it| it.to_string());
            if wrong.is_none() {
                self.report.records = self.report.records.saturating_add(1);
                self.compare(at);
            }
            wrong
        });
        Ok(read?)
    }

    /// Compares the heads that were made for the record `at`.
    fn compare(&mut self, at: DurableAt) {
        while let Some(head) = self.heads.get(self.compared) {
            if head.checkpoint.seq != at.seq {
                return;
            }
            self.compared = self.compared.saturating_add(1);
            if head.checkpoint.chain == at.chain {
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
