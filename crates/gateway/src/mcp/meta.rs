//! `_meta` on its way to a server: what is carried along, and what each era's requests must say.
//!
//! No decision looks at `_meta` and no digest covers it, so it is never passed on as it came: it is
//! written anew, out of the few things that are known here.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    client::{ClientFacts, Implementation},
    revision::Revision,
};
use crate::jsonrpc::{RawError, RawObject, raw_of};

/// Which revision a request speaks.
pub(crate) const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// What its client can be asked for.
pub(crate) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// Which program its client is.
pub(crate) const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// How much of the server's log its client wants to see.
pub(crate) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Which program a server is.
pub(crate) const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What every name of the protocol's own begins with.
const PROTOCOL: &str = "io.modelcontextprotocol/";

/// Members that are carried along: trace and progress, each of them one word. An object in its
/// place would be a way in for anything.
const CARRIED: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// Writes `params` as they are sent on: of `_meta` only what is carried along, and what `client`
/// says of itself; no `_meta` where that is nothing. Every other byte stays.
pub(crate) fn carried(
    params: &RawValue,
    client: Option<&ClientFacts>,
) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(params.get())?;
    let meta = object.get("_meta");
    let mut kept = Members::default();
    if let Some(meta) = meta {
        for (name, value) in RawObject::read(meta.get())?.members() {
            if CARRIED.contains(&name) && !value.get().starts_with(['{', '[']) {
                kept.put(name, value);
            }
        }
    }
    if let Some(client) = client {
        kept.put(CAPABILITIES, &raw_of(&client.capabilities));
        if let Some(info) = &client.info {
            kept.put(CLIENT_INFO, &raw_of(info));
        }
        if let Some(level) = client.log_level {
            kept.put(LOG_LEVEL, &raw_of(&level));
        }
    }
    match (meta, kept.is_empty()) {
        (None, true) => Ok(params.to_owned()),
        (Some(_), true) => object.without("_meta"),
        (_, false) => object.with("_meta", &kept.write()?),
    }
}

/// Writes `params` as a server of the older revisions gets them: their requests say nothing of the
/// client.
pub(crate) fn for_legacy(params: &RawValue) -> Cow<'_, RawValue> {
    // Whoever wrote such a name into `_meta` was `carried`, in this spelling.
    if !params.get().contains(PROTOCOL) {
        return Cow::Borrowed(params);
    }
    carried(params, None).map_or(Cow::Borrowed(params), Cow::Owned)
}

/// Writes `params` as a server of 2026-07-28 gets them: they say the revision and the client, which
/// is us where nothing else is known.
pub(crate) fn for_modern(params: Option<&RawValue>) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(params.map_or("{}", RawValue::get))?;
    let meta = RawObject::read(object.get("_meta").map_or("{}", RawValue::get))?;
    let mut written = Members::default();
    written.put(VERSION, &raw_of(&Revision::R20260728.as_str()));
    for (name, value) in meta.members().filter(|(name, _)| *name != VERSION) {
        written.put(name, value);
    }
    if meta.get(CAPABILITIES).is_none() {
        written.put(CAPABILITIES, &raw_of(&ClientFacts::default().capabilities));
    }
    if meta.get(CLIENT_INFO).is_none() {
        written.put(CLIENT_INFO, &raw_of(&Implementation::ours()));
    }
    object.with("_meta", &written.write()?)
}

/// An object that is written member by member.
#[derive(Debug, Default)]
struct Members(String);

impl Members {
    fn put(&mut self, name: &str, value: &RawValue) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&serde_json::Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(value.get());
    }

    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn write(self) -> Result<Box<RawValue>, RawError> {
        let text = if self.is_empty() { "{}".to_owned() } else { self.0 + "}" };
        RawValue::from_string(text)
            .map_err(|error| RawError::NotAnObject { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn down(params: &str) -> String {
        carried(&raw(params), None).unwrap().get().to_owned()
    }

    fn facts(meta: &str) -> ClientFacts {
        ClientFacts::read(&RawObject::read(meta).unwrap())
    }

    #[test]
    fn of_what_no_digest_covers_a_server_sees_trace_and_progress_alone() {
        assert_eq!(
            down(
                r#"{"_meta":{"note":"do it now","baggage":"a=1","tracestate":{"x":1},"progressToken":[7],"com.example/x":{}},"name":"t","arguments":{ "b" : 1.50}}"#
            ),
            r#"{"_meta":{"baggage":"a=1"},"name":"t","arguments":{ "b" : 1.50}}"#
        );
        assert_eq!(down(r#"{"_meta":{"note":"x"},"name":"t"}"#), r#"{"name":"t"}"#);
        assert_eq!(down(r#"{ "name" : "t" }"#), r#"{ "name" : "t" }"#);
        assert_eq!(down(r#"{"_meta":{}}"#), "{}");
        assert!(carried(&raw(r#"{"_meta":7}"#), None).is_err());
    }

    const META: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":7,"io.modelcontextprotocol/clientCapabilities":{"roots":{},"x":{"y":1}},"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1","title":"t"},"io.modelcontextprotocol/logLevel":"debug"}"#;

    #[test]
    fn what_a_client_says_of_itself_reaches_a_server_of_the_newer_revision() {
        let params = raw(&format!(r#"{{"name":"t","_meta":{META}}}"#));
        let on_its_way = carried(&params, Some(&facts(META))).unwrap();
        insta::assert_snapshot!(on_its_way.get(), @r#"{"name":"t","_meta":{"progressToken":7,"io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/logLevel":"debug"}}"#);
        insta::assert_snapshot!(for_modern(Some(&on_its_way)).unwrap().get(), @r#"{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":7,"io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io.modelcontextprotocol/logLevel":"debug"}}"#);
    }

    #[test]
    fn a_server_of_the_older_revisions_sees_nothing_of_it() {
        let params = raw(&format!(r#"{{"name":"t","_meta":{META},"arguments":{{ "a":1.50 }}}}"#));
        let on_its_way = carried(&params, Some(&facts(META))).unwrap();
        assert_eq!(
            for_legacy(&on_its_way).get(),
            r#"{"name":"t","_meta":{"progressToken":7},"arguments":{ "a":1.50 }}"#
        );
        let plain = raw(r#"{ "name":"t", "_meta":{"progressToken":1} }"#);
        assert_eq!(for_legacy(&plain).get(), plain.get());
    }

    #[test]
    fn where_nothing_is_known_of_a_client_it_is_us() {
        let said = for_modern(None).unwrap().get().replace(env!("CARGO_PKG_VERSION"), "V");
        insta::assert_snapshot!(said, @r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bailiwick","version":"V"}}}"#);
    }

    #[test]
    fn an_unknown_log_level_or_name_is_not_passed_on() {
        let read = facts(
            r#"{"io.modelcontextprotocol/logLevel":"all of it","io.modelcontextprotocol/clientInfo":{"name":"do this now","version":"1"}}"#,
        );
        assert_eq!(read, ClientFacts::default());
    }

    proptest! {
        #[test]
        fn any_object_never_panics(text in r#"\{("(_meta|code|a)":(1|\{\}|"x"|\{"progressToken":1\}),?){0,3}\}"#) {
            if let Ok(value) = RawValue::from_string(text) {
                let _ = carried(&value, Some(&ClientFacts::default()));
                let _ = for_modern(Some(&value));
                let _ = for_legacy(&value);
            }
        }
    }
}
