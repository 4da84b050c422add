//! On which days something was seen.

use std::collections::BTreeMap;

use bailiwick_model::Timestamp;

/// Days of UTC, each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Days(Vec<i32>);

impl Days {
    /// Adds the day of a moment.
    pub fn add(&mut self, at: Timestamp) {
        let day = i32::try_from(at.utc_day()).unwrap_or(i32::MAX);
        // Logs are nearly in order: the day is the last one, or new behind it.
        match self.0.last() {
            Some(last) if *last == day => {}
            Some(last) if day < *last => {
                if let Err(place) = self.0.binary_search(&day) {
                    self.0.insert(place, day);
                }
            }
            Some(_) | None => self.0.push(day),
        }
    }

    /// Adds all days of another.
    pub fn join(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Takes off those that are not among others.
    pub fn keep(&mut self, others: &Self) {
        self.0.retain(|it| others.0.binary_search(it).is_ok());
    }

    /// Takes off those before the day of a moment.
    pub fn begin_at(&mut self, at: Timestamp) {
        let day = i32::try_from(at.utc_day()).unwrap_or(i32::MAX);
        self.0.retain(|it| day <= *it);
    }

    /// Says whether all of them are among others.
    pub fn lie_within(&self, other: &Self) -> bool {
        self.0.iter().all(|it| other.0.binary_search(it).is_ok())
    }

    /// Counts them.
    pub fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// Counts the stretches of days between the first and the last that are missing.
    pub fn gaps(&self) -> u64 {
        let gap = |pair: &&[i32]| match pair {
            [before, after] => before.saturating_add(1) < *after,
            _ => false,
        };
        u64::try_from(self.0.windows(2).filter(gap).count()).unwrap_or(u64::MAX)
    }

    /// Gives the middle one of the distances between them, in days; none where there are not three.
    pub fn period(&self) -> Option<u64> {
        let distance = |pair: &[i32]| match pair {
            [before, after] => u64::from(after.abs_diff(*before)),
            _ => 0,
        };
        let mut all: Vec<_> = self.0.windows(2).map(distance).collect();
        all.sort_unstable();
        // Of two in the middle the longer one, which waits longer.
        all.get(all.len() / 2).filter(|_| 1 < all.len()).copied()
    }

    /// Counts those of each month of each year.
    pub fn by_month(&self) -> BTreeMap<(i16, i8), u64> {
        const DAY: i64 = 24 * 3600 * 1000;
        let mut counts = BTreeMap::new();
        for day in &self.0 {
            let at = Timestamp::from_millis(i64::from(*day).saturating_mul(DAY));
            let Some(month) = at.utc_month() else { continue };
            let count: &mut u64 = counts.entry(month).or_default();
            *count = count.saturating_add(1);
        }
        counts
    }

    /// Counts those after the day of a moment.
    pub fn count_after(&self, at: Timestamp) -> u64 {
        let day = i32::try_from(at.utc_day()).unwrap_or(i32::MAX);
        let before = self.0.partition_point(|it| *it <= day);
        u64::try_from(self.0.len().saturating_sub(before)).unwrap_or(u64::MAX)
    }

    /// Counts those from `first` on.
    pub fn count_since(&self, first: Timestamp) -> u64 {
        let day = i32::try_from(first.utc_day()).unwrap_or(i32::MAX);
        let before = self.0.partition_point(|it| *it < day);
        u64::try_from(self.0.len().saturating_sub(before)).unwrap_or(u64::MAX)
    }
}
