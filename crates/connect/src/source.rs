//! Other systems' logs: what they tell of, in words that are the same for all of them.
//!
//! A source is pure: it takes the bytes of one record and gives an exercise, or says why it cannot. What reads files,
//! unpacks them and goes on after a line that is no record is `reader`.

mod acts;
mod anthropic;
mod azure;
mod cloudtrail;
mod fields;
mod files;
mod folder;
mod frames;
mod github;
mod google;
mod hashed;
mod kubernetes;
mod list;
mod loose;
mod marks;
mod moment;
mod okta;
mod openai;
mod otlp;
mod pgaudit;
mod picked;
mod reader;
mod scan;
mod spool;
mod tail;
#[cfg(test)]
mod tests;
mod vault;
mod workspace;

use std::{borrow::Cow, fmt};

use aws_lc_rs::digest;
use bailiwick_model::{Exercise, Platform};

pub use self::{
    acts::Acts,
    files::{FileError, find_files, read_by, read_file, read_from},
    folder::{Lying, Unread},
    hashed::Hashed,
    pgaudit::{LinePrefix, LinePrefixError},
    reader::{ReadError, Reader, Record},
    spool::{Spool, Unpacked, lines_of, unpacked},
    tail::{FILES_MAX, Place, STILL, Tail, Turn},
};

/// One kind of log.
#[derive(Clone, Copy)]
pub struct Source {
    /// Its name, as commands take it.
    pub name: &'static str,
    /// Whose log it is.
    pub platform: Platform,
    /// Says whether a record looks like one of its own. The first source that says so reads it.
    pub knows: fn(&Shape<'_>) -> bool,
    /// Reads one record.
    pub read: for<'a> fn(&'a [u8]) -> Result<Told<'a>, NotRead>,
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Source").field(&self.name).finish()
    }
}

/// Every source. A new one is a file and a line here.
pub const SOURCES: &[Source] = &[
    cloudtrail::SOURCE,
    kubernetes::SOURCE,
    google::SOURCE,
    azure::SOURCE,
    workspace::SOURCE,
    github::SOURCE,
    okta::SOURCE,
    vault::SOURCE,
    anthropic::SOURCE,
    openai::SOURCE,
    pgaudit::SOURCE,
    otlp::SOURCE,
];

/// The name of a caller of whom a log says that nobody said who it is.
const ANONYMOUS: &str = "anonymous";

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// Somebody did something.
    Exercises(Vec<Exercise<'a>>),
    /// One, as most do.
    Exercise(Box<Exercise<'a>>),
    /// Nothing that anybody did: a heartbeat, a digest, another stage of what is told elsewhere.
    Nothing,
}

/// A record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// It is no JSON, or cut off.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// It lacks what every record has.
    #[error("there is no `{0}` in it")]
    Lacks(&'static str),
    /// It is JSON, and of no shape that a record has.
    #[error("this is no record: {0}")]
    Shape(String),
    /// It does not say when: somebody did something, and nothing can be counted of it.
    #[error("it does not say when")]
    Undated,
    /// Its time is none.
    #[error("`{0}` is no time")]
    Time(String),
    /// No source knows it.
    #[error("no source knows records like this one")]
    Stranger,
}

impl From<serde_json::Error> for NotRead {
    fn from(error: serde_json::Error) -> Self {
        if error.is_data() { Self::Shape(error.to_string()) } else { Self::Json(error.to_string()) }
    }
}

/// The names at the top of a record, by which it is known.
#[derive(Debug, Default)]
pub struct Shape<'a> {
    names: Vec<Cow<'a, str>>,
}

impl<'a> Shape<'a> {
    /// Takes the names.
    pub(crate) fn new<T: Into<Cow<'a, str>>>(names: Vec<T>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }

    /// Says whether all of these are there, whatever the case of their letters.
    pub(crate) fn has(&self, wanted: &[&str]) -> bool {
        let there = |it: &&str| self.names.iter().any(|name| name.eq_ignore_ascii_case(it));
        wanted.iter().all(there)
    }

    /// Says whether there is nothing but what a collector adds to the records of others: it begins so in Panther's.
    fn is_only_added(&self) -> bool {
        !self.names.is_empty() && self.names.iter().all(|it| it.starts_with("p_"))
    }
}

/// Gives the key of a record: its own id where that is a UUID, else a digest of the system's name and the id, or, where
/// it has none, of all its bytes.
fn key(platform: Platform, id: &str, record: &[u8]) -> u128 {
    if let Some(uuid) = uuid(id.as_bytes()) {
        return uuid;
    }
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(platform.as_str().as_bytes());
    hashed.update(&[0, u8::from(id.is_empty())]);
    hashed.update(if id.is_empty() { record } else { id.as_bytes() });
    let hashed = hashed.finish();
    let first: [u8; 16] = hashed.as_ref().first_chunk().copied().unwrap_or_default();
    u128::from_be_bytes(first)
}

/// Reads a UUID in its usual form (RFC 9562, section 4).
fn uuid(text: &[u8]) -> Option<u128> {
    let (one, rest) = text.split_first_chunk()?;
    let (two, rest) = rest.strip_prefix(b"-")?.split_first_chunk()?;
    let (three, rest) = rest.strip_prefix(b"-")?.split_first_chunk()?;
    let (four, rest) = rest.strip_prefix(b"-")?.split_first_chunk()?;
    let (five, rest) = rest.strip_prefix(b"-")?.split_first_chunk()?;
    let (six, rest) = rest.split_first_chunk()?;
    let joined =
        |one, two| u64::from(u32::from_be_bytes(one)) << 32 | u64::from(u32::from_be_bytes(two));
    let digits = [
        u64::from_be_bytes(*one),
        joined(*two, *three),
        joined(*four, *five),
        u64::from_be_bytes(*six),
    ];
    let number = digits
        .into_iter()
        .try_fold(0, |number: u128, it| Some(number << 32 | u128::from(hex(it)?)));
    number.filter(|_| rest.is_empty())
}

/// Reads eight digits of base 16, the first in the highest byte, all at once.
fn hex(digits: u64) -> Option<u64> {
    const HIGHEST: u64 = each(0x80);
    // With the highest bit set no byte borrows from the next; where one was set already, it is no digit.
    let reaches = |word: u64, least: u8| (word | HIGHEST).wrapping_sub(each(least));
    let small = digits | each(0x20);
    let is_number = reaches(digits, b'0') & !reaches(digits, b'9'.wrapping_add(1));
    let is_letter = reaches(small, b'a') & !reaches(small, b'f'.wrapping_add(1));
    if (is_number | is_letter) & !digits & HIGHEST != HIGHEST {
        return None;
    }
    // A letter, and no number, has the bit of 0x40.
    let letters = (digits >> 6) & each(1);
    let worth = (digits & each(0xf)).wrapping_add(letters.wrapping_mul(9));
    let pairs = (worth | worth >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) & 0xffff_ffff)
}

/// Gives the word that has the same byte eight times.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}
