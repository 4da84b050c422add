//! Small tool servers that speak real MCP over standard input and output, for the demonstration
//! and for a first configuration. Each counts the calls that reach it.

use std::{
    fs::OpenOptions,
    io::{BufRead, Write},
    path::PathBuf,
};

use serde_json::{Value, json};

/// One tool: its name, what it says of itself, its arguments and what it answers.
struct Tool {
    name: &'static str,
    about: &'static str,
    arguments: &'static [&'static str],
    reads_only: bool,
    answer: fn(&Value) -> String,
}

/// The servers there are.
const SERVERS: [(&str, &[Tool]); 5] = [
    ("notes", NOTES),
    ("deploy", DEPLOY),
    ("vault", VAULT),
    ("tickets", TICKETS),
    ("warehouse", WAREHOUSE),
];

/// Serves `name` until the input ends. Every call that arrives is appended to `count`, one line
/// each, before it is answered.
pub(crate) fn serve(name: &str, count: Option<PathBuf>) -> anyhow::Result<()> {
    let found = SERVERS.iter().find(|(it, _)| *it == name);
    let (_, tools) = found.ok_or_else(|| anyhow::anyhow!("there is no demo server `{name}`"))?;
    let (input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    for line in input.lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        let Some(id) = message.get("id").filter(|it| !it.is_null()) else { continue };
        let answer = match answer(name, tools, &message, count.as_ref())? {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, text)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}})
            }
        };
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

type Answer = Result<Value, (i64, String)>;

fn answer(
    name: &str,
    tools: &[Tool],
    message: &Value,
    count: Option<&PathBuf>,
) -> anyhow::Result<Answer> {
    let method = message.get("method").and_then(Value::as_str).unwrap_or_default();
    Ok(match method {
        "initialize" => Ok(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": format!("bailiwick-demo-{name}"), "version": env!("CARGO_PKG_VERSION")},
        })),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({"tools": tools.iter().map(described).collect::<Vec<_>>()})),
        "tools/call" => {
            let params = message.get("params").cloned().unwrap_or_default();
            call(tools, &params, count)?
        }
        _ => Err((-32601, format!("no method `{method}`"))),
    })
}

fn call(tools: &[Tool], params: &Value, count: Option<&PathBuf>) -> anyhow::Result<Answer> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let arguments = params.get("arguments").cloned().unwrap_or_default();
    if let Some(count) = count {
        let mut file = OpenOptions::new().create(true).append(true).open(count)?;
        // In one write: a line is there or it is not, whenever this process dies.
        file.write_all(format!("{name} {arguments}\n").as_bytes())?;
    }
    let Some(tool) = tools.iter().find(|it| it.name == name) else {
        return Ok(Err((-32602, format!("no tool `{name}`"))));
    };
    Ok(Ok(
        json!({"content": [{"type": "text", "text": (tool.answer)(&arguments)}], "isError": false}),
    ))
}

fn described(tool: &Tool) -> Value {
    let properties: serde_json::Map<_, _> =
        tool.arguments.iter().map(|it| ((*it).to_owned(), json!({"type": "string"}))).collect();
    json!({
        "name": tool.name,
        "description": tool.about,
        "inputSchema": {"type": "object", "properties": properties, "required": tool.arguments},
        "annotations": {"readOnlyHint": tool.reads_only, "destructiveHint": false},
    })
}

fn text<'a>(arguments: &'a Value, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or("?")
}

const NOTES: &[Tool] = &[
    Tool {
        name: "read_note",
        about: "Reads one note.",
        arguments: &["path"],
        reads_only: true,
        answer: |it| format!("the note at {}", text(it, "path")),
    },
    Tool {
        name: "write_note",
        about: "Writes one note.",
        arguments: &["path", "text"],
        reads_only: false,
        answer: |it| format!("written to {}", text(it, "path")),
    },
];

const DEPLOY: &[Tool] = &[
    Tool {
        name: "release",
        about: "Releases a version of a service.",
        arguments: &["service", "version"],
        reads_only: false,
        answer: |it| format!("{} {} is live", text(it, "service"), text(it, "version")),
    },
    Tool {
        name: "status",
        about: "Says how a service is.",
        arguments: &["service"],
        reads_only: true,
        answer: |it| format!("{} is healthy", text(it, "service")),
    },
];

const VAULT: &[Tool] = &[Tool {
    name: "read_secret",
    about: "Reads one secret.",
    arguments: &["path"],
    reads_only: true,
    answer: |it| format!("the secret at {}", text(it, "path")),
}];

const TICKETS: &[Tool] = &[
    Tool {
        name: "get_ticket",
        about: "Reads one ticket.",
        arguments: &["ticket"],
        reads_only: true,
        answer: |it| format!("{}: the printer is on fire", text(it, "ticket")),
    },
    Tool {
        name: "add_comment",
        about: "Adds a comment to a ticket.",
        arguments: &["ticket", "text"],
        reads_only: false,
        answer: |it| format!("commented on {}", text(it, "ticket")),
    },
    Tool {
        name: "export_customers",
        about: "Exports customers to a file.",
        arguments: &["segment"],
        reads_only: true,
        answer: |it| format!("4211 customers of {} exported", text(it, "segment")),
    },
];

const WAREHOUSE: &[Tool] = &[Tool {
    name: "query",
    about: "Runs a query.",
    arguments: &["sql"],
    reads_only: true,
    answer: |_| "42 rows".to_owned(),
}];
