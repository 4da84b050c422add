//! A request as it goes out, and the way on which its answer comes back.

use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
};

use axum::{body::Body, response::Response};
use bailiwick_model::Obligations;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// One request to an API, as it was read and as it is sent.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// What stands behind the API's address.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What must happen along with it; known when it is sent.
    asks: OnceLock<Obligations>,
    answer: Mutex<Option<oneshot::Sender<Response<Body>>>>,
}

/// What came of a request, for the record: its answer goes another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) status: u16,
    pub(crate) bytes: u64,
}

impl Outgoing {
    pub(crate) fn new(
        (method, target): (Method, String),
        (headers, body): (HeaderMap, Bytes),
        answer: oneshot::Sender<Response<Body>>,
    ) -> Self {
        let answer = Mutex::new(Some(answer));
        Self { method, target, headers, body, asks: OnceLock::new(), answer }
    }

    /// Says how many bytes it has.
    pub(crate) fn size(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        headers.fold(self.target.len().saturating_add(self.body.len()), usize::saturating_add)
    }

    /// Says what must happen along with it.
    pub(crate) fn owes(&self, asks: &Obligations) {
        // It is let through once.
        let _said = self.asks.set(asks.clone());
    }

    /// Gives what must happen along with it.
    pub(crate) fn asks(&self) -> &Obligations {
        const NONE: &Obligations = &Obligations::NONE;
        self.asks.get().unwrap_or(NONE)
    }

    /// Gives the answer to whoever asked; says whether anybody waits for it.
    pub(crate) fn answer(&self, response: Response<Body>) -> bool {
        let waiting = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.is_some_and(|it| it.send(response).is_ok())
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = out.debug_struct("Outgoing");
        shown.field("method", &self.method).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Summary {
    /// Reads what `upstream` wrote.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
