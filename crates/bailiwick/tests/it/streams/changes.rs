//! Streams on which nothing is asked.

use serde_json::{Value, json};

use super::{House, MODERN, Stream};
use crate::governor::until;

/// Forbids a tool to everyone, or changes nothing that anyone sees.
fn forbid(house: &House, tool: &str) {
    house.governor.write(
        "policies/house.cedar",
        &format!(
            "@id(\"no-{tool}\")\nforbid (principal, action == Action::\"tells__{tool}\", resource);\n"
        ),
    );
    house.governor.json(&["reload"]);
}

#[test]
fn a_changed_policy_is_told_to_those_who_see_another_list_than_before() {
    let house = House::new();
    let mut modern = house.listen(&json!({"toolsListChanged": true, "unknown": true}));
    let mut legacy = house.begin("GET /mcp/tells", "", "");
    let mut deaf = house.listen(&json!({"promptsListChanged": false}));
    let subscription = json!({"io.modelcontextprotocol/subscriptionId": "s1"});
    assert_eq!(
        modern.next().unwrap()["params"],
        json!({"notifications": {"toolsListChanged": true}, "_meta": subscription})
    );
    assert_eq!(deaf.next().unwrap()["params"]["notifications"], json!({}));
    assert!(legacy.head().contains("content-type: text/event-stream"));

    // This task does not see that tool anyway.
    forbid(&house, "flood");
    forbid(&house, "hang");
    let told = modern.next().unwrap();
    assert_eq!(told["method"], "notifications/tools/list_changed");
    assert_eq!(told["params"]["_meta"], subscription);
    let told = |stream: &mut Stream| stream.next().unwrap()["method"].clone();
    let mut lists: Vec<_> = (0..3).map(|_| told(&mut legacy)).collect();
    lists.sort_by_key(Value::to_string);
    lists.dedup();
    assert!(lists.contains(&json!("notifications/tools/list_changed")), "{lists:?}");

    // The stream ends with the task, and no sooner.
    house.governor.json(&["task", "end", &house.task]);
    let ended = modern.next().unwrap();
    assert_eq!((&ended["id"], &ended["result"]["_meta"]), (&json!("s1"), &subscription));
    assert!(modern.next().is_none());
    assert_eq!(deaf.next().unwrap()["id"], "s1");
    while legacy.next().is_some() {}
}

#[test]
fn a_stream_ends_with_the_key_of_its_token() {
    let house = House::new();
    let mut modern = house.listen(&json!({"toolsListChanged": true}));
    assert!(modern.next().is_some());
    house.governor.json(&["keys", "withdraw", "--all"]);
    assert_eq!(modern.next().unwrap()["id"], "s1");
    assert!(modern.next().is_none());
}

#[test]
fn a_task_has_a_bounded_number_of_streams() {
    let house = House::new();
    let mut open: Vec<_> = (0..8).map(|_| house.begin("GET /mcp/tells", "", "")).collect();
    for stream in &mut open {
        assert!(stream.head().starts_with("http/1.1 200"));
    }
    let mut more = house.begin("GET /mcp/tells", "", "");
    assert!(more.head().starts_with("http/1.1 429"));
    let mut modern = house.begin("GET /mcp/tells", MODERN, "");
    assert!(modern.head().starts_with("http/1.1 405"), "a newer client opens none by GET");
}

#[test]
fn stopping_ends_the_streams_in_good_order() {
    let mut house = House::new();
    let mut modern = house.listen(&json!({"toolsListChanged": true}));
    modern.next().unwrap();
    house.governor.stop();
    assert_eq!(modern.next().unwrap()["result"]["resultType"], "complete");
}

#[test]
fn a_resource_is_followed_where_the_task_may_read_it_and_as_long_as_somebody_listens() {
    let house = House::new();
    let followed = || house.notes()["followed"].clone();
    let mut stream =
        house.listen(&json!({"resourceSubscriptions": ["note:a", "note:x", "secret:c"]}));
    let granted = stream.next().unwrap()["params"]["notifications"].clone();
    assert_eq!(granted, json!({"resourceSubscriptions": ["note:a", "note:x"]}));
    let subscribed = json!([["resources/subscribe", "note:a"], ["resources/subscribe", "note:x"]]);
    until("the server is asked", || followed() == subscribed);
    house.legacy(1, "touch").head();
    let told = stream.next().unwrap();
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"]["uri"], "note:a");
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s1");
    drop(stream);
    until("nobody follows", || followed().as_array().unwrap().len() == 4);
    assert_eq!(followed()[2], json!(["resources/unsubscribe", "note:a"]));
}

/// Says something of the session `name`, as clients up to 2025-11-25 do.
fn say(house: &House, session: &str, method: &str, params: &Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params});
    let headers = [("Mcp-Session-Id", session)];
    house.governor.post("/mcp/tells", &house.token, &headers, &body.to_string()).json()
}

#[test]
fn an_older_client_follows_a_resource_in_its_session_until_it_says_so_or_leaves() {
    let house = House::new();
    let (session, other) = (house.session(&json!({})), house.session(&json!({})));
    let followed = || house.notes()["followed"].clone();
    let told = say(&house, &session, "resources/subscribe", &json!({"uri": "secret:c"}));
    assert_eq!(told["error"]["code"], -32002, "the task may not read it: {told}");
    for uri in ["note:a", "note:b"] {
        let told = say(&house, &session, "resources/subscribe", &json!({"uri": uri}));
        assert_eq!(told["result"], json!({}), "{told}");
    }
    until("the server is asked", || followed().as_array().unwrap().len() == 2);
    let hears = |session: &str| {
        let mut stream =
            house.begin("GET /mcp/tells", &format!("Mcp-Session-Id: {session}\r\n"), "");
        stream.head();
        stream
    };
    let (mut own, mut others) = (hears(&session), hears(&other));
    let told = say(&house, &session, "resources/unsubscribe", &json!({"uri": "note:b"}));
    assert_eq!(told["result"], json!({}), "{told}");
    until("the server is asked", || followed()[2] == json!(["resources/unsubscribe", "note:b"]));
    house.legacy(1, "touch").head();
    let updated = own.next().unwrap();
    assert_eq!(updated["method"], "notifications/resources/updated", "{updated}");
    assert_eq!(updated["params"], json!({"uri": "note:a"}));

    // Nothing but lists is told to a session that follows nothing.
    forbid(&house, "hang");
    assert_eq!(others.next().unwrap()["method"], "notifications/tools/list_changed");
    let gone =
        house.begin("DELETE /mcp/tells", &format!("Mcp-Session-Id: {session}\r\n"), "").head();
    assert!(gone.starts_with("http/1.1 204"), "{gone}");
    until("nobody follows", || followed()[3] == json!(["resources/unsubscribe", "note:a"]));
}

#[test]
fn an_older_client_hears_of_a_log_what_its_session_wants() {
    for (level, heard) in [("debug", true), ("error", false)] {
        let house = House::new();
        let session = house.session(&json!({}));
        let told = say(&house, &session, "logging/setLevel", &json!({"level": level}));
        assert_eq!(told["result"], json!({}), "{told}");
        let told = say(&house, &session, "logging/setLevel", &json!({"level": "loud"}));
        assert_eq!(told["error"]["code"], -32602, "{told}");
        let mut stream = house.call_in(&session, "work");
        let logged = stream.next().is_some_and(|it| it["method"] == "notifications/message");
        assert_eq!(logged, heard, "{level}");
    }
}

#[test]
fn a_server_says_to_the_next_task_nothing_of_the_one_before() {
    let house = House::new();
    let (_, stranger) = house.governor.open("agent", "working", &[]);
    let body = super::call(1, "notes", json!({}));
    house.governor.post("/mcp/tells", &stranger, &[], &body);
    let mut stream = house.legacy(5, "work");
    while let Some(note) = stream.next() {
        assert_ne!(note["method"], "notifications/message", "{note}");
    }
}
