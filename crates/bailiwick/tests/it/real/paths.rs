//! Paths that mean something else than they say, and files that no tool server may touch.

use std::fs;

use serde_json::{Value, json};

use super::{
    client::{Client, Kind, reason, went_well},
    parts::{Parts, skipped},
    servers,
    world::{World, quoted},
};
use crate::governor::{Governor, until};

#[test]
fn a_path_that_means_something_else_than_it_says_reaches_no_server() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &servers::FILESYSTEM);
    let data = world.governor.path("data").display().to_string();
    let tricks = [
        "open/../secret/MARK.txt",
        "open/./MARK.txt",
        "open//MARK.txt",
        "open/%2e%2e/secret/MARK.txt",
        "open/%2E%2e%2fsecret/MARK.txt",
        "open/..%2fsecret/MARK.txt",
        "open/%252e%252e/secret/MARK.txt",
        r"open/..\secret\MARK.txt",
        "open/MARK.txt ",
        "open/MARK.txt\u{0}.png",
    ];
    std::thread::scope(|scope| {
        for kind in Kind::BOTH {
            let (world, data) = (&world, &data);
            scope.spawn(move || {
                let (task, token) = world.open("working");
                let mut client = world.client(kind, &token);
                for trick in tricks {
                    let path = format!("{data}/{}", trick.replace("MARK", kind.name()));
                    let tried = client.call("write_file", &json!({"path": path, "content": "new"}));
                    assert_eq!(reason(&tried)["code"], "not_normal", "{trick:?}: {tried}");
                }
                assert_eq!(world.steps(&task).len(), tricks.len());
                assert!(world.steps(&task).iter().all(|it| it.0 == "deny" && it.1 == "none"));
            });
        }
    });
    let left = |folder: &str| fs::read_dir(world.governor.path(folder)).unwrap().count();
    assert_eq!((left("data/open"), left("data/secret")), (1, 1), "something was written");
}

const HOME: &[(&str, &str)] = &[
    (
        "charters/agent.toml",
        r#"
identity = "agent"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Look around"
proof = [{ uid = UID }]
templates = ["looking"]
servers = ["files"]
"#,
    ),
    (
        "templates/looking.toml",
        r#"
name = "looking"
owner = "team-test"
purpose = "Look around"
[window]
max = "1h"
[[allow]]
server = "files"
tools = ["read_text_file", "write_file", "list_directory", "move_file"]
"#,
    ),
    ("data/note.txt", "what anybody may read"),
];

/// The operator has made every mistake there is: the server may use the governor's own folder, and
/// the task may do everything.
#[test]
fn a_child_cannot_touch_what_the_governor_keeps_whatever_its_task_may_do() {
    let Some(parts) = Parts::find() else { return };
    let mut governor = Governor::prepare(HOME);
    let home = governor.folder().display().to_string();
    let command = [parts.command("servers", "filesystem"), vec![home.clone()]].concat();
    governor.write(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
             checkpoints = \"checkpoints\"\n[[server]]\nname = \"files\"\ncommand = {}\n",
            quoted(&command),
        ),
    );
    governor.serve();
    let (_, token) = governor.open("agent", "looking", &[]);
    let url = format!("{}/mcp/files", governor.url());
    let mut client = Client::start(Kind::TypeScript, &parts, &url, &token);
    let note = client.call("read_text_file", &json!({"path": format!("{home}/data/note.txt")}));
    assert_eq!(note["text"], "what anybody may read", "{note}");
    if governor.json_lines(&["ledger", "export"]).iter().any(is_unconfined) {
        skipped("this kernel cannot confine a child");
        return;
    }

    until("there is a checkpoint", || {
        fs::read_dir(governor.path("checkpoints")).is_ok_and(|mut it| it.next().is_some())
    });
    let before = fs::read(governor.path("state/registry.db")).unwrap();
    let at = |it: &str| json!({"path": format!("{home}/{it}")});
    let to = |it: &str| json!({"path": format!("{home}/{it}"), "content": "mine"});
    let moved = json!({"source": format!("{home}/state/registry.db"),
        "destination": format!("{home}/data/registry.db")});
    for (tool, arguments) in [
        ("read_text_file", at("state/registry.db")),
        ("list_directory", at("state")),
        ("list_directory", at("state/keys")),
        ("list_directory", at("state/ledger")),
        ("list_directory", at("checkpoints")),
        ("write_file", to("state/registry.db")),
        ("write_file", to("state/new")),
        ("write_file", to("checkpoints/new")),
        ("move_file", moved),
    ] {
        let tried = client.call(tool, &arguments);
        assert!(!went_well(&tried), "{tool} {arguments}: {tried}");
        let why = tried["text"].as_str().unwrap_or_default();
        assert!(why.contains("EACCES"), "the kernel refused it, nobody else: {tool}: {tried}");
    }
    assert_eq!(fs::read(governor.path("state/registry.db")).unwrap(), before);
    assert!(!governor.path("state/new").exists() && !governor.path("checkpoints/new").exists());
}

fn is_unconfined(record: &Value) -> bool {
    record.to_string().contains("server-not-confined")
}
