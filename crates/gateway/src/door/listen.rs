//! Streams on which nothing is asked: what changes for a task is told as it happens.
//!
//! Up to 2025-11-25 a client opens one by GET, since then by `subscriptions/listen`. What is told is
//! what this task would notice itself by asking again: a list that it sees otherwise than before.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bailiwick_connect::Audience;
use bailiwick_model::{Action, ActionKind, Digest, ServerName};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::value::RawValue;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::sleep,
};

use super::{Door, answered, ask::Asked, enter::Entered, refusal, stream};
use crate::{
    Listener,
    desk::Changed,
    jsonrpc::{Answer, Refused, code},
    mcp::{
        answers::Listed,
        headers,
        subscription::{self, Wanted},
    },
    seam,
    upstream::{Following, News, What},
};

/// How often a task is looked at although nothing was said: windows open and close by themselves.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long changes are collected before they are looked at.
const BREATH: Duration = Duration::from_millis(100);

/// What one look has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    /// The tools that the task sees.
    tools: bool,
    /// These have changed at a server.
    prompts: bool,
    resources: bool,
    /// So have these resources themselves.
    uris: BTreeSet<Box<str>>,
}

/// Where changes come from.
struct Sources {
    desk: Receiver<Changed>,
    news: Receiver<News>,
}

impl Door {
    /// Answers a GET with a stream of what changes.
    pub(super) async fn hear(
        self: Arc<Self>,
        audience: Audience,
        request: Request<Body>,
    ) -> Response {
        let (parts, _body) = request.into_parts();
        let caller = self.check_caller(&audience, (&parts).into());
        let caller = match caller.and_then(|it| Ok((it, self.check_server(&audience)?))) {
            Ok((caller, ())) => caller,
            Err(turned) => return turned.into_response(),
        };
        if let Err(refused) = headers::check_get(&parts.headers) {
            return refusal(&refused);
        }
        let share = self.room().share(&caller);
        let entered = Entered { caller, headers: parts.headers, body: Bytes::new(), share };
        let (listener, notes) = Listener::new();
        let answering = Box::pin(async move {
            let asked = match Asked::silent(&self, audience, &entered, listener) {
                Ok(asked) => asked,
                Err(refused) => return refusal(&refused),
            };
            match asked.follow(&Wanted::everything(), None).await {
                Ok(()) => StatusCode::ACCEPTED.into_response(),
                Err(refused) => refusal(&refused),
            }
        });
        stream::begun(notes, answering).await
    }
}

impl Asked<'_> {
    /// Answers `subscriptions/listen`: first with what is told, at the end with nothing more.
    pub(super) async fn listen(&self, id: &RawValue, params: Option<&RawValue>) -> Response {
        let wanted = match Wanted::read(params) {
            Ok(wanted) => wanted,
            Err(refused) => return refusal(&refused.with_id(Some(id))),
        };
        match self.follow(&wanted, Some(id)).await {
            Ok(()) => answered(&Answer::Result(subscription::ended(id)), id),
            Err(refused) => refusal(&refused.with_id(Some(id))),
        }
    }

    /// Tells what changes until the task's token counts no more, or the gateway stops.
    async fn follow(&self, wanted: &Wanted, id: Option<&RawValue>) -> Result<(), Refused> {
        let task = &self.caller.task;
        let _place = self.door.streams.take(task).ok_or_else(|| {
            let text = "this task has too many streams open: close one first";
            Refused::new(StatusCode::TOO_MANY_REQUESTS, code::INVALID_REQUEST, text)
        })?;
        // A newer client is asked in rounds of its calls alone.
        let _asked = id.is_none().then(|| self.can_be_asked());
        let lane = &self.door.lane;
        let mut sources = Sources { desk: lane.desk().changes(), news: lane.upstreams().news() };
        let mut seen = self.seen().await;
        // The head of an older client's stream was out before that: what changed in between is told, too.
        if id.is_none() && !sources.are_silent() {
            seen = None;
        }
        // A server that was starting has settled by now.
        let (wanted, _following) = self.granted(wanted);
        if let Some(id) = id {
            self.listener.pass(subscription::acknowledged(&wanted, id)).await;
        }
        seam::pass("stream");
        loop {
            let look = tokio::select! {
                () = self.door.holds.stopping() => return Ok(()),
                look = sources.next(self, &wanted) => look,
            };
            let Some(look) = look.filter(|_| self.counts()) else { return Ok(()) };
            if wanted.tools && look.tools {
                let now = self.seen().await;
                if now.is_some() && now != seen {
                    seen = now;
                    self.tell(Listed::Tools, id).await;
                }
            }
            if wanted.prompts && look.prompts {
                self.tell(Listed::Prompts, id).await;
            }
            if wanted.resources && look.resources {
                self.tell(Listed::Resources, id).await;
            }
            for uri in look.uris.iter().filter(|it| self.could_read(it)) {
                self.listener.pass(subscription::updated(uri, id)).await;
            }
        }
    }

    /// Follows the resources that this task could ever read, at a server that tells of them; what
    /// is not followed is not promised.
    fn granted(&self, wanted: &Wanted) -> (Wanted, Vec<Following>) {
        let Audience::Server(server) = &self.audience else {
            return (Wanted { uris: BTreeSet::new(), ..wanted.clone() }, Vec::new());
        };
        let (mut granted, mut following) = (wanted.clone(), Vec::new());
        granted.uris.retain(|uri| {
            let could = self.reaches(server) && self.could_read(uri);
            let follows = could.then(|| self.door.lane.upstreams().follow(server, uri)).flatten();
            let is_granted = follows.is_some();
            following.extend(follows);
            is_granted
        });
        (granted, following)
    }

    /// Says whether the task could ever read a resource at this address.
    pub(super) fn could_read(&self, uri: &str) -> bool {
        let Audience::Server(server) = &self.audience else { return false };
        let (server, name) = (server.clone(), uri.to_owned());
        self.could_ever(&Action { server, kind: ActionKind::Resource, name }, None)
    }

    async fn tell(&self, listed: Listed, id: Option<&RawValue>) {
        self.listener.pass(subscription::list_changed(listed, id)).await;
    }

    /// Gives the digest of the tools that the task sees; none where that is not known now.
    async fn seen(&self) -> Option<Digest> {
        let list = self.list(Listed::Tools).await.ok()?;
        Some(Digest::of(list.get().as_bytes()))
    }

    /// Says whether the caller's token counts still.
    pub(super) fn counts(&self) -> bool {
        let desk = self.door.lane.desk();
        desk.generation(&self.caller.task) == Some(self.caller.generation)
            && !desk.has_ended(&self.caller.task)
            && desk.now() < self.caller.expires
            && !desk.has_lost_key(&self.caller.credentials)
    }

    /// Says whether a change at `server` is visible through this address.
    fn concerns(&self, server: &ServerName) -> bool {
        self.is_here(server) && self.reaches(server)
    }

    /// Says whether `server` is asked through this address.
    pub(super) fn is_here(&self, server: &ServerName) -> bool {
        match &self.audience {
            Audience::All => true,
            Audience::Server(only) | Audience::Route(only) => only == server,
        }
    }
}

impl Sources {
    /// Says whether nothing has come yet.
    fn are_silent(&self) -> bool {
        self.desk.is_empty() && self.news.is_empty()
    }

    /// Waits for something to look at, and collects what comes with it; none when nothing can.
    async fn next(&mut self, asked: &Asked<'_>, wanted: &Wanted) -> Option<Look> {
        let (mut look, mut pause) = (Look::NOTHING, Box::pin(sleep(LOOK_AGAIN)));
        loop {
            let more = tokio::select! {
                changed = self.desk.recv() => Look::at_change(changed, asked)?,
                news = self.news.recv() => Look::at_news(news, (asked, wanted))?,
                () = pause.as_mut() => {
                    // Time alone may have changed what is visible.
                    return Some(if look == Look::NOTHING { Look::TOOLS } else { look });
                }
            };
            if look == Look::NOTHING && more != Look::NOTHING {
                pause = Box::pin(sleep(BREATH));
            }
            look = look.and(more);
        }
    }
}

impl Look {
    const NOTHING: Self =
        Self { tools: false, prompts: false, resources: false, uris: BTreeSet::new() };
    const TOOLS: Self =
        Self { tools: true, prompts: false, resources: false, uris: BTreeSet::new() };
    const ALL: Self = Self { tools: true, prompts: true, resources: true, uris: BTreeSet::new() };

    fn and(mut self, more: Self) -> Self {
        self.tools |= more.tools;
        self.prompts |= more.prompts;
        self.resources |= more.resources;
        self.uris.extend(more.uris);
        self
    }

    fn at_change(changed: Result<Changed, RecvError>, asked: &Asked<'_>) -> Option<Self> {
        match changed {
            Ok(Changed::Task(task)) if task != asked.caller.task => Some(Self::NOTHING),
            Ok(Changed::Task(_)) => Some(Self::TOOLS),
            Ok(Changed::Everything) | Err(RecvError::Lagged(_)) => Some(Self::ALL),
            Err(RecvError::Closed) => None,
        }
    }

    fn at_news(
        news: Result<News, RecvError>,
        (asked, wanted): (&Asked<'_>, &Wanted),
    ) -> Option<Self> {
        match news {
            Ok(news) if !asked.concerns(&news.server) => Some(Self::NOTHING),
            Ok(News { what, .. }) => Some(match what {
                What::Tools => Self::TOOLS,
                What::Prompts => Self { prompts: true, ..Self::NOTHING },
                What::Resources => Self { resources: true, ..Self::NOTHING },
                What::Resource(uri) if wanted.uris.contains(&*uri) || asked.subscribes(&uri) => {
                    Self { uris: BTreeSet::from([uri]), ..Self::NOTHING }
                }
                What::Resource(_) => Self::NOTHING,
            }),
            Err(RecvError::Lagged(_)) => Some(Self::ALL),
            Err(RecvError::Closed) => None,
        }
    }
}
