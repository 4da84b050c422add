//! What lies in a folder and below it, and what each file is known by.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, FileType, Metadata},
    io::{self, Read as _, Seek as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use aws_lc_rs::digest;

use super::files::open;

/// How deep folders lie in one another at most.
const DEEP: usize = 16;
/// How much of a file's beginning it is known by.
pub(super) const HEAD: u64 = 1024;

/// What a file system knows a file by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// How a file looks from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Look {
    pub(super) length: u64,
    pub(super) changed: (i64, i64),
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) id: FileId,
    pub(super) look: Look,
    born: Option<u64>,
}

/// What lies in a folder.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Files, in order, each once.
    pub(super) found: Vec<Found>,
    /// What cannot be listed, and why.
    pub(super) left_out: Vec<(PathBuf, String)>,
}

impl FileId {
    pub(super) fn of(about: &Metadata) -> Self {
        Self { device: about.dev(), inode: about.ino() }
    }
}

impl Look {
    pub(super) fn of(about: &Metadata) -> Self {
        Self { length: about.len(), changed: (about.mtime(), about.mtime_nsec()) }
    }
}

/// Gives when a file was made, in microseconds, where the file system says so: numbers of files are given again.
pub(super) fn born(about: &Metadata) -> Option<u64> {
    let since = about.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_micros()).ok()
}

pub(super) fn digest_of(bytes: &[u8]) -> u64 {
    let hashed = digest::digest(&digest::SHA256, bytes);
    u64::from_be_bytes(hashed.as_ref().first_chunk().copied().unwrap_or_default())
}

/// Lists the files in a folder and below it, in order. What of it cannot be listed costs itself alone.
pub(super) fn list(folder: &Path) -> io::Result<Listed> {
    let mut listed = Listed::default();
    let mut waiting = vec![(folder.to_owned(), 0)];
    while let Some((path, deep)) = waiting.pop() {
        match fs::read_dir(&path) {
            Ok(inside) => {
                for entry in inside {
                    listed.take(entry, (&path, deep), &mut waiting);
                }
            }
            Err(error) if deep == 0 => return Err(error),
            // It went while we looked.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => listed.left_out.push((path, error.to_string())),
        }
    }
    listed.found.sort_by(|one, next| one.path.cmp(&next.path));
    // Two names of one file are one log.
    let mut seen = BTreeSet::new();
    listed.found.retain(|it| seen.insert(it.id));
    Ok(listed)
}

impl Listed {
    fn take(
        &mut self,
        entry: io::Result<fs::DirEntry>,
        (folder, deep): (&Path, usize),
        waiting: &mut Vec<(PathBuf, usize)>,
    ) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return self.left_out.push((folder.to_owned(), error.to_string())),
        };
        let (path, sort) = (entry.path(), entry.file_type());
        // A link is followed to a file, not to a folder: it could lead back.
        if sort.as_ref().is_ok_and(FileType::is_dir) {
            if deep < DEEP {
                waiting.push((path, deep.saturating_add(1)));
            } else {
                self.left_out.push((path, format!("it lies more than {DEEP} folders deep")));
            }
            return;
        }
        match fs::metadata(&path) {
            Ok(about) if about.is_file() => {
                let (id, look, born) = (FileId::of(&about), Look::of(&about), born(&about));
                self.found.push(Found { path, id, look, born });
            }
            // What leads nowhere, or in a ring, is no file; and one may go while we look.
            Err(error)
                if error.kind() != io::ErrorKind::NotFound
                    && !sort.is_ok_and(|it| it.is_symlink()) =>
            {
                self.left_out.push((path, error.to_string()));
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// A folder that is read once, as it lies there: each file once, whatever it is called by the time that it is opened.
#[derive(Debug)]
pub struct Lying {
    folder: PathBuf,
    read: BTreeMap<FileId, Vec<Known>>,
}

/// What lies in a folder and was not read yet, and what of it cannot be listed.
#[derive(Debug, Default)]
pub struct Unread {
    /// Files, in order.
    pub files: Vec<PathBuf>,
    /// What cannot be listed, and why.
    pub left_out: Vec<(PathBuf, String)>,
}

/// What a file that was read is known by.
#[derive(Debug)]
struct Known {
    born: Option<u64>,
    head: u64,
    head_length: usize,
    /// How long it was when it was opened.
    length: u64,
}

impl Known {
    /// Says whether this may be the file, as far as one can tell from outside; surely only where it is known when it was made.
    fn may_be(&self, born: Option<u64>, length: u64) -> bool {
        self.born == born && self.length <= length
    }
}

impl Lying {
    /// Begins with nothing read.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, read: BTreeMap::new() }
    }

    /// Lists what was not read yet: what came, was cut off, or took another's name since it was last asked.
    pub fn unread(&self) -> io::Result<Unread> {
        let Listed { found, left_out } = list(&self.folder)?;
        let is_read = |it: &Found| {
            let mut known = self.read.get(&it.id).into_iter().flatten();
            it.born.is_some() && known.any(|known| known.may_be(it.born, it.look.length))
        };
        let files = found.into_iter().filter(|it| !is_read(it)).map(|it| it.path).collect();
        Ok(Unread { files, left_out })
    }

    /// Opens a file to be read from its beginning; nothing, where it was read already, went, or is none.
    pub fn open(&mut self, path: &Path) -> io::Result<Option<File>> {
        let mut file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        if !about.is_file() {
            return Ok(None);
        }
        let mut head = Vec::new();
        (&file).take(HEAD).read_to_end(&mut head)?;
        file.rewind()?;
        let (born, length) = (born(&about), about.len());
        let all = self.read.entry(FileId::of(&about)).or_default();
        let begins = |it: &Known| head.get(..it.head_length).map(digest_of) == Some(it.head);
        if all.iter().any(|it| it.may_be(born, length) && begins(it)) {
            return Ok(None);
        }
        all.push(Known { born, head: digest_of(&head), head_length: head.len(), length });
        Ok(Some(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lying: &mut Lying, path: &Path) -> Option<String> {
        let file = lying.open(path).unwrap()?;
        Some(io::read_to_string(file).unwrap())
    }

    fn names(lying: &Lying) -> Vec<String> {
        let name = |it: &PathBuf| it.file_name().unwrap().to_string_lossy().into_owned();
        lying.unread().unwrap().files.iter().map(name).collect()
    }

    #[test]
    fn what_is_renamed_between_two_looks_is_read_once_and_what_took_its_name_is_read_too() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        fs::write(path("a.log"), "one").unwrap();
        fs::write(path("a.log.1"), "old").unwrap();
        let mut lying = Lying::new(home.path().to_owned());
        assert_eq!(names(&lying), ["a.log", "a.log.1"]);
        // All of it turns by one before the first is opened.
        fs::rename(path("a.log.1"), path("a.log.2")).unwrap();
        fs::rename(path("a.log"), path("a.log.1")).unwrap();
        fs::write(path("a.log"), "new").unwrap();
        assert_eq!(read(&mut lying, &path("a.log")).as_deref(), Some("new"));
        assert_eq!(read(&mut lying, &path("a.log.1")).as_deref(), Some("one"));
        // And once more.
        fs::rename(path("a.log"), path("a.log.3")).unwrap();
        let left = lying.unread().unwrap().files;
        let told: Vec<_> = left.iter().filter_map(|it| read(&mut lying, it)).collect();
        assert_eq!(told, ["old"]);
        // What was emptied and written anew is another log, though it is the same file.
        fs::write(path("a.log.2"), "ne").unwrap();
        let left = lying.unread().unwrap().files;
        let told: Vec<_> = left.iter().filter_map(|it| read(&mut lying, it)).collect();
        assert_eq!(told, ["ne"]);
        // What only grew was read as it was.
        fs::write(path("a.log.3"), "newer").unwrap();
        let left = lying.unread().unwrap().files;
        assert_eq!(left.iter().filter_map(|it| read(&mut lying, it)).count(), 0);
        assert_eq!(read(&mut lying, &path("gone")), None);
    }

    #[test]
    fn what_lies_too_deep_costs_itself_alone() {
        let home = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", DEEP + 1).collect();
        fs::create_dir_all(home.path().join(&deep)).unwrap();
        fs::write(home.path().join("a.log"), "one").unwrap();
        fs::write(home.path().join(&deep).join("b.log"), "two").unwrap();
        let unread = Lying::new(home.path().to_owned()).unread().unwrap();
        assert_eq!(unread.files, [home.path().join("a.log")]);
        assert_eq!(unread.left_out.len(), 1, "{unread:?}");
        assert!(unread.left_out[0].1.contains("deep"), "{unread:?}");
    }

    #[test]
    fn links_in_a_ring_pipes_and_sockets_are_no_files() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        for (name, to) in
            [("ring", "ring"), ("up", ".."), ("nowhere", "gone"), ("null", "/dev/null")]
        {
            std::os::unix::fs::symlink(to, path(name)).unwrap();
        }
        let pipe = path("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        fs::write(path("a.log"), "one").unwrap();
        let mut lying = Lying::new(home.path().to_owned());
        let unread = lying.unread().unwrap();
        assert_eq!((unread.files, unread.left_out), (vec![path("a.log")], vec![]));
        // A pipe that took a name after it was listed is not waited for.
        assert_eq!(read(&mut lying, &pipe), None);
    }
}
