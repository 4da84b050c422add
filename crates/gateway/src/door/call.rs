//! A call at the door: read, taken to the lane, answered as its client takes it.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use bailiwick_model::DecisionId;
use http::{StatusCode, header::HeaderValue};
use serde_json::value::RawValue;

use super::{
    ask::{Asked, bad},
    between::status_of,
    hold::{Came, Coming},
    json, refusal,
    stream::DECISION,
};
use crate::{
    desk::seconds,
    jsonrpc::{Answer, RawError, RawObject, Refused, code},
    lane::Answered,
    mcp::{
        Era,
        input_required::{self, Beside},
        revision::Revision,
    },
};

impl Asked<'_> {
    /// Answers a call.
    pub(super) async fn call(
        &self,
        id: &RawValue,
        method: &str,
        params: Option<&RawValue>,
    ) -> Response {
        // Since 2026-07-28 hanging up is a cancellation; before, it says nothing.
        let _hang_up = (self.era == Era::Modern).then(|| self.listener.cut_on_drop());
        let (decision, answer) = match self.called(id, method, params).await {
            Ok(Some(answer)) => answer,
            // What was cancelled wants no answer.
            Ok(None) => return StatusCode::ACCEPTED.into_response(),
            Err(refused) => return refusal(&refused.with_id(Some(id))),
        };
        let mut response = json(status_of(self.era, &answer), answer.body(Some(id)));
        if let Ok(value) = HeaderValue::from_str(decision.as_str()) {
            response.headers_mut().insert(&DECISION, value);
        }
        response
    }

    /// Gives what came of a call, and by which decision; nothing where it was cancelled.
    async fn called(
        &self,
        id: &RawValue,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Option<(DecisionId, Answer)>, Refused> {
        self.not_too_often()?;
        let opens_links = self.opens_links(params);
        let params = params.ok_or_else(|| bad("`params` is missing"))?;
        let (params, Beside { echoed, early }) = match self.era {
            Era::Modern => {
                let (rest, beside) =
                    input_required::taken(params).map_err(|it| bad(it.to_string()))?;
                (Cow::Owned(rest), beside)
            }
            Era::Legacy => (Cow::Borrowed(params), Beside::default()),
        };
        let params = without_hint(&params).map_err(|it| bad(it.to_string()))?;
        let (server, call) = self.read_call(method, &params)?;
        self.check_params(&server, &call).await?;
        let coming = Coming { call: &call, listener: self.cancellable(id), opens_links };
        let mut came = self.come(&coming, echoed).await?;
        // What was answered before it was asked is as good as what is answered after.
        if let (Came::Asked(_, Answer::Result(asks)), Some(early)) = (&came, early)
            && let Some(retry) = input_required::answered_early(asks, &early)
        {
            came = self.come(&coming, Some(retry)).await?;
        }
        let answered = match came {
            Came::Again(refusal, result) => {
                return Ok(Some((refusal.decision, Answer::Result(result))));
            }
            Came::Link(refusal, answer) => return Ok(Some((refusal.decision, answer))),
            Came::Asked(decision, answer) => return Ok(Some((decision, answer))),
            Came::Answered(answered) => answered,
        };
        Ok(match answered {
            Answered::Reply(decision, reply, _) => {
                Some((decision, self.back(&server, method, reply).await))
            }
            Answered::GoesOn(goes_on) => {
                let decision = goes_on.decision.clone();
                Some((decision, self.goes_on(&call, *goes_on)))
            }
            Answered::Failed(..) | Answered::Refused(_) if self.listener.is_cut() => None,
            // The client cannot have cut it: then there was nobody to be cut from.
            Answered::Failed(decision, why) | Answered::Cut(decision, why) => {
                let text = format!("{why} ({decision})");
                Some((decision, Answer::error(code::INTERNAL_ERROR, &text, None)))
            }
            Answered::Refused(refusal) => {
                let decision = refusal.decision.clone();
                Some((decision, self.refused(refusal, method, &call).await))
            }
        })
    }

    /// Turns a caller away who was refused too often: nothing is decided, and the clock writes down
    /// how often that was.
    pub(super) fn not_too_often(&self) -> Result<(), Refused> {
        let who = &self.caller.identity;
        let Some(wait) = self.door.lane.desk().turned_away(who) else { return Ok(()) };
        let seconds = seconds(&wait);
        let text = format!(
            "`{who}` was refused so often that nothing is decided for it now: come back in {seconds} s"
        );
        // Some clients hang up on anything but 200.
        let refused = Refused::new(StatusCode::OK, code::TURNED_AWAY, text);
        Err(refused.with_data(&serde_json::json!({"retry_after_seconds": seconds})))
    }

    /// Says whether this client opens links for its reader, and is told of one in a way it knows.
    fn opens_links(&self, params: Option<&RawValue>) -> bool {
        match self.era {
            Era::Modern => input_required::opens_links(params),
            Era::Legacy => self
                .session()
                .is_some_and(|it| it.opens_links && it.version == Revision::LEGACY_NEWEST),
        }
    }
}

/// Leaves out a hint of the revision before, which servers are to pass over.
fn without_hint(params: &RawValue) -> Result<Cow<'_, RawValue>, RawError> {
    const HINT: &str = "task";
    let object = RawObject::read(params.get())?;
    match object.get(HINT) {
        None => Ok(Cow::Borrowed(params)),
        Some(_) => object.without(HINT).map(Cow::Owned),
    }
}
