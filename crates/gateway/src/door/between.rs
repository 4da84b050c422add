//! What passes between a client and a server that may be of different eras.

use std::time::Duration;

use bailiwick_model::{Json, ServerName};
use http::StatusCode;
use serde_json::value::RawValue;

use super::{
    LIMITS,
    ask::{Asked, LIST_TTL, bad},
};
use crate::{
    jsonrpc::{Answer, RawObject, Refused, code},
    mcp::{
        Era,
        bridge::Between,
        client::{ClientFacts, Implementation},
        code::MISSING_CAPABILITY,
        log_level::{LogLevel, Logs},
        meta,
        revision::Revision,
        task_handle::TaskHandle,
    },
    upstream::Reply,
};

impl Asked<'_> {
    /// Writes parameters as they are decided and sent on.
    pub(super) fn towards(
        &self,
        server: &ServerName,
        params: &RawValue,
    ) -> Result<Box<RawValue>, Refused> {
        let client = match self.era {
            // What an older client said of itself it said when its session opened.
            Era::Legacy => {
                let log_level = match self.logs() {
                    Logs::From(level) => Some(level),
                    Logs::Everything | Logs::Nothing => None,
                };
                let capabilities = self.session_capabilities(server);
                let said = ClientFacts { capabilities, info: None, log_level };
                (said != ClientFacts::default()).then_some(said)
            }
            Era::Modern => {
                let said = self.client_facts(server, params);
                // What is too large for a name is answered at once, or not at all.
                if TaskHandle::names(params) {
                    Some(said)
                } else {
                    let capabilities = said.capabilities.without_tasks();
                    Some(ClientFacts { capabilities, ..said })
                }
            }
        };
        meta::carried(params, client.as_ref()).map_err(|error| bad(error.to_string()))
    }

    /// Gives how much of servers' logs this very request wants to hear.
    pub(super) fn said_level(&self) -> Option<LogLevel> {
        let meta = RawObject::read(self.params()?.get()).ok()?.get("_meta")?;
        ClientFacts::read(&RawObject::read(meta.get()).ok()?).log_level
    }

    /// Reads what a request says of its client, as far as the operator lets the server ask for it.
    pub(super) fn client_facts(&self, server: &ServerName, params: &RawValue) -> ClientFacts {
        let meta = RawObject::read(params.get()).ok().and_then(|it| it.get("_meta"));
        let meta = meta.and_then(|it| RawObject::read(it.get()).ok());
        let facts = meta.map(|it| ClientFacts::read(&it)).unwrap_or_default();
        let spec = self.door.lane.upstreams().spec(server);
        let capabilities = spec.map(|it| facts.capabilities.by(&it.extra_methods));
        ClientFacts { capabilities: capabilities.unwrap_or_default(), ..facts }
    }

    /// Writes a server's reply as this client takes it.
    pub(super) async fn back(&self, server: &ServerName, method: &str, reply: Reply) -> Answer {
        let answer = match reply {
            Reply::Result(result) => Answer::Result(result),
            Reply::Error(error) => Answer::Error(error),
        };
        self.between(server).await.back(method, answer).unwrap_or_else(|error| {
            let text = format!("the server's answer is no object: {error}");
            Answer::error(code::INTERNAL_ERROR, &text, None)
        })
    }

    /// Gives how a server speaks, as far as that is known now.
    pub(super) async fn era_of(&self, server: &ServerName) -> Era {
        self.between(server).await.server
    }

    async fn between(&self, server: &ServerName) -> Between {
        let catalog = self.door.lane.upstreams().catalog(server, Duration::ZERO).await.ok();
        let revision = catalog.as_ref().and_then(|it| Revision::from_date(&it.protocol));
        Between {
            client: self.era,
            server: if revision.is_some_and(Revision::is_modern) {
                Era::Modern
            } else {
                Era::Legacy
            },
            // Only newer clients are told with an answer which program their server is.
            server_info: catalog
                .as_ref()
                .filter(|_| self.era == Era::Modern)
                .and_then(|it| it.server_info.as_deref())
                .and_then(Implementation::read),
            ttl: LIST_TTL,
        }
    }
}

/// Gives the status under which an answer goes out: of what servers of 2026-07-28 say, only one thing
/// is the client's to mend before it asks again.
pub(super) fn status_of(era: Era, answer: &Answer) -> StatusCode {
    let lacks = |error: &RawValue| {
        let number = RawObject::read(error.get()).ok().and_then(|it| it.get("code"));
        number.is_some_and(|it| it.get() == MISSING_CAPABILITY.to_string())
    };
    match (era, answer) {
        (Era::Modern, Answer::Error(error)) if lacks(error) => StatusCode::BAD_REQUEST,
        (Era::Modern | Era::Legacy, Answer::Error(_) | Answer::Result(_)) => StatusCode::OK,
    }
}

/// Hands a server's error on.
pub(super) fn passed_on(error: &RawValue) -> Refused {
    let parsed = Json::parse(error.get().as_bytes(), LIMITS).unwrap_or(Json::Null);
    let number = match parsed.get("code") {
        Some(Json::Int(code)) => i64::try_from(*code).unwrap_or(code::INTERNAL_ERROR),
        _ => code::INTERNAL_ERROR,
    };
    let text = parsed
        .get("message")
        .and_then(Json::as_text)
        .unwrap_or("the server answered with an error");
    Refused::new(StatusCode::OK, number, text)
}
