//! Roles, and those that are made up of others by their labels.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;

use super::{
    super::written::{items, text},
    Item,
};

/// Roles by kind, namespace and name.
pub(super) struct Roles<'a>(BTreeMap<(&'a str, &'a str, &'a str), Item<'a>>);

impl<'a> Roles<'a> {
    pub(super) fn of(all: &[Item<'a>]) -> Self {
        let roles = all.iter().filter(|it| matches!(it.kind, "ClusterRole" | "Role"));
        Self(roles.map(|it| ((it.kind, it.namespace, it.name), *it)).collect())
    }

    pub(super) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Item<'a>> {
        self.0.get(&(kind, namespace, name)).copied()
    }

    /// Gives a role's rules with those of the roles that it is made up of, each once.
    pub(super) fn rules(&self, role: &Item<'a>) -> Vec<&'a Json> {
        let mut rules: Vec<&Json> = items(role.value, "rules").iter().collect();
        let mut open = selectors(role);
        let mut met = BTreeSet::from([role.name]);
        while let Some(selector) = open.pop() {
            for part in self.0.values().filter(|it| it.kind == "ClusterRole") {
                let labels = part.value.get("metadata").and_then(|it| it.get("labels"));
                if selects(selector, labels.unwrap_or(&Json::Null)) && met.insert(part.name) {
                    rules.extend(items(part.value, "rules"));
                    open.extend(selectors(part));
                }
            }
        }
        let mut seen = BTreeSet::new();
        rules.retain(|it| seen.insert(it.canonical()));
        rules
    }
}

fn selectors<'a>(role: &Item<'a>) -> Vec<&'a Json> {
    let of = role.value.get("aggregationRule");
    of.map_or(&[][..], |it| items(it, "clusterRoleSelectors")).iter().collect()
}

/// Says whether a label selector means what has these labels: all that it says must hold.
fn selects(selector: &Json, labels: &Json) -> bool {
    let alike = match selector.get("matchLabels") {
        Some(Json::Object(wanted)) => wanted.iter().all(|it| labels.get(it.0) == Some(it.1)),
        Some(_) | None => true,
    };
    alike
        && items(selector, "matchExpressions").iter().all(|it| {
            let label = labels.get(text(it, "key"));
            let is_one = label.is_some_and(|label| items(it, "values").contains(label));
            match text(it, "operator") {
                "In" => is_one,
                "NotIn" => !is_one,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}
