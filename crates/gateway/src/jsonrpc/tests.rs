//! What is read as a message, what is refused, and that rewriting moves nothing else.

use bailiwick_model::JsonLimits;
use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

fn read(body: &str) -> Result<Message<'_>, Refused> {
    Message::read(body.as_bytes(), JsonLimits::default())
}

fn refused(body: &str) -> String {
    let refused = read(body).unwrap_err();
    format!(
        "{} {} {} id={}",
        refused.http_status.as_u16(),
        refused.code,
        refused.message,
        refused.id.map_or_else(|| "none".to_owned(), |id| id.to_string())
    )
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn a_request_keeps_its_id_and_its_parameters_as_they_were_written() {
    let body = r#" {"jsonrpc":"2.0", "id" : "a\u0062", "method":"tools\/call","params": {"name" : "x"} } "#;
    let Message::Request { id, method, params } = read(body).unwrap() else { panic!("a request") };
    assert_eq!(id.get(), r#""a\u0062""#);
    assert_eq!(method, "tools/call");
    assert_eq!(params.unwrap().get(), r#"{"name" : "x"}"#);
}

#[test]
fn notifications_and_responses_are_told_apart() {
    let told = read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).unwrap();
    assert!(matches!(told, Message::Notification { params: None, .. }));
    assert!(told.answer_id().is_none());
    let result = read(r#"{"jsonrpc":"2.0","id":-4,"result":{}}"#).unwrap();
    assert!(matches!(result, Message::Response { .. }));
    let error = read(r#"{"jsonrpc":"2.0","id":18446744073709551615,"error":{}}"#).unwrap();
    assert!(matches!(error, Message::Response { .. }));
}

#[test]
fn what_is_no_message_is_refused_with_its_code() {
    insta::assert_snapshot!(refused("{"), @"400 -32700 the body cannot be read: EOF while parsing an object at line 1 column 1 id=none");
    insta::assert_snapshot!(refused(""), @"400 -32700 the body cannot be read: EOF while parsing a value at line 1 column 0 id=none");
    insta::assert_snapshot!(refused("[]"), @"400 -32600 an array of messages is not accepted: send one message a body id=none");
    insta::assert_snapshot!(refused("7"), @"400 -32600 a message is one JSON object id=none");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"ping","id":2}"#), @"400 -32600 the body cannot be read: the name `id` occurs twice at line 1 column 47 id=none");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), @r#"400 -32600 `jsonrpc` must be "2.0" id=1"#);
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1}"#), @"400 -32600 `method` is missing id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"method":7}"#), @"400 -32600 `method` must be a text id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"method":""}"#), @"400 -32600 `method` is empty id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#), @"400 -32602 `params` must be an object id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#), @"400 -32600 a message asks or answers, not both id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#), @"400 -32600 an answer has a result or an error, not both id=1");
    insta::assert_snapshot!(refused(r#"{"jsonrpc":"2.0","result":{}}"#), @"400 -32600 an answer must have an `id` id=none");
}

#[test]
fn an_id_is_a_text_or_a_whole_number() {
    for id in ["null", "1.5", "1.0", "true", "{}", "[1]", "1e3"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(read(&body).unwrap_err().code, code::INVALID_REQUEST, "{id}");
    }
    let long = "x".repeat(257);
    let body = format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#);
    assert!(read(&body).is_err());
    let fits = "x".repeat(256);
    let body = format!(r#"{{"jsonrpc":"2.0","id":"{fits}","method":"ping"}}"#);
    assert!(read(&body).is_ok());
}

#[test]
fn a_name_twice_anywhere_is_refused() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":[{"b":1,"\u0062":2}]}}}"#;
    assert_eq!(read(body).unwrap_err().code, code::INVALID_REQUEST);
}

#[test]
fn size_depth_and_count_are_bounded() {
    let limits = JsonLimits { bytes: 200, depth: 8, values: 20 };
    let of = |params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
        Message::read(body.as_bytes(), limits).map(|_| ()).map_err(|it| it.http_status.as_u16())
    };
    assert_eq!(of(r#"{"a":1}"#), Ok(()));
    assert_eq!(of(&format!(r#"{{"a":"{}"}}"#, "x".repeat(200))), Err(413));
    assert_eq!(of(r#"{"a":[[[[[[[[1]]]]]]]]}"#), Err(400));
    assert_eq!(of(r#"{"a":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#), Err(400));
    assert_eq!(Message::read(b"{\"a\":\"\xff\"}", limits).unwrap_err().code, code::PARSE_ERROR);
}

#[test]
fn an_answer_carries_the_id_as_it_was_spelled() {
    let body = Answer::Result(raw("{}")).body(Some(&raw(r#""\u0061""#)));
    assert_eq!(String::from_utf8(body).unwrap(), r#"{"jsonrpc":"2.0","id":"\u0061","result":{}}"#);
    let body = Answer::error(4030, "no", None).body(None);
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"jsonrpc":"2.0","error":{"code":4030,"message":"no"}}"#
    );
}

#[test]
fn members_are_replaced_added_and_removed_where_they_stand() {
    let check = |text: &str, put: &str, taken: &str| {
        let object = RawObject::read(text).unwrap();
        assert_eq!(object.with("b", &raw("9")).unwrap().get(), put);
        assert_eq!(object.without("b").unwrap().get(), taken);
    };
    check("{}", r#"{"b":9}"#, "{}");
    check("{ }", r#"{ "b":9}"#, "{ }");
    check(r#"{"b":1}"#, r#"{"b":9}"#, "{}");
    check(r#"{ "a" : 1 }"#, r#"{ "a" : 1,"b":9 }"#, r#"{ "a" : 1 }"#);
    check(r#"{"b": {"b":[1]} , "c":2}"#, r#"{"b": 9 , "c":2}"#, r#"{"c":2}"#);
    check(r#"{"a":1 ,"b" :2 , "c":3}"#, r#"{"a":1 ,"b" :9 , "c":3}"#, r#"{"a":1 ,"c":3}"#);
    check(r#"{"a":1 ,"\u0062" :2 }"#, r#"{"a":1 ,"\u0062" :9 }"#, r#"{"a":1 }"#);
}

#[test]
fn an_object_with_a_name_twice_is_no_object() {
    let error = RawObject::read(r#"{"a":1,"\u0061":2}"#).unwrap_err();
    assert_eq!(error, RawError::Twice { name: "a".to_owned() });
    assert!(RawObject::read("[1]").is_err());
    assert!(RawObject::read("").is_err());
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|it| it.to_string()),
        any::<String>().prop_map(|it| serde_json::Value::from(it).to_string()),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(" , "))),
            object_of(inner),
        ]
    })
}

fn object_of(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let space = "[ \n\t]{0,2}";
    (prop::collection::btree_map("[a-f\"é]{0,3}", (value, space, space), 0..5), space).prop_map(
        |(members, end)| {
            let members: Vec<String> = members
                .into_iter()
                .map(|(name, (value, one, two))| {
                    format!("{one}{}{two}:{one}{value}{two}", serde_json::Value::from(name))
                })
                .collect();
            format!("{{{}{end}}}", members.join(","))
        },
    )
}

fn listed(text: &str) -> Vec<(String, String)> {
    let object = RawObject::read(text).unwrap();
    object.members().map(|(name, value)| (name.to_owned(), value.get().to_owned())).collect()
}

proptest! {
    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::read(&bytes, JsonLimits::default());
        let _ = RawObject::read(&String::from_utf8_lossy(&bytes)).map(|it| it.members().count());
    }

    #[test]
    fn any_message_like_text_never_panics(id in json(), method in json(), params in json()) {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#);
        if let Ok(message) = read(&body) {
            prop_assert_eq!(message.answer_id().unwrap().get(), id);
            prop_assert_eq!(message.params().unwrap().get(), params);
        }
    }

    #[test]
    fn replacing_a_member_moves_no_other_byte(text in object_of(json()), new in json()) {
        let object = RawObject::read(&text).unwrap();
        for (place, (name, old)) in listed(&text).into_iter().enumerate() {
            let written = object.with(&name, &raw(&new)).unwrap();
            let mut wanted = listed(&text);
            wanted[place].1 = new.clone();
            prop_assert_eq!(listed(written.get()), wanted);
            let back = RawObject::read(written.get()).unwrap().with(&name, &raw(&old)).unwrap();
            prop_assert_eq!(back.get(), &text);
        }
    }

    #[test]
    fn adding_and_removing_a_member_gives_the_same_bytes_back(text in object_of(json()), new in json()) {
        let added = RawObject::read(&text).unwrap().with("added", &raw(&new)).unwrap();
        let back = RawObject::read(added.get()).unwrap().without("added").unwrap();
        prop_assert_eq!(back.get(), &text);
    }

    #[test]
    fn removing_a_member_keeps_the_others_as_they_are(text in object_of(json())) {
        let object = RawObject::read(&text).unwrap();
        for (place, (name, _)) in listed(&text).into_iter().enumerate() {
            let mut wanted = listed(&text);
            wanted.remove(place);
            prop_assert_eq!(listed(object.without(&name).unwrap().get()), wanted);
        }
    }
}
