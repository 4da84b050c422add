//! What must happen along with a yes is told to those who say that they can meet it; others get a no.

use serde_json::{Value, json};

use super::{Pdp, asked, does, user};

const POLICIES: &str = r#"
@id("lists") @constrain("few-rows")
permit (principal is user, action == Action::"list", resource is table);
@id("support-lists") @constrain("no-mail")
permit (principal == user::"alice", action == Action::"list", resource is table);
@id("counted") @constrain("rare")
permit (principal is user, action == Action::"count", resource is table);
"#;

fn constraint(name: &str, rest: &str) -> String {
    format!("name = \"{name}\"\nversion = 1\nowner = \"team-data\"\n{rest}\n")
}

fn pdp() -> Pdp {
    let pdp = Pdp::new("");
    let constraints = [
        ("few-rows", "rows = 100"),
        ("no-mail", "redact = [\"mail\"]\nrows = 50"),
        ("rare", "[rate]\ncalls = 2\nper = \"1m\""),
    ];
    for (name, rest) in constraints {
        pdp.governor.write(&format!("constraints/{name}.toml"), &constraint(name, rest));
    }
    pdp.governor.write("authzen/records.cedar", POLICIES);
    let ran = pdp.governor.run(&["reload"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    pdp
}

fn ask(pdp: &Pdp, who: &str, what: &str, supported: &Value) -> Value {
    let mut body = asked(user(who), does(what), json!({"type": "table", "id": "customers"}));
    body["context"] = json!({"supported_obligations": supported});
    pdp.ask("evaluation", &body)
}

#[test]
fn what_must_happen_is_told_and_the_most_restrictive_counts() {
    let pdp = pdp();
    let all = json!(["rows", "redact", "teleport"]);
    let answer = ask(&pdp, "alice", "list", &all);
    assert_eq!(answer["decision"], true, "{answer}");
    let context = &answer["context"];
    let told = context["obligations"].as_array().unwrap();
    let sorts: Vec<_> = told.iter().map(|it| (&it["type"], &it["properties"])).collect();
    let wanted =
        [(json!("redact"), json!({"redact": ["mail"]})), (json!("rows"), json!({"rows": 50}))];
    assert_eq!(sorts, wanted.iter().map(|(one, other)| (one, other)).collect::<Vec<_>>());
    assert_eq!(context["constraints"], context["obligations"]);
    let kept = pdp.evaluations().pop().unwrap();
    assert_eq!(kept["constraints"], json!(["few-rows@1", "no-mail@1"]));
    let other = ask(&pdp, "bob", "list", &all);
    assert_eq!(other["context"]["obligations"][0]["properties"], json!({"rows": 100}));
}

#[test]
fn whoever_cannot_meet_it_or_does_not_say_so_gets_a_no() {
    let pdp = pdp();
    for (who, what, supported) in [
        ("alice", "list", json!(["rows"])),
        ("alice", "list", json!([])),
        ("bob", "list", json!("rows")),
        ("bob", "list", json!([7, "ROWS"])),
        ("bob", "count", json!(["rate"])),
    ] {
        let answer = ask(&pdp, who, what, &supported);
        let context = &answer["context"];
        assert_eq!(
            (&answer["decision"], &context["reason"]),
            (&json!(false), &json!("cannot_comply")),
            "{supported}: {answer}"
        );
        assert_eq!(context.get("obligations"), None);
    }
    let body = asked(user("bob"), does("list"), json!({"type": "table", "id": "customers"}));
    assert_eq!(pdp.ask("evaluation", &body)["decision"], false, "nothing is said");
}
