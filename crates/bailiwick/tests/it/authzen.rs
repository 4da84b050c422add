//! Enforcement points elsewhere ask by the AuthZEN Authorization API 1.0, over real sockets.

mod arap;
mod kept;
mod obliged;
mod search;
mod vectors;

use serde_json::{Value, json};

use crate::governor::{Answer, Governor};

const HOUSE: &str = r#"
[listen]
http = "127.0.0.1:0"
[state]
dir = "state"
[evidence]
checkpoints = "checkpoints"
[authzen]
peps = ["shop", "desk"]
"#;

/// The house of the specification's certification: two people, two records, three actions.
const POLICIES: &str = r#"
@id("anyone-reads")
permit (principal is user, action == Action::"read", resource is record);
@id("alice-writes-what-is-active")
permit (principal == user::"alice", action == Action::"write", resource is record)
unless { resource has status && resource.status == "archived" };
@id("admins-write-what-is-archived")
permit (principal is user, action == Action::"write", resource is record)
when { principal has role && principal.role == "admin" && resource has status && resource.status == "archived" };
@id("alice-deletes-softly")
permit (principal == user::"alice", action == Action::"delete", resource is record)
when { action has soft && action.soft };
@id("payments")
permit (principal is user, action == Action::"pay", resource);
@id("payments-are-approved")
@hold("somebody must approve payments")
forbid (principal, action == Action::"pay", resource) unless { context.approval.granted };
"#;

/// A governor that one may ask, and the token to ask it with.
pub(crate) struct Pdp {
    pub(crate) governor: Governor,
    token: String,
}

impl Pdp {
    pub(crate) fn new(policies: &str) -> Self {
        Self::knowing(policies, "")
    }

    /// Starts one that knows some people and things.
    pub(crate) fn knowing(policies: &str, entities: &str) -> Self {
        Self::in_house(HOUSE, policies, entities)
    }

    /// Starts one with a configuration of its own.
    fn in_house(house: &str, policies: &str, entities: &str) -> Self {
        let governor = Governor::start(&[
            ("bailiwick.toml", house),
            ("authzen/records.cedar", policies),
            ("authzen/entities.toml", entities),
        ]);
        let token = std::fs::read_to_string(governor.path("state/authzen/shop.token")).unwrap();
        Self { governor, token }
    }

    pub(crate) fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.governor.post(&format!("/access/v1/{path}"), &self.token, headers, body)
    }

    pub(crate) fn ask(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, &[], &body.to_string());
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    }

    /// Gives the evaluations that are on record.
    fn evaluations(&self) -> Vec<Value> {
        let mut records = self.governor.records();
        records.retain(|it| it["kind"] == "evaluation");
        records
    }
}

fn asked(subject: Value, action: Value, resource: Value) -> Value {
    json!({"subject": subject, "action": action, "resource": resource})
}

fn user(id: &str) -> Value {
    json!({"type": "user", "id": id})
}

fn record(id: &str, status: &str) -> Value {
    json!({"type": "record", "id": id, "properties": {"status": status}})
}

fn does(name: &str) -> Value {
    json!({"name": name})
}

#[test]
fn the_decisions_of_the_certification_scenario_are_made_again_and_again() {
    let pdp = Pdp::new(POLICIES);
    let (alice, bob) = (user("alice"), user("bob"));
    let admin = json!({"type": "user", "id": "bob", "properties": {"role": "admin"}});
    let (active, archived) = (record("record-1", "active"), record("record-2", "archived"));
    let delete = |soft: bool| json!({"name": "delete", "properties": {"soft": soft}});
    let cases = [
        (asked(alice.clone(), does("read"), active.clone()), true),
        (asked(alice.clone(), does("write"), active.clone()), true),
        (asked(bob.clone(), does("read"), active.clone()), true),
        (asked(bob, does("write"), active.clone()), false),
        (asked(alice.clone(), does("write"), record("record-1", "archived")), false),
        (asked(admin, does("write"), archived), true),
        (asked(alice.clone(), delete(true), active.clone()), true),
        (asked(alice, delete(false), active), false),
    ];
    for _ in 0..2 {
        for (body, expected) in &cases {
            assert_eq!(pdp.ask("evaluation", body)["decision"], *expected, "{body}");
            let mut with_context = body.clone();
            with_context["context"] =
                json!({"time": "2026-11-26T03:33Z", "schema": {"a": [1, null]}});
            assert_eq!(pdp.ask("evaluation", &with_context)["decision"], *expected);
        }
    }
    let all: Vec<_> = cases.iter().map(|(body, _)| body.clone()).collect();
    let answers = pdp.ask("evaluations", &json!({"evaluations": all}));
    let decisions: Vec<_> = answers["evaluations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["decision"].clone())
        .collect();
    let expected: Vec<_> = cases.iter().map(|(_, expected)| json!(expected)).collect();
    assert_eq!(decisions, expected, "a batch is its singles");
    assert_eq!(answers.get("decision"), None);
    assert_eq!(pdp.evaluations().len(), 5 * cases.len(), "all of it is on record");
}

#[test]
fn an_answer_says_why_and_is_on_record_before_it_is_given() {
    let pdp = Pdp::new(POLICIES);
    let mut body = asked(user("bob"), does("write"), record("record-1", "active"));
    body["context"] = json!({"password": "hunter2hunter2"});
    let answer = pdp.post("evaluation", &[("X-Request-ID", "req-7")], &body.to_string());
    assert_eq!(answer.header("x-request-id"), Some("req-7"));
    let context = &answer.json()["context"];
    assert_eq!((&context["verdict"], &context["reason"]), (&json!("deny"), &json!("no_permit")));
    assert_eq!(context["policies"], json!([]));
    let [kept] = pdp.evaluations().try_into().unwrap();
    assert_eq!(kept["decision"], context["evaluation_id"]);
    assert_eq!((&kept["pep"], &kept["request_id"]), (&json!("shop"), &json!("req-7")));
    assert_eq!(kept["subject"], json!({"type": "user", "id": "bob"}));
    assert_eq!(kept["verdict"], "deny");
    assert_eq!(kept["policy"], context["policy_version"]);
    assert!(!kept.to_string().contains("hunter2"), "{kept}");

    let body = asked(user("alice"), does("read"), record("record-1", "active"));
    let context = pdp.ask("evaluation", &body)["context"].clone();
    assert_eq!((&context["verdict"], context.get("reason")), (&json!("allow"), None));
    assert_eq!(context["policies"], json!(["anyone-reads"]));
    let why = pdp.governor.json(&["why", context["evaluation_id"].as_str().unwrap()]);
    assert_eq!(why["verdict"], "allow");
    assert_eq!(why["steps"][0]["reasons"][0]["source"], "anyone-reads");
    assert_eq!(why["steps"][0]["attributes"]["subject"], "user::alice");
    assert_eq!(pdp.governor.json(&["ledger", "verify"])["ok"], true);
}

#[test]
fn nobody_goes_on_with_what_waits_for_a_person() {
    let pdp = Pdp::new(POLICIES);
    let mut body = asked(user("alice"), does("pay"), json!({"type": "bill", "id": "1"}));
    body["context"] = json!({"approval": {"granted": true}});
    let answer = pdp.ask("evaluation", &body);
    assert_eq!(
        (&answer["decision"], &answer["context"]["verdict"]),
        (&json!(false), &json!("hold"))
    );
    assert_eq!(answer["context"]["reason"], "approval_unverifiable");
    body["context"] = json!({});
    let answer = pdp.ask("evaluation", &body);
    assert_eq!(answer["context"]["reason"], "approval_required");
    assert_eq!(answer["context"]["policies"], json!(["payments-are-approved"]));
}

#[test]
fn a_batch_ends_where_its_semantic_says_and_only_what_was_answered_is_on_record() {
    let pdp = Pdp::new(POLICIES);
    let (yes, no) = (json!({"action": does("read")}), json!({"action": does("write")}));
    let lacking = json!({"resource": {"type": "record"}});
    let ask = |semantic: &str, items: &[&Value]| {
        let body = json!({
            "subject": user("bob"), "action": does("read"), "resource": record("record-1", "active"),
            "options": {"evaluations_semantic": semantic}, "evaluations": items,
        });
        let answers = pdp.ask("evaluations", &body)["evaluations"].clone();
        answers
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["decision"].as_bool().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ask("execute_all", &[&yes, &no, &lacking, &yes]), [true, false, false, true]);
    assert_eq!(ask("deny_on_first_deny", &[&yes, &no, &yes]), [true, false]);
    assert_eq!(ask("deny_on_first_deny", &[&yes, &lacking, &yes]), [true, false]);
    assert_eq!(ask("permit_on_first_permit", &[&no, &lacking, &yes, &no]), [false, false, true]);
    // What could not be read was never judged.
    assert_eq!(pdp.evaluations().len(), 3 + 2 + 1 + 2);
    let body = json!({"subject": user("bob"), "evaluations": [{"action": does("read")}]});
    let answer = pdp.ask("evaluations", &body);
    assert_eq!(answer["evaluations"][0]["context"]["error"]["status"], 400);
    let body = asked(user("bob"), does("read"), record("record-1", "active"));
    assert_eq!(pdp.ask("evaluations", &body)["decision"], true, "no list is one evaluation");
}

#[test]
fn whoever_may_not_ask_learns_nothing_and_what_cannot_be_read_is_an_error() {
    let pdp = Pdp::new(POLICIES);
    let good = asked(user("alice"), does("read"), record("record-1", "active")).to_string();
    let admin = std::fs::read_to_string(pdp.governor.path("state/admin.token")).unwrap();
    for token in ["", "garbage", admin.trim()] {
        for body in ["{", good.as_str()] {
            let answer =
                pdp.governor.post("/access/v1/evaluation", token, &[("X-Request-ID", "r")], body);
            assert_eq!(answer.status, 401, "{answer:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
            assert_eq!(answer.header("x-request-id"), Some("r"));
        }
    }
    for (path, body, status) in [
        ("evaluation", "", 400),
        ("evaluation", "{", 400),
        ("evaluation", "{}", 400),
        ("evaluations", "{}", 400),
        ("evaluations", r#"{"evaluations": 1}"#, 400),
        ("search/subject", "{}", 400),
        ("search/nothing", "{}", 404),
    ] {
        assert_eq!(pdp.post(path, &[], body).status, status, "{path} {body}");
    }
    let large = format!("{{\"a\": \"{}\"}}", "x".repeat(256 << 10));
    assert_eq!(pdp.post("evaluation", &[], &large).status, 413);
    let answer = pdp.post("evaluation", &[("Origin", "https://elsewhere.example")], &good);
    assert_eq!(answer.status, 403);
    let host = pdp.governor.host();
    let plain = format!(
        "POST /access/v1/evaluation HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{good}",
        pdp.token,
        good.len(),
    );
    assert_eq!(pdp.governor.raw(plain.as_bytes()).status, 400);
    assert_eq!(pdp.evaluations(), Vec::<Value>::new());
}

#[test]
fn what_is_there_is_discovered_where_anybody_may_ask() {
    let get = |governor: &Governor| {
        let head = "GET /.well-known/authzen-configuration HTTP/1.1\r\nConnection: close\r\nHost: ";
        governor.raw(format!("{head}{}\r\n\r\n", governor.host()).as_bytes())
    };
    let pdp = Pdp::new(POLICIES);
    let url = pdp.governor.url();
    assert_eq!(
        get(&pdp.governor).json(),
        json!({
            "policy_decision_point": url,
            "access_evaluation_endpoint": format!("{url}/access/v1/evaluation"),
            "access_evaluations_endpoint": format!("{url}/access/v1/evaluations"),
            "search_subject_endpoint": format!("{url}/access/v1/search/subject"),
            "search_resource_endpoint": format!("{url}/access/v1/search/resource"),
            "search_action_endpoint": format!("{url}/access/v1/search/action"),
            "access_request_endpoint": format!("{url}/access/v1/requests"),
            "supported_obligations": ["arguments", "redact", "rows", "bytes", "credential"],
            "access_request_profile": "authzen-access-request-approval-profile-1_0, draft 1",
            "capabilities": ["urn:openid:authzen:capability:access-request"],
        })
    );
    let closed = HOUSE.replace("peps = [\"shop\", \"desk\"]", "");
    let governor =
        Governor::start(&[("bailiwick.toml", &closed), ("authzen/records.cedar", POLICIES)]);
    assert_eq!(get(&governor).status, 404);
    let body = asked(user("alice"), does("read"), record("record-1", "active")).to_string();
    for token in ["", "x"] {
        assert_eq!(governor.post("/access/v1/evaluation", token, &[], &body).status, 401);
    }
}

#[test]
fn a_reload_exchanges_the_policies_and_a_broken_set_leaves_the_old_one() {
    let pdp = Pdp::new(POLICIES);
    let body = asked(user("alice"), does("read"), record("record-1", "active"));
    pdp.governor.write("authzen/records.cedar", "permit (principal, action, resource);");
    let ran = pdp.governor.run(&["check"]);
    assert!(ran.code != 0 && ran.stdout.contains("authzen/records.cedar"), "{ran:?}");
    assert_ne!(pdp.governor.run(&["reload"]).code, 0);
    assert_eq!(pdp.ask("evaluation", &body)["decision"], true);
    let none = "@id(\"none\") forbid (principal, action, resource);";
    pdp.governor.write("authzen/records.cedar", none);
    let ran = pdp.governor.run(&["reload"]);
    assert!(ran.stdout.contains("authzen/records.cedar"), "{ran:?}");
    let answer = pdp.ask("evaluation", &body);
    assert_eq!(answer["context"]["policies"], json!(["none"]));
}
