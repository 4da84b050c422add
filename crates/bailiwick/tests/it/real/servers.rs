//! The servers, and what each of them is asked: the table, and one test a line.
//!
//! In the texts `DIR` is the governor's folder, `PAGES` the address of its pages where it has some,
//! and `MARK` tells one call's effect from another's.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use super::{pages, parts::Parts, scenes::all_scenes, world::World};

/// How a server gets to run: the words of its command, by where the parts and its things are.
#[derive(Clone, Copy)]
pub(super) enum Launch {
    /// The governor starts it.
    Child(fn(&Parts, &Path) -> Vec<String>),
    /// It runs by itself and speaks over streamable HTTP.
    Http(fn(&Parts, &Path) -> Vec<String>),
}

/// One server, and what it is asked.
pub(super) struct Case {
    pub(super) server: &'static str,
    pub(super) launch: Launch,
    /// The variables it gets besides its home and where programs are.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Makes what the server works on.
    pub(super) prepare: fn(&Path),
    /// The operator's words on its tools.
    pub(super) words: &'static str,
    /// What the task may do, and nothing else.
    pub(super) allow: &'static str,
    /// The lines of a task that may only look.
    pub(super) look: &'static str,
    /// What the task is shown of the server's tools.
    pub(super) seen: &'static [&'static str],
    /// A call within the lines, which leaves its mark.
    pub(super) within: &'static str,
    /// What the server answers to it.
    pub(super) says: &'static str,
    /// A call of the same tool outside of them, which would leave its mark too.
    pub(super) outside: &'static str,
    /// A call that only looks.
    pub(super) harmless: &'static str,
    /// Looks past the gateway, or past the task, for a mark.
    pub(super) is_marked: fn(&World<'_>, &str) -> bool,
}

const FILESYSTEM: Case = Case {
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
    is_marked: |world, mark| {
        let is_in = |it| world.governor.path(&format!("data/{it}/{mark}.txt")).exists();
        is_in("open") || is_in("secret")
    },
};

const GIT: Case = Case {
    server: "repository",
    launch: Launch::Child(|parts, folder| {
        let repository = folder.join("repo").display().to_string();
        [parts.command("servers", "git"), vec!["--repository".to_owned(), repository]].concat()
    }),
    variables: &[],
    prepare: |folder| {
        let repository = folder.join("repo");
        fs::create_dir(&repository).unwrap();
        fs::write(repository.join("readme"), "read me").unwrap();
        let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
        git(&repository, &["init", "--quiet", "--initial-branch", "main"]);
        git(&repository, &["add", "readme"]);
        git(&repository, &[&author[..], &["commit", "--quiet", "-m", "begin"]].concat());
    },
    words: r#"
[server.tool.git_create_branch]
effects = ["write"]
resource = "{branch_name}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["git_create_branch"]
when = 'context.input.repo_path == "DIR/repo" && context.input.branch_name like "agent/*"'
[[allow]]
server = "SERVER"
tools = ["git_log", "git_status"]
when = 'context.input.repo_path == "DIR/repo"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["git_log"]
when = 'context.input.repo_path == "DIR/repo"'
"#,
    seen: &["git_create_branch", "git_log", "git_status"],
    within: r#"{"op": "call_tool", "name": "git_create_branch",
        "arguments": {"repo_path": "DIR/repo", "branch_name": "agent/MARK"}}"#,
    says: "Created branch",
    outside: r#"{"op": "call_tool", "name": "git_create_branch",
        "arguments": {"repo_path": "DIR/repo", "branch_name": "release/MARK"}}"#,
    harmless: r#"{"op": "call_tool", "name": "git_log", "arguments": {"repo_path": "DIR/repo"}}"#,
    is_marked: |world, mark| {
        let is_in = |it| world.governor.path(&format!("repo/.git/refs/heads/{it}/{mark}")).exists();
        is_in("agent") || is_in("release")
    },
};

fn git(repository: &Path, words: &[&str]) {
    let done = Command::new("git").arg("-C").arg(repository).args(words).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

const SQLITE: Case = Case {
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
    is_marked: |world, mark| {
        let db = rusqlite::Connection::open(world.governor.path("db/notes.db")).unwrap();
        let both = "SELECT count(*) FROM (SELECT text FROM notes UNION SELECT text FROM salaries) \
                    WHERE text = ?1";
        db.query_row(both, [mark], |row| row.get::<_, i64>(0)).unwrap() != 0
    },
};

const EVERYTHING: Case = Case {
    server: "everything",
    launch: Launch::Child(|parts, _| {
        [parts.command("servers", "everything"), vec!["stdio".to_owned()]].concat()
    }),
    variables: &[],
    prepare: |_| {},
    words: r#"
[server.tool.gzip-file-as-resource]
effects = ["write"]
resource = "{name}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["gzip-file-as-resource"]
when = 'context.input.name like "open-*" && context.input.data like "data:text/plain,*"'
[[allow]]
server = "SERVER"
tools = ["get-sum"]
when = 'context.input.a < 100'
[[allow]]
server = "SERVER"
tools = ["get-env"]
resources = ["demo://resource/session/open-*", "demo://resource/dynamic/text/*"]
prompts = ["simple-prompt"]
[[allow]]
server = "SERVER"
prompts = ["args-prompt"]
when = 'context.input.city == "Berlin"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["get-sum"]
resources = ["demo://resource/session/*"]
"#,
    seen: &["get-env", "get-sum", "gzip-file-as-resource"],
    within: r#"{"op": "call_tool", "name": "gzip-file-as-resource",
        "arguments": {"name": "open-MARK", "data": "data:text/plain,hello"}}"#,
    says: "",
    outside: r#"{"op": "call_tool", "name": "gzip-file-as-resource",
        "arguments": {"name": "other-MARK", "data": "data:text/plain,hello"}}"#,
    harmless: r#"{"op": "call_tool", "name": "get-sum", "arguments": {"a": 1, "b": 2}}"#,
    is_marked: |world, mark| {
        // What it makes lies in its memory: another task, which may see all of it, looks.
        let (_, token) = world.open("looking");
        let listed = world.governor.ask("/mcp/everything", &token, "resources/list", &json!({}));
        let resources = listed["result"]["resources"].as_array().unwrap().iter();
        let ending = format!("-{mark}");
        resources.filter_map(|it| it["uri"].as_str()).any(|it| it.ends_with(&ending))
    },
};

const EVERYTHING_OVER_HTTP: Case = Case {
    launch: Launch::Http(|parts, _| {
        let mut command = parts.command("servers", "everything");
        command.insert(1, "--import".to_owned());
        command.insert(2, parts.path("loopback").to_owned());
        command.push("streamableHttp".to_owned());
        command
    }),
    ..EVERYTHING
};

const MEMORY: Case = Case {
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
    is_marked: was_noted,
};

const TIME: Case = Case {
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
    is_marked: was_noted,
};

/// Has all that a server is sent noted in a file, where it leaves no trace of its own.
fn noted(command: Vec<String>) -> Vec<String> {
    let noting = ["sh", "-c", r#"tee -a "$SENT" | "$0" "$@""#].map(str::to_owned);
    [noting.to_vec(), command].concat()
}

/// The variable that names this file.
const SENT: (&str, &str) = ("SENT", "DIR/notes/sent");

fn was_noted(world: &World<'_>, mark: &str) -> bool {
    let sent = fs::read_to_string(world.governor.path("notes/sent")).unwrap();
    sent.contains(&format!("\"{mark}\""))
}

const FETCH: Case = Case {
    server: "pages",
    launch: Launch::Child(|parts, _| {
        [parts.command("servers", "fetch"), vec!["--allow-private-ips".to_owned()]].concat()
    }),
    variables: &[],
    prepare: pages::serve,
    words: r#"
[server.tool.fetch]
effects = ["read"]
resource = "{url}"
"#,
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["fetch"]
when = 'context.input.url like "PAGES/open/*"'
"#,
    look: r#"
[[allow]]
server = "SERVER"
tools = ["fetch"]
when = 'context.input.url like "PAGES/public/*"'
"#,
    seen: &["fetch"],
    within: r#"{"op": "call_tool", "name": "fetch", "arguments": {"url": "PAGES/open/MARK"}}"#,
    says: "a page of ours",
    outside: r#"{"op": "call_tool", "name": "fetch", "arguments": {"url": "PAGES/secret/MARK"}}"#,
    harmless: r#"{"op": "call_tool", "name": "fetch", "arguments": {"url": "PAGES/open/page"}}"#,
    is_marked: |world, mark| pages::was_asked(world.governor.folder(), &format!("/{mark}")),
};

pub(super) fn everything() -> &'static Case {
    &EVERYTHING
}

pub(super) fn filesystem() -> &'static Case {
    &FILESYSTEM
}

pub(super) fn sqlite() -> &'static Case {
    &SQLITE
}

#[test]
fn the_filesystem_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&FILESYSTEM);
}

#[test]
fn the_git_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&GIT);
}

#[test]
fn the_sqlite_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&SQLITE);
}

#[test]
fn the_everything_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&EVERYTHING);
}

#[test]
fn the_memory_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&MEMORY);
}

#[test]
fn the_time_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&TIME);
}

#[test]
fn the_fetch_server_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&FETCH);
}

#[test]
fn the_everything_server_over_http_does_what_the_task_covers_and_nothing_else() {
    all_scenes(&EVERYTHING_OVER_HTTP);
}
