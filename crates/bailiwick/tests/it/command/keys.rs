//! `bailiwick keys …`: the keys that sign task tokens.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

fn states(keys: &Value) -> Vec<&str> {
    keys["keys"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect()
}

fn published(governor: &Governor) -> Vec<String> {
    let host = governor.host();
    let head = format!("GET /oauth2/jwks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let keys = governor.raw(head.as_bytes()).json();
    let keys = keys["keys"].as_array().unwrap().clone();
    keys.iter().map(|it| it["kid"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_next_key_is_published_and_a_withdrawn_one_opens_nothing_at_once() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "reading", &[]);
    let read = |token: &str| {
        let path = json!({"path": "/notes/today"});
        let params = json!({"name": "read_note", "arguments": path});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        governor.post("/mcp/notes", token, &[], &body.to_string())
    };
    assert_eq!(read(&token).status, 200);
    let listed = governor.json(&["keys", "list"]);
    assert_eq!(states(&listed), ["current"]);
    let current = listed["keys"][0]["key"].as_str().unwrap().to_owned();

    let rotated = governor.json(&["keys", "rotate"]);
    assert_eq!(states(&rotated), ["next", "current"]);
    let next = rotated["keys"][0]["key"].as_str().unwrap().to_owned();
    assert_eq!(published(&governor), [current.clone(), next.clone()]);
    assert_eq!(governor.json(&["keys", "rotate"]), rotated, "once is enough");
    assert_eq!(read(&token).status, 200);

    // The token is good, and was found to be; its key is withdrawn, and so it is no more.
    let withdrawn = governor.json(&["keys", "withdraw", &current]);
    assert_eq!(states(&withdrawn), ["current"]);
    let refused = read(&token);
    assert_eq!(refused.status, 401, "{refused:?}");
    assert!(refused.body.contains("withdrawn"), "{refused:?}");
    let now = published(&governor);
    assert!(!now.contains(&current) && !now.contains(&next), "{now:?}");
    // The task goes on with a new token.
    let fresh = governor.json(&["task", "token", &task]);
    assert_eq!(read(fresh["token"].as_str().unwrap()).status, 200);

    assert!(governor.refused(&["keys", "withdraw", &current], 1).contains("no token key"));
    let records = governor.records();
    let changes: Vec<_> = records
        .iter()
        .filter(|it| it["command"]["command"] == "token_key_changed")
        .map(|it| it["command"]["change"].as_str().unwrap())
        .collect();
    assert_eq!(changes, ["published", "withdrawn", "withdrawn", "signs"]);
    governor.json(&["keys", "withdraw", "--all"]);
    assert_eq!(read(fresh["token"].as_str().unwrap()).status, 401);
}
