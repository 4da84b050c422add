//! What clients tell without asking: that they gave something up, or what they were asked.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::value::RawValue;

use super::{ask::Asked, refusal, roots, running::CallName};
use crate::{
    Listener,
    asks::Client,
    jsonrpc::{Answer, RawObject, Refused, code},
    mcp::{Era, askable::Askable, headers},
    signs::Signs,
};

impl Asked<'_> {
    /// Takes note of what a client tells.
    pub(super) fn told(&self, method: &str, params: Option<&RawValue>) {
        // Since 2026-07-28 a client that hangs up has said it, and of its roots it says nothing.
        if self.era == Era::Modern {
            return;
        }
        if method == roots::CHANGED {
            return self.roots_changed();
        }
        if method != "notifications/cancelled" {
            return;
        }
        let params = params.and_then(|it| RawObject::read(it.get()).ok());
        if let Some(id) = params.and_then(|it| it.get("requestId")) {
            self.door.running.cancel(&self.caller.task, &self.name(id));
        }
    }

    /// Takes a client's answer to what a server asked during its call. Nothing decides what it
    /// says, so that it says something is on record before the server hears it.
    pub(super) async fn answer_ask(&self, id: &RawValue, answer: &Answer) -> Response {
        let (task, session) = (&self.caller.task, self.session_id());
        let name = serde_json::from_str::<String>(id.get()).ok();
        let ask = name.and_then(|name| self.door.asks.take(task, session, &name));
        let Some(ask) = ask.filter(|it| self.counts() && self.reaches(&it.server)) else {
            let text = "nothing that still waits was asked under this id";
            let refused = Refused::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, text);
            return refusal(&refused);
        };
        let asked = (&ask.server, &*ask.method);
        if let Err(error) = self.door.lane.note_answer(self.caller, asked).await {
            let text = format!("the evidence cannot be written, so nothing may happen: {error}");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return refusal(&Refused::new(status, code::INTERNAL_ERROR, text));
        }
        // Whoever waited may have left meanwhile.
        let _left = ask.answer.send(answer.clone());
        StatusCode::ACCEPTED.into_response()
    }

    /// Gives who listens to the call `id`, such that the client can cancel it by that name, and
    /// can be asked what it declared.
    pub(super) fn cancellable(&self, id: &RawValue) -> Listener {
        let listener = self.listener.clone().of_task(&self.caller.task, self.logs());
        let listener = listener.with_signs(self.params().and_then(Signs::of));
        if self.era == Era::Modern {
            return listener;
        }
        let (task, name) = (&self.caller.task, self.name(id));
        let listener = match self.door.running.enter(task, name, listener.cut()) {
            Some(place) => listener.keeping(place),
            None => listener,
        };
        listener.with_client(self.client())
    }

    /// Gives this client as servers may ask it.
    pub(super) fn client(&self) -> Client {
        Client {
            asks: Arc::clone(&self.door.asks),
            task: self.caller.task.clone(),
            session: self.session_id().map(Into::into),
            askable: self.askable(),
        }
    }

    /// Gives what a legacy client declared when its session was opened.
    pub(super) fn askable(&self) -> Askable {
        self.session().map(|it| it.askable).unwrap_or_default()
    }

    fn name(&self, id: &RawValue) -> CallName {
        CallName::new(self.session_id(), id)
    }

    pub(super) fn session_id(&self) -> Option<&str> {
        self.headers.get(&headers::SESSION).and_then(headers::text)
    }
}
