//! The one end that writes: into a segment whose room is on the disk already.
//!
//! After any error from a write or a sync it is gone: a second sync may succeed although what the
//! first should have written is lost, so only a restart, which reads what is really on the disk,
//! may write again. The same goes for a file that was deleted, replaced or cut.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, sync_channel},
};

use super::{
    DurableAt, SegmentSizes,
    chores::{Chore, Chores, Room, Spare, no_room},
    folder::{self, SPARE},
    layout::{CAPACITY_MAX, HEADER, Header},
};
use crate::{
    file::{self, FileWatch},
    sqlite::Failed,
};

/// A segment that is written to.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) file: File,
    pub(super) watch: FileWatch,
    pub(super) header: Header,
    /// Where the next record begins.
    pub(super) at: u64,
}

/// The one end that writes.
#[derive(Debug)]
pub(super) struct Pen {
    open: Option<Open>,
    failed: Failed,
    dir: PathBuf,
    sizes: SegmentSizes,
    chores: Chores,
    /// The next segment's file, where it was asked for.
    spare: Option<Receiver<io::Result<Spare>>>,
}

impl Pen {
    pub(super) const fn new(
        open: Open,
        failed: Failed,
        dir: PathBuf,
        sizes: SegmentSizes,
        chores: Chores,
    ) -> Self {
        Self { open: Some(open), failed, dir, sizes, chores, spare: None }
    }

    /// Gives where the next record begins.
    pub(super) fn at(&self) -> u64 {
        self.open.as_ref().map_or(0, |it| it.at)
    }

    /// Gives how many bytes more the segment takes; as many as there may be once nothing is
    /// written any more, so that the next write says why.
    pub(super) fn room(&self) -> u64 {
        self.open.as_ref().map_or(u64::MAX, |it| it.header.capacity.saturating_sub(it.at))
    }

    /// Writes behind what was written before and waits for the disk, or says why nothing is
    /// written any more.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut open = self.open.take().filter(|_| self.failed.get().is_none());
        let Some(segment) = &mut open else {
            return Err(self.failed.get().cloned().unwrap_or_default());
        };
        let written = segment.file.write_all_at(bytes, segment.at);
        if let Err(error) = written.and_then(|()| segment.file.sync_data()) {
            let full =
                if error.kind() == ErrorKind::StorageFull { "the disk is full: " } else { "" };
            let path = folder::segment(&self.dir, segment.header.number);
            return Err(self.fail(format!("{full}cannot write `{}`: {error}", path.display())));
        }
        if let Some(why) = segment.watch.trouble() {
            return Err(self.fail(why));
        }
        segment.at = segment.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.open = open;
        Ok(())
    }

    /// Lets the next segment be prepared once this one is a quarter full: in good time, and not
    /// for a ledger that hardly grows.
    pub(super) fn look_ahead(&mut self) {
        let Some(Open { header, at, .. }) = &self.open else { return };
        if self.spare.is_none() && header.capacity / 4 < *at {
            self.ask(self.sizes.next(header.capacity), 0);
        }
    }

    /// Goes on in a new segment that follows on `before` and has room for `need` bytes.
    pub(super) fn roll(&mut self, before: DurableAt, need: u64) -> Result<Header, String> {
        let open = self.open.take().filter(|_| self.failed.get().is_none());
        let Some(Open { header, at, .. }) = open else {
            return Err(self.failed.get().cloned().unwrap_or_default());
        };
        let next = Header { number: header.number.saturating_add(1), before, capacity: 0 };
        let open = self.spare(self.sizes.next(at), need).and_then(|spare| {
            begin(&self.dir, spare, next).map_err(|it| format!("cannot begin a segment: {it}"))
        });
        match open {
            Ok(open) => {
                let header = open.header.clone();
                self.open = Some(open);
                Ok(header)
            }
            Err(why) => Err(self.fail(why)),
        }
    }

    /// Takes the file that was prepared; where there is none, or none that is long enough, one
    /// more is asked for.
    fn spare(&mut self, capacity: u64, need: u64) -> Result<Spare, String> {
        let prepared = self.spare.take().and_then(|it| it.recv().ok()?.ok());
        if let Some(spare) = prepared.filter(|it| long_enough(need) <= it.capacity) {
            return Ok(spare);
        }
        let capacity = capacity.max(long_enough(need));
        self.ask(capacity, need);
        let answer = self.spare.take().and_then(|it| it.recv().ok());
        let answer = answer.ok_or_else(|| "segments are no longer prepared".to_owned())?;
        answer.map_err(|error| no_room(capacity, &error))
    }

    fn ask(&mut self, capacity: u64, need: u64) {
        let least = long_enough(need).max(self.sizes.first);
        let (to, answer) = sync_channel(1);
        // Where nobody prepares any more, whoever waits for the answer is told.
        drop(self.chores.send(Chore::Prepare(Room { capacity, least }, to)));
        self.spare = Some(answer);
    }

    /// Writes nothing any more, and says why.
    pub(super) fn fail(&self, why: String) -> String {
        tracing::error!(why, "nothing is written any more until a restart");
        // Another thread may have been first.
        drop(self.failed.set(why.clone()));
        why
    }
}

/// Gives how long a segment must be for `need` bytes of records.
pub(super) fn long_enough(need: u64) -> u64 {
    let header = u64::try_from(HEADER).unwrap_or(u64::MAX);
    header.saturating_add(need).next_multiple_of(header)
}

/// Makes a segment of a file full of zeros. It has its name only once its header is on the disk.
pub(super) fn begin(dir: &Path, spare: Spare, header: Header) -> io::Result<Open> {
    let Spare { file, capacity } = spare;
    let header = Header { capacity, ..header };
    file.write_all_at(&header.to_bytes(), 0)?;
    file.sync_data()?;
    let path = folder::segment(dir, header.number);
    fs::rename(dir.join(SPARE), &path)?;
    file::sync_parent(&path).map_err(io::Error::other)?;
    let watch = FileWatch::new(&path).map_err(io::Error::other)?.of_len(capacity);
    let at = u64::try_from(HEADER).unwrap_or(u64::MAX);
    Ok(Open { file, watch, header, at })
}

impl SegmentSizes {
    /// Gives how long the segment after one that holds `used` bytes is: about twice as long.
    fn next(self, used: u64) -> u64 {
        let twice = used.saturating_mul(2).min(CAPACITY_MAX).next_power_of_two();
        twice.max(self.first).min(self.largest.max(self.first)).min(CAPACITY_MAX)
    }
}
