//! Searches over real sockets: the certification's, page by page, on record, and as the files change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{POLICIES, Pdp, asked, does, record, user};
use crate::governor::Answer;

/// The people and things of the specification's certification.
const ENTITIES: &str = r#"
[[entity]]
type = "user"
id = "alice"
[[entity]]
type = "user"
id = "bob"
properties = { role = "admin" }
[[entity]]
type = "record"
id = "record-1"
properties = { status = "active" }
[[entity]]
type = "record"
id = "record-2"
properties = { status = "archived" }
"#;

fn search(pdp: &Pdp, sought: &str, body: &Value) -> Value {
    pdp.ask(&format!("search/{sought}"), body)
}

/// Gives the ids or names that are found.
fn found(answer: &Value) -> BTreeSet<String> {
    let name =
        |it: &Value| it.get("id").or_else(|| it.get("name")).unwrap().as_str().map(str::to_owned);
    answer["results"].as_array().unwrap().iter().map(|it| name(it).unwrap()).collect()
}

fn names<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.map(str::to_owned).into()
}

fn admin() -> Value {
    json!({"type": "user", "id": "bob", "properties": {"role": "admin"}})
}

fn any(kind: &str) -> Value {
    json!({"type": kind})
}

fn thing(id: &str) -> Value {
    json!({"type": "record", "id": id})
}

/// Basic, Batch, Search and Discovery, as the certification scenario has them: one governor, and
/// everything asked twice and with a context that changes nothing.
#[test]
fn the_certification_scenario_is_passed_at_every_level() {
    let pdp = Pdp::knowing(POLICIES, ENTITIES);
    let delete = |soft: bool| json!({"name": "delete", "properties": {"soft": soft}});
    let (alice, bob, one) = (user("alice"), user("bob"), thing("record-1"));
    let archived = |id| record(id, "archived");
    let decisions = [
        (asked(alice.clone(), does("read"), one.clone()), true),
        (asked(alice.clone(), does("write"), one.clone()), true),
        (asked(bob.clone(), does("read"), one.clone()), true),
        (asked(bob, does("write"), one.clone()), false),
        (asked(alice.clone(), does("write"), archived("record-2")), false),
        (asked(admin(), does("write"), archived("record-2")), true),
        (asked(alice.clone(), delete(true), one.clone()), true),
        (asked(alice.clone(), delete(false), one.clone()), false),
    ];
    let actions = |who: Value, whom: Value| json!({"subject": who, "resource": whom});
    let searches = [
        ("subject", asked(any("user"), does("read"), one.clone()), names(["alice", "bob"])),
        (
            "resource",
            asked(alice.clone(), does("read"), any("record")),
            names(["record-1", "record-2"]),
        ),
        ("action", actions(alice, one.clone()), names(["read", "write"])),
        ("subject", asked(any("user"), does("write"), archived("record-2")), names(["bob"])),
        ("resource", asked(admin(), does("write"), any("record")), names(["record-2"])),
        ("action", actions(admin(), archived("record-2")), names(["read", "write"])),
        // What nobody knows is nowhere, and that is no error.
        ("action", actions(user("nonexistent-user"), one.clone()), names([])),
        ("subject", asked(any("spaceship"), does("read"), one.clone()), names([])),
        ("subject", asked(any("user"), does("read"), thing("nothing")), names([])),
        ("subject", asked(any("user"), does("levitate"), one.clone()), names([])),
        ("resource", asked(admin(), does("read"), any("spaceship")), names([])),
    ];
    let context = json!({"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"});
    for with_context in [false, true, false] {
        let with = |body: &Value| {
            let mut body = body.clone();
            if with_context {
                body["context"] = context.clone();
            }
            body["futureField"] = json!({"nested": true});
            body
        };
        for (body, expected) in &decisions {
            assert_eq!(pdp.ask("evaluation", &with(body))["decision"], *expected, "{body}");
        }
        let all: Vec<_> = decisions.iter().map(|(body, _)| with(body)).collect();
        let batch = pdp.ask("evaluations", &json!({"evaluations": all}));
        for (answer, (body, expected)) in
            batch["evaluations"].as_array().unwrap().iter().zip(&decisions)
        {
            assert_eq!(answer["decision"], *expected, "{body}");
        }
        for (sought, body, expected) in &searches {
            assert_eq!(&found(&search(&pdp, sought, &with(body))), expected, "{sought} {body}");
        }
    }
    refuses_what_lacks_something(&pdp);
    let head = "GET /.well-known/authzen-configuration HTTP/1.1\r\nConnection: close\r\nHost: ";
    let metadata =
        pdp.governor.raw(format!("{head}{}\r\n\r\n", pdp.governor.host()).as_bytes()).json();
    for sought in ["subject", "resource", "action"] {
        let url = format!("{}/access/v1/search/{sought}", pdp.governor.url());
        assert_eq!(metadata[format!("search_{sought}_endpoint")], url);
    }
}

fn refuses_what_lacks_something(pdp: &Pdp) {
    let one = thing("record-1");
    for (sought, body) in [
        ("subject", json!({"subject": any("user"), "resource": one})),
        ("resource", json!({"action": does("read"), "resource": any("record")})),
        ("action", json!({"subject": user("alice")})),
        ("subject", asked(any("user"), does("read"), any("record"))),
        ("resource", asked(any("user"), does("read"), any("record"))),
        ("subject", json!([])),
    ] {
        let answer =
            pdp.post(&format!("search/{sought}"), &[("X-Request-ID", "r")], &body.to_string());
        assert_eq!((answer.status, answer.header("x-request-id")), (400, Some("r")), "{body}");
    }
}

/// Writes many people, each in one of two groups or in none.
fn crowd(count: usize) -> String {
    let mut text = "[[entity]]\ntype = \"group\"\nid = \"staff\"\n[[entity]]\ntype = \"group\"\nid = \"team\"\nparents = [{ type = \"group\", id = \"staff\" }]\n".to_owned();
    for it in 0..count {
        let parents = ["[]", "[{ type = \"group\", id = \"team\" }]"][it % 2];
        text.push_str(&format!(
            "[[entity]]\ntype = \"user\"\nid = \"u{it:04}\"\nparents = {parents}\nproperties = {{ n = {it} }}\n"
        ));
    }
    text
}

const STAFF: &str = r#"
@id("staff-read") permit (principal in group::"staff", action == Action::"read", resource is doc);
@id("odd-thirds") forbid (principal, action, resource) when { principal.n == 3 };
"#;

#[test]
fn pages_make_up_the_whole_and_each_is_on_record() {
    let pdp = Pdp::knowing(STAFF, &crowd(40));
    let body = asked(any("user"), does("read"), json!({"type": "doc", "id": "1"}));
    let whole = search(&pdp, "subject", &body);
    assert_eq!(whole["results"].as_array().unwrap().len(), 19, "{whole}");
    assert_eq!(whole.get("page"), None, "it is all there");
    for limit in [1, 7, 19, 20, 1000] {
        let (mut token, mut all, mut pages) = (None, Vec::new(), 0);
        loop {
            let mut body = body.clone();
            body["page"] = json!({"limit": limit});
            if let Some(token) = token.take() {
                body["page"]["token"] = token;
            }
            let answer = search(&pdp, "subject", &body);
            let results = answer["results"].as_array().unwrap();
            assert_eq!(answer["page"]["count"], results.len());
            assert!(results.len() <= limit);
            all.extend(results.iter().cloned());
            pages += 1;
            match answer["page"]["next_token"].as_str().unwrap() {
                "" => break,
                next => token = Some(json!(next)),
            }
        }
        assert_eq!(&json!(all), &whole["results"], "{limit} a page, {pages} pages");
    }
    let none = search(&pdp, "subject", &{
        let mut body = body.clone();
        body["page"] = json!({"limit": 0});
        body
    });
    assert_eq!(none["results"], json!([]));
    assert_ne!(none["page"]["next_token"], "", "there is more than nothing");
    let raw = pdp.post("search/subject", &[], &paged(&body, &json!({"limit": 1})).to_string());
    assert!(raw.body.starts_with("{\"page\":{\"next_token\":"), "{raw:?}");
    let records = searches(&pdp);
    let first = records.first().unwrap();
    assert_eq!(first["decision"], whole["context"]["search_id"]);
    assert_eq!((&first["sought"], &first["type"]), (&json!("subject"), &json!("user")));
    assert_eq!(
        (&first["found"], &first["looked_at"]),
        (&json!(19), &json!(20)),
        "nobody else is looked at"
    );
    assert_eq!((&first["more"], &first["pep"]), (&json!(false), &json!("shop")));
    // What was disclosed can be told from the records alone.
    let ids = |record: &Value| -> Vec<Value> {
        let kept = record["names"]["redacted"].as_str().unwrap_or("[]");
        serde_json::from_str(kept).unwrap()
    };
    let told = |results: &Value| -> Vec<Value> {
        results.as_array().unwrap().iter().map(|it| it["id"].clone()).collect()
    };
    assert_eq!((&first["from"], &first["limit"]), (&Value::Null, &json!(1000)));
    assert_eq!(ids(first), told(&whole["results"]));
    let by_seven: Vec<&Value> = records.iter().filter(|it| it["limit"] == 7).collect();
    assert_eq!(by_seven.iter().flat_map(|it| ids(it)).collect::<Vec<_>>(), ids(first));
    assert!(by_seven.windows(2).all(|it| it[0]["from"].as_u64() < it[1]["from"].as_u64()));
    let why = pdp.governor.json(&["why", first["decision"].as_str().unwrap()]);
    assert_eq!(why["steps"][0]["attributes"]["found"], "19");
    assert_eq!(pdp.governor.json(&["ledger", "verify"])["ok"], true);
}

fn paged(body: &Value, page: &Value) -> Value {
    let mut body = body.clone();
    body["page"] = page.clone();
    body
}

fn searches(pdp: &Pdp) -> Vec<Value> {
    let mut records = pdp.governor.records();
    records.retain(|it| it["kind"] == "search");
    records
}

#[test]
fn a_reload_changes_what_is_known_and_ends_the_pages_of_before() {
    let pdp = Pdp::knowing(STAFF, &crowd(8));
    let body = asked(any("user"), does("read"), json!({"type": "doc", "id": "1"}));
    let first = search(&pdp, "subject", &paged(&body, &json!({"limit": 1})));
    assert_eq!(found(&first), names(["u0001"]));
    let next = json!({"token": first["page"]["next_token"]});
    let post = |page: &Value, token: &str| -> Answer {
        let body = paged(&body, page).to_string();
        pdp.governor.post("/access/v1/search/subject", token, &[], &body)
    };
    assert_eq!(found(&post(&next, &pdp.token).json()), names(["u0005"]));
    let other = std::fs::read_to_string(pdp.governor.path("state/authzen/desk.token")).unwrap();
    assert_eq!(post(&next, &other).status, 400, "it is another's page");

    pdp.governor.write("authzen/entities.toml", "[[entity]]\ntype = \"user\"\nid = \"eve\"\nparents = [{ type = \"group\", id = \"gone\" }]\n");
    assert_ne!(pdp.governor.run(&["reload"]).code, 0, "a broken inventory leaves the old one");
    assert_eq!(post(&next, &pdp.token).status, 200);

    pdp.governor.write("authzen/entities.toml", &crowd(2));
    let ran = pdp.governor.run(&["reload"]);
    assert!(ran.stdout.contains("authzen/entities.toml"), "{ran:?}");
    let refused = post(&next, &pdp.token);
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("begin the search again"), "{refused:?}");
    assert_eq!(found(&search(&pdp, "subject", &body)), names(["u0001"]));
}

#[test]
fn the_governors_own_identities_are_found_until_they_are_contained() {
    let pdp = Pdp::knowing(
        r#"@id("agents") permit (principal is identity, action == Action::"use", resource is model)
           when { principal.kind == "agent" };"#,
        "[[entity]]\ntype = \"model\"\nid = \"m\"\n",
    );
    let charter = |id: &str| {
        format!(
            "identity = \"{id}\"\nkind = \"agent\"\nclass = \"interactive-agent\"\nowner = \"team\"\npurpose = \"any\"\nproof = [{{ uid = 1 }}]\n"
        )
    };
    for id in ["ann", "ben"] {
        pdp.governor.write(&format!("charters/{id}.toml"), &charter(id));
    }
    let ran = pdp.governor.run(&["reload"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let body = asked(any("identity"), does("use"), json!({"type": "model", "id": "m"}));
    assert_eq!(found(&search(&pdp, "subject", &body)), names(["ann", "ben"]));
    let first = search(&pdp, "subject", &paged(&body, &json!({"limit": 1})));
    let next = paged(&body, &json!({"token": first["page"]["next_token"]}));
    assert_eq!(found(&search(&pdp, "subject", &next)), names(["ben"]));
    let ran = pdp.governor.run(&["contain", "ben", "--why", "it leaks"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let refused = pdp.post("search/subject", &[], &next.to_string());
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("begin the search again"), "{refused:?}");
    assert_eq!(found(&search(&pdp, "subject", &body)), names(["ann"]));
    let ask = |id: &str| {
        let who = json!({"type": "identity", "id": id});
        pdp.ask("evaluation", &asked(who, does("use"), json!({"type": "model", "id": "m"})))
    };
    assert_eq!((&ask("ann")["decision"], &ask("ben")["decision"]), (&json!(true), &json!(false)));
    assert_eq!(ask("ben")["context"]["reason"], "contained");

    // Who is offboarded is nobody, whatever an enforcement point still says of it.
    std::fs::remove_file(pdp.governor.path("charters/ann.toml")).unwrap();
    let ran = pdp.governor.run(&["reload"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for kind in ["identity", "Identity"] {
        let ann = json!({"type": kind, "id": "ann", "properties": {"kind": "agent"}});
        let body = asked(ann, does("use"), json!({"type": "model", "id": "m"}));
        let answer = pdp.ask("evaluation", &body);
        assert_eq!(answer["decision"], false, "{answer}");
        assert_eq!(answer["context"]["reasons"].to_string().matches("not_registered").count(), 1);
    }
    assert_eq!(found(&search(&pdp, "subject", &body)), names([]));
}
