//! `chains`: who came by which way to what, and who could.

mod organisation;

use std::{fs, process::Command};

use bailiwick_connect::opengraph::OpenGraph;
use bailiwick_model::Platform;
use bailiwick_testkit::organisation::{Plan, organisation};
use serde_json::Value;

/// A folder with the logs and the grants of an organisation.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        let all = organisation(Plan { seed: 2, works: 40, leases: false });
        house.write("aws.jsonl", &all.logs[&Platform::Aws].join("\n"));
        house.write("grants.json", &all.grants.to_string());
        house.write("sensitivity.toml", "\"arn:aws:s3:::releases/*\" = \"confidential\"\n");
        house.write(
            "graph.json",
            r#"{"graph":{"nodes":[{"id":"G1","kinds":["GH_Team"],"properties":{"name":"web"}}],"edges":[
            {"kind":"GH_Write","start":{"value":"WEB","match_by":"name"},"end":{"value":"repo:org/web:ref:refs/heads/main"}}]}}"#,
        );
        house
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.args(words).current_dir(self.0.path());
        command.env_remove("BAILIWICK_CONFIG").env_remove("BAILIWICK_LOG");
        let ran = command.output().unwrap();
        let text = |it| String::from_utf8(it).unwrap();
        (ran.status.code().unwrap_or(-1), text(ran.stdout), text(ran.stderr))
    }

    fn json(&self, words: &[&str]) -> Value {
        let (code, told, error) = self.run(&[words, &["--output", "json"]].concat());
        assert_eq!(code, 0, "{words:?}: {error}");
        serde_json::from_str(&told).unwrap()
    }
}

/// Writes each way as its hops.
fn ways(told: &Value) -> Vec<String> {
    let way = |it: &Value| {
        let steps = it["steps"].as_array().unwrap().iter();
        let steps: Vec<_> = steps
            .map(|it| format!(" {} {}", it["via"].as_str().unwrap(), it["to"].as_str().unwrap()))
            .collect();
        format!(
            "{} {}{}",
            it["state"].as_str().unwrap(),
            it["from"].as_str().unwrap(),
            steps.concat()
        )
    };
    told["ways"].as_array().unwrap().iter().map(way).collect()
}

const DEPLOY: &str = "arn:aws:iam::111122223333:role/deploy";

#[test]
fn a_repository_of_others_leads_to_what_is_confidential() {
    let house = House::new();
    let words = ["chains", "aws.jsonl", "--grants", "grants.json", "--graph", "graph.json"];
    let ask =
        ["--from", "G1", "--to", "sensitivity>=confidential", "--sensitivity", "sensitivity.toml"];
    let told = house.json(&[words.as_slice(), &ask].concat());
    let subject = "repo:org/web:ref:refs/heads/main";
    assert_eq!(
        ways(&told),
        [format!(
            "possible G1 GH_Write {subject} assume-role {DEPLOY} access arn:aws:s3:::releases/*"
        )]
    );
    let steps = &told["ways"][0]["steps"];
    assert_eq!((&steps[0]["state"], &steps[1]["state"]), (&"possible".into(), &"exercised".into()));
    assert_eq!(told["ways"][0]["sensitivity"], "confidential");
    let (code, text, error) = house.run(&[words.as_slice(), &ask].concat());
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(text.contains(&format!("G1 › ?GH_Write › {subject} › ")), "{text}");
    assert!(text.contains("FROM ONE SYSTEM TO ANOTHER"), "{text}");
}

#[test]
fn programs_may_rely_on_the_shape_and_on_its_order() {
    let house = House::new();
    let words = ["chains", "aws.jsonl", "--grants", "grants.json", "--to", "role/reader"];
    let told = house.json(&words);
    let names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["summary", "ways", "crossings"]);
    assert!(
        ways(&told)
            .iter()
            .any(|it| it.starts_with("exercised ") && it.matches("assume-role").count() == 2)
    );
    let crossing = &told["crossings"][0];
    for name in [
        "from_platform",
        "from",
        "to_platform",
        "to",
        "via",
        "count",
        "first",
        "last",
        "watched_before",
        "new",
    ] {
        assert!(!crossing[name].is_null(), "{name}: {crossing}");
    }
    let text = fs::read_to_string(house.0.path().join("aws.jsonl")).unwrap();
    let turned: Vec<_> = text.lines().rev().chain(text.lines().take(9)).collect();
    house.write("aws.jsonl", &turned.join("\n"));
    assert_eq!(told, house.json(&words), "another order, and some of it twice");
}

#[test]
fn graphs_go_out_and_come_back() {
    let house = House::new();
    let (code, text, error) =
        house.run(&["chains", "aws.jsonl", "--grants", "grants.json", "--format", "opengraph"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let graph = OpenGraph::read(text.as_bytes()).unwrap();
    let assumed = graph.graph.edges.iter().find(|it| it.kind == "BW_AssumeRole").unwrap();
    for name in
        ["exercised", "count", "first_seen", "last_seen", "observed_days", "state", "traversable"]
    {
        assert!(assumed.properties.contains_key(name), "{name}: {assumed:?}");
    }
    let ids: Vec<_> = graph.graph.nodes.iter().map(|it| it.id.as_str()).collect();
    for edge in &graph.graph.edges {
        assert!(ids.contains(&edge.start.value.as_str()) && ids.contains(&edge.end.value.as_str()));
    }
    house.write("back.json", &text);
    let told = house.json(&[
        "chains",
        "--graph",
        "back.json",
        "--from",
        "repo:org/web:ref:refs/heads/main",
        "--to",
        DEPLOY,
    ]);
    // What somebody once did, somebody could.
    assert_eq!(
        ways(&told),
        [format!("possible repo:org/web:ref:refs/heads/main BW_AssumeRole {DEPLOY}")]
    );
    let (code, text, error) =
        house.run(&["audit", "aws.jsonl", "--grants", "grants.json", "--format", "opengraph"]);
    assert_eq!((code, error.as_str()), (0, ""));
    let graph = OpenGraph::read(text.as_bytes()).unwrap();
    let states: std::collections::BTreeSet<_> =
        graph.graph.edges.iter().filter_map(|it| it.properties["state"].as_str()).collect();
    assert!(states.contains("exercised") && states.contains("dormant"), "{states:?}");
}

#[test]
fn what_is_wrong_is_said_and_ends_it() {
    let house = House::new();
    house.write("wrong.toml", "\"a\" = \"secret\"\n");
    for (words, said) in [
        (&["chains"][..], "required"),
        (&["chains", "aws.jsonl", "--from", "nobody"], "names `nobody`"),
        (&["chains", "aws.jsonl", "--to", "sensitivity>=internal"], "--sensitivity"),
        (&["chains", "aws.jsonl", "--to", "sensitivity>=secret"], "`secret` is none of"),
        (&["chains", "aws.jsonl", "--sensitivity", "wrong.toml"], "`a` is \"secret\""),
        (&["chains", "--graph", "grants.json"], "no OpenGraph document"),
        (&["chains", "--graph", "missing.json"], "missing.json"),
        (&["chains", "aws.jsonl", "--hops", "0"], "--hops"),
    ] {
        let (code, told, error) = house.run(words);
        assert_eq!((code, told.as_str()), (2, ""), "{words:?}: {error}");
        assert!(error.contains(said), "{words:?}: {error}");
    }
}

#[test]
fn a_name_of_anybody_moves_nothing_on_a_terminal() {
    let house = House::new();
    let graph = r#"{"graph":{"nodes":[{"id":"evil\u001b[2J","kinds":["K"],"properties":{}}],"edges":[
        {"kind":"Leads\u001b]0;To","start":{"value":"evil\u001b[2J"},"end":{"value":"end\u202e"}}]}}"#;
    house.write("evil.json", graph);
    let (code, text, error) = house.run(&["chains", "--graph", "evil.json", "--from", "evil"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(text.contains("evil\\u{1b}[2J › ?Leads\\u{1b}]0;To › end\\u{202e}"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}
