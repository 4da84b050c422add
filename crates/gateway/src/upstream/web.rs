//! The way to an HTTP API: one request for one permit, and its answer in pieces as they come.

mod pieces;

use std::{error::Error as _, sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use bailiwick_connect::{Credential, TlsError};
use bailiwick_model::{Obligations, ServerName, Timestamp};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header, response::Parts,
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{
    ServerSpec, catalog,
    error::SendError,
    http::{Connector, connector},
    incoming::Reply,
    news::Changes,
    request::{CUT, Spent, WITHDRAWN},
};
use crate::{
    Catalog, Listener,
    jsonrpc::raw_of,
    limits::MESSAGE,
    web::{Injection, Made, Outfit, Outgoing, Scrubber, Summary, WebSpec, goes_back, is_coded},
};
use pieces::{Pieces, pieces};

/// Why an API is not asked in another way.
pub(super) const ELSEWHERE: &str = "it is an HTTP API, and asked below `/http`";

/// The way to one API.
#[derive(Debug)]
pub(super) struct Link {
    spec: Arc<ServerSpec>,
    web: Arc<WebSpec>,
    client: Client<Connector, Full<Bytes>>,
    /// Of an API nothing is heard.
    pub(super) changed: Changes,
}

/// What may come of an answer, and how it is looked through.
#[derive(Clone, Copy)]
struct Terms<'a> {
    asks: &'a Obligations,
    scrubber: &'a Scrubber,
    /// How many bytes there may be.
    most: u64,
    within: Duration,
    outgoing: &'a Outgoing,
    /// Says that nobody may have it any more.
    cut: &'a CancellationToken,
}

impl Link {
    /// Opens the way, and gives what the API offers.
    pub(super) fn open(
        spec: Arc<ServerSpec>,
        web: Arc<WebSpec>,
    ) -> Result<(Arc<Self>, Catalog), TlsError> {
        let connector = connector(spec.trust.as_ref())?;
        let client = Client::builder(TokioExecutor::new()).set_host(false).build(connector);
        let definitions = web.operations.iter().map(|it| it.definition().to_owned()).collect();
        let catalog = Catalog {
            tools: catalog::read(&spec.name, definitions),
            executable: None,
            protocol: catalog::WRITTEN.to_owned(),
            server_info: None,
            capabilities: raw_of(&serde_json::json!({})),
            instructions: None,
        };
        Ok((Arc::new(Self { spec, web, client, changed: Changes::default() }), catalog))
    }

    /// Gives the route's name.
    pub(super) fn name(&self) -> &ServerName {
        &self.spec.name
    }

    /// Sends one decided request. What is given back is for the record: the answer itself goes to
    /// whoever asked, and this returns when all of it went.
    pub(super) async fn send(
        &self,
        (spent, lent): (Spent<'_>, Option<(Credential, Timestamp)>),
        outgoing: &Outgoing,
        (listener, within): (&Listener, Duration),
    ) -> Result<Reply, SendError> {
        let cut = listener.cut();
        let not_sent = |why: String| SendError::NotSent { why };
        let asks = outgoing.asks();
        let made = self.made(&spent, asks).map_err(not_sent)?;
        let mut request = self.request(outgoing, made.as_ref()).map_err(not_sent)?;
        let lent = self.bear(lent, &mut request, outgoing).map_err(not_sent)?;
        if !spent.still().permitted() {
            return Err(SendError::NotSent { why: WITHDRAWN.to_owned() });
        }
        if let Some(made) = &made {
            spent.call().used().say(made.used.clone());
        }
        let response = tokio::select! {
            biased;
            () = cut.cancelled() => return Err(unknown(CUT)),
            asked = tokio::time::timeout(within, self.client.request(request)) => match asked {
                Err(_) => return Err(unknown(&format!("no answer within {within:?}"))),
                Ok(Err(error)) => return Err(missed(&error)),
                Ok(Ok(response)) => response,
            },
        };
        // The API may give back to one request what it was sent with another.
        let scrubber = match made {
            Some(made) => Some(made.scrubber),
            None => lent.or_else(|| self.injection().map(|it| it.scrubber(None))),
        };
        let holds = scrubber.is_some();
        let scrubber = &scrubber.unwrap_or_default();
        let most =
            asks.bytes.limit().map_or(self.web.response_max, |it| it.min(self.web.response_max));
        let terms = Terms { asks, scrubber, most, within, outgoing, cut: &cut };
        terms.take(response, holds).await.map(|summary| Reply::Result(raw_of(&summary)))
    }

    fn injection(&self) -> Option<&Injection> {
        self.spec.credential.as_ref()?.kept()
    }

    /// Puts into a request what was made for its task, and gives what looks for it in what comes back.
    fn bear(
        &self,
        lent: Option<(Credential, Timestamp)>,
        request: &mut Request<Full<Bytes>>,
        outgoing: &Outgoing,
    ) -> Result<Option<Scrubber>, String> {
        match (self.spec.credential.as_ref(), lent) {
            (Some(Outfit::Lent(it)), Some((credential, now))) => {
                it.put(&credential, request, (&outgoing.body, now)).map(Some)
            }
            (Some(Outfit::Lent(_) | Outfit::Kept(_)) | None, _) => Ok(None),
        }
    }

    fn made(&self, spent: &Spent<'_>, asks: &Obligations) -> Result<Option<Made>, String> {
        let injection = self.injection().filter(|it| it.is_for(&spent.call().action().name));
        injection.map(|it| it.made(&self.spec.name, asks.credential)).transpose()
    }

    fn request(
        &self,
        outgoing: &Outgoing,
        made: Option<&Made>,
    ) -> Result<Request<Full<Bytes>>, String> {
        let unfit = |_| "it cannot be written as a request".to_owned();
        let base = &self.web.base;
        let path = [base.path().trim_end_matches('/'), &outgoing.target].concat();
        let authority = base.authority().ok_or("its address names no host")?;
        let uri = Uri::builder()
            .scheme(base.scheme_str().unwrap_or("https"))
            .authority(authority.clone())
            .path_and_query(path)
            .build()
            .map_err(unfit)?;
        let mut request = Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        *headers = outgoing.headers.clone();
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| "its host is no header")?;
        headers.insert(header::HOST, host);
        // What comes compressed cannot be looked through.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(made) = made {
            headers.insert(made.header.clone(), made.value.clone());
        }
        if self.spec.credential.is_some() || outgoing.asks().look_inside() {
            // A few bytes of a secret at a time, or a part of a list, could not be told from anything.
            headers.remove(header::RANGE);
            headers.remove(header::IF_RANGE);
        }
        Ok(request)
    }
}

impl Terms<'_> {
    async fn take(&self, response: Response<Incoming>, holds: bool) -> Result<Summary, SendError> {
        let (mut head, body) = response.into_parts();
        if head.status.is_informational() {
            return Err(unknown(&format!(
                "it answered {}, and nothing is upgraded here",
                head.status
            )));
        }
        let declared = body.size_hint().exact();
        let looked_into = holds || self.asks.look_inside();
        if is_coded(&head.headers) {
            return Err(unknown("its answer comes in a transfer coding that nobody asked for"));
        }
        if looked_into && head.status == StatusCode::PARTIAL_CONTENT {
            return Err(unknown("its answer is a part, and cannot be looked into: it is withheld"));
        }
        if looked_into && is_encoded(&head.headers) {
            return Err(unknown("its answer is compressed, and cannot be looked through"));
        }
        if declared.is_some_and(|it| self.most < it) {
            return Err(unknown(&format!("its answer has more than {} bytes", self.most)));
        }
        let length = head.headers.get(header::CONTENT_LENGTH).cloned();
        // The words beside a status stand in no header, and nobody needs them.
        head.extensions.clear();
        head.version = Version::HTTP_11;
        head.headers = goes_back(&head.headers);
        self.scrubber.headers(&mut head.headers);
        if self.outgoing.method == Method::HEAD
            && let Some(length) = length
        {
            head.headers.insert(header::CONTENT_LENGTH, length);
        }
        if self.asks.look_inside() && !has_no_body(&self.outgoing.method, head.status) {
            return self.whole(head, body).await;
        }
        self.pump(head, body, declared).await
    }

    /// Takes the answer whole, and leaves out of it what nobody is shown.
    async fn whole(&self, mut head: Parts, mut body: Incoming) -> Result<Summary, SendError> {
        const WITHHELD: &str = "what came back is withheld";
        let most = usize::try_from(self.most).unwrap_or(usize::MAX).min(MESSAGE.bytes);
        let mut all = Vec::new();
        while let Some(piece) = self.next(&mut body).await? {
            if most < all.len().saturating_add(piece.len()) {
                return Err(unknown(&format!("{WITHHELD}: it has more than {most} bytes")));
            }
            all.extend_from_slice(&piece);
        }
        let bytes = u64::try_from(all.len()).unwrap_or(u64::MAX);
        self.scrubber.scrub(&mut all);
        let text =
            String::from_utf8(all).map_err(|_| unknown(&format!("{WITHHELD}: it is no text")))?;
        let shaped = self.asks.shape_text(&text, MESSAGE);
        let shaped = shaped.map_err(|why| unknown(&format!("{WITHHELD}: it is {why}")))?;
        head.headers.remove(header::ETAG);
        let status = head.status.as_u16();
        self.outgoing.answer(Response::from_parts(head, Body::from(shaped.value.canonical())));
        Ok(Summary { status, bytes })
    }

    /// Hands the answer on as it comes.
    async fn pump(
        &self,
        head: Parts,
        mut body: Incoming,
        declared: Option<u64>,
    ) -> Result<Summary, SendError> {
        let status = head.status.as_u16();
        let (sender, streamed): (_, Pieces) = pieces(declared);
        if !self.outgoing.answer(Response::from_parts(head, Body::new(streamed))) {
            return Err(unknown(CUT));
        }
        let (mut bytes, mut stream) = (0_u64, self.scrubber.stream());
        let ended = loop {
            let piece = match self.next(&mut body).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if self.most < bytes {
                break Err(unknown(&format!("its answer has more than {} bytes", self.most)));
            }
            let passed = stream.pass(&piece);
            if !passed.is_empty() && !self.hand_on(&sender, passed.into()).await? {
                return Err(unknown(&format!("its caller hung up after {bytes} bytes")));
            }
        };
        match ended {
            Ok(()) => {
                let rest = stream.end();
                if !rest.is_empty() {
                    self.hand_on(&sender, rest.into()).await?;
                }
                // Without this word whoever reads does not take what came for the whole.
                sender.end().await;
                Ok(Summary { status, bytes })
            }
            Err(SendError::NotSent { why } | SendError::Unknown { why }) => {
                Err(unknown(&format!("{why} (after {bytes} bytes)")))
            }
        }
    }

    /// Waits for a piece; none at the end. Trailers are left behind.
    async fn next(&self, body: &mut Incoming) -> Result<Option<Bytes>, SendError> {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.cut.cancelled() => return Err(unknown(CUT)),
                frame = tokio::time::timeout(self.within, body.frame()) => frame,
            };
            match frame {
                Err(_) => {
                    return Err(unknown(&format!("nothing more came within {:?}", self.within)));
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(unknown("its answer broke off")),
                Ok(Some(Ok(frame))) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }

    /// Hands a piece on, at the pace of whoever reads; says whether anybody does.
    async fn hand_on(&self, sender: &pieces::Sender, piece: Bytes) -> Result<bool, SendError> {
        let sent = tokio::select! {
            biased;
            () = self.cut.cancelled() => return Err(unknown(CUT)),
            sent = tokio::time::timeout(self.within, sender.send(piece)) => sent,
        };
        Ok(sent.unwrap_or(false))
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let plain = |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(b"identity") || it.is_empty();
    !headers.get_all(header::CONTENT_ENCODING).iter().all(plain)
}

fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn unknown(why: &str) -> SendError {
    SendError::Unknown { why: why.to_owned() }
}

/// Says why there is no answer; nothing was sent where there was no connection.
fn missed(error: &hyper_util::client::legacy::Error) -> SendError {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    if error.is_connect() {
        SendError::NotSent { why: format!("it is not reached: {why}") }
    } else {
        SendError::Unknown { why: format!("no answer: {why}") }
    }
}

/// Reads what [`Link::send`] gives for the record.
pub(crate) fn summary(reply: &RawValue) -> Option<Summary> {
    Summary::read(reply.get())
}
