//! What clients up to 2025-11-25 are told while a call of theirs waits for a person.

use std::time::Duration;

use bailiwick_model::HoldId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::input_required::link_text;
use crate::{
    jsonrpc::{Answer, RawObject, raw_of},
    listener::Note,
};

/// A person must open a link first: known to 2025-11-25 and to no other revision.
pub(crate) const LINK_NEEDED: i64 = -32042;

#[derive(Serialize)]
struct Links<'a> {
    elicitations: [Link<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    mode: &'static str,
    elicitation_id: &'a HoldId,
    url: &'a str,
    message: &'a str,
}

/// Answers that a person must open a link, and the client come again.
pub(crate) fn link_needed(hold: &HoldId, url: &str) -> Answer {
    let message = &link_text(hold);
    let link = Link { mode: "url", elicitation_id: hold, url, message };
    Answer::error(LINK_NEEDED, message, Some(&raw_of(&Links { elicitations: [link] })))
}

/// Gives the token under which a client wants to hear how its call fares: a text or a number.
pub(crate) fn progress_token(params: &RawValue) -> Option<Box<RawValue>> {
    let meta = RawObject::read(params.get()).ok()?.get("_meta")?;
    let meta = RawObject::read(meta.get()).ok()?;
    let token = meta.get("progressToken")?;
    let names = |it: char| it == '"' || it == '-' || it.is_ascii_digit();
    token.get().starts_with(names).then(|| token.to_owned())
}

#[derive(Serialize)]
struct Notification<'a> {
    jsonrpc: &'static str,
    method: &'static str,
    params: Told<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told<'a> {
    progress_token: &'a RawValue,
    progress: f64,
    message: String,
}

/// Tells that a call waits, and for how many seconds more at most. Progress must grow, and the server may
/// begin to tell of its own at nothing: so these are numbers below that.
pub(crate) fn still_waiting(token: &RawValue, hold: &HoldId, left: Duration) -> Note {
    progressed(token, -left.as_secs_f64(), format!("waiting for a person: {hold}"))
}

/// Tells why a call takes time.
pub(crate) fn goes_on(token: &RawValue, progress: f64, why: &str) -> Note {
    progressed(token, progress, why.to_owned())
}

fn progressed(token: &RawValue, progress: f64, message: String) -> Note {
    let params = Told { progress_token: token, progress, message };
    let method = "notifications/progress";
    Note::new(raw_of(&Notification { jsonrpc: "2.0", method, params }).get())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> HoldId {
        "hold_01JD9100000000000000000000".parse().unwrap()
    }

    #[test]
    fn a_link_is_asked_for_with_an_error_of_its_own() {
        let answer =
            link_needed(&hold(), "https://gov.example.org/approve/hold_01JD9100000000000000000000");
        let body = String::from_utf8(answer.body(None)).unwrap();
        insta::assert_snapshot!(body, @r#"{"jsonrpc":"2.0","error":{"code":-32042,"message":"This call waits for a person. The ticket is hold_01JD9100000000000000000000.","data":{"elicitations":[{"mode":"url","elicitationId":"hold_01JD9100000000000000000000","url":"https://gov.example.org/approve/hold_01JD9100000000000000000000","message":"This call waits for a person. The ticket is hold_01JD9100000000000000000000."}]}}}"#);
    }

    #[test]
    fn what_a_call_waits_for_is_told_below_nothing_and_rising() {
        let token = RawValue::from_string("\"t\"".to_owned()).unwrap();
        let told = |left| still_waiting(&token, &hold(), Duration::from_millis(left));
        insta::assert_snapshot!(told(35_250).message(), @r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":-35.25,"message":"waiting for a person: hold_01JD9100000000000000000000"}}"#);
        let progress = |left| {
            let told: serde_json::Value = serde_json::from_str(told(left).message()).unwrap();
            told["params"]["progress"].as_f64().unwrap()
        };
        assert!(progress(50_000) < progress(49_999) && progress(1) < progress(0));
    }

    #[test]
    fn only_a_token_that_was_sent_is_used() {
        let token = |params: &str| {
            let params = RawValue::from_string(params.to_owned()).unwrap();
            progress_token(&params).map(|it| it.get().to_owned())
        };
        assert_eq!(token(r#"{"_meta":{"progressToken":7}}"#).as_deref(), Some("7"));
        for none in ["{}", r#"{"_meta":{}}"#, r#"{"_meta":7}"#, r#"{"progressToken":7}"#] {
            assert_eq!(token(none), None);
        }
        for none in ["null", "true", "{}", "[]"] {
            assert_eq!(
                token(&format!(r#"{{"_meta":{{"progressToken":{none}}}}}"#)),
                None,
                "{none}"
            );
        }
    }
}
