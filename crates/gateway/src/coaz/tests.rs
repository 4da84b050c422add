//! Mappings come to the resources they name, or are faults; they take neither words nor time of ours.

use bailiwick_model::JsonLimits;
use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
}

fn mapping(text: &str) -> Result<Mapping, String> {
    let schema = format!(r#"{{"type":"object","x-authzen-mapping":{text}}}"#);
    Mapping::of(&json(&schema)).unwrap()
}

/// A mapping with this leaf for the id of a resource.
fn by_id(leaf: &str) -> Result<Mapping, String> {
    let leaf = Json::Text(leaf.to_owned()).canonical();
    mapping(&format!(r#"{{"evaluation":{{"resource":{{"type":"customer","id":{leaf}}}}}}}"#))
}

fn asked(leaf: &str, arguments: &str) -> Result<Vec<String>, String> {
    let named = by_id(leaf)?.resources(("get", &json(arguments)), "triage-agent")?;
    Ok(named.into_iter().collect())
}

fn came_to(leaf: &str, arguments: &str) -> String {
    asked(leaf, arguments).unwrap().join(" ")
}

#[test]
fn a_leaf_is_a_text_or_an_expression_over_the_call_and_its_caller() {
    assert_eq!(came_to("all", "{}"), "customer/all");
    assert_eq!(came_to("$$all", "{}"), "customer/$all");
    assert_eq!(came_to("$params.arguments.id", r#"{"id":"c-1"}"#), "customer/c-1");
    assert_eq!(
        came_to("$params.arguments.id", r#"{"id":18446744073709551615}"#),
        "customer/18446744073709551615"
    );
    assert_eq!(came_to("$params.arguments[\"a b\"]", r#"{"a b":true}"#), "customer/true");
    assert_eq!(came_to("$params.arguments.who.name", r#"{"who":{"name":"x/y"}}"#), "customer/x/y");
    assert_eq!(came_to("$params.name + '-' + token.sub", "{}"), "customer/get-triage-agent");
    assert_eq!(came_to("$params.arguments.?id.orValue('none')", "{}"), "customer/none");
    assert_eq!(
        came_to("$has(params.arguments.n) ? string(params.arguments.n) : 'none'", r#"{"n":7}"#),
        "customer/7"
    );
}

#[test]
fn several_evaluations_name_several_resources() {
    let mapping = mapping(
        r#"{"evaluations":{"subject":{"type":"identity","id":"$token.sub"},"resource":{"type":"bank","id":"main"},"evaluations":[
            {"action":{"name":"debit"},"resource":{"type":"account","id":"$params.arguments.from"}},
            {"action":{"name":"credit"},"resource":{"type":"account","id":"$params.arguments.to"}},
            {"action":{"name":"log"}}]}}"#,
    )
    .unwrap();
    let arguments = json(r#"{"from":"a","to":"b","note":"n"}"#);
    let named = mapping.resources(("transfer", &arguments), "triage-agent").unwrap();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), ["account/a", "account/b", "bank/main"]);
    assert_eq!(mapping.arguments().collect::<Vec<_>>(), ["from", "to"]);
}

#[test]
fn what_comes_to_no_resource_is_a_fault_and_tells_nothing_of_the_arguments() {
    for (leaf, arguments) in [
        ("$params.arguments.id", "{}"),
        ("$params.arguments.id", r#"{"id":null}"#),
        ("$params.arguments.id", r#"{"id":["c-secret"]}"#),
        ("$params.arguments.id", r#"{"id":""}"#),
        ("$params.arguments.?id", "{}"),
        ("$params.arguments.id + 1", r#"{"id":"c-secret"}"#),
        ("$1 / 0", "{}"),
        ("", "{}"),
    ] {
        let why = asked(leaf, arguments).unwrap_err();
        assert!(
            why.starts_with("its mapping comes to") && !why.contains("secret"),
            "{leaf}: {why}"
        );
    }
    // A word for content names no place, and its argument is not looked at; what comes of it is.
    let why = asked("$params.arguments.page.title", r#"{"page":{"title":"a/../b"}}"#).unwrap_err();
    assert!(why.contains("can be read in two ways"), "{why}");
    let slash = mapping(r#"{"evaluation":{"resource":{"type":"$params.arguments.t","id":"x"}}}"#);
    let named = slash.unwrap().resources(("get", &json(r#"{"t":"a/b"}"#)), "triage-agent");
    assert!(named.unwrap_err().contains("has a slash"), "a/b/x could be read in two ways");
}

#[test]
fn an_expression_is_shown_little_and_only_what_it_reads() {
    let long = "x".repeat(1 << 20);
    let arguments = format!(r#"{{"id":"c","long":{long:?}}}"#);
    assert_eq!(came_to("$params.arguments.id", &arguments), "customer/c");
    let all = ["params.arguments.long"; 20].join(" + ");
    for (leaf, arguments) in [
        (format!("$string(size({all}))"), &arguments),
        ("$params.arguments.id[0]".to_owned(), &format!(r#"{{"id":{:?}}}"#, vec![1; 300])),
    ] {
        let why = asked(&leaf, arguments).unwrap_err();
        assert_eq!(why, "its mapping reads arguments of more than 4096 bytes or 256 values");
    }
    let twice = r#"{"id":"/a","long":"/b"}"#;
    let why = asked("$params.arguments.id + '/' + params.arguments.long", twice).unwrap_err();
    assert!(why.contains("can be read in two ways"), "{why}");
}

#[test]
fn a_mapping_that_speaks_for_somebody_else_is_a_fault() {
    let text = r#"{"evaluation":{"subject":{"id":"$params.arguments.who"},"resource":{"type":"a","id":"b"}}}"#;
    let mapping = mapping(text).unwrap();
    let named = |who: &str| {
        mapping.resources(("get", &json(&format!(r#"{{"who":{who:?}}}"#))), "triage-agent")
    };
    assert_eq!(named("triage-agent").unwrap().len(), 1);
    insta::assert_snapshot!(named("other").unwrap_err(), @"its mapping names `other` as the subject, not the caller");
}

#[test]
fn every_fault_of_a_mapping_says_what_it_is() {
    let whole = [
        "7",
        "{}",
        r#"{"evaluation":{},"evaluations":{}}"#,
        r#"{"resource":{}}"#,
        r#"{"evaluation":{}}"#,
        r#"{"evaluation":{"resource":{"type":"a"}}}"#,
        r#"{"evaluation":{"resource":{"type":"a","id":{}}}}"#,
        r#"{"evaluations":{"evaluations":[]}}"#,
        r#"{"evaluations":{}}"#,
        r#"{"evaluations":{"evaluations":[{"subject":{},"resource":{"type":"a","id":"b"}}]}}"#,
        // Leaves that are not used are checked, too.
        r#"{"evaluation":{"context":{"a":["$nothing"]},"resource":{"type":"a","id":"b"}}}"#,
    ];
    let leaves = [
        "$params.arguments.list.map(x, x)".to_owned(),
        "$params.arguments".to_owned(),
        "$params[token.sub]".to_owned(),
        "$token.aud".to_owned(),
        "$secret".to_owned(),
        "$params.".to_owned(),
        format!("${}", "(".repeat(600)),
        format!("${}1", "1+".repeat(200)),
        format!("${}", "x".repeat(1025)),
    ];
    let faults: Vec<String> = whole
        .iter()
        .map(|it| mapping(it).unwrap_err())
        .chain(leaves.iter().map(|it| by_id(it).unwrap_err()))
        .collect();
    insta::assert_snapshot!(faults.join("\n"));
}

proptest! {
    #[test]
    fn no_expression_breaks_or_hangs_its_reader(text in "[\\PC]{0,80}", id in "\\PC{0,12}") {
        if let Ok(mapping) = by_id(&format!("${text}")) {
            let _named = mapping.resources(("t", &json(&format!("{{\"id\":{}}}", Json::Text(id).canonical()))), "a");
        }
    }

    #[test]
    fn what_looks_like_cel_neither(parts in prop::collection::vec(prop::sample::select(vec![
        "params", ".arguments", ".id", ".?", "[", "]", "(", ")", "{", "}", "'a'", "\"", "?", ":", "+", "-", "*", "/",
        "9223372036854775807", "1u", "1.5e300", "0x", "in", " ", "&&", "||", "!", ",", "size", "string", "int", "has",
        "token.sub", "b'\\xff'", "\\", "r'", ".map(x,", "matches", "\u{0}", "é", "optional.none()", ".orValue(", "==", "<",
    ]), 0..40)) {
        if let Ok(mapping) = by_id(&format!("${}", parts.concat())) {
            let _named = mapping.resources(("t", &json(r#"{"id":"x"}"#)), "a");
        }
    }
}
