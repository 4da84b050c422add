//! Policies as code: cases that are judged, and the common form.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES, until};

/// Cases for `NOTES` that come out as expected.
const GOOD: &str = r#"
at = "2026-11-26T10:00:00Z"

[[case]]
name = "a note below the folder is read"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/notes/today" } }
expect = "allow"
because = "bailiwick:granted"

[[case]]
name = "another file is not"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/etc/passwd" } }
expect = "deny"
because = "outside_grant"

[[case]]
name = "a path that two readers read in two ways is not"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/notes/../etc/passwd" } }
expect = "deny"
because = "not_normal"

[[case]]
name = "writing waits for a person"
as = "reader"
template = "asking"
call = { server = "notes", tool = "write_note", arguments = { path = "/notes/today", text = "x" } }
expect = "hold"
"#;

/// A policy that stops what the cases above want, on one day, and one that no case is about.
const FREEZE: &str = r#"
// What no template may do while nothing is to change.
@id("frozen")
@hold("a change during the freeze")
forbid (principal, action in Action::"write", resource)
when { context.facts.contains("freeze") }
unless { context.approval.granted };

@id("unseen")
forbid (principal, action in Action::"money", resource);
"#;

fn prepare(cases: &str) -> Governor {
    let governor = Governor::prepare(NOTES);
    governor.write("policies/freeze.cedar", FREEZE);
    governor.write("tests/cases.toml", cases);
    governor
}

fn case(more: &str) -> String {
    format!(
        "[[case]]\nname = \"one\"\nat = 2026-11-26T10:00:00Z\nas = \"reader\"\n\
         template = \"asking\"\n{more}\n"
    )
}

const WRITE: &str =
    "call = { server = \"notes\", tool = \"write_note\", arguments = { path = \"/notes/a\" } }\n";

#[test]
fn the_cases_of_the_guide_hold() {
    let here = env!("CARGO_MANIFEST_DIR");
    let guide = fs::read_to_string(format!("{here}/../../docs/guide/testing-policies.md")).unwrap();
    let block = |from: &str| guide.split(from).nth(1).unwrap().split("```").next().unwrap();
    let governor = Governor::prepare(&[]);
    governor.json(&["init", "."]);
    let written = fs::read_to_string(governor.path("tests/notes.toml")).unwrap();
    assert_eq!(written, block("```toml\n"));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.stdout, block("```console\n$ bailiwick policy test\n"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(governor.run(&["policy", "fmt", "--check"]).stdout, "good: 1 file\n");
}

#[test]
fn a_case_is_judged_as_the_gateway_judges_the_call() {
    let governor = Governor::start(NOTES);
    governor.write("tests/cases.toml", GOOD);
    let report = governor.json(&["policy", "test"]);
    assert_eq!(report["ok"], true, "{report:#}");
    let cases: toml::Table = GOOD.parse().unwrap();
    for (case, came) in
        cases["case"].as_array().unwrap().iter().zip(report["cases"].as_array().unwrap())
    {
        let (_, token) = governor.open("reader", case["template"].as_str().unwrap(), &[]);
        let call = &case["call"];
        let arguments = json!(call["arguments"]);
        let answer = governor.call(&token, call["tool"].as_str().unwrap(), &arguments);
        let refused = &answer["structuredContent"]["verdict"];
        let verdict = if refused.is_null() { &json!("allow") } else { refused };
        assert_eq!(*verdict, came["verdict"], "{case:?}: {answer}");
    }
}

#[test]
fn a_case_that_comes_out_otherwise_says_what_decided_and_where() {
    let facts = "facts = [\"freeze\"]\nexpect = \"allow\"\nbecause = [\"unseen\", \"frozen\"]";
    let governor = prepare(&case(&format!("{WRITE}{facts}")));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout, @r#"
    tests/cases.toml
      FAIL  one (tests/cases.toml:2)
            expected allow, and it is hold
            expected because of `unseen`, which decided nothing
            `unseen` wants that `action in [Action::"money"]`, and action = Action::"notes__write_note"
            decided by grant: `write_note` of `notes` is in no line of template `asking` [outside_grant, asking]
            decided by policy: a change during the freeze [approval_needed, frozen, policies/freeze.cedar:3]
            read as write on `/notes/a`

    1 of 1 case not as expected (0 allow, 1 hold, 0 deny)
    1 of 2 policies decided a case
      never decided: `unseen` (policies/freeze.cedar:9)
    "#);

    let report: Value =
        serde_json::from_str(&governor.run(&["policy", "test", "-o", "json"]).stdout).unwrap();
    assert_eq!((&report["ok"], &report["cases"][0]["verdict"]), (&json!(false), &json!("hold")));
    let decided = report["cases"][0]["decided_by"].as_array().unwrap();
    let frozen = decided.iter().find(|it| it["source"] == "frozen").unwrap();
    assert_eq!((&frozen["file"], &frozen["line"]), (&json!("policies/freeze.cedar"), &json!(3)));

    let junit = governor.run(&["policy", "test", "--format", "junit"]);
    assert_eq!(junit.code, 1);
    assert!(junit.stdout.contains("tests=\"1\" failures=\"1\""), "{}", junit.stdout);
    assert!(junit.stdout.contains("<failure message=\"expected allow, and it is hold;"));

    let sarif = governor.run(&["policy", "test", "--format", "sarif"]);
    assert_eq!(sarif.code, 1);
    let sarif: Value = serde_json::from_str(&sarif.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let place = |it: &Value| {
        let at = &it["locations"][0]["physicalLocation"];
        (
            it["ruleId"].clone(),
            at["artifactLocation"]["uri"].clone(),
            at["region"]["startLine"].clone(),
        )
    };
    let places: Vec<_> = results.iter().map(place).collect();
    assert_eq!(
        places,
        [
            (json!("policy-case-failed"), json!("tests/cases.toml"), json!(2)),
            (json!("policy-never-decided"), json!("policies/freeze.cedar"), json!(9)),
        ]
    );
}

#[test]
fn a_persons_yes_is_asked_for_and_counts_once_it_was() {
    let wanted = "approved_by = \"ada\"\nexpect = \"allow\"\n";
    let facts = "facts = [\"freeze\"]\n";
    let governor =
        prepare(&case(&format!("{WRITE}{facts}{wanted}because = [\"frozen\", \"approved\"]")));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    // What needs no yes is no case for one.
    let read = WRITE.replace("write_note", "read_note");
    governor.write("tests/cases.toml", &case(&format!("{read}{wanted}")));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("expected that `ada` is asked, and nobody is"), "{}", ran.stdout);
}

#[test]
fn a_policy_that_was_expected_says_what_it_wants() {
    let policies = [
        ("two", "when { context.environment == \"production\" && context.depth > 3 }"),
        ("guarded", "when { context.input has amount && context.input.amount > 5 }"),
        ("broken", "when { context.input.amount > 5 }"),
        ("lifted", "unless { context.tool == \"read_note\" || context.depth == 7 }"),
        ("other", "when { resource == Resource::\"notes:/notes/b\" }"),
    ];
    let ids: Vec<_> = policies.iter().map(|(id, _)| *id).collect();
    let call = WRITE.replace("write_note", "read_note");
    let because = format!("{call}expect = \"allow\"\nbecause = {ids:?}\n");
    let governor = prepare(&case(&because));
    let text = policies.map(|(id, when)| {
        format!("@id(\"{id}\")\npermit (principal, action, resource)\n{when};\n")
    });
    governor.write("policies/wanted.cedar", &text.concat());
    let ran = governor.run(&["policy", "test"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let wants: Vec<&str> =
        ran.stdout.lines().map(str::trim).filter(|it| it.starts_with('`')).collect();
    insta::assert_snapshot!(wants.join("\n"), @r#"
    `broken` cannot be evaluated at `context.input.amount > 5`: record does not have the attribute `amount`
    `guarded` wants that `context.input has amount`, and there is no context.input.amount
    `lifted` wants that `unless context.tool == "read_note"`, and context.tool = "read_note"
    `other` wants that `resource == Resource::"notes:/notes/b"`, and resource = Resource::"notes:/notes/a"
    `two` wants that `context.depth > 3`, and context.depth = 0
    "#);
}

#[test]
fn a_case_may_lie_under_other_tasks() {
    let call = WRITE.replace("write_note", "read_note");
    let case = |name: &str, under: &str, who: &str, expected: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\nunder = [{under}]\nas = \"{who}\"\n\
             template = \"asking\"\n{call}{expected}\n"
        )
    };
    let given = |who: &str| format!("{{ as = \"{who}\", template = \"asking\" }}");
    let cases = [
        case("by itself", "", "helper", "expect = \"allow\""),
        case("under one", &given("reader"), "helper", "expect = \"deny\"\nbecause = \"deep\""),
        case(
            "under one who may not hand on",
            &given("helper"),
            "reader",
            "expect = \"deny\"\nbecause = \"may_not_delegate\"",
        ),
    ];
    let governor = prepare(&format!("at = 2026-11-26T10:00:00Z\n{}", cases.concat()));
    let reader = NOTES[1].1.replace("kind", "delegates_to = [\"helper\"]\nkind");
    governor.write("charters/reader.toml", &reader);
    let helper = NOTES[1].1.replace("\"reader\"", "\"helper\"").replace("{ uid = UID }", "");
    governor.write("charters/helper.toml", &helper);
    let deep = "@id(\"deep\")\nforbid (principal, action, resource) when { context.depth > 0 };";
    governor.write("policies/deep.cedar", deep);
    let ran = governor.run(&["policy", "test"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
}

#[test]
fn a_policy_that_no_case_has_seen_fails_where_that_is_asked_for() {
    let governor = prepare(&case(&format!("{WRITE}facts = [\"freeze\"]\nexpect = \"hold\"")));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("never decided: `unseen` (policies/freeze.cedar:9)"));
    assert_eq!(governor.run(&["policy", "test", "--cover"]).code, 1);
    let junit = governor.run(&["policy", "test", "--cover", "--format", "junit"]).stdout;
    assert!(junit.contains("<failure message=\"decides no case\"/>"), "{junit}");
    let root = junit.lines().find(|it| it.starts_with("<testsuites")).unwrap();
    assert!(root.ends_with("failures=\"1\">"), "the root counts it: {root}");
}

#[test]
fn every_slip_in_a_case_is_told_with_what_was_meant() {
    let governor = prepare(
        r#"
[[case]]
name = "one"
nme = "one"
as = "raeder"
template = "readng"
call = { server = "note", tool = "read_note", argumnts = { path = "/notes/a" } }
expect = "allowed"
because = "frozn"

[[case]]
name = "one"
at = "2026-11-26T10:00:00Z"
as = "reader"
template = "reading"
params = { ticket = "1" }
call = { server = "notes", tool = "raed_note" }
facts = ["freeeze"]
expect = "deny"

[[case]]
name = "two"
at = "2026-11-26T10:00:00Z"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", resource = "note:a" }
expect = "deny"
"#,
    );
    let fact = "[[fact]]\nname = \"freeze\"\nuntil = \"2027-01-04T06:00:00Z\"\n";
    governor.write("bailiwick.toml", &format!("{}{fact}", NOTES[0].1));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    for (code, what, meant) in [
        ("CFG-004", "`case[0].at` is missing", "docs/errors"),
        ("CFG-003", "unknown key `case[0].nme`", "did you mean `name`?"),
        ("TST-002", "there is no charter of `raeder`", "did you mean `reader`?"),
        ("TST-001", "there is no template `readng`", "did you mean `reading`?"),
        ("TST-003", "there is no server `note`", "did you mean `notes`?"),
        ("CFG-003", "unknown key `case[0].call.argumnts`", "did you mean `arguments`?"),
        ("CFG-006", "`case[0].expect` may not be `allowed`", "did you mean `allow`?"),
        ("TST-006", "`frozn` is neither", "did you mean `frozen`?"),
        ("CFG-008", "two cases are called `one`", "docs/errors"),
        ("TST-005", "the template has no parameter `ticket`", "docs/errors"),
        ("TST-004", "nothing names a tool `raed_note` of `notes`", "did you mean `read_note`?"),
        ("TST-008", "no `[[fact]]` is called `freeeze`", "did you mean `freeze`?"),
        ("TST-007", "a call names one tool", "docs/errors"),
    ] {
        let told = ran.stderr.replace("\n\n", "\n");
        let (before, rest) = told.split_once(what).unwrap_or_else(|| panic!("{what}: {told}"));
        let before: String = before.lines().rev().take(2).collect();
        let rest: String = rest.chars().take(700).collect();
        assert!(before.contains(code), "{what}: {code} in {before}");
        assert!(rest.contains(meant), "{what}: {meant} in {rest}");
        assert!(rest.contains("tests/cases.toml:"), "{rest}");
    }
    assert!(ran.stderr.ends_with("error: 13 mistakes in the cases\n"), "{}", ran.stderr);
}

#[test]
fn without_a_case_nothing_passes() {
    let governor = prepare("");
    for words in [vec!["policy", "test"], vec!["policy", "test", "nowhere"]] {
        let ran = governor.run(&words);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("there is no"), "{ran:?}");
    }
}

#[test]
fn policies_are_formed_whole_or_not_at_all() {
    let governor = prepare("");
    let file = governor.path("policies/freeze.cedar");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let checked = governor.run(&["policy", "fmt", "--check"]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.starts_with("not in the common form: policies/freeze.cedar\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), FREEZE);

    governor.write("policies/zz-broken.cedar", "permit (principal, action, resource");
    let broken = governor.run(&["policy", "fmt"]);
    assert_eq!((broken.code, broken.stdout.as_str()), (2, ""), "{broken:?}");
    assert!(broken.stderr.contains("POL-001") && broken.stderr.contains("zz-broken.cedar:1:"));
    assert_eq!(fs::read_to_string(&file).unwrap(), FREEZE, "one mistake, and nothing is written");
    fs::remove_file(governor.path("policies/zz-broken.cedar")).unwrap();

    let formed = governor.json(&["policy", "fmt"]);
    assert_eq!(formed["files"], json!([{"file": "policies/freeze.cedar", "changed": true}]));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("// What no template may do"), "{text}");
    assert!(text.contains("forbid (\n  principal,\n  action in Action::\"write\",\n"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(governor.path("policies")).unwrap().count(), 1, "nothing else is left");
    assert_eq!(governor.run(&["policy", "fmt", "--check"]).code, 0);
    assert_eq!(governor.json(&["check"])["ok"], true);
}

#[test]
fn policies_and_cases_are_held_against_the_accepted_tools() {
    let mut governor = Governor::prepare(NOTES);
    // Of `write_note` only its server has told.
    let config = NOTES[0].1.replace("[server.tool.write_note]\nresource = \"{path}\"\n", "");
    governor.write("bailiwick.toml", &config);
    governor.serve();
    until("a tool was accepted", || governor.run(&["policy", "schema"]).code == 0);
    governor.stop();
    governor.write("tests/cases.toml", GOOD);
    assert_eq!(governor.run(&["policy", "test"]).code, 0);
    governor.write(
        "policies/a.cedar",
        "@id(\"a\")\nforbid (principal, action == Action::\"notes__raed_note\", resource);",
    );
    let said = governor.refused(&["policy", "test"], 2);
    assert!(said.contains("POL-022") && said.contains("policies/a.cedar:2:"), "{said}");
    assert!(said.contains("did you mean `Action::\"notes__read_note\"`?"), "{said}");
    fs::remove_file(governor.path("policies/a.cedar")).unwrap();

    let slips = case(&WRITE.replace("path", "paht").replace("write_note", "wirte_note"));
    governor.write("tests/cases.toml", &format!("{slips}expect = \"hold\"\n"));
    let said = governor.refused(&["policy", "test"], 2);
    assert!(said.contains("TST-004") && said.contains("did you mean `write_note`?"), "{said}");
    let slips = case(&WRITE.replace("path", "paht"));
    governor.write("tests/cases.toml", &format!("{slips}expect = \"hold\"\n"));
    let said = governor.refused(&["policy", "test"], 2);
    assert!(said.contains("TST-009") && said.contains("did you mean `path`?"), "{said}");
}

#[test]
fn a_case_expects_what_its_caller_is_told_would_be_allowed() {
    let told = "the same call with `path` = \"/notes/any\" (judged: allowed)";
    let call = "call = { server = \"notes\", tool = \"read_note\", arguments = { path = \"/etc/a\" } }\n\
                expect = \"deny\"\n";
    let reading = |would: &str| {
        case(&format!("{call}would_allow = '{would}'\n")).replace("asking", "reading")
    };
    let governor = Governor::start(NOTES);
    governor.write("tests/cases.toml", &reading(told));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    // It is what an agent is told, word for word.
    let (_, token) = governor.open("reader", "reading", &[]);
    let answer = governor.call(&token, "read_note", &json!({"path": "/etc/a"}));
    let hints = answer["structuredContent"]["would_allow"].as_array().unwrap();
    assert!(hints.contains(&json!(told)), "{answer}");

    governor.write("tests/cases.toml", &reading("the same call without `path`"));
    let ran = governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("expected to be told `the same call without `path``"), "{ran:?}");
    assert!(ran.stdout.contains(&format!("told is `{told}`")), "{ran:?}");
}

/// Policies for enforcement points elsewhere, and what is known of people.
const SHOP: &[(&str, &str)] = &[
    (
        "authzen/shop.cedar",
        "@id(\"own\")\npermit (principal, action == Action::\"read\", resource)\n\
         when { resource.owner == principal.id };\n\
         @id(\"admins\")\npermit (principal in group::\"admins\", action, resource);\n\
         @id(\"frozen\") @hold(\"a change during the freeze\")\n\
         forbid (principal, action == Action::\"write\", resource)\n\
         when { context.facts.contains(\"freeze\") }\nunless { context.approval.granted };\n",
    ),
    (
        "authzen/people.toml",
        "[[entity]]\ntype = \"group\"\nid = \"admins\"\n[[entity]]\ntype = \"user\"\nid = \"ada\"\n\
         parents = [{ type = \"group\", id = \"admins\" }]\n",
    ),
];

fn evaluation(name: &str, subject: &str, action: &str, more: &str) -> String {
    format!(
        "[[case]]\nname = {name:?}\nat = 2026-11-26T10:00:00Z\n\
         evaluation = {{ subject = {{ type = \"user\", id = {subject:?} }}, action = {{ name = {action:?} }}, \
         resource = {{ type = \"record\", id = \"1\", properties = {{ owner = \"bob\" }} }} }}\n{more}\n"
    )
}

#[test]
fn what_enforcement_points_elsewhere_ask_is_rehearsed_too() {
    let governor = Governor::prepare(NOTES);
    for (file, text) in SHOP {
        governor.write(file, text);
    }
    let because = |verdict: &str, id: &str| format!("expect = {verdict:?}\nbecause = {id:?}\n");
    let freeze = "facts = [\"freeze\"]\n";
    let cases = [
        evaluation("one's own", "bob", "read", &because("allow", "own")),
        evaluation("another's", "eve", "read", &because("deny", "no_permit")),
        evaluation("who belongs to a group", "ada", "write", &because("allow", "admins")),
        evaluation("a freeze", "ada", "write", &format!("{freeze}{}", because("hold", "frozen"))),
        evaluation(
            "a yes",
            "ada",
            "write",
            &format!("{freeze}approved_by = \"eve\"\nexpect = \"allow\"\n"),
        ),
    ];
    governor.write("tests/shop.toml", &cases.concat());
    let ran = governor.run(&["policy", "test", "--cover"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stdout, @r#"
    tests/shop.toml
      ok    one's own
      ok    another's
      ok    who belongs to a group
      ok    a freeze
      ok    a yes

    good: 5 cases (3 allow, 1 hold, 1 deny)
    3 of 3 policies decided a case
    "#);

    let wrong = evaluation("another's", "eve", "read", &because("allow", "own"));
    governor.write("tests/shop.toml", &wrong);
    let report = governor.run(&["policy", "test", "-o", "json"]);
    assert_eq!(report.code, 1, "{report:?}");
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["cases"][0]["verdict"], "deny", "{report:#}");
    // What the wire passes over says nothing, and so it is a mistake here.
    let slip = wrong.replace("properties = {", "propertys = {");
    governor.write("tests/shop.toml", &slip);
    let said = governor.refused(&["policy", "test"], 2);
    assert!(said.contains("CFG-003") && said.contains("did you mean `properties`?"), "{said}");
    // A case asks one or the other.
    let both = format!("{wrong}as = \"reader\"\n");
    governor.write("tests/shop.toml", &both);
    let said = governor.refused(&["policy", "test"], 2);
    assert!(said.contains("CFG-003") && said.contains("`case[0].as`"), "{said}");
}
