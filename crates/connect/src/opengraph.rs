//! `OpenGraph`, as `BloodHound` takes it in: what could happen, by the collectors of others, and what we write for it.
//!
//! Pure: bytes in, a graph out, and back. Properties that nobody here knows are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// A graph cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenGraphError {
    /// It is no JSON, or of another shape.
    #[error("this is no OpenGraph document: {0}")]
    Shape(String),
    /// It has no nodes and no edges.
    #[error("this is no OpenGraph document: it has no `graph`")]
    Lacks,
    /// Names that many nodes have stand for too many edges.
    #[error(
        "its edges by name stand for more than {EDGES_MAX} edges: many nodes have the same name"
    )]
    Wide,
}

/// How many edges a graph may come to.
const EDGES_MAX: usize = 1_000_000;

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGraph {
    /// Which form it says it has.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What it says of itself.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// The graph itself.
    pub graph: Graph,
}

/// Nodes and edges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The nodes.
    #[serde(default, deserialize_with = "or_nothing")]
    pub nodes: Vec<GraphNode>,
    /// The edges.
    #[serde(default, deserialize_with = "or_nothing")]
    pub edges: Vec<GraphEdge>,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Its id.
    pub id: String,
    /// What it is; the first word counts most.
    #[serde(default, deserialize_with = "or_nothing")]
    pub kinds: Vec<String>,
    /// What is said of it.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// What it is.
    pub kind: String,
    /// Where it begins.
    pub start: GraphEnd,
    /// Where it ends.
    pub end: GraphEnd,
    /// What is said of it.
    #[serde(default, deserialize_with = "or_nothing", skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
}

/// An end of an edge: a node by its id, or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEnd {
    /// By what the node is found: `id`, if nothing is said, or `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_by: Option<String>,
    /// The id or the name.
    pub value: String,
    /// Of which kind the node is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// An edge between the ids of two nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joined {
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// What it is.
    pub kind: String,
    /// Whether whoever goes along it can go on.
    pub traversable: bool,
}

/// Takes `null` for nothing.
fn or_nothing<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

impl OpenGraph {
    /// Reads a document.
    pub fn read(file: &[u8]) -> Result<Self, OpenGraphError> {
        let value: Value =
            serde_json::from_slice(file).map_err(|it| OpenGraphError::Shape(it.to_string()))?;
        if value.get("graph").is_none_or(|it| !it.is_object()) {
            return Err(OpenGraphError::Lacks);
        }
        let graph: Self =
            serde_json::from_value(value).map_err(|it| OpenGraphError::Shape(it.to_string()))?;
        let names = graph.names();
        let count = |it: &GraphEnd| match it.match_by.as_deref() {
            Some("name") => names.get(&it.value.to_lowercase()).map_or(1, Vec::len),
            Some(_) | None => 1,
        };
        let edges = graph.graph.edges.iter();
        let all = edges
            .map(|it| count(&it.start).saturating_mul(count(&it.end)))
            .fold(0, usize::saturating_add);
        if graph.graph.edges.len().max(EDGES_MAX) < all {
            return Err(OpenGraphError::Wide);
        }
        Ok(graph)
    }

    /// Gives each node's id and first kind; an end of an edge that is no node becomes one.
    pub fn nodes(&self) -> BTreeMap<String, String> {
        let kind = |it: Option<&String>| it.cloned().unwrap_or_else(|| "unknown".to_owned());
        let mut nodes: BTreeMap<_, _> =
            self.graph.nodes.iter().map(|it| (it.id.clone(), kind(it.kinds.first()))).collect();
        let names = self.names();
        for end in self.graph.edges.iter().flat_map(|it| [&it.start, &it.end]) {
            for id in ids(end, &names) {
                nodes.entry(id).or_insert_with(|| kind(end.kind.as_ref()));
            }
        }
        nodes
    }

    /// Gives the edges by the ids of nodes. A name that several nodes have stands for each of them.
    pub fn edges(&self) -> BTreeSet<Joined> {
        let names = self.names();
        let mut all = BTreeSet::new();
        for edge in &self.graph.edges {
            let traversable = edge.properties.get("traversable") != Some(&Value::Bool(false));
            for from in ids(&edge.start, &names) {
                for to in ids(&edge.end, &names) {
                    let kind = edge.kind.clone();
                    all.insert(Joined { from: from.clone(), to, kind, traversable });
                }
            }
        }
        all
    }

    /// Gives the ids of nodes by name. Case makes no difference: collectors write names in capitals.
    fn names(&self) -> BTreeMap<String, Vec<(String, Vec<String>)>> {
        let mut names: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
        for node in &self.graph.nodes {
            if let Some(name) = node.properties.get("name").and_then(Value::as_str) {
                let same = names.entry(name.to_lowercase()).or_default();
                same.push((node.id.clone(), node.kinds.clone()));
            }
        }
        names
    }
}

/// Gives the nodes that an end of an edge means; what is nobody's name stands for itself.
fn ids(end: &GraphEnd, names: &BTreeMap<String, Vec<(String, Vec<String>)>>) -> Vec<String> {
    if end.match_by.as_deref() != Some("name") {
        return vec![end.value.clone()];
    }
    let same = names.get(&end.value.to_lowercase()).into_iter().flatten();
    let of_kind = |kinds: &[String]| end.kind.as_ref().is_none_or(|it| kinds.contains(it));
    let found: Vec<_> = same.filter(|it| of_kind(&it.1)).map(|it| it.0.clone()).collect();
    if found.is_empty() { vec![end.value.clone()] } else { found }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<OpenGraph, OpenGraphError> {
        OpenGraph::read(document.to_string().as_bytes())
    }

    #[test]
    fn ends_are_found_by_id_and_name_and_made_where_they_are_missing() {
        let graph = read(&json!({
            "metadata": { "source_kind": "GitHub" },
            "graph": {
                "nodes": [
                    { "id": "1", "kinds": ["GH_Person", "Base"], "properties": { "name": "ANN" } },
                    { "id": "2", "kinds": ["GH_Team"], "properties": { "name": "ann" } },
                    { "id": "3", "kinds": null, "properties": null },
                ],
                "edges": [
                    { "kind": "In", "start": { "value": "1" }, "end": { "value": "9", "kind": "GH_Org" } },
                    { "kind": "Has", "start": { "value": "Ann", "match_by": "name", "kind": "GH_Person" },
                      "end": { "value": "3" }, "properties": { "traversable": false } },
                    { "kind": "To", "start": { "value": "ann", "match_by": "name" }, "end": { "value": "who", "match_by": "name" } },
                ],
            },
        }))
        .unwrap();
        let edge = |it: &Joined| format!("{} {} {} {}", it.from, it.kind, it.to, it.traversable);
        let edges: Vec<_> = graph.edges().iter().map(edge).collect();
        assert_eq!(edges, ["1 Has 3 false", "1 In 9 true", "1 To who true", "2 To who true"]);
        let nodes: Vec<_> =
            graph.nodes().into_iter().map(|(id, kind)| format!("{id} {kind}")).collect();
        assert_eq!(nodes, ["1 GH_Person", "2 GH_Team", "3 unknown", "9 GH_Org", "who unknown"]);
    }

    #[test]
    fn one_edge_between_names_that_many_nodes_have_is_refused() {
        let node = |it: usize| json!({ "id": it.to_string(), "properties": { "name": "ann" } });
        let end = json!({ "value": "ann", "match_by": "name" });
        let edges = json!([{ "kind": "To", "start": end, "end": end }]);
        let of = |count: usize| {
            let nodes: Vec<_> = (0..count).map(node).collect();
            read(&json!({ "graph": { "nodes": nodes, "edges": edges } })).map(|it| it.edges().len())
        };
        assert_eq!(of(1_001), Err(OpenGraphError::Wide));
        assert_eq!(of(3), Ok(9));
    }

    #[test]
    fn what_is_no_graph_is_said_to_be() {
        for document in [json!({}), json!([]), json!({ "graph": [] }), json!({ "Records": [] })] {
            assert_eq!(read(&document), Err(OpenGraphError::Lacks), "{document}");
        }
        for graph in
            [json!({ "nodes": [{}] }), json!({ "edges": [{ "kind": "x" }] }), json!({ "nodes": 1 })]
        {
            let error = read(&json!({ "graph": graph })).unwrap_err();
            assert!(matches!(error, OpenGraphError::Shape(_)), "{error}");
        }
        assert!(OpenGraph::read(b"{").is_err());
    }

    fn end() -> impl Strategy<Value = GraphEnd> {
        let by = proptest::option::of(prop_oneof![Just("id".to_owned()), Just("name".to_owned())]);
        (by, "\\PC{0,6}", proptest::option::of("[a-z]{1,4}"))
            .prop_map(|(match_by, value, kind)| GraphEnd { match_by, value, kind })
    }

    fn properties() -> impl Strategy<Value = Map<String, Value>> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,6}".prop_map(Value::from),
        ];
        proptest::collection::btree_map("[a-z_]{1,6}", value, 0..4)
            .prop_map(|it| it.into_iter().collect())
    }

    proptest! {
        /// What is written is read as it was, and any bytes are a graph or an error.
        #[test]
        fn a_graph_goes_out_and_comes_back_the_same(
            nodes in proptest::collection::vec(("\\PC{0,6}", proptest::collection::vec("[A-Z]{1,4}", 0..3), properties()), 0..6),
            edges in proptest::collection::vec(("[A-Z]{1,4}", end(), end(), properties()), 0..6),
            schema in proptest::option::of("[a-z]{1,9}"),
            metadata in properties(),
        ) {
            let nodes = nodes.into_iter().map(|(id, kinds, properties)| GraphNode { id, kinds, properties });
            let edges = edges.into_iter().map(|(kind, start, end, properties)| GraphEdge { kind, start, end, properties });
            let graph = OpenGraph { schema, metadata, graph: Graph { nodes: nodes.collect(), edges: edges.collect() } };
            let written = serde_json::to_vec(&graph).unwrap();
            prop_assert_eq!(OpenGraph::read(&written), Ok(graph.clone()));
            // Every edge has its ends among the nodes.
            let nodes = graph.nodes();
            for edge in graph.edges() {
                prop_assert!(nodes.contains_key(&edge.from) && nodes.contains_key(&edge.to));
            }
        }

        #[test]
        fn any_bytes_are_a_graph_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _read = OpenGraph::read(&bytes);
        }
    }
}
