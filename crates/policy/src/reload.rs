//! A set of policies after another, of which it has most: what stays keeps its place on the bench,
//! and no more is moved than comes and goes.

use std::{collections::HashSet, sync::Arc};

use crate::seat::Seat;

/// The policies that leave a bench, and those that come, each by id.
#[derive(Debug, Default)]
pub(crate) struct Turnover {
    pub(crate) gone: Vec<Arc<Seat>>,
    pub(crate) came: Vec<Arc<Seat>>,
}

impl Turnover {
    /// Leaves out what is on both sides, and puts the rest in order.
    pub(crate) fn of(mut gone: Vec<Arc<Seat>>, mut came: Vec<Arc<Seat>>) -> Self {
        let places = |all: &[Arc<Seat>]| all.iter().map(Arc::as_ptr).collect::<HashSet<_>>();
        if !gone.is_empty() && !came.is_empty() {
            let (before, after) = (places(&gone), places(&came));
            gone.retain(|it| !after.contains(&Arc::as_ptr(it)));
            came.retain(|it| !before.contains(&Arc::as_ptr(it)));
        }
        for all in [&mut gone, &mut came] {
            all.sort_by(|one, other| one.summary.id.cmp(&other.summary.id));
        }
        Self { gone, came }
    }
}

/// Where policies stand that stood elsewhere before.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    /// Of each place of before, where a policy with the same head stands now.
    pub(crate) places: Vec<Option<usize>>,
    /// The places of those whose heads were not there.
    pub(crate) fresh: Vec<usize>,
    /// Whether some place is another.
    moved: bool,
}

impl Moves {
    /// Says whether the heads are the same, at the same places.
    pub(crate) fn are_none(&self) -> bool {
        !self.moved && self.fresh.is_empty()
    }

    fn stay(&mut self, count: usize, now: usize) {
        self.moved |= self.places.len() != now;
        self.places.extend((now..now.saturating_add(count)).map(Some));
    }

    fn leave(&mut self) {
        self.moved = true;
        self.places.push(None);
    }
}

/// Seats policies by id. None where two have the same, or what is to leave is not there.
pub(crate) fn seated(
    before: &[Arc<Seat>],
    Turnover { gone, came }: &Turnover,
) -> Option<(Vec<Arc<Seat>>, Moves)> {
    let mut seats: Vec<Arc<Seat>> = Vec::with_capacity(before.len().saturating_add(came.len()));
    let (mut moves, mut rest) = (Moves::default(), before);
    let (mut gone, mut came) = (gone.iter().peekable(), came.iter().peekable());
    while let Some(next) = first_of(gone.peek().copied(), came.peek().copied()) {
        let (stay, others) = rest.split_at(reach(rest, next));
        moves.stay(stay.len(), seats.len());
        seats.extend_from_slice(stay);
        rest = others;
        let leaves = gone.next_if(|it| it.summary.id == next);
        let comes = came.next_if(|it| it.summary.id == next);
        match (leaves, rest.split_first().filter(|(it, _)| it.summary.id == next)) {
            (Some(leaves), Some((there, others))) if Arc::ptr_eq(leaves, there) => {
                rest = others;
                if comes.is_some_and(|it| it.heads_like(leaves)) {
                    moves.stay(1, seats.len());
                    seats.extend(comes.cloned());
                    continue;
                }
                moves.leave();
            }
            (None, None) => {}
            (Some(_), _) | (None, Some(_)) => return None,
        }
        if let Some(comes) = comes {
            if seats.last().is_some_and(|it| it.summary.id == next) {
                return None;
            }
            moves.fresh.push(seats.len());
            seats.push(Arc::clone(comes));
        }
    }
    moves.stay(rest.len(), seats.len());
    seats.extend_from_slice(rest);
    Some((seats, moves))
}

/// Gives the id that comes first.
fn first_of<'s>(one: Option<&'s Arc<Seat>>, other: Option<&'s Arc<Seat>>) -> Option<&'s str> {
    one.into_iter().chain(other).map(|it| it.summary.id.as_str()).min()
}

/// Says how many of `seats` come before an id. Whatever comes next is mostly near.
fn reach(seats: &[Arc<Seat>], id: &str) -> usize {
    let before = |it: &Arc<Seat>| it.summary.id.as_str() < id;
    let (mut from, mut step) = (0_usize, 1_usize);
    while seats.get(from.saturating_add(step)).is_some_and(before) {
        from = from.saturating_add(step);
        step = step.saturating_mul(2);
    }
    let rest = seats.get(from..).unwrap_or_default();
    let near = rest.get(..step.saturating_add(1)).unwrap_or(rest);
    from.saturating_add(near.partition_point(before))
}
