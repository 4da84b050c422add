//! Answers that begin before they are known: progress, cancellation, and streams of changes.

mod as_tasks;
mod asked;
mod changes;
mod first;
mod follows;
mod meanwhile;
mod midway;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::governor::{Governor, until};

/// A governor with a server that says much while it works, and a task that may use it.
struct House {
    governor: Governor,
    task: String,
    token: String,
}

impl House {
    fn new() -> Self {
        Self::with("")
    }

    /// Adds words of the operator to the server's entry.
    fn with(words: &str) -> Self {
        Self::at("tells.py", words)
    }

    /// Has another server in its place.
    fn at(script: &str, words: &str) -> Self {
        let mut governor = Governor::prepare(&[]);
        let servers = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers");
        let script = format!("{servers}/{script}");
        let path = std::env::var("PATH").unwrap();
        governor.write(
            "bailiwick.toml",
            &format!(
                "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
                 checkpoints = \"checkpoints\"\n[[server]]\nname = \"tells\"\n\
                 command = [\"python3\", \"-B\", {script:?}]\nenv = {{ PATH = {path:?} }}\n{words}"
            ),
        );
        governor.charter("tells");
        governor.write(
            "templates/working.toml",
            "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work a little\"\n\
             on_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"tells\"\n\
             tools = [\"work\", \"hang\", \"release\", \"notes\", \"ask\", \"ask-in-vain\", \"touch\", \
             \"end\", \"tear\", \"slow\", \"stuck\"]\n\
             [[allow]]\nserver = \"tells\"\nresources = [\"note:*\"]\n",
        );
        governor.serve();
        let (task, token) = governor.open("agent", "working", &[]);
        Self { governor, task, token }
    }

    /// Begins a request, and gives the stream that its response becomes.
    fn begin(&self, line: &str, headers: &str, body: &str) -> Stream {
        let mut socket = self.governor.connect();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
             Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n",
            self.governor.host(),
            self.token
        );
        socket.write_all(format!("{head}{body}").as_bytes()).unwrap();
        Stream { lines: BufReader::new(socket) }
    }

    /// Opens a stream of what is told by itself in the modern way.
    fn listen(&self, wanted: &Value) -> Stream {
        let params = json!({"notifications": wanted, "_meta": modern_meta()});
        let body = json!({
            "jsonrpc": "2.0", "id": "s1", "method": "subscriptions/listen", "params": params,
        });
        let headers = format!("{MODERN}Mcp-Method: subscriptions/listen\r\n");
        self.begin("POST /mcp/tells", &headers, &body.to_string())
    }

    /// Begins a call in the legacy way.
    fn legacy(&self, id: u32, tool: &str) -> Stream {
        self.begin("POST /mcp/tells", "", &call(id, tool, json!({"progressToken": "mine"})))
    }

    /// Begins a call in the modern way.
    fn modern(&self, id: u32, tool: &str) -> Stream {
        let mut meta = modern_meta();
        meta["progressToken"] = json!(7);
        let headers = format!("{MODERN}Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n");
        self.begin("POST /mcp/tells", &headers, &call(id, tool, meta))
    }

    /// Asks the server what it has seen.
    fn notes(&self) -> Value {
        let params = json!({"name": "notes", "arguments": {}});
        let answer = self.governor.ask("/mcp/tells", &self.token, "tools/call", &params);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
        serde_json::from_str(&text).unwrap()
    }

    fn until_asked(&self) {
        until("the call hangs", || self.notes()["asked"] != json!([]));
    }

    /// Gives the outcomes of this task's calls, those that only ask for notes left out.
    fn outcomes(&self) -> Vec<String> {
        let path = self.governor.json(&["path", &self.task]);
        let steps = path["steps"].as_array().unwrap().iter();
        let steps = steps.filter(|it| it["tool"] != "notes");
        steps.map(|it| it["outcome"].as_str().unwrap().to_owned()).collect()
    }
}

const MODERN: &str = "MCP-Protocol-Version: 2026-07-28\r\n";

fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn call(id: u32, tool: &str, meta: Value) -> String {
    let params = json!({"name": tool, "arguments": {}, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()
}

/// A response that comes piece by piece.
struct Stream {
    lines: BufReader<TcpStream>,
}

impl Stream {
    /// Reads the head, and gives it in lower case.
    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.lines.read_line(&mut head).unwrap(), 0, "{head}");
        }
        head.to_ascii_lowercase()
    }

    /// Gives the next event; none where the stream ends.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}
