//! The first that looks at a request: refuses heads that are read in two ways, and answers where
//! something of ours breaks.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    response::{IntoResponse as _, Response},
};
use bailiwick_connect::ClientCertificate;
use bailiwick_gateway::caught::{self, BrokeOff};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    service::Service,
};
use hyper_util::service::TowerToHyperService;
use serde_json::json;

use super::{
    faults::Faults,
    places::{Busy, Guest},
    strict,
};
use crate::admin::Peer;

/// What a request that finds no place is told.
const FULL: &str = "every connection there is room for is taken: come back later\n";

/// What is known of who is on the other end.
#[derive(Clone, Debug, Default)]
pub(super) struct Who {
    /// Whose process it is, on the admin socket. Only commands of ours are there, and nothing
    /// stands between.
    pub(super) peer: Option<Peer>,
    /// What the client showed in its handshake, and proved the key of.
    pub(super) certificate: Option<Arc<ClientCertificate>>,
}

/// What answers the requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Front {
    routes: Router,
    faults: Arc<Faults>,
    guest: Arc<Guest>,
    who: Who,
}

impl Front {
    pub(super) fn new(
        (routes, faults): (Router, Arc<Faults>),
        guest: Arc<Guest>,
        who: Who,
    ) -> Self {
        Self { routes, faults, guest, who }
    }

    /// Answers whoever asks after its place was given away: it comes back, and nothing was done.
    fn full(&self) -> Response<Kept> {
        let head = [(header::CACHE_CONTROL, "no-store"), (header::RETRY_AFTER, "1")];
        let told = (StatusCode::SERVICE_UNAVAILABLE, head, FULL).into_response();
        closing(self.kept(told, None, "/"))
    }

    async fn answer(self, mut request: Request<Incoming>, busy: Busy) -> Response<Kept> {
        if self.who.peer.is_none()
            && let Some(why) = strict::wrong(&request)
        {
            return closing(self.kept(refusal(StatusCode::BAD_REQUEST, why), Some(busy), "/"));
        }
        if let Some(peer) = self.who.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        if let Some(certificate) = &self.who.certificate {
            request.extensions_mut().insert(Arc::clone(certificate));
        }
        let (surface, ends) =
            (surface(request.uri().path()), strict::ends_its_connection(&request));
        let routes = TowerToHyperService::new(self.routes.clone());
        let busy = Some(busy);
        let answered = match caught::whole(async move { routes.call(request).await }).await {
            Ok(Ok(response)) => self.kept(response, busy, surface),
            Ok(Err(never)) => match never {},
            Err(_) => {
                self.faults.tell(surface).await;
                self.kept(broken(surface), busy, surface)
            }
        };
        if ends { closing(answered) } else { answered }
    }

    fn kept(
        &self,
        response: Response,
        busy: Option<Busy>,
        surface: &'static str,
    ) -> Response<Kept> {
        let faults = Arc::clone(&self.faults);
        response.map(|body| Kept { body: Some(body), faults, surface, _busy: busy })
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Kept>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let front = self.clone();
        match self.guest.begin() {
            Some(busy) => Box::pin(async move { Ok(front.answer(request, busy).await) }),
            None => Box::pin(async move { Ok(front.full()) }),
        }
    }
}

/// Names a way in as records may: what callers write into paths is theirs.
fn surface(path: &str) -> &'static str {
    const SURFACES: [&str; 8] =
        ["/mcp", "/lines", "/oauth2", "/access", "/api/v1", "/approve", "/metrics", "/.well-known"];
    let begins =
        |it: &&&str| path.strip_prefix(**it).is_some_and(|it| it.is_empty() || it.starts_with('/'));
    SURFACES.iter().find(begins).copied().unwrap_or("/")
}

/// Answers for something of ours that broke, as clients of each surface read it.
fn broken(surface: &str) -> Response {
    let text = "something of the governor's failed: the request is refused, and that is on record";
    let body = match surface {
        "/mcp" | "/lines" => {
            json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32603, "message": text}})
        }
        "/oauth2" => json!({"error": "server_error", "error_description": text}),
        _ => json!({"code": "fault", "title": text, "reasons": []}),
    };
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::INTERNAL_SERVER_ERROR, head, body.to_string()).into_response()
}

fn refusal(status: StatusCode, why: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], format!("{why}\n")).into_response()
}

fn closing(mut response: Response<Kept>) -> Response<Kept> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer's body, with what lasts as long as it does.
pub(super) struct Kept {
    /// None once it broke.
    body: Option<Body>,
    faults: Arc<Faults>,
    surface: &'static str,
    _busy: Option<Busy>,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        if let Ok(polled) = caught::now(|| Pin::new(body).poll_frame(context)) {
            return polled.map(|it| it.map(|it| it.map_err(|_| BrokeOff)));
        }
        self.body = None;
        let (faults, surface) = (Arc::clone(&self.faults), self.surface);
        tokio::spawn(async move { faults.tell(surface).await });
        Poll::Ready(Some(Err(BrokeOff)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Kept").field("surface", &self.surface).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_is_named_without_what_callers_wrote() {
        assert_eq!(surface("/mcp/ghp_secret"), "/mcp");
        assert_eq!(surface("/mcp"), "/mcp");
        assert_eq!(surface("/mcpx"), "/");
        assert_eq!(surface("/api/v1/tasks"), "/api/v1");
    }
}
