//! What was exercised, as it is told: sorted, with texts in place of numbers.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, Ended, Platform, Timestamp, Via};

use super::{Account, Days, Exercised, Tally, is_local};
use crate::names::{Certainty, Sort};

/// One identity of one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SystemIdentity {
    /// Of which system.
    pub platform: Platform,
    /// Its own name there.
    pub id: String,
    /// In which account it has that name, where others may have it elsewhere; empty where the log does not say, and in
    /// systems in which nobody else can have it.
    pub within: String,
}

/// What one identity did under one permission's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deeds {
    /// How sure the name is; the least sure of all that went into it.
    pub certainty: Certainty,
    /// What was let through, by resource.
    pub done: BTreeMap<String, Tally>,
    /// What was refused.
    pub denied: Option<Tally>,
    /// To what it was refused; the log may not say.
    pub denied_to: BTreeSet<String>,
    /// In which accounts; none where grants of the system count in all of them.
    pub accounts: BTreeSet<String>,
    /// Whether some of it was done together with something else, so that the resource may be that one's.
    pub is_vague: bool,
}

/// One identity, and what it did by permission name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doer {
    /// In which account.
    pub account: String,
    /// What sort of caller.
    pub kind: ActorKind,
    /// What it did.
    pub deeds: BTreeMap<String, Deeds>,
}

/// A name of a log that is no permission's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmapped {
    /// Whose log.
    pub platform: Platform,
    /// The names.
    pub native: String,
    /// Why it has no permission.
    pub class: Certainty,
}

/// One credential that was shown, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// By whom.
    pub by: SystemIdentity,
    /// What sort of caller that is.
    pub kind: ActorKind,
    /// Its name; empty where the log gives none.
    pub credential: String,
    /// How often, and when.
    pub used: Tally,
    /// When first and when last it was let through; none where it was refused each time.
    pub let_through: Option<(Timestamp, Timestamp)>,
    /// From whom it came, the nearest first; empty where nobody was seen making it.
    pub way: Vec<Step>,
    /// Why the way begins where it does.
    pub origin: Origin,
    /// What the session calls itself: anybody's word, which joins nothing.
    pub said: BTreeSet<String>,
}

impl Shown {
    /// Gives what a list of them is sorted by.
    pub(super) fn order(&self) -> impl Ord + '_ {
        (&self.by, &self.credential, &self.way, self.origin, self.used.first, &self.said)
    }
}

/// One step back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// To whom.
    pub from: SystemIdentity,
    /// How whoever was next came of it.
    pub via: Via,
}

/// Why a way begins where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The system put the credential there itself.
    Delivered(&'static str),
    /// The credential lasts: nobody makes it anew for a while.
    Lasting,
    /// It is an agent that Bailiwick governs.
    Governed,
    /// Another system vouched for it.
    Vouched,
    /// It is the system itself.
    Itself,
    /// Whoever made the credential did so out of sight.
    OutOfSight,
    /// Whoever made it did so later, or it had ended before.
    OutOfTime,
    /// The log names no credential.
    Unnamed,
    /// It has more steps than are followed.
    TooLong,
}

impl SystemIdentity {
    /// Gives one whose name nobody else can have, or of whose account nothing is said: in systems in which names are known in
    /// one account alone, that is another than each whose account is.
    pub fn of(platform: Platform, id: impl Into<String>) -> Self {
        Self { platform, id: id.into(), within: String::new() }
    }

    /// Gives one whose account is known.
    pub fn within(platform: Platform, id: &str, account: &str) -> Self {
        let within = if is_local(platform, id) { account } else { "" };
        Self { platform, id: id.to_owned(), within: within.to_owned() }
    }

    /// Gives the name that a log has of a role where it names its session alone: without the path. In one account no two
    /// roles share a name, whatever their paths are.
    pub fn without_path(&self) -> Option<Self> {
        let (account, path) = self.id.split_once(":role/")?;
        let (_, name) = path.rsplit_once('/').filter(|_| self.platform == Platform::Aws)?;
        Some(Self::of(self.platform, format!("{account}:role/{name}")))
    }
}

impl Doer {
    /// Finds who somebody is among all, under each name that a log has of them.
    pub fn find(all: &BTreeMap<SystemIdentity, Self>, whom: &SystemIdentity) -> Option<Self> {
        let by_session = whom.without_path().and_then(|it| all.get(&it));
        let (Some(doer), Some(same)) = (all.get(whom), by_session) else {
            return all.get(whom).or(by_session).cloned();
        };
        let mut doer = doer.clone();
        doer.join(same);
        Some(doer)
    }

    /// Finds what everybody of one name did, in whichever accounts: a list that does not say of which one it is may be of any.
    pub fn named(
        all: &BTreeMap<SystemIdentity, Self>,
        platform: Platform,
        id: &str,
    ) -> Option<Self> {
        let first = SystemIdentity::of(platform, id);
        let same = all.range(first..).take_while(|(it, _)| it.platform == platform && it.id == id);
        let mut same = same.map(|(_, doer)| doer);
        let mut doer = same.next()?.clone();
        same.for_each(|it| doer.join(it));
        Some(doer)
    }

    /// Adds what somebody did under another name.
    pub(super) fn join(&mut self, other: &Self) {
        self.kind = self.kind.min(other.kind);
        if self.account.is_empty() {
            self.account.clone_from(&other.account);
        }
        for (name, deeds) in &other.deeds {
            match self.deeds.get_mut(name) {
                Some(known) => known.join(deeds),
                None => {
                    self.deeds.insert(name.clone(), deeds.clone());
                }
            }
        }
    }
}

impl Exercised {
    /// Gives everybody, and what they did.
    pub fn doers(&self) -> BTreeMap<SystemIdentity, Doer> {
        let mut all: Vec<BTreeMap<&str, Deeds>> =
            self.whos.iter().map(|_| BTreeMap::new()).collect();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for (key, tally) in &self.tallies {
            let (Some(deeds), Some(deed)) =
                (super::at(&mut all, key.who), nth(&self.deeds, key.what))
            else {
                continue;
            };
            for name in &deed.names {
                let deeds = deeds.entry(&name.text).or_insert_with(|| Deeds {
                    certainty: name.certainty,
                    done: BTreeMap::new(),
                    denied: None,
                    denied_to: BTreeSet::new(),
                    accounts: BTreeSet::new(),
                    is_vague: false,
                });
                deeds.is_vague |= 1 < deed.names.len();
                deeds.certainty = deeds.certainty.max(name.certainty);
                deeds.take(self.words.text(key.to), key.ended, tally);
                let account = self.words.text(key.place);
                if !account.is_empty() && !deeds.accounts.contains(account) {
                    deeds.accounts.insert(account.to_owned());
                }
            }
        }
        let doers = self.whos.iter().zip(all).map(|(who, deeds)| {
            let doer = Doer {
                account: self.words.text(who.account).to_owned(),
                kind: who.kind,
                deeds: deeds.into_iter().map(|(name, deeds)| (name.to_owned(), deeds)).collect(),
            };
            (self.identity(who), doer)
        });
        doers.collect()
    }

    /// Gives what is no permission, with how often each came.
    pub fn unmapped(&self) -> BTreeMap<Unmapped, u64> {
        let mut counts = BTreeMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "what comes of it is sorted")]
        for (key, tally) in &self.tallies {
            let Some(deed) = nth(&self.deeds, key.what) else { continue };
            for name in deed.names.iter().filter(|it| !it.certainty.is_permission()) {
                let operation = self.words.text(deed.operation);
                let native = match self.words.text(deed.service) {
                    "" => operation.to_owned(),
                    service => format!("{service}:{operation}"),
                };
                let unmapped = Unmapped { platform: deed.platform, native, class: name.certainty };
                let count: &mut u64 = counts.entry(unmapped).or_default();
                *count = count.saturating_add(tally.count);
            }
        }
        counts
    }

    /// Gives the days on which an account's log had something of this sort. A trail may leave out reads, writes, or what is done to
    /// data, and may be told so, and told otherwise, on any day: one without any of it shows nothing of it.
    pub fn observed(&self, platform: Platform, account: &str, sort: &Sort<'_>) -> Days {
        let Some(account) = self.account(platform, account) else { return Days::default() };
        let data_of = self.words.find(&sort.data_of);
        let seen = account
            .sorts
            .iter()
            .find(|(known, _)| (Some(known.data_of), known.reads) == (data_of, sort.reads));
        seen.map(|it| it.1.clone()).unwrap_or_default()
    }

    /// Gives the days on which an account's log has anything.
    pub fn delivered(&self, platform: Platform, account: &str) -> Days {
        self.account(platform, account).map_or_else(Days::default, |it| it.days.clone())
    }

    fn account(&self, platform: Platform, account: &str) -> Option<&Account> {
        self.accounts.get(&(platform, self.words.find(account)?))
    }

    /// Gives the account that all of a system's logs are of, where that is one.
    pub fn only_account(&self, platform: Platform) -> Option<&str> {
        let mut only = None;
        #[expect(
            clippy::iter_over_hash_type,
            clippy::for_kv_map,
            reason = "more than one is none, whichever comes first"
        )]
        for (of, _) in &self.accounts {
            if of.0 == platform && only.replace(of.1).is_some() {
                return None;
            }
        }
        only.map(|it| self.words.text(it))
    }

    /// Says whether somebody stood behind others: what it did then goes by their names.
    pub fn stood_behind(&self, who: &SystemIdentity) -> bool {
        self.words.find(&who.id).is_some_and(|it| self.behind.contains(&(who.platform, it)))
    }

    /// Gives the first and the last moment that was told of.
    pub fn window(&self) -> Option<(Timestamp, Timestamp)> {
        self.window
    }

    /// Counts what came again.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Counts what was taken.
    pub fn events(&self) -> u64 {
        u64::try_from(self.seen.len()).unwrap_or(u64::MAX)
    }

    /// Gives the permission names that are known.
    pub fn catalogue(&self) -> &crate::names::Catalogue {
        &self.catalogue
    }

    pub(super) fn identity(&self, who: &super::Who) -> SystemIdentity {
        SystemIdentity {
            platform: who.platform,
            id: self.words.text(who.id).to_owned(),
            within: self.words.text(who.within).to_owned(),
        }
    }
}

impl Deeds {
    fn take(&mut self, resource: &str, ended: Ended, tally: &Tally) {
        if ended.is_exercised() {
            match self.done.get_mut(resource) {
                Some(known) => known.join(tally),
                None => {
                    self.done.insert(resource.to_owned(), tally.clone());
                }
            }
        } else {
            match &mut self.denied {
                Some(known) => known.join(tally),
                None => self.denied = Some(tally.clone()),
            }
            if !self.denied_to.contains(resource) {
                self.denied_to.insert(resource.to_owned());
            }
        }
    }

    fn join(&mut self, other: &Self) {
        self.certainty = self.certainty.max(other.certainty);
        self.accounts.extend(other.accounts.iter().cloned());
        self.is_vague |= other.is_vague;
        self.denied_to.extend(other.denied_to.iter().cloned());
        for (resource, tally) in &other.done {
            self.take(resource, Ended::Success, tally);
        }
        if let Some(tally) = &other.denied {
            match &mut self.denied {
                Some(known) => known.join(tally),
                None => self.denied = Some(tally.clone()),
            }
        }
    }

    /// Gives all that was let through, whatever it was done to.
    pub fn exercised(&self) -> Option<Tally> {
        let mut all = self.done.values();
        let mut sum = all.next()?.clone();
        all.for_each(|it| sum.join(it));
        Some(sum)
    }
}

pub(super) fn nth<T>(list: &[T], number: u32) -> Option<&T> {
    list.get(usize::try_from(number).ok()?)
}
