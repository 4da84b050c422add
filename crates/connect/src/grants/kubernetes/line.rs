//! One line of a role, which Kubernetes calls a rule: which verbs on which resources, or on which addresses.

use bailiwick_model::{Patterns, Statement};
use serde_json::Value;

use super::super::texts;

/// How many names one rule may come to.
const NAMES_MAX: usize = 100_000;

/// Resources of Kubernetes itself that are in no namespace. In order.
const OF_THE_CLUSTER: [(&str, &str); 23] = [
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
    ("authentication.k8s.io", "tokenreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "subjectaccessreviews"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("core", "componentstatuses"),
    ("core", "nodes"),
    ("core", "persistentvolumes"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
    ("networking.k8s.io", "ingressclasses"),
    ("node.k8s.io", "runtimeclasses"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("scheduling.k8s.io", "priorityclasses"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "storageclasses"),
];

/// What a rule gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleLine {
    patterns: Vec<String>,
    /// The only objects that it is about; none for all.
    objects: Vec<String>,
    /// Whether it is about addresses that are no resources.
    is_of_addresses: bool,
}

impl RoleLine {
    /// Reads a rule; what is wrong with it is said.
    pub(super) fn read(rule: &Value) -> Result<Self, String> {
        let [groups, resources, verbs] =
            [texts(rule, "apiGroups")?, texts(rule, "resources")?, texts(rule, "verbs")?];
        let addresses = texts(rule, "nonResourceURLs")?;
        let objects = texts(rule, "resourceNames")?;
        let count = groups.len().saturating_mul(resources.len()).saturating_add(addresses.len());
        if NAMES_MAX < count.saturating_mul(verbs.len()) {
            return Err(format!("it comes to more than {NAMES_MAX} names"));
        }
        let mut patterns = Vec::new();
        for verb in &verbs {
            for group in &groups {
                for resource in resources.iter().filter(|it| is_meant(it)) {
                    if objects.is_empty() || can_name(verb, resource) {
                        let group = if group.is_empty() { "core" } else { group };
                        patterns.push(format!("{group}/{resource}:{verb}"));
                    }
                }
            }
            for address in addresses.iter().filter(|it| is_address(it)) {
                patterns.push(format!("nonresource:{verb} {address}"));
            }
        }
        let objects = objects.into_iter().map(str::to_owned).collect();
        Ok(Self { patterns, objects, is_of_addresses: !addresses.is_empty() })
    }

    /// Gives what it grants in one namespace, or everywhere; nothing where it cannot count there.
    pub(super) fn granted(&self, namespace: Option<&str>) -> Option<Statement> {
        // Addresses are in no namespace.
        if self.is_of_addresses && namespace.is_some() {
            return None;
        }
        let counts = |it: &&String| namespace.is_none() || is_namespaced(it);
        let patterns: Vec<_> = self.patterns.iter().filter(counts).cloned().collect();
        if patterns.is_empty() {
            return None;
        }
        let within = |it: &str| namespace.map_or_else(|| it.to_owned(), |of| format!("{of}/{it}"));
        let resources = match self.objects.as_slice() {
            [] => vec![within("*")],
            some => some.iter().map(|it| within(it)).collect(),
        };
        Some(Statement {
            allows: true,
            actions: Patterns::Only(patterns),
            resources: Patterns::Only(resources),
            // Of another object it says nothing.
            conditional: !self.objects.is_empty(),
        })
    }
}

/// Says whether a name may be of something in a namespace; of a namespace itself it is, for whoever is bound there.
fn is_namespaced(name: &str) -> bool {
    let resource = name.split_once(':').map_or(name, |it| it.0);
    let mut parts = resource.splitn(3, '/');
    let whole = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    OF_THE_CLUSTER.binary_search(&whole).is_err()
}

/// Says whether a request with this verb has an object's name that a rule could ask for: what is new has none yet, and
/// neither has a whole collection.
fn can_name(verb: &str, resource: &str) -> bool {
    verb != "deletecollection" && (verb != "create" || resource.contains('/'))
}

/// Says whether a resource means something: its `*` stands alone, or before a part of every resource.
fn is_meant(resource: &str) -> bool {
    !resource.strip_prefix('*').unwrap_or(resource).contains('*')
        && (!resource.starts_with('*') || resource == "*" || resource.starts_with("*/"))
}

/// Says whether an address means something: its `*` is at the end.
fn is_address(address: &str) -> bool {
    !address.strip_suffix('*').unwrap_or(address).contains('*')
}
