//! A server up to 2025-11-25 whose answer comes in pieces, each on a connection of its own.

use std::{collections::VecDeque, sync::Mutex};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, Response, StatusCode},
    routing::any,
};
use tokio::net::TcpListener;

use super::*;

/// What the server says next, and what it saw.
#[derive(Debug, Default)]
struct Site {
    pieces: Mutex<VecDeque<String>>,
    /// After which events it was asked for the rest.
    after: Mutex<Vec<String>>,
    calls: Mutex<Vec<Value>>,
}

async fn answer(State(site): State<Arc<Site>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = |result: Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    let json = |body: Value| {
        let answer = Response::builder().header("content-type", "application/json");
        answer.body(Body::from(body.to_string())).unwrap()
    };
    let status = |status: u16| Response::builder().status(status).body(Body::empty()).unwrap();
    match asked["method"].as_str() {
        None if head.method == "GET" => {
            let Some(after) = head.headers.get("last-event-id") else { return status(405) };
            site.after.lock().unwrap().push(after.to_str().unwrap().to_owned());
        }
        Some("initialize") => {
            return json(said(
                json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}),
            ));
        }
        Some("tools/list") => return json(said(json!({"tools": [{"name": "work"}]}))),
        Some("tools/call") => site.calls.lock().unwrap().push(asked["id"].clone()),
        Some("server/discover") => return status(400),
        None | Some(_) => return status(202),
    }
    let piece = site.pieces.lock().unwrap().pop_front().unwrap_or_else(|| "405".to_owned());
    if let Ok(it) = piece.parse::<StatusCode>() {
        return status(it.as_u16());
    }
    let id = site.calls.lock().unwrap().last().unwrap().clone();
    let done = json!({"id": id, "result": {"content": [{"type": "text", "text": "done"}]}});
    let piece = piece.replace("ANSWER", &format!("data: {done}\n\n"));
    Response::builder().header("content-type", "text/event-stream").body(Body::from(piece)).unwrap()
}

/// Calls a server that answers in `pieces`, a status or a part of a stream each: gives what came of it,
/// and after which events the rest was asked for.
async fn called(pieces: &[&str]) -> (Result<String, SendError>, Vec<String>) {
    let site = Arc::new(Site::default());
    site.pieces.lock().unwrap().extend(pieces.iter().map(|it| (*it).to_owned()));
    let app = Router::new().route("/mcp", any(answer)).with_state(Arc::clone(&site));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let world = World::up(spec(Transport::Http { url })).await;
    let came = world.call("work", json!({})).await.map(|it| text(&it));
    assert_eq!(site.calls.lock().unwrap().len(), 1, "a call is made once");
    let after = site.after.lock().unwrap().clone();
    (came, after)
}

const ONE: &str = "id: one\nretry: 100\ndata: \n\n";

#[tokio::test]
async fn an_answer_that_comes_in_pieces_is_put_together() {
    let (came, after) = called(&[ONE, "id: two\n\nid: half\ndata: {", "ANSWER"]).await;
    assert_eq!((came.unwrap().as_str(), after), ("done", vec!["one".into(), "two".into()]));
}

#[tokio::test]
async fn a_server_that_is_not_there_for_a_moment_is_asked_again() {
    for status in ["503", "429"] {
        let (came, after) = called(&[ONE, status, "ANSWER"]).await;
        assert_eq!((came.unwrap().as_str(), after.len()), ("done", 2), "{status}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_up_has_an_unknown_outcome() {
    for (pieces, asked, words) in [
        (&["data: {}\n\n"][..], 0, "ended without an answer"),
        (&[ONE, "405"], 1, "cannot be asked for the rest (405"),
        (&[ONE, "404"], 1, "cannot be asked for the rest (404"),
        (&[ONE, "id\n\n", "405"], 2, "405"),
    ] {
        let (came, after) = called(pieces).await;
        let lost = came.unwrap_err();
        assert!(
            matches!(&lost, SendError::Unknown { why } if why.contains(words)),
            "{pieces:?}: {lost}"
        );
        assert!(after.len() <= asked, "{pieces:?}: {after:?}");
    }
}
