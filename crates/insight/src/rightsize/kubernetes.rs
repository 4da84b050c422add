//! Kubernetes RBAC: a role and a binding of its own in the place of each binding that gives too much.
//!
//! Roles are shared and a binding's role cannot be changed, so neither is: the subject gets a role for itself alone, and is
//! taken out of the old binding.

mod role;
mod rules;
mod write;
pub(super) mod yaml;

use std::collections::BTreeSet;

use bailiwick_model::{Json, Platform, Timestamp};

use self::role::Roles;
pub(super) use self::{
    rules::{RULES, is_harmless, verbs},
    write::write,
};
use super::{
    named::{Grant, Holding},
    written::{RightsizeError, items, text},
};
use crate::{exercised::Exercised, names::bare};

/// What Kubernetes itself makes anew when it is changed.
const KEPT_UP: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// One object of the API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) value: &'a Json,
}

/// What gives one subject something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound<'a> {
    pub(super) binding: Item<'a>,
    /// How the binding names the subject.
    pub(super) subject: &'a Json,
}

/// One subject, and what it holds.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) holding: Holding,
    /// What each grant is made of.
    pub(super) bound: Vec<Bound<'a>>,
    pub(super) rules: Vec<Vec<&'a Json>>,
    /// Objects that are there: kind, namespace, name.
    pub(super) taken: BTreeSet<(&'a str, &'a str, &'a str)>,
}

impl<'a> Item<'a> {
    fn of(value: &'a Json, of_list: &'a str) -> Self {
        let metadata = value.get("metadata").unwrap_or(&Json::Null);
        let own = text(value, "kind");
        let kind = if own.is_empty() { of_list } else { own };
        Self { kind, namespace: text(metadata, "namespace"), name: text(metadata, "name"), value }
    }

    /// Says what it is called: `RoleBinding shop/readers`.
    pub(super) fn called(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }

    fn is_binding(&self) -> bool {
        matches!(self.kind, "ClusterRoleBinding" | "RoleBinding")
    }

    /// Gives when it was last made or changed, as far as it says so.
    fn since(&self) -> Option<Timestamp> {
        let metadata = self.value.get("metadata")?;
        let made: Timestamp = text(metadata, "creationTimestamp").parse().ok()?;
        let changed = items(metadata, "managedFields").iter();
        Some(changed.filter_map(|it| text(it, "time").parse().ok()).fold(made, Timestamp::max))
    }
}

/// Gives the objects of lists, and those that stand alone.
fn objects(grants: &Json) -> Vec<Item<'_>> {
    let mut all = Vec::new();
    for value in super::narrow::one_or_many(grants) {
        match text(value, "kind").strip_suffix("List") {
            Some(of) => all.extend(items(value, "items").iter().map(|it| Item::of(it, of))),
            None => all.push(Item::of(value, "")),
        }
    }
    all
}

/// Gives the name by which the log calls a subject; none of a group, whose members no list names.
fn id_of(binding: &Item<'_>, subject: &Json) -> Option<String> {
    let name = text(subject, "name");
    match text(subject, "kind") {
        "User" => Some(name.to_owned()),
        "ServiceAccount" => {
            let own = text(subject, "namespace");
            let namespace = if own.is_empty() { binding.namespace } else { own };
            Some(format!("system:serviceaccount:{namespace}:{name}"))
        }
        _ => None,
    }
}

/// Says whether a group that Kubernetes fills by itself has a subject in it; none of a group that others fill.
fn is_in_group(group: &str, id: &str) -> Option<bool> {
    let account = id.strip_prefix("system:serviceaccount:");
    let namespace = account.and_then(|it| it.split_once(':')).map(|it| it.0);
    match (group, group.strip_prefix("system:serviceaccounts:")) {
        ("system:authenticated", _) => Some(id != "system:anonymous"),
        ("system:serviceaccounts", _) => Some(account.is_some()),
        ("system:unauthenticated", _) => Some(id == "system:anonymous"),
        (_, Some(of)) => Some(namespace == Some(of)),
        (_, None) => None,
    }
}

/// Says so where servers asked about somebody and the log does not say about whom: they may have let through anything that is
/// asked of them, of whoever it was.
fn unsaid(exercised: &Exercised) -> Option<String> {
    let (mut asked, mut said, mut by) = (0_u64, 0_u64, BTreeSet::new());
    for (who, doer) in exercised.doers() {
        let ours = doer.deeds.iter().filter(|_| who.platform == Platform::Kubernetes);
        for (name, deeds) in ours {
            let name = bare(Platform::Kubernetes, name);
            let count = deeds.done.values().map(|it| it.count).fold(0, u64::saturating_add);
            if name.contains(":asked about ") {
                said = said.saturating_add(count);
            } else if count != 0
                && name.starts_with("authorization.k8s.io/")
                && name.ends_with("subjectaccessreviews:create")
                && !name.contains("/self")
            {
                asked = asked.saturating_add(count);
                by.insert(who.id.clone());
            }
        }
    }
    let lacking = asked.saturating_sub(said);
    let names: Vec<_> = by.iter().take(ASKING_NAMED).map(String::as_str).collect();
    let more = by.len().saturating_sub(ASKING_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (0 < lacking).then(|| format!(
        "{lacking} of {asked} questions that servers asked the API server ({}{more}) do not say about whom: what is only asked of those servers is in no log here, so name it with `--keep`, or log `subjectaccessreviews` with their bodies (level `Request`)",
        names.join(", ")
    ))
}

/// How many of those who asked are named.
const ASKING_NAMED: usize = 3;

/// Finds a subject by its name in the log, or by the end of it.
pub(super) fn find<'a>(
    grants: &'a Json,
    wanted: &str,
    exercised: &Exercised,
) -> Result<Found<'a>, RightsizeError> {
    let all = objects(grants);
    let mut ids = BTreeSet::new();
    for item in &all {
        if item.is_binding() {
            ids.extend(items(item.value, "subjects").iter().filter_map(|it| id_of(item, it)));
        } else if item.kind == "ServiceAccount" {
            ids.insert(format!("system:serviceaccount:{}:{}", item.namespace, item.name));
        }
    }
    let id = super::named_so(ids, "user and no service account", wanted)?;
    let mut found = Found {
        holding: Holding {
            platform: Platform::Kubernetes,
            users: vec![id.clone()],
            besides: None,
            id,
            grants: Vec::new(),
            unread: Vec::new(),
            notes: Vec::new(),
        },
        bound: Vec::new(),
        rules: Vec::new(),
        taken: all.iter().map(|it| (it.kind, it.namespace, it.name)).collect(),
    };
    let roles = Roles::of(&all);
    let mut groups = BTreeSet::new();
    for binding in all.iter().filter(|it| it.is_binding()) {
        for subject in items(binding.value, "subjects") {
            let id = &found.holding.id;
            let group = text(subject, "name");
            let through = match id_of(binding, subject) {
                Some(other) if other == *id => "",
                Some(_) => continue,
                None if is_in_group(group, id) == Some(true) => group,
                None => {
                    groups.extend(is_in_group(group, id).is_none().then_some(group));
                    continue;
                }
            };
            found.bind(Bound { binding: *binding, subject }, through, &roles)?;
            if through.is_empty() {
                // Who is named twice is one.
                break;
            }
        }
    }
    found.holding.notes.extend(unsaid(exercised));
    if !groups.is_empty() {
        let groups: Vec<_> = groups.into_iter().collect();
        found.holding.notes.push(format!(
            "whether it is in {} no list says: what is bound to them stays",
            groups.join(", ")
        ));
    }
    Ok(found)
}

impl<'a> Found<'a> {
    /// Adds what one binding gives.
    fn bind(
        &mut self,
        bound: Bound<'a>,
        through: &str,
        roles: &Roles<'a>,
    ) -> Result<(), RightsizeError> {
        let binding = bound.binding;
        let to = binding.value.get("roleRef").unwrap_or(&Json::Null);
        let (kind, name) = (text(to, "kind"), text(to, "name"));
        let by = if through.is_empty() { String::new() } else { format!(" through {through}") };
        let path = format!("{} › {kind} {name}{by}", binding.called());
        let namespace = if kind == "Role" { binding.namespace } else { "" };
        let Some(role) = roles.get(kind, namespace, name) else {
            self.holding.unread.push(path);
            return Ok(());
        };
        let rules = roles.rules(&role);
        let names: Option<Vec<Vec<String>>> = rules.iter().map(|it| rules::names(it)).collect();
        let names = names.ok_or_else(|| RightsizeError::Policy {
            place: format!("{kind} {name}"),
            why: "a rule in it has a shape that is not known".to_owned(),
        })?;
        let annotations = binding.value.get("metadata").and_then(|it| it.get("annotations"));
        let fixed = if !through.is_empty() {
            Some(format!("held through the group {through}, and by all who are in it"))
        } else if annotations.is_some_and(|it| text(it, KEPT_UP) == "true") {
            Some("Kubernetes makes it anew by itself".to_owned())
        } else {
            None
        };
        let mut met = BTreeSet::new();
        let mut names: Vec<String> = names.into_iter().flatten().collect();
        // An address is in no namespace: a binding that counts in one gives none.
        let is_given =
            |it: &String| binding.kind != "RoleBinding" || !it.starts_with(rules::ADDRESS);
        names.retain(|it| is_given(it) && met.insert(it.clone()));
        let own = [binding.value, role.value].into_iter().chain(rules.iter().copied());
        self.holding.grants.push(Grant {
            path,
            names,
            // Where one does not say, it is not older than the other says.
            since: binding.since().max(role.since()),
            fixed,
            original: Json::List(own.cloned().collect()),
        });
        self.bound.push(bound);
        self.rules.push(rules);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
