//! All mistakes at once, in a stable order; and what a house's digests notice.

use super::{Files, KEY};
use crate::config::place;

#[test]
fn six_mistakes_in_one_file_are_shown_at_once() {
    let files = Files::good().with(
        "bailiwick.toml",
        "[listen]\nhttp = \"0.0.0.0:8470\"\nport = 8470\n\
         [evidence]\narguments = \"all\"\nretain = 400\n\
         [[server]]\nname = \"files\"\ncommand = [\"x\"]\ntimeout = \"soon\"\n\
         [[fact]]\nname = \"freeze\"\n",
    );
    let found = files.load().unwrap_err().errors;
    let lines: Vec<String> = found
        .iter()
        .map(|it| {
            let place = place(it.as_ref());
            format!("{}:{} {} {it}", place.line, place.column, it.code().unwrap())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    2:8 CFG-010 `0.0.0.0:8470` can be reached from elsewhere, and tokens would go there in the clear
    3:1 CFG-003 unknown key `listen.port`
    5:13 CFG-006 `evidence.arguments` may not be `all`
    6:10 CFG-005 `evidence.retain` should be text
    10:11 CFG-007 `soon` is not a length of time like `90s`, `10m`, `1h` or `400d`
    11:1 CFG-004 `fact[0].until` is missing
    ");
}

#[test]
fn mistakes_of_all_files_come_in_the_order_of_files_and_places() {
    let files = Files::good()
        .config("[listen]\nx = 1\ny = 2\n")
        .charter("kind = \"agent\"", "kind = \"x\"")
        .template("[window]", "[windwo]")
        .with("policies/bad.cedar", "permit (principal action, resource);");
    let errors = files.load().unwrap_err().errors;
    let places: Vec<(String, usize)> = errors
        .iter()
        .map(|it| place(it.as_ref()))
        .map(|it| (it.file.unwrap(), it.offset))
        .collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    let mut names: Vec<&str> = places.iter().map(|(file, _)| file.as_str()).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "bailiwick.toml",
            "charters/triage-agent.toml",
            "policies/bad.cedar",
            "templates/ticket-triage.toml"
        ]
    );
}

#[test]
fn digests_name_what_changed() {
    let files = Files::good()
        .charter("{ uid = 1000 }", "{ key = \"keys/a.pub.pem\" }")
        .with("keys/a.pub.pem", KEY);
    let (before, _) = files.load().unwrap();
    let (same, _) = files.load().unwrap();
    assert_eq!(before.groups, same.groups);

    let files = files.with("keys/a.pub.pem", KEY.replace("AAAA", "BBBB"));
    let files = files.with(
        "policies/p.cedar",
        "@id(\"p\") permit (principal, action, resource) when { context.granted };",
    );
    let (after, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let differ = |group: &str, file: &str| {
        after.groups[group].files.get(file) != before.groups[group].files.get(file)
    };
    assert!(differ("charters", "keys/a.pub.pem") && differ("policies", "policies/p.cedar"));
    assert!(!differ("charters", "charters/triage-agent.toml"));
    assert_ne!(after.groups["charters"].digest, before.groups["charters"].digest);
    assert_ne!(after.groups["policies"].digest, before.groups["policies"].digest);
    assert_eq!(after.groups["templates"], before.groups["templates"]);
    assert_eq!(after.groups["configuration"], before.groups["configuration"]);
}
