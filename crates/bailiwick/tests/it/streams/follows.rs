//! Resources of a child of 2026-07-28, followed by clients of both eras.

use serde_json::{Value, json};

use super::{House, Stream};
use crate::governor::until;

/// Waits until the child is asked for these resources, and for no others.
fn until_asked(house: &House, uris: &Value) {
    until("the child is asked", || house.notes()["open"] == json!([uris]));
}

/// Has the child tell of all that is followed.
fn touch(house: &House) {
    let params = json!({"name": "touch", "arguments": {}});
    house.governor.ask("/mcp/tells", &house.token, "tools/call", &params);
}

/// Gives the next resource that is told of.
fn updated(stream: &mut Stream) -> String {
    loop {
        let told = stream.next().unwrap();
        if told["method"] == "notifications/resources/updated" {
            return told["params"]["uri"].as_str().unwrap().to_owned();
        }
    }
}

#[test]
fn clients_of_both_eras_follow_single_resources_of_a_child_of_2026_07_28() {
    let house = House::at("follows.py", "");
    until_asked(&house, &json!([]));
    let mut modern = house.listen(&json!({"resourceSubscriptions": ["note:a", "secret:c"]}));
    let granted = modern.next().unwrap()["params"]["notifications"].clone();
    assert_eq!(granted, json!({"resourceSubscriptions": ["note:a"]}));
    until_asked(&house, &json!(["note:a"]));

    let session = house.session(&json!({}));
    let headers = [("Mcp-Session-Id", session.as_str())];
    let params = json!({"uri": "note:b"});
    let body =
        json!({"jsonrpc": "2.0", "id": 3, "method": "resources/subscribe", "params": params});
    let told = house.governor.post("/mcp/tells", &house.token, &headers, &body.to_string());
    assert_eq!(told.json()["result"], json!({}), "{}", told.body);
    until_asked(&house, &json!(["note:a", "note:b"]));
    let mut legacy = house.begin("GET /mcp/tells", &format!("Mcp-Session-Id: {session}\r\n"), "");
    legacy.head();

    touch(&house);
    assert_eq!((updated(&mut modern), updated(&mut legacy)), ("note:a".into(), "note:b".into()));
    drop(modern);
    until_asked(&house, &json!(["note:b"]));
    let notes = house.notes();
    let asked = notes["asked"].as_array().unwrap().len();
    assert_eq!(notes["cancelled"], asked - 1, "each takes the place of the one before");
}

#[test]
fn a_stream_that_its_child_ends_is_asked_for_again() {
    let house = House::at("follows.py", "");
    let mut stream = house.listen(&json!({"resourceSubscriptions": ["note:a"]}));
    stream.next().unwrap();
    for ending in ["end", "tear"] {
        until_asked(&house, &json!(["note:a"]));
        let before = house.notes()["asked"].as_array().unwrap().len();
        let params = json!({"name": ending, "arguments": {}});
        house.governor.ask("/mcp/tells", &house.token, "tools/call", &params);
        until("it is asked again", || house.notes()["asked"].as_array().unwrap().len() > before);
        touch(&house);
        assert_eq!(updated(&mut stream), "note:a", "after `{ending}`");
    }
}
