//! Requests that come another way than they should.

use serde_json::json;

use super::{HEADER_MISMATCH, House, INVALID_REQUEST, METHOD_NOT_FOUND, is_error, with_params};

#[test]
fn what_comes_another_way_than_it_should_is_turned_away() {
    let house = House::new();
    let body = with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#);
    let raw = |text: String| house.governor.raw(text.as_bytes());
    let right = house.head("POST /mcp/notes", body.len());
    let host = format!("Host: {}", house.governor.host());
    let token = format!("Authorization: Bearer {}\r\n", house.token);
    let changed = |from: &str, to: &str| {
        assert!(right.contains(from), "{from}");
        raw(format!("{}\r\n{body}", right.replace(from, to)))
    };

    // Another host or origin: a browser that was led here.
    assert_eq!(changed(&host, "Host: evil.example").status, 403);
    assert_eq!(changed(&host, &format!("{host}\r\nOrigin: http://evil.example")).status, 403);
    assert_eq!(changed(&host, &format!("{host}\r\nOrigin: null")).status, 403);
    let port = house.governor.host().rsplit(':').next().unwrap();
    assert_eq!(changed(&host, &format!("Host: evil.example:{port}")).status, 403);

    // No token, or none that counts.
    for (what, replaced) in [
        ("none", String::new()),
        ("garbage", "Authorization: Bearer garbage\r\n".to_owned()),
        ("another scheme", "Authorization: Basic dXNlcjpwYXNz\r\n".to_owned()),
        ("two of them", token.repeat(2)),
        ("an empty one", "Authorization: Bearer \r\n".to_owned()),
    ] {
        let answer = changed(&token, &replaced);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{what}: {answer:?}");
        is_error(what, &answer, INVALID_REQUEST);
    }

    // Other methods, other places, other kinds of body.
    let bare = |line: &str| raw(format!("{}\r\n", house.head(line, 0)));
    assert_eq!(bare("PUT /mcp/notes").status, 405);
    let later = "MCP-Protocol-Version: 2026-07-28\r\n";
    assert_eq!(raw(format!("{}{later}\r\n", house.head("GET /mcp", 0))).status, 405);
    let no_stream = house.head("GET /mcp", 0).replace("text/event-stream", "text/html");
    assert_eq!(raw(format!("{no_stream}\r\n")).status, 406);
    let anonymous = house.head("GET /mcp", 0).replace(&token, "");
    assert_eq!(raw(format!("{anonymous}\r\n")).status, 401);
    assert_eq!(bare("GET /nothing/here").status, 404);
    let unknown = raw(format!("{}\r\n{body}", house.head("POST /mcp/nowhere", body.len())));
    assert_eq!((unknown.status, unknown.body.contains("no such server")), (404, true));
    assert_eq!(changed("Content-Type: application/json", "Content-Type: text/plain").status, 415);
    assert_eq!(changed("application/json, text/event-stream", "text/html").status, 406);

    // Methods that nobody allowed.
    let version = "MCP-Protocol-Version: 2026-07-28\r\n";
    for method in [
        "files/steal",
        "sampling/createMessage",
        "tools/call ",
        "TOOLS/CALL",
        "completion/complete",
    ] {
        let legacy = json!({"jsonrpc": "2.0", "id": 1, "method": method}).to_string();
        is_error(method, &house.post("", legacy.as_bytes()), METHOD_NOT_FOUND);
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        let modern =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}});
        let headers = format!("{version}Mcp-Method: {}\r\n", method.trim());
        let answer = house.post(&headers, modern.to_string().as_bytes());
        let wanted = if method.ends_with(' ') { HEADER_MISMATCH } else { METHOD_NOT_FOUND };
        is_error(method, &answer, wanted);
    }
    house.goes_on(0);
}
