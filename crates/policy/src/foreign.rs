//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::collections::BTreeSet;

use crate::{PolicyOptions, PolicySet, PolicySource, check_when, format};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] = &[("policy-condition", condition), ("policy-file", file)];

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

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("policy", PARSERS);
}
