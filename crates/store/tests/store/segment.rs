//! Segments as bytes, written and read here by the book and without the store's own code, so that
//! a change of what lies on the disk cannot go unseen.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bailiwick_model::{Digest, Record};

pub(crate) const BLOCK: usize = 4096;
const MARK: [u8; 4] = [0xf7, b'b', b'w', 1];

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) before: (u64, Digest),
    pub(crate) capacity: u64,
    pub(crate) rows: Vec<Row>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) durable: u64,
    pub(crate) time: i64,
    pub(crate) kind: u8,
    pub(crate) format: u8,
    pub(crate) flags: u8,
    pub(crate) chain: Digest,
    pub(crate) body: Vec<u8>,
}

impl Row {
    /// Gives the record as an append of its own, before it has its place.
    pub(crate) fn of(record: &Record) -> Self {
        let (kind, landmark) = match record {
            Record::Decision(it) => (1, it.approval.is_some()),
            Record::Outcome(_) => (2, false),
            Record::Command { .. } => (3, true),
            Record::Finding(_) => (4, false),
            Record::Evaluation(it) => (5, it.approval.is_some()),
            Record::Search(_) => (6, false),
            Record::Lease(_) => (7, false),
        };
        Self {
            seq: 0,
            durable: 0,
            time: record.time().millis(),
            kind,
            format: 1,
            flags: u8::from(landmark) << 1,
            chain: Digest::from_bytes([0; 32]),
            body: serde_json::to_vec(record).unwrap(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.extend(u32::try_from(self.body.len()).unwrap().to_le_bytes());
        bytes.extend(self.seq.to_le_bytes());
        bytes.extend(self.durable.to_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        bytes.extend([self.kind, self.format, self.flags, 0]);
        bytes.extend(crc32c::crc32c(&self.body).to_le_bytes());
        bytes.extend(self.chain.as_bytes());
        bytes.extend([0; 4]);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes.extend(&self.body);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let head = bytes.get(..80)?;
        let four = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        let eight = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
        if head[..4] != MARK || four(76) != crc32c::crc32c(&head[..76]) {
            return None;
        }
        let len = usize::try_from(four(4)).unwrap();
        let body = bytes.get(80..80 + len)?.to_vec();
        let row = Self {
            seq: eight(8),
            durable: eight(16),
            time: i64::from_le_bytes(head[24..32].try_into().unwrap()),
            kind: head[32],
            format: head[33],
            flags: head[34],
            chain: Digest::from_bytes(head[40..72].try_into().unwrap()),
            body,
        };
        Some((row, (80 + len).next_multiple_of(8)))
    }
}

impl Segment {
    /// Reads a segment up to its first bad record.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        assert_eq!(&bytes[..20], b"bailiwick ledger\x01\0\0\0", "{}", path.display());
        assert_eq!(bytes[88..92], crc32c::crc32c(&bytes[..88]).to_le_bytes());
        let eight = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let mut rows = Vec::new();
        let mut at = BLOCK;
        while let Some((row, room)) = bytes.get(at..).and_then(Row::read) {
            rows.push(row);
            at += room;
        }
        let chain = Digest::from_bytes(bytes[56..88].try_into().unwrap());
        Self { number: eight(24), before: (eight(32), chain), capacity: eight(40), rows }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = b"bailiwick ledger\x01\0\0\0\0\0\0\0".to_vec();
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.before.0.to_le_bytes());
        bytes.extend(self.capacity.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(self.before.1.as_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes.resize(BLOCK, 0);
        self.rows.iter().for_each(|it| bytes.extend(it.to_bytes()));
        bytes
    }

    /// Writes the segment where it belongs, with zeros behind it as long as it takes records.
    pub(crate) fn write(&self, dir: &Path, live: bool) {
        let mut bytes = self.to_bytes();
        if live {
            bytes.resize(bytes.len().max(usize::try_from(self.capacity).unwrap()), 0);
        }
        let path = path(dir, self.number);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// Gives every row its place and its chain, each as if it had been appended alone.
pub(crate) fn chain(mut at: (u64, Digest), rows: &mut [Row]) {
    for row in rows {
        row.durable = at.0;
        row.seq = at.0 + 1;
        row.chain = Digest::chain(&at.1, &row.body);
        at = (row.seq, row.chain);
    }
}

pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.segment"))
}

/// Gives the segments of a ledger's directory, in order.
pub(crate) fn paths(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let named = |it: &PathBuf| {
        let name = it.file_name().unwrap().to_str().unwrap();
        name.ends_with(".segment") && name.starts_with('0')
    };
    let mut paths: Vec<_> = entries.filter(named).collect();
    paths.sort();
    paths
}

/// Reads every segment of a ledger's directory.
pub(crate) fn all(dir: &Path) -> Vec<Segment> {
    paths(dir).iter().map(|it| Segment::read(it)).collect()
}
