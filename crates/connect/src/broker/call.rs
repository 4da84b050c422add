//! One question over HTTP to a service that the operator named, and its bounded answer.
//!
//! Nobody is sent on: a redirect is an answer like any other, and none that counts.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header, uri::Authority};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::{Deserialize as _, Deserializer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::TargetMistake;
use crate::{Secret, ServerTrust, fetch::is_loopback_name};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of an answer as is read.
const ANSWER_MAX: usize = 256 * 1024;

/// Where a service listens.
#[derive(Clone)]
pub(super) struct Endpoint {
    authority: Authority,
    host: String,
    port: u16,
    path: String,
    trust: Option<ServerTrust>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Endpoint({}{})", self.authority, self.path)
    }
}

/// What is asked.
pub(super) struct Question {
    pub(super) method: Method,
    /// What follows the path of the service.
    pub(super) path: String,
    pub(super) kind: &'static str,
    /// What proves who we are: a whole `Authorization`.
    pub(super) proof: Secret,
    /// Headers that go along besides, or in the place of the usual ones.
    pub(super) more: Vec<(&'static str, Secret)>,
    pub(super) body: Secret,
}

/// What came back.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// How long it wants to be left alone, where it says so.
    pub(super) after: Option<Duration>,
    pub(super) body: Bytes,
}

impl Endpoint {
    /// Takes an address that was configured as `setting`: `https://`, or `http://` on this machine.
    pub(super) fn new(
        setting: &'static str,
        text: &str,
        authority: Option<&Path>,
    ) -> Result<Self, TargetMistake> {
        let mut endpoint = Self::exact(setting, text, authority)?;
        endpoint.path.truncate(endpoint.path.trim_end_matches('/').len());
        Ok(endpoint)
    }

    /// Takes an address that is asked as it is written: to a `/` at its end nothing is added.
    pub(super) fn exact(
        setting: &'static str,
        text: &str,
        authority: Option<&Path>,
    ) -> Result<Self, TargetMistake> {
        let wrong = || {
            // What stands before an `@` would be a secret, and is not repeated.
            let text = text.rsplit('@').next().unwrap_or_default().escape_debug();
            TargetMistake::new(
                setting,
                format!("`{text}` is no address: say `https://…`, or `http://` on this machine"),
            )
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let place = uri.authority().filter(|it| !it.as_str().contains('@')).ok_or_else(wrong)?;
        let host = place.host().trim_matches(['[', ']']).to_owned();
        let here = is_loopback_name(&host);
        let (usual, trust) = match uri.scheme_str() {
            Some("https") => {
                let trust = authority.map_or_else(ServerTrust::system, ServerTrust::of_file);
                (443, Some(trust.map_err(|it| TargetMistake::new("ca", it.to_string()))?))
            }
            Some("http") if here => (80, None),
            Some(_) | None => return Err(wrong()),
        };
        if uri.query().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            authority: place.clone(),
            host,
            port: place.port_u16().unwrap_or(usual),
            path: uri.path().to_owned(),
            trust,
        })
    }

    /// Gives what stands in `Host`.
    pub(super) fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// Gives the path that is asked where a question adds `rest`.
    pub(super) fn path(&self, rest: &str) -> String {
        let path = format!("{}{rest}", self.path);
        if path.is_empty() { "/".to_owned() } else { path }
    }

    /// Asks, and reads the answer. What goes wrong is said without a word of what was sent or heard.
    pub(super) async fn ask(&self, question: Question) -> Result<Answered, String> {
        let asked = timeout(PATIENCE, self.go(question)).await;
        asked.unwrap_or_else(|_| Err("it does not answer in time".into()))
    }

    async fn go(&self, question: Question) -> Result<Answered, String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(told)?;
        let Some(trust) = &self.trust else { return self.speak(stream, question).await };
        let name = ServerName::try_from(self.host.clone()).map_err(told)?;
        let connector = TlsConnector::from(Arc::new(trust.config()));
        let stream = connector.connect(name, stream).await.map_err(told)?;
        self.speak(stream, question).await
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        question: Question,
    ) -> Result<Answered, String> {
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(told)?;
        let carried = tokio::spawn(connection);
        let answered = async {
            let response = sender.send_request(self.request(question)?).await.map_err(told)?;
            let (head, body) = response.into_parts();
            let after = head.headers.get(header::RETRY_AFTER).and_then(|it| it.to_str().ok());
            let after = after.and_then(|it| it.parse().ok()).map(Duration::from_secs);
            let body = Limited::new(body, ANSWER_MAX).collect().await;
            let body = body.map_err(|_| "its answer breaks off, or has no end".to_owned())?;
            Ok(Answered { status: head.status, after, body: body.to_bytes() })
        };
        let answered = answered.await;
        carried.abort();
        answered
    }

    fn request(&self, question: Question) -> Result<Request<Full<Bytes>>, String> {
        let mut proof = HeaderValue::from_str(question.proof.expose()).map_err(told)?;
        proof.set_sensitive(true);
        let request = Request::builder()
            .method(question.method)
            .uri(self.path(&question.path))
            .header(header::HOST, self.authority.as_str())
            .header(header::USER_AGENT, "bailiwick")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, question.kind)
            .header(header::AUTHORIZATION, proof)
            .header(header::CONNECTION, "close");
        let body = Bytes::copy_from_slice(question.body.expose().as_bytes());
        let mut request = request.body(Full::new(body)).map_err(told)?;
        for (name, value) in question.more {
            let mut value = HeaderValue::from_str(value.expose()).map_err(told)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

fn told(error: impl fmt::Display) -> String {
    error.to_string()
}

/// Reads a text of an answer that nobody may see.
pub(super) fn wiped<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
    String::deserialize(input).map(Secret::new)
}

/// Writes fields as a form (`application/x-www-form-urlencoded`).
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Escapes all but what needs no escape anywhere (RFC 3986, section 2.3).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
