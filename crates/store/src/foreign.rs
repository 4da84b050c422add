//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::{fs::File, io::Write as _, os::fd::AsRawFd as _};

use crate::{checkpoint::Note, ledger};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] = &[
    ("store-index", index),
    ("store-note", note),
    ("store-record", ledger::foreign::record),
    ("store-segment", segment),
];

/// Signed heads, one after the other. What is whole is a beginning of the text.
fn note(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((notes, whole)) = Note::parse_all(text) else { return };
    let beginning = text.get(..whole).unwrap_or_default();
    let again = Note::parse_all(beginning).map(|(notes, _)| notes.len());
    assert_eq!(again, Ok(notes.len()), "a torn end changed what stands before it");
}

/// A segment of the ledger, from its header to its end.
fn segment(bytes: &[u8]) {
    in_a_file(bytes, |path| ledger::foreign::segment(bytes, path));
}

/// The index beside a sealed segment.
fn index(bytes: &[u8]) {
    in_a_file(bytes, ledger::foreign::index);
    in_a_file(&ledger::foreign::with_digest(bytes), ledger::foreign::index);
}

/// Puts the bytes where a path leads to them, and nothing is written to a disk.
fn in_a_file(bytes: &[u8], read: impl Fn(&std::path::Path)) {
    let made = rustix::fs::memfd_create(c"foreign", rustix::fs::MemfdFlags::CLOEXEC);
    let Ok(mut file) = made.map(File::from) else { return };
    if file.write_all(bytes).is_ok() {
        read(format!("/proc/self/fd/{}", file.as_raw_fd()).as_ref());
    }
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("store", PARSERS);
}
