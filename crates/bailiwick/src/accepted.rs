//! The tools that were accepted, as far as their definitions are kept: what policies are held
//! against.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use bailiwick_gateway::{Catalog, Desk, ToolDefinition, facts_of, names_resources};
use bailiwick_model::{Digest, Pin, PinStatus, ServerName};
use bailiwick_policy::{AcceptedTool, Offering};
use bailiwick_store::{Definitions, Registry};

use crate::{
    config::{Against, Before, Config, Server},
    serve::tool,
};

/// What was pinned of each tool, by server and name.
pub(crate) type Pins = BTreeMap<(ServerName, String), Pin>;

/// Holds a house against the tools that its own state says were accepted.
pub(crate) const KNOWN: Against<'static> =
    Against { tools: &|config| Some(of_state(config)), before: &Before::NOTHING };

/// Finds the accepted tools in the state of a configuration, whether or not a governor serves it.
/// Where there is no state, or none that can be read, nothing is known of any.
fn of_state(config: &Config) -> Offering {
    let registry = config.state.join("registry.db");
    let read = || Registry::open_read_only(&registry).ok()?.pins().ok();
    let pins = Some(()).filter(|()| registry.is_file()).and_then(|()| read());
    offering(config, &pins.into_iter().flatten().collect())
}

/// Finds the pins at the desk.
pub(crate) fn at_desk(desk: &Desk) -> Pins {
    let snapshot = desk.snapshot();
    let mut pins = Pins::new();
    for (server, tools) in &snapshot.pins {
        let of_server =
            tools.iter().map(|(tool, pin)| ((server.clone(), tool.clone()), pin.clone()));
        pins.extend(of_server);
    }
    pins
}

fn accepted(pin: &Pin) -> Option<Digest> {
    match pin.status {
        PinStatus::Accepted => Some(pin.digest),
        PinStatus::Waiting => None,
    }
}

/// Gives what policies meet: the accepted tools whose definitions are kept, and of the others their
/// names, as far as these are known.
pub(crate) fn offering(config: &Config, pins: &Pins) -> Offering {
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
    let tools = pins.iter().filter_map(|(key, pin)| read(key, &accepted(pin)?)).collect();
    let configured = |(server, _): &&(ServerName, String)| words(server).is_some();
    let mut others: BTreeSet<_> = pins.keys().filter(configured).cloned().collect();
    for server in &config.servers {
        others.extend(server.tools.keys().map(|it| (server.name.clone(), it.to_string())));
    }
    let servers = config.servers.iter().map(|it| (it.name.clone(), it.environment)).collect();
    let target =
        |it: &crate::config::Target| Some((it.name.as_str().parse().ok()?, it.environment));
    let targets = config.targets.iter().filter_map(target).collect();
    Offering { servers, targets, tools, others, ..Offering::default() }
}

/// What was found last, and what it was found for.
#[derive(Debug, Default)]
pub(crate) struct Found(Mutex<Option<(Pins, Vec<Server>, Offering)>>);

impl Found {
    /// Finds the accepted tools at the desk. Their definitions are read again only where others were
    /// accepted, or other words are said of their servers: a digest names one text for ever.
    pub(crate) fn offering(&self, config: &Config, desk: &Desk) -> Offering {
        let pins = at_desk(desk);
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, servers, offering)) = &*found
            && *of == pins
            && *servers == config.servers
        {
            return offering.clone();
        }
        let offering = offering(config, &pins);
        // What could not be read may be there the next time.
        let is_whole = offering.tools.len() == pins.values().filter_map(accepted).count();
        *found = is_whole.then(|| (pins, config.servers.clone(), offering.clone()));
        offering
    }
}

/// Keeps the definitions of what `server` offers and was accepted, and forgets those that no pin
/// has any more. Says whether one is new.
pub(crate) fn keep(
    config: &Config,
    desk: &Desk,
    (server, catalog): (&ServerName, &Catalog),
) -> Result<bool, bailiwick_store::FileError> {
    let (kept, pins) = (definitions(config), at_desk(desk));
    let mut new = false;
    for tool in &catalog.tools {
        let pin = pins.get(&(server.clone(), tool.name.clone()));
        if pin.and_then(accepted) == Some(tool.digest) {
            new |= kept.keep(&tool.digest, tool.raw.get())?;
        }
    }
    if new {
        kept.retain(&pins.values().filter_map(accepted).collect::<BTreeSet<_>>())?;
    }
    Ok(new)
}

fn definitions(config: &Config) -> Definitions {
    Definitions::at(&config.state.join("tools"))
}
