//! What every decision looks at: written policy and what people decided, swapped whole.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{
    BoundTokens, Charter, Containment, Exception, Fact, IdentityId, Lowered, Pin, ServerName,
    Template, TemplateName, Timestamp,
};
use bailiwick_policy::{AccessPolicies, PolicySet};

/// Everything a decision looks at besides its task. Immutable; a change makes a new one.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The organisation's policies.
    pub policies: Arc<PolicySet>,
    /// The policies for what enforcement points elsewhere ask.
    pub access: Arc<AccessPolicies>,
    /// Every registered identity's charter.
    pub charters: BTreeMap<IdentityId, Arc<Charter>>,
    /// Every template that tasks can be opened from.
    pub templates: BTreeMap<TemplateName, Arc<Template>>,
    /// Everything whose authority is withdrawn.
    pub contained: Containment,
    /// Whose risk has risen, each with its end.
    pub lowered: Vec<Lowered>,
    /// The tools that were accepted, or wait for it, by server and name.
    pub pins: BTreeMap<ServerName, BTreeMap<String, Pin>>,
    /// Statements about the world, each with its end.
    pub facts: Vec<Fact>,
    /// Tolerated findings, each with its end.
    pub exceptions: Vec<Exception>,
    /// Which calls of a server take a bound token, where something is said of it.
    pub bound_tokens: BTreeMap<ServerName, BoundTokens>,
}

impl Snapshot {
    /// Finds the pin of a tool.
    pub fn pin(&self, server: &ServerName, tool: &str) -> Option<&Pin> {
        self.pins.get(server).and_then(|tools| tools.get(tool))
    }

    /// Gives the facts that hold at `now`.
    pub fn facts_at(&self, now: Timestamp) -> Vec<Fact> {
        self.facts.iter().filter(|it| now < it.until).cloned().collect()
    }
}
