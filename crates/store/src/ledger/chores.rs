//! What is done beside the writer, so that nobody waits for it: room is made before it is used,
//! and what is full is put away.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, SyncSender},
    },
};

use super::{Shared, folder::SPARE, sealed::Sealed};
use crate::file;

/// Zeros are written and synced so many at a time: more would keep the writer from the disk.
const PIECE: usize = 1 << 20;

/// Something to be done.
#[derive(Debug)]
pub(super) enum Chore {
    /// Make a file full of zeros, so long, or at least so long where the disk is nearly full.
    Prepare(Room, SyncSender<io::Result<Spare>>),
    /// Put a segment away.
    LayDown(Arc<Sealed>),
}

/// How much room is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) capacity: u64,
    pub(super) least: u64,
}

/// A file full of zeros, all of it on the disk.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: File,
    pub(super) capacity: u64,
}

/// The thread that does chores, and the way to it.
pub(super) type Chores = Sender<Chore>;

/// Does chores until nobody gives any more.
pub(super) fn run(dir: &Path, shared: &Shared, chores: &Receiver<Chore>) {
    for chore in chores {
        let trouble = match chore {
            Chore::Prepare(room, to) => {
                let spare = prepare(dir, room);
                let trouble = spare.as_ref().err().map(|it| no_room(room.capacity, it));
                // The writer no longer waits where it failed meanwhile.
                drop(to.try_send(spare));
                trouble
            }
            Chore::LayDown(sealed) => sealed.lay_down(dir).err().map(|it| it.to_string()),
        };
        if let Some(why) = &trouble {
            tracing::warn!(why, "a segment of the ledger could not be prepared or put away");
        }
        shared.note_trouble(trouble);
    }
}

/// Says why there is no room for a segment.
pub(super) fn no_room(capacity: u64, error: &io::Error) -> String {
    let full = if error.kind() == ErrorKind::StorageFull { "the disk is full: " } else { "" };
    format!("{full}there is no room for a segment of {capacity} bytes: {error}")
}

/// Makes a file full of zeros. On a nearly full disk it becomes shorter.
pub(super) fn prepare(dir: &Path, room: Room) -> io::Result<Spare> {
    let path = dir.join(SPARE);
    let mut capacity = room.capacity.max(room.least);
    loop {
        match fill(&path, capacity) {
            Ok(file) => return Ok(Spare { file, capacity }),
            Err(error) => {
                let _gone = fs::remove_file(&path);
                if error.kind() != ErrorKind::StorageFull || capacity <= room.least {
                    return Err(error);
                }
            }
        }
        capacity = (capacity / 2).max(room.least);
    }
}

fn fill(path: &Path, capacity: u64) -> io::Result<File> {
    remove_if_there(path)?;
    let file = file::create_new_private(path)?;
    zero(&file, 0, capacity)?;
    file.sync_all()?;
    Ok(file)
}

/// Writes zeros over a part of a file, and waits for the disk.
pub(super) fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to.saturating_sub(at)).unwrap_or(PIECE).min(PIECE);
        file.write_all_at(zeros.get(..len).unwrap_or_default(), at)?;
        file.sync_data()?;
        at = at.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// Removes a file that may be missing.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
