//! What becomes of the spans of calls, alone and together.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn attributes(said: &Value) -> Value {
    let all = said.as_object().unwrap().iter();
    all.map(|(key, value)| json!({ "key": key, "value": { "stringValue": value } })).collect()
}

/// One span: `ID in PARENT`, its kind, and what it says.
fn span(place: &str, kind: u8, said: &Value) -> Value {
    let (id, parent) = place.split_once(" in ").unwrap_or((place, ""));
    json!({
        "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": id, "parentSpanId": parent, "name": "x", "kind": kind,
        "startTimeUnixNano": "1772359200123000000", "attributes": attributes(said), "status": {},
    })
}

fn of(service: &str, spans: &[Value]) -> Value {
    json!({
        "resource": { "attributes": attributes(&json!({ "service.name": service })) },
        "scopeSpans": [{ "scope": {}, "spans": spans }],
    })
}

fn exercises(resources: &[Value]) -> Vec<Exercise<'static>> {
    // A test may keep what it read for as long as it runs.
    let text = json!({ "resourceSpans": resources }).to_string().leak().as_bytes();
    match read(text).unwrap() {
        Told::Exercises(all) => all,
        Told::Exercise(one) => vec![*one],
        Told::Nothing => Vec::new(),
    }
}

fn told(resources: &[Value]) -> Vec<String> {
    let tell = |it: &Exercise<'_>| {
        let who = format!("{} ({})", it.actor.id, it.actor.kind.as_str());
        format!("{who} {}:{} {:?} {}", it.service, it.operation, it.ended, it.code)
            .trim_end()
            .to_owned()
    };
    exercises(resources).iter().map(tell).collect()
}

fn calls(tool: &str) -> Value {
    json!({ "mcp.method.name": "tools/call", "gen_ai.tool.name": tool, "jsonrpc.request.id": "3" })
}

#[test]
fn all_sides_of_a_call_are_one_access() {
    let agent = json!({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "triage" });
    let tool = json!({ "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_ticket" });
    let client = of(
        "desk",
        &[span("a", 1, &agent), span("b in a", 1, &tool), span("c in b", 3, &calls("get_ticket"))],
    );
    let server = of("tickets", &[span("d in c", 2, &calls("get_ticket"))]);
    let one = ["triage (agent) tickets:get_ticket Success"];
    assert_eq!(told(&[client.clone(), server.clone()]), one);
    assert_eq!(told(&[server.clone(), client.clone()]), one);
    // Where something lies between them that nobody wrote down, the request's own number joins them.
    let far = of("tickets", &[span("d in z", 2, &calls("get_ticket"))]);
    assert_eq!(told(&[client.clone(), far]), one);
    // Without the other side each says what it knows.
    assert_eq!(told(&[client]), ["triage (agent) :get_ticket Success"]);
    assert_eq!(told(&[server]), ["unknown (anonymous) tickets:get_ticket Success"]);
}

#[test]
fn a_tool_that_calls_tools_makes_calls_of_its_own() {
    let spans = [
        span("a", 3, &calls("research")),
        span("b in a", 2, &calls("research")),
        span("c in b", 3, &calls("search")),
        // The same name again, further in: a call of the server's own.
        span("d in b", 3, &calls("research")),
    ];
    let told = told(&[of("desk", &spans)]);
    assert_eq!(told.len(), 3, "{told:#?}");
}

#[test]
fn what_our_gateway_says_weighs_most() {
    let ours = json!({
        "bailiwick.caller": "triage-agent", "bailiwick.task": "task_1", "bailiwick.action": "tickets__get_ticket",
        "bailiwick.decision": "dec_1", "bailiwick.verdict": "allow", "bailiwick.outcome": "ok",
    });
    let client = of("desk", &[span("a", 3, &calls("get_ticket"))]);
    let gateway = of("bailiwick", &[span("b in a", 2, &ours)]);
    let server = of("tickets-server-7", &[span("c in b", 2, &calls("get_ticket"))]);
    let all = exercises(&[client, gateway.clone(), server]);
    let [one] = all.as_slice() else { panic!("{all:#?}") };
    assert_eq!((&*one.actor.id, &*one.actor.credential), ("triage-agent", "task_1"));
    assert_eq!((&*one.service, &*one.operation), ("tickets", "get_ticket"));
    assert_eq!(
        one.key,
        exercises(&[gateway])[0].key,
        "a decision is one access wherever it is told of"
    );
    let mut denied = ours;
    denied["bailiwick.verdict"] = json!("deny");
    assert_eq!(
        told(&[of("bailiwick", &[span("b", 2, &denied)])]),
        ["triage-agent (agent) tickets:get_ticket Denied"]
    );
}

#[test]
fn errors_are_use_and_refusals_are_not() {
    let with = |error: &str| {
        let mut said = calls("get_ticket");
        said["error.type"] = json!(error);
        told(&[of("desk", &[span("a", 3, &said)])])
    };
    assert_eq!(with("tool_error"), ["desk (service) :get_ticket Error tool_error"]);
    assert_eq!(with("-32602"), ["desk (service) :get_ticket Error -32602"]);
    assert_eq!(with("403"), ["desk (service) :get_ticket Denied 403"]);
    let mut failed = span("a", 3, &calls("get_ticket"));
    failed["status"] = json!({ "code": 2 });
    assert_eq!(told(&[of("desk", &[failed])]), ["desk (service) :get_ticket Error error"]);
}

#[test]
fn older_names_and_other_spellings_are_read() {
    let text = br#"{"resource_spans":[{"resource":{"attributes":[{"key":"service.name","value":{"string_value":"desk"}}]},
        "instrumentationLibrarySpans":[{"spans":[
        {"trace_id":"5b8e","span_id":"a","name":"execute_tool get_ticket","kind":"SPAN_KIND_INTERNAL",
         "start_time_unix_nano":1772359200123000000,
         "attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},
                       {"key":"gen_ai.system","value":{"stringValue":"openai"}}]}]}]}]}"#;
    let Told::Exercises(all) = read(text).unwrap() else { panic!("no call") };
    assert_eq!((&*all[0].actor.id, &*all[0].operation), ("desk", "get_ticket"));
    assert_eq!(all[0].at.to_string(), "2026-03-01T10:00:00.123Z");
}

#[test]
fn what_is_no_call_of_a_tool_tells_of_nobody_and_nothing_of_a_call_is_kept() {
    let chat = json!({ "gen_ai.operation.name": "chat", "gen_ai.system": "openai" });
    let list = json!({ "mcp.method.name": "tools/list" });
    assert_eq!(
        told(&[of("desk", &[span("a", 3, &chat), span("b", 3, &list)])]),
        Vec::<String>::new()
    );
    let mut secret = calls("get_ticket");
    secret["gen_ai.tool.call.arguments"] = json!("hunter2");
    secret["gen_ai.tool.call.result"] = json!("hunter2");
    let all = exercises(&[of("desk", &[span("a", 3, &secret)])]);
    assert!(all.len() == 1 && !format!("{all:?}").contains("hunter2"));
    let mut timeless = span("a", 3, &calls("get_ticket"));
    timeless["startTimeUnixNano"] = json!("soon");
    let text = json!({ "resourceSpans": [of("desk", &[timeless])] }).to_string();
    assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), "`soon` is no time");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Law 10: however spans are ordered, and however often they come, a record tells the same.
    #[test]
    fn order_and_repetition_change_nothing(
        places in proptest::collection::vec((0..6_u8, 0..6_u8, 0..4_u8, 0..2_u8), 1..8),
        turned in any::<prop::sample::Index>(),
    ) {
        let mut known = std::collections::BTreeSet::new();
        let spans: Vec<_> = places.iter().filter(|it| known.insert(it.0)).map(|(id, parent, kind, tool)| {
            let said = calls(["get", "put"][usize::from(*tool)]);
            of(["desk", "tickets"][usize::from(*kind % 2)], &[span(&format!("{id} in {parent}"), *kind, &said)])
        }).collect();
        let mut again: Vec<_> = spans.iter().chain(&spans).cloned().collect();
        again.rotate_left(turned.index(spans.len()));
        prop_assert_eq!(exercises(&spans), exercises(&again));
    }
}
