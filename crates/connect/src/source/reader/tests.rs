//! Whose each record is, and what one that is broken costs.

use proptest::prelude::*;

use super::*;
use crate::source::{SOURCES, read_from};

const ONE: &str = r#"{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"a"}"#;

/// Says what comes of a text: the number of records, and each as a word.
fn told(text: &str) -> String {
    let mut words = Vec::new();
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(_, it) => words.push(it.operation.to_string()),
        Record::Nothing => words.push("nothing".to_owned()),
        Record::Undated => words.push("undated".to_owned()),
        Record::Error(error) => words.push(format!("({error})")),
    };
    let count = read_from(text.as_bytes(), None, &mut take, &|_| {}).unwrap();
    format!("{count}: {}", words.join(" "))
}

#[test]
fn records_are_found_whatever_holds_them() {
    let written = serde_json::to_string(ONE).unwrap();
    for text in [
        format!("{ONE}\n{ONE}"),
        format!("\n\n{ONE}\r\n{ONE}\n\n"),
        format!("[{ONE},{ONE}]"),
        format!("{{\"Records\":[{ONE},{ONE}]}}"),
        format!("{{\"Records\":[{ONE},{ONE}]}}\n"),
        format!("{{\"Records\":[{ONE}]}}\n{{\"Records\":[{ONE}]}}"),
        format!("{{\n \"Records\": [\n{ONE},\n{ONE}\n]\n}}"),
        format!("{{\"seen\":1,\"event\":{ONE}}}\n{{\"seen\":2,\"event\":{ONE}}}"),
        format!(
            "{{\"Events\":[{{\"CloudTrailEvent\":{written}}},{{\"CloudTrailEvent\":{written}}}]}}"
        ),
        format!("{ONE} {ONE}"),
    ] {
        assert_eq!(told(&text), "2: GetObject GetObject", "{text}");
    }
    let wrapped = format!("{{\"Records\":[{ONE}]}}");
    let (mut count, only) = (0_u8, SOURCES.first());
    read_from(wrapped.as_bytes(), only, &mut |_| count = count.saturating_add(1), &|_| {}).unwrap();
    assert_eq!(count, 1, "a source that is said to it makes no difference");
    assert_eq!(told(""), "0: ");
    assert_eq!(told("{\"Records\":[]}"), "0: ");
}

#[test]
fn a_line_that_is_no_record_costs_one_error_and_never_the_file() {
    let broken = "(record 2: this is no JSON: EOF while parsing a string at line 1 column 5)";
    assert_eq!(
        told(&format!("{ONE}\n{{\"bro\n{ONE}\n")),
        format!("3: GetObject {broken} GetObject")
    );
    let strange = "(record 2: no source knows records like this one)";
    assert_eq!(
        told(&format!("{ONE}\n{{\"hello\":1}}\n{ONE}")),
        format!("3: GetObject {strange} GetObject")
    );
    assert_eq!(told(&format!("[{ONE},{{}},{ONE}]")), format!("3: GetObject {strange} GetObject"));
    let added = r#"{"p_log_type":"AWS.VPCFlow","p_any_ip_addresses":["10.0.0.1"]}"#;
    assert_eq!(told(&format!("{ONE}\n{added}")), "2: GetObject nothing");
    let deep = "[".repeat(40) + &"]".repeat(40);
    assert_eq!(told(&deep), "1: (record 1: no source knows records like this one)");
}

#[test]
fn a_line_of_text_among_others_costs_itself_alone() {
    let text = told(&format!("{ONE}\nWARNING:  rotating\n{ONE}\n{ONE}\n"));
    assert_eq!(text.matches("GetObject").count(), 3, "{text}");
    assert_eq!(text.matches("log_line_prefix").count(), 1, "{text}");
}

#[test]
fn a_line_that_is_no_message_of_theirs_begins_no_log_of_text() {
    // What lies behind such a line may begin with blanks, or be a list.
    let text = told(&format!("WARNING:  rotating\n  {ONE}\n[{ONE},{ONE}]\n"));
    assert_eq!(text.matches("GetObject").count(), 3, "{text}");
    let sign_in = "2026-03-01 10:00:00.123 UTC [7] ann@shop LOG:  connection authorized: user=ann database=shop";
    let text = told(&format!("{sign_in}\n[{ONE},{ONE}]\n{sign_in}\n  {ONE}\n"));
    assert_eq!(text, "5: GetObject GetObject CONNECT GetObject CONNECT");
}

#[test]
fn a_prefix_that_is_said_may_begin_as_json_does() {
    let mut words = Vec::new();
    let mut take = |record: Record<'_>| match record {
        Record::Exercise(source, it) => words.push(format!("{} {}", source.name, it.actor.id)),
        Record::Nothing | Record::Undated | Record::Error(_) => {
            words.push(format!("{record:?}"));
        }
    };
    let mut reader = Reader::new(None).with_prefix("[%t] %u ".parse().ok());
    let sign_in = "[2026-03-01 10:00:00 UTC] ann LOG:  connection authorized: user=ann";
    reader.lines(format!("{sign_in}\n{ONE}\n[{ONE}]\n{sign_in}\n").as_bytes(), &mut take);
    reader.end(&mut take);
    words.sort();
    assert_eq!(
        words,
        [
            "cloudtrail s3.amazonaws.com",
            "cloudtrail s3.amazonaws.com",
            "pgaudit ann",
            "pgaudit ann"
        ]
        .map(str::to_owned)
    );
}

/// One record a line of each kind of log, of some two, with what looks like a record of theirs and is none.
const MIXED: [&str; 22] = [
    ONE,
    r#"{"kind":"Event","auditID":"a","verb":"get","requestURI":"/x","user":{"username":"ann"},"stageTimestamp":"2026-03-01T10:00:00Z"}"#,
    r#"{"verb":"get","kind":"Event","requestURI":"/x","stageTimestamp":"2026-03-01T10:00:00Z"}"#,
    r#"{"requestURI":"/x","kind":"Event","stageTimestamp":"2026-03-01T10:00:00Z"}"#,
    r#"{"insertId":"1","timestamp":"2026-03-01T10:00:00Z","protoPayload":{"methodName":"a.b","serviceName":"c"}}"#,
    r#"{"insertId":"2","timestamp":"2026-03-01T10:00:00Z","protoPayload":{"methodName":"a.b"},"eventName":"x","eventSource":"y","eventTime":"2026-03-01T10:00:00Z"}"#,
    r#"{"time":"2026-03-01T10:00:00Z","category":"Administrative","operationName":"A.B/c/write","caller":"ann@x"}"#,
    r#"{"time":"2026-03-01T10:00:00Z","operationName":"GetBlob","caller":"ann@x"}"#,
    r#"{"id":{"time":"2026-03-01T10:00:00Z","applicationName":"drive","uniqueQualifier":"1"},"actor":{"email":"ann@x"},"events":[{"name":"view"}]}"#,
    r#"{"id":{"time":"2026-03-01T10:00:00Z","applicationName":"drive","uniqueQualifier":"1"},"name":"view"}"#,
    r#"{"_document_id":"a","action":"repo.create","actor":"bob","org":"acme","@timestamp":1700000000123}"#,
    r#"{"action":"repo.destroy","actor":"bob","@timestamp":1700000000123,"vendor":"else"}"#,
    r#"{"uuid":"a","published":"2026-03-01T10:00:00Z","eventType":"a.b","severity":"INFO","actor":{"id":"1"}}"#,
    r#"{"uuid":"b","published":"2026-03-01T10:00:00Z","eventType":"a.b","actor":{"id":"1"}}"#,
    r#"{"time":"2026-03-01T10:00:00Z","type":"response","auth":{"entity_id":"e"},"request":{"id":"r","operation":"read","path":"a/b"}}"#,
    r#"{"type":"a_b","created_at":"2026-03-01T10:00:00Z","organization_id":"o","actor":{"type":"user_actor","user_id":"u"}}"#,
    r#"{"type":"a_b","created_at":"2026-03-01T10:00:00Z","actor":{"type":"user_actor","user_id":"u"}}"#,
    r#"{"id":"1","type":"a.b","effective_at":1702857600,"actor":{"type":"session"}}"#,
    r#"{"timestamp":"2026-03-01 10:00:00.123 UTC","user":"ann","dbname":"shop","error_severity":"LOG","message":"connection authorized: user=ann"}"#,
    r#"{"user":"ann","dbname":"shop","error_severity":"FATAL","state_code":"28000","timestamp":"2026-03-01 10:00:00.123 UTC"}"#,
    "2026-03-01 10:00:00.123 UTC [7] bob@shop LOG:  connection authorized: user=bob database=shop",
    "WARNING:  rotating",
];

proptest! {
    /// What a record tells does not hang on those before it.
    #[test]
    fn records_of_several_logs_tell_the_same_in_any_order(
        mixed in Just(MIXED.to_vec()).prop_shuffle(),
    ) {
        let each = |lines: &[&str]| {
            let mut all = Vec::new();
            let mut take = |record: Record<'_>| all.push(match record {
                Record::Exercise(source, it) => format!("{} {it:?}", source.name),
                Record::Error(error) => error.why.to_string(),
                Record::Nothing | Record::Undated => format!("{record:?}"),
            });
            read_from(lines.join("\n").as_bytes(), None, &mut take, &|_| {}).unwrap();
            all.sort();
            all
        };
        let mut by_itself: Vec<_> = MIXED.iter().flat_map(|it| each(&[it])).collect();
        by_itself.sort();
        prop_assert_eq!(each(&mixed), by_itself);
    }
}
