//! Who is one and the same under several names, and who is not under one.
//!
//! In some systems a name is known in one account alone: a service account in its cluster, a role of `PostgreSQL` in its
//! database, a name of Vault's in its namespace. What names no account belongs to the only one that has the name; where
//! several have it, it is told by itself. A role of AWS whose session alone was logged is named without its path: it is the only
//! listed or logged role of its account that has the name.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Platform;

use super::{Doer, MadeCredential, Shown, SystemIdentity, Touched};

/// Says whether a name is known in one account alone.
pub(crate) fn is_local(platform: Platform, id: &str) -> bool {
    match platform {
        Platform::Kubernetes | Platform::Postgres => true,
        // An entity's number, and an accessor, is of one only.
        Platform::Vault => !(is_uuid(id) || id.starts_with("hmac-")),
        Platform::Aws
        | Platform::Github
        | Platform::Okta
        | Platform::Google
        | Platform::Workspace
        | Platform::Azure
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => false,
    }
}

fn is_uuid(id: &str) -> bool {
    id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|it| it == b'-' || it.is_ascii_hexdigit())
}

/// What is known of names.
#[derive(Debug, Default)]
pub(crate) struct Namesakes {
    /// Names that count as they are.
    known: BTreeSet<SystemIdentity>,
    /// In which account a name is known, where it is one.
    within: BTreeMap<(Platform, String), Option<String>>,
    /// Roles by their names without paths, where it is one.
    roles: BTreeMap<SystemIdentity, Option<SystemIdentity>>,
}

impl Namesakes {
    /// Learns names: `known` count as they are, `logged` are a log's.
    pub(crate) fn new<'n>(
        known: impl Iterator<Item = SystemIdentity>,
        logged: impl Iterator<Item = &'n SystemIdentity>,
    ) -> Self {
        let known: BTreeSet<_> = known.collect();
        let mut all = Self::default();
        for it in known.iter().chain(logged.collect::<Vec<_>>()) {
            all.learn(it);
        }
        Self { known, ..all }
    }

    fn learn(&mut self, it: &SystemIdentity) {
        if !it.within.is_empty() {
            let only = self.within.entry((it.platform, it.id.clone()));
            let only = only.or_insert_with(|| Some(it.within.clone()));
            only.take_if(|known| *known != it.within);
        }
        if let Some(role) = it.without_path() {
            let only = self.roles.entry(role).or_insert_with(|| Some(it.clone()));
            only.take_if(|known| known != it);
        }
    }

    /// Gives who somebody is.
    pub(crate) fn of(&self, it: SystemIdentity) -> SystemIdentity {
        if it.platform == Platform::Aws && !self.known.contains(&it) {
            return self.roles.get(&it).cloned().flatten().unwrap_or(it);
        }
        if !it.within.is_empty() || !is_local(it.platform, &it.id) {
            return it;
        }
        let key = (it.platform, it.id);
        let within = self.within.get(&key).cloned().flatten().unwrap_or_default();
        SystemIdentity { platform: key.0, id: key.1, within }
    }

    /// Says whether a name without an account is known in accounts.
    pub(crate) fn is_told_elsewhere(&self, it: &SystemIdentity) -> bool {
        it.within.is_empty() && self.within.contains_key(&(it.platform, it.id.clone()))
    }

    /// Joins what one did under several names.
    pub(crate) fn doers(
        &self,
        doers: BTreeMap<SystemIdentity, Doer>,
    ) -> BTreeMap<SystemIdentity, Doer> {
        let mut all: BTreeMap<SystemIdentity, Doer> = BTreeMap::new();
        for (id, doer) in doers {
            match all.entry(self.of(id)) {
                std::collections::btree_map::Entry::Occupied(mut known) => {
                    known.get_mut().join(&doer);
                }
                std::collections::btree_map::Entry::Vacant(new) => {
                    new.insert(doer);
                }
            }
        }
        all
    }

    /// Names those who showed a credential.
    pub(crate) fn shown(&self, mut all: Vec<Shown>) -> Vec<Shown> {
        for it in &mut all {
            self.name(&mut it.by);
            it.way.iter_mut().for_each(|step| self.name(&mut step.from));
        }
        all.sort_by(|one, next| one.order().cmp(&next.order()));
        all
    }

    /// Names those who made a credential.
    pub(crate) fn made(&self, mut all: Vec<MadeCredential>) -> Vec<MadeCredential> {
        for it in &mut all {
            self.name(&mut it.by);
        }
        all
    }

    /// Names those who were somewhere.
    pub(crate) fn touched(&self, mut all: Vec<Touched>) -> Vec<Touched> {
        for it in &mut all {
            self.name(&mut it.who);
        }
        all.sort_by(|one, next| (&one.who, &one.account).cmp(&(&next.who, &next.account)));
        all
    }

    fn name(&self, it: &mut SystemIdentity) {
        *it = self.of(it.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(platform: Platform, id: &str, within: &str) -> SystemIdentity {
        SystemIdentity { platform, id: id.to_owned(), within: within.to_owned() }
    }

    #[test]
    fn a_name_without_an_account_is_of_the_only_one_that_has_it() {
        let bot = |within: &str| name(Platform::Kubernetes, "bot", within);
        let says = |known: &[&str], logged: &[&str]| {
            let logged: Vec<_> = logged.iter().map(|it| bot(it)).collect();
            let all = Namesakes::new(known.iter().map(|it| bot(it)), logged.iter());
            all.of(bot("")).within
        };
        assert_eq!(says(&[], &["one", ""]), "one");
        assert_eq!(says(&["one"], &["", "one"]), "one");
        assert_eq!(says(&["one"], &["two"]), "");
        assert_eq!(says(&[""], &["one"]), "one");
        assert_eq!(says(&[], &[]), "");
    }

    #[test]
    fn only_names_that_others_may_have_as_well_are_of_one_account() {
        for (platform, id, is) in [
            (Platform::Kubernetes, "system:serviceaccount:web:app", true),
            (Platform::Postgres, "app", true),
            (Platform::Vault, "token-ci", true),
            (Platform::Vault, "5c257f25-2f3f-a4c2-a81b-200aa58f31d0", false),
            (Platform::Vault, "5c257f25-2f3f-a4c2-a81b-200aa58f31dx", true),
            (Platform::Vault, "hmac-sha256:bb", false),
            (Platform::Google, "ann@example.com", false),
        ] {
            assert_eq!(is_local(platform, id), is, "{platform}:{id}");
        }
    }
}
