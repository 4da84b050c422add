//! A server that fetches pages.

use super::{Case, Launch};
use crate::real::pages;

pub(in crate::real) const FETCH: Case = Case {
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
    shows: "a page of ours",
    is_marked: |world, mark| pages::was_asked(world.governor.folder(), &format!("/{mark}")),
};
