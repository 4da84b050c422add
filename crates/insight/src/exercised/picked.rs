//! What a log has of one thing alone shows nothing of others.

use std::borrow::Cow;

use bailiwick_model::{Actor, Along, Exercise, Platform, Timestamp};

use super::{Exercised, Taken};
use crate::names::{Catalogue, Sort};

/// A read of one table, on a day.
fn read(key: u128, day: i64, along: Along) -> Exercise<'static> {
    Exercise {
        key,
        account: Cow::Borrowed("shop"),
        actor: Actor { id: Cow::Borrowed("ann"), ..Actor::default() },
        service: Cow::Borrowed("table public.orders"),
        operation: Cow::Borrowed("SELECT"),
        along,
        resource: Cow::Borrowed("shop/public.orders"),
        data: true,
        ..Exercise::begun(
            Platform::Postgres,
            Timestamp::from_millis(day.saturating_mul(86_400_000)),
        )
    }
}

/// Gives the days on which another table's reading would have been seen.
fn observed(rows: &[Exercise<'_>]) -> (u64, u64) {
    let mut all = Exercised::new(Catalogue::parse("# none\n").expect("a catalogue"));
    let again = rows.iter().filter(|it| all.take(it) == Taken::Again).count();
    let mut sorts = Sort::spanned(Platform::Postgres, "table public.seen:SELECT").expect("a sort");
    let days = all.observed(Platform::Postgres, "shop", &sorts.remove(0));
    (days.count(), u64::try_from(again).expect("a few"))
}

#[test]
fn what_was_picked_out_shows_no_day_of_its_sort() {
    let picked = [read(1, 1, Along::PICKED), read(2, 3, Along::PICKED)];
    assert_eq!(observed(&picked), (0, 0));
    let with_session = [read(1, 1, Along::PICKED), read(3, 2, Along::NOTHING)];
    assert_eq!(observed(&with_session), (1, 0));
}

#[test]
fn one_access_that_is_told_of_both_ways_shows_its_day_whichever_comes_first() {
    let both = [read(1, 1, Along::PICKED), read(1, 1, Along::NOTHING)];
    let [picked, plain] = both.clone();
    assert_eq!(observed(&both), (1, 1));
    assert_eq!(observed(&[plain, picked]), (1, 1));
}
