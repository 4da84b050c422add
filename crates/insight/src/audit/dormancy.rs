//! When what was not used is called dormant, and when not yet.
//!
//! Only observed days count. Fewer than the window are said to be fewer, a grant that is newer than the window is not judged, and
//! neither is what somebody excluded for a while. Nothing here makes dormant what was not so before.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    time::Duration,
};

use bailiwick_model::{Platform, PlatformError, Timestamp};
use serde::{Deserialize, Serialize};

use super::{State, observed::Seen};
use crate::{
    exercised::{Days, SystemIdentity, Tally},
    granted::{has_letters, means},
    names::bare,
};

/// How many days of a month must be observed for it to count as watched, and in how many years.
const WATCHED: (u64, usize) = (15, 2);

/// From when on what was not used may be taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DormancyPolicy {
    /// On how many observed days it must not have been used, and how many days old a grant must be.
    pub window_days: u64,
    /// What is not called dormant for a while.
    pub exclusions: Vec<Exclusion>,
}

impl Default for DormancyPolicy {
    fn default() -> Self {
        Self { window_days: 90, exclusions: Vec::new() }
    }
}

/// Something that is not called dormant: what it does not name, it does not ask about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// Of which system.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<Platform>,
    /// Whose: a name as the report has it, in which `*` is any letters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<String>,
    /// What.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub permission: Option<EntitlementPattern>,
    /// The months in which it is used, from 1 to 12; then it counts only until these were watched in two years.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub months: BTreeSet<i8>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// From when on it counts no more.
    pub until: Timestamp,
}

impl Exclusion {
    /// Says whether it counts no more at a moment.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        self.until <= at
    }

    /// Says whether it may be about an identity.
    pub fn knows(&self, platform: Platform, id: &str) -> bool {
        self.platform.is_none_or(|it| it == platform)
            && self.permission.as_ref().is_none_or(|it| it.platform == platform)
            && self.identity.as_ref().is_none_or(|it| has_letters(it, id))
    }

    /// Says whether it is about a permission, or the whole of a pattern, of an identity that it knows.
    fn means(&self, name: &str) -> bool {
        self.permission.as_ref().is_none_or(|it| it.means(name))
    }

    /// Says whether all of its months were watched.
    fn was_watched(&self, days: &Days) -> bool {
        if self.months.is_empty() {
            return false;
        }
        let mut years: BTreeMap<i8, usize> = BTreeMap::new();
        for ((_, month), count) in days.by_month() {
            let years = years.entry(month).or_default();
            *years = years.saturating_add(usize::from(WATCHED.0 <= count));
        }
        self.months.iter().all(|it| years.get(it).is_some_and(|it| WATCHED.1 <= *it))
    }
}

/// Permissions by name: `aws:kms:*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EntitlementPattern {
    /// Of which system.
    pub platform: Platform,
    /// The name there, in which `*` is any letters.
    pub pattern: String,
}

impl EntitlementPattern {
    /// Says whether a permission's whole name, or all of a pattern that is granted, is among them.
    pub fn means(&self, name: &str) -> bool {
        let own = bare(self.platform, name);
        if own.len() == name.len() {
            return false;
        }
        if self.platform == Platform::Aws {
            // It makes nothing of case.
            return has_letters(&self.pattern.to_ascii_lowercase(), &own.to_ascii_lowercase());
        }
        means(self.platform, &self.pattern, own)
    }
}

impl fmt::Display for EntitlementPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.platform, self.pattern)
    }
}

impl From<EntitlementPattern> for String {
    fn from(it: EntitlementPattern) -> Self {
        it.to_string()
    }
}

/// The text names no permissions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntitlementPatternError {
    /// Nobody knows the system.
    #[error(
        "{0}: write the system, a colon, and the name that the report has, as in `aws:kms:Decrypt` or `aws:kms:*`"
    )]
    Platform(#[from] PlatformError),
    /// There is no name.
    #[error("`{0}` has no name behind the system's: `{0}*` is all of them")]
    Name(String),
}

impl FromStr for EntitlementPattern {
    type Err = EntitlementPatternError;

    fn from_str(text: &str) -> Result<Self, EntitlementPatternError> {
        let (platform, pattern) = text.split_once(':').unwrap_or((text, ""));
        let platform: Platform = platform.parse()?;
        if pattern.is_empty() || pattern.trim() != pattern {
            return Err(EntitlementPatternError::Name(format!("{platform}:")));
        }
        Ok(Self { platform, pattern: pattern.to_owned() })
    }
}

impl TryFrom<String> for EntitlementPattern {
    type Error = EntitlementPatternError;

    fn try_from(text: String) -> Result<Self, EntitlementPatternError> {
        text.parse()
    }
}

/// Why what was not used is not to be taken away yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotYet {
    /// Its use would have been seen on fewer days than the window has.
    TooFewDays,
    /// It is granted for less time than the window.
    NewGrant,
    /// It is used in some months alone, and these were not watched in two years.
    Season,
    /// Somebody said so, for a while.
    Exclusion,
}

impl NotYet {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooFewDays => "too_few_days",
            Self::NewGrant => "new_grant",
            Self::Season => "season",
            Self::Exclusion => "exclusion",
        }
    }
}

/// For how long what was used was not used again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// On how many days its use would have been seen since.
    pub days: u64,
    /// How many days lay between two days of use, as a rule; none where it was used on fewer than three.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub period_days: Option<u64>,
    /// Whether these are as many as the window has, and as two periods.
    pub has_lapsed: bool,
}

/// One exclusion, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldExclusion {
    /// What was said.
    pub exclusion: Exclusion,
    /// Whether it counted no more at the last moment that was told of.
    pub has_ended: bool,
    /// How many permissions it kept from being called dormant.
    pub entries: u64,
}

/// Judges what was not used.
pub(super) struct Dormancy<'p> {
    policy: &'p DormancyPolicy,
    /// The last moment that was told of: a clock would say something else tomorrow.
    end: Option<Timestamp>,
    entries: RefCell<Vec<u64>>,
}

/// What one identity holds, to be judged.
pub(super) struct Whose<'d, 'p> {
    dormancy: &'d Dormancy<'p>,
    excluded: Vec<(usize, &'p Exclusion)>,
}

/// What came of judging.
pub(super) struct Judged {
    pub(super) state: State,
    pub(super) not_yet: Option<NotYet>,
    pub(super) exclusion: Option<u32>,
}

impl<'p> Dormancy<'p> {
    pub(super) fn new(policy: &'p DormancyPolicy, end: Option<Timestamp>) -> Self {
        Self { policy, end, entries: RefCell::new(vec![0; policy.exclusions.len()]) }
    }

    /// Turns to one identity.
    pub(super) fn of(&self, id: &SystemIdentity) -> Whose<'_, 'p> {
        let counts = |it: &Exclusion| !self.has_ended(it) && it.knows(id.platform, &id.id);
        let excluded = self.policy.exclusions.iter().enumerate().filter(|it| counts(it.1));
        Whose { dormancy: self, excluded: excluded.collect() }
    }

    /// Tells what became of each exclusion.
    pub(super) fn told(self) -> Vec<ToldExclusion> {
        let entries = self.entries.borrow();
        let told = |(it, entries): (&Exclusion, &u64)| ToldExclusion {
            exclusion: it.clone(),
            has_ended: self.has_ended(it),
            entries: *entries,
        };
        self.policy.exclusions.iter().zip(entries.iter()).map(told).collect()
    }

    fn has_ended(&self, it: &Exclusion) -> bool {
        self.end.is_some_and(|end| it.has_ended(end))
    }

    /// Says whether what is there since then is younger than the window.
    fn is_young(&self, since: Timestamp) -> bool {
        let window = Duration::from_secs(self.policy.window_days.saturating_mul(24 * 3600));
        self.end.is_none_or(|it| it.since(since) < window)
    }
}

impl Whose<'_, '_> {
    /// Judges what is granted, since then as far as is known, and was not asked for while that would have been seen.
    pub(super) fn unused(
        &self,
        name: &str,
        seen: Option<&Seen>,
        since: Option<Timestamp>,
    ) -> Judged {
        let judged = |state, not_yet| Judged { state, not_yet, exclusion: None };
        let Some(seen) = seen.filter(|it| it.count != 0) else {
            return judged(State::Unobservable, None);
        };
        if let Some((place, it)) = self.exclusion(name, &seen.days) {
            if let Some(count) = self.dormancy.entries.borrow_mut().get_mut(place) {
                *count = count.saturating_add(1);
            }
            let why = if it.months.is_empty() { NotYet::Exclusion } else { NotYet::Season };
            let exclusion = u32::try_from(place).ok();
            return Judged { state: State::Excluded, not_yet: Some(why), exclusion };
        }
        if since.is_some_and(|it| self.dormancy.is_young(it)) {
            return judged(State::Excluded, Some(NotYet::NewGrant));
        }
        let is_short = seen.count < self.dormancy.policy.window_days;
        judged(State::Dormant, is_short.then_some(NotYet::TooFewDays))
    }

    /// Says for how long what was used was not used again; `days` are those on which its use would have been seen.
    pub(super) fn used(&self, name: &str, used: &Tally, days: &Days) -> Idle {
        let (idle, period_days) = (days.count_after(used.last), used.days.period());
        let least = period_days.map_or(0, |it| it.saturating_mul(2));
        let least = self.dormancy.policy.window_days.max(least).max(1);
        let has_lapsed = least <= idle && self.exclusion(name, days).is_none();
        Idle { days: idle, period_days, has_lapsed }
    }

    /// Gives the first exclusion that is about a permission.
    fn exclusion(&self, name: &str, days: &Days) -> Option<(usize, &Exclusion)> {
        let mut all = self.excluded.iter().copied();
        all.find(|(_, it)| it.means(name) && !it.was_watched(days))
    }
}

#[cfg(test)]
mod tests;
