//! Bodies that are no message, or one that could be read in two ways.

use super::{House, INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, is_error, with_params};

/// What is sent, and the code it is refused with.
type Case = (&'static str, Vec<u8>, i64);

/// A message that would be allowed.
fn good() -> String {
    with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#)
}

/// The good message with one part written otherwise.
fn but(from: &str, to: &str) -> Vec<u8> {
    assert!(good().contains(from), "{from}");
    good().replace(from, to).into_bytes()
}

fn params(text: &str) -> Vec<u8> {
    with_params(text).into_bytes()
}

fn no_json() -> Vec<Case> {
    let mut no_utf8 = good().into_bytes();
    let at = good().find("/notes/x").unwrap();
    no_utf8[at] = 0xff;
    let half = good().into_bytes()[..60].to_vec();
    let deep_list = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        ("nothing", vec![], PARSE_ERROR),
        ("no JSON", b"hello".to_vec(), PARSE_ERROR),
        ("half a message", half, PARSE_ERROR),
        ("two messages", good().repeat(2).into_bytes(), PARSE_ERROR),
        ("a trailing comma", but("}}}", "},}}"), PARSE_ERROR),
        ("invalid UTF-8", no_utf8, PARSE_ERROR),
        ("a byte order mark", format!("\u{feff}{}", good()).into_bytes(), PARSE_ERROR),
        ("NaN", params(r#"{"name":NaN}"#), PARSE_ERROR),
        ("deep lists", params(&format!("{{\"name\":{deep_list}}}")), INVALID_REQUEST),
        ("a lone surrogate", params(r#"{"name":"\ud800"}"#), INVALID_REQUEST),
    ]
}

fn no_message() -> Vec<Case> {
    vec![
        ("a batch", format!("[{}]", good()).into_bytes(), INVALID_REQUEST),
        ("an empty batch", b"[]".to_vec(), INVALID_REQUEST),
        ("a text", b"\"tools/call\"".to_vec(), INVALID_REQUEST),
        ("a number", b"1".to_vec(), INVALID_REQUEST),
        ("null", b"null".to_vec(), INVALID_REQUEST),
        ("no version", but("\"jsonrpc\":\"2.0\",", ""), INVALID_REQUEST),
        ("another version", but("\"2.0\"", "\"1.0\""), INVALID_REQUEST),
        ("a version of another type", but("\"2.0\"", "2.0"), INVALID_REQUEST),
        ("id null", but("\"id\":7", "\"id\":null"), INVALID_REQUEST),
        ("id an object", but("\"id\":7", "\"id\":{}"), INVALID_REQUEST),
        ("id a fraction", but("\"id\":7", "\"id\":7.5"), INVALID_REQUEST),
        ("id true", but("\"id\":7", "\"id\":true"), INVALID_REQUEST),
        ("no method", but("\"method\":\"tools/call\",", ""), INVALID_REQUEST),
        ("a method of another type", but("\"tools/call\"", "[1]"), INVALID_REQUEST),
        ("a long method", but("tools/call", &"m".repeat(5000)), INVALID_REQUEST),
        (
            "both a question and an answer",
            but("\"id\":7", "\"id\":7,\"result\":{}"),
            INVALID_REQUEST,
        ),
    ]
}

fn read_in_two_ways() -> Vec<Case> {
    let twice = r#"{"name":"read_note","arguments":{"path":"/notes/x","path":"/etc/passwd"}}"#;
    let named_twice = r#"{"name":"read_note","name":"write_note","arguments":{}}"#;
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    vec![
        ("two ids", but("\"id\":7", "\"id\":7,\"id\":8"), INVALID_REQUEST),
        ("two methods", but("\"id\":7", r#""id":7,"method":"ping""#), INVALID_REQUEST),
        (
            "one spelled otherwise",
            but("\"id\":7", r#""id":7,"m\u0065thod":"ping""#),
            INVALID_REQUEST,
        ),
        ("two params", but("\"id\":7", "\"id\":7,\"params\":{}"), INVALID_REQUEST),
        ("an argument twice", params(twice), INVALID_REQUEST),
        ("a name twice", params(named_twice), INVALID_REQUEST),
        ("deep objects", params(&deep), INVALID_REQUEST),
    ]
}

fn wrong_params() -> Vec<Case> {
    let list = r#"{"name":"read_note","arguments":["/notes/x"]}"#;
    let text = r#"{"name":"read_note","_meta":"x"}"#;
    vec![
        ("params a list", params("[1]"), INVALID_PARAMS),
        ("params null", params("null"), INVALID_PARAMS),
        ("no name", params("{}"), INVALID_PARAMS),
        ("a name of another type", params(r#"{"name":1}"#), INVALID_PARAMS),
        ("an empty name", params(r#"{"name":""}"#), INVALID_PARAMS),
        ("arguments a list", params(list), INVALID_PARAMS),
        ("_meta a text", params(text), INVALID_PARAMS),
    ]
}

#[test]
fn what_is_no_message_gets_an_error_and_goes_nowhere() {
    let house = House::new();
    for (name, body, code) in [no_json(), no_message(), read_in_two_ways(), wrong_params()].concat()
    {
        let answer = house.post("", &body);
        assert!(answer.status == 400 || answer.status == 200, "{name}: {answer:?}");
        is_error(name, &answer, code);
        assert_eq!(house.governor.reached(), 0, "{name}");
    }
    house.goes_on(0);
}

#[test]
fn arguments_that_mean_something_else_once_they_are_read_are_refused_and_on_record() {
    let house = House::new();
    let call = |arguments: &str| {
        let body = with_params(&format!(r#"{{"name":"read_note","arguments":{arguments}}}"#));
        house.post("", body.as_bytes()).json()["result"].clone()
    };
    for arguments in [
        r#"{"path":"/notes/../etc/passwd"}"#,
        r#"{"path":"/notes/%2e%2e/etc/passwd"}"#,
        r#"{"path":"/notes/..%2fetc/passwd"}"#,
        r#"{"path":"/notes//x"}"#,
        r#"{"path":"/notes/./x"}"#,
        r#"{"path":"/notes/\u002e\u002e/etc/passwd"}"#,
        r#"{"path":"/notes/\u0000"}"#,
        r#"{"path":"\\notes\\..\\etc"}"#,
        r#"{"path":7}"#,
        r#"{"path":null}"#,
        r#"{"path":{"like":"/notes/x"}}"#,
        r#"{"path":["/notes/x","/etc/passwd"]}"#,
        r#"{"Path":"/notes/x"}"#,
        "{}",
    ] {
        let result = call(arguments);
        assert_eq!(result["structuredContent"]["verdict"], "deny", "{arguments}: {result}");
        let decision = result["structuredContent"]["decision"].as_str().unwrap();
        assert_eq!(house.governor.json(&["why", decision])["verdict"], "deny");
    }
    let unknown = with_params(r#"{"name":"no_such_tool","arguments":{}}"#);
    let refused = house.post("", unknown.as_bytes()).json();
    assert_eq!(refused["result"]["structuredContent"]["verdict"], "deny", "{refused}");
    house.goes_on(0);
}
