//! HTTP APIs behind the gateway: each request is decided, a secret goes along that nobody sees, and
//! an API that lies harms nobody.

mod api;
mod hostile;
mod secret;
mod server;

use serde_json::{Value, json};

use self::api::Api;
use crate::governor::{Answer, Governor};

/// What an agent with its task has.
pub(crate) struct World {
    pub(crate) governor: Governor,
    pub(crate) api: Api,
    /// The words that sign as the one person there is.
    pub(crate) person: Vec<String>,
    pub(crate) task: String,
    pub(crate) token: String,
}

const CHARTER: &str = r#"
identity = "clerk"
kind = "agent"
class = "interactive-agent"
owner = "team-test"
purpose = "Look after customers"
proof = [{ uid = UID }]
templates = ["serving"]
servers = ["crm"]
"#;

const TEMPLATE: &str = r#"
name = "serving"
owner = "team-test"
purpose = "Serve one customer"
on_widen = "hold"
[params.customer]
pattern = "^[0-9]+$"
[window]
max = "1h"
[[allow]]
server = "crm"
tools = ["get_customer"]
when = 'context.input.id == context.task.params.customer'
[[allow]]
server = "crm"
tools = ["refund"]
when = 'context.input has amount && context.input.amount <= 100'
[[allow]]
server = "crm"
tools = ["search"]
[budget]
bytes_out = "1 MiB"
"#;

const OPENAPI: &str = r##"{
  "openapi": "3.1.0", "info": {"title": "crm", "version": "1"},
  "paths": {
    "/customers/{id}": {"get": {"operationId": "get_customer"}},
    "/customers": {"get": {"operationId": "search", "parameters": [
      {"name": "limit", "in": "query", "schema": {"type": "integer"}}, {"name": "q", "in": "query"}]}},
    "/customers/{id}/refunds": {"post": {"operationId": "refund", "requestBody": {"content": {
      "application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}}}}}
  },
  "components": {"schemas": {"Refund": {"type": "object", "properties": {"amount": {"type": "integer"}}}}}
}"##;

const CONFIG: &str = r#"
[listen]
http = "127.0.0.1:0"
[evidence]
arguments = "full"
checkpoints = "checkpoints"
[[route]]
name = "crm"
url = "URL"
openapi = "crm.openapi.json"
timeout = "5s"
response_max = "64 KiB"
[[route.operation]]
name = "refund"
effects = ["write", "money"]
resource = "{id}"
"#;

pub(crate) const CREDENTIAL: &str = "[route.credential]\nsecret = \"crm-key\"\n";

impl World {
    /// Starts an API that answers as `reply` says, a governor before it, and a task.
    pub(crate) fn start(
        more: &str,
        reply: impl Fn(&api::Request, &mut std::net::TcpStream) + Send + Sync + 'static,
    ) -> Self {
        Self::with(more, &[], reply)
    }

    /// The same, with more files.
    pub(crate) fn with(
        more: &str,
        beside: &[(&str, &str)],
        reply: impl Fn(&api::Request, &mut std::net::TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let api = Api::start(reply);
        let config = [&CONFIG.replace("URL", &api.url("/v1")), more].concat();
        let mut files = vec![
            ("bailiwick.toml", config.as_str()),
            ("crm.openapi.json", OPENAPI),
            ("charters/clerk.toml", CHARTER),
            ("templates/serving.toml", TEMPLATE),
        ];
        files.extend(beside);
        let governor = Governor::start(&files);
        let person = governor.person("alice");
        let (task, token) = governor.open("clerk", "serving", &["customer=42"]);
        Self { governor, api, person, task, token }
    }

    /// Sends a request of the task.
    pub(crate) fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.governor.raw(&self.request(line, headers, body))
    }

    pub(crate) fn request(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
        let host = self.governor.url().strip_prefix("http://").unwrap();
        let more: String = headers.iter().map(|(name, it)| format!("{name}: {it}\r\n")).collect();
        let length = format!("Content-Length: {}\r\n", body.len());
        let length = if body.is_empty() { "" } else { &length };
        let token = &self.token;
        format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n{length}{more}\r\n{body}"
        )
        .into_bytes()
    }

    /// Gives the records of decisions and outcomes.
    pub(crate) fn records(&self, kind: &str) -> Vec<Value> {
        let of = |it: &Value| it["kind"] == kind;
        self.governor.records().into_iter().filter(of).collect()
    }
}

fn echo() -> impl Fn(&api::Request, &mut std::net::TcpStream) + Send + Sync + 'static {
    |request, stream| {
        let said = json!({"line": request.line, "head": request.head, "body": request.body});
        api::answer(stream, "200 OK", &[("X-Seen", "yes")], &said.to_string());
    }
}

#[test]
fn a_request_is_decided_by_its_path_its_query_and_its_body_and_goes_on_as_it_came() {
    let world = World::start("", echo());
    let got = world.ask("GET /http/crm/customers/42", &[("Accept", "application/json")], "");
    assert_eq!(got.status, 200, "{got:?}");
    assert!(got.header("bailiwick-decision").is_some() && got.header("x-seen") == Some("yes"));
    assert_eq!(got.json()["line"], "GET /v1/customers/42 HTTP/1.1");
    let head = got.json()["head"].as_str().unwrap().to_ascii_lowercase();
    assert!(!head.contains("authorization") && !head.contains(&world.token), "{head}");

    let other = world.ask("GET /http/crm/customers/43", &[], "");
    assert_eq!(other.status, 403, "{other:?}");
    let refund = |amount: u32| {
        let body = json!({"amount": amount, "note": "x"}).to_string();
        let json = [("Content-Type", "application/json")];
        world.ask("POST /http/crm/customers/42/refunds", &json, &body)
    };
    let small = refund(100);
    assert_eq!(small.json()["body"], json!({"amount": 100, "note": "x"}).to_string());
    assert_eq!(refund(101).status, 403);
    let found = world.ask("GET /http/crm/customers?limit=5&q=a+b", &[], "");
    assert_eq!(found.json()["line"], "GET /v1/customers?limit=5&q=a+b HTTP/1.1");
    assert_eq!(world.api.count(), 3);

    let path = world.governor.json(&["path", &world.task]);
    let steps: Vec<_> = path["steps"].as_array().unwrap().iter().collect();
    let tools: Vec<_> = steps.iter().map(|it| it["tool"].as_str().unwrap()).collect();
    assert_eq!(tools, ["get_customer", "get_customer", "refund", "refund", "search"]);
    assert_eq!(steps[0]["outcome"], "ok");
    let decision = &world.records("decision")[2];
    assert_eq!(decision["surface"], "http");
    assert_eq!(decision["resources"], json!(["42"]));
    let outcome = &world.records("outcome")[0];
    assert!(outcome["bytes_in"].as_u64().unwrap() > 50, "{outcome}");
}

#[test]
fn what_is_held_is_answered_with_its_ticket_and_passes_unchanged_once_it_is_approved() {
    let world = World::start("", echo());
    let json = [("Content-Type", "application/json")];
    let line = "POST /http/crm/customers/42/refunds";
    let held = world.ask(line, &json, r#"{"amount": 500}"#);
    assert_eq!((held.status, held.header("retry-after")), (403, Some("5")), "{held:?}");
    let said = held.json();
    assert_eq!(said["verdict"], "hold");
    for part in ["code", "why", "how_to_ask", "decision"] {
        assert!(said[part].as_str().is_some_and(|it| !it.is_empty()), "{said}");
    }
    let ticket = said["hold"].as_str().unwrap().to_owned();
    let mut words = vec!["hold", "approve", &ticket];
    words.extend(world.person.iter().map(String::as_str));
    world.governor.json(&words);
    let other = world.ask(line, &json, r#"{"amount": 501}"#);
    assert_eq!(other.status, 403, "another body is another request");
    let passed = world.ask(line, &json, r#"{"amount": 500}"#);
    assert_eq!(passed.status, 200, "{passed:?}");
    assert_eq!(world.ask(line, &json, r#"{"amount": 500}"#).status, 403, "once");
    assert_eq!(world.api.count(), 1);
}

#[test]
fn whoever_has_no_token_for_it_gets_nothing_and_an_end_takes_all_away() {
    let world = World::start("", echo());
    let strange = World { token: "x.y.z".to_owned(), ..world };
    assert_eq!(strange.ask("GET /http/crm/customers/42", &[], "").status, 401);
    let host = strange.governor.url().strip_prefix("http://").unwrap();
    let bare =
        format!("GET /http/crm/customers/42 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let refused = strange.governor.raw(bare.as_bytes());
    assert_eq!(refused.status, 401, "{refused:?}");
    let metadata = format!(
        "GET /.well-known/oauth-protected-resource/http/crm HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let metadata = strange.governor.raw(metadata.as_bytes()).json();
    assert_eq!(metadata["resource"], format!("{}/http/crm", strange.governor.url()));
    assert!(refused.header("www-authenticate").unwrap().contains("/http/crm"), "{refused:?}");
    let (task, token) = strange.governor.open("clerk", "serving", &["customer=42"]);
    let world = World { task, token, ..strange };
    assert_eq!(world.ask("GET /http/nowhere/customers/42", &[], "").status, 404);
    let mcp = world.governor.ask("/mcp", &world.token, "tools/list", &json!({}));
    assert!(!mcp.to_string().contains("get_customer"), "{mcp}");
    assert_eq!(world.ask("GET /http/crm/customers/42", &[], "").status, 200);
    world.governor.json(&["task", "end", &world.task]);
    assert_eq!(world.ask("GET /http/crm/customers/42", &[], "").status, 403);
    assert_eq!(world.api.count(), 1);
}
