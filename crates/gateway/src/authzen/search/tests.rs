//! How searches are read, and what their tokens are good for.

use bailiwick_connect::StateKey;
use serde_json::{Value, json};

use super::{super::refusal::Code, *};

fn read(sought: Sought, body: &Value) -> Result<Question, Refusal> {
    Question::read(sought, body.to_string().as_bytes())
}

fn subject() -> Value {
    json!({
        "subject": {"type": "user"},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "1"},
    })
}

fn paged(page: Value) -> Value {
    let mut body = subject();
    body["page"] = page;
    body
}

#[test]
fn a_search_wants_all_but_what_it_is_for() {
    let whole = json!({
        "subject": {"type": "user", "id": "alice"},
        "action": {"name": "read"},
        "resource": {"type": "record", "id": "1"},
    });
    for (sought, needed) in [
        (Sought::Subject, &["/subject/type", "/action/name", "/resource/type", "/resource/id"]),
        (Sought::Resource, &["/subject/type", "/subject/id", "/action/name", "/resource/type"]),
        (Sought::Action, &["/subject/type", "/subject/id", "/resource/type", "/resource/id"]),
    ] {
        assert!(read(sought, &whole).is_ok());
        for path in needed {
            let mut body = whole.clone();
            let (above, name) = path.rsplit_once('/').unwrap();
            body.pointer_mut(above).unwrap().as_object_mut().unwrap().remove(name);
            let refused = read(sought, &body).unwrap_err();
            assert_eq!(refused.code, Code::BadRequest, "{path}");
            assert!(refused.text.ends_with("is missing"), "{}", refused.text);
        }
    }
    let without = json!({"subject": whole["subject"], "resource": whole["resource"]});
    assert!(read(Sought::Action, &without).is_ok());
    assert!(read(Sought::Subject, &subject()).is_ok());
}

#[test]
fn the_id_of_what_is_looked_for_is_not_looked_at() {
    let mut body = subject();
    for id in [json!("alice"), json!(7), json!(null)] {
        body["subject"]["id"] = id;
        let question = read(Sought::Subject, &body).unwrap();
        assert_eq!(question.search, read(Sought::Subject, &subject()).unwrap().search);
    }
}

#[test]
fn a_page_is_spoken_of_in_few_words() {
    for page in [json!({}), json!({"limit": 0}), json!({"limit": 7, "future": [1]})] {
        assert!(read(Sought::Subject, &paged(page)).unwrap().paged);
    }
    assert!(!read(Sought::Subject, &subject()).unwrap().paged);
    assert_eq!(
        read(Sought::Subject, &paged(json!({"limit": 1_u64 << 40}))).unwrap().limit,
        Some(1000)
    );
    for page in [
        json!(null),
        json!([]),
        json!({"limit": -1}),
        json!({"limit": 1.5}),
        json!({"limit": "1"}),
        json!({"token": 7}),
        json!({"token": "x".repeat(9000)}),
        json!({"properties": 1}),
    ] {
        let refused = read(Sought::Subject, &paged(page.clone())).unwrap_err();
        assert_eq!(refused.code, Code::BadRequest, "{page}");
    }
}

/// Who asks, under which policies, and when.
type By = (&'static str, &'static str, i64);

const BY: By = ("shop", "v1", 0);

fn open(key: &StateKey, body: &Value, (pep, policy, at): By) -> Result<Place, Refusal> {
    let question = read(Sought::Subject, body)?;
    Place::open(&question, (pep, policy, Timestamp::from_millis(at)), key)
}

#[test]
fn a_token_goes_on_with_the_search_that_it_was_made_for_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let key = StateKey::load_or_create(&folder.path().join("pages.key")).unwrap();
    let page = json!({"limit": 2, "properties": {"sort": "asc"}});
    let first = open(&key, &paged(page.clone()), BY).unwrap();
    assert_eq!((first.from(), first.limit()), (0, 2));
    let token = first.after(2, Timestamp::from_millis(0)).close(&key).unwrap();
    let with = |body: Value, more: Value| {
        let mut body = body;
        body["page"] = more;
        body["page"]["token"] = json!(token);
        body
    };
    for more in [page, json!({"limit": 2}), json!({})] {
        let next = open(&key, &with(subject(), more), BY).unwrap();
        assert_eq!((next.from(), next.limit()), (2, 2), "what was said of pages holds on");
    }
    let refused = |body: &Value, by: By| open(&key, body, by).unwrap_err().text;
    let mut changed = subject();
    changed["context"] = json!({"ip": "10.0.0.1"});
    for (body, by, why) in [
        (with(changed, json!({})), BY, "is of another search"),
        (with(subject(), json!({"limit": 3})), BY, "is of another search"),
        (with(subject(), json!({"properties": {}})), BY, "is of another search"),
        (with(subject(), json!({})), ("desk", "v1", 0), "is of another search"),
        (with(subject(), json!({})), ("shop", "v2", 0), "is of other policies"),
        (with(subject(), json!({})), ("shop", "v1", 3_600_000), "is too old"),
        (paged(json!({"token": "v1.abc.def"})), BY, "was not made here"),
    ] {
        let text = refused(&body, by);
        assert!(text.contains(why), "{text} for {body}");
    }
    let question =
        Question::read(Sought::Resource, with(json!({
            "subject": {"type": "user", "id": "x"}, "action": {"name": "read"}, "resource": {"type": "record"},
        }), json!({})).to_string().as_bytes())
        .unwrap();
    let other = Place::open(&question, ("shop", "v1", Timestamp::from_millis(0)), &key);
    assert!(other.unwrap_err().text.contains("of another search"));
    let elsewhere = StateKey::load_or_create(&folder.path().join("other.key")).unwrap();
    let text = open(&elsewhere, &with(subject(), json!({})), BY).unwrap_err().text;
    assert!(text.contains("was not made here"), "{text}");
    assert!(!token.contains("shop") && !token.contains("user"), "it says nothing to anybody");
}

#[test]
fn the_token_after_the_last_page_is_none() {
    let question = read(Sought::Subject, &paged(json!({"token": ""}))).unwrap();
    assert_eq!(question.token, None);
}
