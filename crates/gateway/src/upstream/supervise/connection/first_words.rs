//! What a child hears first, and what it turns out to be.

use std::{
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
#[derive(Debug, Default)]
pub(super) struct FirstWords {
    /// Only the older opening is said.
    older: bool,
    probing: AtomicBool,
}

impl FirstWords {
    /// Says nothing that servers of the older revisions do not know.
    pub(super) fn older() -> Self {
        Self { older: true, ..Self::default() }
    }

    /// Says whether the child that has ended was being asked what only newer ones know.
    pub(super) fn ended_it(&self) -> bool {
        self.probing.load(Ordering::Acquire)
    }

    /// Finds out how the child speaks, and opens a session where it keeps one.
    pub(super) async fn say(&self, link: &Arc<stdio::Link>) -> Result<Opened, String> {
        if self.older {
            return initialize(link).await;
        }
        self.probing.store(true, Ordering::Release);
        let asked = Request::discovering();
        let mut probe = pin!(link.ask(&asked, HANDSHAKE));
        let Ok(answered) = tokio::time::timeout(SILENCE, &mut probe).await else {
            // Most likely it is an older one. If it was only slow, it answers both, one with no.
            return match initialize(link).await {
                Ok(opened) => Ok(opened),
                Err(why) => settled(link, discovery::read(probe.await)).unwrap_or(Err(why)),
            };
        };
        self.probing.store(false, Ordering::Release);
        match settled(link, discovery::read(answered)) {
            Some(opened) => opened,
            None => initialize(link).await,
        }
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

async fn initialize(link: &Arc<stdio::Link>) -> Result<Opened, String> {
    let params = handshake::parameters();
    let opened = handshake::read(link.ask(&Request::opening(&params), HANDSHAKE).await)?;
    link.tell(request::notification("notifications/initialized", None));
    Ok(opened)
}
