//! What a server offers: its tools, each with the digest that pins name.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{Digest, Json, JsonLimits, ServerName, ToolName};
use serde_json::value::RawValue;

use crate::{
    coaz::Mapping,
    mcp::param_header::{ParamHeader, param_headers},
};

/// The protocol of a catalog that the operator wrote.
pub(crate) const WRITTEN: &str = "http";

/// What one server offers at one moment.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// Its tools, in its own order; each name occurs once.
    pub tools: Vec<ToolDefinition>,
    /// The digest of its program, where the gateway started it.
    pub executable: Option<Digest>,
    /// The protocol's revision that it speaks.
    pub protocol: String,
    /// What it says of itself.
    pub server_info: Option<Box<RawValue>>,
    /// What it says it can do.
    pub capabilities: Box<RawValue>,
    /// What it tells its clients to keep in mind.
    pub instructions: Option<String>,
}

/// One tool, as its server describes it. Nothing here is trusted.
#[derive(Clone, Debug)]
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// The whole definition, as it came.
    pub raw: Box<RawValue>,
    /// The digest of the definition without what only decorates it.
    pub digest: Digest,
    /// What it takes.
    pub schema: Option<Json>,
    /// What it says its calls are done to.
    pub(crate) mapping: Option<Arc<Result<Mapping, String>>>,
    /// Does it say that it only reads?
    pub read_only_hint: Option<bool>,
    /// Does it say that it destroys?
    pub destructive_hint: Option<bool>,
    /// Does it say that it reaches outside?
    pub open_world_hint: Option<bool>,
    /// Does it promise results of a certain shape?
    pub has_output_schema: bool,
    /// Does it run as a task of the protocol and not otherwise (2025-11-25)?
    pub(crate) runs_as_task: bool,
    /// What of its arguments it wants repeated in headers.
    pub(crate) repeated: Vec<ParamHeader>,
}

impl Catalog {
    /// Finds the tool of that name.
    pub fn tool(&self, name: &str) -> Option<&ToolDefinition> {
        self.tools.iter().find(|it| it.name == name)
    }

    /// Says whether pins would see a difference.
    pub(super) fn differs(&self, other: &Self) -> bool {
        let digests = |it: &Self| -> BTreeMap<String, Digest> {
            it.tools.iter().map(|it| (it.name.clone(), it.digest)).collect()
        };
        self.executable != other.executable || digests(self) != digests(other)
    }
}

/// Members that say nothing about what a tool takes, does or claims. No pin covers them, so no
/// agent is shown them.
pub(crate) const DECORATION: [&str; 2] = ["_meta", "icons"];

impl ToolDefinition {
    /// Reads a definition that was kept; none where it is no tool's.
    pub fn of_kept(text: String) -> Option<Self> {
        Self::read(RawValue::from_string(text).ok()?).ok()
    }

    /// Reads one definition; says why if it cannot be offered.
    fn read(raw: Box<RawValue>) -> Result<Self, String> {
        let limits = JsonLimits::default();
        let parsed = Json::parse(raw.get().as_bytes(), limits).map_err(|it| it.to_string())?;
        let Json::Object(mut members) = parsed else {
            return Err("a tool's definition must be an object".to_owned());
        };
        for name in DECORATION {
            members.remove(name);
        }
        let name = members.get("name").and_then(Json::as_text).unwrap_or_default();
        let name: ToolName =
            name.parse().map_err(|error: bailiwick_model::IdError| error.to_string())?;
        let hint = |hint: &str| match members.get("annotations").and_then(|it| it.get(hint)) {
            Some(Json::Bool(yes)) => Some(*yes),
            Some(_) | None => None,
        };
        Ok(Self {
            name: name.as_str().to_owned(),
            schema: members.get("inputSchema").cloned(),
            mapping: members.get("inputSchema").and_then(Mapping::of).map(Arc::new),
            // A schema that asks wrongly asks for nothing: such a tool is not listed to clients.
            repeated: members
                .get("inputSchema")
                .and_then(|it| param_headers(it).ok())
                .unwrap_or_default(),
            runs_as_task: members
                .get("execution")
                .and_then(|it| it.get("taskSupport"))
                .and_then(Json::as_text)
                .is_some_and(|it| it == "required"),
            read_only_hint: hint("readOnlyHint"),
            destructive_hint: hint("destructiveHint"),
            open_world_hint: hint("openWorldHint"),
            has_output_schema: members.contains_key("outputSchema"),
            digest: Digest::of(Json::Object(members).canonical().as_bytes()),
            raw,
        })
    }
}

/// Reads the definitions of `server`. What cannot be offered is left out with a warning; so is
/// a name with two meanings, since nobody could say which of them is called.
pub(super) fn read(server: &ServerName, offered: Vec<Box<RawValue>>) -> Vec<ToolDefinition> {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    let mut ambiguous = std::collections::BTreeSet::new();
    let mut known: BTreeMap<String, Digest> = BTreeMap::new();
    for raw in offered {
        match ToolDefinition::read(raw) {
            Ok(tool) => match known.get(&tool.name) {
                None => {
                    known.insert(tool.name.clone(), tool.digest);
                    tools.push(tool);
                }
                Some(digest) if *digest == tool.digest => {
                    tracing::warn!(%server, tool = tool.name, "a tool is listed twice");
                }
                Some(_) => {
                    tracing::warn!(%server, tool = tool.name, "two tools share a name: neither is offered");
                    ambiguous.insert(tool.name);
                }
            },
            Err(why) => tracing::warn!(%server, why, "a tool is left out"),
        }
    }
    tools.retain(|it| !ambiguous.contains(&it.name));
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(texts: &[&str]) -> Vec<ToolDefinition> {
        let raws =
            texts.iter().map(|it| RawValue::from_string((*it).to_owned()).unwrap()).collect();
        read(&"files".parse().unwrap(), raws)
    }

    fn one(text: &str) -> ToolDefinition {
        tools(&[text]).pop().unwrap()
    }

    #[test]
    fn a_definition_is_read_and_kept_as_it_came() {
        let text = r#"{"name":"rm", "annotations":{"destructiveHint":true,"openWorldHint":"no"},"inputSchema":{"type":"object"},"outputSchema":{}}"#;
        let tool = one(text);
        assert_eq!(tool.raw.get(), text);
        assert_eq!(tool.destructive_hint, Some(true));
        assert_eq!((tool.read_only_hint, tool.open_world_hint), (None, None));
        assert!(tool.has_output_schema);
        assert_eq!(tool.schema.unwrap().canonical(), r#"{"type":"object"}"#);
    }

    #[test]
    fn spelling_and_decoration_do_not_change_a_digest_and_everything_else_does() {
        let plain = one(r#"{"name":"a","description":"reads","inputSchema":{"x":1}}"#).digest;
        let same = [
            r#"{"inputSchema":{"x":1}, "name":"a","description":"\u0072eads"}"#,
            r#"{"name":"a","description":"reads","inputSchema":{"x":1},"_meta":{"n":7},"icons":[]}"#,
        ];
        for text in same {
            assert_eq!(one(text).digest, plain, "{text}");
        }
        let changed = [
            r#"{"name":"a","description":"writes","inputSchema":{"x":1}}"#,
            r#"{"name":"a","description":"reads","inputSchema":{"x":2}}"#,
            r#"{"name":"a","title":"A","description":"reads","inputSchema":{"x":1}}"#,
            r#"{"name":"a","description":"reads","inputSchema":{"x":1},"annotations":{"readOnlyHint":true}}"#,
            r#"{"name":"a","description":"reads","inputSchema":{"x":1,"_meta":{}}}"#,
        ];
        for text in changed {
            assert_ne!(one(text).digest, plain, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_named_or_read_in_one_way_is_left_out() {
        let names = |texts: &[&str]| -> Vec<String> {
            tools(texts).into_iter().map(|it| it.name).collect()
        };
        assert_eq!(
            names(&[
                r#"{"name":"with space"}"#,
                r#"{"name":""}"#,
                r#"{"name":"good"}"#,
                r#"{"name":"twice","name":"other"}"#,
                r#"{"name":7}"#,
                "[]",
            ]),
            ["good"]
        );
        assert_eq!(names(&[r#"{"name":"a"}"#, r#"{"name":"b"}"#, r#"{"name":"a"}"#]), ["a", "b"]);
        assert_eq!(
            names(&[
                r#"{"name":"a"}"#,
                r#"{"name":"b"}"#,
                r#"{"name":"a","title":"x"}"#,
                r#"{"name":"a"}"#
            ]),
            ["b"]
        );
    }
}
