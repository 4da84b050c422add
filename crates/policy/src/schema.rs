//! The schema of what policies meet: one action for each accepted tool, with what its calls show.
//!
//! It is made from what was accepted and from the operator's word, and says what the view shows of
//! a call. Policies are checked against it before they judge.

mod fit;
mod guard;
mod merge;
mod names;
mod questions;
mod shape;
mod slip;
mod text;
mod types;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_model::{ActionKind, Digest, Effect, Environment, Json, ServerName};
use cedar_policy_core::{
    ast::{EntityType, EntityUID},
    extensions::Extensions,
    validator::{ValidatorSchema, types::Type},
};

use names::Names;
pub use questions::{
    Property, PropertyKind, QuestionAction, QuestionSchema, QuestionType, Questions,
};
use shape::{Field, Fields, Shape};

use crate::vocabulary::Types;

/// What policies can meet, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offering {
    /// The configured servers, and where they run.
    pub servers: BTreeMap<ServerName, Environment>,
    /// The configured targets, and where they run: what policies call servers, too.
    pub targets: BTreeMap<ServerName, Environment>,
    /// The tools that were accepted.
    pub tools: Vec<AcceptedTool>,
    /// Tools that are known by name alone: those that wait for a person, and those that the operator
    /// describes.
    pub others: BTreeSet<(ServerName, String)>,
    /// The names of the parameters of all templates; none where they are not known.
    pub params: Option<BTreeSet<String>>,
    /// The names of all templates; none where they are not known.
    pub templates: Option<BTreeSet<String>>,
}

/// One accepted tool, as policies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedTool {
    /// Its server.
    pub server: ServerName,
    /// Its name.
    pub name: String,
    /// What it does.
    pub effects: BTreeSet<Effect>,
    /// Whether an argument names what it is done to; else it is done to the tool itself.
    pub to_resources: bool,
    /// The JSON Schema of what it takes.
    pub input: Option<Json>,
}

/// The schema could not be made, which is no author's mistake.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the schema of what policies meet cannot be made: {0}")]
pub struct SchemaError(String);

/// The schema of what policies meet. It never changes.
#[derive(Debug)]
pub struct Schema {
    digest: Digest,
    /// What it was made of.
    offering: Offering,
    names: Names,
    params: Option<BTreeSet<String>>,
    deeds: Vec<Deed>,
    servers: BTreeMap<ServerName, Environment>,
    /// The names, their groups and their attributes, as Cedar knows them.
    cedar: ValidatorSchema,
}

/// One thing that calls do.
#[derive(Debug)]
struct Deed {
    name: String,
    action: EntityUID,
    groups: BTreeSet<EntityUID>,
    server: ServerName,
    tool: String,
    environment: Environment,
    to_resources: bool,
    resource: EntityType,
    input: Shape,
    /// The number of the first deed that takes the same.
    takes: usize,
    /// What conditions read as `context`; twice where numbers can be shown in two ways.
    contexts: Vec<Type>,
}

impl Schema {
    /// Makes the schema of `offering`. Where no tool was accepted, it knows names alone.
    pub fn of(offering: &Offering) -> Result<Self, SchemaError> {
        let types =
            Types::get().ok_or_else(|| SchemaError("the types are not there".to_owned()))?;
        let mut deeds: BTreeMap<String, Deed> = BTreeMap::new();
        let mut servers = offering.servers.clone();
        for tool in &offering.tools {
            // Of what is not configured the worst is assumed, as it is of calls.
            servers.entry(tool.server.clone()).or_insert(Environment::Production);
        }
        let reached = servers.clone();
        for (target, environment) in &offering.targets {
            servers.entry(target.clone()).or_insert(*environment);
        }
        let make = Maker { types, params: offering.params.as_ref(), servers: &servers };
        for tool in &offering.tools {
            let deed = make.tool(tool)?;
            deeds.insert(deed.name.clone(), deed);
        }
        let any = !offering.tools.is_empty();
        for target in offering.targets.keys().filter(|_| any) {
            let deed = make.lease(target)?;
            deeds.insert(deed.name.clone(), deed);
        }
        for server in reached.keys().filter(|_| any) {
            for kind in [ActionKind::Resource, ActionKind::Prompt] {
                let deed = make.other(server, kind)?;
                deeds.insert(deed.name.clone(), deed);
            }
        }
        let mut deeds: Vec<Deed> = deeds.into_values().collect();
        number(&mut deeds);
        let frame = text::frame(&deeds, &servers);
        let (cedar, _) = ValidatorSchema::from_cedarschema_str(&frame, Extensions::all_available())
            .map_err(|error| SchemaError(error.to_string()))?;
        let params = offering.params.clone();
        let names = Names::of(offering);
        let digest = digest(&names, &deeds, params.as_ref());
        Ok(Self { digest, offering: offering.clone(), names, params, deeds, servers, cedar })
    }

    /// Gives the schema of before where it was made of the same, and makes one otherwise.
    pub fn after(
        before: Option<&Arc<Self>>,
        offering: &Offering,
    ) -> Result<Arc<Self>, SchemaError> {
        match before.filter(|it| it.offering == *offering) {
            Some(same) => Ok(Arc::clone(same)),
            None => Self::of(offering).map(Arc::new),
        }
    }

    /// Names what policies meet: everything that they are held against.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Writes it in Cedar's own form for schemas, for editors and other tools.
    pub fn text(&self) -> String {
        text::whole(self)
    }

    /// Writes it in Cedar's form for programs.
    pub fn json(&self) -> Result<String, SchemaError> {
        let ours = |error: String| SchemaError(error);
        let (fragment, _) = cedar_policy::SchemaFragment::from_cedarschema_str(&self.text())
            .map_err(|it| ours(it.to_string()))?;
        fragment.to_json_string().map_err(|it| ours(it.to_string()))
    }

    /// Gives each tool with the arguments that it takes; none where it may take others, too.
    pub fn takes(
        &self,
    ) -> impl Iterator<Item = (&ServerName, &str, Option<impl Iterator<Item = &str>>)> {
        self.deeds.iter().filter(|it| is_tool(it)).map(|it| {
            let fields = it.input.fields().filter(|it| !it.more);
            let takes = fields.map(|it| it.named.keys().map(String::as_str));
            (&it.server, it.tool.as_str(), takes)
        })
    }

    /// Says how many tools it knows.
    pub fn tools(&self) -> usize {
        self.deeds.iter().filter(|it| is_tool(it)).count()
    }
}

/// Says whether a deed is a tool's: resources and prompts are none, and neither is a credential.
fn is_tool(deed: &Deed) -> bool {
    !names::OTHERS.contains(&deed.tool.as_str()) && deed.tool != LEASE
}

/// What a target offers: no tool can be called so where there are such, as no server is one.
const LEASE: &str = "lease/issue";

/// Makes deeds.
struct Maker<'a> {
    types: &'a Types,
    params: Option<&'a BTreeSet<String>>,
    servers: &'a BTreeMap<ServerName, Environment>,
}

impl Maker<'_> {
    fn tool(&self, tool: &AcceptedTool) -> Result<Deed, SchemaError> {
        let input = Shape::of_input(tool.input.as_ref());
        self.deed((&tool.server, &tool.name), (&tool.effects, tool.to_resources), input)
    }

    /// What a server may offer besides tools.
    fn other(&self, server: &ServerName, kind: ActionKind) -> Result<Deed, SchemaError> {
        let reads = BTreeSet::from([Effect::Read]);
        match kind {
            ActionKind::Resource => {
                let uri = Field { shape: Shape::Text, required: true };
                let named = BTreeMap::from([("uri".to_owned(), uri)]);
                let input = Shape::Record(Fields { named, more: false });
                self.deed((server, "resources/read"), (&reads, true), input)
            }
            ActionKind::Prompt | ActionKind::Tool | ActionKind::Lease => {
                self.deed((server, "prompts/get"), (&reads, false), Shape::anything())
            }
        }
    }

    /// A credential of a target.
    fn lease(&self, target: &ServerName) -> Result<Deed, SchemaError> {
        let field = |shape, required| Field { shape, required };
        let named = BTreeMap::from([
            ("wants".to_owned(), field(Shape::Set(Box::new(Shape::Text)), true)),
            ("seconds".to_owned(), field(Shape::Whole, false)),
        ]);
        let input = Shape::Record(Fields { named, more: false });
        let effects = BTreeSet::from([Effect::Credential]);
        let deed = self.deed((target, LEASE), (&effects, true), input)?;
        let name = format!("lease:{target}");
        Ok(Deed { action: self.types.action(&name), name, ..deed })
    }

    fn deed(
        &self,
        (server, tool): (&ServerName, &str),
        (effects, to_resources): (&BTreeSet<Effect>, bool),
        input: Shape,
    ) -> Result<Deed, SchemaError> {
        let types = self.types;
        let name = format!("{server}__{tool}");
        let effects = effects.iter().map(|it| types.action(it.as_str()));
        let groups = effects.chain([types.action(&format!("server:{server}"))]).collect();
        let known = |it: Option<Vec<Type>>| {
            it.ok_or_else(|| SchemaError("the types of values are not there".to_owned()))
        };
        let params = types::params_of(self.params);
        let resource = if to_resources { types.resource("") } else { types.tool("") };
        Ok(Deed {
            action: types.action(&name),
            groups,
            server: server.clone(),
            tool: tool.to_owned(),
            environment: self.servers.get(server).copied().unwrap_or(Environment::Production),
            to_resources,
            resource: resource.entity_type().clone(),
            contexts: known(types::contexts(&input, &params))?,
            input,
            takes: 0,
            name,
        })
    }
}

/// Numbers what deeds take.
fn number(deeds: &mut [Deed]) {
    let mut first: BTreeMap<&Shape, usize> = BTreeMap::new();
    let takes = |(place, it)| *first.entry(it).or_insert(place);
    let inputs = deeds.iter().map(|it: &Deed| &it.input);
    let takes: Vec<usize> = inputs.enumerate().map(takes).collect();
    deeds.iter_mut().zip(takes).for_each(|(it, takes)| it.takes = takes);
}

fn digest(names: &Names, deeds: &[Deed], params: Option<&BTreeSet<String>>) -> Digest {
    let mut parts = vec!["bailiwick schema v2".to_owned(), names.told(), format!("{params:?}")];
    parts.extend(deeds.iter().map(|it| {
        let Deed { name, groups, environment, to_resources, input, .. } = it;
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        format!("{name} {groups:?} {environment} {to_resources} {input:?}")
    }));
    let parts: Vec<&[u8]> = parts.iter().map(String::as_bytes).collect();
    Digest::of_parts(&parts)
}

#[cfg(test)]
mod tests;
