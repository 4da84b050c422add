//! A server that keeps a graph of what it was told.

use std::fs;

use serde_json::json;

use super::{Case, Launch, SENT, noted, was_noted};

pub(in crate::real) const MEMORY: Case = Case {
    server: "memory",
    launch: Launch::Child(|parts, _| noted(parts.command("servers", "memory"))),
    variables: &[SENT, ("MEMORY_FILE_PATH", "DIR/notes/graph.jsonl")],
    prepare: |folder| {
        fs::create_dir(folder.join("notes")).unwrap();
        let kept = json!({"type": "entity", "name": "kept", "entityType": "note",
            "observations": ["stays"]});
        fs::write(folder.join("notes/graph.jsonl"), kept.to_string()).unwrap();
    },
    words: r#"
[server.tool.delete_entities]
effects = ["delete"]
resource = "{entityNames}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["delete_entities"]
when = '!context.input.entityNames.contains("kept")'
[[allow]]
server = "SERVER"
tools = ["open_nodes", "search_nodes"]
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["open_nodes"]
"#,
    seen: &["delete_entities", "open_nodes", "search_nodes"],
    within: r#"{"op": "call_tool", "name": "delete_entities",
        "arguments": {"entityNames": ["MARK"]}}"#,
    says: "Entities deleted successfully",
    outside: r#"{"op": "call_tool", "name": "delete_entities",
        "arguments": {"entityNames": ["MARK", "kept"]}}"#,
    harmless: r#"{"op": "call_tool", "name": "open_nodes", "arguments": {"names": ["kept"]}}"#,
    shows: "stays",
    is_marked: was_noted,
};
