//! What RBAC calls the permission for what Kubernetes tells of: group, resource and verb, as the log has them.
//!
//! Some exports leave the group out. What then stands under the nameless group `core` and is not one of its resources is
//! somebody else's, and nobody knows whose.

use bailiwick_model::Platform;

use super::{Certainty, Name, Native, spelt};

/// The resources of the group without a name. In order.
const CORE: &[&str] = &[
    "bindings",
    "componentstatuses",
    "configmaps",
    "endpoints",
    "events",
    "limitranges",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "serviceaccounts",
    "services",
];

pub(super) fn names(native: Native<'_>) -> Vec<Name> {
    let (service, verb) = (native.service, native.operation);
    let is_known = match service.strip_prefix("core/") {
        Some(rest) => {
            let resource = rest.split('/').next().unwrap_or_default();
            CORE.binary_search(&resource).is_ok()
        }
        // A verb alone is no permission: it takes a path.
        None if service == "nonresource" => verb.contains(' '),
        None => service.contains('/'),
    };
    let certainty = match (native.internal, is_known && !verb.is_empty()) {
        (true, _) => Certainty::Internal,
        // Whoever is asked about by a server does nothing that the API server would see.
        (false, true) if verb.starts_with("asked about ") => Certainty::Permissionless,
        (false, true) => Certainty::Exact,
        (false, false) => Certainty::Unknown,
    };
    vec![Name { text: spelt(Platform::Kubernetes, service, verb), certainty }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Catalogue, tests::said};

    #[test]
    fn a_permission_is_a_group_a_resource_and_a_verb() {
        assert!(CORE.is_sorted());
        let catalogue = Catalogue::carried();
        for (service, verb, is) in [
            ("core/pods", "list", "kubernetes:core/pods:list exact"),
            ("core/pods/exec", "create", "kubernetes:core/pods/exec:create exact"),
            ("apps/deployments", "get", "kubernetes:apps/deployments:get exact"),
            ("core/clusterroles", "get", "kubernetes:core/clusterroles:get unknown"),
            ("core/pods", "", "kubernetes:core/pods: unknown"),
            ("core/pods", "asked about get", "kubernetes:core/pods:asked about get permissionless"),
            ("nonresource", "get /healthz", "kubernetes:nonresource:get /healthz exact"),
            ("nonresource", "get", "kubernetes:nonresource:get unknown"),
            ("nonresource", "", "kubernetes:nonresource: unknown"),
        ] {
            assert_eq!(said(Platform::Kubernetes, service, verb, &catalogue), is);
        }
    }
}
