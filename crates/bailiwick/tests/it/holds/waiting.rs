//! A caller stays, and is woken by what happens elsewhere.

use std::io::Write as _;

use serde_json::{Value, json};

use super::client::{HEADERS, House, LONG, arguments, body, state, why};
use crate::governor::until;

/// Has a caller wait, does something elsewhere, and gives what the caller was told.
fn while_waiting(house: &House, elsewhere: impl FnOnce(&str)) -> Value {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| house.write(&Value::Null));
        elsewhere(&house.ticket());
        waiting.join().unwrap()
    })
}

#[test]
fn a_yes_from_another_terminal_completes_the_call_that_waits() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |hold| house.answer("approve", hold));
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.governor.reached(), 1);
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn a_no_ends_the_wait_in_words() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |hold| house.answer("deny", hold));
    assert_eq!(
        (answer["result"]["isError"].as_bool(), why(&answer)),
        (Some(true), &json!("refused"))
    );
    assert_eq!(house.governor.reached(), 0);
    assert_eq!(house.verdicts(), ["hold", "deny"]);
}

#[test]
fn the_end_of_the_task_ends_the_wait() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |_| {
        house.governor.json(&["task", "end", &house.task]);
    });
    assert_eq!(why(&answer), "task_ended", "{answer}");
    assert_eq!(house.verdicts(), ["hold", "deny"]);
}

#[test]
fn a_key_that_is_withdrawn_ends_the_wait_and_a_yes_after_that_sends_nothing() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |hold| {
        house.governor.json(&["keys", "withdraw", "--all"]);
        house.answer("approve", hold);
    });
    assert_eq!(why(&answer), "stale_token", "{answer}");
    assert_eq!(house.governor.reached(), 0);
    assert_eq!(house.verdicts(), ["hold", "deny"]);
    // The yes is the task's: with a token of the new key the call goes.
    let fresh = house.governor.json(&["task", "token", &house.task]);
    let answer = house.call(fresh["token"].as_str().unwrap(), &arguments("hello"), &Value::Null);
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.governor.reached(), 1);
}

#[test]
fn a_ticket_whose_time_runs_out_ends_the_wait() {
    let brief = r#"
name = "asking"
owner = "team-test"
purpose = "Ask before writing, but not for long"
on_widen = "hold"
[window]
max = "2s"
[[allow]]
server = "notes"
tools = ["read_note"]
"#;
    let house = House::with(LONG, &[("templates/asking.toml", brief)]);
    let answer = while_waiting(&house, |_| {});
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let shown = house.governor.json(&["hold", "list"]);
    assert_eq!(shown["holds"], json!([]), "{shown}");
    assert_eq!(house.governor.reached(), 0);
}

#[test]
fn a_policy_that_no_longer_allows_ends_the_wait() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |_| {
        let forbid = "@id(\"no-writing\")\nforbid (principal, action == Action::\"notes__write_note\", resource);\n";
        house.governor.write("policies/freeze.cedar", forbid);
        house.governor.json(&["reload"]);
    });
    assert_eq!(why(&answer), "policy_forbids", "{answer}");
    assert_eq!(house.verdicts(), ["hold", "deny"]);
}

#[test]
fn a_reload_that_changes_nothing_for_the_call_leaves_no_record() {
    let house = House::start(LONG);
    let answer = while_waiting(&house, |hold| {
        for day in 1..4 {
            let fact =
                format!("[[fact]]\nname = \"freeze\"\nuntil = \"2099-01-0{day}T00:00:00Z\"\n");
            let config = std::fs::read_to_string(house.governor.path("bailiwick.toml")).unwrap();
            let config = config.split("[[fact]]").next().unwrap();
            house.governor.write("bailiwick.toml", &format!("{config}{fact}"));
            house.governor.json(&["reload"]);
        }
        house.answer("approve", hold);
    });
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn one_yes_lets_one_of_two_equal_calls_go() {
    let house = House::start(LONG);
    let answers = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| house.write(&Value::Null)));
        let hold = house.ticket();
        until("both calls were held", || house.verdicts().len() == 2);
        house.answer("approve", &hold);
        until("one call went", || house.governor.reached() == 1);
        let second = house.ticket();
        assert_ne!(second, hold, "a yes is used once");
        house.answer("deny", &second);
        both.map(|it| it.join().unwrap()["result"]["isError"].clone())
    });
    assert!(answers.contains(&json!(true)) && answers.contains(&json!(false)), "{answers:?}");
    assert_eq!(house.governor.reached(), 1);
}

/// So many callers of one task may wait; the crowd must not cost anybody else a place.
const PLACES: usize = 32;

#[test]
fn a_crowd_of_one_task_is_told_its_ticket_and_takes_no_place_of_others() {
    let house = House::start(LONG);
    let (first, rest) = std::thread::scope(|scope| {
        let (told, telling) = std::sync::mpsc::channel();
        for _ in 0..=PLACES {
            let (told, house) = (told.clone(), &house);
            scope.spawn(move || told.send(house.write(&Value::Null)).unwrap());
        }
        let first = telling.recv().unwrap();
        house.governor.json(&["task", "end", &house.task]);
        drop(told);
        (first, telling.iter().collect::<Vec<_>>())
    });
    assert_eq!(first["result"]["structuredContent"]["verdict"], "hold", "{first}");
    assert_eq!(rest.len(), PLACES);
    assert!(rest.iter().all(|it| why(it) == "task_ended"), "{rest:?}");
    assert_eq!(house.governor.reached(), 0);
}

#[test]
fn hanging_up_ends_the_round_and_not_the_hold() {
    let house = House::start(LONG);
    let call = body("write_note", &arguments("hello"), &Value::Null, "{}");
    let mut left = house.governor.connect();
    let host = house.governor.host();
    let headers: String =
        HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST /mcp/notes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n",
        house.token,
        call.len(),
    );
    left.write_all(&[head.as_bytes(), call.as_bytes()].concat()).unwrap();
    let hold = house.ticket();
    drop(left);
    house.answer("approve", &hold);
    assert_eq!(house.governor.reached(), 0, "a yes alone makes no call");
    let answer = house.write(&Value::Null);
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn a_gateway_that_goes_sends_its_callers_to_the_next_one() {
    let mut house = House::start(LONG);
    let told = std::thread::scope(|scope| {
        let (governor, token) = (&house.governor, &house.token);
        let call = body("write_note", &arguments("hello"), &Value::Null, "{}");
        let waiting = scope.spawn(move || {
            super::client::message(&governor.post("/mcp/notes", token, HEADERS, &call))
        });
        house.ticket();
        let pid = rustix::process::Pid::from_raw(i32::try_from(governor.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        waiting.join().unwrap()
    });
    let state = state(&told);
    assert_eq!(house.governor.ended(), 0);
    house.governor.serve();
    let hold = house.ticket();
    house.answer("approve", &hold);
    let token = house.governor.json(&["task", "token", &house.task])["token"].clone();
    let answer = house.call(token.as_str().unwrap(), &arguments("hello"), &state);
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.governor.reached(), 1);
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}
