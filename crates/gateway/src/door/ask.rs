//! One message that came in: read, and answered by whoever answers such messages.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::response::{IntoResponse, Response};
use bailiwick_connect::{Audience, Verified, random_bytes};
use bailiwick_model::{ActionKind, ServerName};
use http::{StatusCode, header::HeaderValue};
use serde_json::value::RawValue;

use super::{Door, LIMITS, answered, between::passed_on, enter::Entered, refusal, view};
use crate::{
    Call, CallError, Listener,
    jsonrpc::{Answer, Message, RawObject, Refused, code},
    lane::Refusal,
    mcp::{
        Era, Spoken, answers, askable::Askable, headers, input_required, names, param_header,
        refusal::RefusalForm, session::SessionFacts,
    },
    upstream::Catalog,
};

/// How long an opening waits for a server that is starting.
pub(super) const START_WAIT: Duration = Duration::from_secs(10);
/// How long a client may keep a list.
pub(super) const LIST_TTL: Duration = Duration::from_secs(2);

/// One message with its sender.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) door: &'a Door,
    pub(super) audience: Audience,
    pub(super) caller: &'a Arc<Verified>,
    pub(super) era: Era,
    pub(super) headers: &'a http::HeaderMap,
    message: Message<'a>,
    /// Where notes to the caller go while this is answered.
    pub(super) listener: Listener,
    /// What the session id says, once it was opened.
    session: OnceLock<Option<Arc<SessionFacts>>>,
}

impl<'a> Asked<'a> {
    /// Reads the message.
    pub(super) fn read(
        door: &'a Door,
        audience: Audience,
        entered: &'a Entered,
        listener: Listener,
    ) -> Result<Self, Refused> {
        let message = Message::read(&entered.body, LIMITS)?;
        let era = Spoken::of(&entered.headers, &message)?.era();
        let (caller, headers) = (&entered.caller, &entered.headers);
        let session = OnceLock::new();
        let asked = Self { door, audience, caller, era, headers, message, listener, session };
        asked.check_session()?;
        Ok(asked)
    }

    /// Stands for a caller who asks nothing and wants to hear what changes.
    pub(super) fn silent(
        door: &'a Door,
        audience: Audience,
        entered: &'a Entered,
        listener: Listener,
    ) -> Result<Self, Refused> {
        let message = Message::Notification { method: String::new(), params: None };
        let (caller, headers) = (&entered.caller, &entered.headers);
        let era = Era::Legacy;
        let session = OnceLock::new();
        let asked = Self { door, audience, caller, era, headers, message, listener, session };
        asked.check_session()?;
        Ok(asked)
    }

    /// A legacy session id must be one that this gateway sealed for this task. None is needed:
    /// everything it could say is in the token.
    fn check_session(&self) -> Result<(), Refused> {
        let none = !self.headers.contains_key(&headers::SESSION);
        if none || self.era == Era::Modern || self.message.method() == Some("initialize") {
            return Ok(());
        }
        if self.session().is_some() {
            return Ok(());
        }
        let text = "no such session: initialize again";
        let refused = Refused::new(StatusCode::NOT_FOUND, code::INVALID_REQUEST, text);
        Err(refused.with_id(self.message.answer_id()))
    }

    /// Gives what the session id says, where it is one of this caller's task.
    pub(super) fn session(&self) -> Option<&SessionFacts> {
        let open = || {
            let open = |id: &str| SessionFacts::decode(&self.door.seal.open(id)?);
            let facts = self.door.opened.facts(self.session_id()?, open)?;
            (facts.task == self.caller.task).then_some(facts)
        };
        self.session.get_or_init(open).as_deref()
    }

    /// Answers the message.
    pub(super) async fn answer(&self) -> Response {
        match &self.message {
            // What a client tells needs no answer.
            Message::Notification { method, params } => {
                self.told(method, *params);
                StatusCode::ACCEPTED.into_response()
            }
            Message::Response { id, answer } => self.answer_ask(id, answer).await,
            Message::Request { id, method, params } => self.request(id, method, *params).await,
        }
    }

    async fn request(&self, id: &RawValue, method: &str, params: Option<&RawValue>) -> Response {
        let result = match (method, self.era) {
            ("initialize", Era::Legacy) => return self.initialize(id, params).await,
            ("server/discover", Era::Modern) => {
                Ok(answers::discover(self.offered().await, LIST_TTL))
            }
            ("ping", Era::Legacy) => Ok(answers::empty(self.era)),
            ("logging/setLevel", Era::Legacy) => self.set_level(params),
            ("resources/subscribe" | "resources/unsubscribe", Era::Legacy) => {
                self.subscribe(method, params)
            }
            ("subscriptions/listen", Era::Modern) => return self.listen(id, params).await,
            ("tasks/get" | "tasks/update" | "tasks/cancel", Era::Modern) => {
                return self.of_task(id, method, params).await;
            }
            ("tools/call" | "resources/read" | "prompts/get", _) => {
                return self.call(id, method, params).await;
            }
            _ => match answers::Listed::by_method(method) {
                Some(listed) => self.list(listed).await,
                None => self.other(method, params).await,
            },
        };
        match result {
            Ok(result) => answered(&Answer::Result(result), id),
            Err(refused) => refusal(&refused.with_id(Some(id))),
        }
    }

    async fn initialize(&self, id: &RawValue, params: Option<&RawValue>) -> Response {
        let wanted = params
            .and_then(|it| RawObject::read(it.get()).ok())
            .and_then(|it| it.text("protocolVersion"));
        let version = answers::negotiate(wanted.as_deref());
        let result = answers::initialize(version, self.offered().await);
        let mut response = answered(&Answer::Result(result), id);
        let facts = SessionFacts {
            version,
            task: self.caller.task.clone(),
            askable: Askable::read(params),
            opens_links: input_required::session_opens_links(params),
        };
        let sealed = random_bytes().ok().map(|random| self.door.seal.seal(&facts.encode(random)));
        // A client without a session id is served all the same.
        if let Some(value) = sealed.and_then(|it| HeaderValue::from_str(&it).ok()) {
            response.headers_mut().insert(headers::SESSION.clone(), value);
        }
        response
    }

    /// Gives what the servers behind this address offer together; of servers that the caller's
    /// task does not reach, nothing.
    async fn offered(&self) -> answers::Capabilities {
        let upstreams = self.door.lane.upstreams();
        match &self.audience {
            Audience::Server(server) if self.reaches(server) => {
                let catalog = upstreams.catalog(server, START_WAIT).await.ok();
                // Held calls go on by themselves, whatever the server knows of that.
                let read = |it: &Catalog| answers::Capabilities {
                    tasks: true,
                    subscribe: upstreams.tells_of_resources(server),
                    ..answers::Capabilities::read(&it.capabilities)
                };
                catalog.as_deref().map_or(answers::Capabilities::UNKNOWN, read)
            }
            // Resources are named by their servers alone, so they are read at their servers.
            Audience::All if upstreams.names().any(|it| self.reaches(it)) => {
                answers::Capabilities { tools: true, prompts: true, tasks: true, ..<_>::default() }
            }
            Audience::Server(_) | Audience::Route(_) | Audience::All => {
                answers::Capabilities::default()
            }
        }
    }

    /// Passes a method that the operator allowed for this server; everything else is unknown.
    async fn other(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Refused> {
        let unknown = || {
            let status =
                if self.era == Era::Modern { StatusCode::NOT_FOUND } else { StatusCode::OK };
            Refused::new(status, code::METHOD_NOT_FOUND, format!("`{method}` is not answered here"))
        };
        let Audience::Server(server) = &self.audience else { return Err(unknown()) };
        let upstreams = self.door.lane.upstreams();
        let allowed = upstreams.spec(server).is_some_and(|it| it.extra_methods.contains(method));
        if !allowed || !self.reaches(server) {
            return Err(unknown());
        }
        let params = params.map(|it| self.towards(server, it)).transpose()?;
        let asked = (method, params.as_deref());
        match self.door.lane.plain(self.caller, server, asked, self.listener.share()).await {
            Ok(reply) => match self.back(server, method, reply).await {
                Answer::Result(result) => Ok(result),
                Answer::Error(error) => Err(passed_on(&error)),
            },
            Err(error) => {
                Err(Refused::new(StatusCode::OK, code::INTERNAL_ERROR, error.to_string()))
            }
        }
    }

    /// Gives the id that an answer must carry.
    pub(super) const fn answer_id(&self) -> Option<&RawValue> {
        self.message.answer_id()
    }

    /// Gives the message's own parameters.
    pub(super) fn params(&self) -> Option<&RawValue> {
        self.message.params()
    }

    /// Finds the server that is meant, and reads the call from the very bytes it will get.
    pub(super) fn read_call(
        &self,
        method: &str,
        params: &RawValue,
    ) -> Result<(ServerName, Call), Refused> {
        let (server, params) = match &self.audience {
            Audience::Server(server) | Audience::Route(server) => {
                (server.clone(), Cow::Borrowed(params))
            }
            Audience::All => {
                let servers = self.door.lane.upstreams().names();
                let named = RawObject::read(params.get()).ok().and_then(|it| it.text("name"));
                let named = named.ok_or_else(|| bad("`params.name` must be `server__name`"))?;
                let (server, own) = names::split(&named, servers)
                    .ok_or_else(|| bad(format!("`{named}` is offered by no server here")))?;
                let parted = names::parted(params, own).map_err(|error| bad(error.to_string()))?;
                (server.clone(), Cow::Owned(parted))
            }
        };
        let params = self.towards(&server, &params)?;
        let call =
            Call::read(server.clone(), method, params, LIMITS).map_err(|error| match error {
                CallError::OtherMethod { .. }
                | CallError::Rewritten(_)
                | CallError::Unreadable(_)
                | CallError::UnknownMember { .. }
                | CallError::WrongMember { .. } => bad(error.to_string()),
            })?;
        let trace = self.headers.get(&headers::TRACE).and_then(|it| it.to_str().ok());
        Ok((server, call.traced(trace)))
    }

    /// Headers that repeat arguments must say what the body says.
    pub(super) async fn check_params(
        &self,
        server: &ServerName,
        call: &Call,
    ) -> Result<(), Refused> {
        if self.era == Era::Legacy {
            return Ok(());
        }
        let Ok(catalog) = self.door.lane.upstreams().catalog(server, START_WAIT).await else {
            return Ok(());
        };
        let tool =
            catalog.tool(&call.action().name).filter(|_| call.action().kind == ActionKind::Tool);
        let Some(tool) = tool else { return Ok(()) };
        param_header::check_params(self.headers, &tool.repeated, call.arguments())
    }

    pub(super) async fn refused(&self, refusal: Refusal, method: &str, call: &Call) -> Answer {
        let catalog =
            self.door.lane.upstreams().catalog(&call.action().server, Duration::ZERO).await;
        let output_schema = catalog.is_ok_and(|it| {
            it.tools.iter().any(|it| it.name == call.action().name && it.has_output_schema)
        });
        let view = view::of(self.door, refusal, (self.caller, call.action()));
        view.answer(RefusalForm { era: self.era, method, output_schema })
    }
}

/// Refuses parameters that no call can be read from.
pub(super) fn bad(text: impl Into<String>) -> Refused {
    Refused::new(StatusCode::OK, code::INVALID_PARAMS, text)
}
