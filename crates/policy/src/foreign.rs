//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::collections::BTreeSet;

use bailiwick_model::{Json, JsonLimits, ServerName};

use crate::{
    AcceptedTool, Offering, PolicyOptions, PolicySet, PolicySource, Schema, check_when, format,
};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] =
    &[("policy-condition", condition), ("policy-file", file), ("policy-tool", tool)];

/// The condition of an authority line. What is found wrong stands inside the text.
fn condition(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let params = BTreeSet::from(["ticket".to_owned()]);
    for error in check_when(text, &params).err().into_iter().flatten() {
        assert!(text.get(error.span.clone()).is_some(), "{error} at {:?}", error.span);
    }
}

/// A file of policies.
fn file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = PolicySource { name: "any.cedar".to_owned(), text: text.to_owned() };
    let formed = format(&source);
    if let Ok(text) = &formed {
        let again = PolicySource { name: source.name.clone(), text: text.clone() };
        assert_eq!(format(&again).ok().as_ref(), Some(text), "the common form has another form");
    }
    let compiled = PolicySet::compile(&[source], PolicyOptions::default());
    for error in formed.err().into_iter().chain(compiled.err()).flatten() {
        assert!(text.get(error.span()).is_some(), "{error} at {:?}", error.span());
    }
}

/// What a tool says it takes. Whatever it is, policies can be held against it.
fn tool(bytes: &[u8]) {
    let limits = JsonLimits { bytes: 64 << 10, depth: 64, values: 4000 };
    let Ok(input) = Json::parse(bytes, limits) else { return };
    let Ok(server) = "files".parse::<ServerName>() else { return };
    let (name, effects, input) = ("do".to_owned(), BTreeSet::new(), Some(input));
    let tools = vec![AcceptedTool { server, name, effects, to_resources: false, input }];
    let offering = Offering { tools, ..Offering::default() };
    let schema = Schema::of(&offering);
    let printed = schema.as_ref().map(Schema::text).unwrap_or_default();
    assert!(schema.is_ok_and(|it| it.json().is_ok()), "it cannot be read again: {printed}");
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("policy", PARSERS);
}
