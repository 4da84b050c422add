//! Heads of requests that two readers could read in two ways, or that lead somewhere else: refused
//! before anybody looks at them.
//!
//! A gateway often stands behind another. Where the two disagree on where a request ends, or which
//! of two values counts, one of them can be led past the other.

use http::{HeaderMap, HeaderName, Request, Uri, Version, header};

/// Headers that say one thing, and of which there is one at most. Where two of these come, somebody
/// else may have gone by the other. The door itself looks at those that repeat the body.
const SINGLE: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::ORIGIN,
    HeaderName::from_static("mcp-session-id"),
];

/// Headers that concern the whole way. Whoever lists one in `Connection` has a hop before us drop it.
const OF_THE_WHOLE_WAY: [&str; 7] = [
    "host",
    "authorization",
    "content-type",
    "content-length",
    "transfer-encoding",
    "accept",
    "origin",
];

/// Says what is wrong with the head of a request.
pub(super) fn wrong<B>(request: &Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    if SINGLE.iter().any(|name| 1 < headers.get_all(name).iter().count()) {
        return Some("a header that says one thing is sent twice");
    }
    framing(headers).or_else(|| target(request)).or_else(|| connection(headers))
}

/// Says whether where the request ends was said in a way that others read otherwise: such a
/// connection carries no second request.
pub(super) fn ends_its_connection<B>(request: &Request<B>) -> bool {
    request.headers().contains_key(header::TRANSFER_ENCODING)
}

fn framing(headers: &HeaderMap) -> Option<&'static str> {
    let coding = headers.get(header::TRANSFER_ENCODING)?;
    if headers.contains_key(header::CONTENT_LENGTH) {
        return Some("`Content-Length` and `Transfer-Encoding` come together");
    }
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    (!is_chunked).then_some("the one `Transfer-Encoding` here is `chunked`")
}

fn target<B>(request: &Request<B>) -> Option<&'static str> {
    let host = request.headers().get(header::HOST).map(http::HeaderValue::as_bytes);
    let Some(host) = host else {
        return (Version::HTTP_11 <= request.version()).then_some("`Host` is missing");
    };
    let elsewhere = |it: &http::uri::Authority| !it.as_str().as_bytes().eq_ignore_ascii_case(host);
    if request.uri().authority().is_some_and(elsewhere) {
        return Some("the target and `Host` name two places");
    }
    (!is_path(request.uri())).then_some("the target is no path")
}

fn is_path(uri: &Uri) -> bool {
    uri.path().starts_with('/')
}

fn connection(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut listed = values.flat_map(|it| it.as_bytes().split(|byte| *byte == b','));
    let concerns_all = |name: &[u8]| {
        let name = name.trim_ascii().to_ascii_lowercase();
        name.starts_with(b"mcp-") || OF_THE_WHOLE_WAY.iter().any(|it| it.as_bytes() == name)
    };
    listed.any(concerns_all).then_some("`Connection` lists a header that is for the whole way")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(target: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        wrong(&request.body(()).unwrap())
    }

    #[test]
    fn a_head_that_is_read_in_one_way_passes() {
        let host = ("host", "gov.example.org");
        assert_eq!(said("/mcp", &[host, ("content-length", "3")]), None);
        assert_eq!(said("/mcp", &[host, ("transfer-encoding", "Chunked")]), None);
        assert_eq!(
            said("/mcp", &[host, ("connection", "keep-alive, Upgrade, HTTP2-Settings")]),
            None
        );
        assert_eq!(said("http://GOV.example.org/mcp", &[host]), None);
    }

    #[test]
    fn a_head_that_is_read_in_two_ways_is_refused() {
        let host = ("host", "gov.example.org");
        for (target, headers) in [
            ("/mcp", vec![]),
            ("/mcp", vec![host, host]),
            ("/mcp", vec![host, ("host", "evil.example")]),
            ("/mcp", vec![host, ("transfer-encoding", "chunked"), ("content-length", "3")]),
            ("/mcp", vec![host, ("transfer-encoding", "gzip, chunked")]),
            ("/mcp", vec![host, ("transfer-encoding", "identity")]),
            (
                "/mcp",
                vec![host, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            ),
            ("/mcp", vec![host, ("mcp-session-id", "a"), ("mcp-session-id", "b")]),
            ("/mcp", vec![host, ("connection", "close, Authorization")]),
            ("/mcp", vec![host, ("connection", "close"), ("connection", "mcp-method")]),
            ("http://evil.example/mcp", vec![host]),
            ("evil.example:80", vec![host]),
            ("*", vec![host]),
        ] {
            assert!(said(target, &headers).is_some(), "{target} {headers:?}");
        }
    }
}
