//! Folds the change log beside the writer: a long one is read by a thread of its own, and the writer
//! only takes out what that found.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, TryRecvError, sync_channel},
    thread::JoinHandle,
};

use rusqlite::{Connection, InterruptHandle};

use super::{
    Disagreement, RegistryError,
    fold::{self, Folding, Plan, Sides},
    schema::REGISTRY,
};
use crate::{
    SqliteError,
    sqlite::{Pen, open_reader},
};

/// So many changes are read in a moment: no thread is begun for them.
const SHORT: u64 = 1_000;

/// What planning came to.
type Planned = Result<Result<Plan, Disagreement>, RegistryError>;

/// When the change log is folded, and the fold that is being planned.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    folding: Folding,
    sides: Sides,
    /// How many changes more there are to be since the fold, as the last attempt came to nothing.
    put_off: u64,
    planning: Option<Planning>,
}

/// A thread that plans.
struct Planning {
    planned: Receiver<Planned>,
    thread: JoinHandle<()>,
    stop: InterruptHandle,
    /// How many changes there were since the fold when it began.
    since: u64,
}

impl fmt::Debug for Planning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Planning(since {})", self.since)
    }
}

impl Folder {
    pub(super) fn new(path: &Path, folding: Folding, sides: Sides) -> Self {
        Self { path: path.to_owned(), folding, sides, put_off: 0, planning: None }
    }

    /// Counts changes that were made.
    pub(super) fn grew(&mut self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.sides.since = self.sides.since.saturating_add(rows);
    }

    /// Begins a fold where it is time to, and carries out what was planned by now.
    pub(super) fn fold(&mut self, pen: &mut Pen) {
        if let Some(planning) = self.planning.take() {
            match planning.planned.try_recv() {
                Ok(planned) => {
                    join(planning.thread);
                    self.carry_out(pen, planned, planning.since);
                }
                Err(TryRecvError::Empty) => self.planning = Some(planning),
                // It panicked, which was printed.
                Err(TryRecvError::Disconnected) => self.put_off(),
            }
            return;
        }
        let Sides { kept, since } = self.sides;
        if !self.folding.is_due(Sides { kept, since: since.saturating_sub(self.put_off) }) {
            return;
        }
        let reader = match open_reader(&self.path, &REGISTRY) {
            Ok(reader) => reader,
            Err(error) => return self.failed(&error.into()),
        };
        if kept.saturating_add(since) <= SHORT {
            let planned = self.plan(&reader);
            self.carry_out(pen, planned, since);
        } else {
            self.begin(reader, since);
        }
    }

    fn plan(&self, reader: &Connection) -> Planned {
        plan(reader, &self.path, self.folding)
    }

    /// Plans in a thread, so that whoever writes does not wait until all of the log was read.
    fn begin(&mut self, reader: Connection, since: u64) {
        let (answer, planned) = sync_channel(1);
        let (stop, path, folding) =
            (reader.get_interrupt_handle(), self.path.clone(), self.folding);
        let thread =
            std::thread::Builder::new().name("registry-fold".to_owned()).spawn(move || {
                drop(answer.send(plan(&reader, &path, folding)));
            });
        match thread {
            Ok(thread) => self.planning = Some(Planning { planned, thread, stop, since }),
            Err(source) => self.failed(&RegistryError::NoThread { source }),
        }
    }

    fn carry_out(&mut self, pen: &mut Pen, planned: Planned, since: u64) {
        let plan = match planned {
            Ok(Ok(plan)) => plan,
            // What is wrong stays as it is: the next start stops at it.
            Ok(Err(wrong)) => {
                tracing::error!(%wrong, "the registry was changed by somebody else");
                self.sides.since = 0;
                return;
            }
            Err(error) => return self.failed(&error),
        };
        match pen.attempt(|connection| fold::carry_out(connection, &plan)) {
            Ok(sides) => {
                let meanwhile = self.sides.since.saturating_sub(since);
                tracing::debug!(kept = sides.kept, meanwhile, "the change log was folded");
                (self.sides, self.put_off) = (sides, 0);
                pen.copy_back();
            }
            // Nothing of it was done. It is tried again later: there may be room then.
            Err(_) => self.put_off(),
        }
    }

    fn failed(&mut self, error: &RegistryError) {
        tracing::warn!(%error, "the change log could not be read to be folded");
        self.put_off();
    }

    /// Waits for some more changes with trying again: what is tried reads all of the log.
    fn put_off(&mut self) {
        let more = self.folding.after.max(self.sides.kept) / 8;
        let due = self.folding.after.max(self.sides.kept);
        self.put_off = self.sides.since.saturating_sub(due).saturating_add(more.max(1));
    }

    /// Gives up what is being planned.
    pub(super) fn stop(&mut self) {
        if let Some(Planning { thread, stop, .. }) = self.planning.take() {
            stop.interrupt();
            join(thread);
        }
    }
}

fn plan(reader: &Connection, path: &Path, folding: Folding) -> Planned {
    let engine = |source| SqliteError::Engine { path: path.to_owned(), source }.into();
    fold::plan(reader, folding).map_err(engine)
}

/// Waits for a thread that has nothing more to do; where it panicked, that was printed.
fn join(thread: JoinHandle<()>) {
    drop(thread.join());
}
