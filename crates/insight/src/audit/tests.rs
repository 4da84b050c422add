//! States of what is granted and of what is used, and that the order in which it came changes none of them.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Patterns, Statement};
use proptest::prelude::*;

use super::*;

fn catalogue() -> Catalogue {
    let text = "# a test's own\nec2\n L DescribeImages\n L DescribeInstances\n W RunInstances\n W StopInstances\niam\n P PassRole\ns3\n R GetObject\n W PutObject\n";
    Catalogue::parse(text).expect("a catalogue")
}

/// Reads `DAY SERVICE:OPERATION ENDED`, all of one identity.
fn exercise(number: usize, line: &str) -> Exercise<'_> {
    let words: Vec<_> = line.split(' ').collect();
    let (service, operation) = words[1].split_once(':').expect("a name");
    let day: i64 = words[0].parse().expect("a day");
    Exercise {
        platform: Platform::Aws,
        key: u128::try_from(number).expect("a number"),
        at: Timestamp::from_millis(day.saturating_mul(86_400_000)),
        account: Cow::Borrowed("1"),
        actor: Actor { id: Cow::Borrowed("somebody"), ..Actor::default() },
        service: Cow::Owned(format!("{service}.amazonaws.com")),
        operation: Cow::Borrowed(operation),
        along: Along::NOTHING,
        resource: Cow::Borrowed(""),
        ended: if words[2] == "ok" { Ended::Success } else { Ended::Denied },
        code: Cow::Borrowed(""),
        issued: None,
        data: service == "s3",
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

fn exercised(lines: &[&str]) -> Exercised {
    let mut all = Exercised::new(catalogue());
    for (number, line) in lines.iter().enumerate() {
        all.take(&exercise(number, line));
    }
    all
}

fn holder(patterns: &[&str], since: Option<i64>) -> Holder {
    let statement = Statement {
        allows: true,
        actions: Patterns::Only(patterns.iter().map(|it| (*it).to_owned()).collect()),
        resources: Patterns::Only(vec!["*".to_owned()]),
        conditional: false,
    };
    let policy =
        HeldPolicy { path: "policy p".to_owned(), statements: vec![statement], since: None };
    Holder {
        platform: Platform::Aws,
        id: "somebody".to_owned(),
        account: "1".to_owned(),
        kind: ActorKind::Role,
        since: since.map(|it| Timestamp::from_millis(it.saturating_mul(86_400_000))),
        policies: vec![policy],
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
    }
}

/// Tells the states: a line for each, `NAME STATE COUNT/ATTEMPTS of OBSERVED DAYS`.
fn told(lines: &[&str], patterns: &[&str], since: Option<i64>) -> String {
    let policy = DormancyPolicy { window_days: 0, ..DormancyPolicy::default() };
    let told = audit_by(&exercised(lines), &[holder(patterns, since)], &policy);
    let line = |it: &AuditEntry| {
        let (name, state) = (it.name.trim_start_matches("aws:"), it.state.as_str());
        format!("{name} {state} {}/{} of {}", it.count, it.attempts, it.observed_days)
    };
    told.identities[0].entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_what_would_have_been_seen_is_dormant() {
    // Reads are in this log on the third day, data of s3 never.
    let log = ["1 ec2:RunInstances ok", "3 ec2:DescribeImages ok", "4 ec2:RunInstances no"];
    insta::assert_snapshot!(told(&log, &["*"], None), @r"
    ec2:DescribeImages exercised 1/0 of 1
    ec2:DescribeInstances dormant 0/0 of 1
    ec2:RunInstances exercised 1/1 of 2
    ec2:StopInstances dormant 0/0 of 2
    iam:PassRole unobservable 0/0 of 0
    s3:GetObject unobservable 0/0 of 0
    s3:PutObject unobservable 0/0 of 0
    ");
}

#[test]
fn a_log_of_writes_alone_tells_nothing_of_reads() {
    let log = ["1 ec2:RunInstances no", "2 s3:PutObject ok"];
    insta::assert_snapshot!(told(&log, &["ec2:*", "s3:*"], None), @r"
    ec2:DescribeImages unobservable 0/0 of 0
    ec2:DescribeInstances unobservable 0/0 of 0
    ec2:RunInstances attempted 0/1 of 1
    ec2:StopInstances dormant 0/0 of 1
    s3:GetObject unobservable 0/0 of 0
    s3:PutObject exercised 1/0 of 1
    ");
}

#[test]
fn days_before_somebody_was_there_do_not_count() {
    let log = ["1 ec2:RunInstances ok", "5 ec2:RunInstances ok"];
    let one = &["ec2:StopInstances"];
    let says = |since| told(&log, one, Some(since)).lines().last().map(str::to_owned);
    let says = |since| says(since).expect("a line");
    assert_eq!(says(0), "ec2:StopInstances dormant 0/0 of 2");
    assert_eq!(says(2), "ec2:StopInstances dormant 0/0 of 1");
    assert_eq!(says(6), "ec2:StopInstances unobservable 0/0 of 0");
}

#[test]
fn a_grant_for_some_is_sure_only_of_what_was_done_to_them() {
    let says = |on: &'static str, resources: &[&str], bounds: &[&str]| {
        let mut all = Exercised::new(catalogue());
        let mut it = exercise(0, "1 s3:GetObject ok");
        it.resource = Cow::Borrowed(on);
        all.take(&it);
        let mut holder = holder(&["s3:Get*"], None);
        let narrow = |of: &[&str]| Patterns::Only(of.iter().map(|it| (*it).to_owned()).collect());
        if !bounds.is_empty() {
            holder.bounds.clone_from(&holder.policies);
            holder.bounds[0].statements[0].resources = narrow(bounds);
        }
        holder.policies[0].statements[0].resources = narrow(resources);
        audit(&all, &[holder]).identities[0].entries[0].granted_by[0].extent
    };
    let (mine, all_mine) = ("arn:aws:s3:::mine/*", &["arn:aws:s3:::mi*"][..]);
    assert_eq!(says(mine, &["*"], &[]), Extent::Yes);
    assert_eq!(says(mine, &["arn:aws:s3:::other/*", "arn:aws:s3:::mine/*"], &[]), Extent::Yes);
    assert_eq!(says(mine, &["arn:aws:s3:::mine/public/*"], &[]), Extent::Maybe);
    assert_eq!(says("arn:aws:s3:::other/*", all_mine, &[]), Extent::Maybe);
    assert_eq!(says("", all_mine, &[]), Extent::Maybe, "the log does not say to what");
    assert_eq!(says(mine, &["*"], all_mine), Extent::Yes);
    assert_eq!(says(mine, &["*"], &["arn:aws:s3:::other/*"]), Extent::Maybe);
}

#[test]
fn a_role_whose_session_alone_was_logged_is_the_one_that_has_a_path() {
    let named = |id: &str| Holder { id: id.to_owned(), ..holder(&["ec2:*"], None) };
    let log = |id: &'static str| {
        let mut all = Exercised::new(catalogue());
        let mut it = exercise(0, "1 ec2:RunInstances ok");
        it.actor.id = Cow::Borrowed(id);
        all.take(&it);
        all
    };
    let says = |id: &'static str, listed: &[&str]| {
        let holders: Vec<_> = listed.iter().map(|it| named(it)).collect();
        let told = audit(&log(id), &holders);
        let state = |it: &AuditedIdentity| it.states.contains_key(&State::Exercised);
        let one = |it: &AuditedIdentity| format!("{} {}", it.id, state(it));
        told.identities.iter().map(one).collect::<Vec<_>>()
    };
    let (bare, whole) = ("arn:aws:iam::1:role/app", "arn:aws:iam::1:role/svc/app");
    assert_eq!(says(bare, &[whole]), [format!("{whole} true")]);
    assert_eq!(says(bare, &[whole, bare]), [format!("{bare} true"), format!("{whole} false")]);
    let other = "arn:aws:iam::1:role/other/app";
    assert_eq!(says(bare, &[whole, other]).len(), 3, "which of them, nobody can tell");
    assert_eq!(says(bare, &["arn:aws:iam::2:role/svc/app"]).len(), 2);
}

#[test]
fn what_is_done_without_a_grant_is_told_all_the_same() {
    let told = audit(&exercised(&["1 ec2:RunInstances ok"]), &[holder(&["s3:*"], None)]);
    let entry = &told.identities[0].entries[0];
    assert_eq!((entry.name.as_str(), entry.state), ("aws:ec2:RunInstances", State::Exercised));
    assert_eq!(entry.granted_by, []);
}

proptest! {
    /// Law 10: an unobservable entitlement is never called dormant.
    #[test]
    fn law_10_what_no_log_could_have_shown_is_never_dormant(
        days in proptest::collection::vec((0..9_u8, 0..3_usize, any::<bool>()), 0..9),
    ) {
        let calls = ["ec2:RunInstances", "ec2:DescribeImages", "s3:PutObject"];
        let lines: Vec<_> = days
            .iter()
            .map(|(day, call, ok)| format!("{day} {} {}", calls[*call], if *ok { "ok" } else { "no" }))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let told = audit(&exercised(&lines), &[holder(&["*"], None)]);
        let has = |call: usize| days.iter().any(|it| it.1 == call);
        for entry in &told.identities[0].entries {
            let could = match entry.name.as_str() {
                "aws:ec2:RunInstances" | "aws:ec2:StopInstances" => has(0),
                "aws:ec2:DescribeImages" | "aws:ec2:DescribeInstances" => has(1),
                "aws:s3:PutObject" => has(2),
                _ => false,
            };
            prop_assert!(could || entry.state == State::Unobservable, "{:?}", entry);
            prop_assert!(!could || entry.state != State::Unobservable, "{:?}", entry);
        }
    }
}
