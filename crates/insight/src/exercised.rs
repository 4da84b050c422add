//! What was exercised: every access that the logs tell of, folded into counts by identity, permission name and resource.
//!
//! The order in which logs are read makes no difference, nor does reading one twice.

mod buckets;
mod days;
mod joins;
mod namesakes;
#[cfg(test)]
mod picked;
mod quick;
mod told;
mod touch;
mod words;

use std::collections::hash_map::Entry;

use bailiwick_model::{ActorKind, Along, Ended, Exercise, Platform, Timestamp};

pub(crate) use self::{
    buckets::{BucketDays, Reached, granted_in},
    joins::vouched,
    namesakes::{Namesakes, is_local},
    quick::QuickMap,
};
pub use self::{
    days::Days,
    told::{Deeds, Doer, Origin, Shown, Step, SystemIdentity, Unmapped},
    touch::{MadeCredential, Touch, Touched},
};
use self::{
    joins::{Issue, Moments, Showing},
    quick::QuickSet,
    words::{Word, Words},
};
use crate::names::{Catalogue, Name, Native, Sort, bare, is_sign_in, names};

/// Whether an exercise was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was not.
    New,
    /// It was, and is not counted again.
    Again,
}

/// Counts of one thing that one identity did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// On which days.
    pub days: Days,
}

impl Tally {
    fn of(at: Timestamp) -> Self {
        let mut days = Days::default();
        days.add(at);
        Self { count: 1, first: at, last: at, days }
    }

    fn none(at: Timestamp) -> Self {
        Self { count: 0, first: at, last: at, days: Days::default() }
    }

    fn add(&mut self, at: Timestamp) {
        self.add_times(at, 1);
    }

    fn add_times(&mut self, at: Timestamp, count: u64) {
        self.count = self.count.saturating_add(count);
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        self.days.add(at);
    }

    /// Adds another's counts.
    pub fn join(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.days.join(&other.days);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    who: u32,
    what: u32,
    /// In which account, where what is granted counts in one account alone.
    place: Word,
    to: Word,
    ended: Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct NativeKey {
    platform: Platform,
    service: Word,
    operation: Word,
    along: Along,
    internal: bool,
}

#[derive(Debug)]
struct Deed {
    platform: Platform,
    service: Word,
    operation: Word,
    names: Vec<Name>,
    is_sign_in: bool,
    /// What a log that tells of it is seen to have.
    sort: Option<WordSort>,
}

/// A sort, with the number of a text in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WordSort {
    data_of: Word,
    reads: bool,
    is_of_data: bool,
}

/// What of an account the logs were seen to have.
#[derive(Debug, Default)]
struct Account {
    /// On which days anything.
    days: Days,
    /// On which days something of a sort.
    sorts: Vec<(WordSort, Days)>,
}

#[derive(Debug)]
struct Who {
    platform: Platform,
    account: Word,
    id: Word,
    /// In which account it has that name, where that is of one account alone.
    within: Word,
    kind: ActorKind,
}

/// What was looked up last: whoever does one thing mostly goes on to do another.
#[derive(Debug)]
struct Last {
    account: Word,
    service: Word,
    id: Word,
    credential: Word,
    resource: Word,
}

/// Everything that the logs tell of.
#[derive(Debug)]
pub struct Exercised {
    catalogue: Catalogue,
    words: Words,
    last: Last,
    seen: QuickSet<u128>,
    deeds: Vec<Deed>,
    deed_numbers: QuickMap<NativeKey, u32>,
    whos: Vec<Who>,
    who_numbers: QuickMap<(Platform, Word, Word), u32>,
    tallies: QuickMap<Key, Tally>,
    shown: QuickMap<Showing, Moments>,
    touched: QuickMap<(u32, Word), Touch>,
    delivered: QuickMap<(u32, Word), &'static str>,
    issues: QuickMap<Word, Vec<Issue>>,
    behind: QuickSet<(Platform, Word)>,
    accounts: QuickMap<(Platform, Word), Account>,
    window: Option<(Timestamp, Timestamp)>,
    duplicates: u64,
}

impl Exercised {
    /// Begins with nothing.
    pub fn new(catalogue: Catalogue) -> Self {
        Self {
            catalogue,
            words: Words::default(),
            last: Last {
                account: Word::NOTHING,
                service: Word::NOTHING,
                id: Word::NOTHING,
                credential: Word::NOTHING,
                resource: Word::NOTHING,
            },
            seen: QuickSet::default(),
            deeds: Vec::new(),
            deed_numbers: QuickMap::default(),
            whos: Vec::new(),
            who_numbers: QuickMap::default(),
            tallies: QuickMap::default(),
            shown: QuickMap::default(),
            touched: QuickMap::default(),
            delivered: QuickMap::default(),
            issues: QuickMap::default(),
            behind: QuickSet::default(),
            accounts: QuickMap::default(),
            window: None,
            duplicates: 0,
        }
    }

    /// Takes one exercise.
    pub fn take(&mut self, it: &Exercise<'_>) -> Taken {
        let is_new = self.seen.insert(it.key);
        let account = self.words.number_after(&mut self.last.account, &it.account);
        let what = self.deed(it);
        // What is told of twice may be told of by a log that shows more.
        self.seen_in(account, it, what);
        if !is_new {
            self.duplicates = self.duplicates.saturating_add(1);
            return Taken::Again;
        }
        let (first, last) = self.window.unwrap_or((it.at, it.at));
        self.window = Some((first.min(it.at), last.max(it.at)));
        let who = self.who(it, account);
        let is_sign_in = at(&mut self.deeds, what).is_some_and(|it| it.is_sign_in);
        self.touched.entry((who, account)).or_default().add(it, is_sign_in);
        for who in &it.actor.chain {
            let who = self.words.number(who);
            self.behind.insert((it.platform, who));
        }
        let to = self.words.number_after(&mut self.last.resource, &it.resource);
        let place = if counts_everywhere(it.platform) { Word::NOTHING } else { account };
        tally(self.tallies.entry(Key { who, what, place, to, ended: it.ended }), it.at);
        self.note(it, who);
        Taken::New
    }

    /// Notes that the account's log has something of this day, and what is of this sort.
    fn seen_in(&mut self, account: Word, it: &Exercise<'_>, what: u32) {
        let account = self.accounts.entry((it.platform, account)).or_default();
        account.days.add(it.at);
        let sort = usize::try_from(what).ok().and_then(|it| self.deeds.get(it)?.sort);
        // Data of a service that no table has says nothing of what every trail has.
        let Some(sort) = sort.filter(|sort| !it.data || sort.is_of_data) else { return };
        match account.sorts.iter_mut().find(|(known, _)| *known == sort) {
            Some((_, days)) => days.add(it.at),
            None => {
                let mut days = Days::default();
                days.add(it.at);
                account.sorts.push((sort, days));
            }
        }
    }

    /// Gives the sort that what goes by these names is of.
    fn sort_of(&mut self, platform: Platform, names: &[Name]) -> Option<WordSort> {
        // The first name is the call's own; the others came along, and are in no log.
        let first = names.first().filter(|it| it.certainty.is_permission())?;
        let sort = match self.catalogue.action(&first.text) {
            Some(action) => Sort::of(action),
            None => Sort::spanned(platform, bare(platform, &first.text))?.into_iter().next(),
        }?;
        let data_of = self.words.number(&sort.data_of);
        Some(WordSort { data_of, reads: sort.reads, is_of_data: !sort.data_of.is_empty() })
    }

    fn who(&mut self, it: &Exercise<'_>, account: Word) -> u32 {
        let id = self.words.number_after(&mut self.last.id, &it.actor.id);
        let next = u32::try_from(self.whos.len()).unwrap_or(u32::MAX);
        let is_local = is_local(it.platform, &it.actor.id);
        let within = if is_local { account } else { Word::NOTHING };
        let number = *self.who_numbers.entry((it.platform, id, within)).or_insert(next);
        if number == next {
            let (platform, kind) = (it.platform, it.actor.kind);
            self.whos.push(Who { platform, account, id, within, kind });
        } else if let Some(known) = at(&mut self.whos, number) {
            // Two logs may know more or less of the same one: what is said first does not decide.
            known.kind = known.kind.min(it.actor.kind);
            if account != known.account && self.words.text(account) < self.words.text(known.account)
            {
                known.account = account;
            }
        }
        number
    }

    fn deed(&mut self, it: &Exercise<'_>) -> u32 {
        let key = NativeKey {
            platform: it.platform,
            service: self.words.number_after(&mut self.last.service, &it.service),
            operation: self.words.number(&it.operation),
            along: it.along,
            internal: it.internal,
        };
        let next = u32::try_from(self.deeds.len()).unwrap_or(u32::MAX);
        let number = *self.deed_numbers.entry(key).or_insert(next);
        if number == next {
            let native = Native {
                platform: it.platform,
                service: &it.service,
                operation: &it.operation,
                along: it.along,
                internal: it.internal,
            };
            let names = names(native, &self.catalogue);
            // What was picked out by itself shows nothing of others.
            let is_picked = it.along.has(Along::PICKED);
            let sort = if is_picked { None } else { self.sort_of(it.platform, &names) };
            let is_sign_in = is_sign_in(it.platform, &it.service, &it.operation);
            let NativeKey { platform, service, operation, .. } = key;
            self.deeds.push(Deed { platform, service, operation, names, is_sign_in, sort });
        }
        number
    }
}

/// Says whether what an identity of a system is granted counts in whichever account it is used: at AWS an account that is
/// used by another has a say as well, and logs it.
const fn counts_everywhere(platform: Platform) -> bool {
    matches!(platform, Platform::Aws)
}

fn tally<K>(entry: Entry<'_, K, Tally>, at: Timestamp) {
    match entry {
        Entry::Occupied(mut known) => known.get_mut().add(at),
        Entry::Vacant(new) => {
            new.insert(Tally::of(at));
        }
    }
}

fn at<T>(list: &mut [T], number: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use bailiwick_model::{Actor, Issued, Via};
    use proptest::prelude::*;

    use super::*;

    /// One exercise, from small numbers.
    fn exercise((key, who, what, minute, ended): (u8, u8, u8, u16, u8)) -> Exercise<'static> {
        let at = Timestamp::from_millis(i64::from(minute).saturating_mul(3_600_000));
        let operation =
            ["GetObject", "CopyObject", "Nothing", "GetCallerIdentity"][usize::from(what % 4)];
        Exercise {
            platform: Platform::Aws,
            // What has the same key is the same.
            key: u128::from(key) << 64
                | u128::from(who) << 32
                | u128::from(what) << 48
                | u128::from(minute) << 16
                | u128::from(ended),
            at,
            account: Cow::Borrowed(["one", "two"][usize::from(who % 2)]),
            actor: Actor {
                id: Cow::Owned(format!("role-{who}")),
                kind: ActorKind::Role,
                credential: Cow::Owned(format!("ASIA{who}")),
                ..Actor::default()
            },
            service: Cow::Borrowed(if what % 4 == 3 {
                "sts.amazonaws.com"
            } else {
                "s3.amazonaws.com"
            }),
            operation: Cow::Borrowed(operation),
            along: Along::NOTHING,
            resource: Cow::Owned(format!("bucket-{}", what % 3)),
            ended: [Ended::Success, Ended::Error, Ended::Denied][usize::from(ended % 3)],
            code: Cow::Borrowed(""),
            issued: (what == 7).then(|| Issued {
                credential: Cow::Owned(format!("ASIA{}", who.wrapping_add(1))),
                to: Cow::Borrowed("role"),
                via: Via::AssumeRole,
                until: None,
            }),
            data: what % 2 == 0,
            internal: false,
            granted_by: Cow::Borrowed(""),
        }
    }

    fn fold(exercises: &[Exercise<'_>]) -> Exercised {
        let mut all = Exercised::new(Catalogue::carried());
        for it in exercises {
            all.take(it);
        }
        all
    }

    fn told(all: &Exercised) -> String {
        format!(
            "{:?}\n{:?}\n{:?}\n{}\n{:?}",
            all.doers(),
            all.unmapped(),
            all.shown(),
            all.events(),
            all.observed(Platform::Aws, "one", &Sort { data_of: Cow::Borrowed("s3"), reads: true })
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// Law 10: the order of arrival and a second reading change nothing.
        #[test]
        fn order_and_repetition_change_nothing(
            seeds in proptest::collection::vec((0..3_u8, 0..4_u8, 0..9_u8, 0..400_u16, 0..3_u8), 1..40),
            turned in any::<prop::sample::Index>(),
        ) {
            let exercises: Vec<_> = seeds.into_iter().map(exercise).collect();
            let once = told(&fold(&exercises));
            let mut again: Vec<_> = exercises.iter().chain(&exercises).cloned().collect();
            let by = turned.index(again.len());
            again.rotate_left(by);
            prop_assert_eq!(&once, &told(&fold(&again)));
            again.reverse();
            prop_assert_eq!(&once, &told(&fold(&again)));
        }

        /// Law 10: a denied attempt is never counted as exercised.
        #[test]
        fn what_was_refused_is_never_exercised(
            seeds in proptest::collection::vec((0..9_u8, 0..2_u8, 0..9_u8, 0..400_u16), 1..20),
        ) {
            let denied: Vec<_> = seeds.into_iter().map(|(a, b, c, d)| exercise((a, b, c, d, 2))).collect();
            for doer in fold(&denied).doers().into_values() {
                for deeds in doer.deeds.into_values() {
                    prop_assert!(deeds.exercised().is_none());
                    prop_assert!(deeds.denied.is_some());
                }
            }
        }
    }
}
