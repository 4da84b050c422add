//! A server whose tools put queries to a database.

use std::fs;

use super::{Case, Launch};

pub(in crate::real) const SQLITE: Case = Case {
    server: "notes-db",
    launch: Launch::Child(|parts, folder| {
        let file = folder.join("db/notes.db").display().to_string();
        [parts.command("servers", "sqlite"), vec!["--db-path".to_owned(), file]].concat()
    }),
    variables: &[],
    prepare: |folder| {
        fs::create_dir(folder.join("db")).unwrap();
        let db = rusqlite::Connection::open(folder.join("db/notes.db")).unwrap();
        db.execute_batch("CREATE TABLE notes (text TEXT); CREATE TABLE salaries (text TEXT)")
            .unwrap();
    },
    words: r#"
[server.tool.describe_table]
effects = ["read"]
resource = "{table_name}"
[server.tool.write_query]
effects = ["write"]
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["describe_table"]
when = 'context.input.table_name == "notes"'
[[allow]]
server = "SERVER"
tools = ["write_query"]
when = 'context.input.query like "INSERT INTO notes VALUES (*)"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["describe_table"]
when = 'context.input.table_name == "notes"'
"#,
    seen: &["describe_table", "write_query"],
    within: r#"{"op": "call_tool", "name": "write_query",
        "arguments": {"query": "INSERT INTO notes VALUES ('MARK')"}}"#,
    says: "affected_rows': 1",
    outside: r#"{"op": "call_tool", "name": "write_query",
        "arguments": {"query": "INSERT INTO salaries VALUES ('MARK')"}}"#,
    harmless: r#"{"op": "call_tool", "name": "describe_table",
        "arguments": {"table_name": "notes"}}"#,
    shows: "'name': 'text'",
    is_marked: |world, mark| {
        let db = rusqlite::Connection::open(world.governor.path("db/notes.db")).unwrap();
        let both = "SELECT count(*) FROM (SELECT text FROM notes UNION SELECT text FROM salaries) \
                    WHERE text = ?1";
        db.query_row(both, [mark], |row| row.get::<_, i64>(0)).unwrap() != 0
    },
};
