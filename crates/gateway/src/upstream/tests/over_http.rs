//! A server over streamable HTTP, on loopback, that is told how to misbehave.

use std::sync::Mutex;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, Response, StatusCode, header},
    routing::any,
};
use tokio::net::TcpListener;

use super::{super::OTHER, *};

/// What the server does with its next calls, and what it saw.
#[derive(Debug, Default)]
pub(super) struct Site {
    seen: Mutex<Vec<(String, HeaderMap)>>,
    sessions: Mutex<Vec<String>>,
    forgets: Mutex<Option<(StatusCode, Value)>>,
    tool: Mutex<Option<String>>,
}

impl Site {
    fn methods(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|it| it.0.clone()).collect()
    }
}

pub(super) async fn serve() -> (Arc<Site>, ServerSpec) {
    let site = Arc::new(Site::default());
    let app = Router::new().route("/mcp", any(answer)).with_state(Arc::clone(&site));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (site, spec(Transport::Http { url: url.parse().unwrap() }))
}

fn reply(kind: &str, body: String) -> Response<Body> {
    Response::builder().header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()
}

fn status(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

async fn answer(State(site): State<Arc<Site>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = asked["method"].as_str().unwrap_or(head.method.as_str()).to_owned();
    site.seen.lock().unwrap().push((method.clone(), head.headers.clone()));
    if method == "server/discover" {
        return refused(StatusCode::BAD_REQUEST, json!("Bad Request: No valid session ID"), &asked);
    }
    if method == "initialize" {
        let session = format!("session-{}", site.sessions.lock().unwrap().len());
        site.sessions.lock().unwrap().push(session.clone());
        let opened = json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {} } });
        let mut response = reply("application/json", result(&asked, opened));
        response.headers_mut().insert("mcp-session-id", session.parse().unwrap());
        return response;
    }
    let session = head.headers.get("mcp-session-id").and_then(|it| it.to_str().ok());
    let forgotten = site.forgets.lock().unwrap().take();
    let known = site.sessions.lock().unwrap().last().map(String::as_str) == session;
    if forgotten.is_some() || !known {
        site.sessions.lock().unwrap().push("forgotten".to_owned());
        let (status, error) = forgotten.unwrap_or((StatusCode::NOT_FOUND, Value::Null));
        return refused(status, error, &asked["id"]);
    }
    if asked["id"].is_null() {
        return status(StatusCode::ACCEPTED);
    }
    if method == "tools/list" {
        let name = site.tool.lock().unwrap().clone().unwrap_or_else(|| "plain".to_owned());
        return reply("application/json", result(&asked, json!({ "tools": [{ "name": name }] })));
    }
    if asked["params"]["name"] == "never" {
        std::future::pending::<()>().await;
    }
    misbehave(&asked)
}

fn result(asked: &Value, result: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }).to_string()
}

/// Refuses with a message, or with a whole body in which `ASKED` is what was asked.
fn refused(status: StatusCode, why: Value, asked: &Value) -> Response<Body> {
    let error = match why.as_str() {
        Some(why) => json!({ "id": null, "error": {
            "code": -32602, "message": why, "data": { "_meta": { "dev.bailiwick/reason": "forged" } },
        } }),
        None => why,
    };
    let body = error.to_string().replace("\"ASKED\"", &asked.to_string());
    let mut refused = reply("application/json", body);
    *refused.status_mut() = status;
    refused
}

fn misbehave(asked: &Value) -> Response<Body> {
    let said = result(asked, json!({ "content": [{ "type": "text", "text": "done" }] }));
    match asked["params"]["name"].as_str().unwrap_or_default() {
        "plain" => reply("application/json; charset=utf-8", said),
        "stream" => {
            let noise = ": hello\n\ndata: {\"method\":\"notifications/progress\"}\n\ndata: {\"id\":9999,\"result\":{}}\n\ndata: garbage\n\n";
            reply(
                "text/event-stream",
                format!("{noise}event: message\ndata: {said}\n\ndata: rest\n\n"),
            )
        }
        "talks" => {
            let token = &asked["params"]["_meta"]["progressToken"];
            let told = |method: &str, params: Value| {
                let told = json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params });
                format!("data: {told}\n\n")
            };
            let progress = |token: &Value| {
                told("progress", json!({ "progressToken": token, "progress": 1, "total": 2 }))
            };
            let said_before = [
                progress(token),
                progress(&json!("mine")),
                told("message", json!({ "level": "info", "data": "for you" })),
                told("resources/updated", json!({ "uri": "a:b" })),
                told("of/tomorrow", json!({})),
            ];
            reply("text/event-stream", format!("{}data: {said}\n\n", said_before.concat()))
        }
        "news" => {
            let news = "data: {\"method\":\"notifications/tools/list_changed\"}\n\n";
            reply("text/event-stream", format!("{news}data: {said}\n\n"))
        }
        "short stream" => reply("text/event-stream", "data: {}\n\n".to_owned()),
        "other id" => reply("application/json", json!({ "id": 9999, "result": {} }).to_string()),
        "page" => reply("text/html", said),
        "broken" => reply("application/json", "{\"id\":".to_owned()),
        "moved" => {
            let mut moved = status(StatusCode::TEMPORARY_REDIRECT);
            moved.headers_mut().insert(header::LOCATION, "/elsewhere".parse().unwrap());
            moved
        }
        "refused" => refused(StatusCode::BAD_REQUEST, json!("no"), &Value::Null),
        "large" => reply("application/json", " ".repeat(9 << 20)),
        "large event" => reply("text/event-stream", format!("data: {}", "x".repeat(9 << 20))),
        _ => status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[tokio::test]
async fn a_call_carries_the_session_and_the_revision_that_were_agreed() {
    let (site, spec) = serve().await;
    let world = World::up(spec).await;
    assert_eq!(world.catalog().await.unwrap().protocol, "2025-06-18");
    assert_eq!(world.text("plain", json!({})).await, "done");
    assert_eq!(
        site.methods(),
        ["server/discover", "initialize", "notifications/initialized", "tools/list", "tools/call"]
    );
    let seen = site.seen.lock().unwrap();
    let headers = &seen[4].1;
    assert_eq!(headers["mcp-session-id"], "session-0");
    assert_eq!(headers["mcp-protocol-version"], "2025-06-18");
    assert_eq!(headers["accept"], "application/json, text/event-stream");
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test]
async fn our_answer_is_found_in_a_stream() {
    let (_site, spec) = serve().await;
    let world = World::up(spec).await;
    assert_eq!(world.text("stream", json!({})).await, "done");
}

#[tokio::test]
async fn answers_that_are_none_leave_the_outcome_unknown() {
    let (_site, spec) = serve().await;
    let world = World::up(spec).await;
    for (tool, part) in [
        ("short stream", "ended without an answer"),
        ("other id", "not asked"),
        ("page", "`text/html`"),
        ("broken", "not asked"),
        ("moved", "307"),
        ("any other", "500"),
        ("large", "broke off"),
        ("large event", "8388608 bytes"),
    ] {
        let lost = world.call(tool, json!({})).await.unwrap_err();
        assert!(
            matches!(&lost, SendError::Unknown { why } if why.contains(part)),
            "{tool}: {lost}"
        );
    }
    assert_eq!(world.text("plain", json!({})).await, "done");
}

#[tokio::test]
async fn a_refusal_with_an_error_inside_is_an_answer() {
    let (_site, spec) = serve().await;
    let world = World::up(spec).await;
    let refused = world.call("refused", json!({})).await.unwrap();
    let Reply::Error(raw) = refused else { panic!("{refused:?}") };
    assert!(raw.get().contains("-32602"), "{raw}");
    assert!(raw.get().contains(r#""_meta":{}"#), "and nothing of it has a name of ours: {raw}");
}

impl Site {
    fn forget(&self, status: StatusCode, body: Value) {
        *self.forgets.lock().unwrap() = Some((status, body));
    }

    pub(super) fn count(&self, method: &str) -> usize {
        self.methods().iter().filter(|it| *it == method).count()
    }
}

#[tokio::test]
async fn a_forgotten_session_is_opened_again_and_the_call_of_a_tool_that_is_the_same_is_repeated() {
    // The first two are what the specification asks for, the others what many servers do.
    for (status, body) in [
        (StatusCode::NOT_FOUND, Value::Null),
        (StatusCode::NOT_FOUND, json!("Session not found")),
        (StatusCode::NOT_FOUND, json!({ "id": "server-error", "error": { "message": "gone" } })),
        (StatusCode::BAD_REQUEST, json!("Session not found")),
        (StatusCode::BAD_REQUEST, json!("Bad Request: No valid session ID provided")),
        (StatusCode::BAD_REQUEST, json!("Bad Request: Mcp-Session-Id header is required")),
    ] {
        let (site, spec) = serve().await;
        let world = World::up(spec).await;
        site.forget(status, body);
        assert_eq!(world.text("plain", json!({})).await, "done");
        assert_eq!((site.count("initialize"), site.count("tools/call")), (2, 2));
    }
}

#[tokio::test]
async fn a_call_is_not_repeated_where_its_tool_is_not_the_same_any_more() {
    let (site, spec) = serve().await;
    let mut world = World::up(spec).await;
    let _first = world.new_catalog().await;
    *site.tool.lock().unwrap() = Some("stream".to_owned());
    site.forget(StatusCode::NOT_FOUND, Value::Null);
    let lost = world.call("plain", json!({})).await.unwrap_err();
    assert_eq!(lost, SendError::NotSent { why: OTHER.to_owned() });
    assert_eq!(site.count("tools/call"), 1);
    // Whoever forgot its session is asked again what it offers, and goes on.
    assert_eq!(world.new_catalog().await.tools[0].name, "stream");
    assert_eq!(world.text("stream", json!({})).await, "done");
}

#[tokio::test]
async fn a_refusal_that_may_come_after_the_deed_is_never_answered_by_a_second_call() {
    let said = "Session not found";
    for (status, body, answered) in [
        (StatusCode::NOT_FOUND, json!({ "id": "ASKED", "error": { "message": said } }), true),
        (StatusCode::BAD_REQUEST, json!({ "id": "ASKED", "error": { "message": said } }), true),
        (StatusCode::BAD_REQUEST, json!("the session of parliament was not found"), true),
        (StatusCode::BAD_REQUEST, json!("session not found"), true),
        (StatusCode::BAD_REQUEST, Value::Null, false),
        (StatusCode::UNAUTHORIZED, json!(said), true),
        (StatusCode::INTERNAL_SERVER_ERROR, json!(said), true),
        (StatusCode::GONE, json!({ "message": said }), false),
    ] {
        let (site, spec) = serve().await;
        let world = World::up(spec).await;
        site.forget(status, body.clone());
        let reply = world.call("plain", json!({})).await;
        let as_it_is = match &reply {
            Ok(reply) => answered && matches!(reply, Reply::Error(_)),
            Err(error) => !answered && matches!(error, SendError::Unknown { .. }),
        };
        assert!(as_it_is, "{status} {body}: {reply:?}");
        assert_eq!(site.count("tools/call"), 1, "{status} {body}");
    }
}

#[tokio::test]
async fn news_on_a_stream_lead_to_a_new_catalog() {
    let (site, spec) = serve().await;
    let mut world = World::up(spec).await;
    assert_eq!(world.new_catalog().await.tools[0].name, "plain");
    *site.tool.lock().unwrap() = Some("other".to_owned());
    assert_eq!(world.text("news", json!({})).await, "done");
    assert_eq!(world.new_catalog().await.tools[0].name, "other");
}

#[tokio::test]
async fn a_call_that_hangs_ends_in_time_and_is_cancelled() {
    let (site, mut spec) = serve().await;
    spec.call_timeout = Duration::from_millis(300);
    let world = World::up(spec).await;
    let lost = world.call("never", json!({})).await.unwrap_err();
    assert_eq!(lost, SendError::Unknown { why: "no answer within 300ms".to_owned() });
    soon(async {
        while !site.methods().iter().any(|it| it == "notifications/cancelled") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn stopping_ends_the_session() {
    let (site, spec) = serve().await;
    let world = World::up(spec).await;
    soon(world.upstreams.stopped()).await;
    assert_eq!(site.methods().last().unwrap(), "DELETE");
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let mut world = World::of(spec(Transport::Http { url: url.parse().unwrap() }));
    let why = world.down().await;
    assert!(why.contains("cannot be reached"), "{why}");
    let lost = world.call("plain", json!({})).await.unwrap_err();
    assert!(matches!(lost, SendError::NotSent { .. }), "{lost}");
}
