//! How much of each way is told: whoever writes one of them chooses how much there is, and cannot use up another's.

use std::collections::BTreeMap;

use bailiwick_insight::Inlets;

/// How much that was noticed of each way is put on record in all.
pub(super) const TOLD_MAX: u64 = 10_000;

/// What the ways are called, by their numbers, and how much of each was told or waits for it.
#[derive(Debug)]
pub(super) struct Room {
    ways: Vec<(String, u64)>,
}

impl Room {
    pub(super) fn new(ways: Vec<String>, told: &BTreeMap<String, u64>) -> Self {
        let counted = |it: String| {
            let count = told.get(&it).copied().unwrap_or_default();
            (it, count)
        };
        Self { ways: ways.into_iter().map(counted).collect() }
    }

    /// Gives, of each of those whom something is about, the first way that may tell of it; nothing, where one of them is known by
    /// none that may.
    pub(super) fn find(&self, all: &[Inlets]) -> Option<Vec<Inlets>> {
        let has_room = |it: &u8| self.ways.get(usize::from(*it)).is_some_and(|it| it.1 < TOLD_MAX);
        all.iter().map(|it| it.numbers().find(has_room).map(Inlets::one)).collect()
    }

    /// Counts what these ways tell of.
    pub(super) fn take(&mut self, ways: &[Inlets]) {
        for number in numbers(ways) {
            if let Some((_, count)) = self.ways.get_mut(number) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Gives what some ways are called.
    pub(super) fn names(&self, ways: &[Inlets]) -> impl Iterator<Item = &str> {
        numbers(ways).filter_map(|it| self.ways.get(it)).map(|it| it.0.as_str())
    }
}

fn numbers(ways: &[Inlets]) -> impl Iterator<Item = usize> {
    ways.iter().flat_map(|it| it.numbers()).map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::new(vec!["trail/push".to_owned(), "cluster/folder".to_owned()], &BTreeMap::new())
    }

    fn both() -> Inlets {
        let mut ways = Inlets::one(0);
        ways.add(Inlets::one(1));
        ways
    }

    #[test]
    fn whoever_floods_one_way_uses_up_that_way_alone() {
        let (mut room, push, folder) = (room(), [Inlets::one(0)], [Inlets::one(1)]);
        let mut told = 0_u64;
        while let Some(ways) = room.find(&push) {
            room.take(&ways);
            told = told.saturating_add(1);
        }
        assert_eq!(told, TOLD_MAX);
        assert_eq!(room.find(&folder), Some(folder.to_vec()));
        // What both know of is told as the other's.
        assert_eq!(room.find(&[both()]), Some(folder.to_vec()));
        // A hop has two ends: one that only the flood knows of is the flood's.
        assert_eq!(room.find(&[push[0], folder[0]]), None);
        assert_eq!(room.find(&[both(), folder[0]]), Some(vec![folder[0], folder[0]]));
        assert_eq!(room.names(&push).collect::<Vec<_>>(), ["trail/push"]);
    }

    #[test]
    fn what_was_told_before_a_restart_counts() {
        let ways = vec!["trail/push".to_owned()];
        let told = |count| [("trail/push".to_owned(), count)].into();
        let push = [Inlets::one(0)];
        assert_eq!(Room::new(ways.clone(), &told(TOLD_MAX)).find(&push), None);
        let mut room = Room::new(ways, &told(TOLD_MAX - 1));
        room.take(&push);
        assert_eq!(room.find(&push), None);
        // Who is known by no way that there is, is told by none.
        assert_eq!(room.find(&[Inlets::one(7)]), None);
    }
}
