//! The files of a ledger's directory: which segments there are, in which order.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    DurableAt, GENESIS, LedgerError,
    base::Base,
    layout::{HEADER, Header},
    window::Window,
};
use crate::{CheckpointPublicKey, file};

/// The name of a segment that nothing was written to yet.
pub(crate) const SPARE: &str = "spare.segment";
/// The file in which the ledger was kept before there were segments.
pub(crate) const OLD: &str = "live.db";

/// How often the directory is read again when retention takes a segment meanwhile.
const TRIES: usize = 5;

/// What a ledger's directory holds.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The last record that retention took.
    pub(crate) base: DurableAt,
    /// Segments that retention let go, and that are still there.
    pub(crate) gone: Vec<u64>,
    /// The others, in order; the last one takes new records.
    pub(crate) segments: Vec<Header>,
    /// Indexes that no segment stands beside.
    pub(crate) orphans: Vec<u64>,
}

impl Folder {
    /// Reads a directory, whether or not somebody writes to it. What `key` must have signed is
    /// checked where one is given.
    pub(crate) fn read(dir: &Path, key: Option<&CheckpointPublicKey>) -> Result<Self, LedgerError> {
        for _ in 1..TRIES {
            if let Some(folder) = Self::try_read(dir, key, false)? {
                return Ok(folder);
            }
        }
        Self::try_read(dir, key, true)?.ok_or_else(|| LedgerError::Missing { dir: dir.to_owned() })
    }

    /// Gives none where a segment went away meanwhile, unless this was the last try.
    fn try_read(
        dir: &Path,
        key: Option<&CheckpointPublicKey>,
        last: bool,
    ) -> Result<Option<Self>, LedgerError> {
        let base = Base::read(dir)?;
        if let (Some(base), Some(key)) = (&base, key)
            && !base.is_signed_by(key)
        {
            let seq = base.at.seq.saturating_add(1);
            let why = "nothing signed says that the records before it were dropped".to_owned();
            return Err(LedgerError::Tampered { seq, why });
        }
        let mut folder = Self {
            base: base.map_or(GENESIS, |it| it.at),
            gone: Vec::new(),
            segments: Vec::new(),
            orphans: Vec::new(),
        };
        let (numbers, indexes) = list(dir)?;
        folder.orphans =
            indexes.into_iter().filter(|it| numbers.binary_search(it).is_err()).collect();
        for number in numbers {
            match read_header(dir, number)? {
                Some(Ok(header)) => folder.take(header)?,
                Some(Err(why)) => return Err(altered(folder.next_seq(), dir, number, why)),
                None if last => {}
                None => return Ok(None),
            }
        }
        folder.segments.first().map_or(Ok(()), |first| folder.begins_with(first, dir))?;
        Ok(Some(folder))
    }

    /// Takes the segment that comes next.
    fn take(&mut self, header: Header) -> Result<(), LedgerError> {
        if let Some(before) = self.segments.last() {
            if before.number.checked_add(1) != Some(header.number) {
                let seq = self.next_seq();
                let why = format!("the segment after number {} is missing", before.number);
                return Err(LedgerError::Tampered { seq, why });
            }
            // What ends where retention cut, or before, it let go.
            if header.before.seq <= self.base.seq && self.segments.len() == 1 {
                self.gone.push(before.number);
                self.segments.clear();
            }
        }
        self.segments.push(header);
        Ok(())
    }

    fn begins_with(&self, first: &Header, dir: &Path) -> Result<(), LedgerError> {
        if first.before == self.base {
            return Ok(());
        }
        let why = "it does not follow on what retention took";
        Err(altered(self.base.seq.saturating_add(1), dir, first.number, why))
    }

    /// Gives the first record that could be wrong where a header is.
    fn next_seq(&self) -> u64 {
        self.segments.last().map_or(self.base, |it| it.before).seq.saturating_add(1)
    }
}

/// Says what is wrong with a segment as a whole.
pub(crate) fn altered(seq: u64, dir: &Path, number: u64, why: &str) -> LedgerError {
    let why = format!("`{}`: {why}", segment(dir, number).display());
    LedgerError::Tampered { seq, why }
}

/// Gives the path of a segment.
pub(crate) fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.segment"))
}

/// Gives the path of a sealed segment's index.
pub(crate) fn index(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.index"))
}

/// Lists the numbers of segments and of indexes, each in order.
fn list(dir: &Path) -> Result<(Vec<u64>, Vec<u64>), LedgerError> {
    let (mut segments, mut indexes) = (Vec::new(), Vec::new());
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((segments, indexes)),
        Err(error) => return Err(file::on("read", dir)(error).into()),
    };
    for entry in entries {
        let name = entry.map_err(file::on("read", dir))?.file_name();
        let Some((number, kind)) = name.to_str().and_then(|it| it.split_once('.')) else {
            continue;
        };
        let known = number.len() >= 8 && number.bytes().all(|it| it.is_ascii_digit());
        match (number.parse(), kind) {
            (Ok(number), "segment") if known => segments.push(number),
            (Ok(number), "index") if known => indexes.push(number),
            (Ok(_) | Err(_), _) => {}
        }
    }
    segments.sort_unstable();
    indexes.sort_unstable();
    Ok((segments, indexes))
}

/// Reads a segment's header; none where the segment is not there.
fn read_header(
    dir: &Path,
    number: u64,
) -> Result<Option<Result<Header, &'static str>>, LedgerError> {
    let path = segment(dir, number);
    let Some(mut window) = Window::open(&path, HEADER)? else {
        return Ok(None);
    };
    let block = window.read(0, HEADER).map_err(file::on("read", &path))?;
    let header = Header::read(block);
    Ok(Some(header.and_then(|it| {
        if it.number == number { Ok(it) } else { Err("it is another segment under its name") }
    })))
}
