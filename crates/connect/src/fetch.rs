//! Reads one small document from an address that the operator wrote down.
//!
//! The address is asked for once, and only what it resolved to is connected to. Nobody is sent on: a
//! redirect is no answer. Wherever a name points, addresses that only ever belong to the machine's own
//! link, such as those of cloud metadata, are not gone to, and loopback only where it was named.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header, uri::Authority};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::ServerTrust;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many addresses of one name are tried.
const TRIED: usize = 3;

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// Not an address that is read from.
    #[error(
        "`{text}` is not `https://` with a host, or `http://` with `localhost` or a loopback address"
    )]
    Address {
        /// What was written.
        text: String,
    },
    /// The name points to nothing that may be gone to.
    #[error("`{host}` has no address that may be gone to")]
    Nowhere {
        /// The name.
        host: String,
    },
    /// Nobody answered in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
    /// It broke off.
    #[error("{0}")]
    Broke(String),
    /// Not an answer that counts.
    #[error("it answered {0}, and only 200 counts")]
    Status(StatusCode),
    /// More than may be read.
    #[error("it has more than {max} bytes")]
    TooLong {
        /// How much may be.
        max: usize,
    },
}

/// An address that is read from.
#[derive(Clone)]
pub struct FetchPlace {
    authority: Authority,
    host: String,
    port: u16,
    path: String,
    tls: Option<ServerTrust>,
    patience: Duration,
}

impl fmt::Debug for FetchPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FetchPlace({})", self.authority)
    }
}

impl FetchPlace {
    /// Takes an address; whoever answers there over TLS is believed by `trust`.
    pub fn new(
        text: &str,
        trust: impl FnOnce() -> Result<ServerTrust, crate::TlsError>,
    ) -> Result<Self, FetchPlaceError> {
        let (uri, authority, host) = address(text)?;
        let (usual, tls) =
            if uri.scheme_str() == Some("https") { (443, Some(trust()?)) } else { (80, None) };
        let port = authority.port_u16().unwrap_or(usual);
        let path = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        Ok(Self { authority, host, port, path, tls, patience: PATIENCE })
    }

    /// Reads what lies there, `max` bytes at most.
    pub(crate) async fn read(&self, max: usize) -> Result<Bytes, FetchError> {
        let read = tokio::time::timeout(self.patience, self.go(None, max)).await;
        let (status, body) = read.unwrap_or(Err(FetchError::Late))?;
        if status == StatusCode::OK { Ok(body) } else { Err(FetchError::Status(status)) }
    }

    /// Sends a form there, and gives the answer, whatever its status: `max` bytes of it at most.
    pub async fn post(
        &self,
        form: &[(&str, &str)],
        max: usize,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
        let form: Vec<_> = form.iter().map(pair).collect();
        let sent = tokio::time::timeout(self.patience, self.go(Some(form.join("&")), max)).await;
        sent.unwrap_or(Err(FetchError::Late))
    }

    async fn go(
        &self,
        form: Option<String>,
        max: usize,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let stream = self.connect().await?;
        let Some(trust) = &self.tls else { return self.ask(stream, form, max).await };
        let name = ServerName::try_from(self.host.clone()).map_err(broke)?;
        let connector = TlsConnector::from(Arc::new(trust.config()));
        let stream = connector.connect(name, stream).await.map_err(broke)?;
        self.ask(stream, form, max).await
    }

    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let found = found.map_err(broke)?;
        let local = is_loopback_name(&self.host);
        let allowed: Vec<SocketAddr> =
            found.filter(|it| may_go(it.ip(), local)).take(TRIED).collect();
        let mut last = FetchError::Nowhere { host: self.host.clone() };
        for address in allowed {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = broke(error),
            }
        }
        Err(last)
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        form: Option<String>,
        max: usize,
    ) -> Result<(StatusCode, Bytes), FetchError> {
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(broke)?;
        let (carried, is_read) = (tokio::spawn(connection), form.is_none());
        let request = Request::builder()
            .method(if form.is_some() { Method::POST } else { Method::GET })
            .uri(&self.path)
            .header(header::HOST, self.authority.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::CONNECTION, "close");
        let request = match &form {
            Some(_) => request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded"),
            None => request,
        };
        let body = Full::new(Bytes::from(form.unwrap_or_default()));
        let request = request.body(body).map_err(broke)?;
        let answered = async {
            let response = sender.send_request(request).await.map_err(broke)?;
            let status = response.status();
            // Of what does not count not a byte is read.
            if is_read && status != StatusCode::OK {
                return Err(FetchError::Status(status));
            }
            let body = Limited::new(response.into_body(), max).collect().await;
            body.map(|it| (status, it.to_bytes())).map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    FetchError::TooLong { max }
                } else {
                    broke(error)
                }
            })
        };
        let answered = answered.await;
        carried.abort();
        answered
    }
}

/// Writes a value as forms have it.
fn encoded(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_');
    let each = |it: u8| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") };
    text.bytes().map(each).collect()
}

/// Says whether `text` is an address that is read from.
pub fn check_fetch_address(text: &str) -> Result<(), FetchError> {
    address(text).map(drop)
}

/// Takes an address apart. What stands before an `@` would be a secret, and is not repeated.
fn address(text: &str) -> Result<(Uri, Authority, String), FetchError> {
    let shown = text.rsplit('@').next().unwrap_or_default();
    let wrong = || FetchError::Address { text: shown.chars().take(200).collect() };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let authority = uri.authority().cloned().ok_or_else(wrong)?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let named = !host.is_empty() && !text.contains(['@', '#']);
    match uri.scheme_str() {
        Some("https") if named => Ok((uri, authority, host)),
        Some("http") if named && is_loopback_name(&host) => Ok((uri, authority, host)),
        Some(_) | None => Err(wrong()),
    }
}

/// An address, or whom to believe there, was not right.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchPlaceError {
    /// The address.
    #[error(transparent)]
    Address(#[from] FetchError),
    /// Whom to believe.
    #[error(transparent)]
    Trust(#[from] crate::TlsError),
}

fn broke(error: impl fmt::Display) -> FetchError {
    FetchError::Broke(error.to_string())
}

/// Says whether a host is this machine, by its name or address.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Says whether an address that a name of the operator's points to is one to go to.
fn may_go(address: IpAddr, local: bool) -> bool {
    match address.to_canonical() {
        IpAddr::V4(it) => may_go_v4(it, local),
        IpAddr::V6(it) => match embedded(it) {
            Some(inner) => may_go_v4(inner, local),
            None => {
                let [first, ..] = it.segments();
                let link_local = first & 0xFFC0 == 0xFE80;
                let metadata = it == Ipv6Addr::new(0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254);
                let nowhere = it.is_unspecified() || it.is_multicast() || link_local || metadata;
                !nowhere && it.is_loopback() == local
            }
        },
    }
}

fn may_go_v4(it: Ipv4Addr, local: bool) -> bool {
    let [first, ..] = it.octets();
    let metadata = it == Ipv4Addr::new(100, 100, 100, 200);
    let nowhere =
        first == 0 || it.is_link_local() || it.is_multicast() || it.is_broadcast() || metadata;
    !nowhere && it.is_loopback() == local
}

/// Gives the older address that a newer one stands for (RFC 6052, RFC 3056, RFC 4291 §2.5.5.1).
fn embedded(it: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match it.segments() {
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if 1 < low || high != 0 => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
