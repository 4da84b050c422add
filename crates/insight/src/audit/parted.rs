//! What is granted in one namespace, project or bucket, where the same is used in others: it has an entry of its own.
//!
//! All ways that give something must be of such a bucket, and all that was done or denied must say in which it was: else
//! nobody can tell which grant served it, and there is one entry as ever.

use std::collections::{BTreeMap, btree_map::Entry};

use bailiwick_model::{HeldPolicy, Patterns, Platform, Statement, Timestamp};

use super::{AuditEntry, Whose, named::told, observed::Seen, unused};
use crate::{
    exercised::{BucketDays, Days, Deeds, Reached, granted_in},
    granted::Extent,
    names::Sort,
};

/// How many buckets of one permission have an entry of their own; the rest have one together.
const BUCKETS_MAX: usize = 50;

/// Buckets in which something is granted.
#[derive(Default)]
pub(super) struct Parts<'h>(BTreeMap<String, Part<'h>>);

struct Part<'h> {
    ways: BTreeMap<String, Extent>,
    since: Option<Timestamp>,
    /// In which account its use would have been seen; none where that is not known.
    account: Option<&'h str>,
    /// Whether a statement names it as it is told of, and does not only give it by a wider pattern, which is told of itself.
    is_named: bool,
}

impl Part<'_> {
    /// Adds another: neither is older than it is known to be, and none is judged before all are.
    fn join(&mut self, other: Self) {
        for (path, extent) in other.ways {
            let known = self.ways.entry(path).or_insert(extent);
            *known = extent.min(*known);
        }
        self.account = self.account.filter(|it| other.account == Some(*it));
        self.is_named |= other.is_named;
    }
}

impl<'h> Parts<'h> {
    /// Adds what statements give in an account, since whoever holds it was made; says whether each of them is of a bucket.
    /// `names` says whether a statement names what is told of.
    pub(super) fn add(
        &mut self,
        platform: Platform,
        giving: impl IntoIterator<Item = (&'h HeldPolicy, &'h Statement)>,
        (account, since): (Option<&'h str>, Option<Timestamp>),
        names: impl Fn(&Statement) -> bool,
    ) -> bool {
        for (policy, statement) in giving {
            let Patterns::Only(resources) = &statement.resources else { return false };
            let extent = if statement.conditional { Extent::Maybe } else { Extent::Yes };
            for resource in resources {
                let Some(bucket) = granted_in(platform, resource) else { return false };
                let ways = BTreeMap::from([(policy.path.clone(), extent)]);
                let since = since.max(policy.since);
                let part = Part { ways, since, account, is_named: names(statement) };
                match self.0.entry(bucket) {
                    Entry::Occupied(mut known) => {
                        let known = known.get_mut();
                        // It may be held since the first of its ways, and one that does not say may be that.
                        let both = known.since.zip(part.since);
                        known.since = both.map(|(known, since)| known.min(since));
                        known.join(part);
                    }
                    Entry::Vacant(new) => {
                        new.insert(part);
                    }
                }
            }
        }
        true
    }

    /// Tells of those in which none of these deeds may have been; `sorts` are what a log must have for its use to be seen.
    pub(super) fn told(
        mut self,
        (platform, name): (Platform, &str),
        deeds: &[&Deeds],
        (sorts, days): (&[Sort<'_>], &dyn Fn() -> &'h BucketDays),
        whose: &Whose<'_, '_>,
    ) -> Vec<AuditEntry> {
        self.0.retain(|_, part| part.is_named);
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut reached = Reached::default();
        for it in deeds {
            reached.add(platform, it);
        }
        self.0.retain(|bucket, _| !reached.may_have(platform, bucket));
        if self.0.is_empty() {
            return Vec::new();
        }
        let (days, mut entries) = (days(), Vec::new());
        let mut rest: Option<(Part<'_>, Days)> = None;
        for (bucket, part) in self.0 {
            let observed = observed(platform, (&bucket, part.since), part.account, (sorts, days));
            if entries.len() < BUCKETS_MAX {
                entries.push(entry(name, (&bucket, part), observed, whose));
                continue;
            }
            rest = Some(match rest {
                None => (part, observed),
                Some((mut all, fewest)) => {
                    // Those of them that are newest are judged last.
                    all.since = all.since.max(part.since);
                    all.join(part);
                    (all, if observed.count() < fewest.count() { observed } else { fewest })
                }
            });
        }
        entries.extend(rest.map(|(part, days)| entry(name, ("*", part), days, whose)));
        entries
    }
}

/// Gives the days on which the use of something in a bucket would have been seen.
fn observed(
    platform: Platform,
    (bucket, since): (&str, Option<Timestamp>),
    account: Option<&str>,
    (sorts, days): (&[Sort<'_>], &BucketDays),
) -> Days {
    let Some(account) = account else { return Days::default() };
    let of = sorts.iter().map(|it| days.get(platform, account, it, bucket));
    let mut fewest = of.min_by_key(Days::count).unwrap_or_default();
    if let Some(since) = since {
        fewest.begin_at(since);
    }
    fewest
}

fn entry(
    name: &str,
    (bucket, part): (&str, Part<'_>),
    days: Days,
    whose: &Whose<'_, '_>,
) -> AuditEntry {
    let seen = Seen::of(days);
    let entry = unused((name.to_owned(), told(part.ways)), Some(&seen), part.since, whose);
    AuditEntry { within: Some(bucket.into()), ..entry }
}

#[cfg(test)]
mod tests;
