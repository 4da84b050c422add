//! What others push: unpacked within bounds, written as lines, and on disk before anybody hears that it was taken.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;

use super::{
    files::{has_lines, opens},
    frames::{self, Frames},
};
use crate::create_dir_private;

/// How much a sender's window may take while its body is unpacked (RFC 8878, section 3.1.1.1.2, has 8 MiB).
const WINDOW_MAX: u64 = 8 << 20;
/// How long a file grows before the next is begun, where little is kept; where much is, so long that all is in `FILES` of them.
const FILE_MIN: u64 = 16 << 20;
const FILES: u64 = 4096;
/// How many there are at most, whatever was kept before: all of a folder that is followed is read.
const FILES_MOST: usize = super::FILES_MAX - 1;
/// What each file begins with. It holds no record, and says that there is one on each line, whatever the next line is.
const BEGIN: &[u8] = b"[]\n";

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// It unpacks to more than is taken.
    TooMuch,
    /// It cannot be unpacked.
    Broken,
}

/// Unpacks what begins as something packed does, to `most` bytes at most.
pub fn unpacked(body: &[u8], most: usize) -> Result<Cow<'_, [u8]>, Unpacked> {
    let mut whole = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = match body {
        [0x1f, 0x8b, ..] => MultiGzDecoder::new(body).take(limit).read_to_end(&mut whole),
        begin if frames::begins(begin) => {
            Frames::new(body, Some(WINDOW_MAX)).take(limit).read_to_end(&mut whole)
        }
        _ if most < body.len() => return Err(Unpacked::TooMuch),
        _ => return Ok(Cow::Borrowed(body)),
    };
    read.map_err(|_| Unpacked::Broken)?;
    if most < whole.len() { Err(Unpacked::TooMuch) } else { Ok(Cow::Owned(whole)) }
}

/// Writes what somebody sent as whole lines: a document that is spread over several becomes one for each of its values.
pub fn lines_of(body: &[u8]) -> Vec<u8> {
    let text = body.trim_ascii();
    if !opens(text) || has_lines(text, true) == Some(true) {
        return [text, b"\n"].concat();
    }
    let mut lines = Vec::with_capacity(text.len().saturating_add(1));
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    let mut end = 0;
    while let Some(Ok(value)) = values.next() {
        end = values.byte_offset();
        // Within a value of JSON a line can end between words alone, where a blank is as good.
        let value =
            value.get().bytes().map(|it| if matches!(it, b'\n' | b'\r') { b' ' } else { it });
        lines.extend(value);
        lines.push(b'\n');
    }
    // What is broken stays as it is: a blank in the place of a line's end may mend it into something else.
    let rest = text.get(end..).unwrap_or_default().trim_ascii();
    if !rest.is_empty() {
        lines.extend_from_slice(rest);
        lines.push(b'\n');
    }
    lines
}

/// A folder that holds what was pushed, in files that are begun one after the other.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    /// How many bytes are kept before the oldest file goes.
    most: u64,
    /// Each file's number, and how long it is.
    files: Vec<(u64, u64)>,
    last: Option<File>,
}

impl Spool {
    /// Opens the folder, and takes the end off its last file that a crash left without one: nobody heard that it was taken.
    pub fn open(folder: PathBuf, most: u64) -> io::Result<Self> {
        create_dir_private(&folder).map_err(io::Error::other)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|it| it.strip_suffix(".log")?.parse().ok());
            if let Some(number) = number {
                files.push((number, entry.metadata()?.len()));
            }
        }
        files.sort_unstable();
        let mut spool = Self { folder, most, files, last: None };
        if let Some((number, length)) = spool.files.last().copied() {
            let file = OpenOptions::new().read(true).write(true).open(spool.path(number))?;
            let end = end_of_lines(&file, length)?;
            file.set_len(end)?;
            spool.lengthen(end);
            // One that was only begun is begun again.
            if end == 0 {
                spool.head(&file)?;
            }
            spool.last = Some(file);
        }
        Ok(spool)
    }

    /// Gives the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Adds lines. When this returns they are on disk; when it fails, nothing of them is.
    pub fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.files.last().is_none_or(|(_, length)| long(self.most) <= *length) {
            self.last = None;
        }
        if self.last.is_none() {
            self.begin()?;
        }
        let length = self.files.last().map_or(0, |it| it.1);
        let Some(file) = self.last.as_mut() else { return Err(io::Error::other("no file")) };
        let written = file
            .seek(SeekFrom::Start(length))
            .and_then(|_| file.write_all(lines))
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            // What cannot be taken back stays behind in a file that is not written to again.
            if file.set_len(length).is_err() {
                self.last = None;
            }
            return Err(error);
        }
        self.lengthen(length.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX)));
        self.forget();
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let (number, file) = self.create()?;
        self.files.push((number, 0));
        let folder = File::open(&self.folder).and_then(|it| it.sync_all());
        if let Err(error) = folder.and_then(|()| self.head(&file)) {
            // On a full disk each attempt would leave another.
            self.files.pop();
            let _ = fs::remove_file(self.path(number));
            return Err(error);
        }
        self.last = Some(file);
        Ok(())
    }

    /// Makes the next file. Where its name is taken already, the one after it is.
    fn create(&self) -> io::Result<(u64, File)> {
        let mut number = self.files.last().map_or(0, |it| it.0);
        loop {
            number = number.checked_add(1).ok_or_else(|| io::Error::other("no number is left"))?;
            let path = self.path(number);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made.map(|it| (number, it)),
            }
        }
    }

    fn head(&mut self, mut file: &File) -> io::Result<()> {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(BEGIN)?;
        self.lengthen(u64::try_from(BEGIN.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Lets the oldest files go.
    fn forget(&mut self) {
        let mut all: u64 = self.files.iter().map(|it| it.1).fold(0, u64::saturating_add);
        while (self.most < all || FILES_MOST < self.files.len()) && 1 < self.files.len() {
            let (number, length) = self.files.remove(0);
            // One that cannot be removed is counted again at the next start.
            drop(fs::remove_file(self.path(number)));
            all = all.saturating_sub(length);
        }
    }

    fn lengthen(&mut self, length: u64) {
        if let Some(last) = self.files.last_mut() {
            last.1 = length;
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.log"))
    }
}

/// Gives how long a file grows where so much is kept.
fn long(most: u64) -> u64 {
    most.div_ceil(FILES).max(FILE_MIN)
}

/// Gives where the last line of a file ends.
fn end_of_lines(mut file: &File, length: u64) -> io::Result<u64> {
    const PIECE: u64 = 64 << 10;
    let mut end = length;
    while 0 < end {
        let begin = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(begin))?;
        let mut piece = Vec::new();
        file.take(end.saturating_sub(begin)).read_to_end(&mut piece)?;
        if let Some(place) = piece.iter().rposition(|it| *it == b'\n') {
            let place = u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1);
            return Ok(begin.saturating_add(place));
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is kept, all of it is in files of one folder that is followed.
        #[test]
        fn all_that_is_kept_is_in_few_enough_files(most in (32_u64 << 20)..=(1 << 40)) {
            // Each but the last is at least so long, and one more may be begun before the oldest goes.
            let files = most.div_ceil(long(most)).saturating_add(2);
            prop_assert!(usize::try_from(files).unwrap() <= FILES_MOST, "{files}");
            prop_assert!(long(most) <= most);
        }
    }

    #[test]
    fn what_was_kept_in_too_many_files_loses_the_oldest() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("spool");
        Spool::open(folder.clone(), 1 << 40).unwrap();
        for number in 1..=FILES_MOST + 3 {
            fs::write(folder.join(format!("{number:010}.log")), BEGIN).unwrap();
        }
        let mut spool = Spool::open(folder.clone(), 1 << 40).unwrap();
        spool.add(b"{}\n").unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), FILES_MOST);
        assert_eq!(names[0], "0000000004.log");
        let last = fs::read(folder.join(names.last().unwrap())).unwrap();
        assert_eq!(last, b"[]\n{}\n");
    }

    #[test]
    fn a_name_that_is_taken_costs_nothing_that_is_sent() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("spool");
        let mut spool = Spool::open(folder.clone(), 1 << 40).unwrap();
        // It was left behind by one that could not be begun.
        fs::write(folder.join("0000000001.log"), "").unwrap();
        for _ in 0..2 {
            spool.add(b"{}\n").unwrap();
        }
        assert_eq!(fs::read(folder.join("0000000002.log")).unwrap(), b"[]\n{}\n{}\n");
    }

    #[test]
    fn bodies_of_many_empty_parts_unpack_to_nothing() {
        use std::io::Write as _;
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"").unwrap();
        let gz = gz.finish().unwrap();
        let zst = ruzstd::encoding::compress_to_vec(
            &b""[..],
            ruzstd::encoding::CompressionLevel::Fastest,
        );
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        for (name, part) in [("gz", gz.as_slice()), ("zst", &zst), ("skipped", &skipped)] {
            let body = part.repeat((1 << 20) / part.len());
            assert_eq!(unpacked(&body, 16 << 20).as_deref(), Ok(&[][..]), "{name}");
        }
    }
}
