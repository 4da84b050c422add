//! The one thread that writes: waiting writes share a commit, each with a savepoint of its own.

use bailiwick_model::Digest;
use rusqlite::{Connection, OptionalExtension, Savepoint, Transaction, params};
use tokio::sync::{mpsc::Receiver, oneshot};

use super::{
    RegistryError, Rev,
    change::{Place, Row},
    folder::Folder,
    format::FORMAT,
    schema::{Kind, read_counter},
};
use crate::sqlite::{Pen, Unwritten, int};

/// The most writes of one commit.
const BATCH_MAX: usize = 256;

/// Changes that are made together, and who waits for them.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) rows: Vec<Row>,
    pub(super) answer: oneshot::Sender<Result<Rev, RegistryError>>,
}

/// The writing end of the queue.
#[derive(Debug)]
pub(super) struct Writer {
    pen: Pen,
    writes: Receiver<Write>,
    folder: Folder,
}

impl Writer {
    pub(super) const fn new(pen: Pen, writes: Receiver<Write>, folder: Folder) -> Self {
        Self { pen, writes, folder }
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self) {
        while let Some(first) = self.writes.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = self.writes.try_recv()
            {
                batch.push(next);
            }
            self.write(batch);
            self.folder.fold(&mut self.pen);
        }
        self.folder.stop();
        self.pen.copy_back();
    }

    fn write(&mut self, batch: Vec<Write>) {
        let pages = batch.iter().flat_map(|it| &it.rows).map(pages_of).sum();
        let mut rows = 0_usize;
        match self.pen.write(|connection| commit(connection, &batch)) {
            Ok(answers) => {
                for (write, answer) in batch.into_iter().zip(answers) {
                    rows = rows.saturating_add(if answer.is_ok() { write.rows.len() } else { 0 });
                    let ended = |(kind, key)| RegistryError::Ended { kind: Kind::name(kind), key };
                    drop(write.answer.send(answer.map_err(ended)));
                }
                self.folder.grew(rows);
                self.pen.grew(pages);
            }
            Err(why) => {
                for write in batch {
                    drop(write.answer.send(Err(unwritten(why.clone()))));
                }
            }
        }
    }
}

fn unwritten(why: Unwritten) -> RegistryError {
    match why {
        Unwritten::Full(why) => RegistryError::Full { why },
        Unwritten::Failed(why) => RegistryError::Failed { why },
    }
}

/// Gives about how many pages a change takes: its text in its table and in the log, and those of
/// the index and the counter around it.
fn pages_of(row: &Row) -> usize {
    row.body.as_ref().map_or(0, |it| it.len() / 2048).saturating_add(6)
}

/// What one write became: its number, or the thing that had ended.
type Written = Result<Rev, (Kind, String)>;

fn commit(connection: &mut Connection, batch: &[Write]) -> rusqlite::Result<Vec<Written>> {
    let mut transaction: Transaction<'_> = connection.transaction()?;
    let mut answers = Vec::with_capacity(batch.len());
    for write in batch {
        let mut savepoint = transaction.savepoint()?;
        let answer = apply(&savepoint, &write.rows)?;
        if answer.is_err() {
            savepoint.rollback()?;
        }
        savepoint.commit()?;
        answers.push(answer);
    }
    transaction.commit()?;
    Ok(answers)
}

/// Makes the changes of one write. What cannot be is told; the caller takes the rest back.
fn apply(savepoint: &Savepoint<'_>, rows: &[Row]) -> rusqlite::Result<Written> {
    let (mut rev, mut hash) = read_counter(savepoint)?;
    for row in rows {
        if has_ended(savepoint, row)? {
            return Ok(Err((row.kind, row.key.clone())));
        }
        put(savepoint, row)?;
        rev = Rev(rev.0.saturating_add(1));
        hash = change_hash(&hash, rev, row.kind.name(), &row.key, FORMAT, row.body.as_deref());
        savepoint
            .prepare_cached("INSERT INTO change_log VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                int(rev.0),
                row.kind.name(),
                row.key,
                FORMAT,
                row.body,
                hash.as_bytes()
            ])?;
    }
    savepoint
        .prepare_cached("UPDATE counter SET rev = ?1, hash = ?2")?
        .execute(params![int(rev.0), hash.as_bytes()])?;
    Ok(Ok(rev))
}

/// Says whether the row would open again what has ended.
fn has_ended(savepoint: &Savepoint<'_>, row: &Row) -> rusqlite::Result<bool> {
    let (Some(select), Some(Place { open: true, .. })) = (row.kind.open(), &row.place) else {
        return Ok(false);
    };
    let open: Option<bool> =
        savepoint.prepare_cached(select)?.query_row([&row.key], |it| it.get(0)).optional()?;
    Ok(open == Some(false))
}

fn put(savepoint: &Savepoint<'_>, row: &Row) -> rusqlite::Result<()> {
    let statements = row.kind.statements();
    let Row { key, body, place, .. } = row;
    match (body, place) {
        (None, _) => savepoint.prepare_cached(statements.delete)?.execute([key])?,
        (Some(body), None) => {
            savepoint.prepare_cached(statements.put)?.execute(params![key, FORMAT, body])?
        }
        (Some(body), Some(Place { of, open })) => savepoint
            .prepare_cached(statements.put)?
            .execute(params![key, FORMAT, body, of, open])?,
    };
    Ok(())
}

/// Hashes one change onto those before it, with everything that its row says.
pub(super) fn change_hash(
    previous: &Digest,
    rev: Rev,
    kind: &str,
    key: &str,
    format: i64,
    body: Option<&str>,
) -> Digest {
    let there: &[u8] = if body.is_some() { b"put" } else { b"gone" };
    let row = Digest::of_parts(&[
        &rev.0.to_be_bytes(),
        kind.as_bytes(),
        key.as_bytes(),
        &format.to_be_bytes(),
        there,
        body.unwrap_or_default().as_bytes(),
    ]);
    Digest::chain(previous, row.as_bytes())
}
