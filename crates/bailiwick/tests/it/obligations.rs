//! What must happen along with calls: arguments that are sent otherwise, results that are shown in
//! part or not at all, and calls that cannot be made as they must be.

mod arguments;
mod results;

use std::{fs, net::TcpListener};

use serde_json::{Value, json};

use crate::governor::Governor;

/// What nobody is shown.
const SECRET: &str = "ann@example.org";

/// A governor before a server that knows customers, and a task that may ask it anything.
struct House {
    governor: Governor,
    task: String,
    token: String,
}

/// Gives a constraint of this name.
fn constraint(name: &str, asks: &str) -> (String, String) {
    let text = format!("name = {name:?}\nversion = 1\nowner = \"team-data\"\n{asks}\n");
    (format!("constraints/{name}.toml"), text)
}

impl House {
    /// Has a permit ask for what `asks` says, along with every call.
    fn asking(asks: &str) -> Self {
        let permit = "@id(\"all\") @constrain(\"narrow\")\npermit (principal, action, resource);\n";
        Self::with(&[constraint("narrow", asks)], permit)
    }

    fn with(constraints: &[(String, String)], policies: &str) -> Self {
        Self::before(constraints, policies, |_| ()).0
    }

    /// Does something before the task opens.
    fn before<T>(
        constraints: &[(String, String)],
        policies: &str,
        first: impl FnOnce(&Governor) -> T,
    ) -> (Self, T) {
        let mut governor = Governor::prepare(&[]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/customers.py");
        let path = std::env::var("PATH").unwrap();
        let seen = governor.path("reached/seen");
        // A token is for one address, and outlives a restart there.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        governor.write(
            "bailiwick.toml",
            &format!(
                "[listen]\nhttp = \"{free}\"\n[state]\ndir = \"state\"\n[evidence]\n\
                 arguments = \"full\"\ncheckpoints = \"checkpoints\"\n[holds]\npoll = \"0s\"\n\
                 stream = \"0s\"\n[[server]]\nname = \"crm\"\n\
                 command = [\"python3\", \"-B\", {script:?}]\n\
                 env = {{ PATH = {path:?}, SEEN = {seen:?} }}\n\
                 methods = [\"elicitation/create\"]\n"
            ),
        );
        governor.charter("crm");
        governor.write(
            "templates/working.toml",
            "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work\"\n\
             on_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"crm\"\n\
             tools = [\"rows\", \"text\", \"image\", \"fails\", \"breaks\", \"tells\", \"asks\"]\n",
        );
        for (name, text) in constraints {
            governor.write(name, text);
        }
        governor.write("policies/all.cedar", policies);
        governor.serve();
        let done = first(&governor);
        let (task, token) = governor.open("agent", "working", &[]);
        (Self { governor, task, token }, done)
    }

    /// Makes a call in the legacy way, and gives everything that came back of it.
    fn called(&self, tool: &str, arguments: &Value) -> String {
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": "p"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        self.governor.post("/mcp/crm", &self.token, &[], &body.to_string()).body
    }

    /// Makes a call in the modern way, and gives everything that came back of it.
    fn called_in_rounds(&self, tool: &str, arguments: &Value) -> String {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            "progressToken": "p",
        });
        let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let headers = [
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", tool),
        ];
        self.governor.post("/mcp/crm", &self.token, &headers, &body.to_string()).body
    }

    fn result(&self, tool: &str, arguments: &Value) -> Value {
        let body = self.called(tool, arguments);
        // Where the machine is slow, the answer comes as the last event of a stream.
        let last = body.lines().filter_map(|it| it.strip_prefix("data: ")).next_back();
        let message = serde_json::from_str::<Value>(last.unwrap_or(&body));
        message.unwrap_or_else(|error| panic!("{error}: {body}"))["result"].clone()
    }

    /// Gives what reached the server, a line each.
    fn seen(&self) -> Vec<String> {
        let text = fs::read_to_string(self.governor.path("reached/seen")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Gives the step that says what had to happen along with the last call.
    fn step(&self) -> Value {
        let path = self.governor.json(&["path", &self.task]);
        let last = path["steps"].as_array().unwrap().last().unwrap().clone();
        let why = self.governor.json(&["why", last["decision"].as_str().unwrap()]);
        let steps = why["steps"].as_array().unwrap().clone();
        steps.into_iter().find(|it| it["step"] == "obligation").unwrap_or(Value::Null)
    }
}
