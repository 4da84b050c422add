//! The tables of the ledger's file.

use bailiwick_model::Digest;
use rusqlite::{Connection, OptionalExtension, params};

use super::DurableAt;
use crate::{
    CheckpointPublicKey,
    checkpoint::{Note, Purpose},
    sqlite::{Schema, int},
};

/// The name of the file that takes new records.
pub(crate) const LIVE: &str = "live.db";

/// Records have no index but their number: each would halve what the disk can take. `base` says
/// up to which record retention took the oldest, in a signed text of its own.
pub(crate) static LEDGER: Schema = Schema {
    application: 0x4257_4c47,
    version: 1,
    tables: "
        CREATE TABLE record (
            seq INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            time INTEGER NOT NULL,
            task TEXT,
            format INTEGER NOT NULL,
            body BLOB NOT NULL,
            chain BLOB NOT NULL
        );
        CREATE TABLE base (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            seq INTEGER NOT NULL,
            chain BLOB NOT NULL,
            note TEXT NOT NULL
        );",
};

pub(super) const INSERT: &str = "INSERT INTO record (seq, kind, time, task, format, body, chain)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// What comes before the first kept record, and the signed text that says so.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// The last record that was dropped.
    pub(crate) at: DurableAt,
    /// The signed text.
    pub(crate) note: String,
}

impl Base {
    /// Says whether `key` signed just this.
    pub(crate) fn is_signed_by(&self, key: &CheckpointPublicKey) -> bool {
        Note::parse_all(&self.note).is_ok_and(|(notes, _)| match notes.as_slice() {
            [note] => {
                let said = DurableAt { seq: note.checkpoint.seq, chain: note.checkpoint.chain };
                note.purpose == Purpose::Base && said == self.at && note.is_signed_by(key)
            }
            _ => false,
        })
    }
}

/// Reads the base; none where every record is kept.
pub(crate) fn read_base(connection: &Connection) -> rusqlite::Result<Option<Base>> {
    let row = connection.query_row("SELECT seq, chain, note FROM base", [], |row| {
        let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        let chain = Digest::from_bytes(row.get(1)?);
        Ok(Base { at: DurableAt { seq, chain }, note: row.get(2)? })
    });
    row.optional()
}

/// Drops every record up to `base`, and keeps what says so, in one commit.
pub(super) fn drop_through(connection: &mut Connection, base: &Base) -> rusqlite::Result<()> {
    let Base { at: DurableAt { seq, chain }, note } = base;
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM record WHERE seq <= ?1", [int(*seq)])?;
    transaction.execute(
        "INSERT OR REPLACE INTO base (id, seq, chain, note) VALUES (1, ?1, ?2, ?3)",
        params![int(*seq), chain.as_bytes(), note],
    )?;
    transaction.commit()
}
