//! Obligations at a server that others wrote: each is met, or the call is denied, or its result withheld.

use serde_json::{Value, json};

use super::{
    parts::Parts,
    servers::{Case, EVERYTHING},
    world::World,
};

const TOOLS: Case = Case {
    allow: r#"
[[allow]]
server = "SERVER"
tools = ["echo", "get-sum", "get-structured-content", "get-resource-links", "get-tiny-image"]
resources = ["demo://resource/dynamic/text/*"]
"#,
    look: "",
    words: "",
    prepare: |folder| {
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        for (name, asks) in [
            ("small", "[arguments.a]\nmax = 5\n[arguments.b]\nfix = 1"),
            ("weather", "redact = [\"conditions\"]\nrows = 1"),
            ("short", "bytes = 10"),
            ("once", "[rate]\ncalls = 1\nper = \"1h\""),
            ("reader", "credential = \"read-only\""),
        ] {
            let head = format!("name = {name:?}\nversion = 1\nowner = \"team-test\"\n");
            put(&format!("constraints/{name}.toml"), &format!("{head}{asks}\n"));
        }
        let permits: String = [
            ("small", "get-sum"),
            ("weather", "get-structured-content"),
            ("weather", "get-resource-links"),
            ("reader", "get-tiny-image"),
            ("short", "resources/read"),
            ("once", "echo"),
        ]
        .map(|(constraint, action)| {
            format!(
                "@id(\"{constraint} {action}\") @constrain({constraint:?})\n\
                 permit (principal, action == Action::\"everything__{action}\", resource);\n"
            )
        })
        .concat();
        put("policies/narrow.cedar", &permits);
    },
    ..EVERYTHING
};

#[test]
fn each_obligation_is_met_at_a_server_of_others() {
    let Some(parts) = Parts::find() else { return };
    let world = World::start(&parts, &TOOLS);
    world.is_up();
    let (_, token) = world.open("working");
    let ask = |method: &str, params: Value| {
        world.governor.ask("/mcp/everything", &token, method, &params)
    };
    let call = |tool: &str, arguments: Value| {
        ask("tools/call", json!({"name": tool, "arguments": arguments}))["result"].clone()
    };
    let sum = call("get-sum", json!({"a": 500, "b": 7}));
    assert!(sum.to_string().contains("5 and 1 is 6"), "{sum}");

    let weather = call("get-structured-content", json!({"location": "New York"}));
    let shown = json!({"temperature": 33, "conditions": "[redacted]", "humidity": 82});
    assert_eq!(weather["structuredContent"], shown, "{weather}");
    assert!(!weather.to_string().contains("Cloudy"), "{weather}");

    let links = call("get-resource-links", json!({"count": 3}));
    assert!(links.to_string().contains("is withheld"), "{links}");

    let read = ask("resources/read", json!({"uri": "demo://resource/dynamic/text/1"}));
    assert_eq!(read["error"]["code"], 4032, "{read}");

    assert_ne!(call("echo", json!({"message": "a"}))["isError"], true);
    let again = call("echo", json!({"message": "a"}));
    assert_eq!(again["structuredContent"]["code"], "over_budget", "{again}");

    let image = call("get-tiny-image", json!({}));
    assert_eq!(image["structuredContent"]["code"], "cannot_comply", "{image}");
}
