//! What deserves a word while logs come in.
//!
//! Accesses are folded as `audit` folds those of files, a stretch of them at a time, so that whoever watches needs no more
//! room the longer it watches. What is noticed is a set: the same accesses in another order, or twice, make the same. From one
//! stretch to the next goes what a later access may be joined to: who made which credential.
//!
//! Accesses come by several ways, and whoever writes one of them chooses how much there is of it. So each way has a share of
//! what goes on, and what is noticed says by which ways it is known.

mod ways;

use std::time::Duration;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Timestamp, Via};
use serde::{Deserialize, Serialize};

pub use self::ways::Inlets;
use self::ways::{Told, level};
use crate::{
    audit::audit,
    exercised::{Exercised, Taken},
    intent::{FindingKind, Intent, IntentPolicy, judge},
    names::Catalogue,
};

/// How many accesses a stretch has.
const STRETCH: u64 = 32_768;
/// How long its names are in all: whoever writes a log chooses how long they are.
const NAMES: usize = 32 << 20;
/// How long the names of one may be that made a credential and goes on to the next stretch.
const NAMES_OF_ONE: usize = 16 << 10;
/// How many of those that made a credential go on to the next stretch: the latest.
const MADE_MAX: usize = 4096;
/// How many of one way go on, however many other ways there are.
const MADE_MIN: usize = 256;
/// What is noticed while logs come in: what more of them does not take back.
const NOTICED: [FindingKind; 3] =
    [FindingKind::OutsideCharter, FindingKind::Ownerless, FindingKind::CrossPlatformHop];

/// A stretch of accesses.
#[derive(Debug)]
pub struct Live {
    exercised: Exercised,
    made: Vec<MadeBy>,
    /// How many of them there were when the last were forgotten.
    kept: usize,
    taken: u64,
    /// How long the names are of those that were taken.
    names: usize,
    told: Told,
}

/// An access that made a credential, with as much of it as a later one is joined by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MadeBy {
    at: Timestamp,
    platform: Platform,
    key: (u64, u64),
    account: String,
    id: String,
    kind: ActorKind,
    credential: String,
    behind: Vec<String>,
    made: String,
    to: String,
    via: Via,
    until: Option<Timestamp>,
    /// The number of the way that it came by, or one that no way has.
    #[serde(default)]
    way: u8,
}

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Noticed {
    /// What sort of finding it is.
    pub kind: FindingKind,
    /// What it is about. What is noticed of the same thing again is the same.
    pub subject: String,
    /// What people read.
    pub text: String,
    /// By which ways each of those is known whom it is about.
    pub ways: Vec<Inlets>,
}

impl Live {
    /// Begins with those who made credentials before.
    pub fn new(made: Vec<MadeBy>) -> Self {
        // What a permission is called is no matter here, and the list of all names takes room.
        let nothing = Catalogue::parse("# none\n").unwrap_or_else(|_| Catalogue::carried());
        let (exercised, kept) = (Exercised::new(nothing), made.len());
        let (told, taken, names) = (Told::default(), 0, 0);
        let mut live = Self { exercised, made: Vec::new(), kept, taken, names, told };
        for it in &made {
            live.told.take(&it.exercise(), it.way, true);
            live.exercised.take(&it.exercise());
        }
        live.made = made;
        live
    }

    /// Takes one access that came by the way of this number.
    pub fn take(&mut self, it: &Exercise<'_>, way: u8) {
        let is_new = self.exercised.take(it) == Taken::New;
        self.told.take(it, way, is_new);
        if !is_new {
            return;
        }
        self.taken = self.taken.saturating_add(1);
        let names = names_of(it);
        self.names = self.names.saturating_add(names);
        self.made.extend(MadeBy::of(it, way).filter(|_| names <= NAMES_OF_ONE));
        if self.kept.max(MADE_MAX).saturating_mul(2) < self.made.len() {
            self.forget();
        }
    }

    /// Says whether the stretch is at its end.
    pub fn is_full(&self) -> bool {
        STRETCH <= self.taken || NAMES <= self.names
    }

    /// Says whether it is so far beyond its end that no more of it should be held.
    pub fn is_over(&self) -> bool {
        STRETCH.saturating_mul(2) <= self.taken || NAMES.saturating_mul(2) <= self.names
    }

    /// Counts the accesses that were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Ends the stretch, and gives who made credentials in it or before.
    #[must_use]
    pub fn end(mut self) -> Vec<MadeBy> {
        self.forget();
        self.made
    }

    fn forget(&mut self) {
        self.made.sort_unstable();
        self.made.dedup();
        let mut counts = [0_usize; 256];
        for it in &self.made {
            if let Some(count) = counts.get_mut(usize::from(it.way)) {
                *count = count.saturating_add(1);
            }
        }
        let level = level(&counts, MADE_MAX).max(MADE_MIN);
        // They are in order of time: of each way the first go.
        self.made.retain(|it| {
            let Some(count) = counts.get_mut(usize::from(it.way)) else { return true };
            let stays = *count <= level;
            *count = count.saturating_sub(1);
            stays
        });
        self.kept = self.made.len();
    }

    /// Gives everything that deserves a word.
    pub fn noticed(&self, charters: &[Intent]) -> Vec<Noticed> {
        let mut told = audit(&self.exercised, &[]);
        let policy = IntentPolicy { max_key_age: Duration::MAX, unused_days: u64::MAX };
        judge(&self.exercised, &mut told, charters, policy);
        let findings = told.findings.iter().filter(|it| NOTICED.contains(&it.finding));
        let mut all: Vec<_> = findings
            .filter(|it| it.finding != FindingKind::CrossPlatformHop)
            .map(|it| {
                let who = format!("{}:{}", it.platform, it.identity);
                let place = it.system.as_ref().map(|it| format!(" in {it}")).unwrap_or_default();
                let text = format!("{who}: {}", it.says);
                // A system is told of as `PLATFORM:ACCOUNT`.
                let account = it.system.as_ref().and_then(|it| it.split_once(':')).map(|it| it.1);
                let ways = vec![self.told.of(it.platform, &it.identity, account)];
                Noticed { kind: it.finding, subject: format!("{who}{place}"), text, ways }
            })
            .collect();
        for chain in told.chains.iter().filter(|it| it.crosses) {
            let names: Vec<_> = chain.platforms.iter().zip(&chain.path).collect();
            for (pair, via) in names.windows(2).zip(&chain.via) {
                let [(from, one), (to, next)] = pair else { continue };
                // A way may be known farther back later on: the hop itself stays the same.
                if from != to {
                    let subject = format!("{from}:{one} › {to}:{next}");
                    let text =
                        format!("first seen at {}: {subject} ({})", chain.first, via.as_str());
                    let ways =
                        vec![self.told.of(**from, one, None), self.told.of(**to, next, None)];
                    let kind = FindingKind::CrossPlatformHop;
                    all.push(Noticed { kind, subject, text, ways });
                }
            }
        }
        all.sort();
        all.dedup_by(|one, next| (one.kind, &one.subject) == (next.kind, &next.subject));
        all
    }
}

/// Gives how long all names of an access are.
fn names_of(it: &Exercise<'_>) -> usize {
    let actor = &it.actor;
    let issued = it.issued.iter().flat_map(|it| [&it.credential, &it.to]);
    let own = [&it.account, &it.service, &it.operation, &it.resource, &it.code, &it.granted_by];
    let all = own.into_iter().chain([&actor.id, &actor.credential, &actor.through]);
    all.chain(&actor.chain).chain(issued).map(|it| it.len()).fold(0, usize::saturating_add)
}

impl MadeBy {
    /// Has it known by the number that its way has now. Where its way is there no more, it may be known by any.
    pub fn renumber(&mut self, now: impl Fn(u8) -> Option<u8>) {
        self.way = now(self.way).unwrap_or(u8::MAX);
    }

    /// Takes what is needed of an access that made a credential.
    fn of(it: &Exercise<'_>, way: u8) -> Option<Self> {
        let issued = it.issued.as_ref().filter(|it| !it.credential.is_empty())?;
        let half = |it: u128| u64::try_from(it & u128::from(u64::MAX)).unwrap_or_default();
        Some(Self {
            at: it.at,
            platform: it.platform,
            key: (half(it.key >> 64), half(it.key)),
            account: it.account.to_string(),
            id: it.actor.id.to_string(),
            kind: it.actor.kind,
            credential: it.actor.credential.to_string(),
            behind: it.actor.chain.iter().map(ToString::to_string).collect(),
            made: issued.credential.to_string(),
            to: issued.to.to_string(),
            via: issued.via,
            until: issued.until,
            way,
        })
    }

    fn exercise(&self) -> Exercise<'_> {
        Exercise {
            platform: self.platform,
            key: u128::from(self.key.0) << 64 | u128::from(self.key.1),
            at: self.at,
            account: self.account.as_str().into(),
            actor: Actor {
                id: self.id.as_str().into(),
                kind: self.kind,
                credential: self.credential.as_str().into(),
                chain: self.behind.iter().map(|it| it.as_str().into()).collect(),
                ..Actor::default()
            },
            service: "".into(),
            operation: "".into(),
            along: Along::NOTHING,
            resource: "".into(),
            ended: Ended::Success,
            code: "".into(),
            issued: Some(Issued {
                credential: self.made.as_str().into(),
                to: self.to.as_str().into(),
                via: self.via,
                until: self.until,
            }),
            data: false,
            internal: false,
            granted_by: "".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    /// GitHub's workflow of a number takes a role of AWS, which acts; another role acts that nobody made.
    fn access((what, number, minute): (u8, u8, u8)) -> Exercise<'static> {
        let (platform, id, credential, issued) = match what % 4 {
            0 => {
                let issued = Issued {
                    credential: Cow::Owned(format!("ASIA00000000000000{number}")),
                    to: Cow::Owned(format!("role-{number}")),
                    via: Via::Federation,
                    until: None,
                };
                (Platform::Github, format!("repo:{number}"), String::new(), Some(issued))
            }
            1 => (
                Platform::Aws,
                format!("role-{number}"),
                format!("ASIA00000000000000{number}"),
                None,
            ),
            2 => (
                Platform::Aws,
                format!("other-{number}"),
                format!("AKIA00000000000000{number}"),
                None,
            ),
            _ => (Platform::Okta, format!("app-{number}"), String::new(), None),
        };
        // A credential is used after it was made.
        let hour = i64::from(what % 4 != 0);
        let at = Timestamp::from_millis(
            hour.saturating_mul(3_600_000).saturating_add(i64::from(minute)),
        );
        Exercise {
            platform,
            key: u128::from(what) << 32 | u128::from(number) << 16 | u128::from(minute),
            at,
            account: Cow::Borrowed(if number.is_multiple_of(2) { "one" } else { "two" }),
            actor: Actor {
                id: Cow::Owned(id),
                kind: ActorKind::Role,
                credential: Cow::Owned(credential),
                ..Actor::default()
            },
            service: Cow::Borrowed("s3.amazonaws.com"),
            operation: Cow::Borrowed("GetObject"),
            along: Along::NOTHING,
            resource: Cow::Borrowed(""),
            ended: if minute == 7 { Ended::Denied } else { Ended::Success },
            code: Cow::Borrowed(""),
            issued,
            data: false,
            internal: false,
            granted_by: Cow::Borrowed(""),
        }
    }

    fn charters() -> Vec<Intent> {
        vec![Intent {
            identity: "bot".to_owned(),
            systems: ["aws:one".parse().unwrap()].into(),
            known_as: ["aws:role-1".parse().unwrap(), "aws:role-2".parse().unwrap()].into(),
            ..Intent::default()
        }]
    }

    fn names(all: &[Noticed]) -> Vec<String> {
        all.iter().map(|it| format!("{} {}", it.kind, it.subject)).collect()
    }

    fn fold(accesses: &[Exercise<'_>]) -> Live {
        let mut live = Live::new(Vec::new());
        for it in accesses {
            live.take(it, 0);
        }
        live
    }

    #[test]
    fn what_is_noticed_is_what_nobody_answers_for_or_meant_and_what_crosses() {
        let all: Vec<_> =
            [(0, 1, 0), (1, 1, 1), (1, 2, 2), (3, 4, 0), (3, 5, 7)].map(access).into();
        let noticed = fold(&all).noticed(&charters());
        assert_eq!(
            names(&noticed),
            [
                "outside-charter aws:role-1 in aws:two",
                "ownerless github:repo:1",
                "ownerless okta:app-4",
                "ownerless okta:app-5",
                "cross-platform-hop github:repo:1 › aws:role-1",
            ]
        );
        assert_eq!(
            names(&fold(&all).noticed(&[])),
            ["cross-platform-hop github:repo:1 › aws:role-1"]
        );
    }

    #[test]
    fn who_made_a_credential_is_known_in_the_next_stretch() {
        let made = fold(&[access((0, 1, 0))]).end();
        let text = serde_json::to_string(&made).unwrap();
        let mut live = Live::new(serde_json::from_str(&text).unwrap());
        assert_eq!(live.taken(), 0);
        live.take(&access((1, 1, 1)), 0);
        assert_eq!(names(&live.noticed(&[])), ["cross-platform-hop github:repo:1 › aws:role-1"]);
        assert_eq!(live.end(), made);
    }

    #[test]
    fn a_stretch_ends_and_what_goes_on_is_bounded() {
        let mut live = Live::new(Vec::new());
        for number in 0..STRETCH {
            let mut it = access((0, 1, 0));
            it.key = u128::from(number);
            it.at = Timestamp::from_millis(i64::try_from(number).unwrap());
            assert!(!live.is_full());
            live.take(&it, 0);
        }
        assert!(live.is_full() && !live.is_over());
        let made = live.end();
        assert_eq!(made.len(), MADE_MAX);
        assert_eq!(
            made.last().unwrap().at.millis(),
            i64::try_from(STRETCH).unwrap().saturating_sub(1)
        );
    }

    #[test]
    fn long_names_end_a_stretch_and_go_no_further() {
        let mut live = Live::new(Vec::new());
        let mut count = 0_usize;
        while !live.is_over() {
            assert!(count < 128, "64 MiB are held");
            let mut it = access((0, 1, 0));
            it.key = u128::try_from(count).unwrap();
            it.actor.id = Cow::Owned(format!("{count}{}", "x".repeat(512 << 10)));
            live.take(&it, 0);
            count = count.saturating_add(1);
            assert_eq!(live.is_full(), 64 <= count);
        }
        live.take(&access((0, 2, 0)), 0);
        assert_eq!(live.end().len(), 1);
    }

    #[test]
    fn a_way_that_floods_takes_no_more_than_its_share_of_what_goes_on() {
        let mut live = Live::new(Vec::new());
        live.take(&access((0, 1, 0)), 1);
        for number in 0..STRETCH {
            let mut it = access((0, 2, 0));
            it.key = u128::from(number).saturating_add(1 << 40);
            it.at = Timestamp::from_millis(i64::try_from(number).unwrap().saturating_add(1));
            live.take(&it, 0);
        }
        let made = live.end();
        assert_eq!(made.len(), MADE_MAX);
        let mut live = Live::new(made);
        live.take(&access((1, 1, 1)), 2);
        let noticed = live.noticed(&[]);
        assert_eq!(names(&noticed), ["cross-platform-hop github:repo:1 › aws:role-1"]);
        let ways =
            noticed.first().map(|it| it.ways.iter().map(|it| it.numbers().collect::<Vec<_>>()));
        assert_eq!(ways.unwrap().collect::<Vec<_>>(), [vec![1], vec![2]]);
    }

    #[test]
    fn who_came_by_a_way_that_is_gone_may_be_known_by_all() {
        let mut first = Live::new(Vec::new());
        first.take(&access((0, 1, 0)), 1);
        first.take(&access((0, 2, 0)), 2);
        let mut made = first.end();
        for it in &mut made {
            it.renumber(|it| (it == 2).then_some(0));
        }
        let mut live = Live::new(made);
        live.take(&access((1, 1, 1)), 3);
        live.take(&access((1, 2, 1)), 3);
        let ways: Vec<Vec<Vec<u8>>> = live
            .noticed(&[])
            .iter()
            .map(|it| it.ways.iter().map(|it| it.numbers().collect()).collect())
            .collect();
        assert_eq!(ways, [[vec![0, 3], vec![3]], [vec![0], vec![3]]]);
    }

    #[test]
    fn what_is_noticed_says_by_which_ways_it_is_known() {
        let mut live = Live::new(Vec::new());
        // One way names a role of another in an account that is none of its own.
        live.take(&access((1, 1, 1)), 3);
        let mut strange = access((1, 2, 1));
        strange.account = Cow::Borrowed("three");
        live.take(&strange, 5);
        let mut other = access((1, 2, 1));
        other.account = Cow::Borrowed("two");
        other.key = 99;
        live.take(&other, 3);
        let ways: Vec<_> = live
            .noticed(&charters())
            .iter()
            .map(|it| (it.subject.clone(), it.ways.iter().flat_map(|it| it.numbers()).collect()))
            .collect();
        let wanted: [(String, Vec<u8>); 3] = [
            ("aws:role-1 in aws:two".to_owned(), vec![3]),
            ("aws:role-2 in aws:three".to_owned(), vec![5]),
            ("aws:role-2 in aws:two".to_owned(), vec![3]),
        ];
        assert_eq!(ways, wanted);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Law 10: the order of arrival and a second reading change nothing, nor does where the reading was cut in two.
        #[test]
        fn order_and_repetition_change_nothing_that_is_noticed(
            seeds in proptest::collection::vec((0..4_u8, 0..3_u8, 0..9_u8), 1..24),
            turned in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let all: Vec<_> = seeds.into_iter().map(access).collect();
            let once = names(&fold(&all).noticed(&charters()));
            let mut again: Vec<_> = all.iter().chain(&all).cloned().collect();
            let by = turned.index(again.len());
            again.rotate_left(by);
            prop_assert_eq!(&once, &names(&fold(&again).noticed(&charters())));
            again.reverse();
            prop_assert_eq!(&once, &names(&fold(&again).noticed(&charters())));
            // In two stretches, in order of time: both together notice the same.
            let mut all = all;
            all.sort_by_key(|it| it.at);
            let (one, next) = all.split_at(cut.index(all.len().saturating_add(1)));
            let first = fold(one);
            let mut both = first.noticed(&charters());
            let mut second = Live::new(first.end());
            for it in next {
                second.take(it, 0);
            }
            both.extend(second.noticed(&charters()));
            both.sort();
            both.dedup_by(|one, next| (one.kind, &one.subject) == (next.kind, &next.subject));
            prop_assert_eq!(&once, &names(&both));
        }
    }
}
