//! What holds for every source, and what their tests share.

use bailiwick_model::Exercise;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{NotRead, SOURCES, Shape, Source, Told};

/// Reads a record of which a test knows that it tells of one exercise.
pub(super) fn told(source: &Source, record: &Value) -> Exercise<'static> {
    // A test may keep what it read for as long as it runs.
    let text = record.to_string().leak().as_bytes();
    match (source.read)(text) {
        Ok(Told::Exercise(it)) => *it,
        other => panic!("{other:?}"),
    }
}

/// Sets members of a record.
pub(super) fn change(mut record: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

/// Writes a value with the names of each object in an order that `turn` says.
fn written(value: &Value, turn: u64) -> String {
    let place = |name: &str| {
        let letters = name.bytes().map(u64::from);
        letters.fold(turn, |sum, it| sum.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(it))
    };
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| place(name));
            let member = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), written(value, turn))
            };
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
        Value::Array(all) => {
            let all: Vec<_> = all.iter().map(|it| written(it, turn)).collect();
            format!("[{}]", all.join(","))
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            plain.to_string()
        }
    }
}

/// Checks that a record reads the same whatever the order of its names.
pub(super) fn order_is_nothing(source: &Source, record: &Value) {
    let plain = told(source, record);
    let mut orders = std::collections::BTreeSet::new();
    for turn in 1..40_u64 {
        let text = written(record, turn.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert_eq!(
            (source.read)(text.as_bytes()),
            Ok(Told::Exercise(Box::new(plain.clone()))),
            "{text}"
        );
        orders.insert(text);
    }
    assert!(20 < orders.len(), "the orders are of all kinds");
}

/// Takes the key off: what has no id of its own is known by all its bytes.
fn unkeyed(mut told: Result<Told<'_>, NotRead>) -> Result<Told<'_>, NotRead> {
    match &mut told {
        Ok(Told::Exercise(it)) => it.key = 0,
        Ok(Told::Exercises(all)) => all.iter_mut().for_each(|it| it.key = 0),
        Ok(Told::Nothing) | Err(_) => {}
    }
    told
}

/// Names that sources look for, and values that they may or may not expect there.
fn members() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "@timestamp",
        "action",
        "actor",
        "auth",
        "created_at",
        "effective_at",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "id",
        "operation",
        "org",
        "organization_id",
        "outcome",
        "path",
        "published",
        "request",
        "response",
        "target",
        "time",
        "type",
        "userIdentity",
        "uuid",
    ]);
    let plain = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "api.request",
            "response",
            "user_actor",
            "session",
            "2026-03-01T10:00:00Z",
            "auth/x/login",
            "é.é",
        ])
        .prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    plain.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

/// A record of each source that is all names and texts.
fn samples() -> [(&'static str, Value); 5] {
    [
        (
            "github",
            json!({
                "_document_id": "a", "@timestamp": 1_700_000_000_123_u64, "action": "git.push", "actor": "ann",
                "org": "acme", "repo": "acme/app", "hashed_token": "AAA=", "token_scopes": "repo",
                "actor_is_bot": false, "data": { "team": "x" },
            }),
        ),
        (
            "okta",
            json!({
                "uuid": "a", "published": "2026-03-01T10:00:00Z", "eventType": "app.oauth2.token.grant.access_token",
                "severity": "INFO", "actor": { "id": "0oa1", "type": "PublicClientApp", "alternateId": "unknown" },
                "outcome": { "result": "SUCCESS" },
                "target": [{ "id": "00u1" }, { "id": "AT.abc", "detailEntry": { "subject": "00u1" } }],
            }),
        ),
        (
            "vault",
            json!({
                "time": "2026-03-01T10:00:00Z", "type": "response",
                "auth": { "accessor": "hmac-sha256:bb", "entity_id": "e1", "policy_results": { "allowed": true } },
                "request": { "id": "b", "operation": "update", "path": "auth/approle/login", "mount_type": "approle" },
                "response": { "auth": { "accessor": "hmac-sha256:cc" } },
            }),
        ),
        (
            "anthropic",
            json!({
                "id": "activity_1", "created_at": "2026-03-01T10:00:00Z", "organization_id": "org_1",
                "type": "compliance_api_accessed", "url": "/v1/compliance/groups/g_1", "request_method": "GET",
                "status_code": 200, "actor": { "type": "api_actor", "api_key_id": "k1" },
            }),
        ),
        (
            "openai",
            json!({
                "id": "audit_log-1", "type": "api_key.created", "effective_at": 1_702_857_600,
                "api_key.created": { "id": "key_2" },
                "actor": { "type": "api_key", "api_key": { "type": "user", "id": "key_1", "user": { "id": "u" } } },
            }),
        ),
    ]
}

/// Puts another value at the place with this number, counted through a record.
fn spoil(value: &mut Value, place: &mut usize, with: &Value) {
    if *place == 0 {
        *value = with.clone();
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Object(members) => members.values_mut().for_each(|it| spoil(it, place, with)),
        Value::Array(all) => all.iter_mut().for_each(|it| spoil(it, place, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

proptest! {
    #[test]
    fn a_spoilt_record_is_told_of_in_part_or_not_at_all(
        which in 0..5_usize, spoilt in prop::collection::vec((1..24_usize, members()), 0..4), turn in 1..u64::MAX,
    ) {
        let (name, mut record) = samples()[which].clone();
        for (mut place, with) in spoilt.clone() {
            spoil(&mut record, &mut place, &with);
        }
        let source = SOURCES.iter().find(|it| it.name == name).unwrap();
        let (text, turned) = (record.to_string(), written(&record, turn));
        let told = unkeyed((source.read)(text.as_bytes()));
        prop_assert!(!spoilt.is_empty() || matches!(told, Ok(Told::Exercise(_))), "{told:?}");
        if let Ok(Told::Exercise(it)) = &told {
            prop_assert_eq!(it.platform, source.platform);
            prop_assert!(!it.actor.id.is_empty() && !it.operation.is_empty(), "{:?}", it);
        }
        prop_assert_eq!(told, unkeyed((source.read)(turned.as_bytes())), "{}", turned);
    }

    #[test]
    fn no_bytes_break_a_source(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for source in SOURCES {
            let _told_or_not = (source.read)(&bytes);
        }
    }

    #[test]
    fn no_values_break_a_source_and_no_order_of_names_changes_what_it_tells(
        record in members(), turn in 1..u64::MAX,
    ) {
        let (text, turned) = (record.to_string(), written(&record, turn));
        for source in SOURCES {
            let told = unkeyed((source.read)(text.as_bytes()));
            prop_assert!(!matches!(told, Err(NotRead::Json(_))), "{}: {text}", source.name);
            prop_assert_eq!(told, unkeyed((source.read)(turned.as_bytes())), "{}", turned);
        }
    }
}

#[test]
fn a_record_of_each_source_is_known_by_it_alone() {
    for (name, members) in [
        ("cloudtrail", vec!["eventName", "eventSource", "eventTime", "eventType", "userIdentity"]),
        ("github", vec!["@timestamp", "_document_id", "action", "actor", "org"]),
        (
            "okta",
            vec![
                "uuid",
                "published",
                "eventType",
                "actor",
                "client",
                "outcome",
                "target",
                "severity",
            ],
        ),
        ("vault", vec!["time", "type", "auth", "request", "response"]),
        ("anthropic", vec!["id", "created_at", "organization_id", "type", "actor"]),
        ("openai", vec!["id", "type", "effective_at", "actor", "project", "api_key.created"]),
    ] {
        let shape = Shape::new(members);
        let knows: Vec<_> =
            SOURCES.iter().filter(|it| (it.knows)(&shape)).map(|it| it.name).collect();
        assert_eq!(knows, [name]);
    }
}

proptest! {
    /// Eight digits at once are worth what they are one by one, and what is no digit is none.
    #[test]
    fn an_id_is_read_as_its_digits_one_by_one(
        id in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        at in 0..36_usize,
        byte in any::<u8>(),
        spoils in any::<bool>(),
    ) {
        let mut text = id.into_bytes();
        if spoils {
            text[at] = byte;
        }
        let dashes = [8, 13, 18, 23];
        let is_dash = |place: &usize| dashes.contains(place);
        let fits = |(place, it): (usize, &u8)| if is_dash(&place) { *it == b'-' } else { it.is_ascii_hexdigit() };
        let one_by_one = text.iter().enumerate().all(fits).then(|| {
            let digits = text.iter().enumerate().filter(|(place, _)| !is_dash(place));
            digits.fold(0, |number, (_, it)| {
                number << 4 | u128::from(char::from(*it).to_digit(16).unwrap())
            })
        });
        prop_assert_eq!(super::uuid(&text), one_by_one);
        prop_assert_eq!(super::uuid(&text[..35]), None);
        text.push(b'0');
        prop_assert_eq!(super::uuid(&text), None);
    }
}
