//! Which headers of a request go on, and which of an answer come back.

use http::{HeaderMap, HeaderName, header};

use crate::trace::is_traceparent;

/// The headers of a request that always go on. Whatever else there is stays here.
const PASSED: [HeaderName; 13] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::CONTENT_LANGUAGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
    header::USER_AGENT,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
];

/// Those that change nothing of what is asked: another one makes no other request of it.
const BESIDE: [HeaderName; 5] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("traceparent"),
];

/// Those that ask a server to take another method for the one that was decided.
const OVERRIDES: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-method"];

/// What of an answer is for the connection that it came on, or for whom it was not asked by.
const KEPT: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    header::ALT_SVC,
    HeaderName::from_static("set-cookie2"),
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("bailiwick-decision"),
];

const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Says whether the operator may let a header of requests pass: none that says who asks, where to, on
/// which connection or with which method.
pub fn may_pass(name: &HeaderName) -> bool {
    let text = name.as_str();
    let kept = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::ACCEPT_ENCODING,
        header::EXPECT,
        header::FORWARDED,
        header::VIA,
        header::ORIGIN,
    ];
    !kept.contains(name)
        && !is_hop_by_hop(name)
        && !OVERRIDES.contains(&text)
        && ![
            "x-forwarded-",
            "x-real-",
            "x-original-",
            "x-rewrite-",
            "proxy-",
            "sec-",
            "dpop",
            "bailiwick-",
        ]
        .iter()
        .any(|it| text.starts_with(it))
}

/// Says whether a header is for one connection alone.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
}

/// Gives the headers of a request that go on, `more` of the operator's among them, or says what of
/// them makes two requests of one.
pub(super) fn goes_on(headers: &HeaderMap, more: &[HeaderName]) -> Result<HeaderMap, String> {
    if let Some(name) = OVERRIDES.iter().find(|it| headers.contains_key(**it)) {
        return Err(format!("`{name}` names another method than the one that is decided"));
    }
    let encoded = |it: &http::HeaderValue| !it.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(encoded) {
        return Err("its body is compressed, and would be read by nobody here".to_owned());
    }
    only_names_its_own(headers)?;
    let mut passed = HeaderMap::new();
    for name in PASSED.iter().chain(more) {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => drop(passed.insert(name.clone(), value.clone())),
            (Some(_), Some(_)) if *name != header::ACCEPT && *name != header::ACCEPT_LANGUAGE => {
                return Err(format!("`{name}` comes twice"));
            }
            (Some(_), Some(_)) => {
                for value in headers.get_all(name) {
                    passed.append(name.clone(), value.clone());
                }
            }
            (None, _) => {}
        }
    }
    let trace = HeaderName::from_static("traceparent");
    if let Some(value) = headers.get(&trace)
        && value.to_str().is_ok_and(is_traceparent)
    {
        passed.insert(trace, value.clone());
    }
    Ok(passed)
}

/// Says whether a header is part of what is asked.
pub(super) fn is_asked(name: &HeaderName) -> bool {
    !BESIDE.contains(name)
}

/// Gives the headers of an answer that come back.
pub(crate) fn goes_back(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let mut back = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let kept = is_hop_by_hop(name)
            || KEPT.contains(name)
            || named.iter().any(|it| it == name.as_str())
            || name.as_str().starts_with("proxy-");
        if !kept {
            back.append(name.clone(), value.clone());
        }
    }
    back
}

/// Refuses a `Connection` that would take away a header by which the request is judged.
fn only_names_its_own(headers: &HeaderMap) -> Result<(), String> {
    let own = |it: &str| {
        let hop = || it.parse::<HeaderName>().is_ok_and(|it| is_hop_by_hop(&it));
        matches!(it, "" | "close") || hop()
    };
    let text = |it: &http::HeaderValue| it.to_str().is_ok();
    let readable = headers.get_all(header::CONNECTION).iter().all(text);
    if readable && named_by_connection(headers).iter().all(|it| own(it)) {
        return Ok(());
    }
    Err("`Connection` names a header that is no connection's own".to_owned())
}

/// Says whether an answer comes in a coding that is not taken off here: whoever looks through it
/// would see nothing.
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    let chunked = |it: &http::HeaderValue| it.as_bytes().eq_ignore_ascii_case(b"chunked");
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    !codings.next().is_none_or(chunked) || codings.next().is_some()
}

/// Gives the names that `Connection` makes headers of one connection.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).map(|it| it.trim().to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn nothing_goes_on_that_says_who_asks_or_by_which_way() {
        let came = map(&[
            ("authorization", "Bearer task-token"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-user", "root"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("x-remote-user", "root"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("connection", "close, TE, keep-alive"),
            ("if-match", "x"),
            ("accept", "a/b"),
            ("content-type", "application/json"),
            ("x-tenant", "t"),
        ]);
        let passed = goes_on(&came, &[HeaderName::from_static("x-tenant")]).unwrap();
        assert_eq!(names(&passed), ["accept", "content-type", "if-match", "x-tenant"]);
    }

    #[test]
    fn a_second_method_a_second_value_and_a_hidden_body_are_refused() {
        for pair in [
            [("x-http-method-override", "DELETE"), ("accept", "a")],
            [("x-method-override", "GET"), ("accept", "a")],
            [("content-encoding", "gzip"), ("accept", "a")],
            [("connection", "Content-Type"), ("content-type", "application/json")],
            [("connection", "close, x-tenant"), ("x-tenant", "a")],
            [("content-type", "application/json"), ("content-type", "text/plain")],
        ] {
            assert!(goes_on(&map(&pair), &[]).is_err(), "{pair:?}");
        }
    }

    #[test]
    fn no_operator_lets_pass_what_is_ours_to_say() {
        for name in
            ["authorization", "cookie", "host", "x-forwarded-for", "te", "x-http-method", "via"]
        {
            assert!(!may_pass(&name.parse().unwrap()), "{name}");
        }
        assert!(may_pass(&"x-api-version".parse().unwrap()));
    }

    #[test]
    fn of_an_answer_nothing_comes_back_that_is_for_its_connection() {
        let back = goes_back(&map(&[
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("content-length", "7"),
            ("set-cookie", "session=1"),
            ("proxy-status", "x"),
            ("etag", "y"),
            ("location", "/next"),
        ]));
        assert_eq!(names(&back), ["etag", "location"]);
    }
}
