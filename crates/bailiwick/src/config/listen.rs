//! `[listen]`: where the gateway listens, and what it is called outside.

mod tls;

use std::{net::SocketAddr, path::Path, time::Duration};

use bailiwick_connect::TlsFiles;
use bailiwick_gateway::ANSWER_BYTES;
use bailiwick_model::{format_bytes, format_span};
use http::Uri;
use toml::Spanned;

use super::{
    Code, ConfigError, Given,
    origin::Settings,
    read::{Field, Table},
};

pub(super) use tls::explained;

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// The address of the HTTP listener.
    pub(crate) http: SocketAddr,
    /// What it is called outside, without a slash at the end; none is the bound address.
    pub(crate) public_url: Option<String>,
    /// Whether tokens may cross a network in the clear.
    pub(crate) insecure: bool,
    /// What it shows where it speaks TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// How long calls that are under way may still take when the governor is asked to stop.
    pub(crate) drain: Duration,
    /// How many bytes of answers may be under way together.
    pub(crate) answers: usize,
}

impl Listen {
    /// Gives the scheme that the listener speaks.
    pub(crate) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

const DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8470);

/// Whoever stops services kills them after half a minute or more.
const DRAIN: Duration = Duration::from_secs(20);
/// Nobody waits longer for a service to stop.
const DRAIN_MAX: Duration = Duration::from_secs(10 * 60);

/// With less, ordinary answers find no room.
const ANSWERS_MIN: u64 = 1 << 20;
/// With more, it bounds nothing.
const ANSWERS_MAX: u64 = 64 << 30;

/// Reads `[listen]`.
pub(super) fn read(
    root: &Table<'_>,
    home: &Path,
    given: Option<&Given>,
    settings: &mut Settings<'_>,
) -> Option<Listen> {
    root.section("listen", |listen| {
        let http = listen.get("http");
        let in_file = if http.is_given() {
            http.made(address).map(Spanned::into_inner)
        } else {
            Some(DEFAULT)
        };
        let public_url = listen.get("public_url");
        let public = public_url.made(base_url);
        let insecure = listen.get("insecure").truth();
        let public_text = public.as_ref().map(|it| it.get_ref().as_str());
        let tls = tls::read(listen, home, public_text, settings);
        let drain = listen.get("drain");
        let drained = drain_of(&drain);
        if let Some(drained) = drained {
            settings.add("listen.drain", &format_span(drained), drain.at());
        }

        let answers = listen.get("answers");
        let answers_max = answers_of(&answers);
        if let Some(bytes) = answers_max {
            settings.add("listen.answers", &format_bytes(bytes), answers.at());
        }

        let is_insecure = insecure.as_ref().is_some_and(|it| *it.get_ref());
        settings.add("listen.insecure", &is_insecure, insecure.as_ref().map(Spanned::span));
        let bound = match given {
            Some(given) => overridden(listen, given, settings),
            None => in_file.inspect(|it| settings.add("listen.http", it, http.at())),
        }?;
        if !is_insecure && !tls.wanted && !bound.ip().is_loopback() {
            push_open(listen, given, &http, bound);
        }
        let public = public.map(Spanned::into_inner);
        if let Some(url) = &public {
            settings.add("listen.public_url", url, public_url.at());
            plain_public(&public_url, url);
            if tls.wanted && url.starts_with("http:") {
                public_url.wrong("the listener speaks TLS, so agents call it by `https://`");
            }
        }
        let (insecure, tls) = (is_insecure, tls.files);
        let (drain, answers) = (drained?, usize::try_from(answers_max?).ok()?);
        Some(Listen { http: bound, public_url: public, insecure, tls, drain, answers })
    })
    .flatten()
}

fn drain_of(field: &Field<'_>) -> Option<Duration> {
    if !field.is_given() {
        return Some(DRAIN);
    }
    let length = field.length().map(Spanned::into_inner)?;
    if length <= DRAIN_MAX {
        return Some(length);
    }
    let max = format_span(DRAIN_MAX);
    field.wrong(format!("`{}` is at most {max}: whoever stops it waits so long", field.name()));
    None
}

fn answers_of(field: &Field<'_>) -> Option<u64> {
    if !field.is_given() {
        return u64::try_from(ANSWER_BYTES).ok();
    }
    let bytes = field.size().map(Spanned::into_inner)?;
    if (ANSWERS_MIN..=ANSWERS_MAX).contains(&bytes) {
        return Some(bytes);
    }
    let (min, max) = (format_bytes(ANSWERS_MIN), format_bytes(ANSWERS_MAX));
    field.wrong(format!("`{}` is {min} at least and {max} at most", field.name()));
    None
}

fn overridden(
    listen: &Table<'_>,
    given: &Given,
    settings: &mut Settings<'_>,
) -> Option<SocketAddr> {
    match address(&given.text) {
        Ok(bound) => {
            settings.given("listen.http", given);
            Some(bound)
        }
        Err(why) => {
            let message = format!("{}: {why}", given.origin);
            listen.reader().push(ConfigError::new(Code::WrongValue, message));
            None
        }
    }
}

fn push_open(listen: &Table<'_>, given: Option<&Given>, http: &Field<'_>, bound: SocketAddr) {
    let message =
        format!("`{bound}` can be reached from elsewhere, and tokens would go there in the clear");
    let help =
        "give it a certificate in `[listen.tls]`, listen on `127.0.0.1`, or say `insecure = true`";
    match given {
        Some(given) => listen.reader().push(
            ConfigError::new(Code::OpenListener, format!("{}: {message}", given.origin)).help(help),
        ),
        None => http.fault(Code::OpenListener, message, "not a loopback address", Some(help)),
    }
}

fn plain_public(field: &Field<'_>, url: &str) {
    let host = url.parse::<Uri>().ok().and_then(|it| it.host().map(str::to_owned));
    if url.starts_with("http:") && !host.as_deref().is_some_and(is_loopback) {
        let message = format!("`{url}` is not encrypted: whoever reads the network reads tokens");
        field.warn(Code::PlainPublic, message, "use `https://` and something that speaks TLS");
    }
}

/// Says whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address like `127.0.0.1:8470` or `[::1]:8470`"))
}

/// Takes a URL that paths are put behind.
fn base_url(text: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("`{text}` is no public address: {why}");
    let url: Uri =
        text.parse().map_err(|_| wrong("write it like `https://governor.example.org`"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(wrong("it starts with `http://` or `https://`"));
    }
    if url.authority().is_none_or(|it| it.as_str().contains('@')) {
        return Err(wrong("it names a host, without a name or password before it"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || text.contains('#') {
        return Err(wrong("it ends after the host and the port"));
    }
    if text.chars().any(char::is_uppercase) {
        return Err(wrong("write it in small letters, as it is compared letter by letter"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{base_url, is_loopback};

    #[test]
    fn a_public_address_is_scheme_host_and_port() {
        assert_eq!(base_url("https://gov.example.org/").unwrap(), "https://gov.example.org");
        assert_eq!(base_url("http://127.0.0.1:8470").unwrap(), "http://127.0.0.1:8470");
        for wrong in [
            "",
            "gov.example.org",
            "ftp://gov.example.org",
            "https://gov.example.org/below",
            "https://gov.example.org?x=1",
            "https://me:secret@gov.example.org",
            "https://Gov.example.org",
            "https://gov.example.org#top",
        ] {
            assert!(base_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_has_several_names() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "[::]", "0.0.0.0", "localhost.example.org"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
