//! Files of logs: found in folders, unpacked as they are read, handed to the reader piece by piece.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;

use super::{
    Reader, Record, Source,
    frames::{self, Frames},
    list::List,
};

/// How much is read at once.
const PIECE: usize = 256 * 1024;
/// The longest record of a file that has one on each line.
const LINE_MAX: usize = 64 << 20;
/// The most that a file with neither lines nor one list may unpack to: it is read as a whole.
const DOCUMENT_MAX: usize = 1 << 30;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system says so.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is packed in a way that cannot be unpacked.
    #[error("it cannot be unpacked: {0}")]
    Packed(String),
    /// A record never ends.
    #[error("a record in it is longer than {} MiB", LINE_MAX >> 20)]
    Line,
    /// There is too much in one piece.
    #[error("it holds more in one piece than is taken at once")]
    Document,
}

/// Finds the files that paths name: a folder stands for all files in it, in order.
pub fn find_files(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(|it| named(it, path))?.is_dir() {
            walk(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let inside = fs::read_dir(folder).map_err(|it| named(it, folder))?;
    let mut inside: Vec<_> = inside.collect::<Result<_, _>>()?;
    inside.sort_by_key(fs::DirEntry::file_name);
    for entry in inside {
        // A link is followed to a file, not to a folder: it could lead back.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), found)?;
        } else if kind.is_file() || fs::metadata(entry.path()).is_ok_and(|it| it.is_file()) {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn named(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

/// Reads a file, and counts its records. `read` hears how many bytes of the file were taken since it last did.
pub fn read_file(
    path: &Path,
    only: Option<&'static Source>,
    each: &mut dyn FnMut(Record<'_>),
    read: &dyn Fn(u64),
) -> Result<u64, FileError> {
    read_from(File::open(path)?, only, each, read)
}

/// Reads what comes from elsewhere, such as standard input.
pub fn read_from(
    input: impl Read,
    only: Option<&'static Source>,
    each: &mut dyn FnMut(Record<'_>),
    read: &dyn Fn(u64),
) -> Result<u64, FileError> {
    read_by(input, Reader::new(only), each, read)
}

/// Reads like [`read_from`], by a reader that was told more.
pub fn read_by(
    input: impl Read,
    reader: Reader,
    each: &mut dyn FnMut(Record<'_>),
    read: &dyn Fn(u64),
) -> Result<u64, FileError> {
    read_within(input, reader, each, (read, DOCUMENT_MAX))
}

/// Reads like [`read_by`], and holds no more in one piece than `most`.
pub(super) fn read_within(
    input: impl Read,
    mut reader: Reader,
    each: &mut dyn FnMut(Record<'_>),
    (read, most): (&dyn Fn(u64), usize),
) -> Result<u64, FileError> {
    let mut input = Counted { input, read };
    // A pipe may give less than what tells how it is packed.
    let mut begin = Vec::new();
    input.by_ref().take(4).read_to_end(&mut begin)?;
    let input = BufReader::with_capacity(PIECE, begin.as_slice().chain(input));
    match begin.as_slice() {
        [0x1f, 0x8b, ..] => pieces(MultiGzDecoder::new(input), (&mut reader, most), each),
        begin if frames::begins(begin) => {
            pieces(Frames::new(input, None), (&mut reader, most), each)
        }
        _ => pieces(input, (&mut reader, most), each),
    }?;
    Ok(reader.records())
}

/// Tells of what is read.
struct Counted<'r, R> {
    input: R,
    read: &'r dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(into)?;
        (self.read)(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// Hands on whole lines; what has none is one document.
fn pieces(
    mut input: impl Read,
    (reader, most): (&mut Reader, usize),
    each: &mut dyn FnMut(Record<'_>),
) -> Result<(), FileError> {
    let mut held = Held { bytes: Vec::new(), end: 0 };
    let mut list = List::default();
    let mut lines: Option<bool> = None;
    loop {
        let mut begin = held.end;
        let count = held.more(&mut input)?;
        if lines.is_none() {
            match reader.begins_text(held.all(), count == 0) {
                Some(true) => lines = Some(true),
                None if held.end <= LINE_MAX => continue,
                Some(false) | None => {}
            }
        }
        if lines.is_none() && list.is_open() {
            let taken = list.take(held.all(), count == 0, reader, each);
            held.take_off(taken);
            begin = 0;
            match (list.is_open(), count) {
                (true, 0) => return Ok(()),
                (true, _) if LINE_MAX < held.end => return Err(FileError::Line),
                (true, _) => continue,
                (false, _) => {}
            }
        }
        // A pipe may give the first line in several pieces: nothing is known before it ends.
        if lines.is_none() && held.all().get(begin..).is_some_and(|it| it.contains(&b'\n')) {
            lines = has_lines(held.all());
        }
        let is_lines = lines == Some(true);
        if count == 0 {
            if is_lines || !opens(held.all().trim_ascii_start()) {
                reader.lines(held.all(), each);
            } else {
                reader.document(held.all(), each);
            }
            reader.end(each);
            return Ok(());
        }
        if is_lines {
            let whole = held.all().iter().rposition(|it| *it == b'\n');
            let whole = whole.map_or(0, |it| it.saturating_add(1));
            reader.lines(held.all().get(..whole).unwrap_or_default(), each);
            held.take_off(whole);
        }
        match is_lines {
            true if LINE_MAX < held.end => return Err(FileError::Line),
            false if most < held.end => return Err(FileError::Document),
            true | false => {}
        }
    }
}

/// What was read and not handed on yet: the first bytes of a room that is kept.
struct Held {
    bytes: Vec<u8>,
    end: usize,
}

impl Held {
    fn all(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or_default()
    }

    /// Reads some more, and says how much.
    fn more(&mut self, input: &mut impl Read) -> Result<usize, FileError> {
        let room = self.end.saturating_add(PIECE);
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        let into = self.bytes.get_mut(self.end..room).unwrap_or_default();
        let count = input.read(into).map_err(unpacking)?;
        self.end = self.end.saturating_add(count);
        Ok(count)
    }

    /// Takes off the first `count` bytes.
    fn take_off(&mut self, count: usize) {
        self.bytes.copy_within(count..self.end, 0);
        self.end = self.end.saturating_sub(count);
    }
}

fn unpacking(error: io::Error) -> FileError {
    // What unpacks says so by these; what reads has others.
    let is_packing = matches!(
        error.kind(),
        io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Other
    );
    if is_packing { FileError::Packed(error.to_string()) } else { FileError::Io(error) }
}

/// Says whether there is a record on each line: the first line that has anything is a whole value, or none at all.
pub(super) fn has_lines(begin: &[u8]) -> Option<bool> {
    let text = begin.trim_ascii_start();
    let end = text.iter().position(|it| *it == b'\n')?;
    let line = text.get(..end).unwrap_or_default();
    Some(!opens(line) || serde_json::from_slice::<IgnoredAny>(line).is_ok())
}

/// Says whether text begins as an object or a list does.
pub(super) fn opens(text: &[u8]) -> bool {
    text.starts_with(b"[") || text.starts_with(b"{")
}
