//! How questions are read: one, several, and what is neither.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::authzen::read::Semantic;

/// How a body is read.
type Read = fn(&[u8]) -> Result<Asked, Refusal>;

fn one(body: &Value) -> Result<Asked, Refusal> {
    Asked::one(body.to_string().as_bytes())
}

fn several(body: &Value) -> Result<Asked, Refusal> {
    Asked::several(body.to_string().as_bytes())
}

fn complete() -> Value {
    json!({
        "subject": {"type": "user", "id": "alice", "properties": {"role": "admin"}},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "record-1"},
        "context": {"ip": "10.0.0.1"},
    })
}

#[test]
fn an_evaluation_wants_its_three_parts_and_nothing_else() {
    assert!(one(&complete()).is_ok());
    for path in [
        "/subject",
        "/subject/type",
        "/subject/id",
        "/action",
        "/action/name",
        "/resource",
        "/resource/type",
        "/resource/id",
    ] {
        let mut body = complete();
        let (above, name) = path.rsplit_once('/').unwrap();
        body.pointer_mut(above).unwrap().as_object_mut().unwrap().remove(name);
        let refused = one(&body).unwrap_err();
        assert_eq!(refused.code, Code::BadRequest, "{path}");
        let named = path.trim_start_matches('/').replace('/', ".");
        assert_eq!(refused.text, format!("`{named}` is missing"));
        for other in [json!(null), json!(7), json!([])] {
            let mut body = complete();
            *body.pointer_mut(path).unwrap() = other;
            assert_eq!(one(&body).unwrap_err().code, Code::BadRequest, "{path}");
        }
    }
    for path in ["/subject/properties", "/context"] {
        let mut body = complete();
        *body.pointer_mut(path).unwrap() = json!("x");
        assert_eq!(one(&body).unwrap_err().code, Code::BadRequest, "{path}");
    }
}

#[test]
fn members_that_nobody_knows_are_passed_over() {
    let mut body = complete();
    for path in ["", "/subject", "/action", "/resource"] {
        let members = body.pointer_mut(path).unwrap().as_object_mut().unwrap();
        members.insert("future".to_owned(), json!({"deep": [1, null]}));
    }
    assert_eq!(one(&body).unwrap(), one(&complete()).unwrap());
}

#[test]
fn what_two_readers_read_in_two_ways_is_read_by_none() {
    for body in [
        r#"{"subject":{"type":"u","id":"a","id":"b"},"action":{"name":"r"},"resource":{"type":"d","id":"1"}}"#,
        r#"{"subject":{"type":"u","id":"\ud800"},"action":{"name":"r"},"resource":{"type":"d","id":"1"}}"#,
        r#"{"subject":{"type":"u","id":"a"},"action":{"name":"r"},"resource":{"type":"d","id":"1"},"context":{"n":1e400}}"#,
        "",
        "null",
        "[]",
        "{",
        "\u{feff}{}",
    ] {
        for read in [Asked::one as Read, Asked::several] {
            assert_eq!(read(body.as_bytes()).unwrap_err().code, Code::BadRequest, "{body}");
        }
    }
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(Asked::one(deep.as_bytes()).unwrap_err().code, Code::BadRequest);
    let long = vec![b' '; limits::QUESTION.bytes + 1];
    assert_eq!(Asked::one(&long).unwrap_err().code, Code::TooLarge);
}

#[test]
fn without_a_list_several_are_one() {
    for list in [None, Some(json!([]))] {
        let mut body = complete();
        if let Some(list) = list {
            body["evaluations"] = list;
        }
        assert_eq!(several(&body).unwrap(), one(&complete()).unwrap());
    }
    assert_eq!(several(&json!({"evaluations": []})).unwrap_err().code, Code::BadRequest);
}

#[test]
fn a_list_is_a_list_of_objects_and_has_an_end() {
    for list in [json!(null), json!({}), json!([null]), json!([{}, 1])] {
        let mut body = complete();
        body["evaluations"] = list;
        assert_eq!(several(&body).unwrap_err().code, Code::BadRequest, "{body}");
    }
    let most = json!({"evaluations": vec![json!({}); limits::EVALUATIONS]});
    assert!(several(&most).is_ok());
    let more = json!({"evaluations": vec![json!({}); limits::EVALUATIONS + 1]});
    assert_eq!(several(&more).unwrap_err().code, Code::TooLarge);
}

#[test]
fn each_key_is_taken_whole_from_the_one_or_the_other() {
    let body = json!({
        "subject": {"type": "user", "id": "alice", "properties": {"role": "admin"}},
        "action": {"name": "read"},
        "evaluations": [
            {"resource": {"type": "record", "id": "1"}},
            {"resource": {"type": "record", "id": "2"}, "subject": {"type": "user", "id": "bob"}},
            {"action": {"name": "write"}},
            {"resource": {"type": "record"}},
        ],
    });
    let Ok(Asked::Several(batch)) = several(&body) else { panic!("not several") };
    let all: Vec<_> = batch.evaluations().collect();
    let [Ok(first), Ok(second), Err(third), Err(fourth)] = all.as_slice() else {
        panic!("{all:?}")
    };
    assert_eq!((first.subject.id.as_str(), first.subject.properties.len()), ("alice", 1));
    assert_eq!((second.subject.id.as_str(), second.subject.properties.len()), ("bob", 0));
    assert_eq!(
        (third.as_str(), fourth.as_str()),
        ("`resource` is missing", "`resource.id` is missing")
    );
}

#[test]
fn each_semantic_ends_where_it_says() {
    for (options, ends) in [
        (json!({}), [false, false]),
        (json!({"evaluations_semantic": "execute_all"}), [false, false]),
        (json!({"evaluations_semantic": "deny_on_first_deny"}), [true, false]),
        (json!({"evaluations_semantic": "permit_on_first_permit", "more": 1}), [false, true]),
    ] {
        let body = json!({"evaluations": [{}], "options": options});
        let Ok(Asked::Several(batch)) = several(&body) else { panic!("not several") };
        assert_eq!([false, true].map(|it| batch.semantic.ends_with(it)), ends, "{options}");
    }
    for options in
        [json!([]), json!({"evaluations_semantic": "first"}), json!({"evaluations_semantic": null})]
    {
        let body = json!({"evaluations": [{}], "options": options});
        assert_eq!(several(&body).unwrap_err().code, Code::BadRequest);
    }
    assert!(!Semantic::ExecuteAll.ends_with(false));
}

#[test]
fn the_page_of_limits_has_these_numbers() {
    let page = include_str!("../../../../docs/reference/limits.md");
    for line in [
        format!(
            "| a question to `/access/v1` | {} KiB, {} levels deep, {},000 values, {} evaluations, {} s |",
            limits::QUESTION.bytes >> 10,
            limits::QUESTION.depth,
            limits::QUESTION.values / 1000,
            limits::EVALUATIONS,
            limits::WAIT.as_secs()
        ),
        format!("| questions of one enforcement point under way | {UNDER_WAY} |"),
        format!("| searches of one enforcement point under way | {SEARCHES} |"),
    ] {
        assert!(page.contains(&line), "{line}");
    }
}

#[test]
fn few_searches_are_under_way_at_once_and_leave_room_for_other_questions() {
    let pep = Pep::new("shop".to_owned(), Secret::new("token".to_owned()));
    let mut all: Vec<_> = (0..SEARCHES).map(|_| pep.search().unwrap()).collect();
    let refused = pep.search().unwrap_err();
    assert_eq!(refused.code, Code::TooMany, "{}", refused.text);
    assert!(pep.place().is_ok(), "an evaluation is answered all the same");
    all.pop();
    assert!(pep.search().is_ok(), "one is over");
}

/// Part of a question, with and without everything that it may have.
fn part(names: &'static [&'static str]) -> impl Strategy<Value = Option<Value>> {
    let properties = proptest::option::of(prop_oneof![Just(json!({})), Just(json!({"a": 1}))]);
    let member = proptest::option::weighted(0.9, "[a-c]{0,2}");
    let members = proptest::collection::vec(member, names.len());
    proptest::option::weighted(
        0.7,
        (members, properties).prop_map(move |(members, properties)| {
            let named = names
                .iter()
                .zip(members)
                .filter_map(|(name, it)| Some(((*name).to_owned(), json!(it?))));
            let properties = properties.map(|it| ("properties".to_owned(), it));
            Value::Object(named.chain(properties).collect())
        }),
    )
}

fn question() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let context = proptest::option::of(Just(json!({"ip": "10.0.0.1"})));
    (part(&["type", "id"]), part(&["name"]), part(&["type", "id"]), context).prop_map(|parts| {
        let (subject, action, resource, context) = parts;
        let all = [
            ("subject", subject),
            ("action", action),
            ("resource", resource),
            ("context", context),
        ];
        all.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?))).collect()
    })
}

proptest! {
    /// What is asked in a batch is what would be asked one by one.
    #[test]
    fn a_batch_asks_what_singles_ask(shared in question(), items in proptest::collection::vec(question(), 1..5)) {
        let mut body = shared.clone();
        body.insert("evaluations".to_owned(), json!(items));
        let Ok(Asked::Several(batch)) = several(&Value::Object(body)) else { panic!("not several") };
        let asked: Vec<_> = batch.evaluations().collect();
        prop_assert_eq!(asked.len(), items.len());
        for (item, asked) in items.into_iter().zip(asked) {
            let mut alone = shared.clone();
            alone.extend(item);
            match (one(&Value::Object(alone)), asked) {
                (Ok(Asked::One(alone)), Ok(asked)) => prop_assert_eq!(alone, asked),
                (Err(alone), Err(asked)) => prop_assert_eq!(alone.text, asked),
                (alone, asked) => prop_assert!(false, "{:?} against {:?}", alone, asked),
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for read in [Asked::one as Read, Asked::several] {
            let _asked = read(&bytes);
        }
    }
}
