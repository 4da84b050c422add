//! Who there is, what they may, and which tools exist: what a scenario starts from.

mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_kernel::Snapshot;
use bailiwick_model::{
    ArgumentLimit, Arguments, Charter, Constraint, Containment, Json, Obligations, ServerName,
    Template, Timestamp,
};
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};

use crate::build;

/// Everything that does not change by itself while a scenario plays.
#[derive(Clone, Debug)]
pub struct World {
    /// When it begins.
    pub start: Timestamp,
    /// Identities.
    pub charters: Vec<Charter>,
    /// Templates.
    pub templates: Vec<Template>,
    /// Policies; all of them are active at the start.
    pub policies: Vec<ToyPolicy>,
    /// Tools that are offered, and accepted, in their version 1.
    pub tools: BTreeSet<(ServerName, String)>,
}

/// A policy simple enough that the reference model can judge it without Cedar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToyPolicy {
    /// Its id.
    pub name: String,
    /// What it says.
    pub rule: ToyLine,
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToyLine {
    /// This tool is never called.
    Forbid(ServerName, String),
    /// This tool is called when a person has approved it.
    Ask(ServerName, String),
    /// Calls of this tool are sent with `x` fixed to this.
    Fix(ServerName, String, String),
    /// Cedar, which the reference model cannot judge.
    Cedar(String),
}

impl Default for World {
    /// A Monday morning in winter, with nobody there.
    fn default() -> Self {
        Self {
            start: "2026-11-23T10:00:00Z".parse().expect("a moment"),
            charters: Vec::new(),
            templates: Vec::new(),
            policies: Vec::new(),
            tools: BTreeSet::new(),
        }
    }
}

impl World {
    /// Makes the snapshot in which everything is as it is at the start.
    pub fn snapshot(&self) -> Snapshot {
        let mut pins: BTreeMap<ServerName, BTreeMap<String, _>> = BTreeMap::new();
        for (server, tool) in &self.tools {
            pins.entry(server.clone()).or_default().insert(tool.clone(), build::pin(1, self.start));
        }
        Snapshot {
            policies: self.compile(|_| true),
            access: Arc::default(),
            charters: self
                .charters
                .iter()
                .map(|it| (it.identity.clone(), Arc::new(it.clone())))
                .collect(),
            templates: self
                .templates
                .iter()
                .map(|it| (it.name.clone(), Arc::new(it.clone())))
                .collect(),
            contained: Containment::default(),
            lowered: Vec::new(),
            pins,
            facts: Vec::new(),
            exceptions: Vec::new(),
            bound_tokens: BTreeMap::new(),
        }
    }

    /// Compiles those policies that are `active`.
    pub fn compile(&self, active: impl Fn(&str) -> bool) -> Arc<PolicySet> {
        let sources: Vec<PolicySource> = self
            .policies
            .iter()
            .filter(|it| active(&it.name))
            .map(|it| PolicySource { name: format!("{}.cedar", it.name), text: it.cedar() })
            .collect();
        let constraints = self.policies.iter().filter_map(ToyPolicy::constraint).collect();
        let options = PolicyOptions { builtin_permit: true };
        match PolicySet::compile_with(&constraints, None, &sources, options) {
            Ok(set) => Arc::new(set),
            Err(errors) => panic!("a scenario's policies do not compile: {errors:?}"),
        }
    }
}

impl ToyPolicy {
    fn cedar(&self) -> String {
        let name = &self.name;
        match &self.rule {
            ToyLine::Forbid(server, tool) => format!(
                "@id(\"{name}\")\n\
                 forbid (principal, action == Action::\"{server}__{tool}\", resource);\n"
            ),
            ToyLine::Ask(server, tool) => format!(
                "@id(\"{name}\")\n@hold(\"{name} wants a person\")\n\
                 forbid (principal, action == Action::\"{server}__{tool}\", resource)\n\
                 unless {{ context.approval.granted }};\n"
            ),
            ToyLine::Fix(server, tool, _) => format!(
                "@id(\"{name}\")\n@constrain(\"{name}\")\n\
                 permit (principal, action == Action::\"{server}__{tool}\", resource)\n\
                 when {{ context.granted }};\n"
            ),
            ToyLine::Cedar(text) => text.clone(),
        }
    }

    /// Gives what a permit asks for, where it asks for something.
    fn constraint(&self) -> Option<(String, Arc<Constraint>)> {
        let ToyLine::Fix(_, _, value) = &self.rule else { return None };
        let path = "x".parse().expect("an argument");
        let limit = ArgumentLimit::fixed(&Json::Text(value.clone()));
        let asks = Obligations { arguments: Arguments::of([(path, limit)]), ..Obligations::NONE };
        let made = Constraint::new(self.name.clone(), 1, "team-test".to_owned(), asks);
        Some((self.name.clone(), Arc::new(made)))
    }
}
