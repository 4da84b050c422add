//! A server whose tools read and write files.

use std::fs;

use super::{Case, Launch};

pub(in crate::real) const FILESYSTEM: Case = Case {
    server: "files",
    launch: Launch::Child(|parts, folder| {
        let data = folder.join("data").display().to_string();
        [parts.command("servers", "filesystem"), vec![data]].concat()
    }),
    variables: &[],
    prepare: |folder| {
        fs::create_dir_all(folder.join("data/open")).unwrap();
        fs::create_dir_all(folder.join("data/secret")).unwrap();
        fs::write(folder.join("data/open/note.txt"), "what is open").unwrap();
        fs::write(folder.join("data/secret/note.txt"), "what is secret").unwrap();
    },
    words: r#"
[server.tool.write_file]
effects = ["write"]
resource = "{path}"
[server.tool.read_text_file]
resource = "{path}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["read_text_file", "list_directory", "write_file"]
when = 'context.input.path like "DIR/data/open/*"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["read_text_file"]
when = 'context.input.path like "DIR/data/open/*"'
"#,
    seen: &["list_directory", "read_text_file", "write_file"],
    within: r#"{"op": "call_tool", "name": "write_file",
        "arguments": {"path": "DIR/data/open/MARK.txt", "content": "new"}}"#,
    says: "Successfully wrote",
    outside: r#"{"op": "call_tool", "name": "write_file",
        "arguments": {"path": "DIR/data/secret/MARK.txt", "content": "new"}}"#,
    harmless: r#"{"op": "call_tool", "name": "read_text_file",
        "arguments": {"path": "DIR/data/open/note.txt"}}"#,
    shows: "what is open",
    is_marked: |world, mark| {
        let is_in = |it| world.governor.path(&format!("data/{it}/{mark}.txt")).exists();
        is_in("open") || is_in("secret")
    },
};
