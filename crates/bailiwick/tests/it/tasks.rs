//! Calls that go on after their answer, as tasks of the protocol.

mod person;
mod server;

use serde_json::{Value, json};

use crate::governor::{Answer, Governor};

const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A governor with a server whose calls go on, and a task that may make them.
struct House {
    governor: Governor,
    by: Vec<String>,
    task: String,
    token: String,
}

impl House {
    /// Starts it with more words of the operator in the server's entry.
    fn start(words: &str) -> Self {
        Self::at("127.0.0.1:0", words)
    }

    fn at(address: &str, words: &str) -> Self {
        let mut governor = Governor::prepare(&[]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/goes_on.py");
        let path = std::env::var("PATH").unwrap();
        governor.write(
            "bailiwick.toml",
            &format!(
                "[listen]\nhttp = {address:?}\n[state]\ndir = \"state\"\n[evidence]\n\
                 checkpoints = \"checkpoints\"\n[holds]\npoll = \"20ms\"\n[[server]]\nname = \"long\"\n\
                 command = [\"python3\", \"-B\", {script:?}]\nenv = {{ PATH = {path:?} }}\n{words}"
            ),
        );
        governor.charter("long");
        governor.write(
            "templates/working.toml",
            "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work a while\"\n\
             on_widen = \"hold\"\n[window]\nmax = \"1h\"\n[budget]\ncalls = 9\n[[allow]]\n\
             server = \"long\"\ntools = [\"work\", \"uninvited\", \"finish\", \"heard\"]\n",
        );
        governor.serve();
        let by = governor.person("ada");
        let (task, token) = governor.open("agent", "working", &[]);
        Self { governor, by, task, token }
    }

    /// Has a field of this tool's results shown to nobody from now on.
    fn hides(&self, field: &str, tool: &str) {
        let constraint = "name = \"private\"\nversion = 1\nowner = \"team-test\"\n";
        let asks = format!("{constraint}redact = [{field:?}]\n");
        self.governor.write("constraints/private.toml", &asks);
        let permit = format!(
            "@id(\"private\") @constrain(\"private\")\n\
             permit (principal, action == Action::\"long__{tool}\", resource);\n"
        );
        self.governor.write("policies/private.cedar", &permit);
        self.governor.json(&["reload"]);
    }

    /// Says yes to the one call that waits.
    fn approve(&self) {
        let held = self.governor.json(&["hold", "list"])["holds"][0]["id"].clone();
        let mut words = vec!["hold", "approve", held.as_str().unwrap()];
        words.extend(self.by.iter().map(String::as_str));
        self.governor.json(&words);
    }

    /// Asks as a client of 2026-07-28 that declares these capabilities.
    fn ask(
        &self,
        token: &str,
        (method, name): (&str, &str),
        params: &Value,
        can: &Value,
    ) -> Answer {
        let mut params = params.clone();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": can,
        });
        let headers =
            [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method), ("Mcp-Name", name)];
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.governor.post("/mcp/long", token, &headers, &body.to_string())
    }

    /// Calls a tool as a client that can wait for it.
    fn call(&self, tool: &str, arguments: &Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.ask(&self.token, ("tools/call", tool), &params, &waits()).json()["result"].clone()
    }

    /// Begins a call that goes on, and gives its name.
    fn begin(&self, tool: &str) -> String {
        let begun = self.call(tool, &json!({}));
        assert_eq!(begun["resultType"], "task", "{begun}");
        begun["taskId"].as_str().unwrap().to_owned()
    }

    /// Asks after a call that goes on.
    fn of_task(&self, method: &str, name: &str, more: &Value) -> Value {
        let mut params = more.clone();
        params["taskId"] = json!(name);
        self.ask(&self.token, (method, name), &params, &waits()).json()
    }

    fn get(&self, name: &str) -> Value {
        self.of_task("tasks/get", name, &json!({}))
    }

    /// Has the server end what goes on.
    fn finish(&self, end: &Value) {
        assert_eq!(self.call("finish", &json!({"end": end}))["resultType"], "complete");
    }

    /// Gives what the server was asked of its tasks.
    fn heard(&self) -> Vec<Value> {
        let heard = self.call("heard", &json!({}));
        serde_json::from_str(heard["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    /// Gives the outcomes of the calls of one tool: the word, and why.
    fn outcomes(&self, tool: &str) -> Vec<(String, String)> {
        let records = self.governor.records();
        let of_tool = |it: &&Value| it["kind"] == "decision" && it["action"]["name"] == tool;
        let decisions: Vec<_> =
            records.iter().filter(of_tool).map(|it| it["decision"].clone()).collect();
        let outcomes = records
            .iter()
            .filter(|it| it["kind"] == "outcome" && decisions.contains(&it["decision"]));
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        outcomes.map(|it| (text(&it["outcome"]), text(&it["detail"]))).collect()
    }
}

/// What a client declares that waits for calls and can be asked.
fn waits() -> Value {
    json!({"elicitation": {}, "extensions": {TASKS: {}}})
}

fn said(text: &str) -> Value {
    json!({"resultType": "complete", "content": [{"type": "text", "text": text}]})
}
