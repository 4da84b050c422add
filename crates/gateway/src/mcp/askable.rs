//! What a legacy client can be asked for during its calls, by its own word.

use serde_json::value::RawValue;

use super::client::{ClientCapabilities, ClientCapability};
use crate::jsonrpc::RawObject;

/// What a client declared when its session was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Askable {
    elicitation: bool,
    roots: bool,
    sampling: bool,
}

impl Askable {
    /// Reads the parameters of `initialize`; what cannot be read is not declared.
    pub(crate) fn read(params: Option<&RawValue>) -> Self {
        let params = params.and_then(|it| RawObject::read(it.get()).ok());
        let declared = params.and_then(|it| it.get("capabilities"));
        let declared = declared.and_then(|it| RawObject::read(it.get()).ok());
        let has = |name| {
            declared
                .as_ref()
                .and_then(|it| it.get(name))
                .is_some_and(|it| it.get().starts_with('{'))
        };
        Self { elicitation: has("elicitation"), roots: has("roots"), sampling: has("sampling") }
    }

    /// Takes over what a newer client declared.
    pub(crate) fn of(declared: &ClientCapabilities) -> Self {
        Self {
            elicitation: declared.has(ClientCapability::ElicitationForm)
                || declared.has(ClientCapability::ElicitationUrl),
            roots: declared.has(ClientCapability::Roots),
            sampling: declared.has(ClientCapability::Sampling),
        }
    }

    /// Says whether it can be asked this.
    pub(crate) fn covers(self, method: &str) -> bool {
        match method {
            "elicitation/create" => self.elicitation,
            "roots/list" => self.roots,
            "sampling/createMessage" => self.sampling,
            _ => false,
        }
    }

    /// Gives it as newer servers are told of it: what is asked of its person is asked by a form.
    pub(crate) fn capabilities(self) -> ClientCapabilities {
        let all = [
            (self.elicitation, ClientCapability::Elicitation),
            (self.roots, ClientCapability::Roots),
            (self.sampling, ClientCapability::Sampling),
        ];
        all.into_iter().filter(|(has, _)| *has).map(|(_, it)| it).collect()
    }

    /// Writes it as one word.
    pub(crate) fn word(self) -> String {
        let letters = [(self.elicitation, 'e'), (self.roots, 'r'), (self.sampling, 's')];
        let declared = letters.into_iter().filter(|(has, _)| *has).map(|(_, letter)| letter);
        std::iter::once('-').chain(declared).collect()
    }

    /// Reads what was written as one word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let letters = word.strip_prefix('-')?;
        let has = |letter| letters.contains(letter);
        let read = Self { elicitation: has('e'), roots: has('r'), sampling: has('s') };
        (read.word() == word).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> Askable {
        Askable::read(Some(&RawValue::from_string(params.to_owned()).unwrap()))
    }

    #[test]
    fn a_client_is_asked_only_for_what_it_declared() {
        let declared = read(r#"{"capabilities":{"elicitation":{"form":{}},"roots":true}}"#);
        assert!(declared.covers("elicitation/create"));
        for other in ["sampling/createMessage", "roots/list", "ping", "tools/call"] {
            assert!(!declared.covers(other), "{other}");
        }
        for nothing in
            ["{}", r#"{"capabilities":7}"#, r#"{"capabilities":{"roots":{},"roots":{}}}"#]
        {
            assert_eq!(read(nothing), Askable::default(), "{nothing}");
        }
    }

    #[test]
    fn what_was_written_as_a_word_is_read_again_and_nothing_else_is() {
        let all = read(r#"{"capabilities":{"sampling":{},"elicitation":{},"roots":{}}}"#);
        for askable in [all, Askable::default(), Askable { roots: true, ..Askable::default() }] {
            assert_eq!(Askable::from_word(&askable.word()), Some(askable));
        }
        for other in ["", "e", "-x", "-se", "-ee"] {
            assert_eq!(Askable::from_word(other), None, "{other}");
        }
    }
}
