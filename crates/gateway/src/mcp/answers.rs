//! The answers that no server is asked for: opening, discovery, lists, and the small courtesies.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use super::{era::Era, revision::Revision, tasks};
use crate::jsonrpc::{RawObject, raw_of};

/// The longest that a client may keep a list: how fast a changed policy must show.
pub(crate) const TTL_MAX: Duration = Duration::from_secs(5);

/// Which kinds of things a server offers. That a list has changed is told whatever the server
/// tells, as a task may see another list for reasons of ours; of single resources only where it
/// tells of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one kind that is offered or not")]
pub(crate) struct Capabilities {
    /// Tools.
    pub(crate) tools: bool,
    /// Resources.
    pub(crate) resources: bool,
    /// That one resource has changed is told to whoever follows it.
    pub(crate) subscribe: bool,
    /// Prompts.
    pub(crate) prompts: bool,
    /// Calls that go on as tasks of the protocol, for whoever declares that it knows them.
    pub(crate) tasks: bool,
}

impl Capabilities {
    /// What is promised for a server that is not there yet. Clients ask for nothing that was not
    /// promised at the beginning, for as long as their sessions last; a list of what there turns out to
    /// be none of is empty.
    pub(crate) const UNKNOWN: Self =
        Self { tools: true, resources: true, subscribe: false, prompts: true, tasks: true };

    /// Reads what a server declared.
    pub(crate) fn read(declared: &RawValue) -> Self {
        RawObject::read(declared.get()).map_or_else(
            |_| Self::default(),
            |declared| Self {
                tools: declared.get("tools").is_some(),
                resources: declared.get("resources").is_some(),
                subscribe: false,
                prompts: declared.get("prompts").is_some(),
                tasks: tasks::are_among(&declared),
            },
        )
    }
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offered {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    subscribe: bool,
    list_changed: bool,
}

/// What is offered to a client of one era.
struct OfferedTo(Era, Capabilities);

impl Serialize for OfferedTo {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Self(era, it) = self;
        let mut members = out.serialize_map(None)?;
        for (name, offered) in
            [("tools", it.tools), ("resources", it.resources), ("prompts", it.prompts)]
        {
            if offered {
                members.serialize_entry(
                    name,
                    &Offered { subscribe: it.subscribe && name == "resources", list_changed: true },
                )?;
            }
        }
        if it.tasks && *era == Era::Modern {
            let extensions = BTreeMap::from([(tasks::EXTENSION, Empty {})]);
            members.serialize_entry("extensions", &extensions)?;
        }
        members.end()
    }
}

#[derive(Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

const SERVER_INFO: ServerInfo =
    ServerInfo { name: "bailiwick", version: env!("CARGO_PKG_VERSION") };

/// Agrees on a revision for `initialize`: the client's if it is spoken here, else our newest.
pub(crate) fn negotiate(requested: Option<&str>) -> Revision {
    requested
        .and_then(Revision::from_date)
        .filter(|it| !it.is_modern())
        .unwrap_or(Revision::LEGACY_NEWEST)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: &'static str,
    capabilities: OfferedTo,
    server_info: ServerInfo,
}

/// Answers `initialize`. What a server wants its clients to keep in mind is left out: nobody has
/// accepted that text, and an agent would follow it.
pub(crate) fn initialize(version: Revision, capabilities: Capabilities) -> Box<RawValue> {
    let protocol_version = version.as_str();
    let capabilities = OfferedTo(Era::Legacy, capabilities);
    raw_of(&Initialized { protocol_version, capabilities, server_info: SERVER_INFO })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    result_type: &'static str,
    supported_versions: Vec<&'static str>,
    capabilities: OfferedTo,
    ttl_ms: u64,
    cache_scope: &'static str,
    #[serde(rename = "_meta")]
    meta: DiscoveredMeta,
}

#[derive(Serialize)]
struct DiscoveredMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

/// Answers `server/discover`. Only revisions that a request can name for itself are listed: the
/// older ones are reached by `initialize`.
pub(crate) fn discover(capabilities: Capabilities, ttl: Duration) -> Box<RawValue> {
    raw_of(&Discovered {
        result_type: "complete",
        supported_versions: Revision::modern_dates(),
        capabilities: OfferedTo(Era::Modern, capabilities),
        ttl_ms: ttl_ms(ttl),
        cache_scope: "private",
        meta: DiscoveredMeta { server_info: SERVER_INFO },
    })
}

/// Answers what wants no more than a yes: `ping`, `logging/setLevel`.
pub(crate) fn empty(era: Era) -> Box<RawValue> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Complete {
        result_type: &'static str,
    }
    match era {
        Era::Legacy => raw_of(&Empty {}),
        Era::Modern => raw_of(&Complete { result_type: "complete" }),
    }
}

/// What is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// `tools/list`
    Tools,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    ResourceTemplates,
    /// `prompts/list`
    Prompts,
}

impl Listed {
    /// Finds what a method lists.
    pub(crate) fn by_method(method: &str) -> Option<Self> {
        match method {
            "tools/list" => Some(Self::Tools),
            "resources/list" => Some(Self::Resources),
            "resources/templates/list" => Some(Self::ResourceTemplates),
            "prompts/list" => Some(Self::Prompts),
            _ => None,
        }
    }

    /// Gives the member of the result that holds the list.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }
}

struct List<'a> {
    listed: Listed,
    items: &'a [Box<RawValue>],
    /// How long a modern client may keep it.
    ttl_ms: Option<u64>,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut members = out.serialize_map(None)?;
        if self.ttl_ms.is_some() {
            members.serialize_entry("resultType", "complete")?;
        }
        members.serialize_entry(self.listed.member(), self.items)?;
        if let Some(ttl_ms) = self.ttl_ms {
            members.serialize_entry("ttlMs", &ttl_ms)?;
            // What one caller may see is nobody else's list.
            members.serialize_entry("cacheScope", "private")?;
        }
        members.end()
    }
}

/// Answers a list with `items`, each as its server wrote it, on one page.
pub(crate) fn list(
    listed: Listed,
    items: &[Box<RawValue>],
    era: Era,
    ttl: Duration,
) -> Box<RawValue> {
    let ttl_ms = match era {
        Era::Legacy => None,
        Era::Modern => Some(ttl_ms(ttl)),
    };
    raw_of(&List { listed, items, ttl_ms })
}

/// Gives how long an answer may be kept, in milliseconds and never beyond [`TTL_MAX`].
pub(crate) fn ttl_ms(ttl: Duration) -> u64 {
    u64::try_from(ttl.min(TTL_MAX).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Capabilities =
        Capabilities { tools: true, resources: true, subscribe: true, prompts: true, tasks: true };

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn initialize_agrees_on_the_clients_revision_if_it_is_known() {
        assert_eq!(negotiate(Some("2024-11-05")), Revision::R20241105);
        assert_eq!(negotiate(Some("2025-06-18")), Revision::R20250618);
        for other in [None, Some("2026-07-28"), Some("2099-01-01"), Some("")] {
            assert_eq!(negotiate(other), Revision::R20251125);
        }
    }

    #[test]
    fn initialize_says_who_answers_and_what_there_is() {
        let answer = initialize(Revision::R20251125, ALL);
        insta::assert_snapshot!(answer.get().replace(env!("CARGO_PKG_VERSION"), "V"), @r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true}},"serverInfo":{"name":"bailiwick","version":"V"}}"#);
    }

    #[test]
    fn discovery_is_complete_and_private() {
        let answer = discover(Capabilities::default(), Duration::from_secs(60));
        insta::assert_snapshot!(answer.get().replace(env!("CARGO_PKG_VERSION"), "V"), @r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{},"ttlMs":5000,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"bailiwick","version":"V"}}}"#);
    }

    #[test]
    fn only_what_can_be_kept_of_a_servers_capabilities_is_promised() {
        let declared =
            raw(r#"{"tools":{"listChanged":true},"logging":{},"resources":{"subscribe":true}}"#);
        let read = Capabilities::read(&declared);
        let wanted = Capabilities { tools: true, resources: true, ..Capabilities::default() };
        assert_eq!(read, wanted);
        assert_eq!(
            raw_of(&OfferedTo(Era::Legacy, read)).get(),
            r#"{"tools":{"listChanged":true},"resources":{"listChanged":true}}"#
        );
        assert_eq!(Capabilities::read(&raw("7")), Capabilities::default());
    }

    #[test]
    fn tasks_are_offered_to_newer_clients_of_servers_that_have_them() {
        let read = |text: &str| Capabilities::read(&raw(text));
        let has = read(r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#);
        assert!(has.tasks && !read(r#"{"tasks":{},"extensions":{"x/y":{}}}"#).tasks);
        assert_eq!(
            raw_of(&OfferedTo(Era::Modern, has)).get(),
            r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#
        );
        assert_eq!(raw_of(&OfferedTo(Era::Legacy, has)).get(), "{}");
    }

    #[test]
    fn a_list_keeps_each_definition_as_it_was_written() {
        let items = [raw(r#"{ "name":"a", "x":1.0 }"#), raw(r#"{"name":"b"}"#)];
        let ttl = Duration::from_millis(700);
        insta::assert_snapshot!(list(Listed::Tools, &items, Era::Legacy, ttl), @r#"{"tools":[{ "name":"a", "x":1.0 },{"name":"b"}]}"#);
        insta::assert_snapshot!(list(Listed::Tools, &items, Era::Modern, ttl), @r#"{"resultType":"complete","tools":[{ "name":"a", "x":1.0 },{"name":"b"}],"ttlMs":700,"cacheScope":"private"}"#);
        insta::assert_snapshot!(list(Listed::ResourceTemplates, &[], Era::Legacy, ttl), @r#"{"resourceTemplates":[]}"#);
    }

    #[test]
    fn a_courtesy_is_an_empty_result() {
        assert_eq!(empty(Era::Legacy).get(), "{}");
        assert_eq!(empty(Era::Modern).get(), r#"{"resultType":"complete"}"#);
    }
}
