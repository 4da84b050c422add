//! A server over HTTP that takes nothing but what its revision asks for.

use std::{
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, Response, StatusCode, header},
    routing::any,
};
use bytes::Bytes;
use hyper::body::Frame;
use tokio::net::TcpListener;

use super::super::*;

/// How it speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Speaks {
    /// As since 2026-07-28.
    Modern,
    /// As before; this is what it says to what it does not know.
    Legacy(StatusCode, &'static str),
}

/// What it saw.
#[derive(Debug)]
pub(super) struct Site {
    speaks: Mutex<Speaks>,
    seen: Mutex<Vec<(String, HeaderMap)>>,
    /// What it was asked to tell of, once for each stream.
    told_of: Mutex<Vec<Value>>,
}

impl Site {
    pub(super) fn methods(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|it| it.0.clone()).collect()
    }

    pub(super) fn any_header(&self, name: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|it| it.1.contains_key(name))
    }

    pub(super) fn told_of(&self) -> Vec<Value> {
        self.told_of.lock().unwrap().clone()
    }

    pub(super) fn becomes(&self, speaks: Speaks) {
        *self.speaks.lock().unwrap() = speaks;
    }
}

pub(super) async fn serve(speaks: Speaks) -> (Arc<Site>, ServerSpec) {
    let site = Arc::new(Site {
        speaks: Mutex::new(speaks),
        seen: Mutex::default(),
        told_of: Mutex::default(),
    });
    let app = Router::new().route("/mcp", any(answer)).with_state(Arc::clone(&site));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (site, spec(Transport::Http { url: url.parse().unwrap() }))
}

fn said(status: StatusCode, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap()
}

async fn answer(State(site): State<Arc<Site>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = asked["method"].as_str().unwrap_or(head.method.as_str()).to_owned();
    site.seen.lock().unwrap().push((method.clone(), head.headers.clone()));
    let speaks = *site.speaks.lock().unwrap();
    match speaks {
        Speaks::Modern if method == "subscriptions/listen" => {
            let wanted = asked["params"]["notifications"].clone();
            site.told_of.lock().unwrap().push(wanted.clone());
            tells(&wanted)
        }
        Speaks::Modern => modern(&head.headers, &asked),
        Speaks::Legacy(status, body) => {
            legacy(&head.headers, &asked, &method).unwrap_or_else(|| said(status, body.to_owned()))
        }
    }
}

/// Refuses whatever a server of 2026-07-28 must refuse.
fn modern(headers: &HeaderMap, asked: &Value) -> Response<Body> {
    let error = |code: i64, text: &str| {
        let error = json!({ "code": code, "message": text });
        said(
            StatusCode::BAD_REQUEST,
            json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error }).to_string(),
        )
    };
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let meta = &asked["params"]["_meta"];
    if header("mcp-protocol-version") != Some("2026-07-28")
        || meta["io.modelcontextprotocol/protocolVersion"] != "2026-07-28"
        || header("mcp-method") != asked["method"].as_str()
    {
        return error(-32020, "the headers differ from the body");
    }
    if !meta["io.modelcontextprotocol/clientCapabilities"].is_object() {
        return error(-32602, "`_meta` is incomplete");
    }
    let result = match asked["method"].as_str().unwrap_or_default() {
        "server/discover" => {
            let capabilities = json!({ "tools": {}, "resources": { "subscribe": true } });
            json!({ "supportedVersions": ["2026-07-28"], "capabilities": capabilities })
        }
        "tools/list" => json!({ "tools": [tool()] }),
        "tools/call" => {
            let arguments = &asked["params"]["arguments"];
            let region = arguments["region"].as_str().map(|_| "=?base64?IGV1IA==?=");
            let size = arguments["page"]["size"].as_i64().map(|it| it.to_string());
            if header("mcp-name") != Some("manage")
                || header("mcp-param-region") != region
                || header("mcp-param-size") != size.as_deref()
            {
                return error(-32020, "the headers differ from the body");
            }
            json!({ "content": [{ "type": "text", "text": "done" }] })
        }
        _ => return error(-32601, "no such method"),
    };
    let mut result = result;
    result["resultType"] = json!("complete");
    said(
        StatusCode::OK,
        json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string(),
    )
}

/// Tells at once that whatever is followed has changed, and keeps the stream open.
fn tells(wanted: &Value) -> Response<Body> {
    let mut events = ": here\n\n".to_owned();
    for uri in wanted["resourceSubscriptions"].as_array().into_iter().flatten() {
        let params = json!({ "uri": uri });
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params });
        events += &format!("data: {told}\n\n");
    }
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::new(Open(Some(events.into()))))
        .unwrap()
}

/// A body that never ends.
struct Open(Option<Bytes>);

impl axum::body::HttpBody for Open {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.take().map_or(Poll::Pending, |it| Poll::Ready(Some(Ok(Frame::data(it)))))
    }
}

fn tool() -> Value {
    let size = json!({ "type": "integer", "x-mcp-header": "Size" });
    json!({ "name": "manage", "inputSchema": { "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "page": { "type": "object", "properties": { "size": size } },
    } } })
}

/// Answers what belongs to its session; nothing else is known to it.
fn legacy(headers: &HeaderMap, asked: &Value, method: &str) -> Option<Response<Body>> {
    let result = |result: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result });
        said(StatusCode::OK, body.to_string())
    };
    let asked_anew = headers.keys().any(|it| matches!(it.as_str(), "mcp-method" | "mcp-name"));
    if asked_anew || asked["params"]["_meta"].is_object() {
        return None;
    }
    if method == "initialize" {
        let opened = json!({ "protocolVersion": "2025-11-25", "capabilities": { "tools": {} } });
        let mut response = result(opened);
        response.headers_mut().insert("mcp-session-id", "one".parse().unwrap());
        return Some(response);
    }
    if headers.get("mcp-session-id").is_none_or(|it| it != "one") {
        return None;
    }
    match method {
        "tools/list" => Some(result(json!({ "tools": [tool()] }))),
        "tools/call" => Some(result(json!({ "content": [{ "type": "text", "text": "done" }] }))),
        _ => Some(said(StatusCode::ACCEPTED, String::new())),
    }
}
