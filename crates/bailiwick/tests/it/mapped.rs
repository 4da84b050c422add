//! A tool that says what its calls are done to is judged by that, unless the operator says better.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::{governor::Governor, liar::Liar};

const POLICY: &str = r#"
@id("not-customer-2")
forbid (principal, action, resource == Resource::"liar:customer/c-2");
"#;

/// A server whose one tool carries `mapping`, behind a governor that has a policy for one customer.
fn house(mapping: &Value, server: &str) -> (Liar, Governor, String) {
    let takes = json!({"type": "object", "x-authzen-mapping": mapping});
    let liar = Liar::offering(&[("get", takes)], |asked, stream| {
        let body = asked.answer("done");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        let _gone = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    });
    let governor = liar.governed("", server);
    governor.write("policies/customers.cedar", POLICY);
    governor.json(&["reload"]);
    let (_, token) = governor.open("agent", "working", &[]);
    (liar, governor, token)
}

/// Calls the tool, and gives what an agent reads.
fn said(governor: &Governor, token: &str, arguments: &Value) -> (bool, String) {
    let params = json!({"name": "get", "arguments": arguments});
    let answer = governor.ask("/mcp/liar", token, "tools/call", &params);
    let result = &answer["result"];
    (result["isError"] == true, result["content"].to_string())
}

fn by_customer() -> Value {
    let resource = json!({"type": "customer", "id": "$params.arguments.customer"});
    json!({"evaluation": {"subject": {"type": "identity", "id": "$token.sub"}, "resource": resource}})
}

#[test]
fn a_call_is_judged_by_the_resource_that_its_tool_says_it_is_done_to() {
    let (liar, governor, token) = house(&by_customer(), "");
    let (refused, text) = said(&governor, &token, &json!({"customer": "c-1"}));
    assert!(!refused && text.contains("done"), "{text}");
    let (refused, text) = said(&governor, &token, &json!({"customer": "c-2"}));
    assert!(refused && text.contains("not-customer-2"), "{text}");
    let (refused, text) = said(&governor, &token, &json!({}));
    assert!(refused && text.contains("its mapping comes to nothing"), "{text}");
    assert_eq!(liar.calls(), 1, "what cannot be named is not sent");
    let decisions = governor.records().into_iter().filter(|it| it["kind"] == "decision");
    assert_eq!(decisions.count(), 3);
}

#[test]
fn a_mapping_that_cannot_be_read_keeps_its_tool_from_being_called() {
    let looping = json!({"evaluation": {"resource":
        {"type": "customer", "id": "$params.arguments.all.map(it, it)"}}});
    let (liar, governor, token) = house(&looping, "");
    let (refused, text) = said(&governor, &token, &json!({"all": ["c-1"]}));
    assert!(refused && text.contains("loops are not taken"), "{text}");
    assert_eq!(liar.calls(), 0);
}

#[test]
fn the_operators_word_on_resources_wins() {
    let operator = "[server.tool.get]\neffects = [\"read\"]\nresource = \"client/{client}\"\n";
    let (liar, governor, token) = house(&by_customer(), operator);
    let arguments = json!({"customer": "c-2", "client": "c-1"});
    let (refused, text) = said(&governor, &token, &arguments);
    assert!(!refused && text.contains("done"), "{text}");
    assert_eq!(liar.calls(), 1);
}
