//! What tests throw at parsers of foreign bytes: the corpora of the fuzzer, and what becomes of
//! them when they are cut, spliced, repeated and spoiled.
//!
//! The fuzzer finds what nobody thought of, and needs hours; this finds in seconds whether what it
//! found once comes back. Both call the same functions: a crate's `foreign` module has the table.
//!
//! Beside it, [`recorder`] makes the disk under a program fail.
#![expect(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "only tests run this: what is broken here should stop them"
)]

mod blow;
mod disk;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

pub use disk::recorder;
use proptest::test_runner::{Config, TestError, TestRunner};

/// One parser: its name, which is that of its corpus, and what reads bytes with it. It panics where
/// the parser does, and where what was read breaks a law of the parser.
pub type Parser = (&'static str, fn(&[u8]));

/// How many spoiled inputs every parser gets; with `BAILIWICK_LONG=1`, how many more.
const CASES: u32 = 192;
const LONG: u32 = 100;

/// Throws everything at the parsers of a crate: each file of their corpora as it is, and many more
/// that are made from them. The crate's corpora are those whose names begin with `of`.
#[track_caller]
pub fn check(of: &str, parsers: &[Parser]) {
    let corpora = corpora(of).unwrap_or_else(|error| panic!("{}: {error}", corpus().display()));
    let named: BTreeSet<&str> = parsers.iter().map(|(name, _)| *name).collect();
    let kept: BTreeSet<&str> = corpora.keys().map(String::as_str).collect();
    assert_eq!(named, kept, "every parser has a folder in {}, and the reverse", corpus().display());
    for (name, read) in parsers {
        let files = corpora.get(*name).map(Vec::as_slice).unwrap_or_default();
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        if let Some((bytes, why)) = throw(files, *read) {
            let shown = bytes.escape_ascii();
            panic!(
                "{name}: {why}\n  b\"{shown}\"\nKeep these bytes as a file of fuzz/corpus/{name}."
            );
        }
    }
}

/// Gives the smallest input that was found to break the parser, and how it did.
fn throw(files: &[Vec<u8>], read: fn(&[u8])) -> Option<(Vec<u8>, String)> {
    let long = std::env::var_os("BAILIWICK_LONG").is_some();
    let cases = CASES.saturating_mul(if long { LONG } else { 1 });
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let once_more = |bytes: Vec<u8>| {
        read(&bytes);
        Ok(())
    };
    let as_they_are = files.iter().find_map(|bytes| {
        let exactly = proptest::strategy::Just(bytes.clone());
        let mut once = TestRunner::new(Config { cases: 1, ..runner.config().clone() });
        broken(once.run(&exactly, once_more))
    });
    as_they_are.or_else(|| broken(runner.run(&blow::spoiled(files.to_vec()), once_more)))
}

fn broken(outcome: Result<(), TestError<Vec<u8>>>) -> Option<(Vec<u8>, String)> {
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(why, bytes)) => Some((bytes, why.to_string())),
        Err(TestError::Abort(why)) => Some((Vec::new(), why.to_string())),
    }
}

/// Reads the files of every corpus whose name begins with `of`.
fn corpora(of: &str) -> io::Result<BTreeMap<String, Vec<Vec<u8>>>> {
    let mut corpora = BTreeMap::new();
    for entry in fs::read_dir(corpus())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(of).is_some_and(|it| it.starts_with('-')) {
            let mut paths = fs::read_dir(entry.path())?
                .map(|it| it.map(|it| it.path()))
                .collect::<io::Result<Vec<_>>>()?;
            paths.sort();
            let files = paths.iter().map(fs::read).collect::<io::Result<_>>()?;
            corpora.insert(name, files);
        }
    }
    Ok(corpora)
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parser_that_panics_is_found_and_what_it_panics_at_is_made_small() {
        let files = [b"{\"a\":1}".to_vec()];
        let read = |bytes: &[u8]| assert!(!bytes.contains(&b'a'), "an a");
        let (bytes, why) = throw(&files, read).unwrap();
        assert!(bytes.contains(&b'a') && why.contains("an a"), "{why}");
        assert_eq!(throw(&files, |_| {}), None);
    }

    #[test]
    fn what_only_a_spoiled_file_shows_is_found() {
        let files = [b"one long line of text".to_vec()];
        let read = |bytes: &[u8]| assert!(bytes.is_ascii());
        assert!(throw(&files, read).is_some_and(|(bytes, _)| !bytes.is_ascii()));
    }

    #[test]
    #[should_panic(expected = "every parser has a folder")]
    fn a_parser_without_a_corpus_is_found() {
        check("nobody", &[("nobody-at-all", |_| {})]);
    }
}
