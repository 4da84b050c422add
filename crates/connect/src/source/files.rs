//! Files of logs: found in folders, unpacked as they are read, handed to the reader piece by piece.

use std::{
    cell::Cell,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use memchr::memchr;
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
    #[error("it cannot be unpacked beyond byte {at} of what it holds: {why}")]
    Packed {
        /// How much of what it holds came out.
        at: u64,
        /// Whether it ends too early, as what is still written does.
        is_cut: bool,
        /// What is wrong.
        why: String,
    },
    /// A record of a list never ends.
    #[error("a record in it is longer than {} MiB", LINE_MAX >> 20)]
    Line,
    /// There is too much in one piece.
    #[error("it holds more in one piece than is taken at once")]
    Document,
    /// It was made to unpack to what nobody would log.
    #[error("it unpacks to more than {RATIO_MAX} times its size, and is read up to there")]
    Bomb,
}

/// How many times its size a packed log that is followed unpacks to at most: logs come nowhere near.
const RATIO_MAX: u64 = 1000;
/// And how much a small one may unpack to all the same.
const UNPACKED_MIN: u64 = 64 << 20;

/// How much of something is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most that is held in one piece.
    piece: usize,
    /// The most that it unpacks to.
    all: u64,
}

impl Limits {
    /// Holds no more in one piece than `piece` of what is `length` bytes long.
    pub(super) fn of(piece: usize, length: u64) -> Self {
        Self { piece, all: length.saturating_mul(RATIO_MAX).max(UNPACKED_MIN) }
    }
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
    read_within(input, reader, each, (read, Limits { piece: DOCUMENT_MAX, all: u64::MAX }))
}

/// Reads like [`read_by`], and no more than the limits say.
pub(super) fn read_within(
    input: impl Read,
    mut reader: Reader,
    each: &mut dyn FnMut(Record<'_>),
    (read, limits): (&dyn Fn(u64), Limits),
) -> Result<u64, FileError> {
    let failed = Cell::new(None);
    let mut input = Counted { input, read, failed: &failed };
    // A pipe may give less than what tells how it is packed.
    let mut begin = Vec::new();
    if let Err(error) = input.by_ref().take(4).read_to_end(&mut begin) {
        return Err(FileError::Io(failed.take().unwrap_or(error)));
    }
    let input = BufReader::with_capacity(PIECE, begin.as_slice().chain(input));
    let done = match begin.as_slice() {
        [0x1f, 0x8b, ..] => pieces(MultiGzDecoder::new(input), (&mut reader, limits), each),
        begin if frames::begins(begin) => {
            pieces(Frames::new(input, None), (&mut reader, limits), each)
        }
        _ => pieces(input, (&mut reader, limits), each),
    };
    // What unpacks hides what the system said: nothing is known to be broken by that.
    if let Some(error) = failed.take() {
        return Err(FileError::Io(error));
    }
    done.map(|()| reader.records())
}

/// Tells of what is read, and keeps what the system said when it could not be.
struct Counted<'r, R> {
    input: R,
    read: &'r dyn Fn(u64),
    failed: &'r Cell<Option<io::Error>>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match self.input.read(into) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failed.set(Some(error));
                return Err(kind.into());
            }
        };
        (self.read)(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

/// Hands on whole lines; what has none is one document.
fn pieces(
    mut input: impl Read,
    (reader, limits): (&mut Reader, Limits),
    each: &mut dyn FnMut(Record<'_>),
) -> Result<(), FileError> {
    let mut held = Held { bytes: Vec::new(), end: 0, all: 0 };
    let mut list = List::default();
    let mut lines: Option<bool> = None;
    let (mut is_blank, mut skips) = (true, false);
    loop {
        let mut begin = held.end;
        let had_lines = lines == Some(true);
        let count = held.more(&mut input)?;
        if limits.all < held.all {
            return Err(FileError::Bomb);
        }
        // Blanks before everything else say nothing.
        is_blank &= held.all().trim_ascii().is_empty();
        if is_blank && 0 < count {
            held.take_off(held.end);
            continue;
        }
        if skips {
            skips = held.skip_line();
            begin = 0;
        }
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
            lines = has_lines(held.all(), false);
        }
        if count == 0 && lines.is_none() && held.all().contains(&b'\n') {
            lines = has_lines(held.all(), true);
        }
        if lines.is_none() && LINE_MAX < held.end && !opens(held.all().trim_ascii_start()) {
            lines = Some(true);
        }
        let is_lines = lines == Some(true);
        if count == 0 {
            rest(held.all(), is_lines, reader, each);
            return Ok(());
        }
        if is_lines {
            // What was held before has no line that ended, once there are lines.
            let begin = if had_lines { begin } else { 0 };
            let new = held.all().get(begin..).unwrap_or_default();
            let whole = new.iter().rposition(|it| *it == b'\n');
            let whole = whole.map_or(0, |it| begin.saturating_add(it).saturating_add(1));
            reader.lines(held.all().get(..whole).unwrap_or_default(), each);
            held.take_off(whole);
        }
        match is_lines {
            // It costs itself alone.
            true if LINE_MAX < held.end => {
                reader.too_long(each);
                held.take_off(held.end);
                skips = true;
            }
            false if limits.piece < held.end => return Err(FileError::Document),
            true | false => {}
        }
    }
}

/// Hands on what is left at the end.
fn rest(held: &[u8], is_lines: bool, reader: &mut Reader, each: &mut dyn FnMut(Record<'_>)) {
    if is_lines || !opens(held.trim_ascii_start()) {
        reader.lines(held, each);
    } else {
        reader.document(held, each);
    }
    reader.end(each);
}

/// What was read and not handed on yet: the first bytes of a room that is kept.
struct Held {
    bytes: Vec<u8>,
    end: usize,
    /// How much was read in all.
    all: u64,
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
        let count = input.read(into).map_err(|it| unpacking(&it, self.all))?;
        self.end = self.end.saturating_add(count);
        self.all = self.all.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }

    /// Takes off the rest of a line, and says whether more of it is to come.
    fn skip_line(&mut self) -> bool {
        let end = memchr(b'\n', self.all());
        self.take_off(end.map_or(self.end, |it| it.saturating_add(1)));
        end.is_none()
    }

    /// Takes off the first `count` bytes.
    fn take_off(&mut self, count: usize) {
        self.bytes.copy_within(count..self.end, 0);
        self.end = self.end.saturating_sub(count);
    }
}

/// What does not unpack. What the system could not read is told apart by whoever asked it.
fn unpacking(error: &io::Error, at: u64) -> FileError {
    let is_cut = error.kind() == io::ErrorKind::UnexpectedEof;
    FileError::Packed { at, is_cut, why: error.to_string() }
}

/// Says whether there is a record on each line; nothing, where more of the text must come first.
///
/// There is where the first line that has anything is a whole value, or nothing that a document could begin with: one that is
/// broken costs itself alone. Of a line that is cut off where a document may go on, the next two tell: they are whole values,
/// and together they make none.
pub(super) fn has_lines(begin: &[u8], is_all: bool) -> Option<bool> {
    let text = begin.trim_ascii_start();
    let (first, rest) = split_line(text, is_all)?;
    if !opens(first) {
        return Some(true);
    }
    match whole_values(first) {
        Ok(1) => return Some(true),
        Ok(_) => return Some(false),
        Err(error) if !error.is_eof() => return Some(true),
        Err(_) => {}
    }
    let (mut end, mut rest) = (first.len(), rest);
    for _ in 0..2 {
        let (next, behind) = split_line(rest, is_all)?;
        if !opens(next.trim_ascii_start()) || !matches!(whole_values(next), Ok(1)) {
            return Some(false);
        }
        (end, rest) = (end.saturating_add(next.len()), behind);
        let together = text.get(..end).unwrap_or_default();
        if whole_values(together).is_err_and(|it| !it.is_eof()) {
            return Some(true);
        }
    }
    Some(false)
}

/// Gives the first line with its end, and what comes behind. The last line of all may lack its end.
fn split_line(text: &[u8], is_all: bool) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|it| *it == b'\n').map(|it| it.saturating_add(1));
    text.split_at_checked(end.or(is_all.then_some(text.len()))?)
}

/// Counts values one behind another, or says what is wrong with the first that is none.
fn whole_values(text: &[u8]) -> Result<usize, serde_json::Error> {
    let values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.map(|it| it.map(|_| 1)).sum()
}

/// Opens a file; a pipe that took its name meanwhile would have us wait.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Says whether text begins as an object or a list does.
pub(super) fn opens(text: &[u8]) -> bool {
    text.starts_with(b"[") || text.starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    const ONE: &str = "{\"eventTime\":\"2026-03-01T10:00:00Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"eventID\":\"a\"}\n";

    fn packed(text: &[u8]) -> [Vec<u8>; 2] {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(text).unwrap();
        [gz.finish().unwrap(), compress_to_vec(text, CompressionLevel::Fastest)]
    }

    /// What a disk has up to a place beyond which it fails.
    struct Failing<'a>(&'a [u8]);

    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Err(io::Error::from_raw_os_error(5));
            }
            self.0.read(into)
        }
    }

    fn read(input: impl Read) -> Result<u64, FileError> {
        read_from(input, None, &mut |_| {}, &|_| {})
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What the disk could not give is never taken for what is broken, nor what was cut off for either.
        #[test]
        fn an_error_of_the_disk_is_none_of_the_file(
            lines in 1..200_usize,
            at in any::<prop::sample::Index>(),
        ) {
            // Long lines that differ, so that what is packed has several blocks.
            let text: String = (0..lines).map(|it| ONE.replace("\"a\"", &format!("\"{:x}\"", it.wrapping_mul(0x9e37_79b9_7f4a)))).collect();
            for packed in packed(text.as_bytes()) {
                let at = at.index(packed.len());
                let begin = packed.get(..at).unwrap();
                let failed = read(Failing(begin));
                prop_assert!(matches!(failed, Err(FileError::Io(it)) if it.raw_os_error() == Some(5)), "at {at}");
                if 4 <= at {
                    let cut = read(begin);
                    prop_assert!(matches!(cut, Err(FileError::Packed { is_cut: true, .. })), "at {at}: {cut:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_broken_says_how_much_came_out() {
        let text = ONE.repeat(9);
        let [gz, zst] = packed(text.as_bytes());
        for (mut packed, name) in [(gz, "gz"), (zst, "zst")] {
            packed.extend(b"and more that is not packed at all");
            let length = u64::try_from(text.len()).unwrap();
            match read(packed.as_slice()) {
                Err(FileError::Packed { at, is_cut: false, .. }) => {
                    assert_eq!(at, length, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_was_made_to_unpack_without_end_is_read_up_to_a_bound() {
        // Blank lines, in blocks that repeat one byte: 128 KiB in four bytes (RFC 8878, section 3.1.1.2).
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
        for (byte, length) in [(b' ', 128 << 10), (b'\n', 1)].repeat(1000) {
            let head: u32 = 1 << 1 | length << 3;
            frame.extend(&head.to_le_bytes()[..3]);
            frame.push(byte);
        }
        let limits = Limits { piece: 1 << 20, all: 1 << 20 };
        let read = |it: &[u8]| {
            read_within(it, Reader::new(None), &mut |_| {}, (&|_| {}, limits)).unwrap_err()
        };
        assert!(matches!(read(&frame), FileError::Bomb));
        // What lies there for good packs as well as it likes, up to there.
        assert_eq!(Limits::of(1, 1 << 20).all, 1000 << 20);
        assert_eq!(Limits::of(1, 1).all, 64 << 20);
    }

    #[test]
    fn blanks_before_everything_else_are_not_held() {
        for blank in ["\n", " ", "  \r\n\t"] {
            let text = format!("{}\n{ONE}{ONE}", blank.repeat(4 << 20));
            let limits = Limits { piece: 1 << 20, all: u64::MAX };
            let reader = Reader::new(None);
            let count = read_within(text.as_bytes(), reader, &mut |_| {}, (&|_| {}, limits));
            assert!(matches!(count, Ok(2)), "{blank:?}: {count:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone() {
        let long = || io::repeat(b'x').take(u64::try_from(LINE_MAX + PIECE).unwrap());
        let text = ONE.as_bytes().chain(long()).chain(&b"\n"[..]).chain(ONE.as_bytes());
        let mut told = Vec::new();
        let mut each = |it: Record<'_>| {
            told.push(match it {
                Record::Error(it) => it.to_string(),
                Record::Exercise(_, it) => it.operation.to_string(),
                Record::Nothing | Record::Undated => String::new(),
            });
        };
        let count = read_from(text.chain(long()), None, &mut each, &|_| {}).unwrap();
        let [second, fourth] =
            [2, 4].map(|it| format!("record {it}: this is no record: it is too long"));
        assert_eq!(
            (count, told),
            (4, vec!["GetObject".to_owned(), second, "GetObject".to_owned(), fourth])
        );
        // So does the first.
        let first = long().chain(&b"\n"[..]).chain(ONE.as_bytes());
        let mut read = 0;
        let mut each = |it: Record<'_>| read += usize::from(matches!(it, Record::Exercise(..)));
        let count = read_from(first, None, &mut each, &|_| {}).unwrap();
        assert_eq!((count, read), (2, 1));
    }

    #[test]
    fn lines_are_told_from_documents_by_what_can_be_none() {
        for (text, is) in [
            ("{\"a\":1}\n", Some(true)),
            ("{\"a\":1}", None),
            ("{\n", None),
            ("{\n\"a\": 1\n}\n", Some(false)),
            ("[\n{\"a\":1}\n]\n", Some(false)),
            ("[\n{\"a\":1}\n,\n", Some(false)),
            ("[{\"a\":1},\n{\"b\":2}]\n", Some(false)),
            ("{\"Records\": [\n{}\n", None),
            ("{\"Records\": [\n{}\n{}\n", Some(true)),
            ("{\"a\":1} {\"b\":2}\n", Some(false)),
            ("{\"bro\n", Some(true)),
            ("{\"a\":1}garbage\n", Some(true)),
            ("{\"a\":1,\n{\"b\":2}\n", Some(true)),
            ("{\"a\":1,\n\"b\":2}\n", Some(false)),
            ("{\"a\":\n{\"b\":2}\n", None),
            ("{\"a\":\n{\"b\":2}\n{\"c\":3}\n", Some(true)),
            ("text\n", Some(true)),
        ] {
            assert_eq!(has_lines(text.as_bytes(), false), is, "{text:?}");
        }
        assert_eq!(has_lines(b"{\"a\":1,\n{\"b\":2}", true), Some(true));
        assert_eq!(has_lines(b"{\"a\":\n{\"b\":2}\n", true), Some(false));
    }
}
