//! The tools that were accepted, as far as their definitions are kept: what policies are held
//! against.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_gateway::{Catalog, Desk, ToolDefinition, facts_of, names_resources};
use bailiwick_model::{Digest, Pin, PinStatus, ServerName};
use bailiwick_policy::{AcceptedTool, Offering};
use bailiwick_store::{Definitions, Registry};

use crate::{
    config::{Against, Before, Config},
    serve::tool,
};

/// Accepted tools by server and name, with the digests of their definitions.
pub(crate) type Accepted = BTreeMap<(ServerName, String), Digest>;

/// Holds a house against the tools that its own state says were accepted.
pub(crate) const KNOWN: Against<'static> = Against { tools: &of_state, before: &Before::NOTHING };

/// Finds the accepted tools in the state of a configuration, whether or not a governor serves it.
/// None where there is no state, or none that can be read: then nothing is known.
fn of_state(config: &Config) -> Option<Offering> {
    let registry = config.state.join("registry.db");
    if !registry.is_file() {
        return None;
    }
    let pins = Registry::open_read_only(&registry).ok()?.pins().ok()?;
    let accepted = pins.into_iter().filter_map(|(key, pin)| Some((key, digest(&pin)?)));
    offering(config, &accepted.collect())
}

/// Finds the accepted tools at the desk.
pub(crate) fn at_desk(desk: &Desk) -> Accepted {
    let snapshot = desk.snapshot();
    let mut accepted = Accepted::new();
    for (server, tools) in &snapshot.pins {
        let tools = tools.iter().filter_map(|(tool, pin)| Some((tool.clone(), digest(pin)?)));
        accepted.extend(tools.map(|(tool, digest)| ((server.clone(), tool), digest)));
    }
    accepted
}

fn digest(pin: &Pin) -> Option<Digest> {
    match pin.status {
        PinStatus::Accepted => Some(pin.digest),
        PinStatus::Waiting => None,
    }
}

/// Gives what policies meet. None where no definition is kept: then words are all that can be
/// checked.
pub(crate) fn offering(config: &Config, accepted: &Accepted) -> Option<Offering> {
    let kept = definitions(config);
    let words = |server: &ServerName| config.servers.iter().find(|it| it.name == *server);
    let read = |(server, name): &(ServerName, String), digest: &Digest| {
        let definition = ToolDefinition::of_kept(kept.get(digest).ok()??)?;
        // Only the text with the digest of the pin is what was accepted.
        if definition.digest != *digest || definition.name != *name {
            return None;
        }
        // A server that is not configured any more is called by nobody.
        let configured = words(server)?;
        let word = configured.tools.iter().find(|(it, _)| it.as_str() == name.as_str());
        let spec = word.map(|(_, it)| tool(it));
        let facts = facts_of(server, &definition, (spec.as_ref(), configured.environment));
        Some(AcceptedTool {
            server: server.clone(),
            name: name.clone(),
            effects: facts.effects,
            to_resources: names_resources(spec.as_ref(), &definition),
            input: definition.schema,
        })
    };
    let tools: Vec<_> = accepted.iter().filter_map(|(key, digest)| read(key, digest)).collect();
    let servers = config.servers.iter().map(|it| (it.name.clone(), it.environment)).collect();
    (!tools.is_empty()).then_some(Offering { servers, tools, params: None })
}

/// Keeps the definitions of what `server` offers and was accepted, and forgets those that no pin
/// has any more. Says whether one is new.
pub(crate) fn keep(
    config: &Config,
    desk: &Desk,
    (server, catalog): (&ServerName, &Catalog),
) -> Result<bool, bailiwick_store::FileError> {
    let (kept, accepted) = (definitions(config), at_desk(desk));
    let mut new = false;
    for tool in &catalog.tools {
        if accepted.get(&(server.clone(), tool.name.clone())) == Some(&tool.digest) {
            new |= kept.keep(&tool.digest, tool.raw.get())?;
        }
    }
    if new {
        kept.retain(&accepted.into_values().collect::<BTreeSet<_>>())?;
    }
    Ok(new)
}

fn definitions(config: &Config) -> Definitions {
    Definitions::at(&config.state.join("tools"))
}
