//! The API of a Kubernetes cluster that Google runs: its permissions are those of Kubernetes, not of Google.

use std::borrow::Cow;

use bailiwick_model::{ActorKind, Exercise, Platform};

use crate::source::{fields::Fields, kubernetes};

/// What a request asked for, in the words of Kubernetes.
struct Asked {
    service: String,
    verb: String,
    resource: String,
}

/// Tells of an exercise in the words of Kubernetes, where it is one of a cluster: `io.k8s.GROUP.VERSION.RESOURCE.VERB` has
/// the verb, and the path of the resource the group as RBAC spells it.
pub(super) fn name(it: &mut Exercise<'_>, method: &str, entry: &Fields<'_>) {
    let asked = [method, &it.operation].into_iter().find_map(|name| asked(name, &it.resource));
    let Some(asked) = asked else { return };
    it.platform = Platform::Kubernetes;
    if it.actor.kind == ActorKind::Unknown {
        it.actor.kind = kubernetes::kind(&it.actor.id);
    }
    it.service = Cow::Owned(asked.service);
    it.operation = Cow::Owned(asked.verb);
    it.resource = Cow::Owned(asked.resource);
    // What only looks is in the log of data access, and no data of Kubernetes' for that.
    it.data = false;
    let labels = entry.object("resource").object("labels");
    let (cluster, location) = (labels.text("cluster_name").0, labels.text("location").0);
    if !cluster.is_empty() {
        it.account = Cow::Owned(format!("{}/{location}/{cluster}", it.account));
    }
}

fn asked(name: &str, path: &str) -> Option<Asked> {
    let verb = name.strip_prefix("io.k8s.")?.rsplit('.').next()?.to_owned();
    let mut parts = path.split('/').filter(|it| !it.is_empty());
    let (group, _version) = (parts.next()?, parts.next()?);
    if matches!(group, "api" | "apis") {
        // A question about what there is, not about something.
        return None;
    }
    let rest: Vec<_> = parts.collect();
    let (namespace, kind, name, part) = match *rest.as_slice() {
        ["namespaces", namespace, kind] => (namespace, kind, "", ""),
        ["namespaces", namespace, kind, name] => (namespace, kind, name, ""),
        ["namespaces", namespace, kind, name, part, ..] => (namespace, kind, name, part),
        [kind] => ("", kind, "", ""),
        [kind, name] => ("", kind, name, ""),
        [kind, name, part, ..] => ("", kind, name, part),
        [] => return None,
    };
    let slash = if part.is_empty() { "" } else { "/" };
    let resource = match (namespace.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (false, true) => format!("{namespace}/*"),
        (false, false) => format!("{namespace}/{name}"),
    };
    Some(Asked { service: format!("{group}/{kind}{slash}{part}"), verb, resource })
}
