//! A held evaluation, from the no that says whom to ask to the yes that is used once.

use serde_json::{Value, json};

use super::{Pdp, asked, does};
use crate::governor::Answer;

const PAYMENTS: &str = r#"
@id("payments") permit (principal is user, action == Action::"pay", resource is bill);
@id("payments-are-approved") @hold("somebody must approve payments")
forbid (principal, action == Action::"pay", resource) unless { context.approval.granted };
@id("not-from-elsewhere") forbid (principal, action, resource) when { context has ip && context.ip == "10.6.6.6" };
"#;

fn payment() -> Value {
    let bill = json!({"type": "bill", "id": "1", "properties": {"amount": 7}});
    let mut body = asked(json!({"type": "user", "id": "alice"}), does("pay"), bill);
    body["context"] = json!({"ip": "10.0.0.1", "time": "noon"});
    body
}

/// Makes a request for a person of a held evaluation.
fn request(evaluation: &Value, answer: &Value) -> Value {
    let mut body = evaluation.clone();
    body["denial"] = json!({
        "evaluation_id": answer["context"]["evaluation_id"],
        "expires_at": answer["context"]["access_request"]["expires_at"],
        "reason": "approval_required",
    });
    body["context"]["business_justification"] = json!("it is due");
    body
}

impl Pdp {
    fn request(&self, body: &Value, key: &str) -> Answer {
        self.post("requests", &[("Idempotency-Key", key)], &body.to_string())
    }

    /// Asks what became of a request.
    fn look(&self, id: &str) -> Answer {
        let head = format!(
            "GET /access/v1/requests/{id} HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer {}\r\nHost: {}\r\n\r\n",
            self.token.trim(),
            self.governor.host()
        );
        self.governor.raw(head.as_bytes())
    }

    /// Holds an evaluation, and asks for a person.
    fn pending(&self, body: &Value, key: &str) -> String {
        let held = self.ask("evaluation", body);
        assert_eq!(held["context"]["verdict"], "hold", "{held}");
        let opened = self.request(&request(body, &held), key);
        assert_eq!(opened.status, 201, "{opened:?}");
        opened.json()["task"]["id"].as_str().unwrap().to_owned()
    }

    fn answered(&self, what: &str, hold: &str, person: &[String]) {
        let mut words = vec!["hold", what, hold];
        words.extend(person.iter().map(String::as_str));
        let ran = self.governor.run(&words);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

fn with_approval(body: &Value, approval: &Value) -> Value {
    let mut body = body.clone();
    body["context"]["approval"] = approval.clone();
    body
}

fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
    let kind = answer.json()["type"].as_str().unwrap().to_owned();
    (answer.status, kind.rsplit(':').next().unwrap().to_owned())
}

#[test]
fn a_person_says_yes_and_it_is_used_once() {
    let pdp = Pdp::new(PAYMENTS);
    let person = pdp.governor.person("ada");
    let body = payment();
    let held = pdp.ask("evaluation", &body);
    let context = &held["context"];
    assert_eq!(
        (&held["decision"], &context["reason"]),
        (&json!(false), &json!("approval_required"))
    );
    let endpoint = format!("{}/access/v1/requests", pdp.governor.url());
    assert_eq!(context["access_request"]["endpoint"], endpoint);

    let wanted = request(&body, &held);
    let opened = pdp.request(&wanted, "k-1");
    assert_eq!(opened.status, 201, "{opened:?}");
    let task = opened.json()["task"].clone();
    let id = task["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&task["status"], &task["status_endpoint"]),
        (&json!("pending"), &json!(format!("{endpoint}/{id}")))
    );
    assert_eq!(opened.header("location"), task["status_endpoint"].as_str());
    let again = pdp.request(&wanted, "k-1");
    assert_eq!(
        (again.status, &again.json()["task"]["id"]),
        (200, &json!(id)),
        "asked again in the same words"
    );

    let pending = pdp.look(&id);
    assert_eq!((pending.status, pending.header("retry-after")), (200, Some("5")));
    let approval = json!({"id": id});
    let early = pdp.ask("evaluation", &with_approval(&body, &approval));
    assert_eq!(early["context"]["reason"], "grant_pending");
    assert_eq!(
        (&early["decision"], &early["context"]["next_action"]),
        (&json!(false), &json!("retry"))
    );

    let listed = pdp.governor.json(&["hold", "list"]);
    assert_eq!(listed["evaluations"][0]["id"], json!(id));
    pdp.answered("approve", &id, &person);
    let done = pdp.look(&id).json();
    assert_eq!(
        (&done["task"]["status"], &done["result"]["mode"]),
        (&json!("approved"), &json!("reevaluate"))
    );
    let approval = done["result"]["approval"].clone();
    refused_for_anything_else(&pdp, &body, &approval);
    let mut later = with_approval(&body, &approval);
    later["context"]["time"] = json!("evening");
    let allowed = pdp.ask("evaluation", &later);
    assert_eq!(allowed["decision"], true, "no policy reads the time: {allowed}");
    assert_eq!(allowed["context"]["approval"]["id"], json!(id));
    let spent = pdp.ask("evaluation", &with_approval(&body, &approval));
    assert_eq!(
        (&spent["decision"], &spent["context"]["reason"]),
        (&json!(false), &json!("approval_expired"))
    );
    let used: Vec<_> =
        pdp.evaluations().into_iter().filter(|it| it["approval"] == json!(id)).collect();
    assert_eq!(used.len(), 1, "its record says what it used");
    assert_eq!(used[0]["decision"], allowed["context"]["evaluation_id"]);
    assert_eq!(pdp.governor.json(&["ledger", "verify"])["ok"], true);
}

/// An approval is no help for what it was not given for.
fn refused_for_anything_else(pdp: &Pdp, body: &Value, approval: &Value) {
    for (path, value, reason) in [
        ("/resource/properties/amount", json!(7000), "out_of_scope"),
        ("/subject/id", json!("bob"), "out_of_scope"),
        ("/context/ip", json!("10.0.0.2"), "out_of_scope"),
        ("/context/approval/id", json!("hold_01JD8X00000000000000000000"), "approval_unverifiable"),
        ("/context/approval/id", json!(7), "approval_unverifiable"),
    ] {
        let mut other = with_approval(body, approval);
        *other.pointer_mut(path).unwrap() = value;
        let refused = pdp.ask("evaluation", &other);
        assert_eq!(
            (&refused["decision"], &refused["context"]["reason"]),
            (&json!(false), &json!(reason)),
            "{path}"
        );
        let next = if reason == "out_of_scope" { "request" } else { "none" };
        assert_eq!(refused["context"]["next_action"], next);
        assert_eq!(refused["context"].get("access_request").is_some(), next == "request");
    }
}

#[test]
fn what_was_approved_and_used_outlives_a_crash() {
    let mut pdp = Pdp::new(PAYMENTS);
    let person = pdp.governor.person("ada");
    let (one, mut two) = (payment(), payment());
    two["resource"]["id"] = json!("2");
    let (first, second) = (pdp.pending(&one, "k-1"), pdp.pending(&two, "k-2"));
    pdp.governor.kill();
    pdp.governor.serve();
    pdp.answered("approve", &first, &person);
    pdp.answered("approve", &second, &person);
    let with = |body: &Value, id: &str| with_approval(body, &json!({"id": id}));
    assert_eq!(pdp.ask("evaluation", &with(&one, &first))["decision"], true);
    pdp.governor.kill();
    pdp.governor.serve();
    let again = pdp.ask("evaluation", &with(&one, &first));
    assert_eq!(
        (&again["decision"], &again["context"]["reason"]),
        (&json!(false), &json!("approval_expired"))
    );
    assert_eq!(pdp.look(&first).json()["task"]["status"], "approved");
    assert_eq!(pdp.ask("evaluation", &with(&two, &second))["decision"], true);
}

#[test]
fn a_no_a_taking_back_and_the_asker_itself_allow_nothing() {
    let pdp = Pdp::new(PAYMENTS);
    // The payment is for the same alice.
    let person = pdp.governor.person("alice");
    let id = pdp.pending(&payment(), "k-1");
    let mut words = vec!["hold", "approve", &id];
    words.extend(person.iter().map(String::as_str));
    let ran = pdp.governor.run(&words);
    assert!(
        ran.code == 1 && ran.stderr.contains("cannot approve what is asked for itself"),
        "{ran:?}"
    );
    pdp.answered("deny", &id, &person);
    assert_eq!(pdp.look(&id).json()["task"]["status"], "denied");
    let refused = pdp.ask("evaluation", &with_approval(&payment(), &json!({"id": id})));
    assert_eq!(
        (&refused["decision"], &refused["context"]["reason"]),
        (&json!(false), &json!("approval_expired"))
    );

    let mut other = payment();
    other["resource"]["id"] = json!("2");
    let id = pdp.pending(&other, "k-2");
    let cancelled = pdp.post(&format!("requests/{id}/cancel"), &[], "");
    assert_eq!((cancelled.status, &cancelled.json()["task"]["status"]), (200, &json!("cancelled")));
    let again = pdp.post(&format!("requests/{id}/cancel"), &[], "");
    assert_eq!(problem(&again), (409, "invalid_task_state".to_owned()));
    let mut words = vec!["hold", "approve", &id];
    words.extend(person.iter().map(String::as_str));
    assert_eq!(pdp.governor.run(&words).code, 1, "nobody approves what is no longer wanted");
}

#[test]
fn an_approval_does_not_weaken_another_policy() {
    let pdp = Pdp::new(PAYMENTS);
    let person = pdp.governor.person("ada");
    let id = pdp.pending(&payment(), "k-1");
    pdp.answered("approve", &id, &person);
    pdp.governor.write(
        "authzen/more.cedar",
        "@id(\"freeze\") forbid (principal, action == Action::\"pay\", resource);",
    );
    assert_eq!(pdp.governor.run(&["reload"]).code, 0);
    let refused = pdp.ask("evaluation", &with_approval(&payment(), &json!({"id": id})));
    assert_eq!(
        (&refused["decision"], &refused["context"]["verdict"]),
        (&json!(false), &json!("deny"))
    );
    assert_eq!(refused["context"]["policies"], json!(["freeze"]));
}

#[test]
fn nobody_is_asked_for_what_was_not_held_or_was_held_otherwise() {
    let pdp = Pdp::new(PAYMENTS);
    let body = payment();
    let held = pdp.ask("evaluation", &body);
    let good = request(&body, &held);
    for (path, value, expected) in [
        ("/resource/id", json!("2"), (400, "invalid_denial_binding")),
        ("/context/ip", json!("10.0.0.9"), (400, "invalid_denial_binding")),
        (
            "/denial/evaluation_id",
            json!("dec_01JD8X00000000000000000002"),
            (400, "invalid_denial_binding"),
        ),
        ("/denial/expires_at", json!("2020-01-01T00:00:00Z"), (410, "expired_denial")),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(path).unwrap() = value;
        let (status, kind) = problem(&pdp.request(&other, "k"));
        assert_eq!((status, kind.as_str()), expected, "{path}");
    }
    let mut elsewhere = payment();
    elsewhere["context"]["ip"] = json!("10.6.6.6");
    let mut denied = pdp.ask("evaluation", &elsewhere);
    assert_eq!(denied["context"].get("access_request"), None, "nobody could say yes to that");
    denied["context"]["access_request"] = held["context"]["access_request"].clone();
    let (status, kind) = problem(&pdp.request(&request(&elsewhere, &denied), "k"));
    assert_eq!((status, kind.as_str()), (400, "not_requestable"));

    assert_eq!(pdp.request(&good, "k").status, 201);
    let mut other = good.clone();
    other["requested_access"] = json!({"emergency": true});
    assert_eq!(problem(&pdp.request(&other, "k")), (409, "duplicate_request".to_owned()));
    let theirs = std::fs::read_to_string(pdp.governor.path("state/authzen/desk.token")).unwrap();
    let stolen = pdp.governor.post("/access/v1/requests", &theirs, &[], &good.to_string());
    assert_eq!(problem(&stolen), (400, "invalid_denial_binding".to_owned()), "it is another's");
    assert_eq!(pdp.governor.post("/access/v1/requests", "x", &[], &good.to_string()).status, 401);
    assert_eq!(
        problem(&pdp.look("hold_01JD8X00000000000000000000")),
        (404, "unknown_task".to_owned())
    );
    assert_eq!(problem(&pdp.look("x")), (404, "unknown_task".to_owned()));
}
