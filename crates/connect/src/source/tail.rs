//! A folder of logs that are still written: each turn reads what is new in it.
//!
//! Only what is whole is handed on: lines that have ended, and packed files and documents once they lie still. There is no
//! clock here: whoever takes turns says how much time has passed.

mod followed;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use self::followed::Followed;
pub use self::followed::Place;
use super::{
    Record, Source,
    folder::{FileId, Found, Listed, Look, list},
};

/// How many files of a folder are followed.
pub const FILES_MAX: usize = 16_384;
/// How many files that are there no more are remembered: a folder may come back.
const GONE_MAX: usize = 1024;
/// How long nothing of a file changes until it lies still.
pub const STILL: Duration = Duration::from_secs(1);
/// How many faults of one turn are told.
const FAULTS_MAX: usize = 8;

/// One folder, and up to where each of its files was read.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    only: Option<&'static Source>,
    files: BTreeMap<FileId, Followed>,
    /// Where the last turn had to stop.
    after: Option<PathBuf>,
    turns: u64,
    stop: Arc<AtomicBool>,
}

/// What came of a turn.
#[derive(Debug, Default)]
pub struct Turn {
    /// How many bytes were read.
    pub bytes: u64,
    /// Whether there is more to read right away.
    pub more: bool,
    /// How many files there are.
    pub files: usize,
    /// How many bytes are not read yet, as far as one can tell.
    pub behind: u64,
    /// Whether a file came or changed since the last turn.
    pub stirred: bool,
    /// When the latest of its files changed, in seconds since 1970.
    pub changed: Option<i64>,
    /// Whether nothing of the folder could be looked at.
    pub unseen: bool,
    /// Why the folder cannot be read, or not all of it.
    pub lost: Option<String>,
    /// What is wrong with which file: once, until that changes.
    pub faults: Vec<(PathBuf, String)>,
}

/// What is read of one file, and how much of it.
struct Reading<'a> {
    path: &'a Path,
    look: Look,
    now: Duration,
    most: u64,
    only: Option<&'static Source>,
    stop: &'a AtomicBool,
}

impl Tail {
    /// Follows a folder on from these places; all of its records are of `only`, where that is said.
    pub fn new(folder: PathBuf, only: Option<&'static Source>, places: Vec<Place>) -> Self {
        let files = places.into_iter().map(|it| (it.id(), Followed::at(it))).collect();
        Self { folder, only, files, after: None, turns: 0, stop: Arc::default() }
    }

    /// Has the reading of a long file given up once that is set: it is read again the next time.
    #[must_use]
    pub fn until(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// Gives up to where each file was read.
    pub fn places(&self) -> Vec<Place> {
        self.files.values().map(|it| it.place.clone()).collect()
    }

    /// Reads what is new: about as many bytes as `most` says, or one file that can only be read as a whole.
    /// `now` is how much time has passed since whenever.
    pub fn turn(
        &mut self,
        now: Duration,
        most: u64,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) -> Turn {
        let mut turn = Turn::default();
        let Listed { mut found, left_out } = match list(&self.folder) {
            Ok(listed) => listed,
            Err(error) => {
                (turn.unseen, turn.lost) = (true, Some(error.to_string()));
                return turn;
            }
        };
        turn.lost = left_out.last().map(|(path, why)| format!("`{}`: {why}", path.display()));
        if FILES_MAX < found.len() {
            turn.lost = Some(format!("it holds more than {FILES_MAX} files: the first are read"));
            found.truncate(FILES_MAX);
        }
        self.turns = self.turns.saturating_add(1);
        turn.files = found.len();
        turn.changed = found.iter().map(|it| it.look.changed.0).max();
        // The first turn sees everything for the first time.
        turn.stirred = self.notice(&found, each) && 1 < self.turns;
        let after = self.after.take();
        let begin =
            found.partition_point(|it| after.as_ref().is_some_and(|after| it.path <= *after));
        let (before, behind) = found.split_at_checked(begin).unwrap_or((&found, &[]));
        for it in behind.iter().chain(before) {
            if most <= turn.bytes || self.stop.load(Ordering::Relaxed) {
                turn.more = true;
                break;
            }
            let left = most.saturating_sub(turn.bytes);
            self.look(it, (now, left), &mut turn, each);
            if turn.more {
                self.after = Some(it.path.clone());
            }
        }
        let left = |it: &Found| self.files.get(&it.id).map_or(0, |file| file.behind(it.look));
        turn.behind = found.iter().map(left).fold(0, u64::saturating_add);
        turn
    }

    /// Notices which files are still there, and ends what one that is not had begun. Says whether one came or changed.
    fn notice(&mut self, found: &[Found], each: &mut dyn FnMut(&Path, Record<'_>)) -> bool {
        let mut stirred = false;
        for it in found {
            let new = || Followed::at(Place::begin(it.id));
            let file = self.files.entry(it.id).or_insert_with(new);
            file.listed = self.turns;
            stirred |= file.look.replace(it.look) != Some(it.look);
        }
        let turns = self.turns;
        for file in self.files.values_mut().filter(|it| it.listed != turns) {
            file.end(&self.folder, each);
        }
        if found.len().saturating_add(GONE_MAX) < self.files.len() {
            self.files.retain(|_, it| it.listed == turns);
        }
        stirred
    }

    fn look(
        &mut self,
        found: &Found,
        (now, most): (Duration, u64),
        turn: &mut Turn,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) {
        let Some(file) = self.files.get_mut(&found.id) else { return };
        let (path, look) = (found.path.as_path(), found.look);
        let reading = Reading { path, look, now, most, only: self.only, stop: &self.stop };
        match file.read_on(&reading, each) {
            Ok((bytes, more)) => {
                file.is_faulty = false;
                turn.bytes = turn.bytes.saturating_add(bytes);
                turn.more |= more;
            }
            Err(why) => {
                if !file.is_faulty && turn.faults.len() < FAULTS_MAX {
                    turn.faults.push((found.path.clone(), why));
                }
                file.is_faulty = true;
            }
        }
    }
}
