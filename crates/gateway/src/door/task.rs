//! Calls that go on after their answer (2026-07-28, `io.modelcontextprotocol/tasks`): their clients
//! ask for them under a name of ours, and are told what they may hear still.

use axum::response::Response;
use bailiwick_model::{Change, Obligations};
use http::StatusCode;
use serde_json::value::RawValue;

use super::{
    LIMITS,
    ask::{Asked, bad},
    json,
    named::Waiting,
    refusal,
};
use crate::{
    Call,
    jsonrpc::{Answer, RawObject, Refused, code},
    lane::GoesOn,
    mcp::{
        Era, answers,
        bridge::failed,
        client::ClientFacts,
        request_state::AskedFor,
        task_handle::{TaskHandle, Waits},
        tasks::{self, Shown, Status, Told},
    },
    obliged::About,
    upstream::Reply,
};

/// What a client wants of a call that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Get,
    Update,
    Cancel,
}

impl Wish {
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Get => "tasks/get",
            Self::Update => "tasks/update",
            Self::Cancel => "tasks/cancel",
        }
    }
}

/// A call that its client asks for, at its server.
struct At<'a> {
    handle: &'a TaskHandle,
    call: &'a Call,
    /// The name as the client knows it.
    name: &'a str,
    theirs: &'a str,
    client: ClientFacts,
    /// What of its arguments was sent otherwise than it came.
    changes: Vec<Change>,
}

impl Asked<'_> {
    /// Tells a client that its call goes on, and under which name.
    pub(super) fn goes_on(&self, call: &Call, goes_on: GoesOn) -> Answer {
        let GoesOn { decision, told, approved, owed } = goes_on;
        let waits = Waits::Server { theirs: told.task_id.clone(), approved };
        let now = self.door.lane.desk().now();
        let named = TaskHandle::of((self.caller, call), (decision, waits), (told.kept(), now));
        let named = named.and_then(|it| it.owing(owed));
        let closed = named.as_ref().and_then(|it| it.close(self.state_key()));
        match named.zip(closed) {
            Some((named, handle)) => {
                Answer::Result(told.created(Shown { handle: &handle, life: named.life(now) }))
            }
            None => failed(self.era, call.method(), "The call goes on, and cannot be named."),
        }
    }

    /// Answers what a client wants of a call that goes on.
    pub(super) async fn of_task(
        &self,
        id: &RawValue,
        method: &str,
        params: Option<&RawValue>,
    ) -> Response {
        let wish = match method {
            "tasks/update" => Wish::Update,
            "tasks/cancel" => Wish::Cancel,
            _ => Wish::Get,
        };
        match self.task(wish, params).await {
            Ok(answer) => json(StatusCode::OK, answer.body(Some(id))),
            Err(refused) => refusal(&refused.with_id(Some(id))),
        }
    }

    async fn task(&self, wish: Wish, params: Option<&RawValue>) -> Result<Answer, Refused> {
        let params = params.filter(|it| tasks::are_declared(it)).ok_or_else(tasks::not_declared)?;
        self.not_too_often()?;
        let handle = self.handle(params)?;
        let call = named_call(&handle)?;
        let name = RawObject::read(params.get()).ok().and_then(|it| it.text("taskId"));
        let name = name.unwrap_or_default();
        let theirs = match &handle.waits {
            Waits::Server { theirs, .. } => theirs,
            Waits::Person { hold, run, .. } => {
                let waiting = Waiting { handle: &handle, call: &call, name: &name, hold, run };
                return Ok(self.at_person(wish, &waiting).await);
            }
        };
        let client = self.client_facts(&handle.server, params);
        let changes = handle.owed.changes();
        let at = At { handle: &handle, call: &call, name: &name, theirs, client, changes };
        self.at_server(wish, params, &at).await
    }

    /// Opens the name that a client asks under.
    fn handle(&self, params: &RawValue) -> Result<TaskHandle, Refused> {
        let unknown = || bad("no call of yours goes on under this `taskId`");
        let name = RawObject::read(params.get()).ok().and_then(|it| it.text("taskId"));
        let key = (self.state_key(), self.door.lane.desk().now());
        let handle = name.and_then(|it| TaskHandle::open(&it, self.caller, key));
        handle.filter(|it| self.is_here(&it.server)).ok_or_else(unknown)
    }

    async fn at_server(
        &self,
        wish: Wish,
        params: &RawValue,
        at: &At<'_>,
    ) -> Result<Answer, Refused> {
        let asks = match self.hears(wish, (at.handle, at.call)).await {
            Ok(asks) => asks,
            Err(refused) => return Ok(refused),
        };
        let answers = match wish {
            Wish::Update => Some(self.answers(params, at).await?),
            Wish::Get | Wish::Cancel => None,
        };
        let asked = tasks::asking(at.theirs, answers.as_deref(), &at.client);
        let (server, method) = (&at.handle.server, wish.method());
        let reply = self
            .door
            .lane
            .upstreams()
            .plain(server, (method, Some(&asked)), self.listener.share())
            .await;
        let reply = reply.map_err(|error| {
            Refused::new(StatusCode::OK, code::INTERNAL_ERROR, error.to_string())
        })?;
        let result = match (reply, wish) {
            (Reply::Error(error), _) => {
                let error = about(at, &asks).obliged(Reply::Error(error));
                return Ok(self.back(server, method, error).await);
            }
            (Reply::Result(_), Wish::Update | Wish::Cancel) => {
                return Ok(Answer::Result(answers::empty(Era::Modern)));
            }
            (Reply::Result(result), Wish::Get) => result,
        };
        // Its task may have ended while the server was asked.
        Ok(match self.hears(wish, (at.handle, at.call)).await {
            Ok(asks) => self.where_it_stands(at, &result, &asks),
            Err(refused) => refused,
        })
    }

    /// Gives under which obligations it is told what became of a call, or refuses to tell it.
    pub(super) async fn hears(
        &self,
        wish: Wish,
        (handle, call): (&TaskHandle, &Call),
    ) -> Result<Obligations, Answer> {
        match self.door.lane.may_hear(self.caller, call, handle.approved()).await {
            // What was asked for then is asked for still.
            Ok(asks) => Ok(handle.owed.with(&asks)),
            Err(refusal) => Err(self.refused(refusal, wish.method(), call).await),
        }
    }

    /// Writes where a call stands, under the name that its client knows.
    fn where_it_stands(&self, at: &At<'_>, result: &RawValue, asks: &Obligations) -> Answer {
        let fault = |why: &str| {
            let text = format!("the server does not say where the call stands: {why}");
            Answer::error(code::INTERNAL_ERROR, &text, None)
        };
        let Some(mut told) = Told::read(result) else { return fault("its words cannot be read") };
        let obliged = match obliged(at, (&told, result), asks) {
            Ok(obliged) => obliged,
            Err(why) => return fault(why),
        };
        let result = obliged.as_deref().unwrap_or(result);
        if asks.look_inside() {
            told = told.wordless();
        }
        if told.status == Status::InputRequired {
            let asked = RawObject::read(result.get()).ok();
            let asked = asked.map(|it| AskedFor::read(&it, &at.client.capabilities));
            if let Some(Err(why)) = asked {
                return fault(&why.to_string());
            }
        }
        let life = at.handle.life(self.door.lane.desk().now());
        told.detailed(Shown { handle: at.name, life }, result)
            .map_or_else(|error| fault(&error.to_string()), Answer::Result)
    }

    /// Gives what a client answers to its server's question. Nothing decides what it says, so that it
    /// says something is on record before the server hears it.
    async fn answers(&self, params: &RawValue, at: &At<'_>) -> Result<Box<RawValue>, Refused> {
        if !at.client.capabilities.can_be_asked() {
            return Err(bad("this server may ask this client for nothing"));
        }
        let answers = RawObject::read(params.get()).ok().and_then(|it| it.get("inputResponses"));
        let answers = answers.filter(|it| it.get().starts_with('{'));
        let answers = answers.ok_or_else(|| bad("`params.inputResponses` must be an object"))?;
        let asked = (&at.handle.server, "tasks/update");
        match self.door.lane.note_answer(self.caller, asked).await {
            Ok(()) => Ok(answers.to_owned()),
            Err(error) => {
                let text =
                    format!("the evidence cannot be written, so nothing may happen: {error}");
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(Refused::new(status, code::INTERNAL_ERROR, text))
            }
        }
    }
}

fn about<'a>(at: &'a At<'_>, asks: &'a Obligations) -> About<'a> {
    About { decision: &at.handle.decision, method: "tools/call", asks, changes: &at.changes }
}

/// Does to what a server says of a call that is over what its obligations want: nothing where they
/// want nothing of it.
fn obliged(
    at: &At<'_>,
    (told, said): (&Told, &RawValue),
    asks: &Obligations,
) -> Result<Option<Box<RawValue>>, &'static str> {
    const UNREADABLE: &str = "its words cannot be read";
    if asks.is_nothing() {
        return Ok(None);
    }
    let object = RawObject::read(said.get()).map_err(|_| UNREADABLE)?;
    let (name, wrap): (_, fn(Box<RawValue>) -> Reply) = match told.status {
        Status::Completed => ("result", Reply::Result),
        Status::Failed => ("error", Reply::Error),
        Status::InputRequired if asks.look_inside() => {
            return Err("it asks for something in words that are withheld");
        }
        Status::InputRequired | Status::Working | Status::Cancelled => return Ok(None),
    };
    let Some(came) = object.get(name) else { return Ok(None) };
    let (Reply::Result(shown) | Reply::Error(shown)) =
        about(at, asks).oblige(wrap(came.to_owned())).reply;
    object.with(name, &shown).map(Some).map_err(|_| UNREADABLE)
}

/// Reads the call that a name stands for. It is judged again before anything is told of it.
fn named_call(handle: &TaskHandle) -> Result<Call, Refused> {
    Call::read(handle.server.clone(), "tools/call", handle.params.clone(), LIMITS)
        .map_err(|error| bad(error.to_string()))
}
