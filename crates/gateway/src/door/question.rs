//! A server of 2026-07-28 that wants to know more first, and a client that knows no rounds: it is asked
//! on the stream of its own call, and the call goes on with what it answers.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{
    LIMITS,
    ask::Asked,
    hold::{Came, Coming},
};
use crate::{
    Call, Listener,
    jsonrpc::{Answer, RawObject, raw_of},
    lane::Answered,
    listener::Note,
    mcp::{
        bridge::{self, ResultKind},
        client::ClientCapabilities,
        request_state::{AskedFor, ROUNDS_MAX, Unaskable},
    },
    signs,
    upstream::Reply,
};

/// What a server asks for did not become known.
#[derive(Debug, thiserror::Error)]
enum NotAnswered {
    /// The client cannot be asked that.
    #[error(transparent)]
    Unaskable(#[from] Unaskable),
    /// It said no, or nothing.
    #[error("the client gave no answer to what it asks for")]
    Nothing,
}

impl Asked<'_> {
    /// Has the client answer whatever the server of its call asks for, as often as any client would.
    pub(super) async fn answered_directly(
        &self,
        coming: &Coming<'_>,
        mut answered: Answered,
    ) -> Came {
        for _ in 0..ROUNDS_MAX {
            let Answered::Reply(decision, Reply::Result(result), _) = &answered else { break };
            if !ResultKind::of(result).is_ok_and(|it| it == ResultKind::InputRequired) {
                break;
            }
            answered = match self.ask_for(coming, result).await {
                Ok(call) => self.stays(coming, &call).await,
                Err(why) => {
                    let text = format!("The server did not answer: {why}.");
                    let answer = bridge::failed(self.era, coming.call.method(), &text);
                    return Came::Asked(decision.clone(), answer);
                }
            };
        }
        // One that asks on and on is told of as one that asks for what nobody can be asked.
        Came::Answered(answered)
    }

    /// Asks the client, and gives the call with what it answers.
    async fn ask_for(&self, coming: &Coming<'_>, result: &RawValue) -> Result<Call, NotAnswered> {
        let (call, server) = (coming.call, &coming.call.action().server);
        let object = RawObject::read(result.get()).map_err(|_| Unaskable::Unreadable)?;
        let mut asked = AskedFor::read(&object, &self.session_capabilities(server))?;
        let upstreams = self.door.lane.upstreams();
        let (listener, _under_way) =
            upstreams.called(server, &coming.listener).ok_or(NotAnswered::Nothing)?;
        let questions = object.get("inputRequests").map_or("{}", RawValue::get);
        let questions = RawObject::read(questions).map_err(|_| Unaskable::Unreadable)?;
        let mut answers = BTreeMap::new();
        for (name, question) in questions.members() {
            let asking = self.question(&listener, question);
            let wait = upstreams.spec(server).map(|it| it.call_timeout).unwrap_or_default();
            let answer = tokio::select! {
                answer = tokio::time::timeout(wait, asking) => answer,
                () = listener.was_cut() => return Err(NotAnswered::Nothing),
            };
            answers.insert(name, answer.map_err(|_| NotAnswered::Nothing)??);
        }
        asked.answer(Some(&raw_of(&answers)));
        call.answering(asked.state(), asked.answers().as_deref(), LIMITS)
            .map_err(|_| Unaskable::TooMuch.into())
    }

    /// Asks one question. Its answer comes as a message of its own, and that it came is on record.
    async fn question(
        &self,
        listener: &Listener,
        question: &RawValue,
    ) -> Result<Box<RawValue>, NotAnswered> {
        let question = RawObject::read(question.get()).map_err(|_| Unaskable::Unreadable)?;
        let method = question.text("method").ok_or(Unaskable::Unreadable)?;
        let (mut asking, _over) = listener.ask(&method).ok_or(Unaskable::NotDeclared)?;
        listener.pass(Note::question(asking.name(), &method, question.get("params"))).await;
        let answer = tokio::select! {
            answer = asking.answered() => answer,
            never = signs::show(listener, signs::ASKED) => match never {},
        };
        match answer {
            Some(Answer::Result(answer)) => Ok(answer),
            Some(Answer::Error(_)) | None => Err(NotAnswered::Nothing),
        }
    }

    /// Gives what this session's client can be asked for, as far as the operator lets the server.
    pub(super) fn session_capabilities(
        &self,
        server: &bailiwick_model::ServerName,
    ) -> ClientCapabilities {
        let spec = self.door.lane.upstreams().spec(server);
        spec.map(|it| self.askable().capabilities().by(&it.extra_methods)).unwrap_or_default()
    }
}
