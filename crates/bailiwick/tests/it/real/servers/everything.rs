//! A server made to show everything that the protocol has.

use serde_json::json;

use super::{Case, Launch};

pub(in crate::real) const EVERYTHING: Case = Case {
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
    shows: "is 3",
    is_marked: |world, mark| {
        // What it makes lies in its memory: another task, which may see all of it, looks.
        let (_, token) = world.open("looking");
        let listed = world.governor.ask("/mcp/everything", &token, "resources/list", &json!({}));
        let resources = listed["result"]["resources"].as_array().unwrap().iter();
        let ending = format!("-{mark}");
        resources.filter_map(|it| it["uri"].as_str()).any(|it| it.ends_with(&ending))
    },
};

pub(in crate::real) const EVERYTHING_OVER_HTTP: Case = Case {
    launch: Launch::Http(|parts, _| {
        let mut command = parts.command("servers", "everything");
        command.insert(1, "--import".to_owned());
        command.insert(2, parts.path("loopback").to_owned());
        command.push("streamableHttp".to_owned());
        command
    }),
    ..EVERYTHING
};
