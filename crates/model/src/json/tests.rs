//! What JSON is read, what is refused, and that different values never share a text.

use proptest::{collection, prelude::*};

use super::*;

fn parse(text: &str) -> Result<Json, JsonError> {
    Json::parse(text.as_bytes(), JsonLimits::default())
}

#[track_caller]
fn canonical(text: &str, expected: &str) {
    assert_eq!(parse(text).unwrap().canonical(), expected);
}

#[track_caller]
fn refused(text: &[u8], why: &str) {
    let error = Json::parse(text, JsonLimits::default()).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn names_are_sorted_by_their_utf_16_units() {
    // U+1F600 is written with surrogates from 0xD83D, which sort before U+FB33.
    canonical(
        r#"{"\ufb33":7,"\ud83d\ude00":6,"ö":5,"\u20ac":4,"1":3,"\r":2,"":1}"#,
        "{\"\":1,\"\\r\":2,\"1\":3,\"ö\":5,\"€\":4,\"😀\":6,\"\u{fb33}\":7}",
    );
    canonical(r#"{"b":{"z":0,"y":0},"a":[3,1,2]}"#, r#"{"a":[3,1,2],"b":{"y":0,"z":0}}"#);
}

#[test]
fn numbers_are_written_as_ecmascript_prints_them() {
    for (text, expected) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("4.50", "4.5"),
        ("2e-3", "0.002"),
        ("0.000001", "0.000001"),
        ("1e-7", "1e-7"),
        ("1.5e-27", "1.5e-27"),
        ("333333.3333333333", "333333.3333333333"),
        ("9007199254740991", "9007199254740991"),
        ("-9007199254740993", "-9007199254740993"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
    ] {
        canonical(text, expected);
    }
}

#[test]
fn text_is_escaped_only_where_it_must_be() {
    canonical(
        r#""\u20ac$\u000f\u000aA'\u0042\"\\\/\b\t\f\r\u007f\u2028""#,
        "\"€$\\u000f\\nA'B\\\"\\\\/\\b\\t\\f\\r\u{7f}\u{2028}\"",
    );
}

#[test]
fn a_name_that_occurs_twice_is_refused_however_it_is_written() {
    refused(br#"{"a":1,"a":1}"#, "the name `a` occurs twice");
    refused(br#"{"a":1,"\u0061":2}"#, "the name `a` occurs twice");
    refused(br#"[{"x":{"":1,"":2}}]"#, "the name `` occurs twice");
}

#[test]
fn a_number_that_readers_round_differently_is_refused() {
    refused(b"18446744073709551616", "too large");
    refused(b"-9223372036854775809", "too large");
    refused(b"9007199254740992.0", "too large");
    refused(b"1e300", "too large");
    refused(b"1e999", "out of range");
}

#[test]
fn what_is_not_json_is_refused() {
    refused(b"", "EOF");
    refused(b"{} {}", "trailing");
    refused(b"{'a':1}", "key must be a string");
    refused(b"[1,]", "trailing comma");
    refused(b"01", "invalid number");
    refused(b"NaN", "expected value");
    refused(b"\"\\ud800\"", "hex escape");
    refused(b"\"\xff\"", "unicode");
    refused(b"\"\xc0\xaf\"", "unicode");
    refused(b"\xef\xbb\xbf{}", "expected value");
    refused(b"\"a\nb\"", "control character");
}

#[test]
fn nesting_size_and_number_of_values_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(64)).is_ok());
    refused(nested(65).as_bytes(), "nested too deeply");
    refused("[".repeat(1_000_000).as_bytes(), "nested too deeply");
    refused("{\"a\":".repeat(100_000).as_bytes(), "nested too deeply");

    let limits = JsonLimits { bytes: 20, depth: 9, values: 4 };
    let read = |text: &str| Json::parse(text.as_bytes(), limits);
    assert!(read("[1,2,3]").is_ok());
    assert!(read("[1,2,3,4]").is_err());
    assert!(read(r#"{"a":1}"#).is_ok());
    assert!(read(r#"{"a":1,"b":2}"#).is_err(), "names count, too");
    assert_eq!(read(&" ".repeat(21)).unwrap_err(), JsonError::TooLong { len: 21, max: 20 });
}

/// Any value that can come out of the reader, with few enough atoms that two often meet.
fn value() -> impl Strategy<Value = Json> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a\""), Just("€"), Just("😀"), Just("")];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-2_i8..3).prop_map(|it| Json::Int(it.into())),
        any::<u64>().prop_map(|it| Json::Int(it.into())),
        any::<i64>().prop_map(|it| Json::Int(it.into())),
        any::<i32>().prop_map(|it| Json::Float(f64::from(it) / 64.0)),
        name.clone().prop_map(|it| Json::Text(it.to_owned())),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let name = name.clone().prop_map(str::to_owned);
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Json::List),
            collection::btree_map(name, inner, 0..4).prop_map(Json::Object),
        ]
    })
}

/// Writes whole numbers in one way: 1 and 1.0 are one value.
fn whole(value: Json) -> Json {
    match value {
        Json::Float(number) if number.fract() == 0.0 => {
            Json::Int(format!("{number:.0}").trim_start_matches("-0").parse().unwrap_or(0))
        }
        Json::List(items) => Json::List(items.into_iter().map(whole).collect()),
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, it)| (name, whole(it))).collect())
        }
        other @ (Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_)) => {
            other
        }
    }
}

proptest! {
    #[test]
    fn a_text_is_escaped_as_every_writer_escapes_it(text in any::<String>(), plain in "[ -~\u{7f}]{0,9}") {
        for text in [text, plain] {
            let wanted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Json::Text(text).canonical(), wanted);
        }
    }

    /// Reading undoes writing, so two different values cannot be written the same.
    #[test]
    fn different_values_have_different_canonical_texts(one in value(), other in value()) {
        let (text, others) = (one.canonical(), other.canonical());
        let (one, other) = (whole(one), whole(other));
        prop_assert_eq!(whole(parse(&text).unwrap()), one.clone());
        prop_assert_eq!(text == others, one == other);
    }

    #[test]
    fn canonical_text_is_its_own_canonical_text(one in value()) {
        let text = one.canonical();
        prop_assert_eq!(parse(&text).unwrap().canonical(), text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in collection::vec(any::<u8>(), 0..200)) {
        let _ = Json::parse(&bytes, JsonLimits::default());
    }

    #[test]
    fn what_is_checked_is_what_is_read(
        one in value(),
        text in r#"[\[\]{}:,"\\u0-9a-fE.+\- \n]{0,40}"#,
        place in any::<prop::sample::Index>(),
        (depth, values) in (0_usize..6, 0_usize..40),
    ) {
        let limits = JsonLimits { bytes: 200, depth, values };
        let written = one.canonical();
        let spoiled: String = {
            let at = place.index(written.len());
            written.chars().enumerate().filter(|(it, _)| *it != at).map(|(_, it)| it).collect()
        };
        let doubled = format!("{{\"a\":{written},\"a\":{written}}}");
        for text in [text, written, spoiled, doubled] {
            let read = Json::parse(text.as_bytes(), limits).map(drop);
            prop_assert_eq!(Json::check(text.as_bytes(), limits), read);
        }
    }

    #[test]
    fn no_text_of_json_letters_makes_the_reader_panic(text in r#"[\[\]{}:,"\\u0-9a-fE.+\- \n]{0,80}"#) {
        if let Ok(value) = parse(&text) {
            let again = parse(&value.canonical()).unwrap();
            prop_assert_eq!(again.canonical(), value.canonical());
        }
    }
}
