//! What a server asked for: it goes to the client with the server's question, closed, and comes back
//! with the answers.
//!
//! Answers reach a server only under names that it asked for, and only with the very call that it
//! asked about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    jsonrpc::{RawObject, raw_of},
    mcp::client::{ClientCapabilities, ClientCapability},
};

/// How many questions one round may have.
const NAMES_MAX: usize = 32;
const NAME_MAX: usize = 128;
const STATE_MAX: usize = 16 << 10;

/// What a server asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedFor {
    /// The server's own state.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    state: Option<String>,
    /// The names under which it wants answers.
    names: Vec<String>,
    /// The answers, once they were given and a person is waited for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    answers: Option<String>,
}

/// The client cannot be asked that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unaskable {
    /// It did not declare that it could.
    #[error("it asks for something that this client did not say it could be asked for")]
    NotDeclared,
    /// Nobody could read what is asked.
    #[error("what it asks for cannot be read")]
    Unreadable,
    /// It asks for too much at once.
    #[error("it asks for too much at once")]
    TooMuch,
}

impl AskedFor {
    /// Reads what a result asks a client for.
    pub(crate) fn read(
        result: &RawObject<'_>,
        client: &ClientCapabilities,
    ) -> Result<Self, Unaskable> {
        let state = result.get("requestState").map(|it| serde_json::from_str::<String>(it.get()));
        let state = state.transpose().map_err(|_| Unaskable::Unreadable)?;
        let mut names = Vec::new();
        if let Some(requests) = result.get("inputRequests") {
            let requests = RawObject::read(requests.get()).map_err(|_| Unaskable::Unreadable)?;
            for (name, request) in requests.members() {
                let wanted = wanted(request).ok_or(Unaskable::Unreadable)?;
                if !client.has(wanted) {
                    return Err(Unaskable::NotDeclared);
                }
                names.push(name.to_owned());
            }
        }
        let too_long = |it: &String| NAME_MAX < it.len();
        let too_much = NAMES_MAX < names.len() || names.iter().any(too_long);
        if too_much || state.as_ref().is_some_and(|it| STATE_MAX < it.len()) {
            return Err(Unaskable::TooMuch);
        }
        if state.is_none() && names.is_empty() {
            return Err(Unaskable::Unreadable);
        }
        Ok(Self { state, names, answers: None })
    }

    /// Takes what the client answers, as far as it was asked; what was answered before stays.
    pub(crate) fn answer(&mut self, answers: Option<&RawValue>) {
        let Some(answers) = answers.filter(|_| self.answers.is_none()) else { return };
        // Whoever asked is not answered by what nobody can read, and asks again.
        let Ok(answers) = RawObject::read(answers.get()) else { return };
        let asked = |name: &&str| self.names.iter().any(|it| it == name);
        let asked: BTreeMap<_, _> = answers.members().filter(|(name, _)| asked(name)).collect();
        self.answers = Some(raw_of(&asked).get().to_owned());
    }

    /// Gives the server's own state.
    pub(crate) fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Gives the answers, as they are sent to the server.
    pub(crate) fn answers(&self) -> Option<Box<RawValue>> {
        self.answers.clone().and_then(|it| RawValue::from_string(it).ok())
    }
}

/// Gives what a client must have declared to be asked this.
fn wanted(request: &RawValue) -> Option<ClientCapability> {
    let request = RawObject::read(request.get()).ok()?;
    match request.text("method")?.as_str() {
        "roots/list" => Some(ClientCapability::Roots),
        "sampling/createMessage" => Some(ClientCapability::Sampling),
        "elicitation/create" => {
            let params = RawObject::read(request.get("params")?.get()).ok()?;
            let by_link = params.text("mode").as_deref() == Some("url");
            Some(if by_link {
                ClientCapability::ElicitationUrl
            } else {
                ClientCapability::ElicitationForm
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn asked(result: &str, declared: &str) -> Result<AskedFor, Unaskable> {
        let client = ClientCapabilities::read(&raw(declared));
        let result = RawObject::read(result).map_err(|_| Unaskable::Unreadable)?;
        AskedFor::read(&result, &client)
    }

    const FORM: &str = r#"{"inputRequests":{"name":{"method":"elicitation/create","params":{"message":"?"}}},"requestState":"theirs"}"#;

    #[test]
    fn only_what_was_asked_for_is_answered_and_only_once() {
        let mut form = asked(FORM, r#"{"elicitation":{}}"#).unwrap();
        assert_eq!((form.state(), form.answers().is_none()), (Some("theirs"), true));
        form.answer(Some(&raw(r#"{"other":1,"name":{ "action":"accept" }}"#)));
        assert_eq!(form.answers().unwrap().get(), r#"{"name":{ "action":"accept" }}"#);
        form.answer(Some(&raw(r#"{"name":{"action":"decline"}}"#)));
        assert_eq!(form.answers().unwrap().get(), r#"{"name":{ "action":"accept" }}"#);
        let mut unread = asked(FORM, r#"{"elicitation":{}}"#).unwrap();
        unread.answer(Some(&raw("7")));
        unread.answer(None);
        assert!(unread.answers().is_none());
    }

    #[test]
    fn nobody_is_asked_for_what_they_did_not_declare() {
        assert_eq!(asked(FORM, "{}"), Err(Unaskable::NotDeclared));
        assert_eq!(asked(FORM, r#"{"sampling":{}}"#), Err(Unaskable::NotDeclared));
        let link = FORM.replace(r#""message":"?""#, r#""mode":"url","url":"https://e.example""#);
        assert_eq!(asked(&link, r#"{"elicitation":{"form":{}}}"#), Err(Unaskable::NotDeclared));
        assert!(asked(&link, r#"{"elicitation":{"url":{}}}"#).is_ok());
        let roots = r#"{"inputRequests":{"r":{"method":"roots/list"}}}"#;
        assert!(asked(roots, r#"{"roots":{}}"#).is_ok());
    }

    #[test]
    fn a_question_that_nobody_can_read_is_not_asked() {
        let all = r#"{"roots":{},"sampling":{},"elicitation":{}}"#;
        for odd in [
            "{}",
            r#"{"inputRequests":{}}"#,
            r#"{"inputRequests":7}"#,
            r#"{"requestState":7}"#,
            r#"{"inputRequests":{"x":{"method":"tools/call"}}}"#,
            r#"{"inputRequests":{"x":7}}"#,
        ] {
            assert_eq!(asked(odd, all), Err(Unaskable::Unreadable), "{odd}");
        }
        let long = format!(r#"{{"requestState":"{}"}}"#, "x".repeat(STATE_MAX + 1));
        assert_eq!(asked(&long, all), Err(Unaskable::TooMuch));
    }

    proptest! {
        #[test]
        fn any_result_is_read_or_not(text in r#"\{("(inputRequests|requestState)":(1|"x"|\{"a":\{"method":"roots/list"\}\}),?){0,2}\}"#) {
            if let Ok(result) = RawObject::read(&text) {
                let _ = AskedFor::read(&result, &ClientCapabilities::default());
            }
        }
    }
}
