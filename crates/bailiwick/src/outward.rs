//! One plain HTTP request to an address that the configuration names.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Sends `request` to `url`, whose host and path it gets. How long that takes is for the caller to
/// bound.
pub(crate) async fn send(
    url: &Uri,
    mut request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<Incoming>> {
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, url.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke off");
        }
    });
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = path.parse()?;
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority)?);
    Ok(sender.send_request(request).await?)
}
