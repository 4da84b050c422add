//! What we know as a graph for `BloodHound`: what could be, and what was.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_connect::opengraph::{Graph, GraphEdge, GraphEnd, GraphNode, OpenGraph};
use bailiwick_insight::{AccessMap, Audit, Hop, Place, State};
use bailiwick_model::Platform;
use serde_json::{Map, Value, json};

/// Writes the whole map.
pub(super) fn of_map(map: &AccessMap) -> OpenGraph {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for place in map.places() {
        let known = count.entry(&place.id).or_default();
        *known = known.saturating_add(1);
    }
    // Two systems may call theirs the same.
    let id = |place: &Place| match place
        .platform
        .filter(|_| 1 < count.get(&*place.id).copied().unwrap_or(0))
    {
        Some(platform) if map.has_namesake(place) => {
            format!("{platform}:{}:{}", place.within, place.id)
        }
        Some(platform) => format!("{platform}:{}", place.id),
        None => place.id.clone(),
    };
    let nodes = map.places().iter().map(|place| {
        let mut properties = named(&place.id, place.platform);
        if let Some(sensitivity) = place.sensitivity {
            properties.insert("sensitivity".to_owned(), json!(sensitivity));
        }
        GraphNode { id: id(place), kinds: kinds(place.platform, &place.kind), properties }
    });
    let edges = map.hops().iter().filter_map(|hop| {
        let (from, to) = (map.place(hop.from)?, map.place(hop.to)?);
        Some(edge(&kind(&hop.via), id(from), id(to), walked(hop)))
    });
    document(nodes.collect(), edges.collect())
}

/// Writes who holds what, and what became of it.
pub(crate) fn of_audit(told: &Audit) -> OpenGraph {
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    let mut names: BTreeSet<(&str, Platform)> = BTreeSet::new();
    let mut count: BTreeMap<&str, BTreeMap<Platform, usize>> = BTreeMap::new();
    for it in &told.identities {
        let known = count.entry(&it.id).or_default().entry(it.platform).or_default();
        *known = known.saturating_add(1);
    }
    for identity in &told.identities {
        let (platform, name) = (identity.platform, &identity.id);
        let of_name = count.get(name.as_str());
        let id = match of_name.and_then(|it| it.get(&platform)) {
            // Two accounts may call theirs the same, and so may two systems.
            Some(2..) => format!("{platform}:{}:{name}", identity.account),
            _ if of_name.is_some_and(|it| 1 < it.len()) => format!("{platform}:{name}"),
            _ => name.clone(),
        };
        let mut properties = named(&identity.id, Some(identity.platform));
        properties.insert("account".to_owned(), json!(identity.account));
        let kinds = kinds(Some(identity.platform), "identity");
        nodes.push(GraphNode { id: id.clone(), kinds, properties });
        for entry in &identity.entries {
            names.insert((&entry.name, identity.platform));
            let mut said = Map::new();
            said.insert("exercised".to_owned(), json!(entry.state == State::Exercised));
            said.insert("count".to_owned(), json!(entry.count));
            for (name, at) in [("first_seen", entry.first), ("last_seen", entry.last)] {
                said.extend(at.map(|it| (name.to_owned(), json!(it))));
            }
            said.insert("observed_days".to_owned(), json!(entry.observed_days));
            said.insert("state".to_owned(), json!(entry.state));
            said.extend(entry.within.as_ref().map(|it| ("within".to_owned(), json!(it))));
            said.insert("traversable".to_owned(), json!(false));
            edges.push(edge("BW_Entitlement", id.clone(), entry.name.clone(), said));
        }
    }
    nodes.extend(names.into_iter().map(|(name, platform)| GraphNode {
        id: name.to_owned(),
        kinds: kinds(Some(platform), "entitlement"),
        properties: named(name, Some(platform)),
    }));
    document(nodes, edges)
}

fn document(nodes: Vec<GraphNode>, edges: Vec<GraphEdge>) -> OpenGraph {
    let mut metadata = Map::new();
    metadata.insert("source_kind".to_owned(), json!("BW_Base"));
    OpenGraph { schema: None, metadata, graph: Graph { nodes, edges } }
}

fn named(name: &str, platform: Option<Platform>) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("name".to_owned(), json!(name));
    properties.extend(platform.map(|it| ("platform".to_owned(), json!(it))));
    properties
}

/// Gives a node's kinds, the most telling first: `BW_AwsIdentity`, and `BW_Base` for all that are ours.
fn kinds(platform: Option<Platform>, kind: &str) -> Vec<String> {
    let ours = matches!(kind, "identity" | "resource" | "entitlement");
    let first = if ours {
        format!("BW_{}{}", capital(platform.map_or("", Platform::as_str)), capital(kind))
    } else {
        kind.to_owned()
    };
    vec![first, "BW_Base".to_owned()]
}

/// Gives an edge's kind: `BW_AssumeRole` of `assume-role`; what others call theirs stays.
fn kind(via: &str) -> String {
    if via.bytes().all(|it| it.is_ascii_lowercase() || it == b'-') {
        format!("BW_{}", via.split('-').map(capital).collect::<String>())
    } else {
        via.to_owned()
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |it| it.to_uppercase().chain(letters).collect())
}

fn walked(hop: &Hop) -> Map<String, Value> {
    let mut said = Map::new();
    said.insert("exercised".to_owned(), json!(hop.made.is_some()));
    said.insert("count".to_owned(), json!(hop.made.as_ref().map_or(0, |it| it.used.count)));
    if let Some(made) = &hop.made {
        let (first, last) = made.span();
        said.insert("first_seen".to_owned(), json!(first));
        said.insert("last_seen".to_owned(), json!(last));
        said.insert("observed_days".to_owned(), json!(made.observed_days));
    }
    said.insert("state".to_owned(), json!(hop.state()));
    said.insert("traversable".to_owned(), json!(hop.traversable));
    said
}

fn edge(kind: &str, from: String, to: String, properties: Map<String, Value>) -> GraphEdge {
    let end = |value| GraphEnd { match_by: None, value, kind: None };
    GraphEdge { kind: kind.to_owned(), start: end(from), end: end(to), properties }
}
