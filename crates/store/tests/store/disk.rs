//! A disk that loses its power: what was synced stays, the rest is kept, dropped or torn.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
};

use crate::{journal::Event, sample::Dice};

#[derive(Default)]
struct File {
    /// What a sync has brought to the disk.
    durable: Vec<u8>,
    /// What was written since, in order.
    pending: Vec<Change>,
}

enum Change {
    Write { at: usize, data: Vec<u8> },
    Cut { len: usize },
}

/// What becomes of a name: it leads to a file, or to none.
type Naming = Vec<(String, Option<usize>)>;

/// What a journal has done to a disk so far.
#[derive(Default)]
pub(crate) struct Disk {
    files: Vec<File>,
    by_inode: HashMap<u64, usize>,
    /// Names as the program sees them.
    names: BTreeMap<String, usize>,
    /// Names as they are on the disk.
    durable: BTreeMap<String, usize>,
    pending: Vec<Naming>,
}

/// How unkind the power cut is to what was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    All,
    Nothing,
    Some { sector: usize },
}

impl Disk {
    /// Lets one event happen.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Open { created, inode, path } => self.open(*created, *inode, path),
            Event::Write { inode, at, data } => {
                let change = Change::Write { at: *at, data: data.clone() };
                self.file(*inode).pending.push(change);
            }
            Event::Cut { inode, len } => self.file(*inode).pending.push(Change::Cut { len: *len }),
            Event::Sync { inode } => {
                let file = self.file(*inode);
                for change in std::mem::take(&mut file.pending) {
                    change.apply(&mut file.durable, &mut |_| true, usize::MAX);
                }
            }
            // The kernel forgets what it could not write, and the next sync succeeds without it.
            Event::FailSync { inode } => self.file(*inode).pending.clear(),
            Event::SyncDir { path } => self.sync_dir(path),
            Event::Remove { path } => {
                self.names.remove(path);
                self.pending.push(vec![(path.clone(), None)]);
            }
            Event::Rename { from, to } => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
                self.pending.push(vec![(from.clone(), None), (to.clone(), Some(file))]);
            }
            Event::Say { .. } | Event::NoRoom => {}
        }
    }

    fn open(&mut self, created: bool, inode: u64, path: &str) {
        if created {
            self.files.push(File::default());
            let file = self.files.len() - 1;
            self.by_inode.insert(inode, file);
            self.names.insert(path.to_owned(), file);
            self.pending.push(vec![(path.to_owned(), Some(file))]);
        }
    }

    fn file(&mut self, inode: u64) -> &mut File {
        &mut self.files[self.by_inode[&inode]]
    }

    fn sync_dir(&mut self, dir: &str) {
        let (now, later) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|naming| Path::new(&naming[0].0).parent() == Some(Path::new(dir)));
        self.pending = later;
        for naming in now {
            rename(&mut self.durable, &naming);
        }
    }

    /// Cuts the power and lays what is left under `to`, in the place of `from`.
    pub(crate) fn cut_power(&self, loss: Loss, dice: &mut Dice, from: &Path, to: &Path) {
        let mut names = self.durable.clone();
        for naming in &self.pending {
            if loss.keeps(dice) {
                rename(&mut names, naming);
            }
        }
        for (path, file) in names {
            let place = to.join(Path::new(&path).strip_prefix(from).unwrap());
            // Shared memory does not outlive the machine.
            if path.ends_with("-shm") {
                continue;
            }
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(&place, left_of(&self.files[file], loss, dice)).unwrap();
            fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

fn left_of(file: &File, loss: Loss, dice: &mut Dice) -> Vec<u8> {
    let mut left = file.durable.clone();
    for change in &file.pending {
        match loss {
            Loss::Some { sector } if dice.below(3) == 0 => {
                change.apply(&mut left, &mut |_| dice.below(2) == 0, sector);
            }
            Loss::All | Loss::Nothing | Loss::Some { .. } if loss.keeps(dice) => {
                change.apply(&mut left, &mut |_| true, usize::MAX);
            }
            Loss::All | Loss::Nothing | Loss::Some { .. } => {}
        }
    }
    left
}

impl Loss {
    fn keeps(self, dice: &mut Dice) -> bool {
        match self {
            Self::All => false,
            Self::Nothing => true,
            Self::Some { .. } => dice.below(2) == 0,
        }
    }
}

impl Change {
    /// Applies the change to `bytes`; of a write only the sectors that `keep` keeps.
    fn apply(&self, bytes: &mut Vec<u8>, keep: &mut dyn FnMut(usize) -> bool, sector: usize) {
        match self {
            Self::Cut { len } => {
                if keep(0) {
                    bytes.resize(*len, 0);
                }
            }
            Self::Write { at, data } => {
                let mut from = *at;
                while from < at + data.len() {
                    let next = (from / sector).saturating_add(1).saturating_mul(sector);
                    let to = next.min(at + data.len());
                    if keep(from / sector) {
                        bytes.resize(bytes.len().max(to), 0);
                        bytes[from..to].copy_from_slice(&data[from - at..to - at]);
                    }
                    from = to;
                }
            }
        }
    }
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    for (path, file) in naming {
        match file {
            Some(file) => names.insert(path.clone(), *file),
            None => names.remove(path),
        };
    }
}
