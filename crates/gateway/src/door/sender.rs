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
}

impl<'a> From<&'a Parts> for Sender<'a> {
    fn from(parts: &'a Parts) -> Self {
        let (method, path, headers) = (&parts.method, parts.uri.path(), &parts.headers);
        Self { method, path, headers, certificate: certificate(&parts.extensions) }
    }
}

impl<'a, B> From<&'a Request<B>> for Sender<'a> {
    fn from(request: &'a Request<B>) -> Self {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        Self { method, path, headers, certificate: certificate(request.extensions()) }
    }
}

/// Gives the certificate of the connection that a request came by, where the client showed one.
pub(crate) fn certificate(extensions: &Extensions) -> Option<&ClientCertificate> {
    extensions.get::<Arc<ClientCertificate>>().map(Arc::as_ref)
}
