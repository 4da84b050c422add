//! What of a request says who sends it.

use std::sync::Arc;

use bailiwick_connect::ClientCertificate;
use http::{Extensions, HeaderMap, Method, Request, request::Parts};

/// A request's way in, before its body is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// What the client showed when the connection was made.
    pub(super) certificate: Option<&'a ClientCertificate>,
    /// It came by the governor's own socket, whose other end is known.
    pub(super) at_home: bool,
}

/// Marks what came by the governor's own socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtHome;

impl<'a> From<&'a Parts> for Sender<'a> {
    fn from(parts: &'a Parts) -> Self {
        let (method, path, headers) = (&parts.method, parts.uri.path(), &parts.headers);
        let at_home = parts.extensions.get::<AtHome>().is_some();
        Self { method, path, headers, certificate: certificate(&parts.extensions), at_home }
    }
}

impl<'a, B> From<&'a Request<B>> for Sender<'a> {
    fn from(request: &'a Request<B>) -> Self {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        let at_home = request.extensions().get::<AtHome>().is_some();
        Self { method, path, headers, certificate: certificate(request.extensions()), at_home }
    }
}

/// Gives the certificate of the connection that a request came by, where the client showed one.
pub(crate) fn certificate(extensions: &Extensions) -> Option<&ClientCertificate> {
    extensions.get::<Arc<ClientCertificate>>().map(Arc::as_ref)
}
