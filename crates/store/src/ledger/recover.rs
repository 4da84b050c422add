//! Opening a ledger: every record is read once, and nothing is repaired in silence.

use std::path::Path;

use rusqlite::Connection;

use super::{
    DurableAt, GENESIS, LedgerError, LedgerOptions, Recovered, Walk, head_path,
    index::Index,
    schema::{LEDGER, read_base},
    walk::{Flaw, SELECT},
};
use crate::{
    Checkpoint,
    checkpoint::{Purpose, read_notes},
    sqlite::{SqliteError, int, is_damage, open_writer},
};

/// A ledger that was found to be as it was left.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) connection: Connection,
    pub(super) index: Index,
    pub(super) recovered: Recovered,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Opens the file at `path` for writing and reads all of it.
pub(super) fn open(path: &Path, options: &LedgerOptions) -> Result<Found, LedgerError> {
    let engine = |source| LedgerError::from(SqliteError::Engine { path: path.to_owned(), source });
    let connection = open_writer(path, &LEDGER)?;
    let base = read_base(&connection).map_err(engine)?;
    let base = match &base {
        Some(base) if !base.is_signed_by(options.key.public()) => {
            let seq = base.at.seq;
            let why = "what says that the records before it were dropped is not signed".to_owned();
            return Err(LedgerError::Tampered { seq, why });
        }
        Some(base) => base.at,
        None => GENESIS,
    };
    let checkpoint = signed_head(options)?;
    let all = read_all(&connection, base, checkpoint.as_ref()).map_err(|error| match error {
        ReadError::Engine(source) => engine(source),
        ReadError::Ledger(error) => error,
    })?;
    let truncated = u64::from(all.bad_tail.is_some());
    if let Some(seq) = all.bad_tail {
        connection.execute("DELETE FROM record WHERE seq = ?1", [int(seq)]).map_err(engine)?;
    }
    let recovered = Recovered {
        records: all.end.seq.saturating_sub(base.seq),
        truncated,
        last_seq: all.end.seq,
        last_chain: all.end.chain,
    };
    Ok(Found { connection, index: all.index, recovered, checkpoint })
}

/// Reads the last head that was signed here.
fn signed_head(options: &LedgerOptions) -> Result<Option<Checkpoint>, LedgerError> {
    let Some(notes) = read_notes(&head_path(&options.dir))? else {
        return Ok(None);
    };
    match notes.as_slice() {
        [note] if note.purpose == Purpose::Head && note.is_signed_by(options.key.public()) => {
            Ok(Some(note.checkpoint))
        }
        other => {
            let seq = other.first().map_or(0, |it| it.checkpoint.seq);
            let why = "the ledger's own signed head is not signed by its key".to_owned();
            Err(LedgerError::Tampered { seq, why })
        }
    }
}

struct All {
    index: Index,
    end: DurableAt,
    /// The last record, where it was never wholly written.
    bad_tail: Option<u64>,
}

enum ReadError {
    Engine(rusqlite::Error),
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<LedgerError> for ReadError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Reads every record. Only the very last one may be bad, and only if no signed head knows it.
fn read_all(
    connection: &Connection,
    base: DurableAt,
    checkpoint: Option<&Checkpoint>,
) -> Result<All, ReadError> {
    let mut walk = Walk { at: base };
    let mut all = All { index: Index::default(), end: base, bad_tail: None };
    let mut known = checkpoint.filter(|it| base.seq <= it.seq);
    let mut select = connection.prepare(SELECT)?;
    let mut rows = select.query([])?;
    loop {
        if known.is_some_and(|it| it.seq == walk.at.seq) {
            let wanted = known.take().map(|it| it.chain);
            if wanted != Some(walk.at.chain) {
                let why = "it is not the one that the signed head was made for".to_owned();
                return Err(LedgerError::Tampered { seq: walk.at.seq, why }.into());
            }
        }
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) if is_damage(&error) => {
                let seq = walk.at.seq.saturating_add(1);
                return Err(LedgerError::Tampered { seq, why: error.to_string() }.into());
            }
            Err(error) => return Err(error.into()),
        };
        match walk.step(row) {
            Ok(outline) => all.index.add(walk.at.seq, &outline),
            Err(Flaw { seq, why, present }) => {
                if !present || rows.next()?.is_some() {
                    return Err(LedgerError::Tampered { seq, why }.into());
                }
                all.bad_tail = Some(seq);
                break;
            }
        }
    }
    if let Some(signed) = known {
        let seq = walk.at.seq.saturating_add(1);
        let why = format!("the end is missing: a signed head knows {} records", signed.seq);
        return Err(LedgerError::Tampered { seq, why }.into());
    }
    all.end = walk.at;
    Ok(all)
}
