//! `[budget.day]`: what all tasks of one identity and template may use in a day, together.

use serde_json::json;

use crate::governor::{Governor, NOTES};

#[test]
fn neither_a_fresh_task_nor_a_crash_makes_the_day_begin_anew() {
    let mut governor = Governor::prepare(NOTES);
    let budget = "[budget.day]\ncalls = 4\n[[allow]]";
    governor.write("templates/reading.toml", &NOTES[2].1.replace("[[allow]]", budget));
    // A test that runs over midnight would meet two days.
    let zone = if is_far_from_midnight() { "UTC" } else { "Asia/Tokyo" };
    let max = format!("max = \"1h\"\ncalendar = \"Mon-Sun 00:00-24:00 {zone}\"");
    let text = std::fs::read_to_string(governor.path("templates/reading.toml")).unwrap();
    governor.write("templates/reading.toml", &text.replace("max = \"1h\"", &max));
    governor.serve();
    let read = |governor: &Governor, token: &str| {
        governor.call(token, "read_note", &json!({"path": "/notes/today"}))
    };
    let (first, token) = governor.open("reader", "reading", &[]);
    assert_eq!(read(&governor, &token)["isError"], false);
    assert_eq!(read(&governor, &token)["isError"], false);
    governor.json(&["task", "end", &first]);
    let (_, token) = governor.open("reader", "reading", &[]);
    assert_eq!(read(&governor, &token)["isError"], false);
    governor.kill();
    governor.serve();
    let (last, token) = governor.open("reader", "reading", &[]);
    assert_eq!(read(&governor, &token)["isError"], false);
    let over = read(&governor, &token);
    let reason = &over["structuredContent"]["reasons"][0];
    assert_eq!(
        (&reason["code"], &reason["source"]),
        (&json!("over_budget"), &json!("template:reading"))
    );
    assert!(reason["text"].as_str().unwrap().contains("4 calls"), "{reason}");
    assert_eq!(governor.reached(), 4);
    let shown = governor.run(&["task", "show", &last]).stdout;
    assert!(shown.contains("a day     4 calls"), "{shown}");
    assert!(shown.contains("tasks of `reader`, 4 calls and"), "{shown}");
    // A task that could do nothing is not opened, and that is on record.
    let open = ["task", "open", "--as", "reader", "--template", "reading"];
    let said = governor.refused(&open, 1);
    assert!(said.contains("the day of all `reading` tasks of `reader` is used up"), "{said}");
    let records = governor.records();
    let refused = records.iter().filter(|it| it["command"]["verdict"] == "deny").count();
    assert_eq!(refused, 1);
    // Another template has a day of its own.
    let (_, token) = governor.open("reader", "asking", &[]);
    assert_eq!(read(&governor, &token)["isError"], false);
}

/// Says whether midnight is far in UTC.
fn is_far_from_midnight() -> bool {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = since.as_secs() / 3600 % 24;
    (2..22).contains(&hour)
}
