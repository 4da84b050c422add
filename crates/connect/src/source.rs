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
    let (number, rest) = hex(0, text, 8)?;
    let (number, rest) = hex(number, rest.strip_prefix(b"-")?, 4)?;
    let (number, rest) = hex(number, rest.strip_prefix(b"-")?, 4)?;
    let (number, rest) = hex(number, rest.strip_prefix(b"-")?, 4)?;
    let (number, rest) = hex(number, rest.strip_prefix(b"-")?, 12)?;
    rest.is_empty().then_some(number)
}

/// Takes so many digits of base 16 behind a number.
fn hex(number: u128, text: &[u8], count: usize) -> Option<(u128, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let mut read = 0_u64;
    let mut is_hex = true;
    for digit in digits {
        let value = HEX.get(usize::from(*digit)).copied().unwrap_or(NO_DIGIT);
        is_hex &= value != NO_DIGIT;
        read = (read << 4) | u64::from(value & 0xf);
    }
    let places = u32::try_from(count).unwrap_or(0).saturating_mul(4);
    is_hex.then(|| (number.unbounded_shl(places) | u128::from(read), rest))
}

const NO_DIGIT: u8 = 0xff;

/// What each byte is worth as a digit of base 16.
const HEX: [u8; 256] = {
    let mut worth = [NO_DIGIT; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => NO_DIGIT,
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "the compiler itself reads it, and would say so"
        )]
        {
            worth[byte as usize] = value;
        }
        byte += 1;
    }
    worth
};
