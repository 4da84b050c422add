//! Laws and examples of what is called dormant, and when.

use std::borrow::Cow;

use bailiwick_model::{
    Actor, ActorKind, Along, Ended, Exercise, HeldPolicy, Holder, Patterns, Statement,
};
use proptest::prelude::*;

use super::*;
use crate::{
    audit::{Audit, AuditEntry, audit_by},
    exercised::Exercised,
    names::Catalogue,
};

const DAY: i64 = 86_400_000;

fn at(day: i64) -> Timestamp {
    Timestamp::from_millis(day.saturating_mul(DAY))
}

/// One access, on a day, by somebody: what has the same words is the same.
fn exercise((day, who, call, ok): (i64, &'static str, &'static str, bool)) -> Exercise<'static> {
    let (service, operation) = call.split_once(':').expect("a name");
    let more = |sum: u64, it: u8| sum.wrapping_mul(31).wrapping_add(u64::from(it));
    let place = |it: &str| it.bytes().fold(0, more);
    let mut it = Exercise::begun(Platform::Aws, at(day));
    it.key = u128::from(place(&format!("{day} {who} {ok}"))) << 64 | u128::from(place(call));
    it.account = Cow::Borrowed("1");
    it.actor = Actor { id: Cow::Borrowed(who), kind: ActorKind::Role, ..Actor::default() };
    it.service = Cow::Owned(format!("{service}.amazonaws.com"));
    it.operation = Cow::Borrowed(operation);
    it.along = Along::NOTHING;
    it.ended = if ok { Ended::Success } else { Ended::Denied };
    it
}

type Access = (i64, &'static str, &'static str, bool);

fn exercised<'i>(all: impl IntoIterator<Item = &'i Access>) -> Exercised {
    let text = "# a test's own\nec2\n L DescribeImages\n L DescribeInstances\n W RunInstances\n W StopInstances\n W TerminateInstances\n";
    let mut exercised = Exercised::new(Catalogue::parse(text).expect("a catalogue"));
    for it in all {
        exercised.take(&exercise(*it));
    }
    exercised
}

/// Somebody who holds policies: of each the pattern, and since which day it is held.
fn holder(since: Option<i64>, policies: &[(&str, Option<i64>)]) -> Holder {
    let policy = |(place, (pattern, since)): (usize, &(&str, Option<i64>))| HeldPolicy {
        path: format!("policy {place}"),
        statements: vec![Statement {
            allows: true,
            actions: Patterns::Only(vec![(*pattern).to_owned()]),
            resources: Patterns::Only(vec!["*".to_owned()]),
            conditional: false,
        }],
        since: since.map(at),
    };
    Holder {
        platform: Platform::Aws,
        id: "mine".to_owned(),
        account: "1".to_owned(),
        kind: ActorKind::Role,
        since: since.map(at),
        policies: policies.iter().enumerate().map(policy).collect(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
    }
}

fn exclusion(permission: &str, until: i64) -> Exclusion {
    Exclusion {
        platform: None,
        identity: None,
        permission: Some(permission.parse().expect("a pattern")),
        months: BTreeSet::new(),
        reason: "for emergencies".to_owned(),
        owner: "ana".to_owned(),
        until: at(until),
    }
}

fn policy(window_days: u64, exclusions: Vec<Exclusion>) -> DormancyPolicy {
    DormancyPolicy { window_days, exclusions }
}

fn entries(told: &Audit) -> impl Iterator<Item = &AuditEntry> {
    told.identities.iter().filter(|it| it.id == "mine").flat_map(|it| &it.entries)
}

/// Tells of what `mine` holds: `NAME STATE [why not yet] OBSERVED DAYS [idle DAYS/PERIOD lapsed]`.
fn told(all: &Audit) -> String {
    let line = |it: &AuditEntry| {
        let name = it.name.trim_start_matches("aws:ec2:");
        let mut line = format!("{name} {}", it.state.as_str());
        line.extend(it.not_yet.map(|it| format!(" {}", it.as_str())));
        line.extend(it.exclusion.map(|it| format!(" {it}")));
        line.push_str(&format!(" of {}", it.observed_days));
        if let Some(idle) = &it.idle {
            let period = idle.period_days.map_or_else(|| "?".to_owned(), |it| it.to_string());
            let lapsed = if idle.has_lapsed { " lapsed" } else { "" };
            line.push_str(&format!(" idle {}/{period}{lapsed}", idle.days));
        }
        line
    };
    entries(all).map(line).collect::<Vec<_>>().join("\n")
}

/// Somebody else is seen on each of these days to do what is of the same sort.
fn watched(days: std::ops::Range<i64>) -> Vec<Access> {
    days.map(|it| (it, "other", "ec2:RunInstances", true)).collect()
}

#[test]
fn a_star_of_an_exclusion_is_any_letters_and_a_group_only_in_kubernetes() {
    let whose = |pattern: &str, id: &str| {
        let whose = Exclusion { identity: Some(pattern.to_owned()), ..exclusion("aws:*", 1) };
        whose.knows(Platform::Aws, id)
    };
    assert!(whose("*/app:ref:refs/heads/main", "repo:acme/app:ref:refs/heads/main"));
    assert!(whose("*/deploy:prod", "arn:aws:iam::1:role/team/deploy:prod"));
    assert!(!whose("*/deploy:prod", "arn:aws:iam::1:role/deploy:test"));
    let means = |pattern: &str, name: &str| {
        let pattern: EntitlementPattern = pattern.parse().expect("a pattern");
        pattern.means(name)
    };
    assert!(means("vault:*/prod/db:read", "vault:secret/data/prod/db:read"));
    assert!(means("aws:*/a:Get*", "aws:x/y/a:GetObject"));
    assert!(means("kubernetes:*/pods:get", "kubernetes:core/pods:get"));
    assert!(!means("kubernetes:*/exec:create", "kubernetes:core/pods/exec:create"));
}

#[test]
fn fewer_observed_days_than_the_window_are_said_to_be_fewer() {
    let says = |days, window| {
        let holder = holder(None, &[("ec2:Stop*", None), ("ec2:Describe*", None)]);
        told(&audit_by(&exercised(&watched(0..days)), &[holder], &policy(window, Vec::new())))
    };
    let unseen = "DescribeImages unobservable of 0\nDescribeInstances unobservable of 0\n";
    assert_eq!(says(89, 90), format!("{unseen}StopInstances dormant too_few_days of 89"));
    assert_eq!(says(90, 90), format!("{unseen}StopInstances dormant of 90"));
    assert_eq!(says(1, 0), format!("{unseen}StopInstances dormant of 1"));
}

#[test]
fn a_grant_that_is_newer_than_the_window_is_not_judged() {
    let says = |since, policies: &[(&str, Option<i64>)]| {
        let all = exercised(&watched(0..200));
        told(&audit_by(&all, &[holder(since, policies)], &policy(90, Vec::new())))
    };
    // The last moment is the beginning of day 199.
    assert_eq!(says(Some(110), &[("ec2:Stop*", None)]), "StopInstances excluded new_grant of 90");
    assert_eq!(says(Some(109), &[("ec2:Stop*", None)]), "StopInstances dormant of 91");
    assert_eq!(
        says(None, &[("ec2:Stop*", Some(150))]),
        "StopInstances excluded new_grant of 50",
        "days before a policy was there do not count"
    );
    assert_eq!(
        says(None, &[("ec2:Stop*", Some(150)), ("ec2:*Instances", Some(20))]),
        "DescribeInstances unobservable of 0\nRunInstances dormant of 180\nStopInstances dormant of 180\nTerminateInstances dormant of 180"
    );
    assert_eq!(
        says(Some(5), &[("ec2:Stop*", Some(150)), ("ec2:Stop*", None)]),
        "StopInstances dormant of 195",
        "nobody says since when it is held by the other way"
    );
    assert_eq!(says(Some(300), &[("ec2:Stop*", None)]), "StopInstances unobservable of 0");
}

#[test]
fn what_is_excluded_is_told_and_counts_again_once_the_exclusion_ends() {
    let says = |exclusions: &[Exclusion]| {
        let all = exercised(&watched(0..100));
        let holder = holder(None, &[("ec2:Stop*", None), ("ec2:Terminate*", None)]);
        let all = audit_by(&all, &[holder], &policy(90, exclusions.to_vec()));
        let told_of: Vec<_> = all.exclusions.iter().map(|it| (it.has_ended, it.entries)).collect();
        (told(&all), told_of)
    };
    let both = "StopInstances excluded exclusion 0 of 100\nTerminateInstances dormant of 100";
    // AWS makes nothing of case.
    assert_eq!(says(&[exclusion("aws:EC2:stop*", 100)]), (both.to_owned(), vec![(false, 1)]));
    let none = "StopInstances dormant of 100\nTerminateInstances dormant of 100";
    assert_eq!(says(&[exclusion("aws:ec2:*", 99)]), (none.to_owned(), vec![(true, 0)]));
    assert_eq!(says(&[exclusion("aws:ec2:Stop", 200)]), (none.to_owned(), vec![(false, 0)]));
    let of = |id: &str| Exclusion {
        identity: Some(id.to_owned()),
        permission: None,
        platform: Some(Platform::Aws),
        ..exclusion("aws:*", 200)
    };
    let all =
        "StopInstances excluded exclusion 1 of 100\nTerminateInstances excluded exclusion 1 of 100";
    assert_eq!(says(&[of("other"), of("mi*")]), (all.to_owned(), vec![(false, 0), (false, 2)]));
    let elsewhere = Exclusion { platform: Some(Platform::Github), ..of("mine") };
    assert_eq!(says(&[elsewhere]), (none.to_owned(), vec![(false, 0)]));
}

#[test]
fn what_is_used_in_one_month_is_judged_once_that_was_watched_in_two_years() {
    let march = Exclusion { months: [3].into(), ..exclusion("aws:ec2:Stop*", 5000) };
    let says = |days: &[(i64, i64)]| {
        let days: Vec<_> = days.iter().flat_map(|it| watched(it.0..it.1)).collect();
        let holder = holder(None, &[("ec2:Stop*", None)]);
        told(&audit_by(&exercised(&days), &[holder], &policy(90, vec![march.clone()])))
    };
    // March of 1970 is from day 59 to day 89; that of 1971 is a year later.
    assert_eq!(says(&[(0, 365)]), "StopInstances excluded season 0 of 365");
    assert_eq!(says(&[(0, 438)]), "StopInstances excluded season 0 of 438");
    assert_eq!(says(&[(0, 439)]), "StopInstances dormant of 439");
    assert_eq!(says(&[(90, 439)]), "StopInstances excluded season 0 of 349");
    assert_eq!(says(&[(0, 74), (200, 439)]), "StopInstances dormant of 313");
    assert_eq!(says(&[(0, 73), (200, 439)]), "StopInstances excluded season 0 of 312");
}

#[test]
fn what_was_used_lapses_after_the_window_and_two_of_its_periods() {
    let says = |used: &[i64], end: i64, exclusions: Vec<Exclusion>| {
        let mut all = watched(0..end);
        all.extend(used.iter().map(|it| (*it, "mine", "ec2:StopInstances", true)));
        told(&audit_by(&exercised(&all), &[], &policy(90, exclusions)))
    };
    let every_other = [0, 60, 120];
    assert_eq!(says(&every_other, 240, vec![]), "StopInstances exercised of 240 idle 119/60");
    assert_eq!(
        says(&every_other, 241, vec![]),
        "StopInstances exercised of 241 idle 120/60 lapsed"
    );
    assert_eq!(says(&[0, 1], 92, vec![]), "StopInstances exercised of 92 idle 90/? lapsed");
    assert_eq!(says(&[0, 1, 2], 92, vec![]), "StopInstances exercised of 92 idle 89/1");
    let kept = vec![exclusion("aws:ec2:*", 500)];
    assert_eq!(says(&[0, 1, 2], 300, kept), "StopInstances exercised of 300 idle 297/1");
}

#[test]
fn names_of_permissions_are_read_or_refused_in_words() {
    let said = |it: &str| match it.parse::<EntitlementPattern>() {
        Ok(read) => read.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(said("aws:kms:*"), "aws:kms:*");
    assert_eq!(said("aws:"), "`aws:` has no name behind the system's: `aws:*` is all of them");
    assert_eq!(said("aws"), said("aws:"));
    assert!(said("kms:Decrypt").starts_with("`kms` is no system that is read: write the system"));
    let means =
        |pattern: &str, name| pattern.parse::<EntitlementPattern>().expect("a pattern").means(name);
    assert!(means("kubernetes:core/secrets:*", "kubernetes:core/secrets:get"));
    assert!(!means("kubernetes:core/secrets:*", "kubernetes:core/Secrets:get"));
    assert!(!means("kubernetes:core/secrets:*", "kubernetes:core/*:get"), "more than that");
    assert!(means("kubernetes:core/*", "kubernetes:core/*:get"));
    assert!(!means("aws:*", "awsx:ec2:RunInstances"));
}

const CALLS: [&str; 3] = ["ec2:RunInstances", "ec2:StopInstances", "ec2:DescribeImages"];

fn accesses() -> impl Strategy<Value = Vec<Access>> {
    let one =
        (0..400_i64, any::<bool>(), 0..3_usize, any::<bool>()).prop_map(|(day, mine, call, ok)| {
            (day, if mine { "mine" } else { "other" }, CALLS[call], ok)
        });
    proptest::collection::vec(one, 0..60)
}

/// What somebody holds: since when, and policies.
fn held() -> impl Strategy<Value = Holder> {
    let since = || proptest::option::of(0..450_i64);
    let one = (0..3_usize, since())
        .prop_map(|(it, since)| (["ec2:*", "ec2:Run*", "ec2:*Instances"][it], since));
    (since(), proptest::collection::vec(one, 1..4))
        .prop_map(|(since, policies)| holder(since, &policies))
}

fn exclusions() -> impl Strategy<Value = Vec<Exclusion>> {
    let one = (0..3_usize, proptest::option::of(1..13_i8), 0..500_i64);
    let one = one.prop_map(|(it, month, until)| Exclusion {
        months: month.into_iter().collect(),
        ..exclusion(["aws:ec2:*", "aws:ec2:Stop*", "aws:s3:*"][it], until)
    });
    proptest::collection::vec(one, 0..3)
}

/// Gives the names in a state.
fn names(told: &Audit, is: impl Fn(&AuditEntry) -> bool) -> BTreeSet<&str> {
    entries(told).filter(|it| is(it)).map(|it| it.name.as_str()).collect()
}

fn may_go(it: &AuditEntry) -> bool {
    it.state == State::Dormant && it.not_yet.is_none()
}

fn has_lapsed(it: &AuditEntry) -> bool {
    it.idle.as_ref().is_some_and(|it| it.has_lapsed)
}

fn is(state: State) -> impl Fn(&AuditEntry) -> bool {
    move |it| it.state == state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Neither a window, nor grace, nor an exclusion makes more dormant, or changes what was seen.
    #[test]
    fn nothing_that_is_asked_for_makes_more_dormant(
        all in accesses(), holder in held(), window in 0..200_u64, exclusions in exclusions(),
    ) {
        let (all, held) = (exercised(&all), std::slice::from_ref(&holder));
        let plain = audit_by(&all, held, &policy(0, Vec::new()));
        let asked = audit_by(&all, held, &policy(window, exclusions));
        prop_assert_eq!(names(&plain, is(State::Excluded)).len(), 0);
        for state in [State::Exercised, State::Attempted, State::Unobservable] {
            prop_assert_eq!(names(&plain, is(state)), names(&asked, is(state)));
        }
        let (was, now) = (names(&plain, is(State::Dormant)), names(&asked, is(State::Dormant)));
        prop_assert!(now.is_subset(&was));
        // What is not dormant is told of all the same.
        let excluded = names(&asked, is(State::Excluded));
        prop_assert_eq!(now.len().saturating_add(excluded.len()), was.len());
        for it in entries(&asked) {
            prop_assert!(!may_go(it) || window.max(1) <= it.observed_days, "{:?}", it);
            prop_assert_eq!(it.not_yet.is_some(), it.state == State::Excluded
                || it.state == State::Dormant && it.observed_days < window);
        }
        let kept: u64 = asked.exclusions.iter().map(|it| it.entries).sum();
        let by_word = entries(&asked).filter(|it| it.exclusion.is_some()).count();
        prop_assert_eq!(kept, u64::try_from(by_word).unwrap());
    }

    #[test]
    fn a_longer_window_takes_away_no_more(
        all in accesses(), holder in held(), window in 0..100_u64, more in 0..100_u64,
        exclusions in exclusions(),
    ) {
        let (all, held) = (exercised(&all), std::slice::from_ref(&holder));
        let one = audit_by(&all, held, &policy(window, exclusions.clone()));
        let longer = audit_by(&all, held, &policy(window.saturating_add(more), exclusions));
        prop_assert_eq!(names(&one, is(State::Exercised)), names(&longer, is(State::Exercised)));
        prop_assert!(names(&longer, is(State::Dormant)).is_subset(&names(&one, is(State::Dormant))));
        prop_assert!(names(&longer, may_go).is_subset(&names(&one, may_go)));
        prop_assert!(names(&longer, has_lapsed).is_subset(&names(&one, has_lapsed)));
    }

    #[test]
    fn what_was_exercised_stays_so_whatever_else_is_seen(
        all in accesses(), more in accesses(), holder in held(), exclusions in exclusions(),
    ) {
        let (holder, policy) = ([holder], policy(90, exclusions));
        let one = audit_by(&exercised(&all), &holder, &policy);
        let both = audit_by(&exercised(all.iter().chain(&more)), &holder, &policy);
        prop_assert!(names(&one, is(State::Exercised)).is_subset(&names(&both, is(State::Exercised))));
    }

    /// A gap stops the clock: a log with days missing takes away no more than the whole.
    #[test]
    fn days_that_are_missing_take_away_nothing_more(
        all in accesses(), holder in held(), window in 0..100_u64,
        gap in (0..400_i64, 0..200_i64), exclusions in exclusions(),
    ) {
        let gap = gap.0..gap.0.saturating_add(gap.1);
        let missing = |it: &&Access| gap.contains(&it.0) && it.1 == "other";
        let (holder, policy) = ([holder], policy(window, exclusions));
        let whole = audit_by(&exercised(&all), &holder, &policy);
        let less = exercised(all.iter().filter(|it| !missing(it)));
        let less = audit_by(&less, &holder, &policy);
        prop_assert!(names(&less, may_go).is_subset(&names(&whole, may_go)));
        prop_assert!(names(&less, has_lapsed).is_subset(&names(&whole, has_lapsed)));
        for it in entries(&less) {
            let was = entries(&whole).find(|other| other.name == it.name);
            prop_assert!(was.is_some_and(|was| it.observed_days <= was.observed_days));
        }
    }

    /// Law 10: the order of arrival, a second reading and where the reading was cut change nothing.
    #[test]
    fn law_10_order_repetition_and_splits_change_nothing_that_is_judged(
        all in accesses(), holder in held(), exclusions in exclusions(),
        by in any::<prop::sample::Index>(),
    ) {
        let (holder, policy) = ([holder], policy(30, exclusions));
        let says = |all: &[Access]| {
            let mut told = audit_by(&exercised(all), &holder, &policy);
            told.summary.duplicates = 0;
            told
        };
        let once = says(&all);
        let mut again = [all.clone(), all].concat();
        let by = by.index(again.len().max(1)).min(again.len());
        again.rotate_left(by);
        prop_assert_eq!(&once, &says(&again));
        again.reverse();
        prop_assert_eq!(&once, &says(&again));
    }
}
