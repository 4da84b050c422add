//! Servers that go on with a call.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::{House, said, waits};
use crate::governor::until;

#[test]
fn a_call_that_goes_on_has_a_name_of_ours_and_one_outcome() {
    let house = House::start("");
    let name = house.begin("work");
    assert!(name.starts_with("v1.") && !name.contains("theirs"), "{name}");
    let working = house.get(&name)["result"].clone();
    assert_eq!((&working["status"], &working["taskId"]), (&json!("working"), &json!(name)));
    assert_eq!(
        (&working["resultType"], &working["statusMessage"]),
        (&json!("complete"), &json!("at it"))
    );
    assert!(house.outcomes("work").is_empty(), "it is not over");

    house.finish(&json!({"status": "completed", "result": said("worked")}));
    for _ in 0..2 {
        let done = house.get(&name)["result"].clone();
        assert_eq!((&done["status"], &done["result"]), (&json!("completed"), &said("worked")));
    }
    until("its outcome is on record", || !house.outcomes("work").is_empty());
    assert_eq!(house.outcomes("work"), [("ok".to_owned(), String::new())]);
    assert!(house.heard().iter().all(|it| it[1] == "theirs-0"), "{:?}", house.heard());
}

#[test]
fn what_comes_of_it_is_the_outcome_whatever_that_is() {
    let house = House::start("");
    let failing = json!({"content": [], "isError": true});
    for (end, outcome, detail) in [
        (
            json!({"status": "completed", "result": failing}),
            "error",
            "the tool says that it failed",
        ),
        (
            json!({"status": "failed", "error": {"code": -1, "message": "no"}}),
            "error",
            "the server says that it failed",
        ),
    ] {
        let name = house.begin("work");
        let before = house.outcomes("work").len();
        house.finish(&end);
        let told = house.get(&name)["result"].clone();
        assert_eq!((&told["result"], &told["error"]), (&end["result"], &end["error"]));
        until("its outcome is on record", || before < house.outcomes("work").len());
        assert_eq!(house.outcomes("work")[before], (outcome.to_owned(), detail.to_owned()));
    }
    let name = house.begin("work");
    let cancelled = house.of_task("tasks/cancel", &name, &json!({}));
    assert_eq!(cancelled["result"], json!({"resultType": "complete"}));
    assert_eq!(house.get(&name)["result"]["status"], "cancelled");
    until("its outcome is on record", || house.outcomes("work").len() == 3);
    assert_eq!(house.outcomes("work")[2].1, "it was cancelled");
}

#[test]
fn nobody_else_asks_for_it() {
    let house = House::start("");
    let name = house.begin("work");
    let (_, stranger) = house.governor.open("agent", "working", &[]);
    let params = json!({"taskId": name});
    let asked = house.ask(&stranger, ("tasks/get", &name), &params, &waits()).json();
    assert_eq!(asked["error"]["code"], -32602, "{asked}");
    let mut changed = name.clone();
    changed.pop();
    for other in [changed.as_str(), "theirs-0", ""] {
        assert_eq!(house.get(other)["error"]["code"], -32602, "{other}");
    }
    // Over HTTP the name is said twice, and must be the same.
    let asked = house.ask(&house.token, ("tasks/get", "other"), &params, &waits());
    assert_eq!((asked.status, &asked.json()["error"]["code"]), (400, &json!(-32020)));
}

#[test]
fn a_client_that_does_not_wait_is_answered_at_once_or_not_at_all() {
    let house = House::start("");
    let call = |tool: &str| {
        let params = json!({"name": tool, "arguments": {}, "task": {"ttl": 1000}});
        house.ask(&house.token, ("tools/call", tool), &params, &json!({})).json()["result"].clone()
    };
    assert_eq!(call("work")["content"][0]["text"], "at once");
    let uninvited = call("uninvited");
    assert_eq!((&uninvited["isError"], &uninvited["taskId"]), (&json!(true), &json!(null)));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": "x"});
        let asked = house.ask(&house.token, (method, "x"), &params, &json!({}));
        let error = asked.json()["error"].clone();
        assert_eq!((asked.status, &error["code"]), (400, &json!(-32021)));
        assert!(error["data"]["requiredCapabilities"]["extensions"].is_object(), "{error}");
    }
    let large = json!({"name": "work", "arguments": {"text": "x".repeat(3000)}});
    let answer = house.ask(&house.token, ("tools/call", "work"), &large, &waits()).json();
    assert_eq!(answer["result"]["content"][0]["text"], "at once", "{answer}");
    let removed = house.ask(&house.token, ("tasks/list", ""), &json!({}), &waits());
    assert_eq!((removed.status, &removed.json()["error"]["code"]), (404, &json!(-32601)));
}

#[test]
fn what_comes_of_it_is_shown_as_its_permits_want_it_shown() {
    let house = House::start("");
    house.hides("email", "work");
    let shown = |end: Value| {
        let begun = house.call("work", &json!({}));
        assert_eq!(begun["statusMessage"], json!(null), "{begun}");
        let name = begun["taskId"].as_str().unwrap();
        house.finish(&end);
        let told = house.get(name);
        assert!(!told.to_string().contains("secret"), "{told}");
        told
    };
    let rows = said(r#"{"n":1,"email":"secret"}"#);
    let told = shown(json!({"status": "completed", "statusMessage": "secret", "result": rows}));
    let result = &told["result"]["result"];
    assert_eq!(result["content"][0]["text"], r#"{"email":"[redacted]","n":1}"#, "{told}");
    assert_eq!(result["resultType"], "complete");
    let told = shown(json!({"status": "completed", "result": said("mail secret")}));
    assert_eq!(told["result"]["result"]["isError"], true, "{told}");
    assert_eq!(told["result"]["result"]["resultType"], "complete");
    let failed = json!({"status": "failed", "error": {"code": -1, "message": "secret"}});
    assert_eq!(shown(failed)["result"]["error"]["code"], 4032);
    let asks = json!({"sure": {"method": "elicitation/create", "params": {"message": "secret"}}});
    let told = shown(json!({"status": "input_required", "inputRequests": asks}));
    assert!(told["error"]["message"].as_str().unwrap().contains("withheld"), "{told}");
}

#[test]
fn what_would_not_be_let_through_any_more_is_called_off_and_not_heard_of() {
    let house = House::start("");
    let name = house.begin("work");
    house.governor.write(
        "policies/house.cedar",
        "@id(\"no-work\")\nforbid (principal, action == Action::\"long__work\", resource);\n",
    );
    house.governor.json(&["reload"]);
    let refused = house.get(&name)["error"].clone();
    assert_eq!(refused["code"], 4030, "{refused}");
    assert_eq!(refused["data"]["code"], "policy_forbids", "{refused}");
    until("its outcome is on record", || !house.outcomes("work").is_empty());
    let outcomes = house.outcomes("work");
    assert!(outcomes[0].0 == "none" && outcomes[0].1.starts_with("called off: "), "{outcomes:?}");
    assert!(house.heard().contains(&json!(["tasks/cancel", "theirs-0"])));
    let path = house.governor.json(&["path", &house.task]);
    assert_eq!(path["steps"][1]["verdict"], "deny", "that it was not heard is on record: {path}");
}

#[test]
fn the_end_of_a_task_is_the_end_of_what_goes_on_for_it() {
    let house = House::start("");
    let name = house.begin("work");
    house.governor.json(&["task", "end", &house.task]);
    let refused = house.get(&name)["error"].clone();
    assert_eq!(refused["code"], 4030, "{refused}");
    until("its outcome is on record", || !house.outcomes("work").is_empty());
    assert!(house.outcomes("work")[0].1.starts_with("called off: "));
    let (_, token) = house.governor.open("agent", "working", &[]);
    let other = House { token, ..house };
    assert!(other.heard().contains(&json!(["tasks/cancel", "theirs-0"])));
}

#[test]
fn what_a_server_asks_meanwhile_reaches_the_client_where_it_may_ask() {
    for (words, may) in [("methods = [\"elicitation/create\"]\n", true), ("", false)] {
        let house = House::start(words);
        // This tool is outside the grant: a person says yes, once.
        house.call("confirm", &json!({}));
        house.approve();
        let name = house.begin("confirm");
        let asked = house.get(&name);
        let answers = json!({"inputResponses": {"sure": {"action": "accept"}}});
        let answered = house.of_task("tasks/update", &name, &answers);
        if !may {
            assert_eq!(asked["error"]["code"], -32603, "{asked}");
            assert_eq!(answered["error"]["code"], -32602, "{answered}");
            continue;
        }
        assert_eq!(asked["result"]["status"], "input_required", "{asked}");
        assert_eq!(asked["result"]["inputRequests"]["sure"]["method"], "elicitation/create");
        assert_eq!(answered["result"], json!({"resultType": "complete"}), "{answered}");
        // The yes was used up by the call, and what comes of it is heard all the same.
        let done = house.get(&name)["result"].clone();
        assert_eq!(done["status"], "completed", "{done}");
        assert_eq!(done["result"]["content"][0]["text"], r#"{"sure": {"action": "accept"}}"#);
        let records = house.governor.records();
        assert_eq!(records.iter().filter(|it| it["code"] == "answer-passed").count(), 1);
    }
}

#[test]
fn another_gateway_opens_the_name() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut house = House::at(&free.to_string(), "");
    let name = house.begin("work");
    house.governor.kill();
    house.governor.serve();
    // The server was a child of the one that is gone, and remembers nothing.
    let asked = house.get(&name);
    assert_eq!(asked["error"]["message"], "no such task", "{asked}");
}

#[test]
fn a_call_that_is_followed_ends_on_record_though_its_gateway_is_killed() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut house = House::at(&free.to_string(), "");
    house.begin("work");
    house.governor.kill();
    house.governor.serve();
    let why = "the gateway ended before this was on record: nobody knows what its server did";
    for _ in 0..2 {
        assert_eq!(house.outcomes("work"), [("none".to_owned(), why.to_owned())]);
        let path = house.governor.json(&["path", &house.task]);
        assert_eq!(path["steps"][0]["outcome"], "none", "{path}");
        house.governor.stop();
        house.governor.serve();
    }
}
