//! Messages of clients that speak over lines: they have no headers, and the door wants some.
//!
//! Over HTTP a modern message says part of itself twice, in its body and in headers. A client on
//! standard input says it once, so the headers are made here from the body, and the door reads such
//! a message as it reads every other.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, State},
    response::Response,
    routing::post,
};
use bailiwick_connect::Audience;
use bailiwick_model::{Json, ServerName};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use serde_json::value::RawValue;

use super::{Door, LIMITS, no_server, refusal, sender::AtHome};
use crate::{
    jsonrpc::{RawObject, Refused, code},
    mcp::{
        headers::{named_by, wrapped},
        meta::VERSION,
    },
};

/// The route for clients that speak over lines. It is for the gateway's own socket: whoever may use
/// it is known before it is reached.
pub fn line_router(door: Arc<Door>) -> Router {
    Router::new().route("/lines/{server}", post(line)).with_state(door)
}

async fn line(
    State(door): State<Arc<Door>>,
    Path(server): Path<String>,
    request: Request<Body>,
) -> Response {
    let Ok(server) = server.parse() else { return no_server() };
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LIMITS.bytes).await else {
        let text = format!("the message has more than {} bytes", LIMITS.bytes);
        return refusal(&Refused::new(StatusCode::OK, code::INVALID_REQUEST, text));
    };
    parts.extensions.insert(AtHome);
    door.add_headers(&server, &body, &mut parts.headers).await;
    let request = Request::from_parts(parts, Body::from(body));
    door.take(Audience::Server(server), request).await
}

impl Door {
    /// Adds the headers that repeat a modern message's body. What cannot be read gets none: the
    /// door says what is wrong with it.
    async fn add_headers(&self, server: &ServerName, body: &Bytes, headers: &mut HeaderMap) {
        let Some(said) = Said::read(body) else { return };
        for (name, value) in said.headers() {
            put(headers, name, &value);
        }
        if said.method != "tools/call" {
            return;
        }
        let Some(name) = said.name() else { return };
        // Asked without waiting: where nothing is known of the tool, nothing is compared either.
        let Ok(catalog) = self.lane.upstreams().catalog(server, std::time::Duration::ZERO).await
        else {
            return;
        };
        let wanted = catalog.tool(&name).map_or(&[][..], |it| it.repeated.as_slice());
        let Some(arguments) = said.arguments().filter(|_| !wanted.is_empty()) else { return };
        for (name, value) in wanted.iter().filter_map(|it| it.repeated(&arguments)) {
            put(headers, name, &wrapped(&value));
        }
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (HeaderName::try_from(name), HeaderValue::try_from(value.to_owned()))
    {
        headers.insert(name, value);
    }
}

/// What a modern message says of itself.
struct Said<'a> {
    version: String,
    method: String,
    params: RawObject<'a>,
}

impl<'a> Said<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let message = RawObject::read(std::str::from_utf8(body).ok()?).ok()?;
        let params = RawObject::read(message.get("params").map(RawValue::get)?).ok()?;
        let version = RawObject::read(params.get("_meta").map(RawValue::get)?).ok()?;
        Some(Self { version: version.text(VERSION)?, method: message.text("method")?, params })
    }

    fn name(&self) -> Option<String> {
        self.params.text(named_by(&self.method)?)
    }

    fn arguments(&self) -> Option<Json> {
        Json::parse(self.params.get("arguments")?.get().as_bytes(), LIMITS).ok()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("mcp-protocol-version", self.version.clone()),
            ("mcp-method", self.method.clone()),
        ];
        headers.extend(self.name().map(|it| ("mcp-name", wrapped(&it))));
        headers
    }
}

/// Such a message as foreign bytes: what it says of itself becomes headers.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let Some(said) = Said::read(bytes) else { return };
    let mut map = HeaderMap::new();
    for (name, value) in said.headers() {
        put(&mut map, name, &value);
    }
    let name = crate::mcp::headers::unwrapped(&map, "mcp-name").ok().flatten();
    assert_eq!(name, said.name(), "a header says something else");
    let _arguments = said.arguments();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(body: &str) -> Vec<(&'static str, String)> {
        Said::read(body.as_bytes()).map(|it| it.headers()).unwrap_or_default()
    }

    #[test]
    fn a_modern_message_gets_the_headers_it_would_have_had() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"é","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
        let wanted = [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", "=?base64?w6k=?="),
        ];
        let got = headers(call);
        assert_eq!(got.iter().map(|(name, it)| (*name, it.as_str())).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_legacy_message_gets_none() {
        assert!(headers(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).is_empty());
        assert!(headers(r#"{"id":1,"method":"tools/list","params":{"_meta":{}}}"#).is_empty());
        assert!(headers("[]").is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_said_becomes_a_header_that_says_the_same(name in "\\PC{0,40}") {
            let body = serde_json::json!({"method": "prompts/get", "params": {
                "name": name, "_meta": {VERSION: "2026-07-28"},
            }});
            let body = body.to_string();
            let mut map = HeaderMap::new();
            for (header, value) in Said::read(body.as_bytes()).unwrap().headers() {
                put(&mut map, header, &value);
            }
            let read = crate::mcp::headers::unwrapped(&map, "mcp-name").unwrap();
            prop_assert_eq!(read, Some(name));
        }
    }
}
