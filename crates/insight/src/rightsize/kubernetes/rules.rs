//! A role's rules: which names they come to, what is left of them, and what no audit log tells apart.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;

use super::super::{named::Rules, narrow::texts};
use crate::{
    exercised::{Deeds, Exercised},
    granted::fits,
};

/// What a rule may have.
const MEMBERS: [&str; 5] = ["apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs"];
/// What a request may ask of a resource.
const VERBS: [&str; 8] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
/// Groups whose resources Kubernetes brings along, so that it is known what else may be asked of them.
const OURS: [&str; 15] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// What a log of Kubernetes does not tell apart.
pub(in crate::rightsize) const RULES: Rules =
    Rules { means: fits, takes: is_asked, needs, is_unseen, manages, may_be, alike };

/// Stands before the verb and the address of what is no resource.
pub(super) const ADDRESS: &str = "nonresource:";

/// Stands before the verb of what a server asked the API server about: whether somebody may do it, with that server.
const ASKED: &str = ":asked about ";

fn is_asked(name: &str) -> bool {
    name.contains(ASKED)
}

/// Gives what `*` stands for as a verb; nothing where that is not known.
pub(in crate::rightsize) fn verbs(group: &str, resource: &str) -> Option<Vec<&'static str>> {
    let group = if group == "core" { "" } else { group };
    if !OURS.contains(&group) || resource.contains('*') {
        return None;
    }
    let special: &[&str] = match (group, resource) {
        ("", "groups" | "serviceaccounts" | "users") => &["impersonate"],
        ("certificates.k8s.io", "signers") => &["approve", "attest", "sign"],
        ("rbac.authorization.k8s.io", "clusterroles" | "roles") => &["bind", "escalate"],
        _ => &[],
    };
    Some(VERBS.iter().chain(special).copied().collect())
}

/// Writes a name as the log has it.
fn named(group: &str, resource: &str, verb: &str) -> String {
    let group = if group.is_empty() { "core" } else { group };
    format!("{group}/{resource}:{verb}")
}

/// What a rule is about.
struct Parts<'a> {
    groups: Vec<&'a str>,
    resources: Vec<&'a str>,
    verbs: Vec<&'a str>,
    addresses: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    /// Reads a rule; nothing where it has a shape that is not known.
    fn of(rule: &'a Json) -> Option<Self> {
        let Json::Object(members) = rule else { return None };
        if !members.keys().all(|it| MEMBERS.contains(&it.as_str())) {
            return None;
        }
        let list = |name: &str| match members.get(name) {
            None | Some(Json::Null) => Some(Vec::new()),
            Some(it @ Json::List(_)) => texts(it),
            Some(_) => None,
        };
        list("resourceNames")?;
        let parts = Self {
            groups: list("apiGroups")?,
            resources: list("resources")?,
            verbs: list("verbs")?,
            addresses: list("nonResourceURLs")?,
        };
        let is_one = parts.resources.is_empty() || parts.addresses.is_empty();
        is_one.then_some(parts)
    }

    /// Gives what a verb comes to for one resource: each as a name, or the `*` itself.
    fn spread(verb: &'a str, group: &str, resource: &str) -> Vec<&'a str> {
        if verb != "*" {
            return vec![verb];
        }
        verbs(group, resource).unwrap_or_else(|| vec!["*"])
    }
}

/// Gives the names that a rule comes to.
pub(super) fn names(rule: &Json) -> Option<Vec<String>> {
    let parts = Parts::of(rule)?;
    let mut all = Vec::new();
    for verb in &parts.verbs {
        all.extend(parts.addresses.iter().map(|it| format!("{ADDRESS}{verb} {it}")));
        for group in &parts.groups {
            for resource in &parts.resources {
                let spread = Parts::spread(verb, group, resource);
                all.extend(spread.into_iter().map(|it| named(group, resource, it)));
            }
        }
    }
    Some(all)
}

/// Gives what is left of a rule.
pub(super) fn narrowed(rule: &Json, stays: &BTreeSet<&str>) -> Vec<Json> {
    let Some(parts) = Parts::of(rule).filter(|it| it.addresses.is_empty()) else {
        return vec![rule.clone()];
    };
    let mut left: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
    let mut is_whole = true;
    for group in &parts.groups {
        for resource in &parts.resources {
            let mut verbs = Vec::new();
            for verb in &parts.verbs {
                let all = Parts::spread(verb, group, resource);
                let is_in = |it: &&str| stays.contains(named(group, resource, it).as_str());
                let some: Vec<_> = all.iter().copied().filter(is_in).collect();
                verbs.extend(if some.len() == all.len() { vec![*verb] } else { some });
            }
            is_whole &= verbs == parts.verbs;
            let mut met = BTreeSet::new();
            verbs.retain(|it| met.insert(*it));
            match left.last_mut() {
                _ if verbs.is_empty() => {}
                Some(last) if last.0 == *group && last.1 == verbs => last.2.push(resource),
                _ => left.push((group, verbs, vec![resource])),
            }
        }
    }
    if is_whole {
        return vec![rule.clone()];
    }
    let list =
        |all: Vec<&str>| Json::List(all.into_iter().map(|it| Json::Text(it.to_owned())).collect());
    let written = |(group, verbs, resources): (&str, Vec<&str>, Vec<&str>)| {
        let mut members = BTreeMap::from([
            ("apiGroups".to_owned(), list(vec![group])),
            ("resources".to_owned(), list(resources)),
            ("verbs".to_owned(), list(verbs)),
        ]);
        let objects =
            rule.get("resourceNames").filter(|it| matches!(it, Json::List(all) if !all.is_empty()));
        members.extend(objects.map(|it| ("resourceNames".to_owned(), it.clone())));
        Json::Object(members)
    };
    left.into_iter().map(written).collect()
}

/// Says whether a request that was let through may have taken a permission that its record does not name.
fn needs(name: &str, done: &BTreeSet<String>) -> bool {
    // Whoever writes roles and bindings must hold all that it hands on.
    let hands_on = |it: &String| {
        it.strip_prefix("rbac.authorization.k8s.io/").is_some_and(|it| writes(it, ""))
    };
    if done.iter().any(hands_on) {
        return true;
    }
    // Whoever asked may have let it through, and no record of that is here.
    let asked = done.iter().filter_map(|it| it.split_once(ASKED));
    let asked = asked.map(|(resource, verb)| format!("{resource}:{verb}"));
    if asked.into_iter().any(|it| fits(name, &it) || fits(&it, name)) {
        return true;
    }
    let Some((resource, verb)) = name.rsplit_once(':') else { return false };
    let did = |verb: &str| done.contains(&format!("{resource}:{verb}"));
    match verb {
        // What is put or applied where nothing is yet, is created.
        "create" if did("update") || did("patch") => true,
        // Clients open a stream by one or the other.
        "create" | "get" => {
            ["/attach", "/exec", "/portforward", "/proxy"].iter().any(|it| resource.ends_with(it))
                && (did("create") || did("get"))
        }
        _ => false,
    }
}

fn writes(name: &str, of: &str) -> bool {
    let verb = name.strip_prefix(of).and_then(|it| it.rsplit_once(':'));
    verb.is_some_and(|it| matches!(it.1, "create" | "update" | "patch"))
}

/// Addresses and what stands for many are asked about by others, too, whose questions name nobody.
fn is_unseen(name: &str) -> bool {
    // A kubelet asks the API server about these: the record of that is the kubelet's, and names no caller.
    let of_a_kubelet = name.starts_with("core/nodes/");
    name.contains('*') || name.starts_with(ADDRESS) || of_a_kubelet
}

fn manages(name: &str) -> bool {
    writes(name, "rbac.authorization.k8s.io/")
        || writes(name, "core/serviceaccounts/token")
        || writes(name, "certificates.k8s.io/certificatesigningrequests/approval")
}

/// Says whether a name of the log that no rule knows may be this: one that lacks its group, or its verb.
fn may_be(name: &str, unknown: &str) -> bool {
    let plural = |it: &str| {
        let resource = it.rsplit_once(':').map_or(it, |it| it.0);
        resource.split_once('/').map(|it| it.1.to_owned())
    };
    plural(unknown).is_none_or(|it| Some(it) == plural(name) || name.contains('*'))
}

/// Gives the resource, and whether it is looked at or changed.
fn alike(name: &str) -> String {
    let (resource, verb) = name.rsplit_once(':').unwrap_or((name, ""));
    let looks = matches!(verb, "get" | "list" | "watch");
    format!("{resource} {looks}")
}

/// Nothing that no rule knows is harmless.
pub(in crate::rightsize) fn is_harmless(_: &Exercised, _: &str, _: &Deeds) -> bool {
    false
}
