//! What a redacted result may hold, and what is withheld.

use bailiwick_model::{Arguments, Json, JsonLimits, Most, Redact, Timestamp, Ulid};
use proptest::prelude::*;

use super::*;

fn decision() -> DecisionId {
    DecisionId::new(Ulid::new(Timestamp::default(), [1; 10]))
}

fn hiding(field: &str) -> Obligations {
    let from = ["private@1".to_owned()].into();
    Obligations { from, redact: Redact::of([field.parse().unwrap()]), ..Obligations::NONE }
}

fn obliged_by(asks: &Obligations, method: &str, reply: Reply) -> (String, Option<String>) {
    let decision = decision();
    let about = About { decision: &decision, method, asks, changes: &[] };
    let Obliged { reply, withheld } = about.oblige(reply);
    let (Reply::Result(raw) | Reply::Error(raw)) = reply;
    (raw.get().to_owned(), withheld)
}

fn result(text: &str) -> Reply {
    Reply::Result(raw(text.to_owned()).unwrap())
}

#[test]
fn a_hidden_field_is_in_neither_half_of_a_result() {
    let text = r#"{"content":[{"type":"text","text":"{\"email\":\"secret\",\"n\":1}","annotations":{"x":"secret"}}],"structuredContent":{"email":"secret","n":1},"_meta":{"x":"secret"},"isError":false,"other":"secret"}"#;
    let (shown, withheld) = obliged_by(&hiding("email"), "tools/call", result(text));
    assert_eq!(withheld, None);
    insta::assert_snapshot!(shown, @r#"{"content":[{"type":"text","text":"{\"email\":\"[redacted]\",\"n\":1}"}],"structuredContent":{"email":"[redacted]","n":1},"_meta":{"dev.bailiwick/decision":"dec_0000000000040G2081040G2081","dev.bailiwick/obligations":{"constraints":["private@1"],"redacted":2}}}"#);
}

#[test]
fn what_cannot_be_looked_into_is_withheld_and_said_to_have_happened() {
    for text in [
        r#"{"content":[{"type":"text","text":"mail of secret"}]}"#,
        r#"{"content":[{"type":"image","data":"secret","mimeType":"image/png"}]}"#,
        r#"{"content":[{"type":"resource_link","uri":"secret:"}],"structuredContent":{}}"#,
        r#"{"content":[],"structuredContent":"secret"}"#,
        r#"{"content":[],"structuredContent":{"a":"secret","a":1}}"#,
        r#"{"content":"secret"}"#,
        r#"{"content":[{"type":"text","text":"secret"}],"isError":true}"#,
        r#"{"resultType":"input_required","inputRequests":{"a":"secret"}}"#,
        r#"{"resultType":"task","statusMessage":"secret"}"#,
    ] {
        let (shown, withheld) = obliged_by(&hiding("email"), "tools/call", result(text));
        assert!(withheld.is_some() && !shown.contains("secret"), "{shown}");
        assert!(shown.contains("The call was made, and what came back is withheld"), "{shown}");
    }
    let error = Reply::Error(raw(r#"{"code":-32000,"message":"secret"}"#.to_owned()).unwrap());
    let (shown, withheld) = obliged_by(&hiding("email"), "tools/call", error);
    assert!(withheld.is_some() && !shown.contains("secret"), "{shown}");
}

#[test]
fn a_resource_is_looked_into_and_a_prompt_is_not() {
    let text = r#"{"contents":[{"uri":"a:b","mimeType":"application/json","text":"{\"email\":\"secret\"}"}]}"#;
    let (shown, withheld) = obliged_by(&hiding("email"), "resources/read", result(text));
    assert_eq!(withheld, None);
    assert!(!shown.contains("secret") && shown.contains("a:b"), "{shown}");
    let blob = r#"{"contents":[{"uri":"a:b","blob":"c2VjcmV0"}]}"#;
    let (shown, withheld) = obliged_by(&hiding("email"), "resources/read", result(blob));
    assert!(withheld.is_some() && shown.contains("4032"), "{shown}");
    let prompt = r#"{"messages":[{"role":"user","content":{"type":"text","text":"{}"}}]}"#;
    assert!(obliged_by(&hiding("email"), "prompts/get", result(prompt)).1.is_some());
}

#[test]
fn rows_are_cut_in_every_part_and_parts_are_rows() {
    let asks = Obligations { rows: Most::of(2), ..hiding("email") };
    let text = r#"{"content":[{"type":"text","text":"[1,2,3]"},{"type":"text","text":"{}"},{"type":"text","text":"free"}],"structuredContent":{"rows":[1,2,3,4]}}"#;
    let (shown, withheld) = obliged_by(&asks, "tools/call", result(text));
    assert_eq!(withheld, None, "what is cut off is not looked into");
    assert!(shown.contains(r#""text":"[1,2]""#) && shown.contains(r#""rows":[1,2]"#), "{shown}");
    assert!(shown.contains(r#""rows_cut":4"#) && !shown.contains("free"), "{shown}");
}

#[test]
fn what_is_larger_than_it_may_be_is_withheld_and_the_rest_is_untouched() {
    let asks = Obligations { bytes: Most::of(60), redact: Redact::NONE, ..hiding("a") };
    let small = r#"{ "content" : [] , "x":1.50 }"#;
    let (shown, withheld) = obliged_by(&asks, "tools/call", result(small));
    assert_eq!(withheld, None);
    assert!(shown.starts_with(r#"{ "content" : [] , "x":1.50,"_meta""#), "{shown}");
    let large = format!(r#"{{"content":[{{"type":"text","text":"{}"}}]}}"#, "x".repeat(60));
    let (shown, withheld) = obliged_by(&asks, "tools/call", result(&large));
    assert!(!shown.contains("xx"), "{shown}");
    assert_eq!(withheld.as_deref(), Some("it has 99 bytes, 60 at most"));
}

#[test]
fn whoever_asked_is_told_what_was_sent_instead() {
    let limits = Arguments::of([(
        "limit".parse().unwrap(),
        bailiwick_model::ArgumentLimit { max: Some(5), ..<_>::default() },
    )]);
    let changes = limits.changes(&Json::Object(<_>::default())).unwrap();
    let asks = Obligations { arguments: limits, redact: Redact::NONE, ..hiding("a") };
    let decision = decision();
    let about = About { decision: &decision, method: "tools/call", asks: &asks, changes: &changes };
    let Reply::Result(shown) = about.oblige(result(r#"{"_meta":{"theirs":1}}"#)).reply else {
        panic!("an error")
    };
    assert!(shown.get().contains(r#""arguments":{"limit":5}"#), "{shown}");
    assert!(shown.get().contains(r#""theirs":1"#), "{shown}");
}

#[test]
fn an_answer_that_is_shown_later_owes_what_was_asked_then_and_what_is_asked_now() {
    let decision = decision();
    let about = |asks: &Obligations| {
        let text =
            r#"{"content":[],"structuredContent":{"email":"secret","phone":"secret","n":1}}"#;
        let made = About { decision: &decision, method: "tools/call", asks, changes: &[] };
        let Obliged { reply, withheld } = made.oblige(result(text));
        (reply, Owed::of(asks, &[]).withheld(withheld.is_some()))
    };
    let shown = |reply: Reply| {
        let (Reply::Result(raw) | Reply::Error(raw)) = reply;
        raw.get().to_owned()
    };
    let further = |then: &Obligations, now: &Obligations| {
        let (reply, owed) = about(then);
        shown(owed.further((&decision, "tools/call"), reply, now))
    };
    let first = shown(about(&hiding("email")).0);
    for now in [Obligations::NONE, hiding("email")] {
        assert_eq!(further(&hiding("email"), &now), first, "it has all that it owes");
    }
    let both = further(&hiding("email"), &hiding("phone"));
    assert!(!both.contains("secret") && both.contains(r#""redacted":2"#), "{both}");
    // What is told beside an answer does not make it too large.
    let small = Obligations { bytes: Most::of(120), redact: Redact::NONE, ..hiding("a") };
    let same = further(&small, &Obligations { bytes: Most::of(110), ..small.clone() });
    assert!(same.contains("phone") && !same.contains("withheld"), "{same}");
    // What was withheld is withheld for the first reason.
    let none = Obligations { bytes: Most::of(9), ..hiding("email") };
    assert_eq!(further(&none, &hiding("phone")), shown(about(&none).0));
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Text("secret".to_owned())),
        (0..6_usize).prop_map(|times| {
            let text = r#"{"hidden":"secret"}"#.to_owned();
            Json::Text((0..times).fold(text, |it, _| Json::Text(it).canonical()))
        }),
        Just(Json::Int(1)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let members = prop::collection::btree_map("[a-c]|hidden", inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Json::List),
            members.prop_map(Json::Object),
        ]
    })
}

/// Says whether a secret stands in a field that is to be hidden, in texts that are JSON as well.
fn leaks(value: &Json) -> bool {
    match value {
        Json::Object(members) => members.iter().any(|(name, it)| {
            if name == "hidden" { it.canonical().contains("secret") } else { leaks(it) }
        }),
        Json::List(items) => items.iter().any(leaks),
        Json::Text(text) => {
            Json::parse(text.as_bytes(), JsonLimits::default()).is_ok_and(|it| leaks(&it))
        }
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) => false,
    }
}

proptest! {
    #[test]
    fn no_hidden_field_goes_on_in_any_result(structured in json(), text in json()) {
        let part = serde_json::json!({"type": "text", "text": text.canonical()});
        let whole = format!(
            r#"{{"content":[{part}],"structuredContent":{}}}"#,
            structured.canonical()
        );
        let (shown, _) = obliged_by(&hiding("hidden"), "tools/call", result(&whole));
        let shown = Json::parse(shown.as_bytes(), JsonLimits::default()).unwrap();
        let structured = shown.get("structuredContent").cloned().unwrap_or(Json::Null);
        prop_assert!(!leaks(&structured), "{shown}");
        prop_assert!(!leaks(shown.get("content").unwrap()), "{shown}");
    }
}
