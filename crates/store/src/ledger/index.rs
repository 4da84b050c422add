//! Where the records of each task and each decision are, kept in memory.

use std::collections::HashMap;

use bailiwick_model::{DecisionId, TaskId};

use super::encode::Outline;

/// The numbers of the records of each task and of each decision. Ids are kept as the 128 bits
/// they were made from; readers compare the whole id once more.
#[derive(Debug, Default)]
pub(super) struct Index {
    tasks: HashMap<u128, Vec<u64>>,
    decisions: HashMap<u128, Places>,
}

/// The numbers of a few records: nearly always one or two.
#[derive(Debug)]
struct Places {
    first: u64,
    more: Vec<u64>,
}

impl Index {
    /// Adds the record number `seq`; numbers only grow.
    pub(super) fn add(&mut self, seq: u64, outline: &Outline) {
        if let Some(task) = &outline.task {
            self.tasks.entry(key(task.as_str())).or_default().push(seq);
        }
        if let Some(decision) = &outline.decision {
            self.decisions
                .entry(key(decision.as_str()))
                .and_modify(|it| it.more.push(seq))
                .or_insert_with(|| Places { first: seq, more: Vec::new() });
        }
    }

    /// Gives the numbers of a task's records, in order.
    pub(super) fn of_task(&self, task: &TaskId) -> Vec<u64> {
        self.tasks.get(&key(task.as_str())).cloned().unwrap_or_default()
    }

    /// Gives the numbers of a decision's records, in order.
    pub(super) fn of_decision(&self, decision: &DecisionId) -> Vec<u64> {
        let Some(Places { first, more }) = self.decisions.get(&key(decision.as_str())) else {
            return Vec::new();
        };
        std::iter::once(*first).chain(more.iter().copied()).collect()
    }

    /// Forgets every record up to number `seq`.
    pub(super) fn forget_through(&mut self, seq: u64) {
        self.tasks.retain(|_, places| {
            places.retain(|it| seq < *it);
            !places.is_empty()
        });
        self.decisions.retain(|_, places| {
            places.more.retain(|it| seq < *it);
            if seq < places.first {
                return true;
            }
            match places.more.first().copied() {
                None => false,
                Some(next) => {
                    places.more.remove(0);
                    places.first = next;
                    true
                }
            }
        });
    }
}

/// Reads the 26 letters at the end of an id as the number they are in Crockford's base 32.
fn key(id: &str) -> u128 {
    id.bytes().rev().take(26).enumerate().fold(0, |all, (place, letter)| {
        let digit = match letter {
            b'0'..=b'9' => letter.wrapping_sub(b'0'),
            b'A'..=b'H' => letter.wrapping_sub(b'A').wrapping_add(10),
            b'J' | b'K' => letter.wrapping_sub(b'J').wrapping_add(18),
            b'M' | b'N' => letter.wrapping_sub(b'M').wrapping_add(20),
            b'P'..=b'T' => letter.wrapping_sub(b'P').wrapping_add(22),
            _ => letter.wrapping_sub(b'V').wrapping_add(27),
        };
        let shift = u32::try_from(place.saturating_mul(5)).unwrap_or(0);
        all | u128::from(digit).checked_shl(shift).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{Timestamp, Ulid};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_ids_key_is_the_number_it_was_made_from(
            millis in 0_i64..1 << 47,
            random in any::<[u8; 10]>(),
        ) {
            let id = TaskId::new(Ulid::new(Timestamp::from_millis(millis), random));
            let low = random.into_iter().fold(0_u128, |all, byte| all << 8 | u128::from(byte));
            let millis = Timestamp::from_millis(millis).millis();
            prop_assert_eq!(key(id.as_str()), u128::try_from(millis).unwrap() << 80 | low);
        }

        #[test]
        fn what_is_forgotten_is_every_record_up_to_a_number(
            records in proptest::collection::vec((0_u8..4, 0_u8..6), 0..40),
            through in 0_u64..45,
        ) {
            let task = |it: u8| TaskId::new(Ulid::new(Timestamp::default(), [it; 10]));
            let decision = |it: u8| DecisionId::new(Ulid::new(Timestamp::default(), [it; 10]));
            let mut index = Index::default();
            for (seq, (of, by)) in (1..).zip(&records) {
                index.add(seq, &Outline {
                    kind: "outcome",
                    time: Timestamp::default(),
                    task: Some(task(*of)),
                    decision: Some(decision(*by)),
                });
            }
            index.forget_through(through);
            let expected = |pick: fn(&(u8, u8)) -> u8, it: u8| -> Vec<u64> {
                let all = (1..).zip(&records);
                let kept = all.filter(|(seq, record)| through < *seq && pick(record) == it);
                kept.map(|(seq, _)| seq).collect()
            };
            for it in 0..6 {
                prop_assert_eq!(index.of_task(&task(it)), expected(|it| it.0, it));
                prop_assert_eq!(index.of_decision(&decision(it)), expected(|it| it.1, it));
            }
        }
    }
}
