//! What is found in the logs of an organisation that the testkit lives through, against what was true.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_connect::{
    grants::read_grants,
    source::{Record, read_from},
};
use bailiwick_insight::{Audit, Catalogue, Exercised, State, audit};
use bailiwick_model::Platform;
use bailiwick_testkit::organisation::{Dice, Name, Organisation, Plan, organisation};

/// Whose logs are read as they are written; the others' accesses are taken as their sources tell of them.
const READ_NATIVELY: [Platform; 1] = [Platform::Aws];

/// Reads everything, in an order of its own, and some of it twice.
fn seen(all: &Organisation, seed: u64) -> Exercised {
    let mut dice = Dice::new(seed);
    let mut told = Exercised::new(Catalogue::carried());
    let mut rest: Vec<_> =
        all.exercises.iter().filter(|it| !READ_NATIVELY.contains(&it.platform)).collect();
    rest.sort_by_cached_key(|_| dice.roll());
    for it in rest {
        told.take(it);
    }
    for platform in READ_NATIVELY {
        let mut lines: Vec<_> = all.logs[&platform].iter().collect();
        lines.sort_by_cached_key(|_| dice.roll());
        let again = lines.iter().take(50).copied().collect::<Vec<_>>();
        let text: String = lines.into_iter().chain(again).map(|it| format!("{it}\n")).collect();
        let mut take = |record: Record<'_>| match record {
            Record::Exercise(_, it) => {
                told.take(it);
            }
            Record::Nothing | Record::Undated => panic!("a line tells of nobody"),
            Record::Error(error) => panic!("{error}"),
        };
        read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap();
    }
    told
}

/// Counts of accesses by who made them, with what, and by which way.
type Ways = BTreeMap<(String, Vec<Name>), u64>;

fn found(told: &Exercised) -> Ways {
    let mut ways = Ways::new();
    for shown in told.shown().into_iter().filter(|it| !it.way.is_empty()) {
        let path = std::iter::once(&shown.by).chain(shown.way.iter().map(|it| &it.from));
        let mut path: Vec<_> = path.map(|it| (it.platform, it.id.clone())).collect();
        path.reverse();
        let known: &mut u64 = ways.entry((shown.credential, path)).or_default();
        *known = known.saturating_add(shown.used.count);
    }
    ways
}

#[derive(Debug, Default)]
struct Score {
    true_ways: u64,
    whole: u64,
    wrong: u64,
}

/// Scores what is found against what is true; of the latter what `counts` says.
fn score(all: &Organisation, found: &Ways, leased: bool) -> Score {
    let mut truth = Ways::new();
    for deed in all.truth.iter().filter(|it| 1 < it.path.len()) {
        let known: &mut u64 =
            truth.entry((deed.credential.clone(), deed.path.clone())).or_default();
        *known = known.saturating_add(1);
    }
    let mut score = Score::default();
    for deed in all.truth.iter().filter(|it| 1 < it.path.len() && it.leased == leased) {
        score.true_ways = score.true_ways.saturating_add(1);
        let way = (deed.credential.clone(), deed.path.clone());
        let is_whole = found.get(&way).is_some_and(|it| *it == truth[&way]);
        score.whole = score.whole.saturating_add(u64::from(is_whole));
    }
    for ((credential, path), count) in found {
        // Of a way whose beginning no log has, what is found is its end.
        let is_true =
            truth.iter().any(|((with, whole), _)| with == credential && whole.ends_with(path));
        score.wrong = score.wrong.saturating_add(if is_true { 0 } else { *count });
    }
    score
}

/// Says whether so many of a hundred were found whole.
fn is_share(of_hundred: u64, score: &Score) -> bool {
    score.true_ways.saturating_mul(of_hundred) <= score.whole.saturating_mul(100)
}

#[test]
fn chains_are_found_whole_and_none_is_wrong() {
    for seed in 0..6 {
        for leases in [true, false] {
            let all = organisation(Plan { seed, works: 300, leases });
            let found = found(&seen(&all, seed));
            let (leased, other) = (score(&all, &found, true), score(&all, &found, false));
            assert_eq!(leased.wrong, 0, "seed {seed}");
            assert_eq!(leased.true_ways == 0, !leases);
            assert!(is_share(99, &leased), "seed {seed}: {leased:?}");
            assert!(is_share(95, &other), "seed {seed}: {other:?}");
            assert!(500 < other.true_ways, "seed {seed}: {other:?}");
        }
    }
}

#[test]
fn the_order_of_logs_and_what_comes_twice_change_no_chain() {
    let all = organisation(Plan { seed: 11, works: 60, leases: true });
    let once = audit(&seen(&all, 1), &[]).chains;
    assert_eq!(once, audit(&seen(&all, 2), &[]).chains);
    assert!(once.iter().any(|it| it.crosses) && once.iter().any(|it| it.path.len() == 4));
}

fn names(told: &Audit, role: &str, wanted: State) -> BTreeSet<String> {
    let role = told.identities.iter().find(|it| it.id == role && it.platform == Platform::Aws);
    let entries = role.into_iter().flat_map(|it| &it.entries).filter(|it| it.state == wanted);
    entries.map(|it| it.name.clone()).collect()
}

#[test]
fn what_roles_used_is_what_they_used_and_nothing_else() {
    let all = organisation(Plan { seed: 5, works: 200, leases: true });
    let holders = read_grants(all.grants.to_string().as_bytes()).unwrap();
    let told = audit(&seen(&all, 3), &holders);
    let mut busy = 0_u8;
    for holder in &holders {
        let did = |denied: bool| -> BTreeSet<String> {
            let own = (Platform::Aws, holder.id.clone());
            let deeds =
                all.truth.iter().filter(|it| it.path.last() == Some(&own) && it.denied == denied);
            deeds.map(|it| it.permission.clone()).collect()
        };
        let (done, denied) = (did(false), did(true));
        busy = busy.saturating_add(u8::from(!done.is_empty()));
        assert_eq!(names(&told, &holder.id, State::Exercised), done, "{}", holder.id);
        let only_denied: BTreeSet<_> = denied.difference(&done).cloned().collect();
        assert_eq!(names(&told, &holder.id, State::Attempted), only_denied, "{}", holder.id);
        let dormant = names(&told, &holder.id, State::Dormant);
        for (_, name) in all.dormant.iter().filter(|it| it.0 == holder.id) {
            assert!(dormant.contains(name), "{} {name}", holder.id);
        }
    }
    // Where a gateway leases, nobody takes the role of agents with keys.
    assert_eq!((busy, holders.len()), (4, 5));
}
