//! What the words of a case are held against: the names that a configuration knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    str::FromStr,
};

use bailiwick_model::{IdentityId, ReasonCode, ServerName, TemplateName};
use bailiwick_policy::Schema;

use crate::config::{Code, Field, House, suggestion};

/// The names that a configuration knows.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Who has a charter.
    pub(super) identities: BTreeSet<IdentityId>,
    /// The templates, each with its parameters.
    pub(super) templates: BTreeMap<TemplateName, BTreeSet<String>>,
    /// The servers, each with the tools that some file names.
    pub(super) servers: BTreeMap<ServerName, BTreeSet<String>>,
    /// What accepted tools take, where they take nothing else.
    pub(super) arguments: BTreeMap<(ServerName, String), BTreeSet<String>>,
    /// What the files say of the world.
    pub(super) facts: BTreeSet<String>,
    /// Policies and codes: what may be a reason.
    pub(super) reasons: BTreeSet<String>,
}

impl Names {
    /// Gathers the names of a house.
    pub(super) fn of(house: &House) -> Self {
        let params = |it: &bailiwick_model::Template| it.params.keys().cloned().collect();
        let templates =
            house.templates.iter().map(|(name, it)| (name.clone(), params(it))).collect();
        let tools = |it: &crate::config::Server| it.tools.keys().map(ToString::to_string).collect();
        let mut servers: BTreeMap<_, BTreeSet<String>> =
            house.config.servers.iter().map(|it| (it.name.clone(), tools(it))).collect();
        for line in house.templates.values().flat_map(|it| &it.allow) {
            if let Some(known) = servers.get_mut(&line.server) {
                known.extend(line.tools.iter().map(ToString::to_string));
            }
        }
        let mut arguments = BTreeMap::new();
        for (server, tool, takes) in house.schema.as_deref().into_iter().flat_map(Schema::takes) {
            if let Some(known) = servers.get_mut(server) {
                known.insert(tool.to_owned());
            }
            let takes = takes.map(|it| it.map(str::to_owned).collect());
            arguments.extend(takes.map(|it| ((server.clone(), tool.to_owned()), it)));
        }
        let all = house.policies.list().into_iter().chain(house.access.list());
        let policies = all.map(|it| it.id);
        let codes = ReasonCode::ALL.iter().map(|it| it.as_str().to_owned());
        Self {
            identities: house.charters.keys().cloned().collect(),
            templates,
            servers,
            arguments,
            facts: house.config.facts.iter().map(|it| it.name.clone()).collect(),
            reasons: policies.chain(codes).collect(),
        }
    }
}

/// Reads a name that must be one of those that are there.
pub(super) fn one_of<'a, T>(
    field: &Field<'_>,
    code: Code,
    missing: &str,
    all: impl Iterator<Item = &'a T> + Clone,
) -> Option<T>
where
    T: FromStr<Err: Display> + Display + Ord + 'a,
{
    let name: T = field.parsed()?.into_inner();
    if all.clone().any(|it| *it == name) {
        return Some(name);
    }
    let all: Vec<String> = all.map(ToString::to_string).collect();
    let help = suggestion(&name.to_string(), all.iter().map(String::as_str));
    field.fault(code, format!("{missing} `{name}`"), "not in this configuration", help.as_deref());
    None
}
