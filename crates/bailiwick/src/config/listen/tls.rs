//! `[listen.tls]`: the certificate that the listener shows, and its key.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use bailiwick_connect::{ListenerTls, TlsError, TlsFiles};
use bailiwick_model::Timestamp;
use http::Uri;

use crate::config::{
    Code,
    origin::Settings,
    read::{Field, Table, filled},
};

/// What was made of the section.
#[derive(Debug)]
pub(super) struct Read {
    /// Whether it is there: whoever writes it wants TLS, also where it cannot be used.
    pub(super) wanted: bool,
    /// The files, where TLS can be spoken with them.
    pub(super) files: Option<TlsFiles>,
}

/// Reads `[listen.tls]`, and tries the files.
pub(super) fn read(
    listen: &Table<'_>,
    home: &Path,
    public_url: Option<&str>,
    settings: &mut Settings<'_>,
) -> Read {
    let section = listen.get("tls");
    let wanted = section.is_given();
    let files = section.table(|tls| {
        let (certificate, key) = (tls.get("certificate").required(), tls.get("key").required());
        let path = |field: &Field<'_>| Some(home.join(field.made(filled)?.into_inner()));
        let (shown, secret) = (path(&certificate), path(&key));
        let client_ca = tls.get("client_ca");
        let clients = path(&client_ca);
        let files = TlsFiles { certificate: shown?, key: secret?, client_ca: clients };
        settings.add("listen.tls.certificate", &files.certificate.display(), certificate.at());
        settings.add("listen.tls.key", &files.key.display(), key.at());
        if let Some(clients) = &files.client_ca {
            settings.add("listen.tls.client_ca", &clients.display(), client_ca.at());
            if let Err(error) = ListenerTls::check_client_ca(clients) {
                client_ca.fault(
                    Code::Certificate,
                    explained(&error),
                    "no client is believed",
                    None,
                );
                return Some(files);
            }
        }
        match ListenerTls::load(files.clone(), now()) {
            Ok(tls) => remark(&tls, &certificate, public_url),
            Err(error) => report(&error, &certificate, &key),
        }
        Some(files)
    });
    Read { wanted, files: files.flatten() }
}

/// Reports a certificate or key that cannot be used.
fn report(error: &TlsError, certificate: &Field<'_>, key: &Field<'_>) {
    if let TlsError::Private(error) = error {
        let help = "whoever reads the key can pass for this governor";
        key.fault(Code::OpenKey, explained(error), "the key of the listener", Some(help));
    } else if matches!(error, TlsError::NoKey { .. }) {
        key.fault(Code::Certificate, explained(error), "no key", None);
    } else {
        certificate.fault(Code::Certificate, explained(error), "TLS needs it", None);
    }
}

/// Writes an error with its cause.
pub(crate) fn explained(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Remarks on a certificate that works and that clients will not take, now or soon.
fn remark(tls: &ListenerTls, certificate: &Field<'_>, public_url: Option<&str>) {
    if tls.ends_soon() {
        let message = "the certificate of the listener ends within two weeks";
        let help = "put the next one in its place: it is taken without a restart";
        certificate.warn(Code::CertificateEnds, message, help);
    }
    let host = public_url.and_then(|it| it.parse::<Uri>().ok()?.host().map(str::to_owned));
    if let Some(host) = host.filter(|it| !tls.names(it)) {
        let message = format!("the certificate of the listener is not for `{host}`");
        let help = "clients that are told this `public_url` will not believe it";
        certificate.warn(Code::CertificateName, message, help);
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}
