//! Laws and examples of a system that has no list of its permissions.

use std::borrow::Cow;

use bailiwick_model::{
    Actor, ActorKind, Along, Ended, Exercise, HeldPolicy, Patterns, Platform, Statement, Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::{
    audit::{Audit, State, audit},
    exercised::{Doer, Exercised},
    names::Catalogue,
};

const DAY: i64 = 86_400_000;

/// One line of a log: `DAY WHO RESOURCE:VERB ok|no [for WHOM] [in ACCOUNT] [on RESOURCE]`; `google NAME` is Google's.
fn exercise(number: usize, line: &str) -> Exercise<'_> {
    let (platform, line) = match line.strip_prefix("google ") {
        Some(line) => (Platform::Google, line),
        None => (Platform::Kubernetes, line),
    };
    let words: Vec<_> = line.split(' ').collect();
    let after = |word: &str| {
        let place = words.iter().position(|it| *it == word)?;
        words.get(place.saturating_add(1)).map(|it| Cow::Borrowed(*it))
    };
    let (service, operation) = words[2].split_once(':').expect("a name");
    let day: i64 = words[0].parse().expect("a day");
    Exercise {
        platform,
        key: u128::try_from(number).expect("a number"),
        at: Timestamp::from_millis(day.saturating_mul(DAY)),
        account: after("in").unwrap_or_default(),
        actor: Actor {
            id: Cow::Borrowed(words[1]),
            kind: ActorKind::Service,
            chain: after("for").into_iter().collect(),
            ..Actor::default()
        },
        service: Cow::Borrowed(service),
        operation: Cow::Borrowed(operation),
        along: Along::NOTHING,
        resource: after("on").unwrap_or_default(),
        ended: if words[3] == "ok" { Ended::Success } else { Ended::Denied },
        code: Cow::Borrowed(""),
        issued: None,
        data: false,
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

fn exercised(lines: &[&str]) -> Exercised {
    let mut all = Exercised::new(Catalogue::parse("# none\n").expect("a catalogue"));
    for (number, line) in lines.iter().enumerate() {
        all.take(&exercise(number, line));
    }
    all
}

/// Somebody with one policy for each word: a pattern, with a `?` behind it where something more must hold.
fn holder(id: &str, words: &str) -> Holder {
    let policy = |(place, word): (usize, &str)| HeldPolicy {
        path: format!("role {place}"),
        statements: vec![Statement {
            allows: true,
            actions: Patterns::Only(vec![word.trim_end_matches('?').to_owned()]),
            resources: Patterns::Only(vec!["*".to_owned()]),
            conditional: word.ends_with('?'),
        }],
        since: None,
    };
    Holder {
        platform: Platform::Kubernetes,
        id: id.to_owned(),
        account: String::new(),
        kind: ActorKind::Service,
        since: None,
        policies: words.split_whitespace().enumerate().map(policy).collect(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: id.contains('*'),
    }
}

/// Tells of one identity: a line for each entry, `NAME STATE COUNT/ATTEMPTS of OBSERVED DAYS by WAYS`.
fn told(all: &Audit, who: &str) -> String {
    let of = all.identities.iter().find(|it| it.id == who).expect("it is told of");
    let way = |it: &GrantedBy| {
        let mark = if it.extent == Extent::Maybe { "?" } else { "" };
        format!("{}{mark}", it.path)
    };
    let line = |it: &AuditEntry| {
        let ways: Vec<_> = it.granted_by.iter().map(way).collect();
        let (name, state) = (bare(of.platform, &it.name), it.state.as_str());
        format!(
            "{name} {state} {}/{} of {} by {}",
            it.count,
            it.attempts,
            it.observed_days,
            ways.join(", ")
        )
    };
    of.entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_used_is_told_by_name_and_what_is_not_by_its_pattern() {
    let log = [
        "1 ci core/pods:list ok",
        "2 ci core/pods:delete no",
        "3 other apps/deployments:patch ok",
        "4 ci core/nodes:get ok",
    ];
    let held = "core/pods:list core/*:get? core/pods:delete core/pods:* apps/*:patch batch/*:*";
    let told = told(&audit(&exercised(&log), &[holder("ci", held)]), "ci");
    insta::assert_snapshot!(told, @r"
    apps/*:patch unobservable 0/0 of 0 by role 4
    batch/*:* unobservable 0/0 of 0 by role 5
    core/nodes:get exercised 1/0 of 1 by role 1?
    core/pods:delete attempted 0/1 of 1 by role 2, role 3
    core/pods:list exercised 1/0 of 1 by role 0, role 3
    ");
}

#[test]
fn a_pattern_of_which_only_a_denial_was_seen_is_not_in_use() {
    let told =
        told(&audit(&exercised(&["1 ci core/pods:get no"]), &[holder("ci", "core/*:get")]), "ci");
    insta::assert_snapshot!(told, @r"
    core/*:get unobservable 0/0 of 0 by role 0
    core/pods:get attempted 0/1 of 1 by role 0
    ");
}

#[test]
fn whoever_is_of_a_crowd_holds_what_the_crowd_holds() {
    let log = ["1 system:serviceaccount:ci:runner core/pods:get ok"];
    let holders = [
        holder("system:serviceaccount:ci:*", "core/pods:get"),
        holder("system:serviceaccount:web:*", "core/pods:list"),
    ];
    let all = audit(&exercised(&log), &holders);
    let ids: Vec<_> = all.identities.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["system:serviceaccount:ci:runner"], "a crowd is nobody by itself");
    assert_eq!(
        told(&all, "system:serviceaccount:ci:runner"),
        "core/pods:get exercised 1/0 of 1 by role 0"
    );
}

/// Gives it in one account, to some resources.
fn on(holder: Holder, account: &str, resources: &str) -> Holder {
    let mut holder = Holder { account: account.to_owned(), ..holder };
    for (place, policy) in holder.policies.iter_mut().enumerate() {
        policy.path = format!("{resources} {place}");
        for statement in &mut policy.statements {
            statement.resources = Patterns::Only(vec![resources.to_owned()]);
        }
    }
    holder
}

#[test]
fn a_grant_for_some_is_sure_only_of_what_was_done_to_them() {
    let log = ["1 ci core/secrets:get ok on prod/db", "1 ci core/pods:get ok on shop/web"];
    let held = "core/secrets:get core/pods:get";
    let holders = [on(holder("ci", held), "", "shop/*")];
    insta::assert_snapshot!(told(&audit(&exercised(&log), &holders), "ci"), @r"
    core/pods:get exercised 1/0 of 1 by shop/* 1
    core/secrets:get exercised 1/0 of 1 by shop/* 0?
    core/secrets:get unobservable 0/0 of 0 by shop/* 0
    ");
    // Where the log does not say to what, nothing narrow is sure; what is for everything is.
    let log = ["1 ci core/pods:get ok"];
    assert!(told(&audit(&exercised(&log), &holders), "ci").contains("by shop/* 1?"));
    let all = [on(holder("ci", held), "", "*")];
    assert!(told(&audit(&exercised(&log), &all), "ci").contains("by * 1\n"));
}

#[test]
fn a_grant_in_another_account_is_no_way() {
    let log = [
        "google 1 ann :storage.objects.get ok in p1 on projects/_/buckets/other/objects/*",
        "google 1 ann :storage.objects.list ok in p1 on projects/_/buckets/mine",
        "google 2 ann :storage.objects.list ok in p2 on projects/_/buckets/theirs",
    ];
    let on = |account: &str, resources: &str| {
        let holder = holder("ann", "storage.objects.get storage.objects.list");
        on(Holder { platform: Platform::Google, ..holder }, account, resources)
    };
    let all = [
        on("p1", "//storage.googleapis.com/projects/_/buckets/mine"),
        on("p1", "//cloudresourcemanager.googleapis.com/projects/p1"),
        on("p2", "//cloudresourcemanager.googleapis.com/projects/p2"),
        on("p3", "*"),
        on("organizations/7", "//cloudresourcemanager.googleapis.com/organizations/7"),
        on("", "*"),
    ];
    insta::assert_snapshot!(told(&audit(&exercised(&log), &all), "ann"), @r"
    storage.objects.get exercised 1/0 of 1 by * 0?, //cloudresourcemanager.googleapis.com/organizations/7 0?, //cloudresourcemanager.googleapis.com/projects/p1 0, //storage.googleapis.com/projects/_/buckets/mine 0?
    storage.objects.list exercised 2/0 of 1 by * 1?, //cloudresourcemanager.googleapis.com/organizations/7 1?, //cloudresourcemanager.googleapis.com/projects/p1 1?, //cloudresourcemanager.googleapis.com/projects/p2 1?, //storage.googleapis.com/projects/_/buckets/mine 1?
    ");
}

#[test]
fn one_name_in_two_clusters_is_two_identities() {
    let log = [
        "1 ci core/pods:get ok in one",
        "2 ci core/pods:list ok in two",
        "3 other core/pods:list ok in two",
    ];
    let mine = |all: &Audit, account: &str| {
        let of = all.identities.iter().find(|it| it.id == "ci" && it.account == account);
        let one = of.map(|it| Audit { identities: vec![it.clone()], ..all.clone() });
        one.map_or_else(|| "nobody".to_owned(), |it| told(&it, "ci"))
    };
    let held = || holder("ci", "core/pods:get core/pods:list");
    let all = audit(&exercised(&log), &[on(held(), "two", "*")]);
    assert_eq!(mine(&all, "one"), "core/pods:get exercised 1/0 of 1 by ");
    insta::assert_snapshot!(mine(&all, "two"), @r"
    core/pods:get dormant 0/0 of 2 by * 0
    core/pods:list exercised 1/0 of 2 by * 1
    ");
    // A list that does not say of which cluster it is may be of either.
    let all = audit(&exercised(&log), &[held()]);
    insta::assert_snapshot!(mine(&all, "two"), @r"
    core/pods:get unobservable 0/0 of 0 by role 0?
    core/pods:list exercised 1/0 of 2 by role 1?
    ");
}

#[test]
fn all_of_one_name_are_found_whatever_their_accounts() {
    let log = ["1 ci core/pods:get ok in one", "2 ci core/pods:list ok", "3 ann core/nodes:get ok"];
    let doers = exercised(&log).doers();
    let found = |id| Doer::named(&doers, Platform::Kubernetes, id).map(|it| it.deeds.len());
    assert_eq!((found("ci"), found("ann"), found("c")), (Some(2), Some(1), None));
    assert!(Doer::named(&doers, Platform::Postgres, "ci").is_none());
}

#[test]
fn what_names_no_account_belongs_to_the_only_one_there_is() {
    let log = ["1 ci core/pods:get ok in one", "2 ci core/pods:list ok"];
    let all = audit(&exercised(&log), &[holder("ci", "core/pods:get core/pods:delete")]);
    assert_eq!(all.identities.len(), 1);
    assert_eq!(all.identities[0].account, "one");
    assert!(told(&all, "ci").contains("core/pods:list exercised"));
    let log =
        ["1 ci core/pods:get ok in one", "2 ci core/pods:list ok", "3 ci core/pods:get ok in two"];
    let all = audit(&exercised(&log), &[]);
    let accounts: Vec<_> = all.identities.iter().map(|it| it.account.as_str()).collect();
    assert_eq!(accounts, ["", "one", "two"]);
}

#[test]
fn who_said_no_name_and_who_is_a_group_is_in_no_crowd_of_those_who_said_one() {
    let everybody = holder("*", "core/pods:get");
    let holders =
        [everybody, holder("system:anonymous", "core/pods:list"), holder("group:ops", "")];
    let holders = holders.map(|it| match it.id.as_str() {
        "system:anonymous" => Holder { kind: ActorKind::Anonymous, ..it },
        _ => it,
    });
    let all = audit(&exercised(&[]), &holders);
    assert_eq!(told(&all, "system:anonymous"), "core/pods:list unobservable 0/0 of 0 by role 0");
    assert_eq!(told(&all, "group:ops"), "");
}

#[test]
fn days_without_anything_of_a_sort_show_nothing_of_it() {
    // Who looks is written down on the first day and on the last, and on none between.
    let mut log =
        vec!["1 other core/pods:get ok".to_owned(), "9 other core/pods:get ok".to_owned()];
    log.extend((2..9).map(|day| format!("{day} other core/pods:create ok")));
    let log: Vec<_> = log.iter().map(String::as_str).collect();
    let told = told(&audit(&exercised(&log), &[holder("ci", "core/services:get")]), "ci");
    assert_eq!(told, "core/services:get dormant 0/0 of 2 by role 0");
}

#[test]
fn whoever_acted_by_another_name_may_have_used_what_a_wildcard_grants() {
    let log = ["1 deputy core/pods:list ok for boss", "1 ci core/pods:delete ok"];
    let holders = [holder("boss", "core/*:delete core/pods:create")];
    insta::assert_snapshot!(told(&audit(&exercised(&log), &holders), "boss"), @r"
    core/*:delete unobservable 0/0 of 0 by role 0
    core/pods:create dormant 0/0 of 1 by role 1
    ");
}

#[test]
fn lists_of_one_identity_are_joined_and_count_once() {
    let one = holder("ci", "core/pods:get");
    let mut other = holder("ci", "core/pods:list");
    other.policies[0].path = "another role".to_owned();
    let log = ["1 ci core/pods:get ok"];
    let all = audit(&exercised(&log), &[one.clone(), other, one]);
    insta::assert_snapshot!(told(&all, "ci"), @r"
    core/pods:get exercised 1/0 of 1 by role 0
    core/pods:list dormant 0/0 of 1 by another role
    ");
}

const CALLS: [&str; 6] = [
    "core/pods:get",
    "core/pods:delete",
    "core/pods:watch",
    "core/secrets:get",
    "apps/deployments:patch",
    "rbac.authorization.k8s.io/clusterroles:escalate",
];
const HELD: &str = "core/pods:get core/pods:delete core/*:watch core/secrets:* apps/*:patch \
                    rbac.authorization.k8s.io/clusterroles:escalate core/pods:list? *";

fn lines(seeds: &[(u8, u8, usize, bool)]) -> Vec<String> {
    let line = |(day, who, call, ok): &(u8, u8, usize, bool)| {
        format!("{day} who-{who} {} {}", CALLS[*call], if *ok { "ok" } else { "no" })
    };
    seeds.iter().map(line).collect()
}

fn seeds() -> impl Strategy<Value = Vec<(u8, u8, usize, bool)>> {
    proptest::collection::vec((0..9_u8, 0..3_u8, 0..CALLS.len(), any::<bool>()), 0..24)
}

/// Takes these exercises, each under its place in the log as its key.
fn taken(order: impl Iterator<Item = usize>, lines: &[String]) -> String {
    let mut all = Exercised::new(Catalogue::parse("# none\n").expect("a catalogue"));
    for place in order {
        all.take(&exercise(place, &lines[place]));
    }
    let mut told = audit(&all, &[holder("who-0", HELD), holder("who-*", "core/pods:list")]);
    told.summary.duplicates = 0;
    format!("{told:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Law 10: the order of arrival changes nothing, nor does reading again, nor a log that comes in pieces.
    #[test]
    fn law_10_order_repetition_and_pieces_change_nothing(
        seeds in seeds(), cut in any::<prop::sample::Index>(),
    ) {
        let lines = lines(&seeds);
        let once = taken(0..lines.len(), &lines);
        prop_assert_eq!(&once, &taken((0..lines.len()).rev(), &lines));
        prop_assert_eq!(&once, &taken((0..lines.len()).chain(0..lines.len()), &lines));
        let cut = if lines.is_empty() { 0 } else { cut.index(lines.len()) };
        prop_assert_eq!(&once, &taken((cut..lines.len()).chain(0..cut), &lines));
    }

    /// Law 10: nor where names are of several accounts, and some records name none.
    #[test]
    fn law_10_order_changes_nothing_whatever_the_accounts(
        seeds in seeds(), accounts in proptest::collection::vec(0..3_usize, 24),
        cut in any::<prop::sample::Index>(),
    ) {
        let within = |(line, account): (String, &usize)| {
            line + ["", " in one", " in two on shop/db"][*account]
        };
        let lines: Vec<_> = lines(&seeds).into_iter().zip(&accounts).map(within).collect();
        let once = taken(0..lines.len(), &lines);
        prop_assert_eq!(&once, &taken((0..lines.len()).rev(), &lines));
        let cut = if lines.is_empty() { 0 } else { cut.index(lines.len()) };
        prop_assert_eq!(&once, &taken((cut..lines.len()).chain(0..lines.len()), &lines));
    }

    /// Law 10: what no log could have shown is never dormant, and what was only denied is never exercised.
    #[test]
    fn law_10_only_what_would_have_been_seen_is_dormant(seeds in seeds()) {
        let lines = lines(&seeds);
        let texts: Vec<_> = lines.iter().map(String::as_str).collect();
        let told = audit(&exercised(&texts), &[holder("who-0", HELD)]);
        let has = |call: usize| seeds.iter().any(|it| it.2 == call);
        let (looks, writes, watches) = (has(0), has(1), has(2));
        for entry in told.identities.iter().filter(|it| it.id == "who-0").flat_map(|it| &it.entries) {
            let could = match entry.name.trim_start_matches("kubernetes:") {
                "core/pods:get" | "core/pods:list" => looks,
                "core/pods:delete" => writes,
                "core/pods:watch" => watches,
                "core/secrets:get" => has(3),
                "apps/deployments:patch" => has(4),
                // Nothing in this log shows who writes to secrets, or watches them.
                "core/secrets:*" | "rbac.authorization.k8s.io/clusterroles:escalate" => false,
                // A `*` has no resource by which it could be judged.
                "*" | "core/*:watch" | "apps/*:patch" => false,
                other => return Err(TestCaseError::fail(other.to_owned())),
            };
            prop_assert!(could || entry.state != State::Dormant, "{:?}", entry);
            prop_assert!(!could || entry.state != State::Unobservable, "{:?}", entry);
            let is_use = seeds.iter().any(|(_, who, call, ok)| {
                *who == 0 && *ok && entry.name == format!("kubernetes:{}", CALLS[*call])
            });
            prop_assert_eq!(is_use, entry.state == State::Exercised, "{:?}", entry);
        }
    }

    /// Law 10: a day that is missing counts for nobody, and makes nothing dormant that was not.
    #[test]
    fn law_10_a_gap_never_adds_to_what_was_observed(seeds in seeds(), gap in 0..9_u8) {
        let whole = lines(&seeds);
        let kept: Vec<_> = seeds.iter().filter(|it| it.0 != gap).copied().collect();
        let kept = lines(&kept);
        let said = |lines: &[String]| {
            let texts: Vec<_> = lines.iter().map(String::as_str).collect();
            let told = audit(&exercised(&texts), &[holder("who-0", HELD)]);
            let mine = told.identities.into_iter().find(|it| it.id == "who-0");
            let mine = mine.map(|it| it.entries).unwrap_or_default();
            mine.into_iter().map(|it| (it.name.clone(), it)).collect::<BTreeMap<_, _>>()
        };
        let (before, after) = (said(&whole), said(&kept));
        for (name, entry) in &after {
            let Some(was) = before.get(name) else { continue };
            prop_assert!(entry.observed_days <= was.observed_days, "{:?} {:?}", was, entry);
            prop_assert!(
                entry.state != State::Dormant || was.state != State::Unobservable,
                "{:?} {:?}", was, entry
            );
        }
    }
}
