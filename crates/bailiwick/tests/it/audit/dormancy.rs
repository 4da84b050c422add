//! What is called dormant, when that is enough, and what somebody excluded.

use serde_json::{Value, json};

use super::{House, ROLE, grants, states};

const WORDS: [&str; 3] = ["log.jsonl", "--grants", "grants.json"];

fn entry<'a>(told: &'a Value, name: &str) -> &'a Value {
    let identities = told["identities"].as_array().unwrap();
    let role = identities.iter().find(|it| it["id"] == ROLE).unwrap();
    role["entries"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

fn with<'w>(more: &[&'w str]) -> Vec<&'w str> {
    WORDS.iter().chain(more).copied().collect()
}

#[test]
fn a_few_days_of_a_log_are_said_to_be_few_and_a_shorter_window_may_be_asked_for() {
    let house = House::new();
    let told = house.json(&WORDS);
    assert_eq!(told["summary"]["window_days"], 90);
    let images = entry(&told, "aws:ec2:DescribeImages");
    assert_eq!((&images["state"], &images["not_yet"]), (&json!("dormant"), &json!("too_few_days")));
    let told = house.json(&with(&["--window", "1d"]));
    let images = entry(&told, "aws:ec2:DescribeImages");
    assert_eq!((&images["state"], &images["not_yet"]), (&json!("dormant"), &Value::Null));
    // What was used last on the last day lies idle on none, and what was used before on those since.
    let idle = |name| entry(&told, name)["idle"]["days"].clone();
    assert_eq!(idle("aws:s3:PutObject"), 0);
    assert_eq!(idle("aws:ec2:RunInstances"), 1);
    assert_eq!(idle("aws:iam:PassRole"), Value::Null, "no record shows it by itself");
    assert_eq!(entry(&told, "aws:ec2:RunInstances")["idle"]["has_lapsed"], true);
    let ran = house.run(&with(&["--window", "36h"]));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("whole days, like `90d` or `2w`"), "{}", ran.stderr);
}

#[test]
fn a_role_that_was_made_this_month_is_not_called_dormant() {
    let house = House::new();
    let mut new = grants();
    new["RoleDetailList"][0]["CreateDate"] = json!("2026-02-20T00:00:00Z");
    house.write("grants.json", new.to_string().as_bytes());
    let told = house.json(&WORDS);
    let images = entry(&told, "aws:ec2:DescribeImages");
    assert_eq!((&images["state"], &images["not_yet"]), (&json!("excluded"), &json!("new_grant")));
    assert!(!states(&told, ROLE).values().any(|it| *it == "dormant"));
    let findings = told["findings"].as_array().unwrap();
    assert!(!findings.iter().any(|it| it["finding"] == "standing-grant"), "{findings:?}");
}

#[test]
fn what_is_excluded_is_told_with_its_reason_and_ends() {
    let house = House::new();
    let until = |day: &str| {
        format!(
            "[[exclude]]\nidentity = \"*:role/deployer\"\npermission = \"aws:s3:*\"\nreason = \"releases are cleaned up by hand\"\nowner = \"team-platform\"\nuntil = {day}\n"
        )
    };
    house.write("excluded.toml", until("2026-06-01").as_bytes());
    let words = with(&["--exclude", "excluded.toml"]);
    let told = house.json(&words);
    let deletes = entry(&told, "aws:s3:DeleteObject");
    assert_eq!((&deletes["state"], &deletes["not_yet"]), (&json!("excluded"), &json!("exclusion")));
    assert_eq!(deletes["exclusion"], 0);
    assert_eq!(told["exclusions"][0]["entries"], 1);
    assert_eq!(told["exclusions"][0]["exclusion"]["permission"], "aws:s3:*");
    // What it may do besides, and what nothing could have shown, stays what it is.
    assert_eq!(states(&told, ROLE)["aws:ec2:DescribeImages"], "dormant");
    assert_eq!(states(&told, ROLE)["aws:s3:GetObject"], "unobservable");
    let ran = house.run(&words);
    let part = ran.stdout.split("LOOK HERE FIRST").nth(1).unwrap();
    let part = part.split("\n\n").skip(1).take(3).collect::<Vec<_>>().join("\n\n");
    insta::assert_snapshot!(part, @r"
     IDENTITY                                 SYSTEM  KIND     EXERCISED  ATTEMPTED  DORMANT  UNOBSERVABLE  EXCLUDED  LAST
     arn:aws:iam::111122223333:role/deployer  aws     role     4          1          1        1             1         2026-03-04T10:00:00.000Z
     arn:aws:iam::111122223333:user/ci        aws     unknown  1          0          0        0             0         2026-03-01T10:00:00.000Z

    exercised: used · attempted: asked for, and denied each time · dormant: granted, its use would have been seen, and was not · unobservable: granted, and nothing that was read could show its use · excluded: not called dormant for now: granted too short a time ago, or as somebody said, or the season says

    arn:aws:iam::111122223333:role/deployer
      exercised     aws:ec2:DescribeInstances 1×, aws:ec2:RunInstances 1×, aws:iam:PassRole 1×, aws:s3:PutObject 2×
      attempted     aws:ec2:TerminateInstances 1×
      dormant       aws:ec2:DescribeImages
                    1 observed on fewer than 90 days, 1 at most: not to be taken away yet
      unobservable  aws:s3:GetObject
      excluded      aws:s3:DeleteObject (exclusion: releases are cleaned up by hand)
    ");
    let last = ran.stdout.split("EXCLUDED FROM BEING DORMANT").nth(1).unwrap();
    insta::assert_snapshot!(last.lines().nth(1).unwrap(), @r"  aws:s3:* of *:role/deployer, until 2026-06-01T00:00:00.000Z: 1 permission; releases are cleaned up by hand (team-platform)");
    let page = house.run(&[&words[..], &["--format", "html"]].concat()).stdout;
    assert!(page.contains("exclusion: releases are cleaned up by hand"), "the page says why");
    assert!(page.contains("<b>1</b> excluded"), "the page counts it");

    house.write("excluded.toml", until("2026-03-01").as_bytes());
    let told = house.json(&words);
    assert_eq!(states(&told, ROLE)["aws:s3:DeleteObject"], "dormant");
    assert_eq!(told["exclusions"][0]["has_ended"], true);
    let ran = house.run(&words);
    assert!(
        ran.stderr.contains("the exclusion of aws:s3:* of *:role/deployer ended at 2026-03-01T00:00:00.000Z, and counts no more"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_exclusion_that_fits_nothing_is_remarked_on_and_one_that_is_wrong_ends_the_command() {
    let house = House::new();
    let rest = "reason = \"r\"\nowner = \"o\"\nuntil = 2027-01-01\n";
    let write = |line: &str| {
        house.write("excluded.toml", format!("[[exclude]]\n{line}\n{rest}").as_bytes());
        house.run(&with(&["--exclude", "excluded.toml"]))
    };
    let ran = write("permission = \"aws:s3:Delete\"");
    assert_eq!(ran.code, 0);
    let says = "the exclusion of aws:s3:Delete fits nothing that would be dormant";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let ran = write("permision = \"aws:s3:*\"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("unknown key `exclude[0].permision`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("mistakes in the exclusions"), "{}", ran.stderr);
}

#[test]
fn a_grant_for_a_namespace_that_is_not_used_there_is_told_of_beside_the_one_that_is() {
    let house = House::new();
    let event = |number: u8, who: &str, namespace: &str| {
        json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete",
            "auditID": format!("00000000-0000-4000-8000-0000000000{number:02}"), "verb": "get",
            "requestURI": format!("/api/v1/namespaces/{namespace}/pods/web"),
            "user": { "username": who }, "responseStatus": { "code": 200 },
            "objectRef": { "resource": "pods", "namespace": namespace, "name": "web", "apiVersion": "v1" },
            "requestReceivedTimestamp": "2026-03-01T10:00:00.000000Z",
        })
    };
    let log = [event(1, "ann", "shop"), event(2, "bob", "till")];
    let lines: String = log.iter().map(|it| format!("{it}\n")).collect();
    house.write("cluster.jsonl", lines.as_bytes());
    let binding = |namespace: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "readers", "namespace": namespace },
            "roleRef": { "kind": "ClusterRole", "name": "reader" },
            "subjects": [{ "kind": "User", "name": "ann" }],
        })
    };
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": "reader" },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] }],
    });
    let items = [role, binding("shop"), binding("till"), binding("bank")];
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    house.write("rbac.json", list.to_string().as_bytes());
    let told = house.json(&["cluster.jsonl", "--grants", "rbac.json"]);
    let ann = told["identities"].as_array().unwrap().iter().find(|it| it["id"] == "ann").unwrap();
    let one = |it: &Value| format!("{} {} of {}", it["within"], it["state"], it["observed_days"]);
    let entries: Vec<_> = ann["entries"].as_array().unwrap().iter().map(one).collect();
    assert_eq!(
        entries,
        ["null \"exercised\" of 1", "\"bank\" \"unobservable\" of 0", "\"till\" \"dormant\" of 1",]
    );
    let shown = house.run(&["cluster.jsonl", "--grants", "rbac.json"]).stdout;
    assert!(shown.contains("dormant       kubernetes:core/pods:get in till\n"), "{shown}");
}
