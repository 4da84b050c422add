//! Makes the map: places and hops from what was seen, from what is granted, and from the graphs of others.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Holder, Platform, Sensitivity, Timestamp};

use super::{
    AccessMap, Adjacency, Hop, Made, Place,
    possible::{any_on, asks, covers, is_denied, may, placed},
};
use crate::exercised::{Exercised, Namesakes, SystemIdentity, Tally, vouched};

/// The kind of a place that identities use.
pub(super) const RESOURCE: &str = "resource";
const IDENTITY: &str = "identity";
/// The kind of a hop to a resource.
pub(super) const ACCESS: &str = "access";

/// Which resources are how sensitive: the strictest of all patterns that fit counts.
pub type Labels = BTreeMap<String, Sensitivity>;

/// The system, the name, and the account where others may have the name as well.
type Key = (Option<Platform>, String, String);

#[derive(Debug, Default)]
struct Drawn {
    made: Option<Tally>,
    watched: (u64, u64),
    possible: bool,
    bars: bool,
}

/// Collects places and hops in any order.
#[derive(Debug, Default)]
pub struct MapBuilder {
    labels: Labels,
    places: BTreeMap<Key, (String, Option<Sensitivity>)>,
    hops: BTreeMap<(Key, Key, String), Drawn>,
    chains: BTreeSet<Vec<Key>>,
    listed: Vec<SystemIdentity>,
    pairs: Pairs,
}

/// Pairs of identities, which come to very many where each of an account may ask for each role of it.
#[derive(Debug)]
struct Pairs {
    /// How many more are looked at.
    most: u64,
    left_out: u64,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { most: 1_000_000, left_out: 0 }
    }
}

impl Pairs {
    /// Says whether one more is looked at.
    fn take(&mut self) -> bool {
        let is_left = self.most.checked_sub(1);
        self.most = is_left.unwrap_or(0);
        self.left_out = self.left_out.saturating_add(u64::from(is_left.is_none()));
        is_left.is_some()
    }
}

/// Those of a list who may ask for something of somebody at all.
struct Askers<'h> {
    roles: Vec<&'h Holder>,
    keys: Vec<&'h Holder>,
    /// Everybody, by name.
    by_name: BTreeMap<(Platform, &'h str), Vec<&'h Holder>>,
}

impl MapBuilder {
    /// Begins with what is known of resources.
    pub fn new(labels: Labels) -> Self {
        let mut all = Self { labels, ..Self::default() };
        for (pattern, sensitivity) in all.labels.clone() {
            let (platform, id) = placed(&pattern);
            all.places.insert(key(platform, id), (RESOURCE.to_owned(), Some(sensitivity)));
        }
        all
    }

    /// Looks at so many pairs of identities at most.
    #[cfg(test)]
    pub(super) fn looking_at(self, most: u64) -> Self {
        Self { pairs: Pairs { most, left_out: 0 }, ..self }
    }

    /// Adds what was seen. What is granted is added before: lists know names that a log shortens.
    #[must_use]
    pub fn walked(mut self, exercised: &Exercised) -> Self {
        let doers = exercised.doers();
        let names = Namesakes::new(std::mem::take(&mut self.listed).into_iter(), doers.keys());
        let doers = names.doers(doers);
        let watched = |it: &SystemIdentity, first: Timestamp| {
            let account = doers.get(it).map_or("", |it| it.account.as_str());
            let days = exercised.delivered(it.platform, account);
            let all = days.count();
            (all.saturating_sub(days.count_since(first)), all)
        };
        for id in doers.keys() {
            self.identity(id);
            if let (Some(subject), Some((provider, _))) =
                (vouched(id.platform, &id.id), id.id.split_once(&format!(":{}", vouched_id(id))))
            {
                let subject = self.identity(&names.of(subject));
                let provider = self.put(key(Some(id.platform), provider), IDENTITY);
                self.can(subject, provider, "vouched-for", true);
            }
        }
        for shown in names.shown(exercised.shown()).into_iter().filter(|it| !it.way.is_empty()) {
            let mut path = vec![self.identity(&shown.by)];
            let mut to = shown.by.clone();
            for step in &shown.way {
                let from = self.identity(&step.from);
                let next = (from.clone(), self.identity(&to), step.via.as_str());
                self.made(next, &shown.used, watched(&to, shown.used.first));
                path.push(from);
                to = step.from.clone();
            }
            path.reverse();
            self.chains.insert(path);
        }
        for (id, doer) in &doers {
            let here = self.identity(id);
            for deeds in doer.deeds.values().filter(|it| it.certainty.is_permission()) {
                for (resource, tally) in deeds.done.iter().filter(|(name, _)| !name.is_empty()) {
                    if let Some(to) = self.resource(id.platform, resource) {
                        self.made((here.clone(), to, ACCESS), tally, watched(id, tally.first));
                    }
                }
            }
        }
        self
    }

    /// Adds what is granted.
    #[must_use]
    pub fn granted(mut self, holders: &[Holder]) -> Self {
        // Where there are too many, those that come first by name are looked at, whatever the order of the list.
        let mut holders: Vec<&Holder> = holders.iter().collect();
        holders.sort_by_key(|it| (it.platform, &it.id, &it.account));
        let ask = |action| holders.iter().filter(|it| asks(it, action)).copied().collect();
        let (roles, keys) = (ask("sts:AssumeRole"), ask("iam:CreateAccessKey"));
        let mut askers = Askers { roles, keys, by_name: BTreeMap::new() };
        for it in &holders {
            askers.by_name.entry((it.platform, it.id.as_str())).or_default().push(it);
        }
        for holder in &holders {
            let name = SystemIdentity::within(holder.platform, &holder.id, &holder.account);
            let to = self.identity(&name);
            self.listed.push(name);
            for trusted in &holder.trusts {
                self.trusted(trusted, holder, &to, &askers);
            }
            if holder.platform == Platform::Aws && holder.id.contains(":user/") {
                let own = askers.keys.iter();
                for maker in own.filter(|it| it.id != holder.id && it.account == holder.account) {
                    if self.pairs.take() && may(maker, "iam:CreateAccessKey", &holder.id) {
                        let from = self.put(key(Some(maker.platform), &maker.id), IDENTITY);
                        self.can(from, to.clone(), "key", true);
                    }
                }
            }
            for pattern in self.labels.keys().cloned().collect::<Vec<_>>() {
                let (platform, target) = placed(&pattern);
                let of_it = platform.is_none_or(|it| it == holder.platform);
                if of_it && may(holder, &any_on(target), target) {
                    self.can(to.clone(), key(platform, target), ACCESS, true);
                }
            }
        }
        self
    }

    /// Adds who is trusted to become `holder`: somebody by name, or whoever of an account may ask for it.
    fn trusted(&mut self, trusted: &str, holder: &Holder, to: &Key, askers: &Askers<'_>) {
        let own = Some(holder.platform);
        let account = match trusted.strip_suffix(":root") {
            Some(arn) => arn.rsplit(':').next().filter(|_| arn.starts_with("arn:")),
            None => Some(trusted)
                .filter(|it| it.len() == 12 && it.bytes().all(|it| it.is_ascii_digit())),
        };
        if account.is_none() && trusted != "*" {
            let from = self.put(key(own, trusted), IDENTITY);
            let listed = askers.by_name.get(&(holder.platform, trusted)).into_iter().flatten();
            let mut listed = listed.copied();
            if !listed.any(|it| is_denied(it, "sts:AssumeRole", &holder.id)) {
                self.can(from, to.clone(), "trust", true);
            }
            return;
        }
        let askers = askers.roles.iter().filter(|it| {
            it.platform == holder.platform
                && it.id != holder.id
                && account.is_none_or(|account| it.account == account)
        });
        for asker in askers {
            if !(self.pairs.take() && may(asker, "sts:AssumeRole", &holder.id)) {
                continue;
            }
            let from = self.put(key(own, &asker.id), IDENTITY);
            self.can(from, to.clone(), "trust", true);
        }
        if account.is_none_or(|it| it != holder.account) {
            // Who of another account may ask, that account says.
            let from = self.put(key(own, trusted), IDENTITY);
            self.can(from, to.clone(), "trust", true);
        }
    }

    /// Adds a place of another's graph. What has the name of one that is known is that one.
    pub fn foreign_place(&mut self, id: &str, kind: &str) {
        let key = self.known(id);
        self.put(key, kind);
    }

    /// Adds a hop of another's graph.
    pub fn foreign_hop(&mut self, from: &str, to: &str, via: &str, traversable: bool) {
        let (from, to) = (self.known(from), self.known(to));
        self.put(from.clone(), "unknown");
        self.put(to.clone(), "unknown");
        self.can(from, to, via, traversable);
    }

    fn known(&self, id: &str) -> Key {
        let of = |it: Platform| {
            let first = self.places.range(key(Some(it), id)..).next()?.0;
            (first.0 == Some(it) && first.1 == id).then(|| first.clone())
        };
        Platform::ALL.into_iter().find_map(of).unwrap_or_else(|| key(None, id))
    }

    /// Ends it.
    pub fn map(self) -> AccessMap {
        let numbers: BTreeMap<&Key, u32> = self.places.keys().zip(0_u32..).collect();
        let number = |it: &Key| numbers.get(it).copied().unwrap_or(u32::MAX);
        let places =
            self.places.iter().map(|((platform, id, within), (kind, sensitivity))| Place {
                platform: *platform,
                id: id.clone(),
                within: within.clone(),
                kind: kind.clone(),
                sensitivity: *sensitivity,
            });
        let hops = self.hops.iter().map(|((from, to, via), drawn)| Hop {
            from: number(from),
            to: number(to),
            via: via.clone(),
            made: drawn.made.clone().map(|used| Made {
                used,
                watched_before: drawn.watched.0,
                observed_days: drawn.watched.1,
            }),
            possible: drawn.possible,
            traversable: !drawn.bars || drawn.made.is_some(),
        });
        let (places, hops): (Vec<_>, Vec<_>) = (places.collect(), hops.collect());
        let ends: Vec<_> = hops.iter().map(|it| (it.from, it.to)).collect();
        let turned: Vec<_> = hops.iter().map(|it| (it.to, it.from)).collect();
        AccessMap {
            forward: Adjacency::new(places.len(), &ends),
            backward: Adjacency::new(places.len(), &turned),
            pairs_left_out: self.pairs.left_out,
            chains: self.chains.iter().map(|it| it.iter().map(number).collect()).collect(),
            places,
            hops,
        }
    }

    fn identity(&mut self, it: &SystemIdentity) -> Key {
        let it = vouched(it.platform, &it.id).unwrap_or_else(|| it.clone());
        self.put((Some(it.platform), it.id, it.within), IDENTITY)
    }

    /// Gives the place of a resource: that of a pattern that has all of it, the strictest one, or one of its own. What is
    /// an identity is none.
    fn resource(&mut self, platform: Platform, name: &str) -> Option<Key> {
        let fits = |it: &&String| {
            let (of, pattern) = placed(it);
            of.is_none_or(|it| it == platform) && covers(pattern, name)
        };
        let strictest =
            self.labels.iter().filter(|it| fits(&it.0)).max_by_key(|it| (it.1, it.0.len()));
        if let Some((of, pattern)) = strictest.map(|it| placed(it.0)) {
            return Some(key(of, pattern));
        }
        let key = self.put(key(Some(platform), name), RESOURCE);
        self.places.get(&key).is_some_and(|it| it.0 == RESOURCE).then_some(key)
    }

    fn put(&mut self, key: Key, kind: &str) -> Key {
        let known = self.places.entry(key.clone()).or_insert_with(|| (kind.to_owned(), None));
        if known.0 == "unknown" {
            kind.clone_into(&mut known.0);
        }
        key
    }

    fn made(&mut self, (from, to, via): (Key, Key, &str), used: &Tally, watched: (u64, u64)) {
        if from == to {
            return;
        }
        let drawn = self.hops.entry((from, to, via.to_owned())).or_default();
        // The earliest use says how long it was watched for before.
        if drawn.made.as_ref().is_none_or(|it| used.first < it.first) {
            drawn.watched = watched;
        }
        match &mut drawn.made {
            Some(known) => known.join(used),
            none => *none = Some(used.clone()),
        }
    }

    fn can(&mut self, from: Key, to: Key, via: &str, traversable: bool) {
        if from != to {
            let drawn = self.hops.entry((from, to, via.to_owned())).or_default();
            // Whatever order they come in: one that can be gone along is enough, and what was made can.
            drawn.bars = !traversable && (drawn.bars || !drawn.possible);
            drawn.possible = true;
        }
    }
}

/// Gives the key of what has its name to itself.
fn key(platform: Option<Platform>, id: &str) -> Key {
    (platform, id.to_owned(), String::new())
}

fn vouched_id(it: &SystemIdentity) -> String {
    vouched(it.platform, &it.id).map(|it| it.id).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_as_sensitive_as_the_strictest_pattern_that_has_all_of_it() {
        let labels = Labels::from([
            ("arn:aws:s3:::pay*".to_owned(), Sensitivity::Internal),
            ("arn:aws:s3:::payroll/*".to_owned(), Sensitivity::Restricted),
            ("arn:aws:s3:::reports/salaries/*".to_owned(), Sensitivity::Restricted),
        ]);
        let mut all = MapBuilder::new(labels);
        for (name, place) in [
            ("arn:aws:s3:::payments", "arn:aws:s3:::pay*"),
            ("arn:aws:s3:::payroll/*", "arn:aws:s3:::payroll/*"),
            // Of a whole bucket nobody knows whether the salaries were among it.
            ("arn:aws:s3:::reports/*", "arn:aws:s3:::reports/*"),
        ] {
            assert_eq!(all.resource(Platform::Aws, name).expect("a place").1, place);
        }
    }
}
