//! Roles, and those that are made up of others by their labels.

use std::collections::BTreeMap;

use bailiwick_model::{HeldPolicy, Timestamp};
use serde_json::Value;

use super::{Item, line::RoleLine};
use crate::grants::{GrantFileError, list, policy, text, texts};

/// Roles by namespace and name; those of the cluster are in the empty one.
pub(super) struct Roles<'a>(BTreeMap<(&'a str, &'a str), Role<'a>>);

struct Role<'a> {
    labels: &'a Value,
    rules: Vec<RoleLine>,
    /// When it was made: what was called so before may have had other rules.
    made: Option<Timestamp>,
    /// Which others it is made up of.
    selectors: Vec<&'a Value>,
}

/// What a binding gives.
#[derive(Default)]
pub(super) struct Held {
    pub(super) policies: Vec<HeldPolicy>,
    pub(super) unread: Vec<String>,
}

impl Held {
    /// Gives all ways, whatever they grant.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        let read = self.policies.iter().map(|it| it.path.clone());
        read.chain(self.unread.iter().cloned())
    }
}

impl<'a> Roles<'a> {
    pub(super) fn read(items: &[Item<'a>]) -> Result<Self, GrantFileError> {
        let mut all = BTreeMap::new();
        for item in items.iter().filter(|it| matches!(it.kind, "ClusterRole" | "Role")) {
            let namespace = if item.kind == "Role" { item.namespace } else { "" };
            all.insert((namespace, item.name), Role::read(item)?);
        }
        Ok(Self(all))
    }

    /// Gives what a binding gives by the role that it names.
    pub(super) fn held(
        &self,
        binding: &Item<'_>,
        (kind, name): (&str, &str),
    ) -> Result<Held, GrantFileError> {
        let within = (binding.kind == "RoleBinding").then_some(binding.namespace);
        let of = match (kind, within) {
            ("ClusterRole", _) => "",
            ("Role", Some(namespace)) => namespace,
            _ => {
                let why = format!("its `roleRef` is a `{kind}`, which it cannot bind");
                return Err(binding.wrong(why));
            }
        };
        let mut held = Held::default();
        let path = format!("{} › {kind} {name}", binding.called());
        let Some(role) = self.0.get(&(of, name)) else {
            held.unread.push(path);
            return Ok(held);
        };
        let parts = self.parts(role, name);
        for (part, rules) in &parts {
            let path = format!("{path} › ClusterRole {part}");
            let since = role.made.max(rules.made);
            held.policies.extend(granted((path, since), rules.rules.iter(), within));
        }
        // The cluster writes the rules of the parts into the whole; what is in no part is its own.
        let own = role.rules.iter();
        let own = own.filter(|it| !parts.iter().any(|(_, part)| part.rules.contains(it)));
        held.policies.extend(granted((path, role.made), own, within));
        Ok(held)
    }

    /// Gives the roles that a role is made up of, and those that they are made up of, each once.
    fn parts(&self, role: &Role<'a>, name: &str) -> Vec<(&'a str, &Role<'a>)> {
        let mut found: BTreeMap<&str, &Role<'a>> = BTreeMap::new();
        let mut selectors = role.selectors.clone();
        while let Some(selector) = selectors.pop() {
            for ((namespace, part), role) in &self.0 {
                let is_new = namespace.is_empty() && *part != name && !found.contains_key(part);
                if is_new && selects(selector, role.labels) {
                    found.insert(part, role);
                    selectors.extend(&role.selectors);
                }
            }
        }
        found.into_iter().filter(|it| !it.1.rules.is_empty()).collect()
    }
}

impl<'a> Role<'a> {
    fn read(item: &Item<'a>) -> Result<Self, GrantFileError> {
        let mut rules = Vec::new();
        for (place, rule) in list(item.value, "rules").enumerate() {
            let read = RoleLine::read(rule);
            rules.push(read.map_err(|why| item.wrong(format!("rules[{place}]: {why}")))?);
        }
        let metadata = item.value.get("metadata").unwrap_or(&Value::Null);
        let aggregation = item.value.get("aggregationRule").unwrap_or(&Value::Null);
        Ok(Self {
            labels: metadata.get("labels").unwrap_or(&Value::Null),
            rules,
            made: item.made(),
            selectors: list(aggregation, "clusterRoleSelectors").collect(),
        })
    }
}

fn granted<'r>(
    (path, since): (String, Option<Timestamp>),
    rules: impl Iterator<Item = &'r RoleLine>,
    within: Option<&str>,
) -> Option<HeldPolicy> {
    let statements: Vec<_> = rules.filter_map(|it| it.granted(within)).collect();
    (!statements.is_empty()).then(|| HeldPolicy { since, ..policy(path, statements) })
}

/// Says whether a label selector means what has these labels: all that it says must hold.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    let alike =
        wanted.is_none_or(|it| it.iter().all(|(name, value)| labels.get(name) == Some(value)));
    alike && list(selector, "matchExpressions").all(|it| holds(it, labels))
}

fn holds(expression: &Value, labels: &Value) -> bool {
    let label = labels.get(text(expression, "key")).and_then(Value::as_str);
    let values = texts(expression, "values").unwrap_or_default();
    match text(expression, "operator") {
        "In" => label.is_some_and(|it| values.contains(&it)),
        "NotIn" => label.is_none_or(|it| !values.contains(&it)),
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => false,
    }
}
