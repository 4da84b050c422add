//! Chains from lines such as `5 aws:ci AKIA1 makes ASIA1 for aws:deployer by assume-role until 65`.

use std::borrow::Cow;

use bailiwick_model::{Actor, Along, Ended, Exercise, Issued};
use proptest::prelude::*;

use super::*;
use crate::names::Catalogue;

const VIAS: [Via; 7] = [
    Via::AssumeRole,
    Via::Federation,
    Via::Exchange,
    Via::Impersonation,
    Via::OauthGrant,
    Via::Key,
    Via::Lease,
];

fn minute(word: &str) -> Timestamp {
    Timestamp::from_millis(word.parse::<i64>().expect("a minute").saturating_mul(60_000))
}

/// Reads `MINUTE PLATFORM:ID CREDENTIAL|- [behind NAME,…] [makes CREDENTIAL for ID by VIA [until MINUTE]] [is KIND] [through]`.
fn exercise(line: &str, number: usize) -> Exercise<'static> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let after = |word: &str| {
        let place = words.iter().position(|it| it == word)?;
        words.get(place.saturating_add(1)).cloned()
    };
    let (platform, id) = words[1].split_once(':').expect("a platform");
    let is_role = id.contains("role") || id.contains("oidc-provider");
    let kind = match after("is").as_deref() {
        Some("agent") => ActorKind::Agent,
        Some("platform") => ActorKind::Platform,
        _ if is_role => ActorKind::Role,
        _ => ActorKind::Unknown,
    };
    let chain = after("behind").unwrap_or_default();
    let chain = chain.split(',').filter(|it| !it.is_empty());
    let via = after("by");
    Exercise {
        platform: platform.parse().expect("a platform"),
        key: u128::try_from(number).expect("a number"),
        at: minute(&words[0]),
        account: Cow::Borrowed("1"),
        actor: Actor {
            id: id.to_owned().into(),
            kind,
            credential: words[2].replace('-', "").into(),
            chain: chain.map(|it| it.to_owned().into()).collect(),
            delivered: if words.last().is_some_and(|it| it == "delivered") {
                "delivered to a machine"
            } else {
                ""
            },
            ..Actor::default()
        },
        service: Cow::Borrowed("s3.amazonaws.com"),
        operation: Cow::Borrowed("GetObject"),
        along: Along::NOTHING,
        resource: Cow::Borrowed(""),
        ended: Ended::Success,
        code: Cow::Borrowed(""),
        issued: after("makes").map(|made| Issued {
            credential: made.into(),
            to: after("for").expect("for whom").into(),
            via: VIAS.into_iter().find(|it| Some(it.as_str()) == via.as_deref()).expect("a way"),
            until: after("until").map(|it| minute(&it)),
        }),
        data: false,
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

fn catalogue() -> Catalogue {
    Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a catalogue")
}

fn chains(exercises: &[Exercise<'_>]) -> (Vec<Chain>, Sessions) {
    let mut all = Exercised::new(catalogue());
    for it in exercises {
        all.take(it);
    }
    of(&all, &Namesakes::default())
}

/// Tells the chains of a log: `WHO › VIA › WHO N× BEGINS`.
fn told(log: &str) -> String {
    let lines = log.lines().map(str::trim).filter(|it| !it.is_empty());
    let exercises: Vec<_> = lines.enumerate().map(|(number, it)| exercise(it, number)).collect();
    let line = |it: &Chain| {
        let mut text = String::new();
        for (place, id) in it.path.iter().enumerate() {
            if let Some(via) = place.checked_sub(1).and_then(|it_| it.via.get(it_)) {
                text.push_str(&format!(" › {} › ", via.as_str()));
            }
            text.push_str(&format!("{}:{id}", it.platforms[place]));
        }
        let said: Vec<_> = it.said.iter().map(String::as_str).collect();
        let said =
            if said.is_empty() { String::new() } else { format!(" (says {})", said.join(", ")) };
        format!("{text}  {}× {}{said}", it.events, it.begins)
    };
    chains(&exercises).0.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_may_have_namesakes_is_told_with_the_account() {
    let accounts = |log: &str| {
        let exercises: Vec<_> =
            log.lines().enumerate().map(|(number, it)| exercise(it, number)).collect();
        let all = chains(&exercises).0;
        let [chain] = all.as_slice() else { panic!("{all:?}") };
        (chain.accounts.clone(), chain.account(0).to_owned())
    };
    assert_eq!(
        accounts("1 kubernetes:bob - behind ann"),
        (vec!["1".to_owned(); 2], "1".to_owned())
    );
    let of_aws =
        "1 aws:ci AKIA1 makes ASIA1 for role/a by assume-role until 61\n2 aws:role/a ASIA1";
    assert_eq!(accounts(of_aws), (Vec::new(), String::new()), "the name is of one alone");
}

#[test]
fn a_session_is_led_back_to_the_key_that_began_it() {
    insta::assert_snapshot!(told("
        1 aws:ci AKIA1 makes ASIA1 for role/a by assume-role until 61
        2 aws:role/a ASIA1 makes ASIA2 for role/b by assume-role until 62
        3 aws:role/b ASIA2
        4 aws:role/b ASIA2
        5 aws:role/b ASIA9
    "), @r"
    aws:ci › assume-role › aws:role/a  1× a credential that lasts
    aws:ci › assume-role › aws:role/a › assume-role › aws:role/b  2× a credential that lasts
    ");
}

#[test]
fn two_who_come_by_the_same_role_are_told_apart() {
    insta::assert_snapshot!(told("
        1 aws:ann AKIA1 makes ASIA1 for role/a by assume-role
        1 aws:bob AKIA2 makes ASIA2 for role/a by assume-role
        2 aws:role/a ASIA1 makes ASIA3 for role/b by assume-role
        3 aws:role/b ASIA3
        4 aws:role/a ASIA2
    "), @r"
    aws:ann › assume-role › aws:role/a  1× a credential that lasts
    aws:ann › assume-role › aws:role/a › assume-role › aws:role/b  1× a credential that lasts
    aws:bob › assume-role › aws:role/a  1× a credential that lasts
    ");
}

#[test]
fn a_credential_is_made_before_it_is_used_and_used_before_it_ends() {
    insta::assert_snapshot!(told("
        1 aws:role/a ASIA1
        5 aws:ci AKIA1 makes ASIA1 for role/a by assume-role until 65
        6 aws:role/a ASIA1
        65 aws:role/a ASIA1
        66 aws:role/a ASIA1
    "), @"aws:ci › assume-role › aws:role/a  2× a credential that lasts");
}

#[test]
fn an_aws_key_that_a_cluster_was_shown_is_whose_it_was_made_for() {
    insta::assert_snapshot!(told("
        1 aws:ci AKIA1 makes ASIAEXAMPLE00001 for role/deployer by assume-role until 61
        2 kubernetes:admins ASIAEXAMPLE00001
        3 kubernetes:system:serviceaccount:web:app ASIAEXAMPLE00001 behind admins
        4 aws:role/other ASIAEXAMPLE00002
        5 kubernetes:viewers ASIAEXAMPLE00002
        6 kubernetes:viewers ASIAEXAMPLE00003
    "), @r"
    aws:ci › assume-role › aws:role/deployer › federation › kubernetes:admins  1× a credential that lasts
    aws:ci › assume-role › aws:role/deployer › federation › kubernetes:admins › impersonation › kubernetes:system:serviceaccount:web:app  1× a credential that lasts
    aws:role/other › federation › kubernetes:viewers  1× its credential was made before, or outside, what was read
    ");
}

#[test]
fn whom_another_system_vouches_for_is_called_as_that_system_does() {
    insta::assert_snapshot!(told("
        1 aws:arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com:repo:org/app:ref:refs/heads/main - makes ASIA1 for role/deploy by assume-role
        2 aws:role/deploy ASIA1
        3 aws:arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/AB12:system:serviceaccount:web:app - makes ASIA2 for role/app by assume-role
        4 aws:role/app ASIA2
        5 aws:arn:aws:iam::1:oidc-provider/login.example.org:repo:org/app - makes ASIA3 for role/c by assume-role
        6 aws:role/c ASIA3
    "), @r"
    aws:arn:aws:iam::1:oidc-provider/login.example.org:repo:org/app › assume-role › aws:role/c  1× the log names no credential of it
    kubernetes:system:serviceaccount:web:app › assume-role › aws:role/app  1× a token of its own system
    github:repo:org/app:ref:refs/heads/main › assume-role › aws:role/deploy  1× a token of its own system
    ");
}

#[test]
fn a_lease_names_the_agent_by_key_login_or_source_identity() {
    insta::assert_snapshot!(told("
        1 mcp:triage task_1 is agent makes ASIA1 for role/leased by lease until 31
        1 aws:role/governor ASIA0 makes ASIA1 for role/leased by assume-role
        2 aws:role/leased ASIA1 behind triage
        3 mcp:triage task_1 is agent makes bw_lease_7 for bw_lease_7 by lease until 33
        4 postgres:bw_lease_7 -
        40 postgres:bw_lease_7 -
        5 mcp:triage task_1 is agent makes lease_9 for role/leased by lease until 35
        6 aws:role/leased ASIA7 behind lease_9
        7 aws:role/leased ASIA8 behind somebody
    "), @r"
    mcp:triage › lease › aws:role/leased  2× an agent that Bailiwick governs (says lease_9, triage)
    mcp:triage › lease › postgres:bw_lease_7  1× an agent that Bailiwick governs
    ");
}

#[test]
fn nobody_is_led_back_to_an_agent_by_their_own_word_where_it_was_seen_who_made_the_key() {
    insta::assert_snapshot!(told("
        1 mcp:triage task_1 is agent makes lease_9 for lease_9 by lease until 35
        2 aws:mallory AKIA1 makes ASIA7 for role/leased by assume-role
        3 aws:role/leased ASIA7 behind lease_9
    "), @"aws:mallory › assume-role › aws:role/leased  1× a credential that lasts (says lease_9)");
}

#[test]
fn a_digest_is_the_same_however_it_is_written() {
    insta::assert_snapshot!(told("
        1 okta:ann session1 makes sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= for bot by oauth-grant
        2 github:bot sha256:000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f
        3 github:bot sha256:AAEC
    "), @"okta:ann › oauth-grant › github:bot  1× its credential was made before, or outside, what was read");
}

#[test]
fn a_copy_of_a_call_in_another_account_does_not_hide_who_made_it() {
    insta::assert_snapshot!(told("
        1 aws:AROAEXAMPLE:x - makes ASIA1 for role/a by assume-role
        1 aws:role/from ASIA0 makes ASIA1 for role/a by assume-role
        2 aws:role/a ASIA1
    "), @"aws:role/from › assume-role › aws:role/a  1× its credential was made before, or outside, what was read");
}

#[test]
fn a_credential_that_makes_itself_ends_the_way() {
    let log = "
        1 aws:role/a ASIA1 makes ASIA2 for role/b by assume-role
        1 aws:role/b ASIA2 makes ASIA1 for role/a by assume-role
        2 aws:role/a ASIA1
    ";
    let told = told(log);
    assert!(told.lines().all(|it| it.matches('›').count() <= 4), "{told}");
}

/// Lines from small numbers: few names, so that much is made twice, out of time, and in rings.
fn line((at, who, shown, made, via): (u8, u8, u8, u8, u8)) -> String {
    let platform = ["aws", "kubernetes", "mcp"][usize::from(who % 3)];
    let until =
        if via % 2 == 0 { format!(" until {}", at.saturating_add(5)) } else { String::new() };
    let via = VIAS[usize::from(via % 7)].as_str();
    let behind = if who == 4 { " behind role-1" } else { "" };
    let makes = if made < 5 {
        format!(" makes KEY{made} for role-{} by {via}{until}", made % 3)
    } else {
        String::new()
    };
    format!("{at} {platform}:role-{who} KEY{shown}{behind}{makes}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Law 10: the order of arrival and a second reading change no chain.
    #[test]
    fn order_and_repetition_change_no_chain(
        lines in proptest::collection::vec((0..20_u8, 0..6_u8, 0..6_u8, 0..9_u8, 0..7_u8), 1..30),
        turned in any::<prop::sample::Index>(),
    ) {
        let exercises: Vec<_> =
            lines.into_iter().enumerate().map(|(number, it)| exercise(&line(it), number)).collect();
        let once = chains(&exercises);
        let mut again: Vec<_> = exercises.iter().chain(&exercises).cloned().collect();
        let by = turned.index(again.len());
        again.rotate_left(by);
        prop_assert_eq!(&once, &chains(&again));
        again.reverse();
        prop_assert_eq!(&once, &chains(&again));
    }

    /// Nothing is joined to a credential that nobody was seen making in time.
    #[test]
    fn no_step_is_without_a_call_that_made_it_in_time(
        lines in proptest::collection::vec((0..20_u8, 0..6_u8, 0..6_u8, 0..9_u8, 0..7_u8), 1..30),
    ) {
        let exercises: Vec<_> =
            lines.into_iter().enumerate().map(|(number, it)| exercise(&line(it), number)).collect();
        let mut all = Exercised::new(catalogue());
        for it in &exercises { all.take(it); }
        let mut uses = 0_u64;
        for shown in all.shown() {
            uses = uses.saturating_add(shown.used.count);
            // Before one who is acted for stands whoever acts for it.
            let behind = usize::from(shown.by.id == "role-4");
            let Some(step) = shown.way.get(behind) else { continue };
            if step.via == Via::Federation { continue; }
            let made = exercises.iter().any(|it| it.issued.as_ref().is_some_and(|issued| {
                let clocks = std::time::Duration::from_mins(u64::from(it.platform != shown.by.platform));
                it.actor.id == step.from.id && issued.via == step.via
                    && it.at <= shown.used.first.after(clocks)
                    && issued.until.is_none_or(|until| shown.used.last <= until.after(clocks))
                    && (issued.credential == shown.credential || issued.via == Via::Lease)
            }));
            prop_assert!(made, "{:?}", shown);
        }
        // Each access is told once, however its credential's uses are split.
        prop_assert_eq!(uses, all.events());
    }
}
