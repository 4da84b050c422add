//! What a tool says its calls are accesses to: `x-authzen-mapping` in its input schema.
//!
//! The profile COAZ-MCP of AuthZEN (draft of July 2026) has a tool tell how its parameters become the
//! subject, action, resource and context of an evaluation. Of that the gateway takes the resource,
//! where the operator has not said which arguments name it: who acts and which action it is are
//! known better here. The mapping belongs to the tool's definition, so its pin covers it. A mapping
//! that cannot be read, or does not come to a resource, is a fault of the call: never no resource.

mod expression;
mod leaf;
mod values;

use std::collections::BTreeSet;

use bailiwick_model::Json;

use leaf::{Leaf, Leaves};
use values::Values;

use crate::{classify::mapping::NAME_MAX, path};

/// The member of a tool's input schema.
const MEMBER: &str = "x-authzen-mapping";

/// The most evaluations of one mapping.
const EVALUATIONS_MAX: usize = 16;

/// The mapping of one tool, compiled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mapping {
    subjects: Vec<Leaf>,
    resources: Vec<Resource>,
}

/// Two leaves that name one resource.
#[derive(Clone, Debug, PartialEq)]
struct Resource {
    kind: Leaf,
    id: Leaf,
}

impl Mapping {
    /// Reads the mapping that an input schema carries; says what is wrong with it.
    pub(crate) fn of(schema: &Json) -> Option<Result<Self, String>> {
        schema.get(MEMBER).map(|it| Self::compile(it).map_err(|why| format!("`{MEMBER}`: {why}")))
    }

    fn compile(declared: &Json) -> Result<Self, String> {
        let Json::Object(members) = declared else { return Err("must be an object".to_owned()) };
        let mut members = members.iter();
        let (Some((name, body)), None) = (members.next(), members.next()) else {
            return Err("must have one member, `evaluation` or `evaluations`".to_owned());
        };
        let mut leaves = Leaves::default();
        leaves.check(body)?;
        match name.as_str() {
            "evaluation" => Self::of_parts(&[body], body),
            "evaluations" => {
                let Some(Json::List(items)) = body.get("evaluations") else {
                    return Err("`evaluations` must have a list `evaluations`".to_owned());
                };
                if items.is_empty() || EVALUATIONS_MAX < items.len() {
                    return Err(format!("has {} evaluations: 1 to {EVALUATIONS_MAX}", items.len()));
                }
                if items.iter().any(|it| it.get("subject").is_some()) {
                    return Err("no `subject` may stand inside `evaluations`".to_owned());
                }
                Self::of_parts(&items.iter().collect::<Vec<_>>(), body)
            }
            other => Err(format!("`{other}` is neither `evaluation` nor `evaluations`")),
        }
    }

    /// Takes what is needed of evaluations; what one of them lacks is that of `all`.
    fn of_parts(parts: &[&Json], all: &Json) -> Result<Self, String> {
        let resource = |part: &&Json| {
            let said = part.get("resource").or_else(|| all.get("resource"));
            let said = said.ok_or_else(|| "an evaluation has no `resource`".to_owned())?;
            let leaf = |name: &str| {
                let leaf = said.get(name).ok_or_else(|| format!("`resource` has no `{name}`"))?;
                Leaf::read(leaf)
            };
            Ok::<_, String>(Resource { kind: leaf("type")?, id: leaf("id")? })
        };
        let subject = all.get("subject").and_then(|it| it.get("id"));
        Ok(Self {
            subjects: subject.map(Leaf::read).transpose()?.into_iter().collect(),
            resources: parts.iter().map(resource).collect::<Result<_, _>>()?,
        })
    }

    /// Gives what a call of `tool` by `caller` is done to, each written `type/id`.
    pub(crate) fn resources(
        &self,
        (tool, arguments): (&str, &Json),
        caller: &str,
    ) -> Result<BTreeSet<String>, String> {
        let values = Values::new((tool, arguments), &self.read(), caller)?;
        for subject in &self.subjects {
            let named = subject.text(&values)?;
            if named != caller {
                return Err(format!("its mapping names `{named}` as the subject, not the caller"));
            }
        }
        self.resources.iter().map(|it| it.name(&values)).collect()
    }

    /// Gives the arguments that any part of it reads.
    fn read(&self) -> BTreeSet<&str> {
        self.subjects.iter().flat_map(Leaf::arguments).chain(self.arguments()).collect()
    }

    /// Gives the arguments that name resources.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().flat_map(|it| it.kind.arguments().chain(it.id.arguments()))
    }
}

impl Resource {
    /// A type without a slash and an id cannot be read in two ways.
    fn name(&self, values: &Values<'_>) -> Result<String, String> {
        let (kind, id) = (self.kind.text(values)?, self.id.text(values)?);
        if kind.is_empty() || kind.contains('/') || id.is_empty() {
            return Err("its mapping comes to no resource: the type or the id is empty, or the type has a slash".to_owned());
        }
        // What each of several arguments says in normal form may not be so together.
        if let Some(fault) = path::faults(&id) {
            return Err(format!(
                "its mapping comes to an id that can be read in two ways: {fault}"
            ));
        }
        if NAME_MAX < kind.len().saturating_add(id.len()) {
            return Err(format!("its mapping comes to a name of more than {NAME_MAX} bytes"));
        }
        Ok(format!("{kind}/{id}"))
    }
}

/// Reads a schema with a mapping and, on the next line, arguments.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let limits = bailiwick_model::JsonLimits { bytes: 64 << 10, depth: 64, values: 4000 };
    let mut halves = bytes.splitn(2, |it| *it == b'\n');
    let mut half = || Json::parse(halves.next().unwrap_or_default(), limits);
    let (Ok(schema), arguments) = (half(), half().unwrap_or(Json::Null)) else { return };
    let Some(Ok(mapping)) = Mapping::of(&schema) else { return };
    assert_eq!(Mapping::of(&schema), Some(Ok(mapping.clone())), "one schema, two mappings");
    if let Ok(resources) = mapping.resources(("tool", &arguments), "caller") {
        assert!(!resources.is_empty(), "a mapping that comes to no resource says so");
        assert!(resources.iter().all(|it| it.contains('/')), "{resources:?}");
    }
}

#[cfg(test)]
mod tests;
