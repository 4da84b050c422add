//! Which resources of one server somebody follows, and that the server is asked to tell of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{link::Link, request::Request};
use crate::{jsonrpc::raw_of, mcp::Era};

/// How many resources of one server are followed at once.
const FOLLOWED_MAX: usize = 10_000;

/// The resources that somebody follows, by how many do.
#[derive(Debug, Default)]
pub(super) struct Subscribed {
    followed: Mutex<BTreeMap<String, usize>>,
    changed: Notify,
}

/// One follower of one resource, until it is dropped.
#[derive(Debug)]
pub(crate) struct Following {
    subscribed: Arc<Subscribed>,
    uri: String,
}

impl Subscribed {
    /// Follows a resource; none where too many are followed.
    pub(super) fn follow(self: &Arc<Self>, uri: &str) -> Option<Following> {
        let mut followed = self.lock();
        if FOLLOWED_MAX <= followed.len() && !followed.contains_key(uri) {
            return None;
        }
        let followers = followed.entry(uri.to_owned()).or_default();
        *followers = followers.saturating_add(1);
        self.changed.notify_one();
        Some(Following { subscribed: Arc::clone(self), uri: uri.to_owned() })
    }

    /// Keeps the server at `link` asked for what is followed, for as long as it is polled. A new
    /// connection begins with nothing asked.
    pub(super) async fn keep_asked(&self, link: &Link, within: Duration) -> Infallible {
        if link.era() == Era::Modern {
            // It is told with the stream on which it tells of changes.
            return std::future::pending().await;
        }
        let mut asked = BTreeSet::new();
        loop {
            let wanted = self.followed();
            for uri in asked.difference(&wanted) {
                ask(link, ("resources/unsubscribe", uri), within).await;
            }
            for uri in wanted.difference(&asked) {
                ask(link, ("resources/subscribe", uri), within).await;
            }
            asked = wanted;
            self.changed.notified().await;
        }
    }

    /// Gives what is followed.
    pub(super) fn followed(&self) -> BTreeSet<String> {
        self.lock().keys().cloned().collect()
    }

    /// Waits until something else is followed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(link: &Link, (method, uri): (&str, &String), within: Duration) {
    let params = raw_of(&BTreeMap::from([("uri", uri)]));
    let Some(request) = Request::plain(method, Some(&params)) else { return };
    if let Err(error) = link.ask(&request, within).await {
        tracing::debug!(%error, method, "a server was not asked");
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = self.subscribed.lock();
        let Some(followers) = followed.get_mut(&self.uri) else { return };
        *followers = followers.saturating_sub(1);
        if *followers == 0 {
            followed.remove(&self.uri);
            self.subscribed.changed.notify_one();
        }
    }
}
