//! What servers say of changes at their own, for everyone who uses them.

use std::convert::Infallible;

use bailiwick_model::ServerName;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, broadcast};

use super::under_way::UnderWay;
use crate::jsonrpc::RawObject;

/// How much of it waits for a follower; one that is late takes everything for changed.
const KEPT: usize = 256;
/// How long the name of a resource may be.
const URI_MAX: usize = 4 << 10;

/// Something changed at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) server: ServerName,
    pub(crate) what: What,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Its tools, as far as they are known here by now.
    Tools,
    /// The list of its prompts.
    Prompts,
    /// The list of its resources.
    Resources,
    /// One resource.
    Resource(Box<str>),
}

/// What one connection hears of changes.
#[derive(Debug)]
pub(super) struct Changes {
    /// Rung when the tools should be asked for again.
    tools: Notify,
    others: broadcast::Sender<What>,
    /// Whose calls are under way meanwhile.
    pub(super) under_way: UnderWay,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            tools: Notify::new(),
            others: broadcast::channel(KEPT).0,
            under_way: UnderWay::default(),
        }
    }
}

impl Changes {
    /// Takes note of a notification; says whether it is one about changes.
    pub(super) fn told(&self, method: &str, params: Option<&RawValue>) -> bool {
        let what = match method {
            "notifications/tools/list_changed" => {
                self.notify_one();
                return true;
            }
            "notifications/prompts/list_changed" => Some(What::Prompts),
            "notifications/resources/list_changed" => Some(What::Resources),
            "notifications/resources/updated" => {
                let params = params.and_then(|it| RawObject::read(it.get()).ok());
                let uri = params.and_then(|it| it.text("uri"));
                uri.filter(|it| it.len() <= URI_MAX).map(|it| What::Resource(it.into()))
            }
            _ => return false,
        };
        // Mostly nobody follows.
        let _followers = what.map(|it| self.others.send(it));
        true
    }

    /// Says that the tools should be asked for again.
    pub(super) fn notify_one(&self) {
        self.tools.notify_one();
    }

    /// Waits until the tools should be asked for again.
    pub(super) async fn notified(&self) {
        self.tools.notified().await;
    }

    /// Hands on what else changes at `server`, for as long as it is polled.
    pub(super) async fn hand_on(&self, server: &ServerName, news: &Newsroom) -> Infallible {
        let mut others = self.others.subscribe();
        loop {
            match others.recv().await {
                Ok(what) => news.tell(server, what),
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    news.tell(server, What::Prompts);
                    news.tell(server, What::Resources);
                }
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// What a server declared of each kind of thing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kinds {
    tools: Kind,
    prompts: Kind,
    resources: Kind,
    logging: Option<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Kind {
    list_changed: bool,
    subscribe: bool,
}

impl Kinds {
    fn read(capabilities: &RawValue) -> Self {
        serde_json::from_str(capabilities.get()).unwrap_or_default()
    }
}

/// Says whether a server with these capabilities tells of single resources.
pub(super) fn is_subscribed(capabilities: &RawValue) -> bool {
    Kinds::read(capabilities).resources.subscribe
}

/// Says whether a server with these capabilities tells of changes by itself, or of what it logs.
pub(super) fn are_told(capabilities: &RawValue) -> bool {
    let kinds = Kinds::read(capabilities);
    let changes = [kinds.tools, kinds.prompts, kinds.resources];
    kinds.logging.is_some() || changes.iter().any(|it| it.list_changed || it.subscribe)
}

/// Where the news of all servers come together.
#[derive(Clone, Debug)]
pub(super) struct Newsroom(broadcast::Sender<News>);

impl Default for Newsroom {
    fn default() -> Self {
        Self(broadcast::channel(KEPT).0)
    }
}

impl Newsroom {
    pub(super) fn tell(&self, server: &ServerName, what: What) {
        // Mostly nobody follows.
        let _followers = self.0.send(News { server: server.clone(), what });
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changes_is_handed_on_and_everything_else_is_not_about_changes() {
        let (changes, room) = (Changes::default(), Newsroom::default());
        let (server, mut followed) = ("files".parse().unwrap(), room.follow());
        let updated = RawValue::from_string(r#"{"uri":"a:b"}"#.to_owned()).unwrap();
        let told = async {
            tokio::task::yield_now().await;
            assert!(changes.told("notifications/prompts/list_changed", None));
            assert!(changes.told("notifications/resources/updated", Some(&updated)));
            assert!(changes.told("notifications/resources/updated", None));
            assert!(changes.told("notifications/resources/list_changed", None));
            assert!(!changes.told("notifications/progress", Some(&updated)));
            let mut heard = Vec::new();
            for _ in 0..3 {
                heard.push(followed.recv().await.unwrap().what);
            }
            heard
        };
        let heard = tokio::select! {
            heard = told => heard,
            never = changes.hand_on(&server, &room) => match never {},
        };
        assert_eq!(heard, [What::Prompts, What::Resource("a:b".into()), What::Resources]);
    }
}
