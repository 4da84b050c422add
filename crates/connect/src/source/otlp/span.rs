//! OTLP's JSON, as far as calls of tools are in it. Fields come in camel case, or as the protocol's own files write them.

use std::borrow::Cow;

use serde::Deserialize;

use crate::source::loose::{List, Object, Text};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Export<'a> {
    #[serde(borrow, rename = "resourceSpans", alias = "resource_spans")]
    pub(super) resources: List<Object<ResourceSpans<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResourceSpans<'a> {
    #[serde(borrow)]
    pub(super) resource: Object<Resource<'a>>,
    /// Before 0.16 these were by library.
    #[serde(
        borrow,
        rename = "scopeSpans",
        alias = "scope_spans",
        alias = "instrumentationLibrarySpans"
    )]
    pub(super) scopes: List<Object<ScopeSpans<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    pub(super) attributes: List<Object<Attribute<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ScopeSpans<'a> {
    #[serde(borrow)]
    pub(super) spans: List<Object<Span<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Span<'a> {
    #[serde(borrow, rename = "traceId", alias = "trace_id")]
    pub(super) trace: Text<'a>,
    #[serde(borrow, rename = "spanId", alias = "span_id")]
    pub(super) id: Text<'a>,
    #[serde(borrow, rename = "parentSpanId", alias = "parent_span_id")]
    pub(super) parent: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    /// A number; some write the word.
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow, rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    pub(super) start: Text<'a>,
    #[serde(borrow)]
    pub(super) attributes: List<Object<Attribute<'a>>>,
    #[serde(borrow)]
    status: Object<Status<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    code: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attribute<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    value: Object<Value<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Value<'a> {
    #[serde(borrow, rename = "stringValue", alias = "string_value")]
    string: Text<'a>,
    #[serde(borrow, rename = "intValue", alias = "int_value")]
    int: Text<'a>,
    #[serde(borrow, rename = "boolValue", alias = "bool_value")]
    bool: Text<'a>,
}

impl Span<'_> {
    pub(super) fn is_client(&self) -> bool {
        matches!(&*self.kind.0, "3" | "SPAN_KIND_CLIENT")
    }

    pub(super) fn is_server(&self) -> bool {
        matches!(&*self.kind.0, "2" | "SPAN_KIND_SERVER")
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(&*self.status.0.code.0, "2" | "STATUS_CODE_ERROR")
    }
}

/// What somebody said of something, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Attributes<'a> {
    /// Keeps those that are looked at here: arguments and results never are.
    pub(super) fn of(all: List<Object<Attribute<'a>>>) -> Self {
        const LOOKED_AT: [&str; 7] =
            ["gen_ai.", "mcp.", "jsonrpc.", "error.", "service.", "server.", "bailiwick."];
        let kept = all.0.into_iter().map(|it| it.0).filter(|it| {
            LOOKED_AT.iter().any(|begin| it.key.0.starts_with(begin))
                && !it.key.0.starts_with("gen_ai.tool.call.")
        });
        let value = |it: Value<'a>| it.string.or(it.int).or(it.bool).0;
        Self(kept.map(|it| (it.key.0, value(it.value.0))).collect())
    }

    /// Gives what is said, where something is.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.0.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }
}
