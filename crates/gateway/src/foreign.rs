//! The parsers of foreign bytes in this crate, as the fuzzer and its stable twin call them.

use std::collections::BTreeSet;

use bailiwick_model::{ArgumentLimit, Arguments, Environment, Json, JsonLimits, ServerName};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use crate::{
    authzen,
    call::Call,
    classify::{Hints, Known, classify},
    coaz,
    door::{self, Hosts},
    jsonrpc::{Message, RawObject},
    mcp::{
        Spoken,
        answers::Capabilities,
        client::ClientFacts,
        headers, meta, mirror, param_header,
        request_state::{AskedFor, RequestState},
        session::SessionFacts,
        subscription::Wanted,
        task_handle::TaskHandle,
        tasks::{self, Shown, Told},
    },
    oauth, obliged, path, upstream,
};

/// Reads bytes, and panics where something is wrong with how they are read.
pub type Read = fn(&[u8]);

/// Every parser, by the name of its corpus.
pub const PARSERS: &[(&str, Read)] = &[
    ("gateway-answer", upstream::foreign::answer),
    ("gateway-authzen", authzen::foreign),
    ("gateway-call", call),
    ("gateway-coaz", coaz::foreign),
    ("gateway-events", upstream::foreign::events),
    ("gateway-form", oauth::foreign),
    ("gateway-headers", headers),
    ("gateway-line", door::foreign),
    ("gateway-lines", upstream::foreign::lines),
    ("gateway-message", message),
    ("gateway-object", object),
    ("gateway-obliged", obliged::foreign),
    ("gateway-params", params),
    ("gateway-path", path),
    ("gateway-state", state),
    ("gateway-target", target),
];

/// The path and the query of a request to an HTTP API.
fn target(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        crate::web::foreign(text);
    }
}

const LIMITS: JsonLimits = JsonLimits { bytes: 64 << 10, depth: 64, values: 4000 };

/// One message of a client.
fn message(bytes: &[u8]) {
    let Ok(message) = Message::read(bytes, LIMITS) else { return };
    let _era = Spoken::of(&HeaderMap::new(), &message);
    let Some(params) = message.params() else { return };
    let _wanted = Wanted::read(Some(params));
    for client in [None, meta_of(params).map(|it| ClientFacts::read(&it))] {
        if let Ok(carried) = meta::carried(params, client.as_ref()) {
            assert!(RawObject::read(carried.get()).is_ok(), "what is carried on is no object");
        }
    }
    let _older = meta::for_legacy(params);
    if let Ok(newer) = meta::for_modern(Some(params)) {
        assert!(RawObject::read(newer.get()).is_ok(), "what is carried on is no object");
    }
    let _declared = (Capabilities::read(params), tasks::are_declared(params));
    if let Some(told) = Told::read(params) {
        let shown = Shown { handle: "v1.k.x", life: std::time::Duration::from_secs(1) };
        let written = told.detailed(shown, params).ok();
        let again = written.and_then(|it| Told::read(&it));
        assert_eq!(again.map(|it| it.task_id).as_deref(), Some("v1.k.x"), "a task has our name");
    }
    let facts = meta_of(params).map(|it| ClientFacts::read(&it)).unwrap_or_default();
    let _asked = RawObject::read(params.get()).map(|it| AskedFor::read(&it, &facts.capabilities));
}

fn meta_of(params: &RawValue) -> Option<RawObject<'_>> {
    RawObject::read(RawObject::read(params.get()).ok()?.get("_meta")?.get()).ok()
}

/// An object whose bytes stay: what is put in is there, what is taken out is not, and the others
/// are what they were.
fn object(bytes: &[u8]) {
    let Some(Ok(object)) = text(bytes).map(RawObject::read) else { return };
    let seven = crate::jsonrpc::raw_of(&7);
    let names = object.members().map(|(name, _)| name).take(8).chain(["", "another"]);
    for name in names.map(str::to_owned).collect::<Vec<_>>() {
        let others = |it: &RawObject<'_>| -> Vec<(String, String)> {
            let others = it.members().filter(|(it, _)| **it != name);
            others.map(|(name, value)| (name.to_owned(), value.get().to_owned())).collect()
        };
        for (written, wanted) in
            [(object.with(&name, &seven), Some("7")), (object.without(&name), None)]
        {
            let read = written.as_ref().ok().and_then(|it| RawObject::read(it.get()).ok());
            assert!(read.is_some(), "`{name}` cannot be written: {written:?}");
            let Some(read) = read else { continue };
            assert_eq!(read.get(&name).map(RawValue::get), wanted, "`{name}`");
            assert_eq!(others(&read), others(&object), "beside `{name}`");
        }
    }
}

/// The head of a request, a line each, and behind an empty line its body.
fn headers(bytes: &[u8]) {
    let (head, body) = halves(bytes, b"\n\n");
    let mut map = HeaderMap::new();
    for line in head.split(|it| *it == b'\n').take(64) {
        let (name, value) = halves(line, b":");
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    let _taken = (headers::check_post(&map), headers::check_get(&map));
    let _foreign = Hosts::new(vec!["127.0.0.1:8470".to_owned()]).foreign(&map);
    if let Ok(Some(name)) = headers::unwrapped(&map, "mcp-name") {
        let again = HeaderValue::from_str(&headers::wrapped(&name));
        let again =
            again.map(|it| HeaderMap::from_iter([(HeaderName::from_static("mcp-name"), it)]));
        let read = again.ok().map(|it| headers::unwrapped(&it, "mcp-name").ok().flatten());
        assert_eq!(read, Some(Some(name)), "a name is read as it is written");
    }
    let Ok(message) = Message::read(body, LIMITS) else { return };
    let _era = Spoken::of(&map, &message);
    let params = message.params().and_then(|it| RawObject::read(it.get()).ok());
    let _mirrored =
        headers::check_mirrors(&map, message.method().unwrap_or_default(), params.as_ref());
}

/// A tool's schema on the first line, and behind it arguments that it wants repeated in headers.
fn params(bytes: &[u8]) {
    let (schema, arguments) = halves(bytes, b"\n");
    let read = |bytes| Json::parse(bytes, LIMITS);
    let (Ok(schema), Ok(arguments)) = (read(schema), read(arguments)) else { return };
    let Ok(wanted) = param_header::param_headers(&schema) else { return };
    let written = mirror::of_request("tools/call", None, (&wanted, &arguments));
    if wanted.iter().all(|it| it.repeated(&arguments).is_some()) {
        let checked = param_header::check_params(&written, &wanted, &arguments);
        assert!(checked.is_ok(), "what we write is not what we take: {written:?}");
    }
}

/// A call: its method and its tool's schema on a line each, then its parameters.
fn call(bytes: &[u8]) {
    let (method, rest) = halves(bytes, b"\n");
    let (schema, params) = halves(rest, b"\n");
    let (Some(method), Some(params)) = (text(method), text(params)) else { return };
    let Ok(params) = RawValue::from_string(params.to_owned()) else { return };
    let Ok(server) = "files".parse::<ServerName>() else { return };
    let Ok(call) = Call::read(server.clone(), method, params, LIMITS) else { return };
    let again = Call::read(server, method, call.params().to_owned(), LIMITS);
    let digest = again.map(|it| *it.digest());
    assert_eq!(digest.as_ref(), Ok(call.digest()), "what is sent is not what was decided");
    limited(&call);
    let spec = upstream::ToolSpec {
        resource: Some("{path}".to_owned()),
        destinations: vec!["url".to_owned(), "to".to_owned()],
        ..upstream::ToolSpec::default()
    };
    let schema = Json::parse(schema, LIMITS).ok();
    let Ok(caller) = "caller".parse() else { return };
    let liked = BTreeSet::from(["name".to_owned()]);
    for spec in [None, Some(&spec)] {
        let classified = classify(
            &call,
            &Known {
                reading_credential: false,
                spec,
                hints: Hints::default(),
                input_schema: schema.as_ref(),
                mapping: None,
                environment: Environment::Production,
                liked: &liked,
            },
            &caller,
        );
        let _what = classified.destinations.len().saturating_add(classified.faults.len());
    }
}

/// Arguments that are sent otherwise: they are as they must be, and the digest is that of what is sent.
fn limited(call: &Call) {
    let limit = ArgumentLimit { min: Some(-1), max: Some(5), one_of: None };
    let fixed = ArgumentLimit::fixed(&Json::Text("read".to_owned()));
    let paths = ["n".parse(), "page.size".parse(), "mode".parse()];
    let [Ok(one), Ok(two), Ok(three)] = paths else { return };
    let limits = Arguments::of([(one, limit.clone()), (two, limit), (three, fixed)]);
    let Ok(Some(sent)) = call.limited(&limits, LIMITS) else { return };
    assert_eq!(limits.changes(sent.arguments()), Ok(Vec::new()), "{}", sent.params());
    let server = call.action().server.clone();
    let again = Call::read(server, sent.method(), sent.params().to_owned(), LIMITS);
    assert_eq!(again.as_ref().map(Call::digest), Ok(sent.digest()), "{}", sent.params());
}

/// A text that may name a place: its normal form is one, and no other text has none to mend.
fn path(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (faults, normal) = (path::faults(text), path::normal(text));
    assert_eq!(faults.is_none(), normal.as_deref() == Some(text), "{faults:?}");
    if let Some(normal) = normal {
        assert_eq!(path::faults(&normal), None, "`{normal}` is no normal form");
    }
    let _host = path::host_of(text);
}

/// What comes back to us opened: sessions, the states of rounds and the names of calls that go on.
fn state(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let _session = SessionFacts::decode(text);
    let _handle = serde_json::from_str::<TaskHandle>(text).is_ok();
    if let Ok(state) = serde_json::from_str::<RequestState>(text) {
        let again = serde_json::to_string(&state).ok();
        let again = again.and_then(|it| serde_json::from_str::<RequestState>(&it).ok());
        assert_eq!(again.as_ref(), Some(&state), "a state is read as it is written");
    }
}

/// Gives what stands before the first `mark`, and what behind it.
pub(crate) fn halves<'a>(bytes: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = bytes.windows(mark.len()).position(|it| it == mark).unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at_checked(at).unwrap_or((bytes, &[]));
    (first, rest.get(mark.len()..).unwrap_or_default())
}

pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[test]
fn any_bytes_are_answered() {
    bailiwick_hostile::check("gateway", PARSERS);
}
