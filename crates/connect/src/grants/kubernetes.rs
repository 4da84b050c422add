//! What `kubectl get clusterroles,roles,clusterrolebindings,rolebindings -A -o json` prints: who is bound to which roles.
//!
//! A group that Kubernetes fills itself is a crowd: all service accounts of a namespace, everybody who said a name. Who is
//! in another group, whoever signs people in knows, and no list here says it.

mod line;
mod roles;

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, HeldPolicy, Holder, Platform, Timestamp};
use serde_json::Value;

use self::roles::Roles;
use super::{Document, GrantFileError, Kind, list, text};

pub(super) const KIND: Kind = Kind { knows, read };

/// What is read. In order.
const KINDS: [&str; 5] =
    ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"];

/// Groups that Kubernetes fills itself, and whose names are in them.
const CROWDS: [(&str, &str, ActorKind); 5] = [
    ("system:authenticated", "*", ActorKind::Unknown),
    ("system:unauthenticated", "system:anonymous", ActorKind::Anonymous),
    ("system:serviceaccounts", "system:serviceaccount:*", ActorKind::Service),
    ("system:nodes", "system:node:*", ActorKind::Platform),
    ("system:bootstrappers", "system:bootstrap:*", ActorKind::Unknown),
];

fn knows(value: &Value) -> bool {
    let kind = text(value, "kind");
    if kind != "List" {
        return KINDS.contains(&kind.strip_suffix("List").unwrap_or(kind));
    }
    let items = || list(value, "items");
    items().any(|it| KINDS.contains(&text(it, "kind"))) || items().next().is_none()
}

fn read(all: &[Document<'_>]) -> Result<Vec<Holder>, GrantFileError> {
    let items = items(all);
    let roles = Roles::read(&items)?;
    let mut holders = Holders::default();
    for item in &items {
        if matches!(item.kind, "ClusterRoleBinding" | "RoleBinding") {
            holders.bind(item, &roles)?;
        }
    }
    Ok(holders.told(&items))
}

/// One object of the API.
struct Item<'a> {
    document: Document<'a>,
    kind: &'a str,
    value: &'a Value,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Item<'a> {
    fn of(document: Document<'a>, kind: &'a str, value: &'a Value) -> Self {
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        let (namespace, name) = (text(metadata, "namespace"), text(metadata, "name"));
        Self { document, kind, value, namespace, name }
    }

    /// Says what it is called: `RoleBinding shop/readers`.
    fn called(&self) -> String {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        format!("{} {}{slash}{}", self.kind, self.namespace, self.name)
    }

    fn wrong(&self, why: impl Into<String>) -> GrantFileError {
        self.document.wrong(self.called(), why)
    }

    fn made(&self) -> Option<Timestamp> {
        text(self.value.get("metadata")?, "creationTimestamp").parse().ok()
    }
}

/// Gives the objects that are read, of lists and by themselves; others beside them tell of no authority.
fn items<'a>(all: &[Document<'a>]) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    for document in all {
        let kind = text(document.value, "kind");
        let Some(of) = kind.strip_suffix("List") else {
            items.push(Item::of(*document, kind, document.value));
            continue;
        };
        for value in list(document.value, "items") {
            // A list of one kind need not say it again.
            let own = text(value, "kind");
            items.push(Item::of(*document, if own.is_empty() { of } else { own }, value));
        }
    }
    items.retain(|it| KINDS.binary_search(&it.kind).is_ok());
    items
}

/// Who holds what, as far as it was read.
#[derive(Default)]
struct Holders(BTreeMap<(String, bool), Holder>);

impl Holders {
    /// Gives what a binding gives to each of its subjects.
    fn bind(&mut self, item: &Item<'_>, roles: &Roles<'_>) -> Result<(), GrantFileError> {
        let role = item.value.get("roleRef").unwrap_or(&Value::Null);
        let role = (text(role, "kind"), text(role, "name"));
        if role.1.is_empty() {
            return Err(item.wrong("it has no `roleRef` with a `name`"));
        }
        let held = roles.held(item, role)?;
        for subject in list(item.value, "subjects") {
            let who = subject_of(item, subject)?;
            let place = (who.id.clone(), who.is_crowd);
            let new = !self.0.contains_key(&place);
            let holder = self.0.entry(place).or_insert_with(|| who.holder());
            // It held nothing before the first of its bindings; one that does not say when it was made may be the first.
            holder.since = match (new, holder.since, item.made()) {
                (true, _, made) => made,
                (false, Some(known), Some(made)) => Some(known.min(made)),
                (false, _, _) => None,
            };
            if who.is_unknown {
                holder.unread.extend(held.paths());
            } else {
                // No binding gives by a role that was not there.
                let since = |it: &HeldPolicy| it.since.max(item.made());
                let dated = |it: &HeldPolicy| HeldPolicy { since: since(it), ..it.clone() };
                holder.policies.extend(held.policies.iter().map(dated));
                holder.unread.extend(held.unread.iter().cloned());
            }
        }
        Ok(())
    }

    /// Gives them, each no older than its service account.
    fn told(mut self, items: &[Item<'_>]) -> Vec<Holder> {
        for item in items.iter().filter(|it| it.kind == "ServiceAccount") {
            let id = format!("system:serviceaccount:{}:{}", item.namespace, item.name);
            let who = Subject::one(id, ActorKind::Service);
            let known = self.0.entry((who.id.clone(), false)).or_insert_with(|| who.holder());
            known.since = known.since.max(item.made());
        }
        self.0.into_values().collect()
    }
}

/// Whom a binding means.
struct Subject {
    /// Its name; of a crowd a pattern.
    id: String,
    kind: ActorKind,
    is_crowd: bool,
    /// Whether it is a group, and nothing says who is in it.
    is_unknown: bool,
}

impl Subject {
    /// Means one, whatever letters its name has.
    fn one(id: impl Into<String>, kind: ActorKind) -> Self {
        Self { id: id.into(), kind, is_crowd: false, is_unknown: false }
    }

    fn holder(&self) -> Holder {
        Holder {
            platform: Platform::Kubernetes,
            id: self.id.clone(),
            account: String::new(),
            kind: self.kind,
            since: None,
            policies: Vec::new(),
            bounds: Vec::new(),
            unread: Vec::new(),
            trusts: Vec::new(),
            crowd: self.is_crowd,
        }
    }
}

fn subject_of(item: &Item<'_>, subject: &Value) -> Result<Subject, GrantFileError> {
    let name = text(subject, "name");
    if name.is_empty() {
        return Err(item.wrong("one of its `subjects` has no `name`"));
    }
    Ok(match text(subject, "kind") {
        "ServiceAccount" => {
            let own = text(subject, "namespace");
            let namespace = if own.is_empty() { item.namespace } else { own };
            Subject::one(format!("system:serviceaccount:{namespace}:{name}"), ActorKind::Service)
        }
        "User" => Subject::one(name, kind_of(name)),
        "Group" => group(name),
        other => {
            let why =
                format!("subject `{name}` is a `{other}`: none of ServiceAccount, User, Group");
            return Err(item.wrong(why));
        }
    })
}

fn group(name: &str) -> Subject {
    if let Some((_, id, kind)) = CROWDS.iter().find(|it| it.0 == name) {
        return Subject { is_crowd: id.contains('*'), ..Subject::one(*id, *kind) };
    }
    match name.strip_prefix("system:serviceaccounts:") {
        // No namespace has such a letter.
        Some(namespace) if !namespace.contains('*') => {
            let id = format!("system:serviceaccount:{namespace}:*");
            Subject { is_crowd: true, ..Subject::one(id, ActorKind::Service) }
        }
        Some(_) | None => Subject {
            is_unknown: true,
            ..Subject::one(format!("group:{name}"), ActorKind::Unknown)
        },
    }
}

/// Says what sort of caller a user's name is of: of those that Kubernetes makes itself the name says so.
fn kind_of(name: &str) -> ActorKind {
    if name == "system:anonymous" {
        ActorKind::Anonymous
    } else if name.starts_with("system:serviceaccount:") {
        ActorKind::Service
    } else if name.starts_with("system:") {
        ActorKind::Platform
    } else {
        ActorKind::Unknown
    }
}

#[cfg(test)]
mod tests;
