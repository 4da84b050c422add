//! Ways over a small map: a user, three roles, a cluster and a bucket.

use std::borrow::Cow;

use bailiwick_model::{
    Actor, ActorKind, Along, Ended, Exercise, HeldPolicy, Holder, Issued, Patterns, Statement, Via,
};
use proptest::prelude::*;

use super::*;
use crate::{exercised::Exercised, names::Catalogue, reach::MapBuilder};

const DAY: i64 = 86_400_000;

/// Reads `DAY[/ACCOUNT] PLATFORM:ID CREDENTIAL RESOURCE|- [MADE for ID]`.
fn exercise(line: &str, number: usize) -> Exercise<'static> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let (platform, id) = words[1].split_once(':').expect("a platform");
    let day: i64 = words[0].split('/').next().and_then(|it| it.parse().ok()).expect("a day");
    Exercise {
        platform: platform.parse().expect("a platform"),
        key: u128::try_from(number).expect("a number"),
        at: Timestamp::from_millis(day.saturating_mul(DAY)),
        account: words[0].split_once('/').map_or("1", |it| it.1).to_owned().into(),
        actor: Actor {
            id: id.to_owned().into(),
            kind: ActorKind::Unknown,
            credential: words[2].clone().into(),
            ..Actor::default()
        },
        service: Cow::Borrowed(if platform == "aws" { "s3.amazonaws.com" } else { "core/secrets" }),
        operation: Cow::Borrowed(if platform == "aws" { "GetObject" } else { "get" }),
        along: Along::NOTHING,
        resource: words[3].replace('-', "").into(),
        ended: Ended::Success,
        code: Cow::Borrowed(""),
        issued: words.get(4).map(|made| Issued {
            credential: made.clone().into(),
            to: words[6].clone().into(),
            via: Via::AssumeRole,
            until: None,
        }),
        data: true,
        internal: false,
        granted_by: Cow::Borrowed(""),
    }
}

fn holder(id: &str, trusts: &[&str], lines: &[(bool, &str, &str)]) -> Holder {
    let statements = lines.iter().map(|(allows, action, resource)| Statement {
        allows: *allows,
        actions: Patterns::Only(vec![(*action).to_owned()]),
        resources: Patterns::Only(vec![(*resource).to_owned()]),
        conditional: false,
    });
    Holder {
        platform: Platform::Aws,
        id: id.to_owned(),
        account: "111122223333".to_owned(),
        kind: ActorKind::Role,
        since: None,
        policies: vec![HeldPolicy {
            path: "policy".to_owned(),
            statements: statements.collect(),
            since: None,
        }],
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: trusts.iter().map(|it| (*it).to_owned()).collect(),
        crowd: false,
    }
}

fn map(log: &str, holders: &[Holder]) -> AccessMap {
    let catalogue = Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a catalogue");
    let mut all = Exercised::new(catalogue);
    for (number, line) in log.lines().map(str::trim).filter(|it| !it.is_empty()).enumerate() {
        all.take(&exercise(line, number));
    }
    let labels = [("arn:aws:s3:::payroll/*".to_owned(), Sensitivity::Restricted)].into();
    MapBuilder::new(labels).granted(holders).walked(&all).map()
}

const LOG: &str = "
    1 aws:user/ci AKIA000000000001 - ASIA000000000001 for arn:role/deploy
    1 aws:arn:role/deploy ASIA000000000001 arn:aws:s3:::releases/*
    1 kubernetes:system:node N1 -
    3 kubernetes:deploy-bot ASIA000000000001 -
";

fn holders() -> Vec<Holder> {
    vec![
        holder("arn:role/deploy", &["user/ci"], &[(true, "sts:AssumeRole", "arn:role/pay*")]),
        holder(
            "arn:role/payroll",
            &["arn:aws:iam::111122223333:root"],
            &[(true, "s3:Get*", "arn:aws:s3:::pay*/*")],
        ),
        holder(
            "arn:role/other",
            &["*"],
            &[(true, "ec2:*", "*"), (true, "s3:*", "arn:aws:s3:::site/*")],
        ),
        holder(
            "arn:role/barred",
            &[],
            &[(true, "*", "*"), (false, "s3:*", "arn:aws:s3:::payroll*"), (false, "sts:*", "*")],
        ),
    ]
}

/// Tells ways: a `?` before a hop that was not made.
fn told(map: &AccessMap, wish: &Wish) -> String {
    let way = |it: &AccessWay| {
        let mut text = it.from.clone();
        for step in &it.steps {
            let mark = if step.state == HopState::Possible { "?" } else { "" };
            let new = if step.new { " (new)" } else { "" };
            text.push_str(&format!(" › {mark}{}{new} › {}", step.via, step.to));
        }
        let whole = if it.one_chain { "  one chain" } else { "" };
        format!("{text}{whole}")
    };
    map.reach(wish).ways.iter().map(way).collect::<Vec<_>>().join("\n")
}

fn wish(from: Option<&str>, to: Option<&str>) -> Wish {
    Wish { from: from.map(str::to_owned), to: to.map(str::to_owned), at_least: None, far: 6 }
}

#[test]
fn what_was_walked_is_told_before_what_could_be() {
    let map = map(LOG, &holders());
    insta::assert_snapshot!(told(&map, &wish(Some("user/ci"), None)), @r"
    user/ci › assume-role › arn:role/deploy › ?trust › arn:role/payroll › ?access › arn:aws:s3:::payroll/*
    user/ci › assume-role › arn:role/deploy › access › arn:aws:s3:::releases/*  one chain
    user/ci › assume-role › arn:role/deploy  one chain
    user/ci › assume-role › arn:role/deploy › ?trust › arn:role/payroll
    user/ci › assume-role › arn:role/deploy › federation (new) › deploy-bot  one chain
    ");
}

#[test]
fn who_can_reach_what_is_sensitive_is_told_backwards() {
    let map = map(LOG, &holders());
    let wish = Wish { at_least: Some(Sensitivity::Confidential), ..wish(None, None) };
    // Denied for sure, or of another service: not in the list.
    insta::assert_snapshot!(told(&map, &wish), @r"
    arn:role/deploy › ?trust › arn:role/payroll › ?access › arn:aws:s3:::payroll/*
    arn:role/payroll › ?access › arn:aws:s3:::payroll/*
    user/ci › assume-role › arn:role/deploy › ?trust › arn:role/payroll › ?access › arn:aws:s3:::payroll/*
    ");
    assert_eq!(map.reach(&wish).summary.to, 1);
}

#[test]
fn a_hop_to_another_system_is_new_where_that_was_watched_without_it() {
    let reached = map(LOG, &[]).reach(&wish(Some("user/ci"), None));
    let [crossing] = reached.crossings.as_slice() else { panic!("{reached:#?}") };
    assert_eq!((crossing.from.as_str(), crossing.to.as_str()), ("arn:role/deploy", "deploy-bot"));
    assert_eq!((crossing.new, crossing.watched_before, crossing.count), (true, 1, 1));
    let at_once = LOG.replace("    1 kubernetes:system:node N1 -\n", "");
    let reached = map(&at_once, &[]).reach(&wish(Some("user/ci"), None));
    assert!(!reached.crossings[0].new, "nobody watched the cluster before");
}

#[test]
fn more_ways_than_are_told_are_counted() {
    let mut all = MapBuilder::new(BTreeMap::new());
    for place in 0..WAYS_MAX + 3 {
        all.foreign_hop("hub", &format!("p{place}"), "edge", true);
    }
    let map = all.map();
    for (from, to) in [(Some("hub"), None), (None, Some("p"))] {
        let reached = map.reach(&wish(from, to));
        assert_eq!(reached.ways.len(), WAYS_MAX);
        assert_eq!(reached.summary.more_ways, 3, "{from:?} {to:?}");
    }
    assert_eq!(map.reach(&wish(None, Some("p17"))).summary.more_ways, 0);
}

#[test]
fn pairs_that_are_too_many_to_look_at_are_counted_whoever_comes_first() {
    let root = "arn:aws:iam::111122223333:root";
    let mut holders: Vec<_> = (0..4)
        .map(|it| holder(&format!("arn:role/r{it}"), &[root], &[]))
        .chain((0..3).map(|it| holder(&format!("arn:asker/{it}"), &[], &[(true, "sts:*", "*")])))
        // Who may ask for nothing is not looked at.
        .chain((0..9).map(|it| holder(&format!("arn:idle/{it}"), &[], &[(true, "s3:*", "*")])))
        .collect();
    let asked = |holders: &[Holder], most| {
        let all = MapBuilder::new(BTreeMap::new()).looking_at(most).granted(holders).map();
        let hops: Vec<_> = all.hops().iter().map(|it| (it.from, it.to, it.via.clone())).collect();
        (hops, all.reach(&Wish::default()).summary.pairs_left_out)
    };
    let (all, none) = asked(&holders, 12);
    assert_eq!((all.len(), none), (12, 0));
    let (some, left) = asked(&holders, 5);
    assert_eq!((some.len(), left), (5, 7));
    holders.reverse();
    assert_eq!(asked(&holders, 5), (some, left));
}

#[test]
fn who_is_denied_everything_becomes_nobody_though_a_role_trusts_them_by_name() {
    let role = || holder("arn:role/deploy", &["user/ci"], &[]);
    let ways = |denied: &[(bool, &str, &str)]| {
        told(&map("", &[role(), holder("user/ci", &[], denied)]), &wish(Some("user/ci"), None))
    };
    assert_eq!(ways(&[(false, "*", "*")]), "");
    assert_eq!(ways(&[(false, "sts:AssumeRole", "arn:role/*")]), "");
    // What takes away something else, or another role, is not in the way.
    for other in [("s3:*", "*"), ("sts:AssumeRole", "arn:role/other")] {
        assert_eq!(ways(&[(false, other.0, other.1)]), "user/ci › ?trust › arn:role/deploy");
    }
}

#[test]
fn what_could_be_is_told_beside_what_was_made_only_where_it_is_shorter() {
    let log = "
        1 aws:user/ci AKIA1 - ASIA1 for arn:role/a
        1 aws:arn:role/a ASIA1 - ASIA2 for arn:role/b
        1 aws:arn:role/b ASIA2 -
    ";
    let ways = |holders: &[Holder], far| {
        let wish = Wish { far, ..wish(Some("user/ci"), Some("arn:role/b")) };
        told(&map(log, holders), &wish)
    };
    let made = "user/ci › assume-role › arn:role/a › assume-role › arn:role/b  one chain";
    let short = [holder("arn:role/b", &["user/ci"], &[])];
    assert_eq!(ways(&short, 6), format!("{made}\nuser/ci › ?trust › arn:role/b"));
    assert_eq!(ways(&short, 1), "user/ci › ?trust › arn:role/b", "two hops are too far");
    let as_long =
        [holder("arn:role/c", &["user/ci"], &[]), holder("arn:role/b", &["arn:role/c"], &[])];
    assert_eq!(ways(&as_long, 6), made);
    assert_eq!(ways(&as_long, 1), "");
}

#[test]
fn no_way_leads_through_one_name_from_one_cluster_into_another() {
    let map = map(
        "
        1/one kubernetes:bot T1 secrets/a
        1/two kubernetes:bot T2 secrets/b
        1/two kubernetes:ann T3 - T2 for bot
        ",
        &[],
    );
    insta::assert_snapshot!(told(&map, &wish(Some("ann"), None)), @r"
    ann › assume-role › bot (two)  one chain
    ann › assume-role › bot (two) › access › secrets/b  one chain
    ");
    insta::assert_snapshot!(told(&map, &wish(Some("bot"), None)), @r"
    bot (one) › access › secrets/a  one chain
    bot (two) › access › secrets/b  one chain
    ");
}

#[test]
fn a_role_whose_session_alone_was_logged_is_the_one_that_is_listed() {
    let whole = "arn:aws:iam::111122223333:role/svc/app";
    let log = format!("1 aws:{} ASIA1 arn:aws:s3:::x/*", whole.replace("svc/", ""));
    let map = map(&log, &[holder(whole, &["user/ci"], &[])]);
    assert!(told(&map, &wish(Some("user/ci"), None)).ends_with("access › arn:aws:s3:::x/*"));
}

#[test]
fn two_chains_that_meet_are_not_one() {
    let map = map(
        "
        1 aws:user/ann AKIA000000000001 - ASIA000000000001 for arn:role/a
        1 aws:user/bob AKIA000000000002 - ASIA000000000002 for arn:role/a
        2 aws:arn:role/a ASIA000000000001 - ASIA000000000003 for arn:role/b
        2 aws:arn:role/a ASIA000000000002 -
        3 aws:arn:role/b ASIA000000000003 -
        ",
        &[],
    );
    insta::assert_snapshot!(told(&map, &wish(None, Some("arn:role/b"))), @r"
    arn:role/a › assume-role › arn:role/b  one chain
    user/ann › assume-role › arn:role/a › assume-role › arn:role/b  one chain
    user/bob › assume-role › arn:role/a › assume-role › arn:role/b
    ");
}

#[test]
fn a_graph_of_others_joins_what_has_the_same_name_and_bars_what_it_says() {
    let catalogue = Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a catalogue");
    let mut all = MapBuilder::new([("vault".to_owned(), Sensitivity::Restricted)].into())
        .granted(&[holder("arn:role/deploy", &[], &[])])
        .walked(&Exercised::new(catalogue));
    all.foreign_place("repo", "GH_Repository");
    all.foreign_hop("ann", "repo", "GH_Write", true);
    all.foreign_hop("repo", "arn:role/deploy", "AWS_Assume", true);
    all.foreign_hop("repo", "elsewhere", "GH_Contains", false);
    all.foreign_hop("arn:role/deploy", "vault", "AWS_Read", true);
    let map = all.map();
    insta::assert_snapshot!(told(&map, &wish(Some("ann"), None)), @r"
    ann › ?GH_Write › repo › ?AWS_Assume › arn:role/deploy
    ann › ?GH_Write › repo
    ann › ?GH_Write › repo › ?AWS_Assume › arn:role/deploy › ?AWS_Read › vault
    ");
    let kinds: Vec<_> = map.places().iter().map(|it| (it.id.as_str(), it.kind.as_str())).collect();
    assert!(kinds.contains(&("ann", "unknown")) && kinds.contains(&("repo", "GH_Repository")));
    assert!(kinds.contains(&("arn:role/deploy", "identity")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// A way is made of hops of the map, one behind the other, and what is called walked was.
    #[test]
    fn every_way_is_of_hops_that_are_there(
        hops in proptest::collection::vec((0..8_u8, 0..8_u8, any::<bool>()), 0..24),
        from in 0..8_u8,
    ) {
        let catalogue = Catalogue::parse("# a test's own\ns3\n R GetObject\n").expect("a catalogue");
        let mut all = MapBuilder::new([].into()).walked(&Exercised::new(catalogue));
        for (one, next, open) in &hops {
            all.foreign_hop(&format!("p{one}"), &format!("p{next}"), "edge", *open);
        }
        let map = all.map();
        for way in map.reach(&wish(Some(&format!("p{from}")), None)).ways {
            let mut here = format!("p{from}");
            for step in &way.steps {
                prop_assert_eq!(&step.from, &here);
                let open = |it: &&(u8, u8, bool)| it.2 && format!("p{}", it.0) == step.from && format!("p{}", it.1) == step.to;
                // One of several hops of the same name is enough, in whatever order they come.
                prop_assert!(hops.iter().any(|it| open(&it)), "{:?}", step);
                prop_assert_eq!(step.state, HopState::Possible);
                here.clone_from(&step.to);
            }
            prop_assert_eq!(here, way.to);
        }
    }
}
