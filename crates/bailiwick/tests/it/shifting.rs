//! A person accepts a tool that takes something else now, while policies read what it took before.

use std::fs;

use serde_json::{Value, json};

use crate::governor::{Governor, until};

/// A policy that reads the argument `field` of the tool.
fn policy(field: &str) -> String {
    format!(
        "@id(\"system\")\nforbid (principal, action == Action::\"shifty__look\", resource)\n\
         when {{ context.input.{field} like \"/etc/*\" }};\n"
    )
}

fn offer(governor: &Governor, field: &str) {
    let look =
        json!({"type": "object", "properties": {field: {"type": "string"}}, "required": [field]});
    let tool = |name: &str, input: &Value| json!({"name": name, "inputSchema": input});
    let tools = [tool("look", &look), tool("shift", &json!({"type": "object"}))];
    governor.write("shifty/tools", &Value::from(tools.to_vec()).to_string());
}

/// A governor before a server whose tool `look` takes a `path`.
fn start() -> Governor {
    let mut governor = Governor::prepare(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/real/servers/shifting.py");
    let path = std::env::var("PATH").unwrap();
    governor.write(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[holds]\npoll = \"0s\"\n\
             stream = \"0s\"\n[[server]]\nname = \"shifty\"\n\
             command = [\"python3\", \"-B\", {script:?}, \"shifty/tools\", \"shifty/calls\"]\n\
             env = {{ PATH = {path:?} }}\n"
        ),
    );
    governor.charter("shifty");
    governor.write(
        "templates/working.toml",
        "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work\"\n[window]\nmax = \"1h\"\n\
         [[allow]]\nserver = \"shifty\"\ntools = [\"look\", \"shift\"]\n",
    );
    governor.write("policies/system.cedar", &policy("path"));
    offer(&governor, "path");
    fs::write(governor.path("shifty/calls"), "").unwrap();
    let log = fs::File::create(governor.path("log")).unwrap();
    governor.serve_with(|command| {
        command.stderr(log);
    });
    until("the tools were accepted", || governor.run(&["policy", "schema"]).code == 0);
    governor
}

fn state(governor: &Governor) -> String {
    let listed = governor.json(&["server", "list"]);
    let tools = listed["servers"][0]["tools"].as_array().unwrap().clone();
    let look = tools.iter().find(|it| it["tool"] == "look").unwrap();
    look["state"].as_str().unwrap().to_owned()
}

fn misfits(governor: &Governor) -> Vec<String> {
    let records = governor.records();
    let found = records.iter().filter(|it| it["code"] == "policies-misfit");
    found.map(|it| it["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_a_policy_reads_is_missed_once_the_changed_tool_is_accepted_and_denies_meanwhile() {
    let governor = start();
    let by = governor.person("ada");
    let (_, token) = governor.open("agent", "working", &[]);
    let call = |tool: &str, arguments: Value| {
        let params = json!({"name": tool, "arguments": arguments});
        governor.ask("/mcp/shifty", &token, "tools/call", &params)["result"].clone()
    };
    // The codes of what stopped a call; none where it was let through.
    let came = |field: &str, value: &str| -> Vec<String> {
        let answer = call("look", json!({field: value}));
        let reasons = answer["structuredContent"]["reasons"].as_array().cloned();
        let codes = reasons.unwrap_or_default().into_iter();
        codes.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    };
    let free = Vec::<String>::new();
    let stopped = |field: &str, value: &str, code: &str| {
        let codes = came(field, value);
        assert!(codes.iter().any(|it| it == code), "{field} = {value}: {codes:?} without {code}");
    };
    assert_eq!(came("path", "/a"), free);
    stopped("path", "/etc/x", "policy_forbids");

    // It offers something else: nothing of that counts before a person has accepted it.
    offer(&governor, "file");
    call("shift", json!({}));
    until("the gateway has looked again", || state(&governor) == "changed");
    stopped("path", "/a", "changed");
    // What the policy cannot read it denies, and that is stricter.
    stopped("file", "/a", "policy_error");
    assert_eq!(misfits(&governor), Vec::<String>::new());
    assert_eq!(governor.run(&["check"]).code, 0, "policies fit what was accepted");

    let mut words = vec!["server", "accept", "shifty", "look"];
    words.extend(by.iter().map(String::as_str));
    governor.json(&words);

    // It is told, with the place: to whoever watches, checks, or looks the governor over.
    until("it is on record", || !misfits(&governor).is_empty());
    let found = misfits(&governor);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("POL-018") && found[0].contains("policies/system.cedar:3"),
        "{found:?}"
    );
    let log = fs::read_to_string(governor.path("log")).unwrap();
    assert!(log.contains("policies do not fit the accepted tools"), "{log}");
    let checked = governor.run(&["check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.stdout.contains("`context.input` has `file`"), "{checked:?}");
    assert!(governor.run(&["doctor"]).stdout.contains("policies-misfit"));

    // Meanwhile the old policy decides: what it cannot read it denies.
    stopped("file", "/a", "policy_error");
    stopped("file", "/etc/x", "policy_error");
    stopped("path", "/etc/x", "policy_forbids");
    // Nor is anything else put in force before it is mended.
    let said = governor.refused(&["reload"], 2);
    assert!(said.contains("nothing was changed") && said.contains("POL-018"), "{said}");

    governor.write("policies/system.cedar", &policy("file"));
    assert_eq!(governor.json(&["reload"]), json!({"changed": ["policies/system.cedar"]}));
    assert_eq!(came("file", "/a"), free);
    stopped("file", "/etc/x", "policy_forbids");
    assert_eq!(governor.run(&["check"]).code, 0);
}
