//! Granted against exercised by names: of systems that have no list of their permissions.
//!
//! What was used has a line of its own, and so has each pattern that is granted and that nothing that was used fits.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Holder, Patterns, Platform, Statement, Timestamp};

use super::{
    AuditEntry, GrantedBy, Listed, Look, Whose,
    observed::{Observed, Seen},
    parted::Parts,
    seen, unused,
};
use crate::{
    exercised::{Days, Deeds, SystemIdentity},
    granted::{Extent, Spelt, fits, give},
    names::{Sort, bare},
};

/// What one holder is granted, and where its use would have been seen.
struct Held<'h> {
    spelt: Spelt<'h>,
    holder: &'h Holder,
    account: Option<&'h str>,
    listed: Listed<'h>,
}

/// A pattern that is granted: by which ways, and to which of the holders.
#[derive(Default)]
struct Pattern {
    ways: BTreeMap<String, Extent>,
    of: Vec<usize>,
}

impl Look<'_> {
    /// Tells of one identity of such a system.
    pub(super) fn named<'s>(
        &'s self,
        (id, whose): (&SystemIdentity, &Whose<'_, '_>),
        account: &'s str,
        deeds: &'s BTreeMap<String, Deeds>,
        holders: &[Listed<'s>],
    ) -> Vec<AuditEntry> {
        let platform = id.platform;
        let held: Vec<_> = holders.iter().map(|it| self.held(*it)).collect();
        let mut observed = Observed::new(self.exercised, platform, account);
        let mut entries = Vec::new();
        let (mut used, mut asked) = (BTreeSet::new(), BTreeSet::new());
        for (name, deeds) in deeds.iter().filter(|(_, it)| it.certainty.is_permission()) {
            let name = bare(platform, name);
            asked.insert(name);
            if deeds.exercised().is_some() {
                used.insert(name);
            }
            let mut ways: BTreeMap<String, Extent> = BTreeMap::new();
            for it in &held {
                join(&mut ways, it.ways(name, deeds));
            }
            let sort = Sort::spanned(platform, name).and_then(|it| it.into_iter().next());
            let (whole, ways) = (format!("{platform}:{name}"), told(ways));
            entries.push(match sort {
                Some(sort) => {
                    let days = &observed.of(sort, None).days;
                    seen(&whole, deeds, ways, (days, None), Some(whose))
                }
                None => {
                    let days = self.exercised.delivered(platform, account);
                    seen(&whole, deeds, ways, (&days, None), None)
                }
            });
        }
        let stood_behind = self.exercised.stood_behind(id);
        let reviewed: Vec<_> =
            deeds.iter().filter_map(|it| Some((reviewed(platform, it.0)?, it.1))).collect();
        for (pattern, grant) in granted(&held) {
            // What was asked for and denied each time is told of by its name; of a pattern that is no use either.
            if asked.contains(pattern) || used.iter().any(|it| fits(pattern, it)) {
                if !stood_behind || !pattern.contains('*') {
                    let of = grant.of.iter().filter_map(|it| held.get(*it));
                    let told =
                        self.named_parted((platform, pattern), of, (deeds, &reviewed), whose);
                    entries.extend(told);
                }
                continue;
            }
            // Whoever acted by another's name may have used what no name says, and what a server asked about may have been
            // done with that one.
            let is_unseen = (stood_behind && pattern.contains('*'))
                || reviewed.iter().any(|it| may_be(pattern, &it.0));
            let of = || grant.of.iter().filter_map(|it| held.get(*it));
            let days = if is_unseen { Days::default() } else { days(&mut observed, pattern, of()) };
            let seen = Seen::of(days);
            let told = (format!("{platform}:{pattern}"), told(grant.ways));
            entries.push(unused(told, Some(&seen), since(pattern, of()), whose));
        }
        entries.sort_by(|one, next| (&one.name, &one.within).cmp(&(&next.name, &next.within)));
        entries
    }

    /// Tells of what is in use, and is granted in other buckets as well.
    fn named_parted<'i, 'h: 'i>(
        &'h self,
        (platform, pattern): (Platform, &str),
        holders: impl Iterator<Item = &'i Held<'h>>,
        (deeds, reviewed): (&BTreeMap<String, Deeds>, &[(String, &Deeds)]),
        whose: &Whose<'_, '_>,
    ) -> Vec<AuditEntry> {
        let names = |it: &Statement| match &it.actions {
            Patterns::Only(all) => all.iter().any(|it| it == pattern),
            Patterns::AllBut(_) => pattern == "*",
        };
        let mut parts = Parts::default();
        for it in holders {
            let giving = it.spelt.giving(pattern);
            let of = (it.account, it.holder.since);
            if !it.listed.is_sure || giving.is_empty() || !parts.add(platform, giving, of, names) {
                return Vec::new();
            }
        }
        let is_it = |it: &str| it == pattern || fits(pattern, it);
        let fitting = deeds.iter().filter(|it| is_it(bare(platform, it.0)));
        // What a server asked about may have been done where it asked.
        let asked = reviewed.iter().filter(|it| may_be(pattern, &it.0)).map(|it| it.1);
        let fitting: Vec<_> = fitting.map(|it| it.1).chain(asked).collect();
        let sorts = Sort::spanned(platform, pattern).unwrap_or_default();
        let name = format!("{platform}:{pattern}");
        parts.told((platform, &name), &fitting, (&sorts, &|| self.buckets()), whose)
    }

    fn held<'h>(&'h self, listed: Listed<'h>) -> Held<'h> {
        let holder = listed.holder;
        let only = || self.exercised.only_account(holder.platform);
        let named = Some(holder.account.as_str()).filter(|it| !it.is_empty());
        Held { spelt: Spelt::new(holder), holder, account: named.or_else(only), listed }
    }
}

impl<'h> Held<'h> {
    /// Gives the ways to what was done, and how far they go: no way leads from one account into another.
    fn ways(&self, name: &str, deeds: &Deeds) -> Vec<(&'h str, Extent)> {
        let platform = self.holder.platform;
        let Some(within) = self.within(&deeds.accounts) else { return Vec::new() };
        self.spelt.ways_where(name, |always| {
            let is_whole = |it: &Statement| self.is_of_all(&it.resources, &deeds.accounts);
            let resources = deeds.done.keys().map(String::as_str);
            within == Extent::Yes
                && (always.iter().any(|it| is_whole(it)) || give(platform, always, resources))
        })
    }

    /// Says whether what is granted in this account counts where something was done.
    fn within(&self, accounts: &BTreeSet<String>) -> Option<Extent> {
        if !self.listed.is_sure {
            return Some(Extent::Maybe);
        }
        let own = self.holder.account.as_str();
        if accounts.is_empty() || self.holder.platform == Platform::Mcp {
            return Some(Extent::Yes);
        }
        if own.is_empty() {
            // A list that does not say of which account it is may be of the only one there is.
            return Some(self.account.map_or(Extent::Maybe, |_| Extent::Yes));
        }
        let is_own = |it: &String| it.eq_ignore_ascii_case(own);
        if accounts.iter().all(is_own) {
            return Some(Extent::Yes);
        }
        // Folders and organisations of Google have projects below them, and a project has a number besides its name.
        let may_have = self.holder.platform == Platform::Google
            && (own.contains('/') || own.bytes().all(|it| it.is_ascii_digit()));
        (may_have || accounts.iter().any(is_own)).then_some(Extent::Maybe)
    }

    /// Says whether a policy of Google is that of a whole project, and everything was done there.
    fn is_of_all(&self, resources: &Patterns, accounts: &BTreeSet<String>) -> bool {
        let Patterns::Only(names) = resources else { return false };
        let project = |it: &String| {
            let name = it.strip_prefix("//cloudresourcemanager.googleapis.com/projects/");
            name.is_some_and(|it| accounts.iter().all(|of| of == it) && !accounts.is_empty())
        };
        self.holder.platform == Platform::Google && names.iter().any(project)
    }
}

/// Gives the permission that a server asked about, where a name says so.
fn reviewed(platform: Platform, name: &str) -> Option<String> {
    let (resource, verb) = bare(platform, name).split_once(":asked about ")?;
    (platform == Platform::Kubernetes).then(|| format!("{resource}:{verb}"))
}

/// Says whether what a server asked about may be what a pattern means.
fn may_be(pattern: &str, reviewed: &str) -> bool {
    fits(pattern, reviewed) || fits(reviewed, pattern)
}

/// Gives every pattern that is granted to one of them.
fn granted<'h>(held: &[Held<'h>]) -> BTreeMap<&'h str, Pattern> {
    let mut all: BTreeMap<&str, Pattern> = BTreeMap::new();
    for (place, it) in held.iter().enumerate().filter(|it| it.1.listed.is_own) {
        for pattern in it.spelt.patterns() {
            let known = all.entry(pattern).or_default();
            let ways =
                it.spelt.ways_where(pattern, |always| it.listed.is_sure && !always.is_empty());
            if !ways.is_empty() && known.of.last() != Some(&place) {
                join(&mut known.ways, ways);
                known.of.push(place);
            }
        }
    }
    all.retain(|_, it| !it.ways.is_empty());
    all
}

/// Gives the days on which the use of all of a pattern would have been seen, whoever of them it is granted to.
fn days<'i, 'h: 'i>(
    observed: &mut Observed<'h>,
    pattern: &'h str,
    holders: impl Iterator<Item = &'i Held<'h>>,
) -> Days {
    let Some(sorts) = Sort::spanned(observed.platform, pattern) else { return Days::default() };
    let mut fewest: Option<Days> = None;
    for held in holders {
        for sort in &sorts {
            let since = held.spelt.since(pattern);
            let days = held.account.map(|it| observed.at(it, sort.clone(), since).days.clone());
            let days = days.unwrap_or_default();
            if fewest.as_ref().is_none_or(|it| days.count() < it.count()) {
                fewest = Some(days);
            }
        }
    }
    fewest.unwrap_or_default()
}

/// Gives since when any of them may have been granted a pattern, where that is known of all.
fn since<'i, 'h: 'i>(
    pattern: &str,
    mut holders: impl Iterator<Item = &'i Held<'h>>,
) -> Option<Timestamp> {
    let first = holders.next()?.spelt.since(pattern)?;
    holders.try_fold(first, |first, next| Some(first.min(next.spelt.since(pattern)?)))
}

fn join(ways: &mut BTreeMap<String, Extent>, more: Vec<(&str, Extent)>) {
    for (path, extent) in more {
        let known = ways.entry(path.to_owned()).or_insert(extent);
        *known = extent.min(*known);
    }
}

pub(super) fn told(ways: BTreeMap<String, Extent>) -> Vec<GrantedBy> {
    ways.into_iter().map(|(path, extent)| GrantedBy { path, extent }).collect()
}

#[cfg(test)]
mod tests;
