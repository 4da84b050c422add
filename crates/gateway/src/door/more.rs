//! Calls whose server wants to know more first (2026-07-28): its question goes to the client with a
//! state of ours around the server's, and the answer comes back with the same call.

use serde_json::value::RawValue;

use super::{
    LIMITS,
    ask::{Asked, bad},
    hold::Came,
};
use crate::{
    Call,
    jsonrpc::{Answer, RawObject, Refused, raw_of},
    lane::Answered,
    mcp::{
        bridge::{self, ResultKind},
        request_state::{AskedFor, RequestState, Unaskable},
    },
    upstream::Reply,
};

impl Asked<'_> {
    /// Gives the call as it is sent: with what its server asked for, where it did.
    pub(super) fn answering(
        call: &Call,
        last: Option<&mut RequestState>,
        answers: Option<&RawValue>,
    ) -> Result<Call, Refused> {
        let Some(asked) = last.and_then(|it| it.upstream.as_mut()) else {
            return Ok(call.clone());
        };
        asked.answer(answers);
        call.answering(asked.state(), asked.answers().as_deref(), LIMITS)
            .map_err(|error| bad(error.to_string()))
    }

    /// Passes on what the server asks for, if that is what it answered.
    pub(super) fn asked_for_more(
        &self,
        call: &Call,
        last: Option<&RequestState>,
        answered: Answered,
    ) -> Came {
        let Answered::Reply(decision, Reply::Result(result), _) = &answered else {
            return Came::Answered(answered);
        };
        let asks = ResultKind::of(result).is_ok_and(|it| it == ResultKind::InputRequired);
        if !asks {
            return Came::Answered(answered);
        }
        let asked = self.asked(call, last, result);
        let answer = asked.map_or_else(
            |why| {
                let text = format!("The server did not answer: {why}.");
                bridge::failed(self.era, call.method(), &text)
            },
            Answer::Result,
        );
        Came::Asked(decision.clone(), answer)
    }

    /// Writes the server's question with a state that binds its answer to this call.
    fn asked(
        &self,
        call: &Call,
        last: Option<&RequestState>,
        result: &RawValue,
    ) -> Result<Box<RawValue>, Unaskable> {
        let object = RawObject::read(result.get()).map_err(|_| Unaskable::Unreadable)?;
        let server = &call.action().server;
        let client = self.params().map(|it| self.client_facts(server, it)).unwrap_or_default();
        let asked = AskedFor::read(&object, &client.capabilities)?;
        let policy = self.policy();
        let state = RequestState::next(self.asking(call, &policy), last)
            .and_then(|it| it.asked_for(asked).close(self.state_key()))
            .ok_or(Unaskable::TooMuch)?;
        object.with("requestState", &raw_of(&state)).map_err(|_| Unaskable::Unreadable)
    }
}
