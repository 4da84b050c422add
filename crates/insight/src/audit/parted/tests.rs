//! Laws and examples of grants for one namespace, project or bucket.

use std::{borrow::Cow, collections::BTreeSet};

use bailiwick_model::{Actor, ActorKind, Ended, Exercise, Holder};
use proptest::prelude::*;

use super::*;
use crate::{
    audit::{Audit, DormancyPolicy, State, audit_by},
    exercised::Exercised,
    granted::fits,
    names::{Catalogue, bare},
};

/// One line of a log: `DAY WHO SERVICE OPERATION RESOURCE [ACCOUNT] [no]`, in which `-` is what is not told, and `_` a blank of
/// the operation.
fn exercise(platform: Platform, number: usize, line: &str) -> Exercise<'_> {
    let words: Vec<_> = line.split(' ').collect();
    let day: i64 = words[0].parse().expect("a day");
    let mut it = Exercise::begun(platform, Timestamp::from_millis(day.saturating_mul(86_400_000)));
    it.key = u128::try_from(number).expect("a number");
    it.actor = Actor { id: Cow::Borrowed(words[1]), kind: ActorKind::Role, ..Actor::default() };
    it.service = Cow::Borrowed(if words[2] == "-" { "" } else { words[2] });
    it.operation = Cow::Owned(words[3].replace('_', " "));
    it.resource = Cow::Borrowed(if words[4] == "-" { "" } else { words[4] });
    it.account = Cow::Borrowed(words.get(5).copied().filter(|it| *it != "no").unwrap_or_default());
    it.data = platform == Platform::Aws;
    it.ended = if words.last() == Some(&"no") { Ended::Denied } else { Ended::Success };
    it
}

fn exercised(platform: Platform, lines: &[&str]) -> Exercised {
    let text = "# a test's own\ns3\n R GetObject\n W PutObject\n";
    let mut all = Exercised::new(Catalogue::parse(text).expect("a catalogue"));
    for (number, line) in lines.iter().enumerate() {
        all.take(&exercise(platform, number, line));
    }
    all
}

/// Somebody with one policy for each pair of a pattern and a resource.
fn holder(platform: Platform, grants: &[(&str, &str)]) -> Holder {
    let only = |it: &str| Patterns::Only(vec![it.to_owned()]);
    let policy = |(place, (pattern, resource)): (usize, &(&str, &str))| HeldPolicy {
        path: format!("role {place}"),
        statements: vec![Statement {
            allows: true,
            actions: only(pattern),
            resources: only(resource),
            conditional: false,
        }],
        since: None,
    };
    Holder {
        platform,
        id: "mine".to_owned(),
        account: String::new(),
        kind: ActorKind::Role,
        since: None,
        policies: grants.iter().enumerate().map(policy).collect(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
    }
}

fn audited(platform: Platform, lines: &[&str], grants: &[(&str, &str)]) -> Audit {
    let policy = DormancyPolicy { window_days: 0, ..DormancyPolicy::default() };
    audit_by(&exercised(platform, lines), &[holder(platform, grants)], &policy)
}

fn entries(told: &Audit) -> impl Iterator<Item = &AuditEntry> {
    told.identities.iter().filter(|it| it.id == "mine").flat_map(|it| &it.entries)
}

/// Tells of what `mine` holds: `NAME [in BUCKET] STATE of OBSERVED DAYS by WAYS`.
fn told(platform: Platform, lines: &[&str], grants: &[(&str, &str)]) -> String {
    let line = |it: &AuditEntry| {
        let within = it.within.as_ref().map_or_else(String::new, |it| format!(" in {it}"));
        let ways: Vec<_> = it.granted_by.iter().map(|it| it.path.as_str()).collect();
        let (name, state) = (bare(platform, &it.name), it.state.as_str());
        format!("{name}{within} {state} of {} by {}", it.observed_days, ways.join(", "))
    };
    entries(&audited(platform, lines, grants)).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_a_server_asked_about_may_have_been_done_where_it_asked() {
    let log = [
        "1 mine core/pods get shop/front",
        "1 mine core/pods asked_about_get till/back",
        "2 other core/pods get till/back",
        "3 other core/pods get bank/*",
    ];
    let says = |names: &str| {
        told(Platform::Kubernetes, &log, &["shop/*", "till/*", "bank/*"].map(|it| (names, it)))
    };
    insta::assert_snapshot!(says("core/pods:get"), @r"
    core/pods:get exercised of 3 by role 0, role 1, role 2
    core/pods:get in bank dormant of 1 by role 2
    ");
    assert!(!says("core/pods:*").contains("in till"), "nor of what a pattern grants there");
    // Who asked without saying where may have let it through anywhere.
    let log = ["1 mine core/pods get shop/front", "1 mine core/pods asked_about_get -", log[2]];
    let grants = [("core/pods:get", "shop/*"), ("core/pods:get", "till/*")];
    assert!(!told(Platform::Kubernetes, &log, &grants).contains("in till"));
}

#[test]
fn a_grant_for_one_namespace_is_judged_by_what_was_seen_there() {
    let log = [
        "1 mine core/pods get shop/front",
        "2 other core/pods get till/back",
        "3 other core/pods get till/*",
        "3 other core/pods delete bank/*",
    ];
    let grants = [
        ("core/pods:get", "shop/*"),
        ("core/pods:get", "till/*"),
        ("core/pods:get", "bank/*"),
        ("core/*:get", "till/*"),
    ];
    insta::assert_snapshot!(told(Platform::Kubernetes, &log, &grants), @r"
    core/*:get in till unobservable of 0 by role 3
    core/pods:get exercised of 3 by role 0, role 1, role 2, role 3
    core/pods:get in bank unobservable of 0 by role 2
    core/pods:get in till dormant of 2 by role 1, role 3
    ");
}

#[test]
fn what_does_not_say_where_or_is_granted_everywhere_has_one_entry() {
    let grants = [("core/pods:get", "shop/*"), ("core/pods:get", "till/*")];
    let seen = "2 other core/pods get till/back";
    for line in ["1 mine core/pods get -", "1 mine core/pods get front"] {
        let told = told(Platform::Kubernetes, &[line, seen], &grants);
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let used = ["1 mine core/pods get shop/front", seen];
    for wide in [("core/pods:get", "*"), ("*/*:*", "*")] {
        let told = told(Platform::Kubernetes, &used, &[grants[0], grants[1], wide]);
        assert!(!told.contains(" in "), "{told}");
    }
    // Who was denied there asked for it: that is no dormancy.
    let denied = [used[0], used[1], "3 mine core/pods get till/back no"];
    assert!(!told(Platform::Kubernetes, &denied, &grants).contains(" in "));
    assert!(told(Platform::Kubernetes, &used, &grants).contains("in till dormant"));
}

#[test]
fn a_grant_for_one_bucket_of_s3_is_judged_by_what_was_seen_there() {
    let s3 = "s3.amazonaws.com";
    let line = |who: &str, call: &str, bucket: &str| {
        format!("1 {who} {s3} {call} arn:aws:s3:::{bucket}/*")
    };
    let (mine, other) = (line("mine", "GetObject", "logs"), line("other", "GetObject", "bills"));
    let grants = [
        ("s3:Get*", "arn:aws:s3:::logs/*"),
        ("s3:GetObject", "arn:aws:s3:::bills/2026/*"),
        ("s3:GetObject", "arn:aws:s3:::else/*"),
    ];
    insta::assert_snapshot!(told(Platform::Aws, &[&mine, &other], &grants), @r"
    s3:GetObject exercised of 1 by role 0, role 1, role 2
    s3:GetObject in arn:aws:s3:::bills dormant of 1 by role 1
    s3:GetObject in arn:aws:s3:::else unobservable of 0 by role 2
    ");
    // A copy names the bucket that it goes to, and reads from another.
    let copy = line("mine", "CopyObject", "logs");
    assert!(!told(Platform::Aws, &[&mine, &other, &copy], &grants).contains(" in "));
    let wide = [grants[0], grants[1], ("s3:*", "arn:aws:s3:::*")];
    assert!(!told(Platform::Aws, &[&mine, &other], &wide).contains(" in "));
}

#[test]
fn a_grant_for_one_project_of_google_is_judged_by_what_was_seen_there() {
    let of = |it: &str| format!("//cloudresourcemanager.googleapis.com/projects/{it}");
    let (shop, till) = (of("shop"), of("till"));
    let permission = "compute.instances.start";
    let says = |account: &str| {
        let line = |who, of| format!("1 {who} - {permission} projects/{of}/zones/z {of}");
        let (mine, other) = (line("mine", account), line("other", "till"));
        let all = exercised(Platform::Google, &[&mine, &other]);
        let at = |resource: &str, account: &str| {
            let holder = holder(Platform::Google, &[(permission, resource)]);
            Holder { account: account.to_owned(), ..holder }
        };
        let policy = DormancyPolicy { window_days: 0, ..DormancyPolicy::default() };
        let told = audit_by(&all, &[at(&shop, "shop"), at(&till, "till")], &policy);
        let line = |it: &AuditEntry| {
            format!("{:?} {}", it.within.as_deref().unwrap_or_default(), it.state.as_str())
        };
        entries(&told).map(line).collect::<Vec<_>>()
    };
    assert_eq!(says("shop"), ["\"\" exercised", "\"projects/till\" dormant"]);
    assert_eq!(says("123"), ["\"\" exercised"], "a project has a number, too");
}

#[test]
fn many_buckets_are_told_of_together_once_there_are_more_than_fifty() {
    let names: Vec<_> = (0..60).map(|it| format!("ns{it:02}/*")).collect();
    let grants: Vec<_> = names.iter().map(|it| ("core/pods:get", it.as_str())).collect();
    let seen: Vec<_> = (1..59).map(|it| format!("2 other core/pods get ns{it:02}/x")).collect();
    let mut log = vec!["1 mine core/pods get ns00/x"];
    log.extend(seen.iter().map(String::as_str));
    let told = audited(Platform::Kubernetes, &log, &grants);
    let parted: Vec<_> = entries(&told).filter(|it| it.within.is_some()).collect();
    assert_eq!(parted.len(), 51);
    // It is in order: `*` stands first. The last namespace was never seen, and so the rest is not dormant.
    assert_eq!((parted[0].within.as_deref(), parted[0].state), (Some("*"), State::Unobservable));
    assert_eq!(parted[0].granted_by.len(), 9);
    assert!(parted[1..].iter().all(|it| it.state == State::Dormant));
}

const CALLS: [&str; 3] = ["core/pods get", "core/pods delete", "apps/deployments get"];
const PLACES: [&str; 5] = ["shop/x", "till/*", "bank/y", "-", "z"];
const GRANTS: [&str; 4] = ["core/pods:get", "core/*:*", "core/pods:delete", "*/*:get"];

fn lines() -> impl Strategy<Value = Vec<String>> {
    let one = (0..9_u8, any::<bool>(), 0..3_usize, 0..5_usize, any::<bool>());
    let one = one.prop_map(|(day, mine, call, place, ok)| {
        let (who, no) = (if mine { "mine" } else { "other" }, if ok { "" } else { " no" });
        format!("{day} {who} {} {}{no}", CALLS[call], PLACES[place])
    });
    proptest::collection::vec(one, 0..20)
}

fn grants() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let places = ["shop/*", "till/*", "bank/y", "*"];
    let one = (0..4_usize, 0..4_usize).prop_map(move |(it, of)| (GRANTS[it], places[of]));
    proptest::collection::vec(one, 1..6)
}

proptest! {
    /// What may have been used in a bucket is not told of as unused there, and what nobody was seen to do there not as dormant.
    #[test]
    fn law_10_what_was_not_seen_in_a_bucket_is_not_dormant_there(lines in lines(), grants in grants()) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let told = audited(Platform::Kubernetes, &lines, &grants);
        let did = |who: &str, name: &str, within: &str, may: bool| {
            lines.iter().any(|line| {
                let words: Vec<_> = line.split(' ').collect();
                let place = words[4].split_once('/').map(|it| it.0);
                let call = format!("{}:{}", words[2], words[3]);
                words[1].contains(who) && fits(name, &call) && place.map_or(may, |it| it == within)
            })
        };
        for it in entries(&told).filter(|it| it.within.is_some()) {
            let (name, within) =
                (bare(Platform::Kubernetes, &it.name), it.within.as_deref().unwrap_or_default());
            prop_assert!(!did("mine", name, within, true), "{:?}", it);
            prop_assert!(did("", name, within, false) || it.state == State::Unobservable, "{:?}", it);
            prop_assert!(grants.iter().any(|grant| grant.0 == name && grant.1.starts_with(within)));
        }
    }

    /// An entry for a bucket stands beside the others, and changes none; order and repetition change nothing.
    #[test]
    fn law_10_buckets_change_no_other_entry_and_order_changes_no_bucket(
        lines in lines(), grants in grants(), by in any::<prop::sample::Index>(),
    ) {
        let numbered: Vec<_> = lines.iter().map(String::as_str).enumerate().collect();
        let says = |lines: &[(usize, &str)], grants: &[(&str, &str)]| {
            let mut all = exercised(Platform::Kubernetes, &[]);
            for (number, line) in lines {
                all.take(&exercise(Platform::Kubernetes, *number, line));
            }
            let policy = DormancyPolicy::default();
            audit_by(&all, &[holder(Platform::Kubernetes, grants)], &policy)
        };
        let once = says(&numbered, &grants);
        let mut again = [numbered.clone(), numbered.clone()].concat();
        let by = by.index(again.len().max(1)).min(again.len());
        again.rotate_left(by);
        prop_assert_eq!(&once.identities, &says(&again, &grants).identities);
        again.reverse();
        prop_assert_eq!(&once.identities, &says(&again, &grants).identities);
        let everywhere: Vec<_> = grants.iter().map(|it| (it.0, "*")).collect();
        let whole = says(&numbered, &everywhere);
        let names = |told: &Audit| -> BTreeSet<(String, State)> {
            let whole = entries(told).filter(|it| it.within.is_none());
            whole.map(|it| (it.name.clone(), it.state)).collect()
        };
        prop_assert_eq!(names(&once), names(&whole));
    }
}
