//! One file that is followed: up to where it was read, and what it was then.
//!
//! What a file is known by is its number in the file system, when it was made, and its beginning: one that is renamed is not
//! read again, and one that was cut off and begun anew is, or that took the number of one that went.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{FileId, Look, Reading, STILL};
use crate::source::{
    FileError, Reader, Record,
    files::{Limits, has_lines, open, opens, read_within},
    folder::{HEAD, born, digest_of},
    frames,
    list::is_list,
};

/// How much is read at once.
const PIECE: u64 = 256 << 10;
/// The longest line; of a longer one the end is looked for.
const LINE_MAX: usize = 16 << 20;
/// The most that a file with neither lines nor one list may hold: it is read as a whole.
const DOCUMENT_MAX: usize = 64 << 20;
/// A line that has not ended is looked at each time while it is no longer than this, and then when it has doubled.
const SHORT: u64 = 64 << 10;
/// How long a file lies still at most until it is read as a whole once more: a second for each MiB, and no longer than this.
const STILL_MAX: u64 = 300;

/// Up to where a file was read: enough to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    device: u64,
    inode: u64,
    /// When it was made, where the file system says so: numbers are given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<u64>,
    /// A digest of its first bytes, and how many they were.
    head: u64,
    head_length: u64,
    /// Behind the last line that was read.
    at: u64,
    /// How it looked when it was read as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<Look>,
    /// Whether what comes next is the rest of a line that is too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    skips: bool,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Line by line, as they come.
    Lines,
    /// As a whole, once it lies still: it is packed.
    Packed,
    /// As a whole, once it lies still and is complete.
    Document,
}

/// A file, and what is known of it while it is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) place: Place,
    /// In which turn it was there last.
    pub(super) listed: u64,
    /// Whether what is wrong with it was told.
    pub(super) is_faulty: bool,
    /// How it looked when it was listed.
    pub(super) look: Option<Look>,
    /// How it looks, and since when; nothing, where it was not where it was listed.
    seen: Option<(Look, Duration)>,
    /// Whether there is nothing to do while it looks like this.
    is_done: bool,
    /// Whether it was looked at as a whole before, which costs the more the longer it is.
    is_again: bool,
    form: Option<Form>,
    reader: Option<Reader>,
    /// Up to where lines were handed to the reader, which may hold the last of them.
    read: u64,
    /// How long the line is that has not ended.
    rest: u64,
}

impl Place {
    pub(super) fn begin(id: FileId) -> Self {
        let FileId { device, inode } = id;
        Self {
            device,
            inode,
            born: None,
            head: 0,
            head_length: 0,
            at: 0,
            whole: None,
            skips: false,
        }
    }

    pub(super) fn id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }
}

impl Followed {
    pub(super) fn at(place: Place) -> Self {
        Self {
            read: place.at,
            is_again: place.whole.is_some(),
            place,
            listed: 0,
            is_faulty: false,
            look: None,
            seen: None,
            is_done: false,
            form: None,
            reader: None,
            rest: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Gives how many bytes of it are not read yet.
    pub(super) fn behind(&self, look: Look) -> u64 {
        match self.place.whole {
            Some(whole) if whole == look => 0,
            _ => look.length.saturating_sub(self.read),
        }
    }

    /// Ends the record that may still go on: nothing more comes.
    pub(super) fn end(&mut self, path: &Path, each: &mut dyn FnMut(&Path, Record<'_>)) {
        if let Some(reader) = self.reader.as_mut().filter(|it| 0 < it.unended()) {
            reader.end(&mut |it| each(path, it));
            self.place.at = self.read;
        }
    }

    /// Reads what is new, and gives how much that was, and whether there is more.
    pub(super) fn read_on(
        &mut self,
        reading: &Reading<'_>,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) -> Result<(u64, bool), String> {
        let since = self.seen.filter(|it| it.0 == reading.look).map(|it| it.1);
        if since.is_some() && self.is_done {
            return Ok((0, false));
        }
        let long = if self.is_again { (reading.look.length >> 20).min(STILL_MAX) } else { 0 };
        let still = STILL.saturating_add(Duration::from_secs(long));
        let is_still = since.is_some_and(|it| still <= reading.now.saturating_sub(it));
        self.seen = Some((reading.look, since.unwrap_or(reading.now)));
        self.is_done = false;
        if !is_still && self.waits(reading.look.length) {
            return Ok((0, false));
        }
        let done = self.open_and_read(reading, is_still, each);
        self.is_done = is_still && self.seen.is_some() && matches!(done, Ok((_, false)));
        done
    }

    /// Says whether a long line is still too young to be looked at again.
    fn waits(&self, length: u64) -> bool {
        let twice = self.read.saturating_add(self.rest.saturating_mul(2));
        SHORT < self.rest && self.read <= length && length < twice
    }

    /// Reads nothing of a file that is not where it was listed: it is looked for under its next name.
    fn not_seen(&mut self) -> (u64, bool) {
        self.seen = None;
        (0, false)
    }

    fn open_and_read(
        &mut self,
        reading: &Reading<'_>,
        is_still: bool,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) -> Result<(u64, bool), String> {
        let words = |it: io::Error| it.to_string();
        let mut file = match open(reading.path) {
            Ok(file) => file,
            // It was renamed or taken away since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(self.not_seen()),
            Err(error) => return Err(words(error)),
        };
        let about = file.metadata().map_err(words)?;
        if !about.is_file() || FileId::of(&about) != self.place.id() {
            return Ok(self.not_seen());
        }
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head).map_err(words)?;
        let born = born(&about);
        let is_another = self.place.born.is_some() && born.is_some() && self.place.born != born;
        if is_another || !self.begins_as_before(&head) || about.len() < self.read {
            self.end(reading.path, each);
            *self = Self {
                listed: self.listed,
                look: self.look,
                seen: self.seen,
                ..Self::at(Place::begin(self.place.id()))
            };
        }
        self.place.born = born;
        let known = u64::try_from(head.len()).unwrap_or(u64::MAX);
        if self.place.head_length < known {
            (self.place.head, self.place.head_length) = (digest_of(&head), known);
        }
        let found = match self.form {
            Some(form) => Some(form),
            None => self.form_of(&mut file, &head, (about.len(), is_still)).map_err(words)?,
        };
        match found {
            Some(Form::Lines) => self.lines(&mut file, is_still, reading, each).map_err(words),
            Some(form @ (Form::Packed | Form::Document)) if is_still => {
                self.whole(file, form, reading, each)
            }
            Some(Form::Packed | Form::Document) | None => Ok((0, false)),
        }
    }

    fn begins_as_before(&self, head: &[u8]) -> bool {
        let known = usize::try_from(self.place.head_length).unwrap_or(usize::MAX);
        known == 0 || head.get(..known).is_some_and(|it| digest_of(it) == self.place.head)
    }

    /// Finds out how a file is read; nothing, where there is too little of it yet.
    fn form_of(
        &mut self,
        file: &mut File,
        head: &[u8],
        (length, is_still): (u64, bool),
    ) -> io::Result<Option<Form>> {
        self.form = match head {
            [0x1f, 0x8b, ..] => Some(Form::Packed),
            begin if frames::begins(begin) => Some(Form::Packed),
            _ if 0 < self.place.at || self.place.skips => Some(Form::Lines),
            _ if head.len() < 4 && !is_still => return Ok(None),
            _ if head.trim_ascii().is_empty() => return Ok(Some(Form::Lines)),
            _ if !opens(head.trim_ascii_start()) => Some(Form::Lines),
            _ => {
                let (begin, is_all) = first_lines(file)?;
                let has_end = begin.trim_ascii_start().contains(&b'\n');
                match has_lines(&begin, is_all && is_still && has_end) {
                    Some(true) => Some(Form::Lines),
                    // More may come that tells otherwise.
                    Some(false) if is_all && is_still => return Ok(Some(Form::Document)),
                    Some(false) => Some(Form::Document),
                    // It may be a line that has not ended: more of it will tell.
                    None if is_all && !has_end => return Ok(Some(Form::Lines)),
                    // The next lines will tell.
                    None if is_all => return Ok(None),
                    None if has_end || is_list(&begin) => Some(Form::Document),
                    // A line that is too long costs itself alone, once it is no document any more.
                    None if u64::try_from(DOCUMENT_MAX).is_ok_and(|it| it < length) => {
                        Some(Form::Lines)
                    }
                    None => return Ok(Some(Form::Document)),
                }
            }
        };
        Ok(self.form)
    }

    /// Reads lines that have ended. What has no end is taken once it lies still and is a whole value. What was read before the
    /// system could read no more stays read.
    pub(super) fn lines(
        &mut self,
        file: &mut (impl Read + Seek),
        is_still: bool,
        reading: &Reading<'_>,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) -> io::Result<(u64, bool)> {
        file.seek(SeekFrom::Start(self.read))?;
        let mut reader = self.reader.take().unwrap_or_else(|| Reader::new(reading.only));
        let mut each = |it: Record<'_>| each(reading.path, it);
        let (mut held, mut taken) = (Vec::new(), 0_u64);
        let is_more = loop {
            let before = held.len();
            let count = match file.by_ref().take(PIECE).read_to_end(&mut held) {
                Ok(count) => count,
                Err(error) => break Err(error),
            };
            if self.place.skips {
                taken = taken.saturating_add(self.skip(&mut held));
            }
            // What was held before has no line that ended.
            let new = held.get(before..).unwrap_or_default();
            let end = new.iter().rposition(|it| *it == b'\n');
            let whole = end.map_or(0, |it| before.saturating_add(it).saturating_add(1));
            reader.lines(held.get(..whole).unwrap_or_default(), &mut each);
            taken = taken.saturating_add(take_off(&mut held, whole));
            if count == 0 {
                break Ok(false);
            }
            if LINE_MAX < held.len() {
                // What was cut off under its writer begins with as many bytes of nothing as it had.
                if held.iter().any(|it| *it != 0) {
                    reader.too_long(&mut each);
                    self.place.skips = true;
                }
                let all = held.len();
                taken = taken.saturating_add(take_off(&mut held, all));
            }
            if held.len() < LINE_MAX && 0 < taken && reading.most <= taken {
                break Ok(true);
            }
        };
        if is_still && matches!(is_more, Ok(false)) {
            if !held.trim_ascii().is_empty() && is_whole(&held) {
                reader.lines(&held, &mut each);
                let all = held.len();
                taken = taken.saturating_add(take_off(&mut held, all));
            }
            if held.is_empty() {
                reader.end(&mut each);
            }
        }
        self.rest = u64::try_from(held.len()).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(taken);
        let unended = u64::try_from(reader.unended()).unwrap_or(u64::MAX);
        self.place.at = self.read.saturating_sub(unended);
        self.reader = Some(reader);
        is_more.map(|it| (taken, it))
    }

    /// Takes off the rest of a line that is too long, and gives how much that was.
    fn skip(&mut self, held: &mut Vec<u8>) -> u64 {
        let end = held.iter().position(|it| *it == b'\n');
        self.place.skips = end.is_none();
        let count = end.map_or(held.len(), |it| it.saturating_add(1));
        take_off(held, count)
    }

    /// Reads a file as a whole, where that was not done since it changed.
    fn whole(
        &mut self,
        file: File,
        form: Form,
        reading: &Reading<'_>,
        each: &mut dyn FnMut(&Path, Record<'_>),
    ) -> Result<(u64, bool), String> {
        if self.place.whole == Some(reading.look) {
            return Ok((0, false));
        }
        let mut file = Stopped { file, stop: reading.stop };
        let begin = |it: &mut Stopped<'_>| it.file.rewind().map_err(|it| it.to_string());
        begin(&mut file)?;
        self.is_again = true;
        if form == Form::Document {
            match is_complete(&mut file) {
                Ok(true) => {}
                Ok(false) => return Ok((0, false)),
                Err(_) if reading.stop.load(Ordering::Relaxed) => return Ok((0, true)),
                Err(error) => return Err(error.to_string()),
            }
        }
        begin(&mut file)?;
        let limits: (&dyn Fn(u64), _) = (&|_| {}, Limits::of(DOCUMENT_MAX, reading.look.length));
        let read =
            read_within(file, Reader::new(reading.only), &mut |it| each(reading.path, it), limits);
        if reading.stop.load(Ordering::Relaxed) {
            return Ok((0, true));
        }
        // What the system could not read now may be read later; what is broken stays so.
        if !matches!(&read, Err(FileError::Io(_))) {
            self.place.whole = Some(reading.look);
        }
        read.map_err(|it| it.to_string())?;
        Ok((reading.look.length, false))
    }
}

/// A file whose reading may be given up.
struct Stopped<'a> {
    file: File,
    stop: &'a AtomicBool,
}

impl Read for Stopped<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("it was given up"));
        }
        self.file.read(into)
    }
}

/// Reads the first three lines, or as much of them as there is, and says whether that is all of the file.
fn first_lines(file: &mut File) -> io::Result<(Vec<u8>, bool)> {
    file.rewind()?;
    let (mut begin, mut is_blank, mut ends) = (Vec::new(), true, 0_usize);
    while begin.len() < LINE_MAX {
        let before = if is_blank { 0 } else { begin.len() };
        let count = file.by_ref().take(PIECE).read_to_end(&mut begin)?;
        let new = begin.get(before..).unwrap_or_default();
        let new = if is_blank { new.trim_ascii_start() } else { new };
        is_blank &= new.is_empty();
        ends = ends.saturating_add(new.split(|it| *it == b'\n').skip(1).count());
        if count == 0 || 2 < ends {
            return Ok((begin, count == 0));
        }
    }
    Ok((begin, false))
}

/// Says whether a line that lies still lacks nothing but its end.
fn is_whole(line: &[u8]) -> bool {
    opens(line.trim_ascii_start()) && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// Says whether the last value of a document has its end. What is broken in its middle is not mended by waiting; what the system
/// could not read is neither.
fn is_complete(file: &mut Stopped<'_>) -> io::Result<bool> {
    let values = serde_json::Deserializer::from_reader(BufReader::new(file));
    match values.into_iter::<IgnoredAny>().find_map(Result::err) {
        Some(error) if error.is_io() => Err(error.into()),
        Some(error) => Ok(!error.is_eof()),
        None => Ok(true),
    }
}

fn take_off(held: &mut Vec<u8>, count: usize) -> u64 {
    held.drain(..count.min(held.len()));
    u64::try_from(count).unwrap_or(u64::MAX)
}
