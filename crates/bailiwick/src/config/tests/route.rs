//! `[[route]]`: what is read of it and of its document, and what is told of mistakes.

use super::Files;
use crate::config::Transport;

const HEAD: &str = "[[route]]\nname = \"crm\"\nurl = \"http://127.0.0.1:9\"\n";
const ONE: &str = "[[route.operation]]\nname = \"get\"\nmethod = \"GET\"\npath = \"/c/{id}\"\n";

fn of(more: &str) -> Files {
    Files::good().config(&[HEAD, more].concat())
}

fn documented(paths: &str) -> Files {
    let document = format!(r#"{{"openapi": "3.0.3", "paths": {paths}}}"#);
    of("openapi = \"crm.json\"\n").with("crm.json", document)
}

/// Takes the ends of lines out of what is drawn.
fn unwrapped(drawn: &str) -> String {
    drawn.split_whitespace().collect::<Vec<_>>().join(" ").replace(" | ", " ")
}

/// Gives the operations, each with what it takes.
fn operations(files: &Files) -> Vec<String> {
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let routes = house.config.servers.iter().filter_map(|it| match &it.transport {
        Transport::Route(route) => Some(route.operations.clone()),
        Transport::Child { .. } | Transport::Http { .. } => None,
    });
    let shown = |it: &bailiwick_gateway::Operation| {
        let definition: serde_json::Value = serde_json::from_str(it.definition().get()).unwrap();
        format!(
            "{} {}",
            definition["description"].as_str().unwrap(),
            definition["inputSchema"]["properties"]
        )
    };
    routes.flatten().map(|it| shown(&it)).collect()
}

#[test]
fn a_document_tells_what_operations_take_and_references_are_followed() {
    let files = documented(
        r##"{"/c/{id}": {"parameters": [{"name": "deep", "in": "query", "schema": {"type": "boolean"}}],
        "put": {"operationId": "put", "requestBody": {"content": {"application/json": {"schema":
        {"allOf": [{"$ref": "#/x/A"}, {"properties": {"b": {"type": "string", "nullable": true}}}]}}}}}}},
        "x": {"A": {"properties": {"a": {"$ref": "#/x/A"}}}}"##,
    );
    let found = operations(&files);
    assert_eq!(found.len(), 1);
    let line = &found[0];
    assert!(line.starts_with("PUT /c/{id} "), "{line}");
    for part in
        [r#""id":{"type":"string"}"#, r#""deep":{"type":"boolean"}"#, r#""b":{"anyOf""#, r#""a":"#]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[test]
fn a_document_opens_no_headers_and_the_operator_does() {
    let document = r#"{"openapi": "3.0.3", "paths": {"/c": {"get": {"operationId": "c",
        "parameters": [{"name": "X-Remote-User", "in": "header"}]}}}}"#;
    let file = "openapi = \"crm.json\"\nheaders = [\"X-Tenant\"]\n";
    let files = of(file).with("crm.json", document);
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let passed: Vec<_> = house
        .config
        .servers
        .iter()
        .filter_map(|it| match &it.transport {
            Transport::Route(route) => Some(route.headers.clone()),
            Transport::Child { .. } | Transport::Http { .. } => None,
        })
        .flatten()
        .collect();
    assert_eq!(passed, ["x-tenant"]);
}

#[test]
fn what_cannot_be_judged_is_left_out_of_a_document_and_told() {
    let files = documented(
        r#"{"/a": {"get": {}}, "/b/{x}.json": {"get": {"operationId": "b"}},
        "/c/{x}": {"get": {"operationId": "c"}}, "/c/{y}": {"get": {"operationId": "d"}},
        "/e/{id}": {"get": {"operationId": "e", "parameters": [{"name": "id", "in": "query"}]}},
        "/f": {"get": {"operationId": "not a name"}}}"#,
    );
    assert_eq!(operations(&files).len(), 1);
    let told = unwrapped(&files.remarks("CFG-116"));
    for part in
        ["no `operationId`", "/b/{x}.json", "is the operation `c`", "names two", "`not a name`"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn mistakes_of_a_route_are_told_where_they_stand() {
    for (more, said) in [
        ("", "`route[0].operation` is missing"),
        ("openapi = \"nowhere.json\"\n", "there is no such file"),
        (&[ONE, ONE].concat(), "given twice"),
        (
            &[ONE, &ONE.replace("\"get\"", "\"other\"").replace("{id}", "{x}")].concat(),
            "is the operation `get`",
        ),
        (&ONE.replace("\"get\"", "\"unmatched\""), "stands for requests"),
        (&ONE.replace("/c/{id}", "c"), "no path of an operation"),
        (&[ONE, "body = [\"x\"]\n"].concat(), "has no body"),
        (&["headers = [\"X-Forwarded-For\"]\n", ONE].concat(), "never passed on"),
        (&["response_max = 0\n", ONE].concat(), "no answer has no bytes"),
        (&[ONE, "[route.credential]\nheader = \"X-Key\"\n"].concat(), "secret` is missing"),
        (
            &[ONE, "[route.credential]\nsecret = \"k\"\nformat = \"Bearer\"\n"].concat(),
            "say where the secret",
        ),
        (
            &[ONE, "[route.credential]\nsecret = \"k\"\nheader = \"Host\"\n"].concat(),
            "no header for a credential",
        ),
    ] {
        let told = unwrapped(&of(more).mistakes());
        assert!(told.contains(said), "{said}: {told}");
    }
    let clear = Files::good().config(&HEAD.replace("127.0.0.1:9", "crm.example.org"));
    assert!(unwrapped(&clear.mistakes()).contains("in the clear"));
}

#[test]
fn what_a_delete_carries_is_seen_where_its_document_tells_it() {
    let files = documented(
        r#"{"/c": {"delete": {"operationId": "drop", "requestBody": {"content": {"application/json":
        {"schema": {"properties": {"ids": {"type": "string"}}}}}}}}}"#,
    );
    assert_eq!(operations(&files), [r#"DELETE /c {"ids":{"type":"string"}}"#]);
}
