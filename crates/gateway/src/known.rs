//! What is known of an action from the operator's word and from what its server offers now.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Action, ActionFacts, ActionKind, Environment, Offered, ServerName};

use crate::{
    Catalog, Offer, ServerSpec, ToolDefinition, ToolSpec,
    classify::{Hints, Known, action_facts},
    upstream::WRITTEN,
};

/// Gives what is known before a call is looked at.
pub(crate) fn known<'a>(
    action: &Action,
    spec: Option<&'a ServerSpec>,
    catalog: Option<&'a Catalog>,
    liked: &'a BTreeSet<String>,
) -> Known<'a> {
    let tool =
        catalog.and_then(|it| it.tool(&action.name)).filter(|_| action.kind == ActionKind::Tool);
    Known {
        reading_credential: spec
            .filter(|it| it.is_web())
            .and_then(|it| it.credential.as_ref()?.kept())
            .is_some_and(|it| it.read_only.is_some() && it.is_for(&action.name)),
        spec: spec.and_then(|it| it.tools.get(&action.name)),
        hints: tool.map_or_else(Hints::default, hints),
        input_schema: tool.and_then(|it| it.schema.as_ref()),
        mapping: tool.and_then(|it| it.mapping.as_deref()),
        // Of what is not configured the worst is assumed.
        environment: spec.map_or(Environment::Production, |it| it.environment),
        liked,
    }
}

fn hints(tool: &ToolDefinition) -> Hints {
    Hints {
        read_only: tool.read_only_hint,
        destructive: tool.destructive_hint,
        open_world: tool.open_world_hint,
    }
}

/// Gives what is known of a tool whatever its arguments, as it is known of each of its calls.
pub fn facts_of(
    server: &ServerName,
    tool: &ToolDefinition,
    (spec, environment): (Option<&ToolSpec>, Environment),
) -> ActionFacts {
    let name = tool.name.clone();
    let action = Action { server: server.clone(), kind: ActionKind::Tool, name };
    let known = Known {
        reading_credential: false,
        spec,
        hints: hints(tool),
        input_schema: tool.schema.as_ref(),
        environment,
        mapping: tool.mapping.as_deref(),
        liked: &BTreeSet::new(),
    };
    action_facts(&action, &known)
}

/// Says whether arguments of a tool name what it is done to: by the operator's word, else by its
/// server's.
pub fn names_resources(spec: Option<&ToolSpec>, tool: &ToolDefinition) -> bool {
    spec.is_some_and(|it| it.resource.is_some()) || tool.mapping.is_some()
}

/// Gives what the server offers under the action's name.
pub(crate) fn offered(action: &Action, catalog: Option<&Catalog>) -> Offered {
    match (action.kind, catalog) {
        (ActionKind::Resource | ActionKind::Prompt | ActionKind::Lease, _) => Offered::NotPinned,
        (ActionKind::Tool, None) => Offered::Nothing,
        (ActionKind::Tool, Some(catalog)) => {
            catalog.tool(&action.name).map_or(Offered::Nothing, |tool| Offered::Tool {
                definition: tool.digest,
                executable: catalog.executable,
            })
        }
    }
}

/// Gives a server's catalog as the desk pins it. What an API offers is written in the configuration.
pub fn offer_of(server: &ServerName, catalog: &Catalog, review: bool) -> Offer {
    let written = catalog.protocol == WRITTEN;
    let tools: BTreeMap<_, _> =
        catalog.tools.iter().map(|it| (it.name.clone(), it.digest)).collect();
    Offer { server: server.clone(), tools, executable: catalog.executable, review, written }
}
