//! What the recording layer wrote down of a child and its disk.

use std::path::Path;

/// One thing that the child did.
#[derive(Debug)]
pub(crate) enum Event {
    Open {
        created: bool,
        inode: u64,
        path: String,
    },
    Write {
        inode: u64,
        at: usize,
        data: Vec<u8>,
    },
    Cut {
        inode: u64,
        len: usize,
    },
    Sync {
        inode: u64,
    },
    FailSync {
        inode: u64,
    },
    /// A write that found no room for all of it.
    NoRoom,
    SyncDir {
        path: String,
    },
    Remove {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Say {
        text: String,
    },
}

/// Reads a journal.
pub(crate) fn read(path: &Path) -> Vec<Event> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut events = Vec::new();
    while let Some(end) = rest.iter().position(|it| *it == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        rest = &rest[end + 1..];
        let (kind, words) = head.split_once(' ').unwrap();
        let mut words = words.split(' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let mut take = |len: usize| {
            let data = rest[..len].to_vec();
            rest = &rest[len + 1..];
            data
        };
        let inode = |it: usize| u64::try_from(it).unwrap();
        events.push(match kind {
            "O" => Event::Open {
                created: number() == 1,
                inode: inode(number()),
                path: words.next().unwrap().to_owned(),
            },
            "W" => {
                let (file, at, len) = (inode(number()), number(), number());
                Event::Write { inode: file, at, data: take(len) }
            }
            "A" => {
                let len = number();
                Event::Say { text: String::from_utf8(take(len)).unwrap() }
            }
            "T" => Event::Cut { inode: inode(number()), len: number() },
            "S" => Event::Sync { inode: inode(number()) },
            "N" => Event::NoRoom,
            "F" => Event::FailSync { inode: inode(number()) },
            "D" => Event::SyncDir { path: words.next().unwrap().to_owned() },
            "U" => Event::Remove { path: words.next().unwrap().to_owned() },
            "R" => {
                let (from, to) = words.next().unwrap().split_once('\t').unwrap();
                Event::Rename { from: from.to_owned(), to: to.to_owned() }
            }
            other => panic!("unknown event {other}"),
        });
    }
    events
}
