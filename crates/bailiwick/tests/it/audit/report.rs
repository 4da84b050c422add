//! Findings, reach, and the shapes of the report that are for people and for other systems.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{House, ROLE, USER, events, names, pretty};

const CHARTER: &str = "identity = \"deployer\"
kind = \"ci\"
class = \"ci\"
owner = \"team-release\"
purpose = \"Release what was built\"
proof = [{ key = \"keys/deployer.pub.pem\" }]
servers = [\"files\"]
systems = [\"aws:999900001111\", \"github\"]
known_as = [\"aws:arn:aws:iam::111122223333:role/deployer\", \"github:deployer[bot]\"]
";

const ALL: [&str; 5] = ["log.jsonl", "--grants", "grants.json", "--charters", "charters"];

fn house() -> House {
    let house = House::new();
    house.write("charters/deployer.toml", CHARTER.as_bytes());
    house
}

#[test]
fn a_charter_says_what_an_identity_is_meant_to_touch() {
    let told = house().json(&ALL);
    let findings = told["findings"].as_array().unwrap();
    let kinds: Vec<_> = findings
        .iter()
        .map(|it| format!("{} {} {}", it["finding"], it["risk"], it["identity"]).replace('"', ""))
        .collect();
    assert_eq!(
        kinds,
        [
            format!("outside-charter NHI8:2025 {ROLE}"),
            format!("static-key NHI7:2025 {USER}"),
            format!("ownerless NHI1:2025 {USER}"),
            format!("standing-grant NHI5:2025 {ROLE}"),
        ]
    );
    insta::assert_snapshot!(pretty(&findings[0]), @r#"
    {
      "finding": "outside-charter",
      "risk": "NHI8:2025",
      "title": "Environment Isolation",
      "platform": "aws",
      "identity": "arn:aws:iam::111122223333:role/deployer",
      "charter": "deployer",
      "says": "4 accesses in `aws:111122223333`, which the charter of `deployer` does not name, and 1 was refused",
      "system": "aws:111122223333",
      "count": 4,
      "first": "2026-03-01T10:00:00.000Z",
      "last": "2026-03-04T10:00:00.000Z"
    }
    "#);
    let reach: Vec<_> = told["reach"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {} {}", it["identity"], it["system"], it["reach"]).replace('"', ""))
        .collect();
    assert_eq!(
        reach,
        [
            format!("{ROLE} aws:111122223333 observe"),
            format!("{USER} aws:111122223333 observe"),
            "deployer aws:999900001111 blind".to_owned(),
            "deployer github blind".to_owned(),
            "deployer mcp:files prevent".to_owned(),
        ]
    );
    assert_eq!(
        names(&told["reach"][0]),
        ["identity", "charter", "system", "reach", "why"],
        "programs may rely on it"
    );
}

#[test]
fn without_charters_nothing_is_said_of_intent() {
    let told = house().json(&["log.jsonl", "--grants", "grants.json"]);
    let kinds: Vec<_> =
        told["findings"].as_array().unwrap().iter().map(|it| &it["finding"]).collect();
    assert_eq!(kinds, ["static-key", "standing-grant"]);
}

#[test]
fn a_finding_that_is_not_to_be_is_the_answer_no() {
    let house = house();
    let ends = |more: &[&str]| house.run(&[ALL.as_slice(), more].concat()).code;
    assert_eq!(ends(&[]), 0);
    assert_eq!(ends(&["--fail-on", "outside-charter"]), 1);
    assert_eq!(ends(&["--fail-on", "any", "--format", "csv"]), 1);
    assert_eq!(ends(&["--fail-on", "shared-identity", "--fail-on", "ownerless"]), 1);
    assert_eq!(ends(&["--fail-on", "overdue-credential"]), 0);
    assert_eq!(ends(&["--fail-on", "overdue-credential", "--max-key-age", "2d"]), 1);
    // The report of some identities is about these.
    assert_eq!(ends(&["--fail-on", "ownerless", "--identity", "deployer"]), 0);
    house.write("wrong/deployer.toml", CHARTER.replace("aws:9999", "amazon:9999").as_bytes());
    for words in [
        &["log.jsonl", "--charters", "wrong"][..],
        &["log.jsonl", "--charters", "missing"],
        &["log.jsonl", "--fail-on", "rain"],
        &["log.jsonl", "--max-key-age", "soon"],
    ] {
        let ran = house.run(words);
        assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{words:?}");
    }
    let ran = house.run(&["log.jsonl", "--charters", "wrong"]);
    assert!(ran.stderr.contains("`amazon` is no system that is read"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 mistake in the charters"), "{}", ran.stderr);
}

#[test]
fn findings_are_lines_for_spreadsheets() {
    let house = house();
    let ran = house.run(&[ALL.as_slice(), &["--format", "findings-csv"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<_> = ran.stdout.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "finding,risk,title,platform,identity,account,charter,says,credential,system,count,first,last"
    );
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines[2].starts_with("static-key,NHI7:2025,Long-Lived Secrets,aws,"), "{}", lines[2]);
    assert!(lines[2].contains("AKIAEXAMPLE0000000001"));
    let ran = house.run(&[ALL.as_slice(), &["--format", "csv"]].concat());
    let line = ran.stdout.lines().nth(1).unwrap();
    assert!(line.ends_with(",observe,outside-charter; standing-grant,too_few_days,,,"), "{line}");
}

#[test]
fn people_see_first_what_to_look_at_first() {
    let house = house();
    let ran = house.run(&ALL);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let found: String = ran
        .stdout
        .lines()
        .skip_while(|it| *it != "LOOK HERE FIRST")
        .take(6)
        .fold(String::new(), |all, it| all + it + "\n");
    insta::assert_snapshot!(found, @"
    LOOK HERE FIRST
     FINDING          RISK       IDENTITY                                 WHAT
     outside-charter  NHI8:2025  arn:aws:iam::111122223333:role/deployer  4 accesses in `aws:111122223333`, which the charter of `deployer` does not name, and 1 was refused
     static-key       NHI7:2025  arn:aws:iam::111122223333:user/ci        AKIAEXAMPLE0000000001: 3 accesses with a key that lasts until it is taken away
     ownerless        NHI1:2025  arn:aws:iam::111122223333:user/ci        no charter knows it, and so nobody answers for it
     standing-grant   NHI5:2025  arn:aws:iam::111122223333:role/deployer  2 of 8 granted permissions not used on up to 2 observed days
    ");
    assert!(ran.stdout.contains("HOW FAR ENFORCEMENT REACHES"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "a pipe has no colours");
}

#[test]
fn a_page_stands_by_itself() {
    let house = house();
    let ran = house.run(&[ALL.as_slice(), &["--format", "html"]].concat());
    let ours = ("<script>\"use strict\";", 1, 1);
    let scripts =
        (ours.0, ran.stdout.matches("<script").count(), ran.stdout.matches(ours.0).count());
    assert_eq!((ran.code, scripts), (0, ours), "{}", ran.stderr);
    for told in [
        "outside-charter",
        "NHI8:2025",
        "title=\"ec2: 2 exercised, 1 attempted, 1 dormant, 0 unobservable\">2/4</td>",
        "<svg",
        "role/<wbr>deployer",
        "weather.amazonaws.com:MakeRain",
        "default-src &#39;none&#39;",
    ] {
        let told = told.replace("&#39;", "'");
        assert!(ran.stdout.contains(&told), "{told}");
    }
    for address in ["http://", "https://", "src="] {
        assert!(!ran.stdout.contains(address), "it asks for nothing");
    }
}

#[test]
fn names_of_anybody_are_text_on_a_terminal_and_on_a_page() {
    let house = House::new();
    let mut event = events().remove(1);
    event["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] =
        json!("arn:aws:iam::1:role/\u{1b}[2J<script>alert(1)</script>");
    house.write("evil.jsonl", event.to_string().as_bytes());
    let shown = house.run(&["evil.jsonl"]);
    assert_eq!((shown.code, shown.stdout.contains('\u{1b}')), (0, false), "{}", shown.stdout);
    assert!(shown.stdout.contains("\\u{1b}[2J<script>"), "{}", shown.stdout);
    let page = house.run(&["evil.jsonl", "--format", "html"]);
    assert!(page.stdout.contains("&lt;script&gt;alert(1)"));
    assert_eq!(page.stdout.matches("<script").count(), 1, "the page's own");
}

#[test]
fn every_access_is_an_event_of_ocsf() {
    let house = house();
    let ran = house.run(&["log.jsonl", "--format", "ocsf"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("record 4: this is no JSON"), "{}", ran.stderr);
    let lines: Vec<Value> =
        ran.stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let mut kinds: BTreeMap<u64, usize> = BTreeMap::new();
    for it in &lines {
        let count = kinds.entry(it["type_uid"].as_u64().unwrap()).or_default();
        *count = count.saturating_add(1);
        assert_eq!(it["metadata"]["version"], "1.8.0");
    }
    // What comes twice is written twice, under one name.
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[1]["metadata"]["uid"], lines[8]["metadata"]["uid"]);
    assert_eq!(kinds, BTreeMap::from([(300_201, 1), (600_302, 1), (600_304, 1), (600_399, 6)]));
    let ran = house.run(&["log.jsonl", "--format", "ocsf", "--identity", "user/ci"]);
    assert_eq!(ran.stdout.lines().count(), 3);
}

#[test]
fn what_a_log_says_of_itself_moves_no_terminal() {
    let house = House::new();
    let bad = |time: &str| json!({ "eventVersion": "1.08", "eventTime": time }).to_string();
    let long = format!("\u{1b}[2J\u{9b}2J{}", "x".repeat(5_000));
    let name = "\u{1b}]0;mine\u{7}\nerror: none.jsonl";
    house.write(name, format!("{}\n{}\n", bad("\u{1b}[2J"), bad(&long)).as_bytes());
    let ran = house.run(&["log.jsonl", name]);
    assert!(ran.stderr.contains("\\u{1b}]0;mine\\u{7}\\u{a}error"), "{:?}", ran.stderr);
    assert!(!ran.stderr.contains(|it: char| it.is_control() && it != '\n'), "{:?}", ran.stderr);
    assert!(ran.stderr.lines().all(|it| it.len() < 600), "{:?}", ran.stderr);
    // Nor does what ends the command.
    let ran = house.run(&["\u{1b}[2Jnone.jsonl"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("\\u{1b}[2Jnone.jsonl"), "{:?}", ran.stderr);
    assert!(!ran.stderr.contains('\u{1b}'), "{:?}", ran.stderr);
}
