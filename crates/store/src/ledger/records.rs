//! Reading records, beside a running writer or without one.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bailiwick_model::{DecisionId, Digest, LeaseId, TaskId, Timestamp};

use super::{
    DurableAt, LedgerError, StoredRecord,
    encode::{decision, decode, lease},
    folder,
    index::Index,
    layout::{BODY_MAX, HEAD, Head, Header},
    sealed::Sealed,
    sidecar::Wanted,
    window::Window,
};
use crate::file;

/// The records that are on the disk, and where each is.
#[derive(Debug)]
pub(super) struct Records {
    dir: PathBuf,
    held: RwLock<Held>,
}

/// The segments, oldest first.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) sealed: Vec<Arc<Sealed>>,
    pub(super) live: Live,
}

/// The segment that takes new records.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) number: u64,
    pub(super) index: Index,
}

/// Where one record is.
#[derive(Clone, Copy, Debug)]
struct Found {
    segment: u64,
    seq: u64,
    place: u64,
}

impl Records {
    pub(super) fn new(dir: &Path, held: Held) -> Self {
        Self { dir: dir.to_owned(), held: RwLock::new(held) }
    }

    pub(super) fn of_task(&self, task: &TaskId) -> Result<Vec<StoredRecord>, LedgerError> {
        let mut records = Vec::new();
        let found = self.find(Wanted::task(task), 0)?;
        self.read(&found, &mut |it| {
            records.extend((it.record.task() == Some(task)).then_some(it));
        })?;
        Ok(records)
    }

    pub(super) fn of_lease(&self, id: &LeaseId) -> Result<Vec<StoredRecord>, LedgerError> {
        let mut records = Vec::new();
        let found = self.find(Wanted::lease(id), 0)?;
        self.read(&found, &mut |it| {
            records.extend((lease(&it.record) == Some(id)).then_some(it));
        })?;
        Ok(records)
    }

    pub(super) fn of_decision(&self, id: &DecisionId) -> Result<Vec<StoredRecord>, LedgerError> {
        let mut records = Vec::new();
        let found = self.find(Wanted::decision(id), 0)?;
        self.read(&found, &mut |it| {
            records.extend((decision(&it.record) == Some(id)).then_some(it));
        })?;
        Ok(records)
    }

    pub(super) fn landmarks(
        &self,
        after: u64,
        each: &mut dyn FnMut(StoredRecord),
    ) -> Result<(), LedgerError> {
        let mut found = self.find(Wanted::Landmarks, after)?;
        found.retain(|it| after < it.seq);
        self.read(&found, each)
    }

    /// Shows the records of these numbers, which are in order; what retention took is not there.
    pub(super) fn these(
        &self,
        numbers: &[u64],
        each: &mut dyn FnMut(StoredRecord),
    ) -> Result<(), LedgerError> {
        let mut left = numbers.iter().copied().peekable();
        while let Some(number) = left.peek().copied() {
            let mut next = number;
            let Some((found, last)) = self.segment_of(&mut next)? else { break };
            while left.next_if(|it| *it < next).is_some() {}
            let mut in_it = Vec::new();
            while let Some(seq) = left.next_if(|it| *it <= last) {
                in_it.push(seq);
            }
            if let Some(Found { segment, .. }) = found {
                self.read(&self.places(segment, &in_it)?, each)?;
            }
        }
        Ok(())
    }

    /// Finds where the records of these numbers begin in their segment.
    fn places(&self, segment: u64, numbers: &[u64]) -> Result<Vec<Found>, LedgerError> {
        let sealed = {
            let held = self.held();
            let live = (held.live.number == segment).then_some(&held.live);
            if let Some(Live { index, .. }) = live {
                let first = index.before.seq.saturating_add(1);
                let order = |seq: u64| u32::try_from(seq.checked_sub(first)?).ok();
                let found = |seq: &u64| {
                    let place = index.place(order(*seq)?)?.into();
                    Some(Found { segment, seq: *seq, place })
                };
                return Ok(numbers.iter().filter_map(found).collect());
            }
            held.sealed.iter().find(|it| it.number == segment).cloned()
        };
        let Some(sealed) = sealed else { return Ok(Vec::new()) };
        let Some(places) = sealed.places(&self.dir, numbers)? else {
            self.taken(segment)?;
            return Ok(Vec::new());
        };
        let found = |(seq, place)| Found { segment, seq, place };
        Ok(places.into_iter().map(found).collect())
    }

    /// Reads the chain up to a record; none where there is no such record any more, or yet.
    pub(super) fn chain_of(&self, seq: u64) -> Result<Option<Digest>, LedgerError> {
        let mut next = seq;
        let found = self.segment_of(&mut next)?.and_then(|(found, _)| found);
        let Some(Found { segment, place, .. }) = found.filter(|it| it.seq == seq) else {
            return Ok(None);
        };
        let path = folder::segment(&self.dir, segment);
        let Some(mut window) = Window::open(&path, Window::SHORT)? else { return Ok(None) };
        let bytes = window.read(place, HEAD).map_err(file::on("read", &path))?;
        Ok(Head::read(bytes).filter(|it| it.seq == seq).map(|it| it.chain))
    }

    /// Finds records; a segment that ends at number `after` or before is not looked at.
    fn find(&self, wanted: Wanted, after: u64) -> Result<Vec<Found>, LedgerError> {
        let (sealed, live) = {
            let held = self.held();
            let Live { number, index } = &held.live;
            let first = index.before.seq.saturating_add(1);
            let found = |(order, place): (u32, u32)| Found {
                segment: *number,
                seq: first.saturating_add(order.into()),
                place: place.into(),
            };
            let live: Vec<Found> = index.find(wanted).into_iter().map(found).collect();
            (held.sealed.clone(), live)
        };
        let mut all = Vec::new();
        for segment in sealed {
            let summary = &segment.summary;
            if summary.last.seq <= after || wanted.is_later_than(summary.times.1) {
                continue;
            }
            let found = segment.find(&self.dir, wanted)?;
            let segment = segment.number;
            let Some(found) = found else {
                self.taken(segment)?;
                continue;
            };
            all.extend(found.into_iter().map(|(seq, place)| Found { segment, seq, place }));
        }
        all.extend(live);
        Ok(all)
    }

    /// Sees to it that a segment without its index was taken by retention, and by nobody else.
    fn taken(&self, segment: u64) -> Result<(), LedgerError> {
        if !folder::segment(&self.dir, segment).exists() {
            return Ok(());
        }
        let index = folder::index(&self.dir, segment);
        Err(file::on("open", &index)(std::io::ErrorKind::NotFound.into()).into())
    }

    /// Reads what was found; what retention took meanwhile is not there.
    fn read(&self, found: &[Found], each: &mut dyn FnMut(StoredRecord)) -> Result<(), LedgerError> {
        for of_one in found.chunk_by(|one, other| one.segment == other.segment) {
            let Some(number) = of_one.first().map(|it| it.segment) else { continue };
            let path = folder::segment(&self.dir, number);
            let Some(mut window) = Window::open(&path, Window::SHORT)? else { continue };
            for Found { seq, place, .. } in of_one {
                each(read_one(&mut window, &path, *seq, *place)?.0);
            }
        }
        Ok(())
    }

    pub(super) fn scan(
        &self,
        from: u64,
        each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let mut next = from.max(1);
        while let Some((segment, last)) = self.segment_of(&mut next)? {
            if let Some(Found { segment, seq, mut place }) = segment {
                let path = folder::segment(&self.dir, segment);
                let Some(mut window) = Window::open(&path, Window::LONG)? else {
                    next = last.saturating_add(1);
                    continue;
                };
                for seq in seq..=last {
                    let (record, room) = read_one(&mut window, &path, seq, place)?;
                    place = place.saturating_add(room);
                    if each(record).is_break() {
                        return Ok(());
                    }
                }
            }
            next = last.saturating_add(1);
        }
        Ok(())
    }

    /// Finds the segment of the first record from `next` on: where that record is in it, and the
    /// segment's last one. None where there are no more.
    fn segment_of(&self, next: &mut u64) -> Result<Option<(Option<Found>, u64)>, LedgerError> {
        let sealed = {
            let held = self.held();
            let behind = held.sealed.partition_point(|it| it.summary.last.seq < *next);
            match held.sealed.get(behind) {
                Some(sealed) => Arc::clone(sealed),
                None => return Ok(held.live.find_from(next)),
            }
        };
        *next = sealed.summary.before.seq.saturating_add(1).max(*next);
        let place = sealed.place(&self.dir, *next)?;
        if place.is_none() {
            self.taken(sealed.number)?;
        }
        let found = place.map(|place| Found { segment: sealed.number, seq: *next, place });
        Ok(Some((found, sealed.summary.last.seq)))
    }

    /// Gives the time of the earliest and of the latest record of the live segment.
    pub(super) fn live_times(&self) -> Option<(Timestamp, Timestamp)> {
        self.held().live.index.times
    }

    /// Gives the oldest segments all of whose records are from before `cutoff`.
    pub(super) fn oldest_before(&self, cutoff: Timestamp) -> Vec<Arc<Sealed>> {
        let held = self.held();
        let old = held.sealed.iter().take_while(|it| it.summary.times.1 < cutoff);
        old.cloned().collect()
    }

    /// Forgets the oldest segments, those up to number `segment`.
    pub(super) fn forget_through(&self, segment: u64) {
        self.held_mut().sealed.retain(|it| segment < it.number);
    }

    /// Adds records that are on the disk now.
    pub(super) fn add<'a>(
        &self,
        records: impl Iterator<Item = (DurableAt, (u64, u64), &'a super::encode::Outline)>,
    ) {
        let mut held = self.held_mut();
        records.for_each(|(at, place, outline)| held.live.index.add(at, place, outline));
    }

    /// Seals the live segment; that of `header` takes what comes next.
    pub(super) fn roll(&self, header: &Header) -> Arc<Sealed> {
        let mut held = self.held_mut();
        let fresh = Live { number: header.number, index: Index::new(header) };
        let Live { number, index } = std::mem::replace(&mut held.live, fresh);
        let sealed = Arc::new(Sealed::of(number, Arc::new(index)));
        held.sealed.push(Arc::clone(&sealed));
        sealed
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_mut(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    fn find_from(&self, next: &mut u64) -> Option<(Option<Found>, u64)> {
        let Self { number, index } = self;
        let first = index.before.seq.saturating_add(1);
        *next = first.max(*next);
        let order = u32::try_from(next.checked_sub(first)?).ok()?;
        let place = index.place(order)?.into();
        Some((Some(Found { segment: *number, seq: *next, place }), index.last.seq))
    }
}

/// Reads the record that begins at `place`, and how many bytes of the segment it takes.
pub(super) fn read_one(
    window: &mut Window,
    path: &Path,
    seq: u64,
    place: u64,
) -> Result<(StoredRecord, u64), LedgerError> {
    let altered = |why: &str| LedgerError::Tampered { seq, why: why.to_owned() };
    let bytes = window.read(place, HEAD).map_err(file::on("read", path))?;
    let head = Head::read(bytes).filter(|it| it.seq == seq);
    let head = head.ok_or_else(|| altered("it is not where it was written"))?;
    let len = usize::try_from(head.len).unwrap_or(usize::MAX).min(BODY_MAX);
    let behind = place.saturating_add(u64::try_from(HEAD).unwrap_or(u64::MAX));
    let body = window.read(behind, len).map_err(file::on("read", path))?;
    if crc32c::crc32c(body) != head.body_sum {
        return Err(altered("its body is damaged or altered"));
    }
    Ok((StoredRecord { seq, record: decode(seq, head.format, body)? }, head.room()))
}

/// Reads the chain up to a record of a sealed segment.
pub(super) fn chain_at(
    dir: &Path,
    sealed: &Sealed,
    seq: u64,
) -> Result<Option<Digest>, LedgerError> {
    let path = folder::segment(dir, sealed.number);
    let place = sealed.place(dir, seq)?;
    let (Some(place), Some(mut window)) = (place, Window::open(&path, Window::SHORT)?) else {
        return Ok(None);
    };
    let bytes = window.read(place, HEAD).map_err(file::on("read", &path))?;
    Ok(Head::read(bytes).filter(|it| it.seq == seq).map(|it| it.chain))
}
