//! Streams on which nothing is asked.

use serde_json::{Value, json};

use super::{House, MODERN, Stream, modern_meta};
use crate::governor::until;

/// Opens a stream of changes in the modern way.
fn listen(house: &House, wanted: &Value) -> Stream {
    let params = json!({"notifications": wanted, "_meta": modern_meta()});
    let body =
        json!({"jsonrpc": "2.0", "id": "s1", "method": "subscriptions/listen", "params": params});
    let headers = format!("{MODERN}Mcp-Method: subscriptions/listen\r\n");
    house.begin("POST /mcp/tells", &headers, &body.to_string())
}

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
    let mut modern = listen(&house, &json!({"toolsListChanged": true, "unknown": true}));
    let mut legacy = house.begin("GET /mcp/tells", "", "");
    let mut deaf = listen(&house, &json!({"promptsListChanged": false}));
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
    let mut modern = listen(&house, &json!({"toolsListChanged": true}));
    modern.next().unwrap();
    house.governor.stop();
    assert_eq!(modern.next().unwrap()["result"]["resultType"], "complete");
}

#[test]
fn a_resource_is_followed_where_the_task_may_read_it_and_as_long_as_somebody_listens() {
    let house = House::new();
    let followed = || house.notes()["followed"].clone();
    let mut stream =
        listen(&house, &json!({"resourceSubscriptions": ["note:a", "note:x", "secret:c"]}));
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
