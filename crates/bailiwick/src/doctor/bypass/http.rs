//! A server that runs by itself: does it answer somebody who shows nothing?

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::{
    doctor::finding::{Finding, Severity},
    outward,
};

/// How long a server may take.
const WAIT: Duration = Duration::from_secs(5);
/// So much of an answer tells enough.
const LOOK_MAX: usize = 64 << 10;

/// How each revision opens, with the headers that it wants.
const OPENINGS: [(&str, &[(&str, &str)]); 2] = [
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bailiwick-doctor","version":"1"}}}"#,
        &[],
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bailiwick-doctor","version":"1"}}}}"#,
        &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", "server/discover")],
    ),
];

/// What a server did with a caller who showed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Did {
    Answer,
    Refuse(StatusCode),
    /// Neither, or nothing could be sent.
    Unclear(String),
}

pub(super) async fn look(server: &str, url: &Uri) -> Finding {
    if url.scheme_str() != Some("http") {
        return told(server, url, &Did::Unclear("servers over TLS are not called".to_owned()));
    }
    let mut last = Did::Unclear("it was not called".to_owned());
    for (body, headers) in OPENINGS {
        let did = tokio::time::timeout(WAIT, call(url, body, headers)).await;
        last = match did {
            Ok(Ok(Did::Answer)) => return told(server, url, &Did::Answer),
            Ok(Ok(did @ (Did::Refuse(_) | Did::Unclear(_)))) => did,
            Ok(Err(error)) => Did::Unclear(format!("{error:#}")),
            Err(_) => Did::Unclear("it did not answer in time".to_owned()),
        };
    }
    told(server, url, &last)
}

async fn call(url: &Uri, body: &'static str, headers: &[(&str, &str)]) -> anyhow::Result<Did> {
    let answer = exchange(url, (Method::POST, body), headers).await?;
    let status = answer.status();
    let session = answer.headers().get("mcp-session-id").cloned();
    let text = beginning(answer).await?;
    if let Some(session) = session.as_ref().and_then(|it| it.to_str().ok()) {
        // What was opened to look is closed again; a server that does not take this loses nothing.
        let _left = exchange(url, (Method::DELETE, ""), &[("mcp-session-id", session)]).await;
    }
    Ok(judged(status, &text))
}

fn judged(status: StatusCode, text: &str) -> Did {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Did::Refuse(status),
        it if it.is_success() && text.contains("\"result\"") => Did::Answer,
        it => Did::Unclear(format!("it answered {it}, which says nothing about credentials")),
    }
}

async fn exchange(
    url: &Uri,
    (method, body): (Method, &'static str),
    headers: &[(&str, &str)],
) -> anyhow::Result<Response<Incoming>> {
    let mut request = Request::builder()
        .method(method)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    outward::send(url, request.body(Full::new(Bytes::from_static(body.as_bytes())))?).await
}

/// Reads the beginning of an answer: a stream of events may have no end.
async fn beginning(answer: Response<Incoming>) -> anyhow::Result<String> {
    let (mut body, mut text) = (answer.into_body(), BytesMut::new());
    while text.len() < LOOK_MAX && !text.windows(8).any(|it| it == b"\"result\"") {
        let Some(frame) = body.frame().await else { break };
        if let Ok(piece) = frame?.into_data() {
            text.extend_from_slice(&piece);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn told(server: &str, url: &Uri, did: &Did) -> Finding {
    let finding = |severity, code, found, means, mend: &str| Finding {
        severity,
        code,
        subject: server.to_owned(),
        found,
        means,
        mend: mend.to_owned(),
    };
    match did {
        Did::Answer => finding(
            Severity::Open,
            "bypass-answered",
            format!("NOT refused: `{url}` answers somebody who shows no credential"),
            "whoever reaches that address uses its tools without any decision",
            "let it take a credential that only the governor has, let it listen where only the governor reaches it, or give it as a `command`",
        ),
        Did::Refuse(status) => finding(
            Severity::Note,
            "bypass-refused",
            format!("`{url}` refuses somebody who shows no credential ({status})"),
            "nobody gets around the governor with bare hands",
            "nothing to do",
        ),
        Did::Unclear(why) => finding(
            Severity::Weak,
            "bypass-unproved",
            format!("nothing was shown for `{url}`: {why}"),
            "it may answer others who call it directly",
            "let it run, and look again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_is_an_answer_and_only_a_challenge_a_refusal() {
        assert_eq!(judged(StatusCode::OK, r#"{"id":1,"result":{}}"#), Did::Answer);
        assert_eq!(judged(StatusCode::OK, "data: {\"result\":{}}\n\n"), Did::Answer);
        let refused = Did::Refuse(StatusCode::UNAUTHORIZED);
        assert_eq!(judged(StatusCode::UNAUTHORIZED, ""), refused);
        for (status, text) in [(StatusCode::OK, "welcome"), (StatusCode::BAD_REQUEST, "")] {
            assert!(matches!(judged(status, text), Did::Unclear(_)));
        }
    }
}
