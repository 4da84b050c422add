//! Calls that take several rounds (2026-07-28): what a client brings back, and what it is given to
//! bring back.

use std::collections::BTreeMap;

use bailiwick_model::{DecisionId, HoldId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::client::ClientCapabilities;
use crate::jsonrpc::{RawError, RawObject, raw_of};

const STATE: &str = "requestState";
const REQUESTS: &str = "inputRequests";
const RESPONSES: &str = "inputResponses";

/// What a retry brings along beside the call itself.
#[derive(Clone, Debug)]
pub(crate) struct Echoed {
    /// The state, as it was given out.
    pub(crate) state: String,
    /// What the client answered to what it was asked for.
    pub(crate) answers: Option<Box<RawValue>>,
}

/// What a request says beside the call itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// What a retry brings back.
    pub(crate) echoed: Option<Echoed>,
    /// Answers that come without a state: nothing was asked yet, and they wait until it is.
    pub(crate) early: Option<Box<RawValue>>,
}

/// Takes out of `params` what a retry brings along. What a client's own reader answered proves
/// nothing here.
pub(crate) fn taken(params: &RawValue) -> Result<(Box<RawValue>, Beside), RawError> {
    let object = RawObject::read(params.get())?;
    let answers = object.get(RESPONSES).map(ToOwned::to_owned);
    // A state that is no text stays in as well.
    let Some(state) = object.text(STATE) else {
        return Ok((object.without(RESPONSES)?, Beside { echoed: None, early: answers }));
    };
    let params = object.without(STATE)?;
    let params = RawObject::read(params.get())?.without(RESPONSES)?;
    Ok((params, Beside { echoed: Some(Echoed { state, answers }), early: None }))
}

/// Gives the retry that answers what a result asks for with `early`, where that has all of it.
pub(crate) fn answered_early(asks: &RawValue, early: &RawValue) -> Option<Echoed> {
    let (asks, answers) = (RawObject::read(asks.get()).ok()?, RawObject::read(early.get()).ok()?);
    let asked = RawObject::read(asks.get(REQUESTS)?.get()).ok()?;
    let all = asked.members().all(|(name, _)| answers.get(name).is_some());
    let state = asks.text(STATE).filter(|_| all)?;
    Some(Echoed { state, answers: Some(early.to_owned()) })
}

/// Says whether a request's sender declared in it that it opens links for its reader.
pub(crate) fn opens_links(params: Option<&RawValue>) -> bool {
    declares(params, &["_meta", "io.modelcontextprotocol/clientCapabilities"])
}

/// Says whether the sender of `initialize` declared that.
pub(crate) fn session_opens_links(params: Option<&RawValue>) -> bool {
    declares(params, &["capabilities"])
}

/// Says whether the capabilities at the end of `path` have links among them.
fn declares(params: Option<&RawValue>, path: &[&str]) -> bool {
    let below = |raw: Box<RawValue>, name: &&str| {
        RawObject::read(raw.get()).ok()?.get(name).map(ToOwned::to_owned)
    };
    let declared = params.and_then(|it| path.iter().try_fold(it.to_owned(), below));
    declared.is_some_and(|it| ClientCapabilities::read(&it).opens_links())
}

/// Tells a client to come again with the same call.
#[derive(Clone, Debug)]
pub(crate) struct ComeAgain<'a> {
    /// The closed state it must bring.
    pub(crate) state: &'a str,
    /// The ticket that a person must answer.
    pub(crate) hold: &'a HoldId,
    /// The decision that held the call.
    pub(crate) decision: &'a DecisionId,
    /// A link to show to a person: where the ticket is told of, and nothing else.
    pub(crate) link: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    result_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_requests: Option<Requests<'a>>,
    request_state: &'a str,
    #[serde(rename = "_meta")]
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct Requests<'a> {
    approval: Elicitation<'a>,
}

#[derive(Serialize)]
struct Elicitation<'a> {
    method: &'static str,
    params: Link<'a>,
}

#[derive(Serialize)]
struct Link<'a> {
    mode: &'static str,
    message: String,
    url: &'a str,
}

#[derive(Serialize)]
struct Meta<'a> {
    #[serde(rename = "dev.bailiwick/decision")]
    decision: &'a DecisionId,
    #[serde(rename = "dev.bailiwick/hold")]
    hold: &'a HoldId,
}

impl ComeAgain<'_> {
    /// Writes the result.
    pub(crate) fn result(&self) -> Box<RawValue> {
        let hold = self.hold;
        let ask = |url| Requests {
            approval: Elicitation {
                method: "elicitation/create",
                params: Link { mode: "url", message: link_text(hold), url },
            },
        };
        raw_of(&InputRequired {
            result_type: "input_required",
            input_requests: self.link.map(ask),
            request_state: self.state,
            meta: Meta { decision: self.decision, hold },
        })
    }
}

/// A question that an older server asks in the middle of a call, as newer clients are asked.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) params: Option<&'a RawValue>,
}

impl Question<'_> {
    /// Writes it. Since 2026-07-28 a link is known by its question.
    pub(crate) fn written(&self) -> Box<RawValue> {
        let params = self.params.and_then(|it| RawObject::read(it.get()).ok());
        let linked = params.filter(|_| self.method == "elicitation/create");
        let linked = linked.and_then(|it| it.without("elicitationId").ok());
        raw_of(&Question { method: self.method.clone(), params: linked.as_deref().or(self.params) })
    }
}

/// Asks a client for what is `open`, by name.
pub(crate) fn asks(
    open: &BTreeMap<String, Box<RawValue>>,
    state: &str,
    decision: &DecisionId,
) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Asks<'a> {
        result_type: &'static str,
        input_requests: &'a BTreeMap<String, Box<RawValue>>,
        request_state: &'a str,
        #[serde(rename = "_meta")]
        meta: By<'a>,
    }
    #[derive(Serialize)]
    struct By<'a> {
        #[serde(rename = "dev.bailiwick/decision")]
        decision: &'a DecisionId,
    }
    raw_of(&Asks {
        result_type: "input_required",
        input_requests: open,
        request_state: state,
        meta: By { decision },
    })
}

/// Says what a link is for, and nothing of what is asked: whoever sees it may be anybody.
pub(crate) fn link_text(hold: &HoldId) -> String {
    format!("This call waits for a person. The ticket is {hold}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn take(params: &str) -> (String, Option<String>) {
        let (params, beside) = taken(&raw(params)).unwrap();
        (params.get().to_owned(), beside.echoed.map(|it| it.state))
    }

    #[test]
    fn a_retry_is_the_same_call_once_its_state_is_taken_out() {
        let plain = (r#"{"name":"rm","arguments":{"n":1.50}}"#.to_owned(), Some("s".to_owned()));
        for retry in [
            r#"{"name":"rm","arguments":{"n":1.50},"requestState":"s"}"#,
            r#"{"requestState":"s","name":"rm","arguments":{"n":1.50}}"#,
            r#"{"name":"rm","requestState":"s","inputResponses":{"a":{"action":"accept"}},"arguments":{"n":1.50}}"#,
        ] {
            let (params, state) = take(retry);
            assert_eq!((params.replace(' ', ""), state), plain, "{retry}");
        }
    }

    #[test]
    fn what_is_no_state_stays_in_to_be_refused() {
        for odd in [
            r#"{"name":"rm","requestState":7}"#,
            r#"{"name":"rm","requestState":null}"#,
            r#"{"name":"rm"}"#,
        ] {
            assert_eq!(take(odd), (odd.to_owned(), None));
        }
        let unasked = r#"{"name":"rm","inputResponses":{"approval":{"action":"accept"}}}"#;
        assert_eq!(take(unasked), (r#"{"name":"rm"}"#.to_owned(), None));
    }

    #[test]
    fn answers_that_came_early_wait_for_their_questions_and_for_all_of_them() {
        let asks = raw(r#"{"inputRequests":{"a":{},"b":{}},"requestState":"s"}"#);
        let early = r#"{"a":{"action":"accept"},"b":7,"more":1}"#;
        let retry = answered_early(&asks, &raw(early)).unwrap();
        assert_eq!((retry.state.as_str(), retry.answers.unwrap().get()), ("s", early));
        for other in [r#"{"a":1}"#, "{}", "null", "7"] {
            assert!(answered_early(&asks, &raw(other)).is_none(), "{other}");
        }
        for nothing in ["{}", r#"{"requestState":"s"}"#, r#"{"inputRequests":{"a":{}}}"#] {
            assert!(answered_early(&raw(nothing), &raw(early)).is_none(), "{nothing}");
        }
    }

    #[test]
    fn a_client_opens_links_when_it_says_so_in_this_very_request() {
        let says = |capabilities: &str| {
            let meta =
                format!(r#"{{"io.modelcontextprotocol/clientCapabilities":{capabilities}}}"#);
            opens_links(Some(&raw(&format!(r#"{{"_meta":{meta}}}"#))))
        };
        assert!(says(r#"{"elicitation":{"form":{},"url":{}}}"#));
        for silent in [
            "{}",
            r#"{"elicitation":{}}"#,
            r#"{"elicitation":{"form":{}}}"#,
            r#"{"elicitation":{"url":true}}"#,
            "7",
        ] {
            assert!(!says(silent), "{silent}");
        }
        assert!(!opens_links(None) && !opens_links(Some(&raw("{}"))));
        assert!(session_opens_links(Some(&raw(r#"{"capabilities":{"elicitation":{"url":{}}}}"#))));
        assert!(!session_opens_links(Some(&raw(r#"{"elicitation":{"url":{}}}"#))));
    }

    #[test]
    fn a_client_is_told_to_come_again_with_a_state_and_perhaps_a_link() {
        let (hold, decision) = (
            "hold_01JD9100000000000000000000".parse().unwrap(),
            "dec_01JD90000000000000000000AA".parse().unwrap(),
        );
        let plain = ComeAgain { state: "v1.k.x", hold: &hold, decision: &decision, link: None };
        insta::assert_snapshot!(plain.result(), @r#"{"resultType":"input_required","requestState":"v1.k.x","_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA","dev.bailiwick/hold":"hold_01JD9100000000000000000000"}}"#);
        let url = "https://gov.example.org/approve/hold_01JD9100000000000000000000";
        let linked = ComeAgain { link: Some(url), ..plain };
        insta::assert_snapshot!(linked.result(), @r#"{"resultType":"input_required","inputRequests":{"approval":{"method":"elicitation/create","params":{"mode":"url","message":"This call waits for a person. The ticket is hold_01JD9100000000000000000000.","url":"https://gov.example.org/approve/hold_01JD9100000000000000000000"}}},"requestState":"v1.k.x","_meta":{"dev.bailiwick/decision":"dec_01JD90000000000000000000AA","dev.bailiwick/hold":"hold_01JD9100000000000000000000"}}"#);
    }
}
