//! Whether tokens cross a network in the clear.

use super::finding::{Finding, Severity};
use crate::config::Listen;

pub(super) fn look(listen: &Listen) -> Option<Finding> {
    let Listen { http, public_url, tls, .. } = listen;
    let plain = public_url.as_ref().is_some_and(|it| it.starts_with("http:"));
    let found = if !http.ip().is_loopback() && tls.is_none() {
        format!("`{http}` is reached from elsewhere, and speaks no TLS")
    } else if plain && !public_url.as_ref().is_some_and(|it| is_here(it)) {
        format!("agents are told to call `{}`", public_url.as_deref().unwrap_or_default())
    } else {
        return None;
    };
    Some(Finding {
        severity: Severity::Open,
        code: "plain-listener",
        subject: "listen".to_owned(),
        found,
        means: "whoever reads the network reads tokens, arguments and results, and can use the tokens",
        mend: "give the listener a certificate in `[listen.tls]`, or listen on 127.0.0.1 behind something that speaks TLS, and name that as `public_url`"
            .to_owned(),
    })
}

fn is_here(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok().and_then(|it| it.host().map(str::to_owned));
    host.is_some_and(|it| crate::config::is_loopback(&it))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bailiwick_connect::TlsFiles;

    use super::*;

    fn found(http: &str, public_url: Option<&str>) -> Option<&'static str> {
        let (http, public_url) = (http.parse().unwrap(), public_url.map(str::to_owned));
        let (insecure, drain) = (true, Duration::ZERO);
        look(&Listen { http, public_url, insecure, tls: None, drain, answers: 0 }).map(|it| it.code)
    }

    #[test]
    fn a_listener_that_speaks_tls_is_not_open() {
        let files = TlsFiles {
            certificate: "tls/cert.pem".into(),
            key: "tls/key.pem".into(),
            client_ca: None,
        };
        let http = "0.0.0.0:8470".parse().unwrap();
        let listen = Listen {
            http,
            public_url: None,
            insecure: false,
            tls: Some(files),
            drain: Duration::ZERO,
            answers: 0,
        };
        assert!(look(&listen).is_none());
    }

    #[test]
    fn a_listener_for_others_without_tls_is_open() {
        assert_eq!(found("0.0.0.0:8470", None), Some("plain-listener"));
        assert_eq!(found("127.0.0.1:8470", None), None);
        assert_eq!(found("[::1]:8470", Some("http://localhost:8470")), None);
    }

    #[test]
    fn a_plain_address_elsewhere_is_open_and_an_encrypted_one_is_not() {
        assert_eq!(found("127.0.0.1:8470", Some("http://example.org")), Some("plain-listener"));
        assert_eq!(found("127.0.0.1:8470", Some("https://example.org")), None);
    }
}
