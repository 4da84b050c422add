//! A record, a key file and a sealed text as foreign bytes: nothing opens that no key made.

use super::{
    envelope::{Envelope, Label},
    kek::Keks,
    sealed::Sealed,
};

/// The key of nothing but these.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";

/// Reads bytes as each of them.
pub(crate) fn foreign(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(keks) = Keks::read(KEY, "it") else { return };
    let _keys_or_not = Keks::read(text, "it").map(|it| it.current().len());
    let _sealed_or_not = text.parse::<Sealed>().map(|it| it.as_str().len());
    if let Some(envelope) = Envelope::from_text(text) {
        assert!(envelope.open(&keks).is_err(), "a record that was never sealed");
        assert!(envelope.rewrapped(&keks).is_err(), "a record that was never sealed");
        let again = Envelope::from_text(&envelope.to_text());
        assert!(again.is_some_and(|it| it == envelope), "a record has one text");
    }
    let sealed = Envelope::seal(&keks, Label::key("of these bytes"), bytes);
    let opened = sealed.ok().and_then(|it| it.open(&keks).ok());
    assert!(opened.is_none_or(|it| *it == bytes), "another value came back");
}
