//! The programs of the guide do what it says, as they stand there.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    process::{Child, Command, Stdio},
};

use super::parts::{Parts, root};
use crate::governor::{Governor, until};

/// A client of the guide: how its heading begins, and the part that stands on the same packages.
const RECIPES: [(&str, &str); 7] = [
    ("Python (`mcp`", "python"),
    ("TypeScript (`@modelcontextprotocol/client`", "typescript-2"),
    ("TypeScript (`@modelcontextprotocol/sdk`", "typescript"),
    ("OpenAI Agents SDK", "openai-agents"),
    ("OpenAI Agents SDK", "openai-agents-older"),
    ("LangChain", "langchain"),
    ("MCP Inspector", "inspector"),
];

const CONFIG: &str = r#"
[listen]
http = "127.0.0.1:0"
[state]
dir = "state"
[[server]]
name = "notes"
command = ["bailiwick", "demo-server", "notes"]
"#;

const CHARTER: &str = r#"
identity = "reader"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Read notes"
proof = [{ uid = UID }]
templates = ["reading", "elsewhere", "asking"]
servers = ["notes"]
"#;

/// Writes a template for tasks that may read below a folder.
fn template(governor: &Governor, name: &str, on_widen: &str, below: &str) {
    let text = format!(
        "name = \"{name}\"\nowner = \"team-test\"\npurpose = \"Read notes\"\n\
         on_widen = \"{on_widen}\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"notes\"\n\
         tools = [\"read_note\"]\nwhen = 'context.input.path like \"{below}/*\"'\n"
    );
    governor.write(&format!("templates/{name}.toml"), &text);
}

#[test]
fn each_client_of_the_guide_reads_is_denied_and_waits() {
    let Some(parts) = Parts::find() else { return };
    let mut governor = Governor::prepare(&[]);
    governor.write("bailiwick.toml", CONFIG);
    governor.write("charters/reader.toml", CHARTER);
    template(&governor, "reading", "deny", "/notes");
    template(&governor, "elsewhere", "deny", "/letters");
    template(&governor, "asking", "hold", "/letters");
    governor.serve();
    let person = governor.person("ada");
    let guide = fs::read_to_string(root().join("docs/guide/agents.md")).unwrap();

    for (heading, part) in RECIPES {
        let run = |template: &str| {
            let (task, token) = governor.open("reader", template, &[]);
            (task, start(&governor, &parts, (section(&guide, heading), part), &token))
        };
        let (_, reading) = run("reading");
        let (_, denied) = run("elsewhere");
        let (task, waiting) = run("asking");
        approve(&governor, &task, &person);
        for (program, wanted) in [
            (reading, "the note at /notes/plan"),
            (denied, "Denied: "),
            (waiting, "the note at /notes/plan"),
        ] {
            let output = program.wait_with_output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let complained = String::from_utf8(output.stderr).unwrap();
            assert!(printed.contains(wanted), "{part}: {printed}{complained}");
        }
    }
}

/// Gives the part of the guide below a heading.
fn section<'a>(guide: &'a str, heading: &str) -> &'a str {
    let (_, from) = guide.split_once(&format!("\n### {heading}")).unwrap();
    from.split("\n#").next().unwrap()
}

/// Writes down what a section says, and starts it.
fn start(governor: &Governor, parts: &Parts, (section, part): (&str, &str), token: &str) -> Child {
    let folder = tempfile::Builder::new().tempdir_in(governor.folder()).unwrap().keep();
    let mut words = Vec::new();
    for block in section.split("\n```").skip(1).step_by(2) {
        let (language, text) = block.split_once('\n').unwrap();
        let text = text.replace("http://127.0.0.1:8470", governor.url());
        let (file, runs) = match language {
            "python" => ("agent.py", parts.command("clients", part)[..1].to_vec()),
            "js" => ("agent.mjs", vec![parts.path("node").to_owned()]),
            "sh" => ("agent.sh", vec!["sh".to_owned()]),
            "json" => ("mcp.json", Vec::new()),
            other => panic!("the guide has a block of `{other}`"),
        };
        fs::write(folder.join(file), text.replace("Bearer TOKEN", &format!("Bearer {token}")))
            .unwrap();
        if !runs.is_empty() {
            words = [runs, vec![file.to_owned()]].concat();
        }
    }
    // Packages are looked for beside a program, and `npx` runs one of them.
    symlink(format!("{}/node_modules", parts.path("node_packages")), folder.join("node_modules"))
        .unwrap();
    let npx = format!(
        "#!/bin/sh\nshift\nexec {} {} \"$@\"\n",
        parts.path("node"),
        parts.path("inspector")
    );
    fs::write(folder.join("npx"), npx).unwrap();
    fs::set_permissions(folder.join("npx"), fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());

    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(&folder).env("TOKEN", token).env("PATH", path);
    command.env("HOME", &folder).env("MCP_INSPECTOR_SECRET_STORE", "memory");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Says yes to the call of a task, once it waits.
fn approve(governor: &Governor, task: &str, person: &[String]) {
    let mut hold = None;
    until("the call is held", || {
        let holds = governor.json(&["hold", "list"])["holds"].clone();
        let mine = holds.as_array().unwrap().iter().find(|it| it["task"] == task);
        hold = mine.map(|it| it["id"].as_str().unwrap().to_owned());
        hold.is_some()
    });
    let hold = hold.unwrap();
    let mut words = vec!["hold", "approve", &hold];
    words.extend(person.iter().map(String::as_str));
    governor.json(&words);
}
