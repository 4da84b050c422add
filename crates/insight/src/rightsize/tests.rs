//! Law 11, and what it does not say: which policies come of which.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use bailiwick_model::{
    Actor, ActorKind, Along, Ended, Exercise, Json, JsonLimits, Platform, Timestamp,
};
use proptest::prelude::*;

use super::{fixture::verified, *};
use crate::names::Catalogue;

const WHO: &str = "arn:aws:iam::1:role/somebody";

const ACTIONS: [&str; 12] = [
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:RunInstances",
    "ec2:StopInstances",
    "iam:AttachRolePolicy",
    "iam:GetRole",
    "iam:PassRole",
    "s3:GetBucketPolicy",
    "s3:GetObject",
    "s3:NewThing",
    "s3:PutObject",
    "weather:MakeRain",
];

fn catalogue() -> Catalogue {
    let text = "# a test's own\nec2\n L DescribeImages\n L DescribeInstances\n W RunInstances\n W StopInstances\niam\n P AttachRolePolicy\n R GetRole\n W PassRole\ns3\n R GetBucketPolicy\n R GetObject\n W PutObject\n";
    Catalogue::parse(text).expect("a catalogue")
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).expect("JSON")
}

/// Takes `DAY WHO SERVICE:OPERATION ENDED`.
fn exercised(lines: &[String]) -> Exercised {
    let mut all = Exercised::new(catalogue());
    for (number, line) in lines.iter().enumerate() {
        let words: Vec<_> = line.split(' ').collect();
        let (service, operation) = words[2].split_once(':').expect("a name");
        let day: i64 = words[0].parse().expect("a day");
        let id = if words[1] == "me" { WHO } else { "arn:aws:iam::1:role/other" };
        all.take(&Exercise {
            platform: Platform::Aws,
            key: u128::try_from(number).expect("a number"),
            at: Timestamp::from_millis(day.saturating_mul(86_400_000)),
            account: Cow::Borrowed("1"),
            actor: Actor { id: Cow::Borrowed(id), kind: ActorKind::Role, ..Actor::default() },
            service: Cow::Owned(format!("{service}.amazonaws.com")),
            operation: Cow::Borrowed(operation),
            along: Along::NOTHING,
            resource: Cow::Borrowed("arn:aws:s3:::a/*"),
            ended: if words[3] == "ok" { Ended::Success } else { Ended::Denied },
            code: Cow::Borrowed(""),
            issued: None,
            data: false,
            internal: false,
            granted_by: Cow::Borrowed(""),
        });
    }
    all
}

fn account(policies: &[String], more: &str) -> Json {
    let mut inline = String::new();
    for (number, document) in policies.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ =
            write!(inline, r#"{comma}{{"PolicyName":"p{number}","PolicyDocument":{document}}}"#);
    }
    json(&format!(r#"{{"RoleDetailList":[{{"Arn":"{WHO}"{more},"RolePolicyList":[{inline}]}}]}}"#))
}

fn rightsized(lines: &[&str], account: &Json, wishes: &Wishes) -> Rightsized {
    let lines: Vec<_> = lines.iter().map(|it| (*it).to_owned()).collect();
    let exercised = exercised(&lines);
    let made = Rightsizer::new(&exercised, wishes).of(account, "somebody", Timestamp::default());
    made.expect("a smaller policy")
}

fn days(window_days: u64) -> Wishes {
    Wishes { window_days, grace_days: 0, ..Wishes::default() }
}

/// Everything was seen on two days; `ec2:RunInstances` and `s3:GetObject` were used.
const LOG: [&str; 8] = [
    "1 me ec2:RunInstances ok",
    "1 me s3:GetObject ok",
    "1 other ec2:DescribeImages ok",
    "1 other s3:PutObject ok",
    "2 me ec2:RunInstances ok",
    "2 other ec2:DescribeImages ok",
    "2 other s3:GetObject ok",
    "2 other s3:PutObject ok",
];

/// Tells what becomes of one statement: what is decided, and the statements that are left.
fn told(statement: &str, wishes: &Wishes) -> String {
    let account = account(&[format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)], "");
    let made = rightsized(&LOG, &account, wishes);
    let decision = &made.certificate.decisions[0];
    let checks = &made.certificate.checks;
    assert!(checks.gives_no_more && checks.gives_all_used, "{checks:?}");
    let policies = made.documents.iter().filter(|it| it.file.starts_with("policies/"));
    let left = policies.filter_map(|it| it.json.get("Statement")).map(Json::canonical);
    std::iter::once(decision.decision.as_str().to_owned()).chain(left).collect::<Vec<_>>().join(" ")
}

#[test]
fn only_the_actions_of_what_allows_are_touched() {
    let plain = |actions: &str| {
        told(&format!(r#"{{"Effect":"Allow",{actions},"Resource":"*"}}"#), &days(2))
    };
    for (actions, left) in [
        (r#""Action":"ec2:RunInstances""#, "keep"),
        (r#""Action":"ec2:StopInstances""#, "revoke"),
        (
            r#""Action":"ec2:*""#,
            r#"reduce [{"Action":["ec2:RunInstances"],"Effect":"Allow","Resource":"*"}]"#,
        ),
        // What the list has not stays, and so do patterns that fit nothing in it.
        (
            r#""Action":["ec2:Stop*","s3:NewThing","lambda:*"]"#,
            r#"reduce [{"Action":["s3:NewThing","lambda:*"],"Effect":"Allow","Resource":"*"}]"#,
        ),
        // iam:PassRole is never seen, and whoever may attach policies may do all.
        (
            r#""Action":"*""#,
            r#"reduce [{"Action":["ec2:RunInstances","iam:AttachRolePolicy","iam:PassRole","s3:GetObject"],"Effect":"Allow","Resource":"*"}]"#,
        ),
        (
            r#""NotAction":["iam:*","s3:*"]"#,
            r#"reduce [{"Action":["ec2:RunInstances"],"Effect":"Allow","Resource":"*"}]"#,
        ),
        (r#""NotAction":["iam:*","s3:*","ec2:Run*"]"#, "revoke"),
    ] {
        assert_eq!(plain(actions), left, "{actions}");
    }
}

#[test]
fn what_a_statement_says_besides_stays_word_for_word() {
    let statement = r#"[{"Sid":"A","Effect":"Allow","Action":["ec2:*"],"NotResource":["arn:aws:ec2:*:*:x/*"],
        "Condition":{"StringLike":{"aws:T":["a*",7]}}},{"Effect":"Deny","NotAction":"ec2:*","Resource":"*"}]"#;
    assert_eq!(
        told(statement, &days(2)),
        r#"reduce [{"Action":["ec2:RunInstances"],"Condition":{"StringLike":{"aws:T":["a*",7]}},"Effect":"Allow","NotResource":["arn:aws:ec2:*:*:x/*"],"Sid":"A"},{"Effect":"Deny","NotAction":"ec2:*","Resource":"*"}]"#
    );
    // Nobody knows what a statement with other members does.
    let odd = r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*","Mood":"good"}"#;
    assert_eq!(told(odd, &days(2)), "keep");
}

#[test]
fn what_is_not_known_to_be_unused_stays() {
    let all = r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*"}"#;
    assert_eq!(told(all, &days(3)), "keep", "two days were observed");
    let named = Wishes { keep: vec!["EC2:stop*".to_owned()], ..days(2) };
    assert!(told(all, &named).contains("ec2:StopInstances"));
    let margin = Wishes { margin: Margin::Siblings, ..days(2) };
    let with_margin = told(all, &margin);
    assert!(with_margin.contains("ec2:StopInstances"), "{with_margin}");
    assert!(!with_margin.contains("ec2:DescribeImages"), "{with_margin}");
    let statement = [format!(r#"{{"Statement":{all}}}"#)];
    let decided = |more: &str, lines: &[&str]| {
        let wishes = Wishes { grace_days: 90, ..days(1) };
        let made = rightsized(lines, &account(&statement, more), &wishes);
        made.certificate.decisions[0].decision
    };
    let young = r#","CreateDate":"1970-01-02T00:00:00Z""#;
    assert_eq!(decided(young, &LOG), Decide::Keep, "too new");
    assert_eq!(decided("", &[]), Decide::Keep, "no log");
    assert_eq!(decided("", &LOG), Decide::Reduce);
    // An attempt says that somebody wants it.
    let attempt = ["1 me ec2:StopInstances no", "1 other ec2:DescribeImages ok"];
    let made = rightsized(&attempt, &account(&statement, ""), &days(1));
    let kept = &made.certificate.kept;
    assert_eq!(kept[&KeptFor::Attempted], ["ec2:StopInstances"], "{kept:?}");
}

#[test]
fn days_before_a_policy_said_what_it_says_do_not_count_for_it() {
    let grants = |made: &str| {
        let document = r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
        json(&format!(
            r#"{{"RoleDetailList":[{{"Arn":"{WHO}","AttachedManagedPolicies":[{{"PolicyArn":"arn:aws:iam::1:policy/p"}}]}}],
            "Policies":[{{"Arn":"arn:aws:iam::1:policy/p","DefaultVersionId":"v2","PolicyVersionList":[
                {{"VersionId":"v2","CreateDate":"{made}","Document":{document}}}]}}]}}"#
        ))
    };
    let (early, late) = (grants("1970-01-02T00:00:00Z"), grants("1970-01-03T00:00:00Z"));
    let made = rightsized(&LOG, &early, &days(2));
    assert_eq!(made.certificate.decisions[0].decision, Decide::Reduce);
    let young = rightsized(&LOG, &late, &days(2)).certificate;
    assert_eq!(young.decisions[0].decision, Decide::Keep, "one day was observed since");
    assert!(young.removed.actions.is_empty(), "{:?}", young.removed.actions);
    // The checker counts for itself.
    let lines = LOG.map(str::to_owned);
    let faults = |grants: &Json| verified(&made, grants, &exercised(&lines)).claims.join("; ");
    let says = "removed, and could not have been seen for long enough";
    assert!(!faults(&early).contains(says), "{}", faults(&early));
    assert!(faults(&late).contains(says), "{}", faults(&late));
}

#[test]
fn a_name_that_no_rule_knows_keeps_its_whole_service() {
    let wide = [r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned()];
    let narrow =
        [r#"{"Statement":{"Effect":"Allow","Action":["ec2:*","s3:Put*"],"Resource":"*"}}"#
            .to_owned()];
    let with = |event: &'static str, policies: &[String]| {
        let lines: Vec<_> = LOG.into_iter().chain([event]).collect();
        let made = rightsized(&lines, &account(policies, ""), &days(2));
        (made.certificate.decisions[0].decision, made.certificate.removed.actions)
    };
    let (decision, removed) = with("1 me ec2:MakeRain ok", &narrow);
    assert_eq!((decision, removed), (Decide::Reduce, vec!["s3:PutObject".to_owned()]));
    // A service that nobody knows may be in what allows everything, and is not in what names others.
    assert_eq!(with("1 me weather:MakeRain ok", &wide), (Decide::Keep, vec![]));
    assert_eq!(with("1 me weather:MakeRain ok", &narrow).0, Decide::Reduce);
    assert_eq!(with("1 other weather:MakeRain ok", &wide).0, Decide::Reduce);
}

#[test]
fn a_call_of_a_source_that_nobody_knows_is_kept_in_every_service() {
    let policy = [r#"{"Statement":{"Effect":"Allow","Action":["ec2:StopInstances","ec2:DescribeInstances"],"Resource":"*"}}"#.to_owned()];
    let lines: Vec<_> = LOG.into_iter().chain(["1 me weather:StopInstances ok"]).collect();
    let made = rightsized(&lines, &account(&policy, ""), &days(2));
    assert_eq!(made.certificate.removed.actions, ["ec2:DescribeInstances"]);
    assert_eq!(made.certificate.kept[&KeptFor::UnknownName], ["ec2:StopInstances"]);
}

#[test]
fn what_a_session_did_counts_for_its_role_whatever_its_path_is() {
    let long = "arn:aws:iam::1:role/team/x/somebody";
    let text = account(
        &[r#"{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#.to_owned()],
        "",
    );
    let account = json(&text.canonical().replace(WHO, long));
    let lines: Vec<_> = LOG.iter().map(|it| (*it).to_owned()).collect();
    let exercised = exercised(&lines);
    let wishes = days(2);
    let made = Rightsizer::new(&exercised, &wishes).of(&account, long, Timestamp::default());
    let kept = made.expect("a smaller policy").certificate.kept;
    assert_eq!(kept[&KeptFor::Exercised], ["ec2:RunInstances"], "{kept:?}");
    // Whoever checks it finds the same use, by itself.
    assert!(used_of(&exercised, long).iter().any(|it| it.action == "ec2:RunInstances"));
}

#[test]
fn managed_policies_are_replaced_and_groups_are_left() {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
    let user = "arn:aws:iam::1:user/team/ann";
    let account = json(&format!(
        r#"{{"UserDetailList":[{{"Arn":"{user}","GroupList":["ops","lost"],
            "AttachedManagedPolicies":[{{"PolicyArn":"arn:aws:iam::aws:policy/service-role/Far"}},{{"PolicyArn":"gone"}}]}}],
          "GroupDetailList":[{{"GroupName":"ops","GroupPolicyList":[{{"PolicyName":"in","PolicyDocument":{document}}}]}}],
          "Policies":[{{"Arn":"arn:aws:iam::aws:policy/service-role/Far","DefaultVersionId":"v1",
            "PolicyVersionList":[{{"VersionId":"v1","Document":{document}}}]}}]}}"#
    ));
    let lines: Vec<_> = LOG.iter().map(|it| (*it).to_owned()).collect();
    let (exercised, wishes) = (exercised(&lines), days(2));
    let mut rightsizer = Rightsizer::new(&exercised, &wishes);
    let made = rightsizer.of(&account, user, Timestamp::default()).expect("a smaller policy");
    let told: Vec<_> = made
        .certificate
        .decisions
        .iter()
        .map(|it| format!("{} {} {}→{}", it.decision.as_str(), it.entitlement, it.before, it.after))
        .collect();
    // Ann did nothing: all of it goes, but what comes through the group.
    assert_eq!(
        told,
        [
            "revoke policy arn:aws:iam::aws:policy/service-role/Far 4→0",
            "keep group ops › inline policy in 4→4"
        ]
    );
    assert!(made.certificate.removed.actions.is_empty(), "the group gives them all the same");
    assert_eq!(made.certificate.unread, ["policy gone", "group lost"]);
    let stages: Vec<_> = made.plan.stages.iter().map(|it| it.stage).collect();
    assert_eq!(stages, ["shadow", "remove"], "nothing is gone that could be denied first");
    let remove = &made.plan.stages[1];
    assert_eq!(remove.commands[0][2], "detach-user-policy");
    assert_eq!(remove.rollback[0][2..5], ["attach-user-policy", "--user-name", "ann"]);
    for (wanted, said) in [
        ("nobody", "no user and no role in these grants is `nobody`"),
        ("", "no user and no role in these grants is ``"),
    ] {
        let error = rightsizer.of(&account, wanted, Timestamp::default()).expect_err("nobody");
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn what_is_denied_for_a_trial_is_what_goes_and_ends_by_itself() {
    let statement =
        [r#"{"Statement":{"Effect":"Allow","Action":["ec2:*"],"Resource":"*"}}"#.to_owned()];
    let made = rightsized(&LOG, &account(&statement, ""), &days(2));
    let stages: Vec<_> = made.plan.stages.iter().map(|it| it.stage).collect();
    assert_eq!(stages, ["shadow", "deny", "remove"]);
    let deny = made.documents.iter().find(|it| it.file.starts_with("deny/")).expect("a denial");
    assert_eq!(
        deny.json.canonical(),
        r#"{"Statement":[{"Action":["ec2:D*","ec2:StopInstances"],"Condition":{"DateLessThan":{"aws:CurrentTime":"1970-01-29T00:00:00Z"}},"Effect":"Deny","Resource":"*","Sid":"RightsizeTrial"}],"Version":"2012-10-17"}"#
    );
    let back = made.documents.iter().find(|it| it.file.starts_with("rollback/")).expect("the old");
    assert_eq!(back.json.canonical(), json(&statement[0]).canonical());
}

#[test]
fn more_policies_at_once_than_aws_attaches_are_said_beforehand() {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
    let told = |count: usize| {
        let arns = (0..count).map(|it| format!("arn:aws:iam::1:policy/p{it}"));
        let attached: Vec<_> =
            arns.clone().map(|it| format!(r#"{{"PolicyArn":"{it}"}}"#)).collect();
        let versions = format!(r#"[{{"VersionId":"v1","Document":{document}}}]"#);
        let policies: Vec<_> = arns
            .map(|it| {
                format!(
                    r#"{{"Arn":"{it}","DefaultVersionId":"v1","PolicyVersionList":{versions}}}"#
                )
            })
            .collect();
        let account = json(&format!(
            r#"{{"RoleDetailList":[{{"Arn":"{WHO}","AttachedManagedPolicies":[{}]}}],"Policies":[{}]}}"#,
            attached.join(","),
            policies.join(",")
        ));
        rightsized(&LOG, &account, &days(2))
    };
    assert_eq!(told(9).certificate.notes, Vec::<String>::new());
    assert_eq!(
        told(10).certificate.notes,
        [
            "up to 11 managed policies are attached at once while the plan is carried out: AWS's quota is 10 unless it was raised"
        ]
    );
    // What denies for a trial makes room before the new policies come.
    let remove = told(9).plan.stages.pop().expect("a stage");
    let verbs: Vec<_> = remove.commands.iter().take(4).map(|it| it[2].as_str()).collect();
    assert_eq!(
        verbs,
        ["detach-role-policy", "delete-policy", "create-policy", "attach-role-policy"]
    );
}

#[test]
fn what_is_no_policy_is_refused_and_what_is_strange_stays() {
    let lines: Vec<_> = LOG.iter().map(|it| (*it).to_owned()).collect();
    let (exercised, wishes) = (exercised(&lines), days(2));
    let mut rightsizer = Rightsizer::new(&exercised, &wishes);
    let mut of = |document: &str| {
        let account = account(&[document.to_owned()], "");
        let made = rightsizer.of(&account, WHO, Timestamp::default());
        made.map(|it| it.certificate.decisions[0].decision)
    };
    for document in ["null", "7", "[]", "{}", r#""%7""#, r#""%7B""#, r#""{""#] {
        let error = of(document).expect_err("no policy").to_string();
        assert!(error.starts_with("arn:aws:iam::1:role/somebody › p0: "), "{document}: {error}");
    }
    let stars = "*a".repeat(1_000);
    let many = format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":["ec2:{stars}","ec2:*"],"Resource":"{stars}"}}}}"#
    );
    assert_eq!(of(&many), Ok(Decide::Reduce));
    for strange in [
        "7",
        "[7]",
        r#"{"Effect":"Perhaps","Action":"ec2:*","Resource":"*"}"#,
        r#"{"Effect":"Allow","Action":["ec2:*",7],"Resource":"*"}"#,
        r#"{"Effect":"Allow","Action":"ec2:*","NotAction":"s3:*","Resource":"*"}"#,
        r#"{"Effect":"Allow","Action":"ec2:*"}"#,
        r#"{"Effect":"Allow","Action":"ec2:*","Resource":"*","Principal":"*"}"#,
    ] {
        assert_eq!(of(&format!(r#"{{"Statement":{strange}}}"#)), Ok(Decide::Keep), "{strange}");
    }
    let escaped = r#""%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22ec2%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D""#;
    assert_eq!(of(escaped), Ok(Decide::Reduce));
}

/// One statement out of small numbers.
fn statement((effect, actions, but, resource, condition): (u8, Vec<u8>, u8, u8, u8)) -> String {
    const PATTERNS: [&str; 14] = [
        "*",
        "*:*",
        "ec2:*",
        "s3:*",
        "ec2:Describe*",
        "s3:?etObject",
        "EC2:runinstances",
        "iam:*",
        "s3:GetObject",
        "s3:PutObject",
        "s3:NewThing",
        "*:Put*",
        "lambda:*",
        "s3:*Object",
    ];
    const RESOURCES: [&str; 4] = [
        r#""*""#,
        r#"["arn:aws:s3:::a/*","arn:aws:ec2:*"]"#,
        r#""arn:aws:s3:::b/?""#,
        r#""arn:aws:s3:::${aws:username}/*""#,
    ];
    const CONDITIONS: [&str; 5] = [
        "",
        r#","Condition":{"StringEquals":{"aws:T":"x"}}"#,
        r#","Condition":{"StringNotLike":{"aws:T":["y*"]}}"#,
        r#","Condition":{"Bool":{"aws:M":"true"},"StringLike":{"aws:T":"x"}}"#,
        r#","Condition":{"WeatherIs":{"aws:T":"x"}}"#,
    ];
    let effect = if effect == 0 { "Deny" } else { "Allow" };
    let names: Vec<_> =
        actions.iter().map(|it| format!("\"{}\"", PATTERNS[usize::from(it % 14)])).collect();
    let action = if but & 1 == 0 { "Action" } else { "NotAction" };
    let on = if but & 2 == 0 { "Resource" } else { "NotResource" };
    format!(
        r#"{{"Effect":"{effect}","{action}":[{}],"{on}":{}{}}}"#,
        names.join(","),
        RESOURCES[usize::from(resource % 4)],
        CONDITIONS[usize::from(condition % 5)],
    )
}

fn statements() -> impl Strategy<Value = Vec<String>> {
    let one = (0..4_u8, proptest::collection::vec(0..14_u8, 1..4), 0..4_u8, 0..4_u8, 0..5_u8);
    proptest::collection::vec(one.prop_map(statement), 1..4)
}

fn policy(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// Every action once; on which of two resources and in which of three cases, `turn` says.
fn requests(turn: usize) -> Vec<Request> {
    let contexts = [&[][..], &[("aws:t", "x"), ("aws:m", "true")], &[("aws:t", "y1")]];
    let one = |(place, action): (usize, &&str)| {
        let turn = turn.wrapping_add(place.wrapping_mul(5));
        let context = contexts[turn % 3].iter();
        let context = context.map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]));
        Request {
            action: (*action).to_owned(),
            resource: Some(["arn:aws:s3:::a/k", "arn:aws:s3:::b/k"][turn % 2].to_owned()),
            context: Some(context.collect::<BTreeMap<_, _>>()),
        }
    };
    ACTIONS.iter().enumerate().map(one).collect()
}

/// Reads the documents that an identity holds once all is done.
fn afterwards(policies: &[String], made: &Rightsized) -> Vec<Policy> {
    let mut after = Vec::new();
    for (document, decision) in policies.iter().zip(&made.certificate.decisions) {
        if !decision.is_changed {
            after.push(Policy::read(&json(document)).expect("a policy"));
        }
        for it in &decision.documents {
            let found = made.documents.iter().find(|other| other.file == it.file);
            after.push(Policy::read(&found.expect("a document").json).expect("a policy"));
        }
    }
    after
}

/// What somebody does to a certificate.
type Change = fn(&mut Certificate);

#[test]
fn a_certificate_that_says_something_else_than_the_files_does_not_hold() {
    let policy = [r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#.to_owned()];
    let account = account(&policy, "");
    let made = rightsized(&LOG, &account, &days(2));
    let lines: Vec<_> = LOG.iter().map(|it| (*it).to_owned()).collect();
    let exercised = exercised(&lines);
    assert!(verified(&made, &account, &exercised).holds);
    let changes: [(&str, Change); 9] = [
        ("removed, and not called so: ec2:StopInstances", |it| {
            it.removed.actions.retain(|it| it != "ec2:StopInstances");
        }),
        ("called removed, and is not: ec2:RunInstances", |it| {
            it.removed.actions.push("ec2:RunInstances".to_owned());
        }),
        ("removed, and in the log: ec2:RunInstances", |it| {
            it.removed.actions.push("ec2:RunInstances".to_owned());
        }),
        ("kept, and not called so: iam:PassRole", |it| {
            it.kept.remove(&KeptFor::Unobservable);
        }),
        ("called kept, and is not: ec2:StopInstances", |it| {
            it.kept.insert(KeptFor::Named, vec!["ec2:StopInstances".to_owned()]);
        }),
        ("kept for a use that is not in the log: iam:PassRole", |it| {
            it.kept.insert(KeptFor::Attempted, vec!["iam:PassRole".to_owned()]);
        }),
        ("removed, and could not have been seen for long enough: ", |it| it.wishes.window_days = 3),
        ("its observed days: the logs say something else", |it| it.observed_days = 9_999),
        ("its counts of accesses: the logs say something else", |it| it.events.exercised = 7),
    ];
    for (fault, change) in changes {
        let mut other = made.clone();
        change(&mut other.certificate);
        let told = verified(&other, &account, &exercised);
        assert!(
            !told.holds && told.claims.iter().any(|it| it.starts_with(fault)),
            "{fault}: {told:?}"
        );
    }
    let nothing = verify(&made.certificate, &account, &BTreeMap::new(), Some(&[]), &exercised);
    assert!(nothing.files.contains(&"the certificate names no log that it was made of".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]
    /// Law 11: used ⊆ P′ ⊆ P, and what nothing could have seen stays.
    #[test]
    fn law_11_a_smaller_policy_gives_all_that_was_used_and_nothing_new(
        policies in proptest::collection::vec(statements(), 1..3),
        events in proptest::collection::vec((0..3_u8, any::<bool>(), 0..12_usize, 0..4_u8), 0..8),
        window_days in 0..3_u64,
        margin in any::<bool>(),
        turn in 0..6_usize,
    ) {
        let lines: Vec<_> = events
            .iter()
            .map(|(day, me, action, ok)| {
                let (me, ok) = (if *me { "me" } else { "other" }, if *ok == 0 { "no" } else { "ok" });
                format!("{day} {me} {} {ok}", ACTIONS[*action])
            })
            .collect();
        let exercised = exercised(&lines);
        let policies: Vec<_> = policies.iter().map(|it| policy(it)).collect();
        let margin = if margin { Margin::Siblings } else { Margin::None };
        let wishes = Wishes { margin, ..days(window_days) };
        let account = account(&policies, "");
        let made = Rightsizer::new(&exercised, &wishes).of(&account, WHO, Timestamp::default());
        let made = made.expect("a smaller policy");
        let before: Vec<_> =
            policies.iter().map(|it| Policy::read(&json(it)).expect("a policy")).collect();
        let after = afterwards(&policies, &made);
        prop_assert_eq!(gives_more(&before, &after), Vec::<String>::new());
        prop_assert_eq!(replay(&before, &after, &[], &used_of(&exercised, WHO)).lost, Vec::new());
        let checks = &made.certificate.checks;
        prop_assert!(checks.gives_no_more && checks.gives_all_used);
        let told = verified(&made, &account, &exercised);
        prop_assert!(told.holds, "{:?}", told);

        let used = |it: &str| events.iter().any(|(_, me, action, _)| *me && ACTIONS[*action] == it);
        let seen = |reads: bool, data: bool| {
            let sort = |it: &str| match it {
                "ec2:DescribeImages" | "ec2:DescribeInstances" | "iam:GetRole" | "s3:GetBucketPolicy" => Some((true, false)),
                "ec2:RunInstances" | "ec2:StopInstances" | "iam:AttachRolePolicy" => Some((false, false)),
                "s3:GetObject" => Some((true, true)),
                "s3:PutObject" => Some((false, true)),
                _ => None,
            };
            events.iter().any(|(_, _, action, _)| sort(ACTIONS[*action]) == Some((reads, data)))
        };
        for request in requests(turn) {
            let was = allows(&before, &[], &request);
            let is = allows(&after, &[], &request);
            prop_assert!(is <= was, "{:?}", request);
            let stays = match request.action.as_str() {
                "iam:AttachRolePolicy" | "iam:PassRole" => true,
                "s3:GetObject" => !seen(true, true),
                "s3:PutObject" => !seen(false, true),
                "ec2:RunInstances" | "ec2:StopInstances" => !seen(false, false),
                "iam:GetRole" | "ec2:DescribeImages" | "ec2:DescribeInstances" | "s3:GetBucketPolicy" => !seen(true, false),
                _ => false,
            };
            let stays = stays || (used(&request.action) && request.action != "s3:NewThing" && request.action != "weather:MakeRain");
            prop_assert!(!stays || is == was, "{:?}: {:?}, was {:?}", request, is, was);
        }
    }
}
