//! Rules for systems whose logs name events and not permissions: a table for each.

#[cfg(test)]
mod tests;

use super::{Certainty, Name, Native, spelt};

/// What is known of one system's events. What is in none of the three is unknown.
pub(super) struct Table {
    /// Events, with the permission that whoever caused them needed. In order.
    pub(super) permissions: &'static [(&'static str, &'static str)],
    /// Events that nobody needs a permission for. In order.
    pub(super) permissionless: &'static [&'static str],
    /// Sign-ins, and what the system tells of itself; those that end in `*` stand for all that begin so. In order.
    pub(super) internal: &'static [&'static str],
}

impl Table {
    /// Names an event.
    pub(super) fn name(&self, native: Native<'_>) -> Name {
        let event = match native.service {
            "" => native.operation.to_owned(),
            service => format!("{service}:{}", native.operation),
        };
        let found = self.permissions.binary_search_by(|it| it.0.cmp(&event)).ok();
        let permission = found.and_then(|it| self.permissions.get(it)).map(|it| it.1);
        let is_internal = |it: &&str| match it.strip_suffix('*') {
            Some(begin) => event.starts_with(begin),
            None => **it == event,
        };
        let certainty = if native.internal || self.internal.iter().any(is_internal) {
            Certainty::Internal
        } else if let Some(permission) = permission {
            let text = format!("{}:{permission}", native.platform);
            return Name { text, certainty: Certainty::Renamed };
        } else if self.permissionless.binary_search(&event.as_str()).is_ok() {
            Certainty::Permissionless
        } else {
            Certainty::Unknown
        };
        Name { text: spelt(native.platform, native.service, native.operation), certainty }
    }

    /// Says whether each list is in order and nothing is in two of them.
    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let mut all: Vec<_> = self.permissions.iter().map(|it| it.0).collect();
        all.extend(self.permissionless);
        all.extend(self.internal);
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        self.permissions.is_sorted_by(|one, next| one.0 < next.0)
            && self.permissionless.is_sorted_by(|one, next| one < next)
            && self.internal.is_sorted_by(|one, next| one < next)
            && all.len() == count
    }
}
