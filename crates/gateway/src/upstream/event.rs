//! What servers do by themselves, for whoever pins tools and tells people.

use std::{sync::Arc, time::Duration};

use bailiwick_model::ServerName;
use tokio::sync::{mpsc, oneshot};

use super::Catalog;

/// How long a server waits until its first catalog is taken note of.
const NOTED: Duration = Duration::from_secs(5);

/// Something happened at a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum UpstreamEvent {
    /// It offers something, for the first time or something else than before.
    CatalogChanged {
        /// The server.
        server: ServerName,
        /// What it offers now.
        catalog: Arc<Catalog>,
        /// To be dropped once pins know of it: a server that comes up answers no call before.
        noted: Noted,
    },
    /// It went down, and will be started again.
    Down {
        /// The server.
        server: ServerName,
        /// Why, with the last lines it wrote to its standard error.
        why: String,
    },
    /// It runs without the confinement that was asked for.
    NotConfined {
        /// The server.
        server: ServerName,
        /// Why.
        why: String,
    },
}

/// Says, by being dropped, that a catalog was taken note of.
#[derive(Debug)]
pub struct Noted {
    _dropped: oneshot::Sender<()>,
}

impl UpstreamEvent {
    /// Makes the event of a catalog, and what becomes ready once it was taken note of.
    fn catalog(server: ServerName, catalog: Arc<Catalog>) -> (Self, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        let noted = Noted { _dropped: sender };
        (Self::CatalogChanged { server, catalog, noted }, receiver)
    }
}

/// Where events go.
#[derive(Clone, Debug)]
pub(super) struct Events(pub(super) mpsc::Sender<UpstreamEvent>);

impl Events {
    /// Tells of a catalog and waits, for a while, until it was taken note of.
    pub(super) async fn catalog(&self, server: &ServerName, catalog: &Arc<Catalog>) {
        let (event, noted) = UpstreamEvent::catalog(server.clone(), Arc::clone(catalog));
        let told = async {
            // Without a listener there is nobody to wait for.
            if self.0.send(event).await.is_ok() {
                let _dropped = noted.await;
            }
        };
        if tokio::time::timeout(NOTED, told).await.is_err() {
            tracing::warn!(%server, "nobody took note of what it offers");
        }
    }

    /// Tells of anything else.
    pub(super) async fn tell(&self, server: &ServerName, event: UpstreamEvent) {
        if self.0.send_timeout(event, NOTED).await.is_err() {
            tracing::debug!(%server, "nobody listens");
        }
    }
}
