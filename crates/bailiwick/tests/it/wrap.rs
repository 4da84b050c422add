//! `bailiwick wrap`: a governed server on standard input and output.

pub(crate) mod client;
mod takeover;

use serde_json::{Value, json};

use self::client::{MODERN, Wrapped};
use crate::governor::{Governor, NOTES, until};

/// The words that wrap the server `notes` for the agent that may read below `/notes/`.
pub(crate) const READING: &[&str] =
    &["wrap", "--server", "notes", "--template", "reading", "--as", "reader"];
const ASKING: &[&str] = &["wrap", "--server", "notes", "--template", "asking", "--as", "reader"];

fn read(path: &str) -> Value {
    json!({"name": "read_note", "arguments": {"path": path}})
}

/// Gives the tasks of a governor, as `task list --all` shows them.
fn tasks(governor: &Governor) -> Vec<Value> {
    governor.json(&["task", "list", "--all"])["tasks"].as_array().unwrap().clone()
}

#[test]
fn a_wrapped_server_is_governed_and_its_task_ends_with_its_input() {
    let governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    let opened = client.open();
    assert_eq!(opened["result"]["protocolVersion"], "2025-11-25", "{opened}");
    let listed = client.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    assert_eq!(tools.iter().map(|it| &it["name"]).collect::<Vec<_>>(), ["read_note"]);

    let allowed = client.ask("tools/call", &read("/notes/a"));
    assert_ne!(allowed["result"]["isError"], true, "{allowed}");
    let denied = client.ask("tools/call", &read("/secret/a"));
    assert_eq!(denied["result"]["structuredContent"]["code"], "outside_grant", "{denied}");
    assert_eq!(governor.reached(), 1);

    let ended = client.close();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "nothing but answers goes to standard output");
    let tasks = tasks(&governor);
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["status"]["state"], "ended", "{tasks:?}");
}

#[test]
fn a_modern_client_needs_no_headers() {
    let governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    let modern = |mut params: Value| {
        params["_meta"] = serde_json::from_str(MODERN).unwrap();
        params
    };
    let found = client.ask("server/discover", &modern(json!({})));
    assert!(found["result"]["capabilities"].is_object(), "{found}");
    let allowed = client.ask("tools/call", &modern(read("/notes/ä")));
    assert_eq!(allowed["result"]["resultType"], "complete", "{allowed}");
    let denied = client.ask("tools/call", &modern(read("/secret/a")));
    assert_eq!(denied["result"]["structuredContent"]["verdict"], "deny", "{denied}");
}

#[test]
fn what_must_happen_along_with_a_call_happens_to_a_wrapped_one() {
    let governor = Governor::prepare(NOTES);
    let asks = "name = \"few\"\nversion = 1\nowner = \"team-test\"\nbytes = 10\n\
                [arguments.limit]\nmax = 5\n";
    governor.write("constraints/few.toml", asks);
    let permit = "@id(\"few\") @constrain(\"few\") permit (principal, action, resource);";
    governor.write("policies/few.cedar", permit);
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    let answer = client.ask("tools/call", &read("/notes/a"));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("10 at most"), "{answer}");
    assert_eq!(governor.reached_calls(), [r#"read_note {"path":"/notes/a","limit":5}"#]);
}

#[test]
fn what_is_no_message_is_answered_and_the_next_one_is_served() {
    let governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    for (line, code) in [
        ("{", -32700),
        ("[]", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
    ] {
        client.say(line);
        let answer = client.hear();
        assert_eq!(answer["error"]["code"], code, "{line}: {answer}");
    }
    client.say("   ");
    assert_eq!(client.ask("ping", &json!({}))["result"], json!({}));
}

#[test]
fn a_line_without_an_end_ends_the_task() {
    let governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    client.say_in_vain(&"x".repeat(5 << 20));
    assert_eq!(client.hear()["error"]["code"], -32603);
    let ended = client.close();
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert_eq!(tasks(&governor)[0]["status"]["state"], "ended");
}

#[test]
fn a_held_call_tells_its_ticket_to_the_terminal_and_goes_when_approved() {
    // Its answer is held open until somebody answers.
    let config = NOTES[0].1.replace("stream = \"0s\"", "stream = \"1m\"");
    assert_ne!(config, NOTES[0].1);
    let mut governor = Governor::prepare(&NOTES[1..]);
    governor.write("bailiwick.toml", &config);
    governor.serve();
    let person = governor.person("ada");
    let mut client = Wrapped::start(&governor, ASKING);
    client.open();
    let write = json!({"name": "write_note", "arguments": {"path": "/notes/a", "text": "b"}});
    client.begin("tools/call", &write);
    let mut ticket = None;
    until("the ticket is told", || {
        let told = client.told();
        ticket = told.split([' ', '`']).find(|it| it.starts_with("hold_")).map(str::to_owned);
        ticket.is_some()
    });
    let ticket = ticket.unwrap();
    let mut words = vec!["hold", "approve", ticket.as_str()];
    words.extend(person.iter().map(String::as_str));
    governor.json(&words);
    let done = client.hear();
    assert_ne!(done["result"]["isError"], true, "{done}");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_held_call_that_is_answered_at_once_tells_its_ticket_too() {
    let governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, ASKING);
    client.open();
    let write = json!({"name": "write_note", "arguments": {"path": "/notes/a", "text": "b"}});
    let held = client.ask("tools/call", &write);
    let ticket = held["result"]["structuredContent"]["hold"].as_str().unwrap();
    until("the ticket is told", || client.told().contains(ticket));
}

#[test]
fn signals_end_the_task() {
    let governor = Governor::start(NOTES);
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::INT] {
        let mut client = Wrapped::start(&governor, READING);
        client.open();
        let ended = client.signal(signal);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.contains("the signal"), "{}", ended.stderr);
    }
    assert!(tasks(&governor).iter().all(|it| it["status"]["state"] == "ended"));
}

#[test]
fn the_death_of_whoever_started_it_ends_the_task() {
    let governor = Governor::start(NOTES);
    // Its input stays open: another process holds the other end, as happens with a client's helpers.
    let orphan = Wrapped::orphan(&governor, READING);
    until("the task has ended", || {
        tasks(&governor).iter().any(|it| it["status"]["state"] == "ended")
    });
    drop(orphan);
}

#[test]
fn what_may_not_be_opened_is_refused_before_anything_is_said() {
    let governor = Governor::start(NOTES);
    let words =
        |server, template| ["wrap", "--server", server, "--template", template, "--as", "reader"];
    let refused = governor.refused(&words("notes", "writing"), 1);
    assert!(refused.contains("writing"), "{refused}");
    let unknown = governor.refused(&words("nothing", "reading"), 2);
    assert!(unknown.contains("knows no server `nothing`"), "{unknown}");
}

#[test]
fn an_edit_that_does_not_fit_the_tools_keeps_a_wrapped_server_from_starting() {
    let mut governor = Governor::start(NOTES);
    until("a tool was accepted", || governor.run(&["policy", "schema"]).code == 0);
    governor.stop();
    let misspelt =
        "@id(\"a\") forbid (principal, action == Action::\"notes__raed_note\", resource);";
    governor.write("policies/a.cedar", misspelt);
    let ran = governor.run(READING);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("POL-022") && ran.stderr.contains("policies/a.cedar:1"), "{ran:?}");
    governor.write("policies/a.cedar", &misspelt.replace("raed", "write"));
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    assert_ne!(client.ask("tools/call", &read("/notes/a"))["result"]["isError"], true);
    assert_eq!(client.close().code, 0);
}
