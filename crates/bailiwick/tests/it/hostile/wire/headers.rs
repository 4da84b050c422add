//! Headers that say otherwise than the body.

use super::{HEADER_MISMATCH, House, INVALID_PARAMS, UNSUPPORTED_VERSION, is_error, with_params};

const VERSION: &str = "MCP-Protocol-Version: 2026-07-28\r\n";
const METHOD: &str = "Mcp-Method: tools/call\r\n";
const NAME: &str = "Mcp-Name: read_note\r\n";

/// What is wrong, the headers, the body, and the code it is refused with.
type Case = (&'static str, String, String, i64);

fn meta(version: &str) -> String {
    format!(
        r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}"#
    )
}

fn body(meta: &str) -> String {
    with_params(&format!(r#"{{"name":"read_note","arguments":{{"path":"/notes/x"}},{meta}}}"#))
}

fn modern() -> String {
    body(&meta("2026-07-28"))
}

fn legacy() -> String {
    with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#)
}

fn other_headers() -> Vec<Case> {
    let old = "MCP-Protocol-Version: 2025-11-25\r\n";
    let case = |what, headers: [&str; 4]| (what, headers.concat(), modern(), HEADER_MISMATCH);
    vec![
        case("no version", [METHOD, NAME, "", ""]),
        case("another version", [old, METHOD, NAME, ""]),
        case("no method", [VERSION, NAME, "", ""]),
        case("another method", [VERSION, "Mcp-Method: tools/list\r\n", NAME, ""]),
        case("no name", [VERSION, METHOD, "", ""]),
        case("another name", [VERSION, METHOD, "Mcp-Name: write_note\r\n", ""]),
        case("a name twice", [VERSION, METHOD, NAME, NAME]),
        case("a name that is no base64", [VERSION, METHOD, "Mcp-Name: =?base64?%%?=\r\n", ""]),
    ]
}

fn other_bodies() -> Vec<Case> {
    let all = [VERSION, METHOD, NAME].concat();
    let newer = format!("MCP-Protocol-Version: 2031-01-01\r\n{METHOD}{NAME}");
    let older = "MCP-Protocol-Version: 1999-01-01\r\n".to_owned();
    let bare = body(r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#);
    vec![
        ("no _meta", all.clone(), legacy(), INVALID_PARAMS),
        ("_meta without capabilities", all, bare, INVALID_PARAMS),
        ("a version nobody speaks", newer, body(&meta("2031-01-01")), UNSUPPORTED_VERSION),
        ("one in the headers alone", older, legacy(), UNSUPPORTED_VERSION),
    ]
}

#[test]
fn headers_that_say_otherwise_than_the_body_are_refused() {
    let house = House::new();
    for (what, headers, body, code) in [other_headers(), other_bodies()].concat() {
        let answer = house.post(&headers, body.as_bytes());
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
        let told = is_error(what, &answer, code);
        assert_eq!(told["id"], 7, "{what}");
    }
    assert_eq!(house.governor.reached(), 0);
    let answer = house.post(&[VERSION, METHOD, NAME].concat(), modern().as_bytes());
    assert_eq!(answer.json()["result"]["isError"], false, "{answer:?}");
    house.goes_on(1);
}
