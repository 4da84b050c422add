//! What a person sees: at several widths, of very many, and of names that are known in several places.

use std::collections::BTreeMap;

use bailiwick_insight::{Certainty, Extent, GrantedBy, IntentFinding, Risk, Summary};
use bailiwick_model::{ActorKind, Platform};

use super::*;

const ASKED: Asked = Asked { length: Length::Short, grants: 1, charters: 0 };

fn identity(id: &str, account: &str, states: &[(State, u64)]) -> AuditedIdentity {
    let entry = |(state, count): (State, u64)| {
        (0..count).map(move |it| AuditEntry {
            name: format!("kubernetes:core/pods-{it}:{}", state.as_str()),
            within: None,
            state,
            count: 2,
            attempts: 3,
            first: None,
            last: Some(Timestamp::from_millis(1_772_359_200_000)),
            days: 1,
            mapping: Certainty::Exact,
            granted_by: vec![GrantedBy { path: "p".to_owned(), extent: Extent::Yes }],
            observed_days: 4,
            gaps: 0,
            not_yet: None,
            exclusion: None,
            idle: None,
            level: None,
            resources: Vec::new(),
        })
    };
    AuditedIdentity {
        id: id.to_owned(),
        platform: Platform::Kubernetes,
        account: account.to_owned(),
        kind: ActorKind::Service,
        unread: Vec::new(),
        states: states.iter().copied().collect::<BTreeMap<_, _>>(),
        entries: states.iter().flat_map(|it| entry(*it)).collect(),
    }
}

fn finding(finding: bailiwick_insight::FindingKind, id: &str, account: &str) -> IntentFinding {
    IntentFinding {
        finding,
        risk: Risk::Nhi5,
        title: Risk::Nhi5.title().to_owned(),
        platform: Platform::Kubernetes,
        identity: id.to_owned(),
        account: Some(account.to_owned()),
        charter: None,
        says: "2 of 8 granted permissions not used on up to 2 observed days".to_owned(),
        credential: None,
        system: None,
        count: 2,
        first: None,
        last: None,
    }
}

fn told(identities: Vec<AuditedIdentity>, findings: Vec<IntentFinding>) -> Audit {
    Audit {
        summary: Summary::default(),
        identities,
        chains: Vec::new(),
        unmapped: Vec::new(),
        findings,
        reach: Vec::new(),
        exclusions: Vec::new(),
    }
}

const RUNNER: &str = "system:serviceaccount:continuous-integration:runner-of-nightly-builds";

fn two_clusters() -> Audit {
    let states = [(State::Exercised, 2), (State::Dormant, 1)];
    let standing = bailiwick_insight::FindingKind::StandingGrant;
    told(
        vec![identity(RUNNER, "prod", &states), identity(RUNNER, "stage", &[])],
        vec![finding(standing, RUNNER, "prod")],
    )
}

#[test]
fn a_name_of_two_clusters_says_which_in_findings_and_in_the_table() {
    insta::assert_snapshot!(table(&two_clusters(), Screen::PLAIN, ASKED), @"
    0 records: 0 accesses of 0 identities, 0 that came again, 0 that could not be read

    LOOK HERE FIRST
     FINDING         RISK       IDENTITY                                                                      WHAT
     standing-grant  NHI5:2025  system:serviceaccount:continuous-integration:runner-of-nightly-builds (prod)  2 of 8 granted permissions not used on up to 2 observed days

     IDENTITY                                                                       SYSTEM      KIND     EXERCISED  ATTEMPTED  DORMANT  UNOBSERVABLE  LAST
     system:serviceaccount:continuous-integration:runner-of-nightly-builds (prod)   kubernetes  service  2          0          1        0             2026-03-01T10:00:00.000Z
     system:serviceaccount:continuous-integration:runner-of-nightly-builds (stage)  kubernetes  service  0          0          0        0             -

    exercised: used · attempted: asked for, and denied each time · dormant: granted, its use would have been seen, and was not · unobservable: granted, and nothing that was read could show its use

    system:serviceaccount:continuous-integration:runner-of-nightly-builds (prod)
      exercised     kubernetes:core/pods-0:exercised 2×, kubernetes:core/pods-1:exercised 2×
      dormant       kubernetes:core/pods-0:dormant
    ");
}

#[test]
fn no_line_is_longer_than_a_terminal_is_wide() {
    for width in [60, 80, 100, 120, 200] {
        let text = table(&two_clusters(), Screen::wide(width), Asked { grants: 0, ..ASKED });
        for line in text.lines() {
            // A name alone stands whole once: somebody may want to copy it.
            let is_name = line.starts_with(RUNNER);
            assert!(is_name || line.chars().count() <= width, "{width}: {line}");
        }
    }
    insta::assert_snapshot!(table(&two_clusters(), Screen::wide(60), ASKED), @"
    0 records: 0 accesses of 0 identities, 0 that came again, 0
    that could not be read

    LOOK HERE FIRST
     standing-grant      NHI5:2025  system:se…htly-builds (prod)
        2 of 8 granted permissions not used on up to 2 observed
        days

    IDENTITIES
     system:serviceaccou…gration:runner-of-nightly-builds (prod)
       kubernetes service: 2 exercised, 1 dormant; last
       2026-03-01
     system:serviceaccou…ration:runner-of-nightly-builds (stage)
       kubernetes service: nothing

    exercised: used · attempted: asked for, and denied each time
    · dormant: granted, its use would have been seen, and was
    not · unobservable: granted, and nothing that was read could
    show its use

    system:serviceaccount:continuous-integration:runner-of-nightly-builds (prod)
      exercised     kubernetes:core/pods-0:exercised 2×,
                    kubernetes:core/pods-1:exercised 2×
      dormant       kubernetes:core/pods-0:dormant

    What to look at first stands at the top: 1 standing-grant
    ");
}

#[test]
fn a_column_of_what_is_excluded_makes_no_line_longer_than_a_terminal() {
    let told = Audit {
        identities: vec![identity(RUNNER, "prod", &[(State::Exercised, 2), (State::Excluded, 1)])],
        ..two_clusters()
    };
    for width in [100, 119, 120, 125, 129, 130, 150] {
        let text = table(&told, Screen::wide(width), ASKED);
        let lines: Vec<_> = text.lines().filter(|it| !it.starts_with(RUNNER)).collect();
        let widest = lines.iter().map(|it| it.chars().count()).max();
        assert!(widest <= Some(width), "{width}: {text}");
        let has_column = lines.iter().any(|it| it.contains("EXCLUDED  LAST"));
        assert_eq!(has_column, 130 <= width, "{width}: {text}");
    }
}

#[test]
fn very_many_are_counted_and_many_of_one_sort_hide_no_other() {
    use bailiwick_insight::FindingKind::{CrossPlatformHop, StandingGrant};
    let names: Vec<_> = (0..2_000).map(|it| format!("bot-{it:04}")).collect();
    let many = names.iter().map(|it| identity(it, "prod", &[(State::Exercised, 1)])).collect();
    let mut findings: Vec<_> = names.iter().map(|it| finding(StandingGrant, it, "prod")).collect();
    findings.push(finding(CrossPlatformHop, "bot-0007", "prod"));
    let told = told(many, findings);
    let text = table(&told, Screen::PLAIN, ASKED);
    assert!(text.lines().count() < 90, "{text}");
    assert!(text.contains(" cross-platform-hop "), "{text}");
    assert!(text.contains("and more, which `--all` shows: 1990 standing-grant"), "{text}");
    assert!(text.contains("and 1975 more: `--all` shows them"), "{text}");
    assert!(text.contains("permissions of 1990 more"), "{text}");
    let whole = table(&told, Screen::PLAIN, Asked { length: Length::Whole, ..ASKED });
    for name in &names {
        assert!(3 <= whole.matches(name.as_str()).count(), "{name}");
    }
    assert!(!whole.contains("`--all`"), "nothing is left out");
}

#[test]
fn each_sort_of_finding_has_its_share_of_the_first_screen() {
    let all = bailiwick_insight::FindingKind::ALL;
    let findings = all.iter().flat_map(|it| vec![finding(*it, "bot", "prod"); 30]).collect();
    let text = table(&told(Vec::new(), findings), Screen::PLAIN, ASKED);
    for it in all {
        assert_eq!(text.matches(&format!("\n {it} ")).count(), 2, "{it}: {text}");
        assert!(text.contains(&format!("28 {it}")), "{it}: {text}");
    }
}

#[test]
fn whoever_holds_most_that_is_not_used_comes_first() {
    let all = vec![
        identity("a", "", &[(State::Exercised, 9)]),
        identity("b", "", &[(State::Attempted, 1)]),
        identity("c", "", &[(State::Dormant, 1)]),
        identity("d", "", &[(State::Dormant, 2)]),
    ];
    let told = told(all, Vec::new());
    let order: Vec<_> = ranked(&told).iter().map(|it| it.id.as_str()).collect();
    assert_eq!(order, ["d", "c", "b", "a"]);
}

#[test]
fn without_grants_it_says_what_it_cannot_say() {
    let says = "what is granted and never used is not told";
    assert!(!table(&two_clusters(), Screen::PLAIN, ASKED).contains(says));
    assert!(table(&two_clusters(), Screen::PLAIN, Asked { grants: 0, ..ASKED }).contains(says));
}
