//! Which permissions of one identity stay, and why.
//!
//! Only what is granted, would have been seen for long enough and was not may go. Every other answer is a reason to
//! keep it, and each permission has the first that holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_model::{Platform, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    exercised::{Days, Doer, Exercised},
    granted::{ActionSet, Grants},
    names::{Certainty, Level, Sort},
};

/// What stays beside what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Margin {
    /// Nothing.
    #[default]
    None,
    /// Actions of the same service and level as one that is used.
    Siblings,
}

/// What somebody who makes a policy smaller asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// What stays beside what is used.
    pub margin: Margin,
    /// Patterns of actions that stay whatever the log says: break-glass, yearly jobs.
    pub keep: Vec<String>,
    /// How many days old a grant must be before it is judged.
    pub grace_days: u64,
    /// On how many observed days a permission must not have been used.
    pub window_days: u64,
    /// How many days each stage of the roll-out lasts.
    pub trial_days: u64,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            margin: Margin::None,
            keep: Vec::new(),
            grace_days: 90,
            window_days: 90,
            trial_days: 14,
        }
    }
}

/// Why a permission stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptFor {
    /// It was used.
    Exercised,
    /// It was asked for, and denied each time: a person should look.
    Attempted,
    /// Nothing that was read could have shown its use.
    Unobservable,
    /// Whoever holds it, or the policy that gives it, is too new.
    Grace,
    /// It changes who may do what: no machine proposes to take that away.
    Permissions,
    /// Somebody said that it stays.
    Named,
    /// The log names something of this service that no rule knows, which may have been this.
    UnknownName,
    /// What was used may have taken it, too, and its record does not say so.
    Needed,
    /// One like it is used.
    Sibling,
    /// Its use would have been seen on too few days.
    TooFewDays,
    /// A policy that gives it stays as it is; the decision on that says why.
    Whole,
}

/// What was found of one action.
#[derive(Clone, Copy, Debug)]
enum Judged {
    NotYet,
    Stays(KeptFor),
    Goes,
}

/// Everything that is known of one identity's use.
#[derive(Debug)]
pub(super) struct Stays<'a> {
    exercised: &'a Exercised,
    account: String,
    since: Option<Timestamp>,
    wishes: &'a Wishes,
    is_new: bool,
    used: BTreeMap<usize, KeptFor>,
    named: ActionSet,
    siblings: BTreeSet<(&'a str, Level)>,
    unclear: BTreeSet<String>,
    /// Calls of sources that the list has not, in small letters: each may be of a service whose prefix is another.
    strange: BTreeSet<String>,
    /// Names of the log that no rule knows.
    pub(super) unknown: Vec<String>,
    days: BTreeMap<Option<Sort<'a>>, Days>,
    told: Vec<Judged>,
}

impl<'a> Stays<'a> {
    pub(super) fn of(
        exercised: &'a Exercised,
        (account, since): (&str, Option<Timestamp>),
        doer: Option<&Doer>,
        (wishes, grants): (&'a Wishes, &mut Grants<'a>),
    ) -> Self {
        let catalogue = exercised.catalogue();
        let size = catalogue.actions().len();
        let mut named = ActionSet::none(size);
        for pattern in &wishes.keep {
            grants.compiled(pattern).iter().for_each(|it| named.add_range(it.clone()));
        }
        let mut stays = Self {
            exercised,
            account: account.to_owned(),
            since,
            wishes,
            is_new: false,
            used: BTreeMap::new(),
            named,
            siblings: BTreeSet::new(),
            unclear: BTreeSet::new(),
            strange: BTreeSet::new(),
            unknown: Vec::new(),
            days: BTreeMap::new(),
            told: vec![Judged::NotYet; size],
        };
        stays.is_new = since.is_some_and(|it| stays.is_young(it));
        for (name, deeds) in doer.iter().flat_map(|it| &it.deeds) {
            let parts = name.strip_prefix("aws:").and_then(|it| it.split_once(':'));
            let Some((service, action)) = parts else { continue };
            let number = catalogue.number(service, action);
            match number.filter(|_| deeds.certainty.is_permission()) {
                Some(number) => {
                    let is_done = !deeds.done.is_empty();
                    let why = if is_done { KeptFor::Exercised } else { KeptFor::Attempted };
                    stays.used.insert(number, why);
                    let action = catalogue.actions().get(number);
                    stays
                        .siblings
                        .extend(action.filter(|_| is_done).map(|it| (&*it.service, it.level)));
                }
                None if deeds.certainty == Certainty::Unknown => {
                    stays.unknown.push(name.clone());
                    if catalogue.of(service).is_empty() {
                        stays.strange.insert(action.to_ascii_lowercase());
                    }
                    stays.unclear.insert(service.to_owned());
                }
                None => {}
            }
        }
        stays
    }

    /// Says why an action stays, by its number; nothing if it may go.
    pub(super) fn why(&mut self, number: usize) -> Option<KeptFor> {
        match self.told.get(number) {
            Some(Judged::Stays(why)) => return Some(*why),
            Some(Judged::Goes) => return None,
            Some(Judged::NotYet) | None => {}
        }
        let why = self.judge(number);
        if let Some(place) = self.told.get_mut(number) {
            *place = why.map_or(Judged::Goes, Judged::Stays);
        }
        why
    }

    fn judge(&mut self, number: usize) -> Option<KeptFor> {
        if let Some(why) = self.used.get(&number) {
            return Some(*why);
        }
        // What the list has not is nobody's to judge.
        let Some(action) = self.exercised.catalogue().actions().get(number) else {
            return Some(KeptFor::Unobservable);
        };
        let days = self.days(Sort::of(action)).count();
        let is_sibling = self.wishes.margin == Margin::Siblings
            && self.siblings.contains(&(&*action.service, action.level));
        let reasons = [
            (days == 0, KeptFor::Unobservable),
            (self.is_new, KeptFor::Grace),
            (action.level == Level::Permissions, KeptFor::Permissions),
            (self.named.has(number), KeptFor::Named),
            (self.unclear.contains(&*action.service), KeptFor::UnknownName),
            (self.strange.contains(&action.name.to_ascii_lowercase()), KeptFor::UnknownName),
            (is_sibling, KeptFor::Sibling),
            (days < self.wishes.window_days, KeptFor::TooFewDays),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map(|(_, why)| why)
    }

    /// Gives the days on which what is of a sort would have been seen of this identity.
    pub(super) fn days(&mut self, sort: Option<Sort<'a>>) -> &Days {
        let (exercised, account, since) = (self.exercised, &self.account, self.since);
        self.days.entry(sort.clone()).or_insert_with(|| {
            let observed = |it: &Sort<'_>| exercised.observed(Platform::Aws, account, it);
            let mut days = sort.as_ref().map_or_else(Days::default, observed);
            // Nobody could have used it before it was there.
            if let Some(since) = since {
                days.begin_at(since);
            }
            days
        })
    }

    /// Says whether each of these would have been seen for long enough since then: days before do not count for who gives it
    /// only since then.
    pub(super) fn would_be_seen(&mut self, actions: &ActionSet, since: Timestamp) -> bool {
        let all = self.exercised.catalogue().actions();
        let sorts: BTreeSet<_> = (0..all.len())
            .filter(|it| actions.has(*it))
            .map(|it| all.get(it).and_then(Sort::of))
            .collect();
        let least = self.wishes.window_days;
        sorts.into_iter().all(|sort| {
            let mut days = self.days(sort).clone();
            days.begin_at(since);
            least <= days.count()
        })
    }

    /// Says whether the log names something that may be of a service which the list has not.
    pub(super) fn is_strange(&self) -> bool {
        self.unclear.iter().any(|it| self.exercised.catalogue().of(it).is_empty())
    }

    /// Says whether what is there since then is too new to be judged at the end of the log.
    pub(super) fn is_young(&self, since: Timestamp) -> bool {
        let grace = self.wishes.grace_days.saturating_mul(24 * 3600);
        let end = self.exercised.window().map(|it| it.1);
        end.is_none_or(|it| it.since(since) < Duration::from_secs(grace))
    }
}
