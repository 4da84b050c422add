//! Kubernetes RBAC as its authorizer reads it: a request is let through by one rule of one role that is bound.
//!
//! What is held afterwards is worked out by doing to the list of objects what the plan does to the cluster.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Json, Platform, Timestamp};

use super::{
    named::{Weighed, Weights},
    policy::NoPolicy,
    verify::Used,
    yaml,
};
use crate::{exercised::Doer, names::bare, rightsize::kubernetes::verbs};

/// Kind, namespace and name of an object.
type Key = (String, String, String);
type Objects = BTreeMap<Key, Json>;

/// A rule, and where it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    /// The only namespace; none for all.
    within: Option<String>,
    groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
    names: Vec<String>,
    addresses: Vec<String>,
    since: Option<Timestamp>,
}

fn said<'a>(of: &'a Json, name: &str) -> &'a str {
    of.get(name).and_then(Json::as_text).unwrap_or_default()
}

fn list<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    if let Some(Json::List(all)) = of.get(name) { all } else { &[] }
}

fn words(of: &Json, name: &str) -> Vec<String> {
    list(of, name).iter().filter_map(|it| it.as_text().map(str::to_owned)).collect()
}

fn key(object: &Json, kind: &str) -> Key {
    let metadata = object.get("metadata").unwrap_or(&Json::Null);
    (kind.to_owned(), said(metadata, "namespace").to_owned(), said(metadata, "name").to_owned())
}

/// Takes the objects out of lists.
fn objects(grants: &Json) -> Objects {
    let all =
        if let Json::List(all) = grants { all.as_slice() } else { std::slice::from_ref(grants) };
    let mut objects = Objects::new();
    for one in all {
        let kind = said(one, "kind");
        let Some(of) = kind.strip_suffix("List") else {
            objects.insert(key(one, kind), one.clone());
            continue;
        };
        for item in list(one, "items") {
            let own = said(item, "kind");
            objects.insert(key(item, if own.is_empty() { of } else { own }), item.clone());
        }
    }
    objects
}

/// Says whether a binding's subject is somebody, or a group that they are known to be in.
fn is_of(subject: &Json, namespace: &str, id: &str) -> bool {
    let name = said(subject, "name");
    let own = Some(said(subject, "namespace")).filter(|it| !it.is_empty()).unwrap_or(namespace);
    match said(subject, "kind") {
        "User" => name == id,
        "ServiceAccount" => format!("system:serviceaccount:{own}:{name}") == id,
        "Group" => match name.strip_prefix("system:serviceaccounts") {
            Some("") => id.starts_with("system:serviceaccount:"),
            Some(of) => of
                .strip_prefix(':')
                .is_some_and(|of| id.starts_with(&format!("system:serviceaccount:{of}:"))),
            None if name == "system:authenticated" => id != "system:anonymous",
            None => name == "system:unauthenticated" && id == "system:anonymous",
        },
        _ => false,
    }
}

fn is_binding(key: &Key) -> bool {
    matches!(key.0.as_str(), "ClusterRoleBinding" | "RoleBinding")
}

/// Gives the role that a binding names, and the rules of it.
fn bound<'o>(all: &'o Objects, of: &Key, binding: &Json) -> Option<(&'o Json, Vec<&'o Json>)> {
    let to = binding.get("roleRef")?;
    let namespace = if said(to, "kind") == "Role" { of.1.as_str() } else { "" };
    let role = (said(to, "kind").to_owned(), namespace.to_owned(), said(to, "name").to_owned());
    let whole = all.get(&role)?;
    let mut rules: Vec<&Json> = list(whole, "rules").iter().collect();
    let mut open = vec![whole];
    let mut met = BTreeSet::from([&role.2]);
    while let Some(part) = open.pop() {
        let selectors = part.get("aggregationRule").map(|it| list(it, "clusterRoleSelectors"));
        for (key, role) in all.iter().filter(|it| it.0.0 == "ClusterRole") {
            let labels =
                role.get("metadata").and_then(|it| it.get("labels")).unwrap_or(&Json::Null);
            let is_meant = selectors.iter().copied().flatten().any(|it| selects(it, labels));
            if is_meant && met.insert(&key.2) {
                rules.extend(list(role, "rules"));
                open.push(role);
            }
        }
    }
    let mut seen = BTreeSet::new();
    rules.retain(|it| seen.insert(it.canonical()));
    Some((whole, rules))
}

fn selects(selector: &Json, labels: &Json) -> bool {
    let wanted = match selector.get("matchLabels") {
        Some(Json::Object(wanted)) => wanted.iter().all(|it| labels.get(it.0) == Some(it.1)),
        _ => true,
    };
    let holds = |it: &Json| {
        let label = labels.get(said(it, "key"));
        match said(it, "operator") {
            "Exists" => label.is_some(),
            "DoesNotExist" => label.is_none(),
            "In" => label.is_some_and(|label| list(it, "values").contains(label)),
            "NotIn" => label.is_none_or(|label| !list(it, "values").contains(label)),
            _ => false,
        }
    };
    wanted && list(selector, "matchExpressions").iter().all(holds)
}

fn made(object: &Json) -> Option<Timestamp> {
    let metadata = object.get("metadata")?;
    let made: Timestamp = said(metadata, "creationTimestamp").parse().ok()?;
    let times =
        list(metadata, "managedFields").iter().filter_map(|it| said(it, "time").parse().ok());
    Some(times.fold(made, Timestamp::max))
}

/// Gives everything that somebody holds.
fn held(all: &Objects, id: &str) -> Vec<Held> {
    let mut held = Vec::new();
    for (key, binding) in all.iter().filter(|it| is_binding(it.0)) {
        if !list(binding, "subjects").iter().any(|it| is_of(it, &key.1, id)) {
            continue;
        }
        let Some((role, rules)) = bound(all, key, binding) else { continue };
        // Where one does not say, it is not older than the other says.
        let since = made(binding).max(made(role));
        for rule in rules {
            let within = (key.0 == "RoleBinding").then(|| key.1.clone());
            // An address is in no namespace.
            let addresses =
                if within.is_none() { words(rule, "nonResourceURLs") } else { Vec::new() };
            held.push(Held {
                within,
                groups: words(rule, "apiGroups"),
                resources: words(rule, "resources"),
                verbs: words(rule, "verbs"),
                names: words(rule, "resourceNames"),
                addresses,
                since,
            });
        }
    }
    held
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|it| it == "*" || it == one)
}

impl Held {
    /// Says whether it is about a resource of a group: a `*` stands for all, or for all that have a part.
    fn is_about(&self, group: &str, resource: &str) -> bool {
        let part = resource.split_once('/').map(|it| format!("*/{}", it.1));
        let meant = |it: &String| it == "*" || it == resource || Some(it) == part.as_ref();
        has(&self.groups, group) && self.resources.iter().any(meant)
    }

    /// Says whether all that another gives for one group, resource and verb is given by this.
    fn covers(&self, other: &Self, group: &str, resource: &str, verb: &str) -> bool {
        let is_wide = self.within.is_none() || self.within == other.within;
        let names = self.names.is_empty()
            || (!other.names.is_empty() && other.names.iter().all(|it| self.names.contains(it)));
        is_wide && names && has(&self.verbs, verb) && self.is_about(group, resource)
    }

    fn covers_address(&self, address: &str, verb: &str) -> bool {
        let fits = |it: &String| match it.strip_suffix('*') {
            Some(begin) => address.starts_with(begin),
            None => it == address,
        };
        has(&self.verbs, verb) && self.addresses.iter().any(fits)
    }

    /// Says whether it lets through, or may have let through, what the log tells of.
    fn serves(&self, action: &str, resource: &str) -> bool {
        let Some((what, verb)) = action.rsplit_once(':') else { return false };
        if let Some(asked) = action.strip_prefix("nonresource:") {
            let (verb, address) = asked.split_once(' ').unwrap_or((asked, ""));
            return self.within.is_none() && self.covers_address(address, verb);
        }
        let (group, plural) = what.split_once('/').unwrap_or(("", what));
        let group = if group == "core" { "" } else { group };
        let (namespace, name) = match resource.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, resource),
        };
        let is_there = match (&self.within, namespace) {
            (Some(within), Some(namespace)) => within == namespace,
            (Some(_) | None, _) => true,
        };
        let is_named = self.names.is_empty()
            || matches!(name, "" | "*")
            || self.names.iter().any(|it| it == name);
        is_there && is_named && has(&self.verbs, verb) && self.is_about(group, plural)
    }

    /// Gives the names that it comes to, as certificates have them.
    fn given(&self) -> Vec<String> {
        let mut all = Vec::new();
        for verb in &self.verbs {
            all.extend(self.addresses.iter().map(|it| format!("nonresource:{verb} {it}")));
            for group in &self.groups {
                for resource in &self.resources {
                    let of = if group.is_empty() { "core" } else { group };
                    let each = verbs(group, resource).filter(|_| verb == "*");
                    let each = each.unwrap_or_else(|| vec![verb]);
                    all.extend(each.into_iter().map(|it| format!("{of}/{resource}:{it}")));
                }
            }
        }
        all
    }
}

/// Says what these give that none of those gave.
fn more(before: &[Held], after: &[Held]) -> Vec<String> {
    let mut faults = Vec::new();
    for held in after {
        for verb in &held.verbs {
            for group in &held.groups {
                for resource in &held.resources {
                    if !before.iter().any(|it| it.covers(held, group, resource, verb)) {
                        faults
                            .push(format!("this was not allowed: {verb} {resource} of `{group}`"));
                    }
                }
            }
            for address in &held.addresses {
                if !before.iter().any(|it| it.covers_address(address, verb)) {
                    faults.push(format!("this was not allowed: {verb} {address}"));
                }
            }
        }
    }
    faults
}

/// Says what becomes different for others.
fn of_others(before: &Objects, after: &Objects, id: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (was, is) = (before.get(key), after.get(key));
        if was == is {
            continue;
        }
        let mine = |it: &&Json| is_of(it, &key.1, id) && said(it, "kind") != "Group";
        let subjects = |of: Option<&Json>| {
            let of = of.map(|it| list(it, "subjects")).unwrap_or_default().iter();
            of.filter(|it| !mine(it)).map(|it| filled(it, &key.1)).collect::<Vec<_>>()
        };
        let role = |of: Option<&Json>| of.and_then(|it| it.get("roleRef")).cloned();
        let is_kept = subjects(was) == subjects(is)
            && (was.is_none() || is.is_none() || role(was) == role(is));
        let is_new = was.is_none() && matches!(key.0.as_str(), "ClusterRole" | "Role");
        let is_mine = is_new || (is_binding(key) && is_kept);
        if !is_mine {
            faults.push(format!("others are changed with it: {} {}", key.0, key.2));
        }
    }
    faults
}

/// Stands before the verb of what a server asked about somebody.
const ASKED: &str = ":asked about ";

/// Gives what servers asked about somebody: what it is, no record says, and it may have been use.
pub(super) fn asked_about(doers: &[Doer]) -> Vec<Used> {
    let mut all = Vec::new();
    for (name, deeds) in doers.iter().flat_map(|it| &it.deeds) {
        let action = bare(Platform::Kubernetes, name);
        if action.contains(ASKED) {
            all.extend(deeds.done.iter().map(|(resource, tally)| Used {
                action: action.to_owned(),
                resource: resource.clone(),
                count: tally.count,
            }));
        }
    }
    all
}

/// Gives what was used with what the authorizer asks besides: what is put or applied may have been created.
fn asked(used: &[Used]) -> Vec<Used> {
    let created = |it: &Used| {
        let (resource, verb) = it.action.rsplit_once(':')?;
        let action = format!("{resource}:create");
        matches!(verb, "patch" | "update").then(|| Used { action, ..it.clone() })
    };
    used.iter().cloned().chain(used.iter().filter_map(created)).collect()
}

const GROUP: &str = "rbac.authorization.k8s.io";

/// Gives a subject, or a role's name, with what a cluster takes for said.
fn filled(value: &Json, namespace: &str) -> Json {
    let mut filled = value.clone();
    if let Json::Object(members) = &mut filled {
        let is_account = said(value, "kind") == "ServiceAccount";
        let (name, text) = if is_account { ("namespace", namespace) } else { ("apiGroup", GROUP) };
        if said(value, name).is_empty() {
            members.insert(name.to_owned(), Json::Text(text.to_owned()));
        }
    }
    filled
}

/// Does a patch to a binding. It has to ask for all that was listed before it changes who is in it, and changes nothing else.
fn patched(key: &Key, binding: &Json, patch: &Json) -> Result<Json, NoPolicy> {
    const ODD: NoPolicy = NoPolicy("a patch is of another kind than is written here");
    let Json::List(steps) = patch else { return Err(ODD) };
    let (last, tests) = steps.split_last().ok_or(ODD)?;
    let listed = list(binding, "subjects").iter().map(|it| filled(it, &key.1)).collect();
    let uid = binding.get("metadata").and_then(|it| it.get("uid")).cloned();
    let mut wanted: Vec<(&str, Json)> = Vec::new();
    wanted.extend(uid.map(|it| ("/metadata/uid", it)));
    wanted.extend(binding.get("roleRef").map(|it| ("/roleRef", filled(it, ""))));
    wanted.push(("/subjects", Json::List(listed)));
    let asked: Vec<_> =
        tests.iter().map(|it| (said(it, "path"), it.get("value").cloned())).collect();
    let is_so = tests.iter().all(|it| said(it, "op") == "test")
        && asked.iter().map(|it| it.0).eq(wanted.iter().map(|it| it.0))
        && asked.iter().map(|it| it.1.as_ref()).eq(wanted.iter().map(|it| Some(&it.1)));
    if !is_so {
        return Err(NoPolicy("a patch does not ask whether the binding is still what was listed"));
    }
    let subjects = last.get("value").filter(|it| matches!(it, Json::List(_)));
    if (said(last, "op"), said(last, "path")) != ("replace", "/subjects") {
        return Err(ODD);
    }
    let mut patched = binding.clone();
    if let Json::Object(members) = &mut patched {
        members.insert("subjects".to_owned(), subjects.ok_or(ODD)?.clone());
    }
    Ok(patched)
}

/// Says whether the way back names nothing but bindings that were there, and nobody in them who was not.
fn way_back(weights: &Weights<'_>, before: &Objects) -> Result<Vec<String>, NoPolicy> {
    let mut faults = Vec::new();
    for file in weights.certificate.files.iter().filter(|it| it.file.starts_with("rollback/")) {
        let text = weights.documents.get(&file.file).and_then(Json::as_text).unwrap_or_default();
        for object in yaml::documents(text)? {
            let key = key(&object, said(&object, "kind"));
            let is_so = before.get(&key).filter(|_| is_binding(&key)).is_some_and(|was| {
                let filled = |of: &Json| {
                    list(of, "subjects").iter().map(|it| filled(it, &key.1)).collect::<Vec<_>>()
                };
                let of =
                    |it: &Json, name: &str| it.get("metadata").and_then(|it| it.get(name)).cloned();
                let parts = ["annotations", "finalizers", "labels", "ownerReferences"];
                let had = filled(was);
                object.get("roleRef") == was.get("roleRef")
                    && filled(&object).iter().all(|it| had.contains(it))
                    && parts.iter().all(|it| of(&object, it) == of(was, it))
            });
            if !is_so {
                faults.push(format!("the way back gives something else: `{}`", file.file));
            }
        }
    }
    Ok(faults)
}

/// Says whether a role names addresses, which are in no namespace.
fn has_addresses(role: &Json) -> bool {
    list(role, "rules").iter().any(|it| !list(it, "nonResourceURLs").is_empty())
}

/// Holds what is given afterwards against what was given, and against what was used.
pub(super) fn weigh(weights: &Weights<'_>, used: &[Used]) -> Result<Weighed, NoPolicy> {
    let id = &weights.certificate.identity;
    let before = objects(weights.grants);
    let mut after = before.clone();
    let mut told = Weighed::default();
    for (key, binding) in before.iter().filter(|it| is_binding(it.0)) {
        let mine = |it: &&Json| is_of(it, &key.1, id) && said(it, "kind") != "Group";
        if list(binding, "subjects").iter().find(mine).is_none() {
            continue;
        }
        let Some((role, rules)) = bound(&before, key, binding) else { continue };
        let slash = if key.1.is_empty() { "" } else { "/" };
        let to = binding.get("roleRef").unwrap_or(&Json::Null);
        let (kind, name) = (said(to, "kind"), said(to, "name"));
        let path = format!("{} {}{slash}{} › {kind} {name}", key.0, key.1, key.2);
        let whole = [binding, role].into_iter().chain(rules).cloned().collect();
        let documents = weights.successor(&path, &Json::List(whole), &mut told.files);
        for document in documents.into_iter().flatten() {
            let Some(text) = document.as_text() else {
                after.insert(key.clone(), patched(key, binding, document)?);
                continue;
            };
            for object in yaml::documents(text)? {
                let new = self::key(&object, said(&object, "kind"));
                if before.contains_key(&new) {
                    told.gives_more.push(format!("{} {} is there already", new.0, new.2));
                }
                if new.0 == "Role" && has_addresses(&object) {
                    told.files.push(format!("a cluster refuses addresses in Role {}", new.2));
                }
                after.insert(new, object);
            }
        }
    }
    told.files.extend(way_back(weights, &before)?);
    let (had, has) = (held(&before, id), held(&after, id));
    told.gives_more.extend(more(&had, &has));
    told.gives_more.extend(of_others(&before, &after, id));
    for it in &asked(used) {
        told.replay.asked = told.replay.asked.saturating_add(1);
        let action = it.action.replacen(ASKED, ":", 1);
        let gave: Vec<&Held> = had.iter().filter(|had| had.serves(&action, &it.resource)).collect();
        if gave.is_empty() {
            told.replay.given_otherwise = told.replay.given_otherwise.saturating_add(1);
        }
        // Which binding let it through, the log says at times; each that could have must still.
        let is_there = |gave: &&Held| {
            has.iter().any(|is| {
                is.within == gave.within
                    && is.names == gave.names
                    && is.serves(&action, &it.resource)
            })
        };
        if !gave.iter().all(is_there) {
            told.replay.lost.push(it.clone());
        }
    }
    // Whoever writes roles or bindings must hold what they give.
    let hands_on = |it: &&Used| {
        it.action.starts_with("rbac.authorization.k8s.io/")
            && [":create", ":patch", ":update"].iter().any(|verb| it.action.ends_with(verb))
    };
    if !weights.certificate.removed.actions.is_empty() {
        told.replay.lost.extend(used.iter().filter(hands_on).cloned());
    }
    for held in &had {
        for name in held.given() {
            let known = told.given.before.entry(name).or_insert(held.since);
            *known = known.zip(held.since).map(|it| it.0.min(it.1));
        }
    }
    told.given.after = has.iter().flat_map(Held::given).collect();
    Ok(told)
}
