//! Arguments that are sent as a constraint wants them.

use serde_json::{Value, json};

use super::{House, constraint};

#[test]
fn a_clamped_argument_is_sent_clamped_in_both_eras_and_whoever_asked_is_told() {
    let house = House::asking("[arguments.limit]\nmax = 3");
    let result = house.result("rows", &json!({"limit": 500, "b": 1, "a": "x"}));
    assert_eq!(result["structuredContent"]["rows"].as_array().unwrap().len(), 3);
    let told = &result["_meta"]["dev.bailiwick/obligations"];
    assert_eq!(told["arguments"], json!({"limit": 3}), "{result}");
    assert_eq!(told["constraints"], json!(["narrow@1"]));
    assert!(house.called_in_rounds("rows", &json!({})).contains(r#""arguments":{"limit":3}"#));
    assert_eq!(
        house.seen(),
        [r#"["rows", {"limit": 3, "b": 1, "a": "x"}]"#, r#"["rows", {"limit": 3}]"#],
        "every other argument is sent as it came"
    );
    let step = house.step();
    assert_eq!(step["attributes"]["constraints"], "narrow@1", "{step}");
    assert_eq!(step["attributes"]["changed"], "limit");
    assert_eq!(step["attributes"]["came"], "{}", "of the last call nothing came");
    assert_eq!(step["attributes"]["arguments"], "limit: at most 3");
    let records = house.governor.records();
    let kept: Vec<&str> =
        records.iter().filter_map(|it| it["arguments"]["full"].as_str()).collect();
    assert_eq!(kept, [r#"{"a":"x","b":1,"limit":3}"#, r#"{"limit":3}"#], "what was sent is kept");
}

#[test]
fn what_fits_is_sent_as_it_came() {
    let house = House::asking("[arguments.limit]\nmin = 1\nmax = 3");
    let result = house.result("rows", &json!({"limit": 2}));
    assert_eq!(result["structuredContent"]["rows"].as_array().unwrap().len(), 2);
    let told = &result["_meta"]["dev.bailiwick/obligations"];
    assert_eq!(told, &json!({"constraints": ["narrow@1"]}));
}

#[test]
fn what_cannot_be_sent_as_it_must_be_is_denied() {
    let house =
        House::asking("[arguments.limit]\nmax = 3\n[arguments.mode]\none_of = [\"a\", \"b\"]");
    for arguments in [json!({"limit": "many", "mode": "a"}), json!({"limit": 1, "mode": "c"})] {
        let result = house.result("rows", &arguments);
        assert_eq!(result["isError"], true, "{result}");
        assert_eq!(result["structuredContent"]["code"], "cannot_comply", "{result}");
    }
    assert_eq!(house.result("rows", &json!({"limit": 1, "mode": "b"}))["isError"], Value::Null);
    assert_eq!(house.seen().len(), 1, "what is denied reaches nobody");
}

#[test]
fn several_permits_ask_for_the_most_restrictive_together_or_for_what_nobody_can_do() {
    let constraints = [
        constraint("three", "[arguments.limit]\nmax = 3"),
        constraint("two", "[arguments.limit]\nmax = 2"),
        constraint("write", "[arguments.mode]\nfix = \"write\""),
        constraint("read", "[arguments.mode]\nfix = \"read\""),
    ];
    let permits = "@id(\"a\") @constrain(\"three\")\npermit (principal, action, resource);\n\
         @id(\"b\") @constrain(\"two, read\")\npermit (principal, action, resource);\n\
         @id(\"c\") @constrain(\"write\")\npermit (principal, action, resource)\n\
         when { context.input has both };\n";
    let house = House::with(&constraints, permits);
    house.result("rows", &json!({"limit": 9}));
    assert_eq!(house.seen(), [r#"["rows", {"limit": 2, "mode": "read"}]"#]);
    let torn = house.result("rows", &json!({"both": true}));
    assert_eq!(torn["structuredContent"]["code"], "cannot_comply", "{torn}");
    assert_eq!(house.seen().len(), 1);
}

#[test]
fn a_person_approves_the_call_as_it_is_sent() {
    let policies = "@id(\"all\") @constrain(\"narrow\")\npermit (principal, action, resource);\n\
         @id(\"ask\") @hold(\"rows are asked for\")\nforbid (principal, action, resource)\n\
         unless { context.approval.granted };\n";
    let limit = constraint("narrow", "[arguments.limit]\nmax = 3");
    let (house, by) = House::before(&[limit], policies, |it| it.person("ada"));
    house.result("rows", &json!({"limit": 500}));
    let held = house.governor.json(&["hold", "list"])["holds"][0].clone();
    assert!(held["arguments"].as_str().unwrap().contains(r#"{"limit":3}"#), "{held}");
    let mut words = vec!["hold", "approve", held["id"].as_str().unwrap()];
    words.extend(by.iter().map(String::as_str));
    house.governor.json(&words);
    let result = house.result("rows", &json!({"limit": 400}));
    assert_eq!(result["structuredContent"]["rows"].as_array().unwrap().len(), 3, "{result}");
    assert_eq!(house.seen(), [r#"["rows", {"limit": 3}]"#]);
}

#[test]
fn a_gateway_that_cannot_comply_denies_and_says_what_it_can() {
    let house = House::asking("credential = \"read-only\"");
    let result = house.result("rows", &json!({}));
    assert_eq!(result["structuredContent"]["code"], "cannot_comply", "{result}");
    assert!(house.seen().is_empty());
    let policies = "@id(\"redacts\")\nforbid (principal, action, resource)\n\
         unless { context.pep.supports.contains(\"redact\") };\n\
         @id(\"lends\")\nforbid (principal, action, resource)\n\
         unless { context.input has q || context.pep.supports.contains(\"credential\") };\n";
    let house = House::with(&[], policies);
    let result = house.result("rows", &json!({}));
    assert!(result.to_string().contains("lends") && !result.to_string().contains("redacts"));
    assert_eq!(house.result("rows", &json!({"q": 1}))["isError"], Value::Null);
}

#[test]
fn a_rate_is_kept_across_a_crash() {
    let mut house = House::asking("[rate]\ncalls = 2\nper = \"1h\"");
    for _ in 0..2 {
        assert_eq!(house.result("rows", &json!({"limit": 1}))["isError"], Value::Null);
    }
    for _ in 0..2 {
        let result = house.result("rows", &json!({"limit": 1}));
        assert_eq!(result["structuredContent"]["code"], "over_budget", "{result}");
        house.governor.kill();
        house.governor.serve();
    }
    assert_eq!(house.seen().len(), 2);
    let (_, other) = house.governor.open("agent", "working", &[]);
    house.token = other;
    let result = house.result("rows", &json!({"limit": 1}));
    assert_eq!(result["isError"], Value::Null, "another task has its own: {result}");
}

#[test]
fn what_asks_for_something_else_counts_its_version_on() {
    let house = House::asking("rows = 3");
    let write = |version: u64, asks: &str| {
        let text = format!("name = \"narrow\"\nversion = {version}\nowner = \"b\"\n{asks}\n");
        house.governor.write("constraints/narrow.toml", &text);
    };
    write(1, "rows = 4");
    let refused = house.governor.refused(&["reload"], 2);
    assert!(refused.contains("`narrow@1` is in force and asks for something else"), "{refused}");
    let rows =
        || house.result("rows", &json!({}))["structuredContent"]["rows"].as_array().unwrap().len();
    assert_eq!(rows(), 3, "what was in force stays");
    write(2, "rows = 4");
    house.governor.json(&["reload"]);
    assert_eq!(rows(), 4);
    write(2, "rows = 4\n# said once more");
    house.governor.json(&["reload"]);
}

#[test]
fn a_constraint_that_a_call_can_get_round_is_remarked_on() {
    let policies = "@id(\"some\") @constrain(\"narrow\")\npermit (principal, action, resource)\n\
         when { context.input.region == \"eu\" };\n";
    let house = House::with(&[constraint("narrow", "rows = 1")], policies);
    let report = house.governor.json(&["check"]);
    let warnings = report["warnings"].as_array().unwrap();
    let found = warnings.iter().find(|it| it["code"] == "CFG-115").unwrap();
    assert_eq!((&found["file"], &found["line"]), (&json!("policies/all.cedar"), &json!(1)));
    let said = found["message"].as_str().unwrap();
    assert!(
        said.starts_with("`some` asks for constraints, and a call that its condition"),
        "{said}"
    );
    // What leaves the argument out breaks the condition, and is no way round either.
    let result = house.result("rows", &json!({}));
    assert_eq!(result["structuredContent"]["code"], "policy_error", "{result}");
    assert!(house.seen().is_empty());
}

#[test]
fn what_a_policy_asks_for_must_be_written_down() {
    let house = House::asking("rows = 3");
    house.governor.write(
        "constraints/narrow.toml",
        "name = \"narow\"\nversion = 1\nowner = \"a\"\nrows = 3\n",
    );
    let report = house.governor.run(&["check", "--output", "json"]);
    assert_eq!(report.code, 2, "{report:?}");
    assert!(report.stdout.contains("POL-005") && report.stdout.contains("did you mean `narow`?"));
    let refused = house.governor.refused(&["reload"], 2);
    assert!(refused.contains("there is no constraint `narrow`"), "{refused}");
    assert_eq!(
        house.result("rows", &json!({"limit": 9}))["structuredContent"]["rows"]
            .as_array()
            .unwrap()
            .len(),
        3,
        "what was in force stays"
    );
}

#[test]
fn a_rehearsed_call_is_judged_as_it_would_be_sent() {
    let constraints = [constraint("narrow", "[arguments.limit]\nmax = 3")];
    let policies = "@id(\"all\") @constrain(\"narrow\")\npermit (principal, action, resource);\n\
         @id(\"many\") forbid (principal, action, resource) when { context.input.limit > 3 };\n";
    let house = House::with(&constraints, policies);
    let case = |limit: &str, expected: &str| {
        format!(
            "[[case]]\nname = {limit:?}\nat = 2026-11-26T10:00:00Z\nas = \"agent\"\n\
             template = \"working\"\n{expected}\n\
             call = {{ server = \"crm\", tool = \"rows\", arguments = {{ limit = {limit} }} }}\n"
        )
    };
    let denied = "expect = \"deny\"\nbecause = \"cannot_comply\"";
    let cases = [case("500", "expect = \"allow\""), case("true", denied)].concat();
    house.governor.write("tests/cases.toml", &cases);
    let ran = house.governor.run(&["policy", "test"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    house.result("rows", &json!({"limit": 500}));
    assert_eq!(house.seen(), [r#"["rows", {"limit": 3}]"#]);
}
