//! The index of a sealed segment, in a small file beside it.
//!
//! It saves the start from reading all history, and readers from searching it. It is made from
//! the segment alone and made anew where it is missing or its digest is not right, and whatever
//! is found through it is read from the segment and checked there. That it lists all that the
//! segment holds is for [`verify`](crate::verify) to say.

use std::{io, path::Path};

use bailiwick_model::{Digest, Timestamp};

use super::{
    DurableAt,
    index::{Index, Orders},
    layout::take,
    window::Window,
};
use crate::{FileError, file};

const MAGIC: [u8; 16] = *b"bailiwick index\n";
/// Since 2 the list of tasks has leases, too.
const VERSION: u32 = 2;
/// How long everything before the lists is.
const HEADER: u64 = 168;
/// How long an entry of the lists by id is: a key and an order.
const ENTRY: u64 = 12;
const DIGEST: usize = 32;

/// What a sealed segment holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// The record before its first one.
    pub(crate) before: DurableAt,
    /// Its last record.
    pub(crate) last: DurableAt,
    /// Where its last record ends.
    pub(crate) end: u64,
    /// The earliest and the latest time of a record; the same twice where there is none.
    pub(crate) times: (Timestamp, Timestamp),
    /// How many entries each list has: records, tasks, decisions, landmarks.
    counts: [u32; 4],
}

/// Which records are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those of the task with this key.
    Task(u64),
    /// Those of the lease with this key, which was made at this moment.
    Lease(u64, Timestamp),
    /// Those of the decision with this key.
    Decision(u64),
    /// Those that outlive their tasks.
    Landmarks,
}

impl Summary {
    /// Sums up an index.
    pub(crate) fn of(index: &Index) -> Self {
        let len = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        let of_ids = |it: &std::collections::HashMap<u64, Orders>| {
            len(it.values().map(|it| it.iter().count()).sum())
        };
        let counts = [
            len(index.places.len()),
            of_ids(&index.tasks),
            of_ids(&index.decisions),
            len(index.landmarks.len()),
        ];
        let Index { before, last, end, .. } = *index;
        Self { before, last, end, times: index.times.unwrap_or_default(), counts }
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend([0; 4]);
        out.extend(number.to_le_bytes());
        for at in [self.before, self.last] {
            out.extend(at.seq.to_le_bytes());
            out.extend(at.chain.as_bytes());
        }
        out.extend(self.end.to_le_bytes());
        out.extend(self.times.0.millis().to_le_bytes());
        out.extend(self.times.1.millis().to_le_bytes());
        self.counts.iter().for_each(|it| out.extend(it.to_le_bytes()));
        out.extend([0; 16]);
    }

    fn read(mut rest: &[u8], number: u64) -> Option<Self> {
        let rest = &mut rest;
        let known = take(rest)? == MAGIC && u32::from_le_bytes(take(rest)?) == VERSION;
        let _zeros: [u8; 4] = take(rest)?;
        if !known || u64::from_le_bytes(take(rest)?) != number {
            return None;
        }
        let mut at = || -> Option<DurableAt> {
            let seq = u64::from_le_bytes(take(rest)?);
            Some(DurableAt { seq, chain: Digest::from_bytes(take(rest)?) })
        };
        let (before, last) = (at()?, at()?);
        let end = u64::from_le_bytes(take(rest)?);
        let mut time = || take(rest).map(|it| Timestamp::from_millis(i64::from_le_bytes(it)));
        let times = (time()?, time()?);
        let mut count = || take(rest).map(u32::from_le_bytes);
        let counts = [count()?, count()?, count()?, count()?];
        let whole = last.seq.checked_sub(before.seq) == Some(counts[0].into());
        whole.then_some(Self { before, last, end, times, counts })
    }

    /// Gives where a list begins in the file.
    fn list(&self, number: usize) -> u64 {
        let sizes = [4, ENTRY, ENTRY, 4];
        let before = self.counts.iter().zip(sizes).take(number);
        before.fold(HEADER, |at, (count, size)| {
            at.saturating_add(u64::from(*count).saturating_mul(size))
        })
    }

    fn count(&self, list: usize) -> u32 {
        self.counts.get(list).copied().unwrap_or(0)
    }
}

/// Gives the file for an index: the same bytes for the same segment, always.
pub(crate) fn to_bytes(number: u64, index: &Index) -> Vec<u8> {
    let mut out = Vec::new();
    Summary::of(index).write(number, &mut out);
    index.places.iter().for_each(|it| out.extend(it.to_le_bytes()));
    for map in [&index.tasks, &index.decisions] {
        let all = map.iter().flat_map(|(key, orders)| orders.iter().map(move |it| (*key, it)));
        let mut all: Vec<(u64, u32)> = all.collect();
        all.sort_unstable();
        for (key, order) in all {
            out.extend(key.to_le_bytes());
            out.extend(order.to_le_bytes());
        }
    }
    index.landmarks.iter().for_each(|it| out.extend(it.to_le_bytes()));
    let digest = Digest::of(&out);
    out.extend(digest.as_bytes());
    out
}

/// Reads what a file says in short; none where there is no file, or its digest is not right.
pub(crate) fn read(path: &Path, number: u64) -> Result<Option<Summary>, FileError> {
    let Some(bytes) = file::read_if_there(path)? else {
        return Ok(None);
    };
    let Some((said, digest)) = bytes.split_last_chunk::<DIGEST>() else {
        return Ok(None);
    };
    let summary = Summary::read(said, number).filter(|it| {
        let len = u64::try_from(said.len()).unwrap_or(u64::MAX);
        len == it.list(4) && Digest::of(said).as_bytes() == digest
    });
    Ok(summary)
}

/// Finds records in the file at `path`: the order of each in the segment, and where it begins.
/// None where the file is no longer there.
pub(crate) fn find(
    path: &Path,
    summary: &Summary,
    wanted: Wanted,
) -> Result<Option<Vec<(u32, u32)>>, FileError> {
    let Some(mut window) = Window::open(path, Window::SHORT)? else {
        return Ok(None);
    };
    find_in(&mut window, summary, wanted).map(Some).map_err(file::on("read", path))
}

fn find_in(window: &mut Window, summary: &Summary, wanted: Wanted) -> io::Result<Vec<(u32, u32)>> {
    let orders = match wanted {
        Wanted::Task(key) | Wanted::Lease(key, _) => of_key(window, summary, 1, key)?,
        Wanted::Decision(key) => of_key(window, summary, 2, key)?,
        Wanted::Landmarks => {
            let count = summary.count(3);
            let all = (0..count).map(|it| number(window, summary.list(3), it));
            all.collect::<io::Result<Vec<_>>>()?
        }
    };
    let known = orders.into_iter().filter(|it| *it < summary.count(0));
    known.map(|order| Ok((order, place(window, summary, order)?))).collect()
}

/// Gives where the record of an order begins.
pub(crate) fn place(window: &mut Window, summary: &Summary, order: u32) -> io::Result<u32> {
    number(window, summary.list(0), order)
}

fn number(window: &mut Window, list: u64, nth: u32) -> io::Result<u32> {
    let mut bytes = window.read(list.saturating_add(u64::from(nth).saturating_mul(4)), 4)?;
    take(&mut bytes).map(u32::from_le_bytes).ok_or(io::ErrorKind::UnexpectedEof.into())
}

/// Halves the sorted list until the first entry of the key is found, and takes all of them.
fn of_key(window: &mut Window, summary: &Summary, list: usize, key: u64) -> io::Result<Vec<u32>> {
    let (mut from, mut to) = (0, summary.count(list));
    while from < to {
        let middle = from.midpoint(to);
        if entry(window, summary.list(list), middle)?.0 < key {
            from = middle.saturating_add(1);
        } else {
            to = middle;
        }
    }
    let mut orders = Vec::new();
    while from < summary.count(list) {
        let (found, order) = entry(window, summary.list(list), from)?;
        if found != key {
            break;
        }
        orders.push(order);
        from = from.saturating_add(1);
    }
    Ok(orders)
}

fn entry(window: &mut Window, list: u64, nth: u32) -> io::Result<(u64, u32)> {
    let mut bytes = window.read(list.saturating_add(u64::from(nth).saturating_mul(ENTRY)), 12)?;
    let key = take(&mut bytes).map(u64::from_le_bytes);
    let order = take(&mut bytes).map(u32::from_le_bytes);
    key.zip(order).ok_or(io::ErrorKind::UnexpectedEof.into())
}
