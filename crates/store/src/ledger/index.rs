//! Where the records of each task, decision and lease are in one segment, kept in memory.

use std::collections::HashMap;

use bailiwick_model::Timestamp;

use super::{DurableAt, encode::Outline, layout::Header};

/// Where everything is in one segment. Records go by their order in it, and ids by 64 bits of
/// what they were made from; readers compare the whole id once more.
#[derive(Debug)]
pub(crate) struct Index {
    /// The record before the first one.
    pub(crate) before: DurableAt,
    /// The last record.
    pub(crate) last: DurableAt,
    /// Where the next one will begin.
    pub(crate) end: u64,
    /// The earliest and the latest time of a record.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    /// Where each record begins.
    pub(crate) places: Vec<u32>,
    /// The records of each task, and of each lease.
    pub(crate) tasks: HashMap<u64, Orders>,
    /// The records of each decision.
    pub(crate) decisions: HashMap<u64, Orders>,
    /// The records that outlive their tasks.
    pub(crate) landmarks: Vec<u32>,
}

/// The order of a few records: nearly always one or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Orders {
    first: u32,
    more: Vec<u32>,
}

impl Orders {
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
}

impl Index {
    /// Begins one for a segment that holds nothing yet.
    pub(crate) fn new(header: &Header) -> Self {
        Self {
            before: header.before,
            last: header.before,
            end: u64::try_from(super::layout::HEADER).unwrap_or(u64::MAX),
            times: None,
            places: Vec::new(),
            tasks: HashMap::new(),
            decisions: HashMap::new(),
            landmarks: Vec::new(),
        }
    }

    /// Adds the next record, which begins at `place` and takes `room` bytes.
    pub(crate) fn add(&mut self, at: DurableAt, (place, room): (u64, u64), outline: &Outline) {
        let order = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(u32::try_from(place).unwrap_or(u32::MAX));
        for owner in outline.task.into_iter().chain(outline.lease) {
            put(&mut self.tasks, owner, order);
        }
        if let Some(decision) = outline.decision {
            put(&mut self.decisions, decision, order);
        }
        if outline.landmark {
            self.landmarks.push(order);
        }
        let (earliest, latest) = self.times.unwrap_or((outline.time, outline.time));
        self.times = Some((earliest.min(outline.time), latest.max(outline.time)));
        self.last = at;
        self.end = place.saturating_add(room);
    }
}

fn put(map: &mut HashMap<u64, Orders>, key: u64, order: u32) {
    map.entry(key)
        .and_modify(|it| it.more.push(order))
        .or_insert_with(|| Orders { first: order, more: Vec::new() });
}

/// Reads the end of an id, letters of Crockford's base 32, as the low 64 bits of the number it
/// was made from: all of them were drawn at random.
pub(crate) fn key(id: &str) -> u64 {
    number(id.bytes().rev().take(13))
}

/// Reads the moment that an id was made in, which stands before what was drawn at random.
pub(crate) fn moment(id: &str) -> Timestamp {
    let millis = number(id.bytes().rev().skip(16).take(10));
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Reads a number from its letters, the last one first.
fn number(letters: impl Iterator<Item = u8>) -> u64 {
    letters.enumerate().fold(0, |all, (place, letter)| {
        let digit = match letter {
            b'0'..=b'9' => letter.wrapping_sub(b'0'),
            b'A'..=b'H' => letter.wrapping_sub(b'A').wrapping_add(10),
            b'J' | b'K' => letter.wrapping_sub(b'J').wrapping_add(18),
            b'M' | b'N' => letter.wrapping_sub(b'M').wrapping_add(20),
            b'P'..=b'T' => letter.wrapping_sub(b'P').wrapping_add(22),
            _ => letter.wrapping_sub(b'V').wrapping_add(27),
        };
        let shift = u32::try_from(place.saturating_mul(5)).unwrap_or(0);
        all | u64::from(digit).checked_shl(shift).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{TaskId, Timestamp, Ulid};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ids_key_is_the_end_of_the_number_it_was_made_from(
            millis in 0_i64..1 << 47,
            random in any::<[u8; 10]>(),
        ) {
            let id = TaskId::new(Ulid::new(Timestamp::from_millis(millis), random));
            let low = random[2..].iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
            prop_assert_eq!(key(id.as_str()), low);
            prop_assert_eq!(moment(id.as_str()), Timestamp::from_millis(millis));
        }
    }
}
