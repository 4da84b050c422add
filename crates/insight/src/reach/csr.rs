//! A graph as two lists: for each place where its hops begin, and all hops one behind the other.
//!
//! A walk looks at each place once and at each hop once, whatever the graph.

/// Hops by the place that they leave.
#[derive(Debug, Default)]
pub struct Adjacency {
    begins: Vec<u32>,
    ends: Vec<(u32, u32)>,
}

/// What a walk came to.
#[derive(Debug)]
pub struct Walk {
    /// For each place: the one before it, and the hop between; none where it was not reached, or the walk began.
    pub before: Vec<Option<(u32, u32)>>,
    /// Every place that was reached, the nearest first, with its distance.
    pub reached: Vec<(u32, u32)>,
    /// How many hops were looked at.
    pub looked: u64,
}

impl Adjacency {
    /// Arranges hops, each given as the places that it leads from and to, by their numbers below `places`.
    pub fn new(places: usize, hops: &[(u32, u32)]) -> Self {
        let place = |it: u32| usize::try_from(it).ok().filter(|it| *it < places);
        let mut begins = vec![0_u32; places.saturating_add(1)];
        for from in hops.iter().filter_map(|it| place(it.0)) {
            if let Some(count) = begins.get_mut(from.saturating_add(1)) {
                *count = count.saturating_add(1);
            }
        }
        let mut sum = 0_u32;
        for begin in &mut begins {
            sum = sum.saturating_add(*begin);
            *begin = sum;
        }
        let mut next = begins.clone();
        let mut ends = vec![(0_u32, 0_u32); usize::try_from(sum).unwrap_or(0)];
        for (number, (from, to)) in (0_u32..).zip(hops) {
            let Some(slot) = place(*from).and_then(|it| next.get_mut(it)) else { continue };
            if let Some(end) = usize::try_from(*slot).ok().and_then(|it| ends.get_mut(it)) {
                *end = (*to, number);
            }
            *slot = slot.saturating_add(1);
        }
        Self { begins, ends }
    }

    /// Gives the hops that leave a place: where each leads, and its number.
    pub fn of(&self, place: u32) -> &[(u32, u32)] {
        let slot = |at: usize| self.begins.get(at).and_then(|it| usize::try_from(*it).ok());
        let Ok(place) = usize::try_from(place) else { return &[] };
        match (slot(place), slot(place.saturating_add(1))) {
            (Some(begin), Some(end)) => self.ends.get(begin..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Walks from some places, at most so many hops far, along the hops that `open` lets through.
    pub fn walk(&self, from: &[u32], far: u32, open: impl Fn(u32) -> bool) -> Walk {
        let places = self.begins.len().saturating_sub(1);
        let mut before = vec![None; places];
        let mut met = vec![false; places];
        let mut reached: Vec<(u32, u32)> = Vec::new();
        let mut looked = 0_u64;
        for begin in from {
            if let Some(met) = usize::try_from(*begin).ok().and_then(|it| met.get_mut(it)) {
                if !*met {
                    reached.push((*begin, 0));
                }
                *met = true;
            }
        }
        let mut at = 0_usize;
        while let Some((place, distance)) = reached.get(at).copied() {
            at = at.saturating_add(1);
            if far <= distance {
                break;
            }
            for (to, hop) in self.of(place) {
                looked = looked.saturating_add(1);
                let Ok(index) = usize::try_from(*to) else { continue };
                let Some(met) = met.get_mut(index).filter(|it| !**it && open(*hop)) else {
                    continue;
                };
                *met = true;
                if let Some(before) = before.get_mut(index) {
                    *before = Some((place, *hop));
                }
                reached.push((*to, distance.saturating_add(1)));
            }
        }
        Walk { before, reached, looked }
    }
}

impl Walk {
    /// Gives the hops by which a place was reached, the first one first.
    pub fn hops_to(&self, place: u32) -> Vec<u32> {
        let mut hops = Vec::new();
        let mut here = place;
        let before = |it: u32| *self.before.get(usize::try_from(it).ok()?)?;
        while let Some((from, hop)) = before(here) {
            hops.push(hop);
            here = from;
        }
        hops.reverse();
        hops
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The plainest way to find distances: hop by hop, over all hops again and again.
    fn by_the_book(places: u32, hops: &[(u32, u32)], from: u32, far: u32) -> BTreeMap<u32, u32> {
        let mut known = BTreeMap::from([(from, 0)]);
        for round in 0..far {
            for (one, next) in hops.iter().filter(|it| it.0 < places && it.1 < places) {
                if known.get(one) == Some(&round) {
                    known.entry(*next).or_insert(round.saturating_add(1));
                }
            }
        }
        known
    }

    proptest! {
        #[test]
        fn a_walk_comes_where_the_book_comes_and_by_hops_that_are_there(
            hops in proptest::collection::vec((0..12_u32, 0..12_u32), 0..40),
            from in 0..12_u32,
            far in 0..6_u32,
        ) {
            let graph = Adjacency::new(12, &hops);
            let walk = graph.walk(&[from], far, |_| true);
            let found: BTreeMap<_, _> = walk.reached.iter().copied().collect();
            prop_assert_eq!(&found, &by_the_book(12, &hops, from, far));
            prop_assert!(walk.looked <= u64::try_from(hops.len()).unwrap());
            for (place, distance) in &walk.reached {
                let way = walk.hops_to(*place);
                prop_assert_eq!(way.len(), usize::try_from(*distance).unwrap());
                let mut here = from;
                for hop in way {
                    let (one, next) = hops[usize::try_from(hop).unwrap()];
                    prop_assert_eq!(one, here);
                    here = next;
                }
                prop_assert_eq!(here, *place);
            }
        }
    }

    #[test]
    fn six_hops_in_a_million_look_at_no_hop_twice() {
        let (places, count) = (100_000_u32, 1_000_000_u32);
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) % places
        };
        let hops: Vec<_> = (0..count).map(|_| (next(), next())).collect();
        let graph = Adjacency::new(100_000, &hops);
        let walk = graph.walk(&[0], 6, |_| true);
        assert!(walk.reached.len() > 90_000, "nearly all is reached: {}", walk.reached.len());
        assert!(walk.looked <= u64::from(count), "{}", walk.looked);
    }

    #[test]
    fn a_number_that_is_no_place_leads_nowhere() {
        let graph = Adjacency::new(2, &[(0, 9), (9, 0), (0, 1)]);
        assert_eq!(graph.walk(&[0, 7], 9, |_| true).reached, [(0, 0), (1, 1)]);
        assert_eq!(graph.walk(&[0], 9, |hop| hop != 2).reached, [(0, 0)]);
        assert!(Adjacency::default().of(0).is_empty());
    }
}
