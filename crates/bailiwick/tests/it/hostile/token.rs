//! Tokens in the wrong hands, and tokens that nobody minted.

use bailiwick_connect::IdentityKey;
use serde_json::{Value, json};

use crate::governor::{Answer, Governor, NOTES};

/// Two identities: `reader` by its account, `writer` by a key of its own, each with a server that
/// the other's charter does not reach.
fn house() -> Governor {
    let mut governor = Governor::prepare(NOTES);
    let tickets = "\n[[server]]\nname = \"tickets\"\ncommand = [\"bailiwick\", \"demo-server\", \"tickets\", \"--count\", \"reached/tickets\"]\n";
    governor.write("bailiwick.toml", &format!("{}{tickets}", NOTES[0].1));
    governor.json(&["identity", "add", "writer", "--generate-key"]);
    governor.write(
        "charters/writer.toml",
        "identity = \"writer\"\nkind = \"agent\"\nclass = \"interactive-agent\"\nowner = \"team-test\"\npurpose = \"Handle tickets\"\nproof = [{ key = \"keys/writer.pub.pem\" }]\ntemplates = [\"ticketing\"]\nservers = [\"tickets\"]\n",
    );
    governor.write(
        "templates/ticketing.toml",
        "name = \"ticketing\"\nowner = \"team-test\"\npurpose = \"Handle tickets\"\non_widen = \"deny\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"tickets\"\ntools = [\"get_ticket\"]\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\"]\n",
    );
    governor.serve();
    governor
}

const READ: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_note","arguments":{"path":"/notes/today"}}}"#;

fn read(governor: &Governor, token: &str) -> Answer {
    governor.post("/mcp/notes", token, &[], READ)
}

#[test]
fn a_token_reaches_no_server_that_its_identitys_charter_does_not() {
    let governor = house();
    let (_, reader) = governor.open("reader", "reading", &[]);
    let (_, writer) = governor.open("writer", "ticketing", &[]);
    assert_eq!(read(&governor, &reader).json()["result"]["isError"], false);

    // The template of `writer` names the notes, its charter does not.
    let refused = read(&governor, &writer).json();
    assert_eq!(refused["result"]["structuredContent"]["verdict"], "deny", "{refused}");
    let get = json!({"name": "get_ticket", "arguments": {"ticket": "T-1"}});
    let refused = governor.ask("/mcp/tickets", &reader, "tools/call", &get);
    assert_eq!(refused["result"]["structuredContent"]["verdict"], "deny", "{refused}");
    // Nor is there anything to see.
    let listed = governor.ask("/mcp/tickets", &reader, "tools/list", &json!({}));
    assert_eq!(listed["result"]["tools"], json!([]), "{listed}");
    let listed = governor.ask("/mcp", &writer, "tools/list", &json!({}));
    let names: Vec<_> =
        listed["result"]["tools"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["tickets__get_ticket"]);
    let named = json!({"name": "notes__read_note", "arguments": {"path": "/notes/today"}});
    let refused = governor.ask("/mcp", &writer, "tools/call", &named);
    assert_eq!(refused["result"]["structuredContent"]["verdict"], "deny", "{refused}");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn nobody_gets_a_token_of_anothers_task_or_opens_one_in_anothers_name() {
    let governor = house();
    let (task, _) = governor.open("writer", "ticketing", &[]);
    let token = format!("/api/v1/tasks/{task}/token");
    // Knowing the task is no proof, and neither is sharing the account.
    let answer = governor.admin("POST", &token, &json!({}));
    assert_eq!(answer.status, 403, "{answer:?}");

    let mint = |assertion: &str| governor.admin("POST", &token, &json!({"assertion": assertion}));
    let (reader, writer) = ("reader".parse().unwrap(), "writer".parse().unwrap());
    let own = IdentityKey::generate().unwrap();
    for (name, key, issuer) in [
        (&reader, &own, governor.url()),
        (&writer, &own, governor.url()),
        (&writer, &writers_key(&governor), "http://127.0.0.1:1"),
    ] {
        let assertion = key.assertion(name, issuer, super::now()).unwrap();
        let answer = mint(assertion.expose());
        assert_eq!(answer.status, 403, "{name} {issuer}: {answer:?}");
    }
    // The real one counts, once.
    let assertion =
        writers_key(&governor).assertion(&writer, governor.url(), super::now()).unwrap();
    assert_eq!(mint(assertion.expose()).status, 200);
    let again = mint(assertion.expose());
    assert_eq!(again.status, 403, "{again:?}");

    let open = json!({"identity": "writer", "template": "ticketing"});
    assert_eq!(governor.admin("POST", "/api/v1/tasks", &open).status, 403);
    let open = json!({"identity": "nobody", "template": "ticketing"});
    assert_eq!(governor.admin("POST", "/api/v1/tasks", &open).status, 403);
    // A template that its charter does not name stays closed, however well it is proven.
    governor.refused(&["task", "open", "--as", "writer", "--template", "reading"], 1);
    governor.refused(&["task", "open", "--as", "reader", "--template", "ticketing"], 1);
}

fn writers_key(governor: &Governor) -> IdentityKey {
    let pem = std::fs::read_to_string(governor.path("keys/writer.pem")).unwrap();
    IdentityKey::from_pem(&bailiwick_connect::Secret::new(pem)).unwrap()
}

#[test]
fn a_token_with_any_part_exchanged_is_no_token() {
    let governor = house();
    let (_, reader) = governor.open("reader", "reading", &[]);
    let (_, writer) = governor.open("writer", "ticketing", &[]);
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, theirs) = (parts(&reader), parts(&writer));
    let assertion = writers_key(&governor)
        .assertion(&"writer".parse().unwrap(), governor.url(), super::now())
        .unwrap();
    let forged = [
        // The other's claims under one's own signature, and the other way round.
        format!("{}.{}.{}", mine[0], theirs[1], mine[2]),
        format!("{}.{}.{}", mine[0], mine[1], theirs[2]),
        // `{"alg":"none","typ":"at+jwt"}`
        format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", mine[1]),
        format!("{}.{}.", mine[0], mine[1]),
        format!("{}.{}", mine[0], mine[1]),
        // `{"alg":"HS256","typ":"at+jwt"}`
        format!("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{}.{}", mine[1], mine[2]),
        format!("{reader}.{}", mine[2]),
        reader.to_uppercase(),
        reader.chars().skip(1).collect(),
        assertion.expose().to_owned(),
        "x".repeat(9000),
        ".".repeat(300),
    ];
    for token in &forged {
        let answer = read(&governor, token);
        let start: String = token.chars().take(60).collect();
        assert!(answer.status == 401 || answer.status == 431, "{start}: {answer:?}");
        if answer.status == 401 {
            assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer")));
            assert!(!answer.body.contains(&mine[2]), "a token's parts are quoted");
        }
    }
    assert_eq!(governor.reached(), 0);
    assert_eq!(read(&governor, &reader).status, 200);
}

#[test]
fn a_token_of_another_governor_is_no_token_here() {
    let (one, other) = (Governor::start(NOTES), Governor::start(NOTES));
    let (_, token) = one.open("reader", "reading", &[]);
    assert_eq!(read(&other, &token).status, 401);
    assert_eq!(read(&one, &token).status, 200);
    assert_eq!((one.reached(), other.reached()), (1, 0));
}

#[test]
fn a_session_belongs_to_one_task() {
    let governor = house();
    let (_, mine) = governor.open("reader", "reading", &[]);
    let (_, theirs) = governor.open("reader", "reading", &[]);
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}});
    let begun = governor.post("/mcp/notes", &mine, &[], &initialize.to_string());
    let session = begun.header("mcp-session-id").unwrap();
    let with = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
    assert_eq!(governor.post("/mcp/notes", &mine, &with, READ).status, 200);
    let stolen = governor.post("/mcp/notes", &theirs, &with, READ);
    assert_eq!(stolen.status, 404, "{stolen:?}");
    let made_up = [("Mcp-Session-Id", "made-up"), ("MCP-Protocol-Version", "2025-11-25")];
    assert_eq!(governor.post("/mcp/notes", &mine, &made_up, READ).status, 404);
    assert_eq!(governor.reached(), 1);
}

#[test]
fn an_ended_task_mints_no_token() {
    let governor = house();
    let (task, _) = governor.open("reader", "reading", &[]);
    governor.json(&["task", "token", &task]);
    governor.json(&["task", "end", &task]);
    let said = governor.refused(&["task", "token", &task], 1);
    assert!(said.contains("has ended"), "{said}");
    let told: Vec<Value> = governor.records();
    let minted = told.iter().filter(|it| it["command"]["command"] == "token_minted").count();
    assert_eq!(minted, 2);
}
