//! What each finding says, what must not be one, and the laws of them all.

use std::borrow::Cow;

use bailiwick_model::{
    Actor, Along, Ended, Exercise, HeldPolicy, Holder, Issued, Patterns, Statement, Via,
};
use proptest::prelude::*;

use super::*;
use crate::{audit::audit, names::Catalogue};

fn catalogue() -> Catalogue {
    let text = "# a test's own\nec2\n L DescribeImages\n W RunInstances\n W StopInstances\niam\n P AttachRolePolicy\n W CreateAccessKey\n W DeleteAccessKey\nsts\n W AssumeRole\n";
    Catalogue::parse(text).expect("a catalogue")
}

/// Takes `DAY PLATFORM/ACCOUNT WHO/CREDENTIAL SERVICE:OPERATION ok|no [VIA CREDENTIAL for WHO | behind WHO]`.
fn exercise(number: usize, line: &str) -> Exercise<'static> {
    let line: &'static str = line.to_owned().leak();
    let words: Vec<&'static str> = line.split(' ').collect();
    let day: i64 = words[0].parse().expect("a day");
    let (platform, account) = words[1].split_once('/').expect("a system");
    let (who, credential) = words[2].split_once('/').expect("somebody");
    let (service, operation) = words[3].split_once(':').expect("a name");
    let platform: Platform = platform.parse().expect("a platform");
    let via = |word: &str| match word {
        "key" => Via::Key,
        "lease" => Via::Lease,
        _ => Via::Federation,
    };
    Exercise {
        platform,
        key: u128::try_from(number).expect("a number"),
        at: Timestamp::from_millis(day.saturating_mul(86_400_000)),
        account: Cow::Borrowed(account),
        actor: Actor {
            id: Cow::Borrowed(who),
            kind: kind(who),
            credential: Cow::Borrowed(credential),
            chain: match words.get(5..) {
                Some(["behind", who]) => vec![Cow::Borrowed(*who)],
                _ => Vec::new(),
            },
            ..Actor::default()
        },
        service: if platform == Platform::Aws {
            Cow::Owned(format!("{service}.amazonaws.com"))
        } else {
            Cow::Borrowed(service)
        },
        operation: Cow::Borrowed(operation),
        along: Along::NOTHING,
        resource: Cow::Borrowed(""),
        ended: if words[4] == "ok" { Ended::Success } else { Ended::Denied },
        code: Cow::Borrowed(""),
        issued: words.get(5).filter(|it| **it != "behind").map(|it| Issued {
            credential: Cow::Borrowed(words[6]),
            to: Cow::Borrowed(words[8]),
            via: via(it),
            until: None,
        }),
        data: false,
        internal: service == "signin",
        granted_by: Cow::Borrowed(""),
    }
}

fn kind(who: &str) -> ActorKind {
    match who {
        "ann" => ActorKind::Person,
        "system" => ActorKind::Platform,
        "agent" => ActorKind::Agent,
        _ => ActorKind::Unknown,
    }
}

fn exercised(lines: &[&str]) -> Exercised {
    let mut all = Exercised::new(catalogue());
    for (number, line) in lines.iter().enumerate() {
        all.take(&exercise(number, line));
    }
    all
}

fn holder(id: &str, actions: &[&str]) -> Holder {
    let statement = Statement {
        allows: true,
        actions: Patterns::Only(actions.iter().map(|it| (*it).to_owned()).collect()),
        resources: Patterns::Only(vec!["*".to_owned()]),
        conditional: false,
    };
    Holder {
        platform: Platform::Aws,
        id: id.to_owned(),
        account: "1".to_owned(),
        kind: kind(id),
        since: None,
        policies: vec![HeldPolicy {
            path: "policy p".to_owned(),
            statements: vec![statement],
            since: None,
        }],
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
        crowd: false,
    }
}

/// Takes `NAME: SYSTEM… | NATIVE…`.
fn charter(line: &str) -> Intent {
    let (identity, rest) = line.split_once(':').expect("a name");
    let (systems, known_as) = rest.split_once('|').expect("two lists");
    Intent {
        identity: identity.to_owned(),
        owner: "team".to_owned(),
        systems: systems.split_whitespace().map(|it| it.parse().expect("a system")).collect(),
        known_as: known_as.split_whitespace().map(|it| it.parse().expect("a name")).collect(),
        ..Intent::default()
    }
}

const POLICY: IntentPolicy =
    IntentPolicy { max_key_age: Duration::from_secs(90 * 86_400), unused_days: 3 };

fn judged(log: &[&str], holders: &[Holder], charters: &[&str]) -> Audit {
    let exercised = exercised(log);
    let mut told = audit(&exercised, holders);
    let charters: Vec<_> = charters.iter().map(|it| charter(it)).collect();
    judge(&exercised, &mut told, &charters, POLICY);
    told
}

fn told(log: &[&str], holders: &[Holder], charters: &[&str]) -> String {
    let one = |it: &IntentFinding| {
        let credential = it.credential.as_deref().map(|it| format!(" [{it}]"));
        format!(
            "{} {} {}{}: {}",
            it.finding,
            it.risk,
            it.identity,
            credential.unwrap_or_default(),
            it.says
        )
    };
    judged(log, holders, charters).findings.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn reach(log: &[&str], holders: &[Holder], charters: &[Intent]) -> String {
    let exercised = exercised(log);
    let mut told = audit(&exercised, holders);
    judge(&exercised, &mut told, charters, POLICY);
    let one = |it: &SystemReach| {
        let charter = it.charter.as_deref().unwrap_or("-");
        format!("{} ({charter}) in {}: {}", it.identity, it.system, it.reach.as_str())
    };
    told.reach.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn use_where_the_charter_does_not_want_it_is_told_first() {
    let log = [
        "1 aws/1 bot/K ec2:RunInstances ok",
        "2 aws/2 bot/K ec2:RunInstances ok",
        "3 aws/2 bot/K ec2:StopInstances no",
        "3 github/org bot-app/T :repo.create ok",
        // What was refused is no use.
        "3 okta/org bot-app/T :app.update no",
    ];
    let charters = ["bot: aws:1 | aws:bot github:bot-app okta:bot-app"];
    insta::assert_snapshot!(told(&log, &[], &charters), @"
    outside-charter NHI8:2025 bot: 1 access in `aws:2`, which the charter of `bot` does not name, and 1 was refused
    outside-charter NHI5:2025 bot-app: 1 access in `github:org`, which the charter of `bot` does not name
    ");
    // A charter that says nothing of systems, or does not know the identity, is no reason for a finding.
    assert_eq!(told(&log, &[], &["bot: | aws:bot github:bot-app okta:bot-app"]), "");
    assert!(!told(&log, &[], &["bot: aws:1 | "]).contains("outside-charter"));
}

#[test]
fn a_key_that_nobody_uses_is_told_where_its_use_would_have_been_seen() {
    let made = "1 aws/1 ann/K1 iam:CreateAccessKey ok key AKIA2 for bot";
    let writes = "3 aws/1 ann/K1 ec2:RunInstances ok";
    let reads = "4 aws/1 ann/K1 ec2:DescribeImages ok";
    insta::assert_snapshot!(told(&[made, writes, reads], &[], &[]), @"unused-credential NHI1:2025 bot [AKIA2]: made at 1970-01-02T00:00:00.000Z, and not used on the 2 days of its account's log since");
    // A log of changes alone does not show a key that reads; nor does a log that ends with the day.
    assert_eq!(told(&[made, writes], &[], &[]), "");
    assert_eq!(told(&[made, "1 aws/1 ann/K1 ec2:DescribeImages ok"], &[], &[]), "");
    // It is used.
    let used = "3 aws/1 bot/AKIA2 ec2:RunInstances ok";
    assert!(!told(&[made, writes, reads, used], &[], &[]).contains("unused"));
    // A session's credential is not meant to last.
    let session = "1 aws/1 ann/K1 sts:AssumeRole ok assume ASIA2 for bot";
    assert_eq!(told(&[session, writes, reads], &[], &[]), "");
}

#[test]
fn a_key_that_was_long_not_used_is_unused() {
    let log = [
        "1 aws/1 bot/AKIA1 ec2:RunInstances ok",
        "2 aws/1 ann/K1 ec2:RunInstances ok",
        "3 aws/1 ann/K1 ec2:DescribeImages ok",
        "4 aws/1 ann/K1 ec2:DescribeImages ok",
    ];
    insta::assert_snapshot!(told(&log, &[], &[]), @"
    unused-credential NHI1:2025 bot [AKIA1]: last used at 1970-01-02T00:00:00.000Z, and not on the 3 days of its account's log since
    static-key NHI7:2025 bot [AKIA1]: 1 access with a key that lasts until it is taken away
    ");
    assert!(!told(&log[..3], &[], &[]).contains("unused"), "two days are not three");
}

#[test]
fn a_key_is_as_old_as_it_was_seen_to_be() {
    let used = |day| format!("{day} aws/1 bot/AKIA1 ec2:RunInstances ok");
    let (first, at, over) = (used(1), used(91), used(92));
    assert!(
        told(&[&first, &at], &[], &[]).starts_with("static-key NHI7:2025 bot [AKIA1]: 2 accesses")
    );
    insta::assert_snapshot!(told(&[&first, &over], &[], &[]), @"overdue-credential NHI7:2025 bot [AKIA1]: at least 91 days old, where 90 days are allowed");
    // It was made before it was first used.
    let made = "1 aws/1 ann/K iam:CreateAccessKey ok key AKIA1 for bot";
    assert!(told(&[made, &over], &[], &[]).starts_with("overdue-credential"));
    // What counts for a while is no static key, however long the log is.
    let session = |day| format!("{day} aws/1 bot/ASIA1 ec2:RunInstances ok");
    assert_eq!(told(&[&session(1), &session(300)], &[], &[]), "");
    let google = "1 google/p bot//iam/serviceAccounts/bot/keys/7 :storage.objects.get ok";
    assert!(told(&[google], &[], &[]).starts_with("static-key"));
}

#[test]
fn an_identity_that_several_stand_behind_is_shared() {
    let log =
        ["1 github/o bot/sha256:T :repo.create ok", "2 github/o cat/sha256:T :repo.create ok"];
    insta::assert_snapshot!(told(&log, &[], &["one: | github:bot github:cat", "two: | github:bot"]), @"
    shared-identity NHI9:2025 bot: the charters of `one`, `two` all know it
    shared-identity NHI9:2025 bot [sha256:T]: 2 identities showed this credential
    shared-identity NHI9:2025 cat [sha256:T]: 2 identities showed this credential
    ");
    // Whoever acts as somebody else shows their own credential.
    let lent = ["1 kubernetes/c bot/T core/pods:list ok", "2 kubernetes/c cat/T core/pods:list ok"];
    assert_eq!(told(&lent, &[], &[]), "");
    // Where the log names no credential, nothing was shared.
    let none = ["1 github/o bot/ :repo.create ok", "2 github/o cat/ :repo.create ok"];
    assert_eq!(told(&none, &[], &[]), "");
}

#[test]
fn who_answers_is_asked_only_where_charters_were_read() {
    let log = [
        "1 aws/1 bot/K ec2:RunInstances ok",
        "1 aws/1 ann/K ec2:RunInstances ok",
        "1 aws/1 system/K ec2:RunInstances ok",
        "1 aws/1 arn:aws:iam::1:root/K ec2:RunInstances ok",
    ];
    assert_eq!(told(&log, &[], &[]), "");
    assert_eq!(
        told(&log, &[], &["other: | github:bot"]),
        "ownerless NHI1:2025 bot: no charter knows it, and so nobody answers for it"
    );
    assert_eq!(told(&log, &[], &["bot: | aws:bot"]), "");
}

#[test]
fn of_two_with_one_name_each_has_findings_of_its_own() {
    let log = [
        "1 kubernetes/one bot/ core/pods:list ok",
        "1 kubernetes/two bot/ core/pods:list ok",
        "1 google/p bot@example.com/ :storage.objects.get ok",
    ];
    let judged = judged(&log, &[], &["other: | github:bot"]);
    let found: Vec<_> =
        judged.findings.iter().map(|it| (it.identity.as_str(), it.account.as_deref())).collect();
    assert_eq!(found, [("bot", Some("one")), ("bot", Some("two")), ("bot@example.com", None)]);
}

#[test]
fn coming_in_alone_is_told_where_more_would_have_been_seen() {
    let comes = "1 aws/1 bot/ signin:ConsoleLogin ok";
    let other = "1 aws/1 ann/ ec2:RunInstances ok";
    assert_eq!(
        told(&[comes, other], &[], &[]),
        "only-signs-in NHI1:2025 bot: 1 sign-in, and nothing else"
    );
    assert_eq!(told(&[comes], &[], &[]), "", "a log of sign-ins shows nothing else of anybody");
    assert_eq!(told(&[comes, other, "2 aws/1 bot/ ec2:RunInstances ok"], &[], &[]), "");
    assert_eq!(told(&[comes, other, "2 aws/1 bot/ ec2:RunInstances no"], &[], &[]), "");
    assert_eq!(
        told(
            &["1 aws/1 ann/ signin:ConsoleLogin ok", "1 aws/1 bot/ ec2:RunInstances ok"],
            &[],
            &[]
        ),
        ""
    );
}

#[test]
fn what_stands_by_unused_is_told_and_what_could_not_be_seen_is_not() {
    let holders = [holder("bot", &["ec2:*", "iam:AttachRolePolicy"])];
    let log = ["1 aws/1 bot/ ec2:RunInstances ok"];
    insta::assert_snapshot!(told(&log, &holders, &[]), @"
    standing-grant NHI5:2025 bot: 2 of 4 granted permissions not used on up to 1 observed day
    over-privileged NHI5:2025 bot: 1 permission that changes who may do what, never used: aws:iam:AttachRolePolicy
    ");
    // Only reads are in this log: nothing is known of changes.
    let reads = ["1 aws/1 bot/ ec2:DescribeImages ok"];
    assert_eq!(told(&reads, &holders, &[]), "");
    assert_eq!(told(&[], &holders, &[]), "");
}

#[test]
fn a_way_from_one_system_into_another_is_told() {
    let log = [
        "1 github/o bot/T :workflow.run ok federation ASIA1 for role",
        "2 aws/1 role/ASIA1 ec2:RunInstances ok",
    ];
    insta::assert_snapshot!(told(&log, &[], &[]), @"cross-platform-hop NHI6:2025 role: first at 1970-01-03T00:00:00.000Z: bot › role");
    let watched =
        [&log[..], &["1 aws/1 ann/ ec2:RunInstances ok", "1 aws/2 ann/ ec2:RunInstances ok"]]
            .concat();
    insta::assert_snapshot!(told(&watched, &[], &[]), @"cross-platform-hop NHI6:2025 role: new at 1970-01-03T00:00:00.000Z, after 1 day without it: bot › role");
    let elsewhere = [&log[..], &["1 aws/2 ann/ ec2:RunInstances ok"]].concat();
    assert!(told(&elsewhere, &[], &[]).contains("first at"), "its own account was not watched");
}

#[test]
fn reach_is_what_the_weakest_way_allows() {
    let log = [
        "1 aws/1 bot/K ec2:RunInstances ok",
        "1 mcp/ agent/ files:read ok lease L1 for db-user",
        "2 postgres/db db-user/L1 table:SELECT ok",
    ];
    let charter = Intent {
        servers: ["files".to_owned()].into(),
        targets: ["warehouse".to_owned()].into(),
        ..charter("agent: aws:1 okta github | aws:bot okta:agent")
    };
    let holders = [holder("elsewhere", &["ec2:RunInstances"])]
        .map(|it| Holder { account: "9".to_owned(), ..it });
    insta::assert_snapshot!(reach(&log, &holders, &[charter]), @"
    agent (agent) in github: blind
    agent (agent) in mcp: prevent
    agent (agent) in mcp:files: prevent
    agent (agent) in okta: blind
    agent (agent) in target:warehouse: session
    bot (agent) in aws:1: observe
    db-user (-) in postgres:db: session
    elsewhere (-) in aws:9: blind
    ");
    let around = [log.as_slice(), &["3 postgres/db db-user/other table:SELECT ok"]].concat();
    assert!(reach(&around, &[], &[]).contains("db-user (-) in postgres:db: observe"));
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = (1..200_u16, 0..4_usize, 0..3_usize, 0..5_usize, any::<bool>()).prop_map(
        |(day, who, account, call, ok)| {
            let who = ["bot/AKIA1", "bot/AKIA2", "ann/K", "cat/ASIA1"][who];
            let call = [
                "ec2:RunInstances",
                "ec2:DescribeImages",
                "signin:ConsoleLogin",
                "iam:CreateAccessKey",
                "sts:AssumeRole",
            ][call];
            let ended = if ok { "ok" } else { "no" };
            let made = match (call, ok) {
                ("iam:CreateAccessKey", true) => " key AKIA2 for bot",
                ("sts:AssumeRole", true) => " assume ASIA1 for cat",
                _ => "",
            };
            format!("{day} aws/{account} {who} {call} {ended}{made}")
        },
    );
    proptest::collection::vec(line, 0..24)
}

#[test]
fn a_key_is_in_use_in_whichever_way_it_is() {
    let key = "bot//iam/serviceAccounts/bot/keys/7";
    let direct = format!("1 google/p {key} :storage.objects.get ok");
    let lent: Vec<_> = (2..9)
        .map(|day| format!("{day} google/p {key} :storage.objects.get ok behind deputy"))
        .collect();
    let others: Vec<_> =
        (2..9).map(|day| format!("{day} google/p ann/ :storage.objects.get ok")).collect();
    let lines = |more: &[String]| {
        let all: Vec<_> = std::iter::once(&direct).chain(more).chain(&others).cloned().collect();
        told(&all.iter().map(String::as_str).collect::<Vec<_>>(), &[], &[])
    };
    assert!(lines(&[]).starts_with("unused-credential"), "{}", lines(&[]));
    assert!(!lines(&lent).contains("unused-credential"), "{}", lines(&lent));
}

#[test]
fn one_who_came_by_a_credential_in_several_ways_is_one() {
    let log = [
        "1 github/o bot/sha256:T :repo.create ok",
        "2 okta/o ann/S :token.create ok federation sha256:T for bot",
        "3 github/o bot/sha256:T :repo.create ok",
    ];
    assert!(!told(&log, &[], &[]).contains("shared-identity"));
    let both = [&log[..], &["4 github/o cat/sha256:T :repo.create ok"]].concat();
    assert_eq!(told(&both, &[], &[]).matches("2 identities showed this credential").count(), 2);
}

#[test]
fn a_key_that_was_only_denied_is_neither_overdue_nor_unused_nor_in_use() {
    let log = [
        "1 aws/1 bot/AKIA1 ec2:RunInstances no",
        "2 aws/1 ann/K ec2:RunInstances ok",
        "3 aws/1 ann/K ec2:DescribeImages ok",
        "4 aws/1 ann/K ec2:DescribeImages ok",
        "200 aws/1 bot/AKIA1 ec2:RunInstances no",
        "201 aws/1 ann/K ec2:RunInstances ok",
        "202 aws/1 ann/K ec2:RunInstances ok",
        "203 aws/1 ann/K ec2:RunInstances ok",
    ];
    assert_eq!(told(&log, &[], &[]), "");
    // Nor does a denial make the last use later.
    let used = [&log[..], &["5 aws/1 bot/AKIA1 ec2:RunInstances ok"]].concat();
    assert!(told(&used, &[], &[]).contains("last used at 1970-01-06"), "{}", told(&used, &[], &[]));
}

#[test]
fn a_key_that_was_perhaps_deleted_is_not_called_unused() {
    let log = |last: &'static str| {
        let lines = [
            "1 aws/1 root/AKIA1 iam:CreateAccessKey ok key AKIA2 for bot",
            last,
            "3 aws/1 root/AKIA1 ec2:DescribeImages ok",
            "9 aws/1 root/AKIA1 ec2:RunInstances ok",
        ];
        told(&lines, &[], &[]).contains("[AKIA2]")
    };
    assert!(log("2 aws/1 root/AKIA1 ec2:RunInstances ok"));
    assert!(!log("2 aws/1 root/AKIA1 iam:DeleteAccessKey ok"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Law 10, for findings: neither the order of a log nor a second copy of it changes them.
    #[test]
    fn order_changes_no_finding(lines in lines(), turned in any::<prop::sample::Index>()) {
        let holders = [holder("bot", &["*"])];
        let charters = ["bot: aws:1 | aws:bot", "cat: | aws:cat"];
        let numbered: Vec<_> = lines.iter().enumerate().collect();
        let fold = |lines: &[(usize, &String)]| {
            let mut all = Exercised::new(catalogue());
            for (number, line) in lines {
                all.take(&exercise(*number, line));
            }
            let mut told = audit(&all, &holders);
            let charters: Vec<_> = charters.iter().map(|it| charter(it)).collect();
            judge(&all, &mut told, &charters, POLICY);
            (told.findings, told.reach)
        };
        let once = fold(&numbered);
        let mut again = [numbered.as_slice(), &numbered].concat();
        let by = if again.is_empty() { 0 } else { turned.index(again.len()) };
        again.rotate_left(by);
        prop_assert_eq!(&once, &fold(&again));
        again.reverse();
        prop_assert_eq!(&once, &fold(&again));
    }

    /// No finding is invented: what was refused is no use, and without charters nothing is said of intent.
    #[test]
    fn nothing_is_found_that_nothing_shows(lines in lines()) {
        let denied: Vec<_> = lines.iter().map(|it| it.replace(" ok", " no")).map(|it| {
            it.split(" no").next().map(|it| format!("{it} no")).unwrap_or_default()
        }).collect();
        let denied: Vec<_> = denied.iter().map(String::as_str).collect();
        let told = judged(&denied, &[], &["bot: okta | aws:bot"]);
        for it in &told.findings {
            let is_use = matches!(it.finding, FindingKind::OutsideCharter | FindingKind::OnlySignsIn);
            prop_assert!(!is_use, "{:?}", it);
        }
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        for it in judged(&lines, &[], &[]).findings {
            let needs_more = matches!(
                it.finding,
                FindingKind::OutsideCharter | FindingKind::Ownerless | FindingKind::StandingGrant | FindingKind::OverPrivileged
            );
            prop_assert!(!needs_more && it.charter.is_none(), "{:?}", it);
        }
    }

    /// What to look at first comes first.
    #[test]
    fn findings_are_in_the_order_of_their_sorts(lines in lines()) {
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let told = judged(&lines, &[holder("bot", &["*"])], &["bot: okta | aws:bot"]);
        prop_assert!(told.findings.is_sorted_by_key(|it| it.finding));
    }
}
