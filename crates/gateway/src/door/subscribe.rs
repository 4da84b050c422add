//! What a client up to 2025-11-25 asks for its whole session.

use bailiwick_connect::Audience;
use http::StatusCode;
use serde_json::value::RawValue;

use super::{
    ask::{Asked, bad},
    sessions::Full,
};
use crate::{
    jsonrpc::{RawObject, Refused, code},
    mcp::{
        Era, answers,
        log_level::{LogLevel, Logs},
    },
};

impl Asked<'_> {
    /// Keeps how much of servers' logs this session hears.
    pub(super) fn set_level(&self, params: Option<&RawValue>) -> Result<Box<RawValue>, Refused> {
        let level = LogLevel::of(params)
            .ok_or_else(|| bad("`params.level` must be one of the levels of the protocol"))?;
        let session = (&self.caller.task, self.session_id());
        self.door.sessions.set_level(session, level, |it| self.is_over(it)).map_err(full)?;
        Ok(answers::empty(self.era))
    }

    /// Has this session follow a resource, or follow it no more.
    pub(super) fn subscribe(
        &self,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, Refused> {
        let uri = params.and_then(|it| RawObject::read(it.get()).ok()?.text("uri"));
        let uri = uri.ok_or_else(|| bad("`params.uri` must be a text"))?;
        let session = (&self.caller.task, self.session_id());
        if method == "resources/unsubscribe" {
            self.door.sessions.unfollow(session.0, session.1, &uri);
            return Ok(answers::empty(self.era));
        }
        let Audience::Server(server) = &self.audience else {
            return Err(bad("resources are followed at their own servers"));
        };
        if !self.reaches(server) || !self.could_read(&uri) {
            let text = "there is no such resource for this task";
            return Err(Refused::new(StatusCode::OK, code::NOT_FOUND_LEGACY, text));
        }
        let following = self.door.lane.upstreams().follow(server, &uri).ok_or_else(|| {
            let text = format!("`{server}` does not tell of single resources now");
            Refused::new(StatusCode::OK, code::METHOD_NOT_FOUND, text)
        })?;
        let followed = (uri.as_str(), following);
        self.door.sessions.follow(session, followed, |it| self.is_over(it)).map_err(full)?;
        Ok(answers::empty(self.era))
    }

    /// Says whether this session follows a resource.
    pub(super) fn subscribes(&self, uri: &str) -> bool {
        let (task, session) = (&self.caller.task, self.session_id());
        self.era == Era::Legacy && self.door.sessions.follows(task, session, uri)
    }

    /// Gives how much of servers' logs is heard during this request.
    pub(super) fn logs(&self) -> Logs {
        match self.era {
            Era::Legacy => {
                let level = self.door.sessions.level(&self.caller.task, self.session_id());
                level.map_or(Logs::Everything, Logs::From)
            }
            Era::Modern => self.said_level().map_or(Logs::Nothing, Logs::From),
        }
    }

    fn is_over(&self, task: &bailiwick_model::TaskId) -> bool {
        self.door.lane.desk().has_ended(task)
    }
}

fn full(_: Full) -> Refused {
    let text = "so much is kept of sessions that this cannot be: end one first";
    Refused::new(StatusCode::OK, code::INVALID_REQUEST, text)
}
