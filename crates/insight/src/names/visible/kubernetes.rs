//! What a Kubernetes audit log shows: an audit policy says for each group of the API, and may say for one resource, what is
//! written down, and often leaves out who looks, and most of all who watches.
//!
//! A `*` over resources or groups has no sort: a policy may leave out any of what it means.

use super::Sort;

/// Resources of the core that audit policies treat apart. In order.
const APART: [&str; 5] = ["configmaps", "endpoints", "events", "nodes", "secrets"];

/// Gives the sorts of `core/pods:list`, `apps/*:*` or `nonresource:get /healthz`.
pub(super) fn sorts(name: &str) -> Option<Vec<Sort<'_>>> {
    let (resource, verb) = name.split_once(':')?;
    if resource == "nonresource" {
        // Addresses are left out one by one.
        let (verb, path) = verb.split_once(' ')?;
        let reads = matches!(verb, "get" | "head" | "options");
        return (!name.contains('*')).then(|| vec![Sort::new(path, reads)]);
    }
    let (group, plural) = resource.split_once('/').unwrap_or((resource, "*"));
    if resource.contains('*') {
        return None;
    }
    let whose = match (group, plural) {
        ("core", _) if is_apart(plural) => resource.to_owned(),
        (_, plural) if plural.contains('/') => resource.to_owned(),
        _ => group.to_owned(),
    };
    let looks = || Sort::new(whose.clone(), true);
    let watches = || Sort::new(format!("{whose} watch"), true);
    let writes = || Sort::new(whose.clone(), false);
    Some(match verb {
        "get" | "list" => vec![looks()],
        "watch" => vec![watches()],
        "create" | "update" | "patch" | "delete" | "deletecollection" => vec![writes()],
        "*" => vec![looks(), watches(), writes()],
        // What is asked besides a call (`impersonate`, `bind`, `escalate`, `use`) is no call of its own.
        _ => return None,
    })
}

fn is_apart(plural: &str) -> bool {
    plural.contains('/') || APART.binary_search(&plural).is_ok()
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Platform;

    use super::super::tests::told;

    #[test]
    fn looking_watching_and_writing_are_apart_and_so_are_some_resources() {
        for (name, sorts) in [
            ("core/pods:list", "core r"),
            ("core/pods:watch", "core watch r"),
            ("core/pods:delete", "core w"),
            ("core/secrets:get", "core/secrets r"),
            ("core/pods/exec:create", "core/pods/exec w"),
            ("apps/deployments:patch", "apps w"),
            ("apps/deployments:*", "apps r, apps watch r, apps w"),
            ("apps/*:*", "never"),
            ("*/*:get", "never"),
            ("*/secrets:get", "never"),
            ("core/users:impersonate", "never"),
            ("rbac.authorization.k8s.io/clusterroles:escalate", "never"),
            ("nonresource:get /metrics", "/metrics r"),
            ("nonresource:post /metrics", "/metrics w"),
            ("nonresource:get /healthz/*", "never"),
            ("nonresource:* /metrics", "never"),
            ("nonsense", "never"),
        ] {
            assert_eq!(told(Platform::Kubernetes, name), sorts, "{name}");
        }
    }
}
