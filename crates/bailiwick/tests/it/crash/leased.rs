//! Law 5 with everything real: the governor dies at a step of issue or of revoke, or the program that
//! stands for the target answers late, wrongly or not at all. Nothing is alive at the end.

use std::fs;

use serde_json::{Value, json};

use crate::{
    governor::{Governor, try_answer, until},
    leases::{house, users},
};

/// The steps at which it dies, and at which time it comes there.
const STEPS: [&str; 12] = [
    "lease-writing:1",
    "lease-on-ledger:1",
    "lease-recorded:1",
    "lease-made:1",
    "lease-on-ledger:2",
    "lease-kept:1",
    "lease-passed:1",
    "lease-telling:1",
    "lease-told:1",
    "lease-gone:1",
    "lease-on-ledger:3",
    "lease-written:3",
];

/// Asks for a credential, whether or not anybody is left to answer.
fn asks(governor: &Governor, token: &str) {
    use std::io::Write as _;
    let Ok(mut stream) = std::net::TcpStream::connect(governor.host()) else { return };
    stream.set_read_timeout(Some(crate::governor::PATIENCE)).unwrap();
    let head = format!(
        "POST /leases/orders-db HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}",
        governor.host()
    );
    let _gone = stream.write_all(head.as_bytes());
    let _answer = try_answer(stream);
}

fn leases(governor: &Governor, task: &str) -> Vec<Value> {
    let listed = governor.json(&["lease", "list", "--all", "--task", task]);
    listed["leases"].as_array().unwrap().clone()
}

/// Nothing is alive, everything that was ever made is on record as ended, and what is called gone is.
fn nothing_is_left(governor: &Governor, tasks: &[String], what: &str) {
    until(what, || users(governor).is_empty());
    let asked = fs::read_to_string(governor.path("users/asked")).unwrap_or_default();
    let asked: Vec<Value> = asked.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let listed: Vec<Value> = tasks.iter().flat_map(|it| leases(governor, it)).collect();
    for question in asked.iter().filter(|it| it["do"] == "issue") {
        let lease = listed.iter().find(|it| it["id"] == question["lease"]);
        let lease = lease.unwrap_or_else(|| panic!("{what}: {question} is on no record"));
        assert!(lease["ended"]["cause"].is_string(), "{what}: {lease}");
        let told = |it: &&Value| it["do"] == "revoke" && it["lease"] == lease["id"];
        assert!(asked.iter().any(|it| told(&it)), "{what}: nobody told the target of {lease}");
    }
    assert_eq!(users(governor), Vec::<String>::new(), "{what}");
}

fn dies_at(step: &str) {
    let mut governor = house("");
    governor.serve_with(|it| {
        it.env("BAILIWICK_DIE", step);
    });
    let (task, token) = governor.open("reader", "report", &[]);
    asks(&governor, &token);
    let _ended_or_dead = governor.run(&["task", "end", &task]);
    until(&format!("it dies at {step}"), || !governor.is_listening());
    governor.kill();
    governor.serve();
    let _ended_already = governor.run(&["task", "end", &task]);
    nothing_is_left(&governor, std::slice::from_ref(&task), step);
    // Another task gets its credential as ever.
    let (next, token) = governor.open("reader", "report", &[]);
    let answer = crate::leases::ask(&governor, &token, &json!({}));
    assert_eq!(answer.status, 200, "{step}: {answer:?}");
    governor.json(&["task", "end", &next]);
    nothing_is_left(&governor, &[task, next], step);
    assert_eq!(governor.json(&["ledger", "verify"])["ok"], true, "{step}");
}

#[test]
fn a_governor_that_dies_at_any_step_of_issue_or_of_revoke_leaves_nothing_alive() {
    for steps in STEPS.chunks(4) {
        std::thread::scope(|scope| {
            for step in steps {
                scope.spawn(|| dies_at(step));
            }
        });
    }
}

#[test]
fn a_target_that_answers_late_wrongly_or_not_at_all_has_nothing_alive_at_the_end() {
    let mut governor = house("");
    let moods = "garbage half dies twice another lies late busy refuses";
    fs::write(governor.path("users/moods-issue"), moods).unwrap();
    fs::write(governor.path("users/moods-revoke"), "lies half dies late refuses busy lies")
        .unwrap();
    fs::write(governor.path("users/moods-found"), "garbage another").unwrap();
    governor.serve();
    let mut tasks = Vec::new();
    for mood in moods.split(' ') {
        let (task, token) = governor.open("reader", "report", &[]);
        let answer = crate::leases::ask(&governor, &token, &json!({}));
        // Only what reads as a credential is one.
        let fits = matches!(mood, "another" | "lies");
        assert_eq!(answer.status, if fits { 200 } else { 503 }, "{mood}: {answer:?}");
        assert!(fits || !answer.body.contains("hunter2"), "{mood}: {answer:?}");
        governor.run(&["task", "end", &task]);
        tasks.push(task);
    }
    nothing_is_left(&governor, &tasks, "the end of all that went wrong");
    let said = governor.records().iter().map(Value::to_string).collect::<String>();
    assert!(!said.contains("hunter2"), "{said}");
}
