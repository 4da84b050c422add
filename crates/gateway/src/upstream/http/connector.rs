//! The way to a server's address: in the clear on this machine, else by TLS to whoever proves to be
//! it.

use std::time::Duration;

use bailiwick_connect::{ServerTrust, TlsError};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

pub(in crate::upstream) type Connector = HttpsConnector<HttpConnector>;

/// Makes the way to a server whom `trust` believes; without it, in the clear alone.
pub(in crate::upstream) fn connector(trust: Option<&ServerTrust>) -> Result<Connector, TlsError> {
    let mut plain = HttpConnector::new();
    plain.set_connect_timeout(Some(CONNECT));
    plain.enforce_http(false);
    let trust = trust.map_or_else(ServerTrust::nobody, |it| Ok(it.clone()))?;
    let both = HttpsConnectorBuilder::new()
        .with_tls_config(trust.config())
        .https_or_http()
        .enable_http1()
        .wrap_connector(plain);
    Ok(both)
}
