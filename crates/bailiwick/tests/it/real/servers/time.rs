//! A server that tells the time.

use std::fs;

use super::{Case, Launch, SENT, noted, was_noted};

pub(in crate::real) const TIME: Case = Case {
    server: "clock",
    launch: Launch::Child(|parts, _| noted(parts.command("servers", "time"))),
    variables: &[SENT],
    prepare: |folder| fs::create_dir(folder.join("notes")).unwrap(),
    words: "",
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["convert_time"]
when = 'context.input.target_timezone like "Asia/*"'
[[allow]]
server = "SERVER"
tools = ["get_current_time"]
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["get_current_time"]
"#,
    seen: &["convert_time", "get_current_time"],
    // It leaves nothing behind, and overlooks an argument that it does not know.
    within: r#"{"op": "call_tool", "name": "convert_time", "arguments":
        {"source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Tokyo", "for": "MARK"}}"#,
    says: "+9.0h",
    outside: r#"{"op": "call_tool", "name": "convert_time", "arguments":
        {"source_timezone": "UTC", "time": "16:30", "target_timezone": "Europe/Rome", "for": "MARK"}}"#,
    harmless: r#"{"op": "call_tool", "name": "get_current_time", "arguments": {"timezone": "UTC"}}"#,
    shows: "UTC",
    is_marked: was_noted,
};
