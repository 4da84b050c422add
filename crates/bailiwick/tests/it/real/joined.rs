//! All servers behind one address, under joined names.

use serde_json::json;

use super::{
    client::{Client, Kind, reason, went_well},
    parts::Parts,
    world::quoted,
};
use crate::governor::Governor;

const CHARTER: &str = r#"
identity = "agent"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Work"
proof = [{ uid = UID }]
templates = ["working"]
servers = ["files", "sums"]
"#;

const TEMPLATE: &str = r#"
name = "working"
owner = "team-test"
purpose = "Work with two servers"
[window]
max = "1h"
[[allow]]
server = "files"
tools = ["read_text_file"]
when = 'context.input.path like "*/data/open/*"'
[[allow]]
server = "sums"
tools = ["get-sum"]
prompts = ["simple-prompt"]
"#;

#[test]
fn all_servers_are_listed_and_called_under_joined_names() {
    let Some(parts) = Parts::find() else { return };
    let mut governor = Governor::prepare(&[]);
    governor.write("data/open/note.txt", "what is open");
    let data = governor.path("data").display().to_string();
    let command = |name: &str, more: &str| {
        quoted(&[parts.command("servers", name), vec![more.to_owned()]].concat())
    };
    governor.write(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n\
             [[server]]\nname = \"files\"\ncommand = {}\n\
             [[server]]\nname = \"sums\"\ncommand = {}\n\
             [[server]]\nname = \"private\"\ncommand = {}\n",
            command("filesystem", &data),
            command("everything", "stdio"),
            command("filesystem", &data),
        ),
    );
    governor.write("charters/agent.toml", CHARTER);
    governor.write("templates/working.toml", TEMPLATE);
    governor.serve();
    let (task, token) = governor.open("agent", "working", &[]);

    for kind in Kind::BOTH {
        let url = format!("{}/mcp", governor.url());
        let mut client = Client::start(kind, &parts, &url, &token);
        assert_eq!(client.names("list_tools"), ["files__read_text_file", "sums__get-sum"]);
        assert_eq!(client.names("list_prompts"), ["sums__simple-prompt"]);
        let note = json!({"path": format!("{data}/open/note.txt")});
        let read = client.call("files__read_text_file", &note);
        assert_eq!(read["text"], "what is open", "{read}");
        let sum = client.call("sums__get-sum", &json!({"a": 1, "b": 2}));
        assert!(went_well(&sum) && sum["text"].as_str().unwrap().contains('3'), "{sum}");
        let prompt = client.step(&json!({"op": "get_prompt", "name": "sums__simple-prompt"}));
        assert_eq!(prompt["ok"], true, "{prompt}");

        let outside = client.call("sums__echo", &json!({"message": "x"}));
        assert_eq!(reason(&outside)["code"], "outside_grant", "{outside}");
        let beyond = client.call("private__read_text_file", &note);
        assert_eq!(reason(&beyond)["code"], "outside_charter", "{beyond}");
        let nowhere = client.call("nowhere__read_text_file", &note);
        assert_eq!(nowhere["error"]["code"], -32602, "{nowhere}");
    }
    let path = governor.json(&["path", &task]);
    let servers: Vec<_> =
        path["steps"].as_array().unwrap().iter().map(|it| it["server"].clone()).collect();
    assert_eq!(servers, ["files", "sums", "sums", "sums", "private"].repeat(2));
}
