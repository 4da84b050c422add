//! Where copies of signed heads go: one file a day, only ever appended to.

use std::path::{Path, PathBuf};

use super::{Checkpoint, CheckpointError, Note, read_notes};
use crate::{FileError, file};

/// The ending of the files that hold copies.
const ENDING: &str = "checkpoints";

/// A directory of copies, best on another machine or volume.
#[derive(Debug)]
pub(crate) struct Copies {
    dir: PathBuf,
    /// The file whose end is known to be whole.
    whole: Option<PathBuf>,
}

impl Copies {
    /// Takes the directory; it is made with the first copy.
    pub(crate) const fn new(dir: PathBuf) -> Self {
        Self { dir, whole: None }
    }

    /// Appends one signed head to the file of its day, and waits for the disk.
    pub(crate) fn append(&mut self, note: &str, of: &Checkpoint) -> Result<(), FileError> {
        let day: String = of.time.to_string().chars().take(10).collect();
        let path = self.dir.join(format!("ledger-{day}.{ENDING}"));
        let fresh = self.whole.as_ref() != Some(&path);
        self.whole = None;
        if fresh {
            file::create_private_dir(&self.dir)?;
            cut_torn_end(&path)?;
        }
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        let file = file.map_err(file::on("open", &path))?;
        file::write_through(&file, &path, format!("{note}\n").as_bytes())?;
        if fresh {
            file::sync_parent(&path)?;
        }
        self.whole = Some(path);
        Ok(())
    }

    /// Reads all signed heads of a file, or of every file of copies in a directory.
    pub(crate) fn read(path: &Path) -> Result<Option<Vec<Note>>, CheckpointError> {
        if !path.is_dir() {
            return read_notes(path);
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(file::on("read", path))? {
            let file = entry.map_err(file::on("read", path))?.path();
            if file.extension().is_some_and(|it| it == ENDING) {
                files.push(file);
            }
        }
        files.sort();
        let mut notes = Vec::new();
        for file in &files {
            notes.extend(read_notes(file)?.unwrap_or_default());
        }
        Ok(if files.is_empty() { None } else { Some(notes) })
    }
}

/// Cuts a head that was being written when the power went, so that the next one can be read.
fn cut_torn_end(path: &Path) -> Result<(), FileError> {
    let file = file::open_private(path)?;
    let bytes = std::fs::read(path).map_err(file::on("read", path))?;
    let whole = whole_len(&bytes);
    if whole < bytes.len() {
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        file.set_len(whole).map_err(file::on("write", path))?;
    }
    file.sync_all().map_err(file::on("write", path))
}

/// Gives the end of the last complete head. What is text and no head is left as it is: it may be
/// what shows that somebody wrote here.
fn whole_len(bytes: &[u8]) -> usize {
    let readable = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => error.valid_up_to(),
    };
    let text = String::from_utf8_lossy(bytes.get(..readable).unwrap_or_default());
    Note::parse_all(&text).map_or(readable, |(_, complete)| complete)
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{Digest, Timestamp};

    use super::*;
    use crate::checkpoint::{CheckpointKey, Purpose};

    #[test]
    fn copies_go_on_after_a_torn_end_and_are_one_file_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let key = CheckpointKey::load_or_create(&dir.path().join("checkpoint.pem")).unwrap();
        let copies = dir.path().join("copies");
        let head = |seq: u64, day: i64| {
            let time = Timestamp::from_millis(day * 86_400_000);
            let head = Checkpoint { seq, chain: Digest::of(b"x"), time };
            (Note::sign(Purpose::Head, &head, &key), head)
        };
        let (note, of) = head(1, 1);
        Copies::new(copies.clone()).append(&note, &of).unwrap();
        let first = copies.join("ledger-1970-01-02.checkpoints");
        for torn in [&note.as_bytes()[..40], &note.as_bytes()[..95], &[0; 10], &[0xe2, 0x80]] {
            let mut bytes = std::fs::read(&first).unwrap();
            bytes.extend_from_slice(torn);
            std::fs::write(&first, bytes).unwrap();
            let (note, of) = head(2, 1);
            Copies::new(copies.clone()).append(&note, &of).unwrap();
        }
        let mut again = Copies::new(copies.clone());
        for (seq, day) in [(3, 2), (4, 2)] {
            let (note, of) = head(seq, day);
            again.append(&note, &of).unwrap();
        }
        let seqs = |path: &Path| -> Vec<u64> {
            Copies::read(path).unwrap().unwrap().iter().map(|it| it.checkpoint.seq).collect()
        };
        assert_eq!(seqs(&first), [1, 2, 2, 2, 2]);
        assert_eq!(seqs(&copies), [1, 2, 2, 2, 2, 3, 4]);
    }
}
