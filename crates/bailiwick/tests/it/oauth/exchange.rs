//! Tokens that are traded for narrower ones (RFC 8693).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{ACCESS, House, TYPE, granted, is_refused, token};

fn claims(token: &str) -> Value {
    let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&part).unwrap()
}

fn details(mut wish: Value) -> String {
    wish["type"] = json!(TYPE);
    json!([wish]).to_string()
}

#[test]
fn whoever_is_given_a_token_trades_it_for_a_task_of_its_own_below() {
    let house = House::new();
    let parent = house.ask_for("planner", &json!({"template": "planning"}), &[]);
    let (above, parent) = (token(&parent), granted(&parent)["task"].clone());
    // The client has one template, so it need not say which.
    let answer = house.trade("writer", &above, &[]);
    let child = token(&answer);
    assert_eq!(answer.json()["issued_token_type"], ACCESS);
    assert_eq!(granted(&answer)["parent"], parent);
    assert_eq!(house.get_ticket(&child).json()["result"]["isError"], false);

    let (ours, theirs) = (claims(&child), claims(&above));
    assert_eq!(ours["sub"], "writer");
    assert_eq!(ours["act"], json!({"sub": "writer", "act": {"sub": "planner"}}));
    assert!(ours["exp"].as_i64() <= theirs["exp"].as_i64(), "{ours} {theirs}");
    assert_ne!(ours["txn"], theirs["txn"]);
    // Traded once more, it goes on in the same task.
    assert_eq!(granted(&house.trade("writer", &above, &[]))["task"], granted(&answer)["task"]);

    // The chain is on record and in the path; the worker's own word stays its own.
    let task = granted(&answer)["task"].as_str().unwrap().to_owned();
    let records = house.governor.records();
    let opened = records.iter().find(|it| it["command"]["task"]["id"] == json!(task)).unwrap();
    assert_eq!(opened["command"]["task"]["via"], json!(["planner"]));
    assert_eq!(opened["command"]["task"]["opener"], "itself");
    let path = house.governor.json(&["path", &task]);
    assert_eq!(path["steps"][0]["via"], json!(["planner"]), "{path}");

    // The end of the task above is the end of both.
    house.governor.json(&["task", "end", parent.as_str().unwrap()]);
    is_refused(&house.trade("writer", &above, &[]), "invalid_request");
    assert_ne!(house.get_ticket(&child).json()["result"]["isError"], false);
}

#[test]
fn a_holder_trades_its_token_for_less_of_the_same_task() {
    let house = House::new();
    let opened = house.ask_for("planner", &json!({"template": "planning"}), &[]);
    let wide = token(&opened);
    let tickets = format!("{}/mcp/tickets", house.governor.url());
    let answer = house.trade("planner", &wide, &[("resource", &tickets)]);
    let narrow = token(&answer);
    assert_eq!(granted(&answer)["task"], granted(&opened)["task"]);
    assert_eq!(answer.json()["scope"], "mcp:tickets");
    assert_eq!(claims(&narrow)["aud"], json!(tickets));
    assert!(claims(&narrow)["exp"].as_i64() <= claims(&wide)["exp"].as_i64());

    // Nothing wider comes of it again, and nobody hands on what it does not reach.
    let all = format!("{}/mcp", house.governor.url());
    let notes = format!("{}/mcp/notes", house.governor.url());
    is_refused(&house.trade("planner", &narrow, &[("resource", &all)]), "invalid_target");
    is_refused(&house.trade("planner", &narrow, &[("resource", &notes)]), "invalid_target");
    is_refused(&house.trade("writer", &narrow, &[("resource", &all)]), "invalid_target");
    assert_eq!(house.trade("planner", &narrow, &[]).json()["scope"], "mcp:tickets");
    let child = house.trade("writer", &narrow, &[]);
    assert_eq!(child.json()["scope"], "mcp:tickets");

    // Handing on by exchange: the holder says to whom.
    let wish = details(json!({"template": "ticketing", "identity": "writer"}));
    let handed = house.trade("planner", &wide, &[("authorization_details", &wish)]);
    assert_eq!(granted(&handed)["identity"], "writer");
    let wish = details(json!({"template": "planning"}));
    let own = house.trade("planner", &wide, &[("authorization_details", &wish)]);
    is_refused(&own, "invalid_authorization_details");
}

#[test]
fn what_nobody_handed_on_is_not_had_by_trading() {
    let house = House::new();
    let ours = token(&house.ask_for("planner", &json!({"template": "planning"}), &[]));
    let theirs = token(&house.ask("writer", &[]));
    // `writer` names nobody in `delegates_to`.
    let wish = details(json!({"template": "planning"}));
    let taken = house.trade("planner", &theirs, &[("authorization_details", &wish)]);
    is_refused(&taken, "unauthorized_client");
    assert!(taken.body.contains("may not hand authority"), "{taken:?}");
    // For a third one, or with somebody else as the one who acts.
    let wish = details(json!({"template": "ticketing", "identity": "reader"}));
    let third = house.trade("writer", &ours, &[("authorization_details", &wish)]);
    is_refused(&third, "unauthorized_client");
    let acts = [("actor_token", ours.as_str()), ("actor_token_type", ACCESS)];
    is_refused(&house.trade("writer", &ours, &acts), "invalid_request");
    let acts = [("actor_token", theirs.as_str()), ("actor_token_type", ACCESS)];
    assert_eq!(house.trade("writer", &ours, &acts).status, 200);
    // Another task is not the one whose token is shown.
    let wish =
        details(json!({"template": "ticketing", "parent": "task_01JD8X00000000000000000000"}));
    let other = house.trade("writer", &ours, &[("authorization_details", &wish)]);
    is_refused(&other, "invalid_authorization_details");

    for (more, what) in [
        (("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "refresh"),
        (("actor_token", ours.as_str()), "an actor without a type"),
    ] {
        assert_eq!(
            house.trade("writer", &ours, &[more]).json()["error"],
            "invalid_request",
            "{what}"
        );
    }
    let forged = format!("{ours}x");
    for bad in ["", "garbage", forged.as_str(), house.assertion("planner").as_str()] {
        is_refused(&house.trade("writer", bad, &[]), "invalid_request");
    }
    house.governor.json(&["contain", "planner", "--why", "test"]);
    is_refused(&house.trade("writer", &ours, &[]), "invalid_request");
}
