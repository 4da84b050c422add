//! How searches are read, and what their tokens are good for.

use std::sync::Arc;

use bailiwick_connect::StateKey;
use bailiwick_model::Digest;
use bailiwick_testkit::{World, build};
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

fn open(key: &StateKey, body: &Value, by: By) -> Result<Place, Refusal> {
    open_in(&read(Sought::Subject, body)?, by, b"as it was", key)
}

fn open_in(
    question: &Question,
    (pep, policy, at): By,
    world: &[u8],
    key: &StateKey,
) -> Result<Place, Refusal> {
    let under = (policy, Digest::of(world));
    Place::open(question, (pep, under, Timestamp::from_millis(at)), key)
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
    let other = open_in(&question, BY, b"as it was", &key);
    assert!(other.unwrap_err().text.contains("of another search"));
    let question = read(Sought::Subject, &with(subject(), json!({}))).unwrap();
    let text = open_in(&question, BY, b"somebody is contained", &key).unwrap_err().text;
    assert!(text.contains("begin the search again"), "{text}");
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

/// A dozen people, of whom all but one may read.
fn dozen() -> Snapshot {
    let text = r#"@id("read") permit (principal is user, action == Action::"read", resource is record);
                  @id("not-7") forbid (principal == user::"u07", action, resource);"#;
    let users: Vec<String> = (0..12).map(|it| format!("u{it:02}")).collect();
    let known: Vec<_> = users.iter().map(|it| ("user", it.as_str())).collect();
    Snapshot { access: Arc::new(build::access(text, &known)), ..World::default().snapshot() }
}

/// Looks page by page, and gives what is found with how many were looked at for each page.
async fn pages(snapshot: &Snapshot, bounds: Bounds) -> (Vec<String>, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let key = StateKey::load_or_create(&folder.path().join("pages.key")).unwrap();
    let (mut found, mut looks) = (Vec::new(), Vec::new());
    let (now, mut place) = (Timestamp::from_millis(0), open(&key, &subject(), BY).unwrap());
    loop {
        let search = read(Sought::Subject, &subject()).unwrap().search;
        let seen = look(snapshot, search, &place, (bounds, now)).await;
        found.extend(seen.found);
        looks.push(seen.looked_at);
        let Some(next) = seen.next else { return (found, looks) };
        place = place.after(next, now);
    }
}

#[tokio::test]
async fn a_page_ends_when_enough_was_done_for_it_and_the_next_one_goes_on() {
    let snapshot = dozen();
    let (whole, looks) = pages(&snapshot, BOUNDS).await;
    assert_eq!((whole.len(), looks), (11, vec![12]));
    let none = Duration::ZERO;
    // Others wait for long here: what was worked counts before they have their turn, too.
    let long = Duration::from_secs(3600);
    for (bounds, expected) in [
        (Bounds { looks: 5, ..BOUNDS }, vec![5, 5, 2]),
        (Bounds { looks: 1, ..BOUNDS }, vec![1; 12]),
        (Bounds { work: none, turn: long, ..BOUNDS }, vec![1; 12]),
        (Bounds { work: none, turn: none, ..BOUNDS }, vec![1; 12]),
        (Bounds { turn: none, ..BOUNDS }, vec![12]),
    ] {
        assert_eq!(pages(&snapshot, bounds).await, (whole.clone(), expected), "{bounds:?}");
    }
}

#[test]
fn what_was_found_is_kept_by_name_as_long_as_the_names_are_few_or_short() {
    let folder = tempfile::tempdir().unwrap();
    let key = bailiwick_connect::EvidenceKey::load_or_create(&folder.path().join("key")).unwrap();
    let evidence = crate::Evidence::new(crate::Keep::Full, Arc::new(key));
    let page = |name: &dyn Fn(usize) -> String| (0..1000).map(name).collect::<Vec<_>>();
    let kept = |all: &[String]| evidence.names(&names(all)).text().to_owned();
    let usual = page(&|it| format!("user-{it:024}"));
    assert_eq!(kept(&usual), json!(usual).to_string(), "a page of usual ids, whole");
    let street = "of the long street ".repeat(200);
    let long_ones = page(&|it| format!("user {it} {street}"));
    let long = kept(&long_ones);
    assert!(long.len() < 20_000 && long.contains("digest"), "{}", long.len());
    let mut other = long_ones;
    other.last_mut().unwrap().push('x');
    assert_ne!(long, kept(&other), "the digest is of all of them");
}
