//! Without a governor that serves, a wrapped server brings its own; and the next takes over from it.

use serde_json::{Value, json};

use super::{READING, client::Wrapped, read, tasks};
use crate::governor::{Governor, NOTES, until};

/// `reader` may also use a server that no file names.
fn with_a_server_of_the_command_line() -> Governor {
    let charter = NOTES[1].1.replace("[\"notes\"]", "[\"notes\", \"more\"]");
    let template = NOTES[2].1.replace("server = \"notes\"", "server = \"more\"");
    let charter = charter.replace("\"reading\",", "\"reading\", \"more\",");
    let template = template.replace("name = \"reading\"", "name = \"more\"");
    let files = [NOTES, &[("charters/reader.toml", &charter), ("templates/more.toml", &template)]];
    Governor::prepare(&files.concat())
}

#[test]
fn a_wrapped_server_needs_no_governor() {
    let governor = Governor::prepare(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    let allowed = client.ask("tools/call", &read("/notes/a"));
    assert_ne!(allowed["result"]["isError"], true, "{allowed}");
    let denied = client.ask("tools/call", &read("/secret/a"));
    assert_eq!(denied["result"]["isError"], true, "{denied}");
    // Other commands find it as they find any governor.
    assert_eq!(tasks(&governor)[0]["status"]["state"], "open");

    let ended = client.close();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(governor.reached(), 1);
    assert_eq!(tasks(&governor)[0]["status"]["state"], "ended");
    assert_eq!(governor.json(&["ledger", "verify"])["ok"], true);
}

#[test]
fn a_server_of_the_command_line_is_governed_and_on_record() {
    let governor = with_a_server_of_the_command_line();
    let program = env!("CARGO_BIN_EXE_bailiwick");
    let words = ["wrap", "--server", "more", "--template", "more", "--as", "reader", "--"];
    let server = [program, "demo-server", "notes", "--count", "reached/more"];
    let mut client = Wrapped::start(&governor, &[&words[..], &server].concat());
    client.open();
    let allowed = client.ask("tools/call", &read("/notes/a"));
    assert_ne!(allowed["result"]["isError"], true, "{allowed}");
    assert_eq!(client.close().code, 0);
    assert_eq!(governor.reached(), 1);
    let recorded = governor.records().iter().any(|it| it.to_string().contains("--server more"));
    assert!(recorded, "what ran is on record");
}

#[test]
fn when_the_one_that_governs_goes_the_other_takes_over() {
    let governor = Governor::prepare(NOTES);
    let mut first = Wrapped::start(&governor, READING);
    first.open();
    let mut second = Wrapped::start(&governor, READING);
    second.open();
    assert_eq!(first.close().code, 0);
    let answer = second.ask("tools/call", &read("/notes/b"));
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(second.close().code, 0);
    let states: Vec<Value> =
        tasks(&governor).iter().map(|it| it["status"]["state"].clone()).collect();
    assert_eq!(states, ["ended", "ended"]);
}

#[test]
fn two_that_start_at_once_agree_who_governs() {
    let governor = Governor::prepare(NOTES);
    let mut both = [(); 2].map(|()| Wrapped::start(&governor, READING));
    for client in &mut both {
        client.begin("ping", &json!({}));
    }
    for client in &mut both {
        assert_eq!(client.hear()["result"], json!({}));
    }
}

#[test]
fn a_task_whose_wrapped_server_was_killed_goes_on_nowhere_and_the_next_one_starts() {
    let governor = Governor::prepare(NOTES);
    let mut first = Wrapped::start(&governor, READING);
    first.open();
    first.kill();
    let mut second = Wrapped::start(&governor, READING);
    second.open();
    let answer = second.ask("tools/call", &read("/notes/b"));
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    until("the killed one's tool servers are gone", || governor.reached() == 1);
}

#[test]
fn a_token_that_no_longer_counts_is_renewed() {
    let mut governor = Governor::start(NOTES);
    let mut client = Wrapped::start(&governor, READING);
    client.open();
    governor.stop();
    // Without the keys of before, no token of before is one.
    for entry in std::fs::read_dir(governor.path("state/keys")).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("token") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    governor.write(NOTES[0].0, &NOTES[0].1.replace("127.0.0.1:0", governor.host()));
    governor.serve();
    let answer = client.ask("tools/call", &read("/notes/b"));
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(tasks(&governor).len(), 1, "it is the same task");
}
