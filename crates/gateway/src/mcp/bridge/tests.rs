//! What passes between the eras, and what does not.

use proptest::prelude::*;

use super::*;

const TTL: Duration = Duration::from_secs(2);

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn between(server: Era, client: Era) -> Between {
    Between { client, server, server_info: None, ttl: TTL }
}

fn told(between: &Between, method: &str, answer: Answer) -> String {
    match between.back(method, answer).unwrap() {
        Answer::Result(it) | Answer::Error(it) => it.get().to_owned(),
    }
}

fn up(method: &str, result: &str) -> String {
    told(&between(Era::Legacy, Era::Modern), method, Answer::Result(raw(result)))
}

fn down(method: &str, result: &str) -> String {
    told(&between(Era::Modern, Era::Legacy), method, Answer::Result(raw(result)))
}

fn error(method: &str, error: &str) -> String {
    told(&between(Era::Legacy, Era::Modern), method, Answer::Error(raw(error)))
}

fn error_to(client: Era, method: &str, error: &str) -> String {
    told(&between(Era::Modern, client), method, Answer::Error(raw(error)))
}

#[test]
fn a_modern_client_gets_a_complete_result() {
    assert_eq!(
        up("tools/call", r#"{"content":[ ], "isError":false}"#),
        r#"{"content":[ ], "isError":false,"resultType":"complete"}"#
    );
    assert_eq!(up("prompts/get", "{}"), r#"{"resultType":"complete"}"#);
}

#[test]
fn what_may_be_kept_is_kept_privately_and_not_for_long() {
    let private = r#""resultType":"complete","ttlMs":2000,"cacheScope":"private"}"#;
    assert_eq!(up("resources/read", "{}"), format!("{{{private}"));
    assert_eq!(up("prompts/list", r#"{"prompts":[]}"#), format!(r#"{{"prompts":[],{private}"#));
    assert_eq!(
        up("resources/read", r#"{"ttlMs":9000,"cacheScope":"public"}"#),
        r#"{"ttlMs":2000,"cacheScope":"private","resultType":"complete"}"#
    );
    assert_eq!(
        up("resources/read", r#"{"ttlMs":9}"#),
        r#"{"ttlMs":9,"resultType":"complete","cacheScope":"private"}"#
    );
}

#[test]
fn a_server_of_the_newer_revision_is_heard_word_for_word() {
    let result = r#"{ "resultType":"complete", "content":[ ], "x":{ "y":1.50 } }"#;
    let both = between(Era::Modern, Era::Modern);
    assert_eq!(told(&both, "tools/call", Answer::Result(raw(result))), result);
    let legacy = between(Era::Legacy, Era::Legacy);
    let odd = r#"{ "resultType":"task", "ttlMs":7 }"#;
    assert_eq!(told(&legacy, "tools/call", Answer::Result(raw(odd))), odd);
}

#[test]
fn an_older_client_gets_a_result_without_what_it_does_not_know() {
    assert_eq!(
        down(
            "resources/read",
            r#"{"resultType":"complete","contents":[ ],"ttlMs":9,"cacheScope":"public","x":1}"#
        ),
        r#"{"contents":[ ],"x":1}"#
    );
    assert_eq!(
        down("tools/call", r#"{"structuredContent":[1],"content":[],"resultType":"complete"}"#),
        r#"{"content":[]}"#
    );
    assert_eq!(
        down("tools/call", r#"{"structuredContent":{ "a":1 },"content":[]}"#),
        r#"{"structuredContent":{ "a":1 },"content":[]}"#
    );
}

#[test]
fn a_result_of_no_agreed_kind_is_none() {
    for kind in [r#""task""#, "7", "null"] {
        let result = format!(r#"{{"resultType":{kind},"content":[]}}"#);
        assert!(up("tools/call", &result).contains("not agreed on"), "{kind}");
        assert!(down("prompts/get", &result).contains("not agreed on"), "{kind}");
    }
    let asks = r#"{"resultType":"input_required","requestState":"x"}"#;
    assert!(down("tools/call", asks).contains(r#""isError":true"#));
    assert!(!down("tools/call", asks).contains("requestState"));
}

#[test]
fn older_clients_are_not_shown_schemas_that_they_refuse() {
    let shown = |text: &str| to_legacy_tool(&raw(text)).unwrap().get().to_owned();
    assert_eq!(
        shown(r#"{"name":"a","outputSchema":{"type":"array"},"inputSchema":{"type":"object"}}"#),
        r#"{"name":"a","inputSchema":{"type":"object"}}"#
    );
    let narrow = r#"{ "name":"a", "outputSchema":{"type":"object"} }"#;
    assert_eq!(shown(narrow), narrow);
}

#[test]
fn a_modern_client_learns_which_program_answered() {
    let info = Some(Implementation { name: "files".to_owned(), version: "2".to_owned() });
    let between = Between { server_info: info, ..between(Era::Legacy, Era::Modern) };
    assert_eq!(
        told(&between, "tools/call", Answer::Result(raw(r#"{"_meta":{"a":1},"content":[]}"#))),
        r#"{"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{"name":"files","version":"2"}},"content":[],"resultType":"complete"}"#
    );
}

#[test]
fn what_the_gateway_wrote_wrongly_is_no_fault_of_the_client() {
    for era in [Era::Legacy, Era::Modern] {
        for number in [-32020, -32022] {
            let said =
                error_to(era, "tools/call", &format!(r#"{{"code":{number},"message":"x"}}"#));
            assert!(said.starts_with(r#"{"code":-32603"#), "{said}");
        }
    }
    let missing =
        r#"{"code":-32021,"message":"x","data":{"requiredCapabilities":{"sampling":{}}}}"#;
    assert_eq!(error_to(Era::Modern, "tools/call", missing), missing);
    assert!(error_to(Era::Legacy, "tools/call", missing).contains(r#""isError":true"#));
    let unknown = r#"{"code":-32602,"message":"no such"}"#;
    assert_eq!(
        error_to(Era::Legacy, "resources/read", unknown),
        r#"{"code":-32002,"message":"no such"}"#
    );
    assert_eq!(error_to(Era::Legacy, "prompts/get", unknown), unknown);
    assert_eq!(error_to(Era::Modern, "resources/read", unknown), unknown);
}

#[test]
fn errors_that_changed_their_code_are_mapped() {
    insta::assert_snapshot!(error("resources/read", r#"{"code":-32002,"message":"no such"}"#), @r#"{"code":-32602,"message":"no such"}"#);
    insta::assert_snapshot!(error("tools/call", r#"{"code":-32603, "message":"x"}"#), @r#"{"code":-32603, "message":"x"}"#);
    let link = r#"{"code":-32042,"message":"sign in","data":{"elicitations":[{"mode":"url","elicitationId":"e1","message":"Sign in at","url":"https://example.org/s"}]}}"#;
    insta::assert_snapshot!(error("tools/call", link), @r#"{"resultType":"complete","isError":true,"content":[{"type":"text","text":"The server needs a person to open a link first (sign in). Sign in at https://example.org/s"}]}"#);
    insta::assert_snapshot!(error("prompts/get", r#"{"code":-32042,"message":"sign in"}"#), @r#"{"code":-32603,"message":"The server needs a person to open a link first (sign in)."}"#);
}

proptest! {
    #[test]
    fn any_object_never_panics(text in r#"\{("(_meta|code|a)":(1|\{\}|"x"|-32042|-32002),?){0,3}\}"#) {
        if let Ok(value) = RawValue::from_string(text) {
            for (server, client) in [(Era::Legacy, Era::Modern), (Era::Modern, Era::Legacy)] {
                let between = between(server, client);
                let _ = between.back("resources/read", Answer::Result(value.clone()));
                let _ = between.back("tools/call", Answer::Error(value.clone()));
            }
        }
    }
}
