//! An agent's side of MCP, as small as it can be: one modern request, one answer.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

const REVISION: &str = "2026-07-28";

/// Asks for `path`, and gives the status, all that came back, and the decision.
pub(super) async fn get(
    (address, token): (SocketAddr, Option<&str>),
    path: &str,
) -> anyhow::Result<(StatusCode, String, String)> {
    let request = Request::get(path).header(header::HOST, address.to_string());
    let request = match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    };
    ask(address, request.body(Full::new(Bytes::new()))?).await
}

/// Sends `body` to `path` with a task's token, and gives the status, all that came back, and the decision.
pub(super) async fn post(
    (address, token): (SocketAddr, &str),
    path: &str,
    body: String,
) -> anyhow::Result<(StatusCode, String, String)> {
    let request = Request::post(path)
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    ask(address, request).await
}

async fn ask(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, String, String)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let (status, decision) = (answer.status(), answer.headers().get("bailiwick-decision").cloned());
    let decision = decision.and_then(|it| it.to_str().ok().map(str::to_owned)).unwrap_or_default();
    let body = answer.into_body().collect().await?.to_bytes();
    driving.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned(), decision))
}

/// Calls `tool` of `server` with a task's token, and gives the result with its decision.
pub(super) async fn call(
    address: SocketAddr,
    token: &str,
    (server, tool): (&str, &str),
    arguments: &Value,
) -> anyhow::Result<(Value, String)> {
    let body = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": REVISION,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "demo-agent", "version": "1"},
            },
        },
    });
    let request = Request::post(format!("/mcp/{server}"))
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .header("mcp-protocol-version", REVISION)
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(Full::new(Bytes::from(body.to_string())))?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let decision = answer
        .headers()
        .get("bailiwick-decision")
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    driving.abort();
    let answer: Value =
        serde_json::from_slice(&body).with_context(|| format!("the gateway answered {status}"))?;
    let result = answer.get("result").or_else(|| answer.get("error")).cloned();
    Ok((result.context("an answer without result and error")?, decision))
}
