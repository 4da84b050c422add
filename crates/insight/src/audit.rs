//! Granted against exercised: for each identity and permission name one state, and what it rests on.

mod actions;
mod chains;
mod dormancy;
mod holders;
mod named;
mod observed;
mod parted;
mod shape;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use bailiwick_model::{HeldPolicy, Holder, Platform, Timestamp};

use self::{
    actions::Actions,
    dormancy::{Dormancy, Whose},
    holders::{Holders, Listed},
    observed::{Observed, Seen},
    parted::Parts,
};
pub use self::{
    chains::{Chain, Completeness, Sessions},
    dormancy::{
        DormancyPolicy, EntitlementPattern, EntitlementPatternError, Exclusion, Idle, NotYet,
        ToldExclusion,
    },
    shape::{Audit, AuditEntry, AuditedIdentity, GrantedBy, State, Summary, UnmappedNative},
};
use crate::{
    exercised::{BucketDays, Days, Deeds, Exercised, Namesakes, SystemIdentity, Tally, Unmapped},
    granted::{ActionSet, Extent, Granted, Grants, Ways, gives, giving},
    names::{Action, Catalogue, Certainty, Level},
};

/// How many resources of one permission are named.
const RESOURCES_MAX: usize = 20;

/// Holds what is granted beside what was exercised.
pub fn audit(exercised: &Exercised, holders: &[Holder]) -> Audit {
    audit_by(exercised, holders, &DormancyPolicy::default())
}

/// Does so, and judges what was not used by these rules.
pub fn audit_by(exercised: &Exercised, holders: &[Holder], policy: &DormancyPolicy) -> Audit {
    let dormancy = Dormancy::new(policy, exercised.window().map(|it| it.1));
    let catalogue = exercised.catalogue();
    let doers = exercised.doers();
    let names = Namesakes::new(holders.iter().map(holders::name), doers.keys());
    let doers = names.doers(doers);
    let holders = Holders::new(holders, &names);
    let everybody: BTreeSet<&SystemIdentity> = doers.keys().chain(holders.names()).collect();
    let actions = Actions::new(catalogue);
    let grants = Grants::new(catalogue);
    let mut look =
        Look { exercised, catalogue, actions: &actions, grants, buckets: OnceCell::new() };
    let mut identities = Vec::new();
    for id in everybody {
        let doer = doers.get(id);
        if doer.is_none() && names.is_told_elsewhere(id) {
            continue;
        }
        let held = holders.of(id, doer.map(|it| it.kind));
        // Of AWS the last list that was read counts.
        let holder = held.last().map(|it| it.holder);
        let own = held.first().filter(|it| it.is_sure).map(|it| it.holder);
        let own = own.filter(|it| it.id == id.id);
        let kind = doer.map(|it| it.kind).or_else(|| own.map(|it| it.kind));
        let accounts = own.map(|it| it.account.clone()).filter(|it| !it.is_empty());
        let account = accounts.or_else(|| doer.map(|it| it.account.clone())).unwrap_or_default();
        let nothing = BTreeMap::new();
        let deeds = doer.map_or(&nothing, |it| &it.deeds);
        let whose = dormancy.of(id);
        let entries = if id.platform == Platform::Aws {
            look.entries(&whose, &account, deeds, holder)
        } else {
            let account = doer.map_or(&account, |it| &it.account);
            look.named((id, &whose), account, deeds, &held)
        };
        let mut states = BTreeMap::new();
        for entry in &entries {
            let count: &mut u64 = states.entry(entry.state).or_default();
            *count = count.saturating_add(1);
        }
        let (id, platform) = (id.id.clone(), id.platform);
        identities.push(AuditedIdentity {
            id,
            platform,
            account,
            kind: kind.unwrap_or_default(),
            unread: unread(&held),
            states,
            entries,
        });
    }
    let (chains, sessions) = chains::of(exercised, &names);
    let summary = Summary {
        events: exercised.events(),
        duplicates: exercised.duplicates(),
        identities: u64::try_from(identities.len()).unwrap_or(u64::MAX),
        window: exercised.window(),
        window_days: policy.window_days,
        catalogue: catalogue.origin().to_owned(),
        sessions,
        ..Summary::default()
    };
    Audit {
        summary,
        identities,
        chains,
        unmapped: unmapped(exercised),
        exclusions: dormancy.told(),
        findings: Vec::new(),
        reach: Vec::new(),
    }
}

/// Gives what is no permission.
fn unmapped(exercised: &Exercised) -> Vec<UnmappedNative> {
    let told = |(it, count): (Unmapped, u64)| UnmappedNative {
        platform: it.platform,
        native: it.native,
        class: it.class,
        count,
    };
    exercised.unmapped().into_iter().map(told).collect()
}

/// Gives what somebody holds of which nothing said what it grants.
fn unread(held: &[Listed<'_>]) -> Vec<String> {
    let unread = held.iter().flat_map(|it| &it.holder.unread);
    let mut all: Vec<String> = unread.cloned().collect();
    if 1 < held.len() {
        all.sort();
        all.dedup();
    }
    all
}

struct Look<'a> {
    exercised: &'a Exercised,
    catalogue: &'a Catalogue,
    actions: &'a Actions<'a>,
    grants: Grants<'a>,
    buckets: OnceCell<BucketDays>,
}

/// One holder, and what comes of all that it holds.
struct Held<'a> {
    holder: &'a Holder,
    granted: Granted,
    ways: Ways<'a>,
}

impl<'a> Look<'a> {
    fn entries(
        &mut self,
        whose: &Whose<'_, '_>,
        account: &str,
        deeds: &BTreeMap<String, Deeds>,
        holder: Option<&Holder>,
    ) -> Vec<AuditEntry> {
        let exercised = self.exercised;
        let mut observed = Observed::new(exercised, Platform::Aws, account);
        let mut entries = Vec::with_capacity(deeds.len());
        let mut used = ActionSet::none(self.catalogue.actions().len());
        let held = holder.map(|holder| {
            let (granted, ways) = (self.grants.of(holder), self.grants.ways_of(holder));
            Held { holder, granted, ways }
        });
        for (name, deeds) in deeds.iter().filter(|(_, it)| it.certainty.is_permission()) {
            let number = self.number(name);
            used.put(number.unwrap_or(usize::MAX));
            let action = number.and_then(|it| self.actions.get(it));
            let ways =
                number.zip(action).map_or_else(Vec::new, |it| ways_to(held.as_ref(), it, deeds));
            let level = action.map(|it| it.level);
            if let Some((holder, number)) = holder.zip(number) {
                entries.extend(self.parted((number, name), (holder, deeds), whose));
            }
            entries.push(match number.and_then(|it| self.actions.sort(it)) {
                Some(sort) => {
                    let days = &observed.of(sort.clone(), None).days;
                    seen(name, deeds, ways, (days, level), Some(whose))
                }
                // What came along is told of with the call that it came along with.
                None => {
                    let days = self.exercised.delivered(Platform::Aws, account);
                    seen(name, deeds, ways, (&days, level), None)
                }
            });
        }
        if let Some(held) = &held {
            let mut rest = held.granted.possible.clone();
            rest.take_off(&used);
            entries.reserve_exact(rest.len());
            for number in self.actions.in_order(&rest) {
                entries.extend(self.unseen(&mut observed, number, (held, whose)));
            }
        }
        // Two stretches, each of which is in order.
        entries.sort_by(|one, next| (&one.name, &one.within).cmp(&(&next.name, &next.within)));
        entries
    }

    /// Tells of what was used, and is granted in other buckets as well.
    fn parted<'s>(
        &'s self,
        (number, name): (usize, &str),
        (holder, deeds): (&'s Holder, &Deeds),
        whose: &Whose<'_, '_>,
    ) -> Vec<AuditEntry> {
        // Of other services a record may name one of several resources alone.
        let Some(action) = self.actions.get(number).filter(|it| &*it.service == "s3") else {
            return Vec::new();
        };
        let mut parts = Parts::default();
        if !parts.add(Platform::Aws, giving(holder, action), (Some(""), holder.since), |_| true) {
            return Vec::new();
        }
        let sorts: Vec<_> = self.actions.sort(number).cloned().into_iter().collect();
        let told = parts.told((Platform::Aws, name), &[deeds], (&sorts, &|| self.buckets()), whose);
        let level = Some(action.level);
        told.into_iter().map(|it| AuditEntry { level, ..it }).collect()
    }

    /// Gives on which days what was seen in which bucket; few ask.
    fn buckets(&self) -> &BucketDays {
        self.buckets.get_or_init(|| BucketDays::of(self.exercised))
    }

    /// Tells of what is granted and was not seen.
    fn unseen<'o>(
        &mut self,
        observed: &mut Observed<'o>,
        number: usize,
        (held, whose): (&Held<'_>, &Whose<'_, '_>),
    ) -> Option<AuditEntry>
    where
        'a: 'o,
    {
        let action = self.actions.get(number)?;
        let since = held.holder.since.max(held.ways.since(number));
        let platform = observed.platform.as_str();
        let seen = self.actions.sort(number).map(|it| observed.of(it.clone(), since));
        let name = [platform, &action.service, &action.name].join(":");
        let granted_by = ways(Some(held), number);
        let entry = unused((name, granted_by), seen, since, whose);
        Some(AuditEntry { level: Some(action.level), ..entry })
    }

    /// Gives the number of an AWS action by its whole name.
    fn number(&self, name: &str) -> Option<usize> {
        let (service, action) = name.strip_prefix("aws:")?.split_once(':')?;
        self.catalogue.number(service, action)
    }
}

fn ways(held: Option<&Held<'_>>, number: usize) -> Vec<GrantedBy> {
    let Some(held) = held.filter(|it| it.granted.possible.has(number)) else {
        return Vec::new();
    };
    let is_sure = held.granted.sure.has(number);
    // What is denied somewhere, or bounded, is sure by no way.
    let by = |(path, extent): (&str, _)| GrantedBy {
        path: path.to_owned(),
        extent: if is_sure { extent } else { Extent::Maybe },
    };
    // There are very many of these: none takes more room than it fills.
    let mut ways = Vec::with_capacity(held.ways.to(number).count());
    ways.extend(held.ways.to(number).map(by));
    ways
}

/// Gives the ways by which somebody may do what was done.
fn ways_to(held: Option<&Held<'_>>, action: (usize, &Action), deeds: &Deeds) -> Vec<GrantedBy> {
    let Some(held) = held.filter(|it| it.granted.possible.has(action.0)) else {
        return Vec::new();
    };
    let resources = deeds.done.keys().map(String::as_str);
    let is_within = |bound: &HeldPolicy| gives(bound, action.1, resources.clone());
    let is_sure = held.granted.sure.has(action.0) && held.holder.bounds.iter().all(is_within);
    let by = |(path, extent): (&str, _)| GrantedBy {
        path: path.to_owned(),
        extent: if is_sure { extent } else { Extent::Maybe },
    };
    held.ways.to_done(action, resources.clone()).map(by).collect()
}

/// Tells of what was not asked for: of its name, and the ways by which it is granted.
fn unused(
    (name, granted_by): (String, Vec<GrantedBy>),
    seen: Option<&Seen>,
    since: Option<Timestamp>,
    whose: &Whose<'_, '_>,
) -> AuditEntry {
    let judged = whose.unused(&name, seen, since);
    AuditEntry {
        name,
        within: None,
        state: judged.state,
        count: 0,
        attempts: 0,
        first: None,
        last: None,
        days: 0,
        mapping: Certainty::Exact,
        granted_by,
        observed_days: seen.map_or(0, |it| it.count),
        gaps: seen.map_or(0, |it| it.gaps),
        not_yet: judged.not_yet,
        exclusion: judged.exclusion,
        idle: None,
        level: None,
        resources: Vec::new(),
    }
}

/// Tells of what was seen; by which clock it lies idle, where one goes.
fn seen(
    name: &str,
    deeds: &Deeds,
    granted_by: Vec<GrantedBy>,
    (observed, level): (&Days, Option<Level>),
    clock: Option<&Whose<'_, '_>>,
) -> AuditEntry {
    let done = deeds.exercised();
    let denied = deeds.denied.as_ref();
    let told: Option<&Tally> = done.as_ref().or(denied);
    AuditEntry {
        name: name.to_owned(),
        within: None,
        state: if done.is_some() { State::Exercised } else { State::Attempted },
        count: done.as_ref().map_or(0, |it| it.count),
        attempts: denied.map_or(0, |it| it.count),
        first: told.map(|it| it.first),
        last: told.map(|it| it.last),
        days: done.as_ref().map_or(0, |it| it.days.count()),
        mapping: deeds.certainty,
        granted_by,
        observed_days: observed.count(),
        gaps: observed.gaps(),
        not_yet: None,
        exclusion: None,
        idle: done.as_ref().zip(clock).map(|(it, whose)| whose.used(name, it, observed).into()),
        level,
        resources: deeds
            .done
            .keys()
            .filter(|it| !it.is_empty())
            .take(RESOURCES_MAX)
            .cloned()
            .collect(),
    }
}

#[cfg(test)]
mod tests;
