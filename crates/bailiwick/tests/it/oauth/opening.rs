//! Tasks that are opened, continued and handed on over the network.

use serde_json::json;

use super::{House, granted, is_refused, token};

#[test]
fn a_client_opens_a_task_and_acts_in_it() {
    let house = House::new();
    let wish = json!({"template": "noting", "params": {"folder": "today"}, "purpose": "Look"});
    let answer = house.ask_for("planner", &wish, &[]);
    let token = token(&answer);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["scope"], "mcp");
    assert!((290..=300).contains(&body["expires_in"].as_u64().unwrap()), "{body}");
    let details = granted(&answer);
    assert_eq!(details["template"], "noting");
    assert_eq!(details["params"], json!({"folder": "today"}));
    assert_eq!(details["actions"], json!(["notes__read_note"]));
    assert_eq!(details["locations"], json!([format!("{}/mcp", house.governor.url())]));

    let read = json!({"path": "/notes/today"});
    let called = house.governor.call(&token, "read_note", &read);
    assert_eq!(called["isError"], false, "{called}");

    // Decided and recorded as any opening; what the agent says of itself is its own word.
    let records = house.governor.records();
    let opened = records.iter().find(|it| it["command"]["command"] == "task_opened").unwrap();
    assert_eq!(opened["by"], "identity:planner");
    assert_eq!(opened["command"]["task"]["id"], details["task"]);
    assert_eq!(opened["command"]["task"]["opener"], "itself");
    assert_eq!(opened["command"]["task"]["params"]["folder"]["from"], "itself");
    let minted = records.iter().filter(|it| it["command"]["command"] == "token_minted");
    assert_eq!(minted.count(), 1);
    assert!(!records.iter().any(|it| it.to_string().contains(&token)));
}

#[test]
fn an_open_task_gets_a_new_token_from_its_own_key_alone() {
    let house = House::new();
    let first = house.ask_for("writer", &json!({"template": "ticketing"}), &[]);
    let task = granted(&first)["task"].clone();
    let again = house.ask_for("writer", &json!({"task": task}), &[]);
    assert_eq!(granted(&again)["task"], task);
    assert_ne!(token(&first), token(&again));
    for token in [token(&first), token(&again)] {
        assert_eq!(house.get_ticket(&token).json()["result"]["isError"], false);
    }

    let theirs = house.ask_for("planner", &json!({"task": task}), &[]);
    is_refused(&theirs, "invalid_grant");
    let unknown =
        house.ask_for("planner", &json!({"task": "task_01JD8X00000000000000000000"}), &[]);
    is_refused(&unknown, "invalid_grant");
    let said = |it: &crate::governor::Answer| {
        let text = it.json()["error_description"].as_str().unwrap().to_owned();
        text.split("task_").next().unwrap().to_owned()
    };
    assert_eq!(said(&theirs), said(&unknown), "whether a task exists is not told");

    house.governor.json(&["task", "end", task.as_str().unwrap()]);
    is_refused(&house.ask_for("writer", &json!({"task": task}), &[]), "invalid_grant");
}

#[test]
fn a_client_that_cannot_say_what_it_wants_gets_its_one_task() {
    let house = House::new();
    let first = granted(&house.ask("writer", &[]));
    assert_eq!(first["template"], "ticketing");
    let again = granted(&house.ask("writer", &[]));
    assert_eq!(again["task"], first["task"], "it goes on in the task that is open");
    house.governor.json(&["task", "end", first["task"].as_str().unwrap()]);
    let next = granted(&house.ask("writer", &[]));
    assert_ne!(next["task"], first["task"]);
    // Whoever may open several must say which.
    let refused = house.ask("planner", &[]);
    is_refused(&refused, "invalid_authorization_details");
    assert!(refused.body.contains("planning") && refused.body.contains("noting"), "{refused:?}");
}

#[test]
fn authority_is_handed_on_by_whoever_has_it_to_whom_its_charter_names() {
    let house = House::new();
    let parent = granted(&house.ask_for("planner", &json!({"template": "planning"}), &[]));
    let parent = parent["task"].clone();
    let child = json!({"template": "ticketing", "parent": parent, "identity": "writer"});
    let answer = house.ask_for("planner", &child, &[]);
    let details = granted(&answer);
    assert_eq!((&details["identity"], &details["parent"]), (&json!("writer"), &parent));
    assert_eq!(house.get_ticket(&token(&answer)).json()["result"]["isError"], false);
    // The child's own key mints again; its parent's does not.
    let again = json!({"task": details["task"]});
    assert_eq!(granted(&house.ask_for("writer", &again, &[]))["task"], details["task"]);
    is_refused(&house.ask_for("planner", &again, &[]), "invalid_grant");
    // Nobody narrows another's task, or helps itself to one.
    let own = json!({"template": "ticketing", "parent": parent, "identity": "writer"});
    is_refused(&house.ask_for("writer", &own, &[]), "invalid_grant");
    let other = json!({"template": "planning", "parent": parent, "identity": "planner"});
    is_refused(&house.ask_for("planner", &other, &[]), "unauthorized_client");
    // The end of the parent is the end of both.
    house.governor.json(&["task", "end", parent.as_str().unwrap()]);
    is_refused(&house.ask_for("writer", &again, &[]), "invalid_grant");
}

#[test]
fn a_token_for_one_server_opens_that_one_alone() {
    let house = House::new();
    let at = |path: &str| format!("{}{path}", house.governor.url());
    let (tickets, notes) = (at("/mcp/tickets"), at("/mcp/notes"));
    let answer = house.ask("writer", &[("resource", &tickets), ("scope", "mcp:tickets")]);
    let token = token(&answer);
    assert_eq!(answer.json()["scope"], "mcp:tickets");
    assert_eq!(granted(&answer)["locations"], json!([tickets]));
    assert_eq!(house.get_ticket(&token).status, 200);

    for (path, scope) in [("/mcp/notes", "mcp:notes"), ("/mcp", "mcp"), ("/mcp/no", "mcp:no")] {
        let answer = house.governor.post(path, &token, &[], "{}");
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
        let metadata = at(&format!("/.well-known/oauth-protected-resource{path}"));
        assert!(challenge.contains(&format!("resource_metadata=\"{metadata}\"")), "{challenge}");
    }
    // Beyond its charter, or not there at all: the same answer.
    let beyond = house.ask("writer", &[("resource", &notes)]);
    is_refused(&beyond, "invalid_target");
    let nowhere = house.ask("writer", &[("resource", &at("/mcp/nowhere"))]);
    assert_eq!(beyond.body, nowhere.body);
    for wrong in [at(""), at("/mcp/"), "https://evil.example/mcp".to_owned(), at("/mcp/tickets#x")]
    {
        is_refused(&house.ask("writer", &[("resource", &wrong)]), "invalid_target");
    }
    is_refused(&house.ask("writer", &[("resource", &tickets), ("scope", "mcp")]), "invalid_scope");
}
