//! A segment that takes no more records.

use std::{
    fs::OpenOptions,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    LedgerError, folder,
    index::{Index, Orders, key, moment},
    layout::Header,
    sidecar::{self, Summary, Wanted},
    survey::survey_sealed,
    window::Window,
};
use crate::{FileError, file};
use bailiwick_model::{DecisionId, LeaseId, TaskId, Timestamp};

/// A sealed segment: what it holds in short, and how to find the rest.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Its number.
    pub(crate) number: u64,
    /// What it holds.
    pub(crate) summary: Summary,
    /// Its whole index, until that lies on the disk.
    memory: Mutex<Option<Arc<Index>>>,
}

impl Sealed {
    /// Takes the segment of an index that is not on the disk yet.
    pub(crate) fn of(number: u64, index: Arc<Index>) -> Self {
        Self { number, summary: Summary::of(&index), memory: Mutex::new(Some(index)) }
    }

    /// Takes the segment of an index that lies on the disk.
    pub(crate) fn known(number: u64, summary: Summary) -> Self {
        Self { number, summary, memory: Mutex::default() }
    }

    /// Finds out about a sealed segment that the segment of `next` follows: from its index, or
    /// by reading it where that says something else.
    pub(crate) fn open(dir: &Path, header: &Header, next: &Header) -> Result<Self, LedgerError> {
        let number = header.number;
        let read = sidecar::read(&folder::index(dir, number), number)?;
        let fits = |it: &Summary| it.before == header.before && it.last == next.before;
        if let Some(summary) = read.filter(fits) {
            return Ok(Self::known(number, summary));
        }
        let index = survey_sealed(dir, header)?;
        if index.last != next.before {
            let seq = index.last.seq.saturating_add(1);
            let why = "the next segment does not follow on it".to_owned();
            return Err(LedgerError::Tampered { seq, why });
        }
        Ok(Self::of(number, Arc::new(index)))
    }

    /// Says whether its index was taken from the disk, where nothing compared it with its records.
    pub(crate) fn is_unread(&self) -> bool {
        self.memory().is_none()
    }

    /// Lays the index beside the segment, and gives back what the segment does not need.
    pub(crate) fn lay_down(&self, dir: &Path) -> Result<(), FileError> {
        let Some(index) = self.memory().clone() else {
            return Ok(());
        };
        let path = folder::segment(dir, self.number);
        let file = OpenOptions::new().write(true).open(&path);
        let file = file.map_err(file::on("open", &path))?;
        file.set_len(index.end).map_err(file::on("cut", &path))?;
        let bytes = sidecar::to_bytes(self.number, &index);
        file::replace(&folder::index(dir, self.number), &bytes)?;
        *self.memory() = None;
        Ok(())
    }

    /// Finds records: the number of each, and where it begins. None where retention took them.
    pub(crate) fn find(
        &self,
        dir: &Path,
        wanted: Wanted,
    ) -> Result<Option<Vec<(u64, u64)>>, FileError> {
        let memory = self.memory().clone();
        let found = match memory {
            Some(index) => Some(index.find(wanted)),
            None => sidecar::find(&folder::index(dir, self.number), &self.summary, wanted)?,
        };
        let first = self.summary.before.seq.saturating_add(1);
        let number = |(order, place)| (first.saturating_add(u64::from(order)), u64::from(place));
        Ok(found.map(|it| it.into_iter().map(number).collect()))
    }

    /// Gives where record number `seq` begins. None where retention took it.
    pub(crate) fn place(&self, dir: &Path, seq: u64) -> Result<Option<u64>, FileError> {
        let order = seq.checked_sub(self.summary.before.seq.saturating_add(1));
        let Some(order) = order.and_then(|it| u32::try_from(it).ok()) else {
            return Ok(None);
        };
        if let Some(index) = &*self.memory() {
            return Ok(index.place(order).map(u64::from));
        }
        let path = folder::index(dir, self.number);
        let Some(mut window) = Window::open(&path, Window::SHORT)? else {
            return Ok(None);
        };
        let place = sidecar::place(&mut window, &self.summary, order);
        Ok(Some(place.map_err(file::on("read", &path))?.into()))
    }

    /// Gives where each of these records begins. None where retention took them.
    pub(crate) fn places(
        &self,
        dir: &Path,
        numbers: &[u64],
    ) -> Result<Option<Vec<(u64, u64)>>, FileError> {
        let first = self.summary.before.seq.saturating_add(1);
        let order = |seq: u64| u32::try_from(seq.checked_sub(first)?).ok();
        let orders = numbers.iter().filter_map(|it| Some((*it, order(*it)?)));
        if let Some(index) = &*self.memory() {
            let place = |(seq, order)| Some((seq, index.place(order)?.into()));
            return Ok(Some(orders.filter_map(place).collect()));
        }
        let path = folder::index(dir, self.number);
        let Some(mut window) = Window::open(&path, Window::SHORT)? else { return Ok(None) };
        let place = |(seq, order)| {
            let place = sidecar::place(&mut window, &self.summary, order)?;
            Ok((seq, place.into()))
        };
        let found = orders.map(place).collect::<std::io::Result<Vec<_>>>();
        found.map(Some).map_err(file::on("read", &path))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Option<Arc<Index>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    /// Wants the records of a task.
    pub(crate) fn task(task: &TaskId) -> Self {
        Self::Task(key(task.as_str()))
    }

    /// Wants the steps of a lease.
    pub(crate) fn lease(lease: &LeaseId) -> Self {
        Self::Lease(key(lease.as_str()), moment(lease.as_str()))
    }

    /// Says whether none of them can be from before `latest`, so that a segment that ends there has
    /// none.
    pub(crate) fn is_later_than(self, latest: Timestamp) -> bool {
        match self {
            Self::Lease(_, made) => latest < made,
            Self::Task(_) | Self::Decision(_) | Self::Landmarks => false,
        }
    }

    /// Wants the records of a decision.
    pub(crate) fn decision(decision: &DecisionId) -> Self {
        Self::Decision(key(decision.as_str()))
    }
}

impl Index {
    /// Finds records: the order of each in the segment, and where it begins.
    pub(crate) fn find(&self, wanted: Wanted) -> Vec<(u32, u32)> {
        let of = |orders: Option<&Orders>| orders.into_iter().flat_map(Orders::iter).collect();
        let orders: Vec<u32> = match wanted {
            Wanted::Task(key) | Wanted::Lease(key, _) => of(self.tasks.get(&key)),
            Wanted::Decision(key) => of(self.decisions.get(&key)),
            Wanted::Landmarks => self.landmarks.clone(),
        };
        orders.into_iter().filter_map(|it| Some((it, self.place(it)?))).collect()
    }

    /// Gives where the record of an order begins.
    pub(crate) fn place(&self, order: u32) -> Option<u32> {
        self.places.get(usize::try_from(order).ok()?).copied()
    }
}
