//! Whole calls, from their parameters to what is put to the kernel.

use bailiwick_model::JsonLimits;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

fn classify(call: &Call, known: &Known<'_>) -> Classified {
    super::classify(call, known, &"triage-agent".parse().unwrap())
}

fn call(method: &str, params: &str) -> Call {
    let params = RawValue::from_string(params.to_owned()).unwrap();
    Call::read("files".parse().unwrap(), method, params, JsonLimits::default()).unwrap()
}

fn known<'a>(spec: Option<&'a ToolSpec>, liked: &'a BTreeSet<String>) -> Known<'a> {
    Known {
        reading_credential: false,
        spec,
        hints: Hints::default(),
        input_schema: None,
        mapping: None,
        environment: Environment::Production,
        liked,
    }
}

fn texts<const N: usize>(list: [&str; N]) -> BTreeSet<String> {
    list.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn a_tool_without_a_word_of_the_operator_writes_to_itself() {
    let none = BTreeSet::new();
    let call = call("tools/call", r#"{"name":"read_text_file","arguments":{"path":"/srv/a"}}"#);
    let found = classify(&call, &known(None, &none));
    assert_eq!(found.facts.effects, BTreeSet::from([Effect::Write]));
    assert!(found.facts.privileged() && !found.facts.reversible && !found.facts.results_trusted);
    assert_eq!(found.resources, none);
    assert_eq!(found.faults, Vec::<String>::new());
}

#[test]
fn the_operators_word_wins_over_every_suggestion() {
    let spec = ToolSpec {
        effects: Some(BTreeSet::from([Effect::Read])),
        resource: Some("{path}".to_owned()),
        destinations: vec!["to".to_owned()],
        sensitivity: Some(Sensitivity::Restricted),
        results_trusted: Some(true),
        reversible: Some(false),
        reach: Some(Reach::Own),
    };
    let params =
        r#"{"name":"delete","arguments":{"path":["/a","/b"],"to":"https://Example.org/x"}}"#;
    let found = classify(&call("tools/call", params), &known(Some(&spec), &BTreeSet::new()));
    assert_eq!(found.facts.effects, BTreeSet::from([Effect::Read]));
    assert_eq!(found.facts.sensitivity, Sensitivity::Restricted);
    assert_eq!(found.facts.reach, Reach::Own);
    assert!(found.facts.results_trusted && !found.facts.reversible);
    assert_eq!(found.resources, texts(["/a", "/b"]));
    assert_eq!(found.destinations, texts(["example.org"]));
    assert_eq!(found.faults.len(), 1, "the destination is not in normal form");
}

#[test]
fn what_the_operator_maps_is_checked_whatever_it_is_called() {
    let spec = ToolSpec { resource: Some("{content}".to_owned()), ..ToolSpec::default() };
    let params = r#"{"name":"t","arguments":{"content":"/a/../b"}}"#;
    let found = classify(&call("tools/call", params), &known(Some(&spec), &BTreeSet::new()));
    insta::assert_snapshot!(found.faults.join("\n"), @"argument `content`: `/a/../b` is not in normal form: it has a `..` segment; write `/b`");
}

#[test]
fn a_mapped_argument_that_is_missing_is_a_fault() {
    let spec = ToolSpec { resource: Some("{path}".to_owned()), ..ToolSpec::default() };
    let found =
        classify(&call("tools/call", r#"{"name":"t"}"#), &known(Some(&spec), &BTreeSet::new()));
    assert_eq!(found.resources, BTreeSet::new());
    insta::assert_snapshot!(found.faults.join("\n"), @"the argument `path`, which names the resource, is missing");
}

#[test]
fn reading_a_resource_names_it_and_getting_a_prompt_names_nothing() {
    let none = BTreeSet::new();
    let found =
        classify(&call("resources/read", r#"{"uri":"file:///srv/a"}"#), &known(None, &none));
    assert_eq!(found.resources, texts(["file:///srv/a"]));
    assert_eq!(found.facts.effects, BTreeSet::from([Effect::Read]));
    assert!(found.facts.reversible);
    let found =
        classify(&call("resources/read", r#"{"uri":"file:///srv/../a"}"#), &known(None, &none));
    assert_eq!(found.faults.len(), 1);
    let params = r#"{"name":"p","arguments":{"path":"../x"}}"#;
    let found = classify(&call("prompts/get", params), &known(None, &none));
    assert_eq!(found.resources, none);
    assert_eq!(found.faults.len(), 1);
}

#[test]
fn a_tools_own_word_on_its_resources_counts_where_the_operator_says_nothing() {
    let schema = r#"{"x-authzen-mapping":{"evaluation":{"resource":{"type":"note","id":"$params.arguments.at"}}}}"#;
    let schema = Json::parse(schema.as_bytes(), JsonLimits::default()).unwrap();
    let mapping = Mapping::of(&schema).unwrap();
    let none = BTreeSet::new();
    let call =
        |at: &str| call("tools/call", &format!(r#"{{"name":"t","arguments":{{"at":{at:?}}}}}"#));
    let mapped = Known { mapping: Some(&mapping), ..known(None, &none) };
    let found = classify(&call("/srv/a"), &mapped);
    assert_eq!((found.resources, found.faults.len()), (texts(["note//srv/a"]), 0));
    let found = classify(&call("/srv/../a"), &mapped);
    assert_eq!(found.faults.len(), 2, "neither the argument nor the id is written in one way");
    let spec = ToolSpec { resource: Some("{at}".to_owned()), ..ToolSpec::default() };
    let found = classify(&call("/srv/a"), &Known { spec: Some(&spec), ..mapped });
    assert_eq!(found.resources, texts(["/srv/a"]));
    let broken = Err("`x-authzen-mapping`: must be an object".to_owned());
    let found = classify(&call("/srv/a"), &Known { mapping: Some(&broken), ..known(None, &none) });
    insta::assert_snapshot!(found.faults.join("\n"), @"the tool's `x-authzen-mapping`: must be an object");
}

#[test]
fn a_request_is_the_call_as_it_will_be_sent() {
    let none = BTreeSet::new();
    let params = r#"{"name":"t", "arguments":{ "a":1 }}"#;
    let call = call("tools/call", params);
    let caller = Caller {
        identity: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        task: "task_01JD8X00000000000000000000".parse().unwrap(),
        generation: 3,
        credentials: BTreeSet::new(),
        exposed: false,
    };
    let request =
        classify(&call, &known(None, &none)).into_request(&call, caller, Offered::Nothing);
    assert_eq!(request.call, *call.digest());
    assert_eq!(request.bytes_out, u64::try_from(params.len()).unwrap());
    assert_eq!(request.arguments, *call.arguments());
}

proptest! {
    #[test]
    fn any_argument_never_panics(name in any::<String>(), value in any::<String>(), template in any::<String>()) {
        let spec = ToolSpec {
            resource: Some(template),
            destinations: vec![name.clone()],
            ..ToolSpec::default()
        };
        let (name, value) = (serde_json::Value::from(name), serde_json::Value::from(value));
        let params = format!(r#"{{"name":"t","arguments":{{{name}:[{value}]}}}}"#);
        let none = BTreeSet::new();
        let found = classify(&call("tools/call", &params), &known(Some(&spec), &none));
        prop_assert!(found.facts.effects.contains(&Effect::Write));
    }
}
