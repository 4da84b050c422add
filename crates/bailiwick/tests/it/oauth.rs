//! The token endpoint and its metadata, over real sockets.

mod attested;
mod discovery;
mod ended;
mod enrolled;
mod exchange;
mod exposed;
mod judged;
mod mandate;
mod opening;
mod possession;
mod refused;
mod sdk;

use bailiwick_connect::{IdentityKey, Secret};
use bailiwick_model::Timestamp;
use serde_json::{Value, json};

use crate::governor::{Answer, Governor, NOTES};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TYPE: &str = "bailiwick/task/v1";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A governor of `notes` and `tickets`. `writer` has one template and reaches `tickets`; `planner`
/// has two, reaches both, and may hand authority to `writer`. Both have keys of their own.
struct House {
    governor: Governor,
}

fn charter(identity: &str, templates: &str, servers: &str) -> String {
    format!(
        "identity = \"{identity}\"\nkind = \"agent\"\nclass = \"interactive-agent\"\nowner = \"team-test\"\npurpose = \"Work\"\nproof = [{{ key = \"keys/{identity}.pub.pem\" }}]\ntemplates = [{templates}]\nservers = [{servers}]\n"
    )
}

fn template(name: &str, more: &str, server: &str, tool: &str) -> String {
    format!(
        "name = \"{name}\"\nowner = \"team-test\"\npurpose = \"Work on it\"\non_widen = \"deny\"\n[window]\nmax = \"1h\"\n{more}[[allow]]\nserver = \"{server}\"\ntools = [\"{tool}\"]\n"
    )
}

impl House {
    fn new() -> Self {
        Self::breaking_at("nowhere")
    }

    /// Starts a governor in which the first that passes `place` breaks.
    fn breaking_at(place: &str) -> Self {
        let mut house = Self { governor: Governor::prepare(NOTES) };
        house.write();
        house.governor.serve_with(|command| {
            command.env("BAILIWICK_BREAK", place);
        });
        house
    }

    fn write(&self) {
        let governor = &self.governor;
        let tickets = "\n[[server]]\nname = \"tickets\"\ncommand = [\"bailiwick\", \"demo-server\", \"tickets\", \"--count\", \"reached/tickets\"]\n";
        governor.write("bailiwick.toml", &format!("{}{tickets}", NOTES[0].1));
        governor.write("charters/writer.toml", &charter("writer", "\"ticketing\"", "\"tickets\""));
        let planner = charter("planner", "\"planning\", \"noting\"", "\"tickets\", \"notes\"");
        governor.write("charters/planner.toml", &format!("{planner}delegates_to = [\"writer\"]\n"));
        governor
            .write("templates/ticketing.toml", &template("ticketing", "", "tickets", "get_ticket"));
        governor
            .write("templates/planning.toml", &template("planning", "", "tickets", "get_ticket"));
        let params = "[params.folder]\npattern = \"[a-z]+\"\n";
        governor.write("templates/noting.toml", &template("noting", params, "notes", "read_note"));
        for identity in ["writer", "planner"] {
            governor.json(&["identity", "add", identity, "--generate-key"]);
        }
    }

    fn key(&self, identity: &str) -> IdentityKey {
        let pem = self.governor.path(&format!("keys/{identity}.pem"));
        IdentityKey::from_pem(&Secret::new(std::fs::read_to_string(pem).unwrap())).unwrap()
    }

    fn assertion(&self, identity: &str) -> String {
        let name = identity.parse().unwrap();
        let made = self.key(identity).assertion(&name, self.governor.url(), now());
        made.unwrap().expose().to_owned()
    }

    /// Asks for a token as `identity`, with more parameters.
    fn ask(&self, identity: &str, more: &[(&str, &str)]) -> Answer {
        let assertion = self.assertion(identity);
        let proof = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
        ];
        self.form(&[&proof, more].concat())
    }

    /// Asks with details of our type.
    fn ask_for(&self, identity: &str, details: &Value, more: &[(&str, &str)]) -> Answer {
        let mut details = details.clone();
        details["type"] = json!(TYPE);
        let details = json!([details]).to_string();
        self.ask(identity, &[&[("authorization_details", details.as_str())], more].concat())
    }

    fn form(&self, parameters: &[(&str, &str)]) -> Answer {
        self.form_to("/oauth2/token", "", parameters)
    }

    fn form_to(&self, path: &str, headers: &str, parameters: &[(&str, &str)]) -> Answer {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
        let body: Vec<_> = parameters.iter().map(pair).collect();
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.send_to(path, &format!("{kind}{headers}"), &body.join("&"))
    }

    /// Asks about, or gives back, a token as `identity`.
    fn about(&self, path: &str, identity: &str, token: &str) -> Answer {
        let assertion = self.assertion(identity);
        let proof = [
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("token", token),
        ];
        self.form_to(path, "", &proof)
    }

    /// Trades `token` as `identity`, with more parameters.
    fn trade(&self, identity: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let assertion = self.assertion(identity);
        let proof = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion.as_str()),
            ("subject_token", token),
            ("subject_token_type", ACCESS),
        ];
        self.form(&[&proof, more].concat())
    }

    fn send(&self, headers: &str, body: &str) -> Answer {
        self.send_to("/oauth2/token", headers, body)
    }

    fn send_to(&self, path: &str, headers: &str, body: &str) -> Answer {
        let host = self.governor.host();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len(),
        );
        self.governor.raw(&[head.as_bytes(), body.as_bytes()].concat())
    }

    fn get(&self, path: &str) -> Answer {
        let host = self.governor.host();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        self.governor.raw(head.as_bytes())
    }

    /// Calls `get_ticket` at `tickets`, and gives the whole answer.
    fn get_ticket(&self, token: &str) -> Answer {
        let params = json!({"name": "get_ticket", "arguments": {"ticket": "T-1"}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            .to_string();
        self.governor.post("/mcp/tickets", token, &[], &body)
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::default().after(since)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|it| format!("%{it:02X}")).collect()
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn granted(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["authorization_details"][0].clone()
}

fn is_refused(answer: &Answer, error: &str) {
    let status = if error == "invalid_client" { 401 } else { 400 };
    assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
}
