//! Law 7 for obligations, and what they do to arguments and results.

use proptest::{collection, option, prelude::*};

use super::*;
use crate::{Json, JsonLimits};

fn path() -> impl Strategy<Value = ArgumentPath> {
    prop::sample::select(vec!["a", "b", "b.c"]).prop_map(|it| it.parse().unwrap())
}

fn limit() -> impl Strategy<Value = ArgumentLimit> {
    let value = prop::sample::select(vec!["1", "2", "3", "\"x\""]);
    let one_of = collection::btree_set(value.prop_map(str::to_owned), 0..3);
    (option::of(-3_i64..5), option::of(-3_i64..5), option::weighted(0.3, one_of))
        .prop_map(|(min, max, one_of)| ArgumentLimit { min, max, one_of })
}

fn field() -> impl Strategy<Value = FieldPath> {
    let texts = vec!["a", "b", "a.b", "$.a", "*.b", "$.*.a"];
    prop::sample::select(texts).prop_map(|it| it.parse().unwrap())
}

fn most() -> impl Strategy<Value = Most> {
    option::of(0_u64..4).prop_map(|it| it.map_or(Most::NONE, Most::of))
}

/// Any obligations.
pub(crate) fn obligations() -> impl Strategy<Value = Obligations> {
    let from = collection::btree_set("[a-c]@[1-2]", 0..2);
    let arguments = collection::vec((path(), limit()), 0..3).prop_map(Arguments::of);
    let redact = collection::vec(field(), 0..3).prop_map(Redact::of);
    let rate = (0_u64..3, 1_u64..3).prop_map(|(calls, per)| {
        let per = std::time::Duration::from_secs(per);
        Rates::of(Rate { name: "r".to_owned(), calls, per })
    });
    let rate = option::weighted(0.3, rate).prop_map(Option::unwrap_or_default);
    let scope = prop::sample::select(vec![CredentialScope::Any, CredentialScope::ReadOnly]);
    (from, arguments, redact, most(), most(), (rate, scope)).prop_map(
        |(from, arguments, redact, rows, bytes, (rate, credential))| Obligations {
            from,
            arguments,
            redact,
            rows,
            bytes,
            rate,
            credential,
        },
    )
}

fn json() -> impl Strategy<Value = Json> {
    let text =
        prop::sample::select(vec!["x", "secret", r#"{"a":"secret"}"#, r#"[{"b":"secret"}]"#]);
    // A text of JSON may be written as a text of JSON once more, and again.
    let text = (text, 0..3_usize)
        .prop_map(|(it, times)| (0..times).fold(it.to_owned(), |it, _| Json::Text(it).canonical()));
    let leaf = prop_oneof![
        (-5_i128..8).prop_map(Json::Int),
        Just(Json::Null),
        Just(Json::Float(2.5)),
        text.prop_map(Json::Text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let member = ("[a-c]", inner.clone());
        prop_oneof![
            collection::vec(inner, 0..5).prop_map(Json::List),
            collection::btree_map(member.0, member.1, 0..4).prop_map(Json::Object),
        ]
    })
}

fn arguments() -> impl Strategy<Value = Json> {
    collection::btree_map("[a-c]", json(), 0..4).prop_map(Json::Object)
}

/// Puts the changes into the arguments.
fn changed(arguments: &Json, changes: &[Change]) -> Json {
    let mut all = arguments.clone();
    for change in changes {
        let mut at = &mut all;
        for name in change.path.names() {
            let Json::Object(members) = at else { panic!("{at}") };
            at = members.entry(name.to_owned()).or_insert_with(|| Json::Object(<_>::default()));
        }
        *at = Json::parse(change.value.as_bytes(), JsonLimits::default()).unwrap();
    }
    all
}

/// Counts the longest list, in texts that are JSON as well.
fn longest(value: &Json) -> usize {
    match value {
        Json::List(items) => items.iter().map(longest).max().unwrap_or(0).max(items.len()),
        Json::Object(members) => members.values().map(longest).max().unwrap_or(0),
        Json::Text(text) => {
            Json::parse(text.as_bytes(), JsonLimits::default()).map_or(0, |it| longest(&it))
        }
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) => 0,
    }
}

proptest! {
    /// Law 7.
    #[test]
    fn combining_obligations_is_commutative_associative_and_idempotent(
        one in obligations(),
        two in obligations(),
        three in obligations(),
    ) {
        let both = one.clone().and(two.clone());
        prop_assert_eq!(&both, &two.clone().and(one.clone()));
        prop_assert_eq!(both.and(three.clone()), one.clone().and(two.and(three)));
        prop_assert_eq!(one.clone().and(one.clone()), one.clone());
        prop_assert_eq!(one.clone().and(Obligations::NONE), one);
    }

    /// Law 7: never weaker than any part.
    #[test]
    fn arguments_that_both_together_send_as_they_are_each_alone_sends_as_they_are(
        one in obligations(),
        two in obligations(),
        given in arguments(),
    ) {
        let both = one.clone().and(two.clone());
        if both.arguments.changes(&given) == Ok(Vec::new()) {
            prop_assert_eq!(one.arguments.changes(&given), Ok(Vec::new()));
            prop_assert_eq!(two.arguments.changes(&given), Ok(Vec::new()));
        }
    }

    #[test]
    fn arguments_that_were_changed_need_no_more_changes(asks in obligations(), given in arguments()) {
        prop_assume!(asks.contradictions().is_empty());
        if let Ok(changes) = asks.arguments.changes(&given) {
            let sent = changed(&given, &changes);
            prop_assert_eq!(asks.arguments.changes(&sent), Ok(Vec::new()));
        }
    }

    /// Law 7: never weaker than any part.
    #[test]
    fn a_result_that_both_together_let_through_untouched_each_alone_does(
        one in obligations(),
        two in obligations(),
        value in json(),
    ) {
        let limits = JsonLimits::default();
        let untouched = |it: &Obligations| {
            let shaped = it.shape(value.clone(), limits);
            shaped.redacted == 0 && shaped.cut == 0
        };
        if untouched(&one.clone().and(two.clone())) {
            prop_assert!(untouched(&one) && untouched(&two));
        }
    }

    #[test]
    fn no_list_of_a_shaped_value_is_longer_than_it_may_be(most in 0_u64..3, value in json()) {
        let asks = Obligations { rows: Most::of(most), ..Obligations::NONE };
        let shaped = asks.shape(value, JsonLimits::default());
        prop_assert!(u64::try_from(longest(&shaped.value)).unwrap() <= most);
    }

    #[test]
    fn a_field_that_is_hidden_at_every_depth_is_nowhere(value in json()) {
        let asks = Obligations { redact: Redact::of(["*".parse().unwrap()]), ..Obligations::NONE };
        let text = asks.shape(Json::Object([("r".to_owned(), value)].into()), JsonLimits::default());
        prop_assert!(!text.value.canonical().contains("secret"), "{}", text.value);
    }
}

fn shaped(asks: &Obligations, text: &str) -> String {
    asks.shape_text(text, JsonLimits::default()).unwrap().value.canonical()
}

fn hiding(fields: &[&str]) -> Obligations {
    let fields = fields.iter().map(|it| it.parse().unwrap());
    Obligations { redact: Redact::of(fields), ..Obligations::NONE }
}

#[test]
fn a_path_is_found_at_every_depth_unless_it_begins_at_the_top() {
    let text = r#"{"email":"a","rows":[{"email":"b","n":1},{"customer":{"email":"c"}}]}"#;
    assert_eq!(
        shaped(&hiding(&["email"]), text),
        r#"{"email":"[redacted]","rows":[{"email":"[redacted]","n":1},{"customer":{"email":"[redacted]"}}]}"#
    );
    assert_eq!(
        shaped(&hiding(&["customer.email"]), text),
        r#"{"email":"a","rows":[{"email":"b","n":1},{"customer":{"email":"[redacted]"}}]}"#
    );
    assert_eq!(
        shaped(&hiding(&["$.email"]), text),
        r#"{"email":"[redacted]","rows":[{"email":"b","n":1},{"customer":{"email":"c"}}]}"#
    );
    assert_eq!(shaped(&hiding(&["rows"]), text), r#"{"email":"a","rows":null}"#);
}

#[test]
fn a_text_that_is_json_again_is_looked_into() {
    let text = r#"{"result":"{\"email\":\"a\"}","note":"{\"email\":\"cut off","plain":"hello"}"#;
    assert_eq!(
        shaped(&hiding(&["email"]), text),
        r#"{"note":"[redacted]","plain":"hello","result":"{\"email\":\"[redacted]\"}"}"#
    );
}

#[test]
fn json_that_was_written_as_a_text_of_json_is_looked_into() {
    let mut text = r#"{"email":"a"}"#.to_owned();
    for times in 1..8 {
        text = Json::Text(text).canonical();
        let whole = Json::Object([("r".to_owned(), Json::Text(text.clone()))].into());
        let shown = shaped(&hiding(&["email"]), &whole.canonical());
        assert!(!shown.contains(r#"\"a\"#) && shown.contains("[redacted]"), "{times}: {shown}");
    }
    for (text, shown) in [
        (r#""hello" she said"#, r#""hello" she said"#),
        (r#" "h\u0065llo""#, r#" "h\u0065llo""#),
        (r#""{\"email\":\"a"#, "[redacted]"),
        (r#""\u007b\"email\":\"a"#, "[redacted]"),
    ] {
        let whole = Json::Object([("r".to_owned(), Json::Text(text.to_owned()))].into());
        let wanted = Json::Object([("r".to_owned(), Json::Text(shown.to_owned()))].into());
        assert_eq!(shaped(&hiding(&["email"]), &whole.canonical()), wanted.canonical());
    }
}

#[test]
fn a_name_is_the_same_however_it_is_spelled() {
    let text = r#"{"\u0065mail":"a"}"#;
    assert_eq!(shaped(&hiding(&["email"]), text), r#"{"email":"[redacted]"}"#);
}

#[test]
fn what_is_no_object_or_list_cannot_be_looked_into() {
    for text in ["hello", "\"hello\"", "7", "{\"a\":1,\"a\":2}", "{} {}", ""] {
        let read = hiding(&["a"]).shape_text(text, JsonLimits::default());
        assert_eq!(read, Err(Unshaped::NotJson), "{text}");
    }
    for (text, limits) in [
        ("[1,2,3]", JsonLimits { bytes: 6, ..JsonLimits::default() }),
        ("[1,2,3]", JsonLimits { values: 3, ..JsonLimits::default() }),
        ("[[[1]]]", JsonLimits { depth: 2, ..JsonLimits::default() }),
    ] {
        assert_eq!(hiding(&["a"]).shape_text(text, limits), Err(Unshaped::TooLarge), "{text}");
    }
}

#[test]
fn lists_are_cut_wherever_they_are() {
    let asks = Obligations { rows: Most::of(2), ..Obligations::NONE };
    let cut = asks.shape_text(r#"{"rows":[[1,2,3],2,3,4]}"#, JsonLimits::default()).unwrap();
    assert_eq!((cut.value.canonical().as_str(), cut.cut), (r#"{"rows":[[1,2],2]}"#, 3));
}

#[track_caller]
fn sent(limit: ArgumentLimit, given: &str) -> Result<Vec<String>, String> {
    let limits = Arguments::of([(path_of("limit"), limit)]);
    let changes = limits.changes(&json_of(given))?;
    Ok(changes.into_iter().map(|it| it.value).collect())
}

fn path_of(text: &str) -> ArgumentPath {
    text.parse().unwrap()
}

fn json_of(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
}

#[test]
fn a_clamped_argument_is_the_nearest_that_fits() {
    let limit = || ArgumentLimit { min: Some(1), max: Some(100), one_of: None };
    for (given, instead) in [
        (r#"{"limit":500}"#, Some("100")),
        (r#"{"limit":100.5}"#, Some("100")),
        (r#"{"limit":-3}"#, Some("1")),
        (r#"{"limit":0.5}"#, Some("1")),
        ("{}", Some("100")),
        (r#"{"limit":null}"#, Some("100")),
        (r#"{"limit":7}"#, None),
        (r#"{"limit":1e2}"#, None),
    ] {
        let wanted: Vec<String> = instead.into_iter().map(str::to_owned).collect();
        assert_eq!(sent(limit(), given), Ok(wanted), "{given}");
    }
    for given in [r#"{"limit":"500"}"#, r#"{"limit":[1]}"#, r#"{"limit":true}"#] {
        assert!(sent(limit(), given).is_err(), "{given}");
    }
}

#[test]
fn a_fixed_argument_is_sent_whatever_came_and_one_of_a_few_must_be_one() {
    let fixed = || ArgumentLimit::fixed(&Json::Text("read".to_owned()));
    assert_eq!(sent(fixed(), r#"{"limit":"write"}"#), Ok(vec!["\"read\"".to_owned()]));
    assert_eq!(sent(fixed(), "{}"), Ok(vec!["\"read\"".to_owned()]));
    assert_eq!(sent(fixed(), r#"{"limit":"re\u0061d"}"#), Ok(Vec::new()));
    let few = ["1".to_owned(), "2".to_owned()].into();
    let few = || ArgumentLimit { one_of: Some(Clone::clone(&few)), ..ArgumentLimit::default() };
    assert_eq!(sent(few(), r#"{"limit":2}"#), Ok(Vec::new()));
    assert_eq!(sent(few(), r#"{"limit":3}"#), Err("`limit` must be 1 or 2".to_owned()));
}

#[test]
fn what_two_want_and_nobody_can_give_is_a_contradiction() {
    let asks = |limit: ArgumentLimit| Obligations {
        arguments: Arguments::of([("mode".parse().unwrap(), limit)]),
        ..Obligations::NONE
    };
    let fixed = |text: &str| asks(ArgumentLimit::fixed(&Json::Text(text.to_owned())));
    assert!(fixed("a").and(fixed("a")).contradictions().is_empty());
    assert_eq!(
        fixed("a").and(fixed("b")).contradictions(),
        ["no value of `mode` is left that it may have: none of all"]
    );
    let least = asks(ArgumentLimit { min: Some(9), ..ArgumentLimit::default() });
    let most = asks(ArgumentLimit { max: Some(5), ..ArgumentLimit::default() });
    assert_eq!(
        least.and(most).contradictions(),
        ["no value of `mode` is left that it may have: at least 9, at most 5"]
    );
    let part = Arguments::of([
        ("a".parse().unwrap(), ArgumentLimit::default()),
        ("a.b".parse().unwrap(), ArgumentLimit::default()),
    ]);
    assert_eq!(part.contradictions(), ["`a` and its part `a.b` cannot both be limited"]);
}

#[test]
fn what_nobody_here_can_meet_is_said() {
    let asks = Obligations { credential: CredentialScope::ReadOnly, ..Obligations::NONE };
    assert_eq!(asks.unmet(ObligationKind::MET_HERE), ["nobody here can meet `credential`"]);
    assert!(hiding(&["a"]).unmet(ObligationKind::MET_HERE).is_empty());
    assert_eq!(hiding(&["a"]).unmet(&[]), ["nobody here can meet `redact`"]);
}

#[test]
fn obligations_are_written_as_json_with_what_is_asked_for_alone() {
    let asks = Obligations {
        from: ["few@2".to_owned()].into(),
        arguments: Arguments::of([(
            "limit".parse().unwrap(),
            ArgumentLimit { max: Some(9), one_of: Some(["1".to_owned()].into()), min: None },
        )]),
        rows: Most::of(3),
        ..hiding(&["$.a.b"])
    };
    insta::assert_snapshot!(
        serde_json::to_string(&asks).unwrap(),
        @r#"{"from":["few@2"],"arguments":{"limit":{"max":9,"one_of":[1]}},"redact":["$.a.b"],"rows":3}"#
    );
}

#[test]
fn a_path_that_means_nothing_is_refused() {
    for text in ["", ".", "a..b", "a.", "rows[].email", "a.$.b"] {
        assert!(text.parse::<FieldPath>().is_err(), "{text}");
    }
    assert_eq!("$.a.*.b".parse::<FieldPath>().unwrap().to_string(), "$.a.*.b");
    assert!("a.b.c.d.e.f.g.h.i".parse::<ArgumentPath>().is_err());
}
