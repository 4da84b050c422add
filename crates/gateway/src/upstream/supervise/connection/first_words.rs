//! What a child hears first, and what it turns out to be.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::upstream::{
    discovery::{self, Discovered},
    handshake::{self, Opened},
    request::{self, Request},
    stdio,
    supervise::HANDSHAKE,
};

/// How long a child may be silent before it hears the older opening as well.
const SILENCE: Duration = Duration::from_secs(3);

/// The first words of one life of a child, and how far they have come.
#[derive(Debug)]
pub(super) struct FirstWords<'a> {
    /// What the server may ask clients for.
    asks: &'a BTreeSet<String>,
    /// Only the older opening is said.
    older: bool,
    probing: AtomicBool,
}

impl<'a> FirstWords<'a> {
    /// Finds out which words the child knows.
    pub(super) const fn new(asks: &'a BTreeSet<String>) -> Self {
        Self { asks, older: false, probing: AtomicBool::new(false) }
    }

    /// Says nothing that servers of the older revisions do not know.
    pub(super) const fn older(asks: &'a BTreeSet<String>) -> Self {
        Self { older: true, ..Self::new(asks) }
    }

    /// Says whether the child that has ended was being asked what only newer ones know.
    pub(super) fn ended_it(&self) -> bool {
        self.probing.load(Ordering::Acquire)
    }

    /// Finds out how the child speaks, and opens a session where it keeps one.
    pub(super) async fn say(&self, link: &Arc<stdio::Link>) -> Result<Opened, String> {
        if self.older {
            return self.initialize(link).await;
        }
        self.probing.store(true, Ordering::Release);
        let asked = Request::discovering();
        let mut probe = pin!(link.ask(&asked, HANDSHAKE));
        let Ok(answered) = tokio::time::timeout(SILENCE, &mut probe).await else {
            // Most likely it is an older one. If it was only slow, it answers both, one with no.
            return match self.initialize(link).await {
                Ok(opened) => Ok(opened),
                Err(why) => settled(link, discovery::read(probe.await)).unwrap_or(Err(why)),
            };
        };
        self.probing.store(false, Ordering::Release);
        match settled(link, discovery::read(answered)) {
            Some(opened) => opened,
            None => self.initialize(link).await,
        }
    }

    async fn initialize(&self, link: &Arc<stdio::Link>) -> Result<Opened, String> {
        let params = handshake::parameters(self.asks);
        let opened = handshake::read(link.ask(&Request::opening(&params), HANDSHAKE).await)?;
        link.tell(request::notification("notifications/initialized", None));
        Ok(opened)
    }
}

/// Says what a newer server or a stranger is; none if it is an older one.
fn settled(link: &stdio::Link, said: Discovered) -> Option<Result<Opened, String>> {
    match said {
        Discovered::Modern(opened) => {
            link.is_modern();
            Some(Ok(opened))
        }
        Discovered::Stranger(why) => Some(Err(why)),
        Discovered::Legacy => None,
    }
}
