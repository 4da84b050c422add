//! From a call to what is put to the kernel: what it does, to what, where data goes, and whether
//! every place it names is written in the one normal form.

mod effects;
pub(crate) mod mapping;
mod places;
mod words;

use std::{borrow::Cow, collections::BTreeSet};

use bailiwick_model::{
    AccessRequest, Action, ActionFacts, ActionKind, Caller, Effect, Environment, IdentityId, Json,
    Offered, Reach, Sensitivity,
};

use crate::{call::Call, coaz::Mapping, upstream::ToolSpec};

pub(crate) use effects::{Hints, suggest_effects};

/// What is known of the thing that is called, before the call is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// The operator's word, where there is one.
    pub(crate) spec: Option<&'a ToolSpec>,
    /// The server's word: it is believed only where it asks for more care.
    pub(crate) hints: Hints,
    /// What the arguments should look like, as the server says.
    pub(crate) input_schema: Option<&'a Json>,
    /// Where the server runs.
    pub(crate) environment: Environment,
    /// The server's word on what its calls are done to, where it can be read.
    pub(crate) mapping: Option<&'a Result<Mapping, String>>,
    /// Arguments that some condition compares with `like`.
    pub(crate) liked: &'a BTreeSet<String>,
    /// Whether its call can be made with a credential that reads and does nothing else.
    pub(crate) reading_credential: bool,
}

/// What a call turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Classified {
    /// What is known of the action.
    pub(crate) facts: ActionFacts,
    /// What it is done to; empty is the tool itself.
    pub(crate) resources: BTreeSet<String>,
    /// Where data goes.
    pub(crate) destinations: BTreeSet<String>,
    /// Why the call cannot be read in one way only.
    pub(crate) faults: Vec<String>,
}

/// Classifies one call of `caller`.
pub(crate) fn classify(call: &Call, known: &Known<'_>, caller: &IdentityId) -> Classified {
    let mut resources = BTreeSet::new();
    let mut destinations = BTreeSet::new();
    let mut checked = Cow::Borrowed(known.liked);
    let mut unmapped = Vec::new();
    match call.action().kind {
        ActionKind::Resource => {
            resources.insert(call.action().name.clone());
        }
        ActionKind::Prompt | ActionKind::Lease => {}
        ActionKind::Tool => {
            let names = Names::of(known);
            match names.resources(call, caller) {
                Some(Ok(named)) => {
                    unmapped = names.faults(&named);
                    resources = named;
                }
                Some(Err(fault)) => unmapped = vec![fault],
                None => {}
            }
            let receivers = known.spec.map_or(&[][..], |spec| &spec.destinations);
            destinations = mapping::destinations(receivers, call.arguments());
            let named = names.arguments();
            if !named.is_empty() || !receivers.is_empty() {
                checked.to_mut().extend(named.into_iter().chain(receivers.iter().cloned()));
            }
        }
    }
    let mut faults = places::faults(call.arguments(), known.input_schema, &checked);
    faults.extend(unmapped);
    faults.extend(call.faults().iter().cloned());
    Classified { facts: action_facts(call.action(), known), resources, destinations, faults }
}

/// How arguments name resources: the operator's word, else the server's, else not at all.
enum Names<'a> {
    Operator(&'a str),
    Server(&'a Result<Mapping, String>),
    Nobody,
}

impl<'a> Names<'a> {
    fn of(known: &Known<'a>) -> Self {
        match (known.spec.and_then(|spec| spec.resource.as_deref()), known.mapping) {
            (Some(template), _) => Self::Operator(template),
            (None, Some(mapping)) => Self::Server(mapping),
            (None, None) => Self::Nobody,
        }
    }

    fn resources(
        &self,
        call: &Call,
        caller: &IdentityId,
    ) -> Option<Result<BTreeSet<String>, String>> {
        let called = (call.action().name.as_str(), call.arguments());
        match self {
            Self::Operator(template) => Some(mapping::resources(template, called.1)),
            Self::Server(Ok(mapping)) => Some(mapping.resources(called, caller.as_str())),
            Self::Server(Err(why)) => Some(Err(format!("the tool's {why}"))),
            Self::Nobody => None,
        }
    }

    /// Says what keeps the names from being written in one way only.
    fn faults(&self, named: &BTreeSet<String>) -> Vec<String> {
        match self {
            Self::Operator(template) => mapping::faults(template, named),
            // Its ids were looked at where they were made.
            Self::Server(_) | Self::Nobody => Vec::new(),
        }
    }

    /// Gives the arguments that name them.
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Operator(template) => mapping::arguments_of(template),
            Self::Server(Ok(mapping)) => mapping.arguments().map(str::to_owned).collect(),
            Self::Server(Err(_)) | Self::Nobody => Vec::new(),
        }
    }
}

impl Classified {
    /// Puts the call to the kernel.
    pub(crate) fn into_request(
        self,
        call: &Call,
        caller: Caller,
        offered: Offered,
    ) -> AccessRequest {
        let Self { facts, resources, destinations, faults } = self;
        AccessRequest {
            caller,
            action: call.action().clone(),
            facts,
            resources,
            destinations,
            arguments: call.arguments().clone(),
            call: *call.digest(),
            bytes_out: call.size(),
            offered,
            faults,
        }
    }
}

/// Gives what is known of an action whatever its arguments: the operator's word, else a suggestion
/// that errs on the careful side.
pub(crate) fn action_facts(action: &Action, known: &Known<'_>) -> ActionFacts {
    let spec = known.spec.filter(|_| action.kind == ActionKind::Tool);
    let effects = spec.and_then(|spec| spec.effects.clone()).unwrap_or_else(|| match action.kind {
        ActionKind::Tool => suggest_effects(&action.name, known.hints),
        ActionKind::Resource | ActionKind::Prompt => BTreeSet::from([Effect::Read]),
        ActionKind::Lease => BTreeSet::from([Effect::Credential]),
    });
    let only_reads = effects.iter().all(|it| *it == Effect::Read);
    let outside = effects.contains(&Effect::Egress)
        || (action.kind == ActionKind::Tool && known.hints.open_world == Some(true));
    let reach = if outside { Reach::External } else { Reach::Internal };
    ActionFacts {
        reading_credential: known.reading_credential,
        sensitivity: spec.and_then(|it| it.sensitivity).unwrap_or(Sensitivity::Internal),
        results_trusted: spec.and_then(|it| it.results_trusted).unwrap_or(false),
        reversible: spec.and_then(|it| it.reversible).unwrap_or(only_reads),
        reach: spec.and_then(|it| it.reach).unwrap_or(reach),
        environment: known.environment,
        effects,
    }
}

#[cfg(test)]
mod tests;
