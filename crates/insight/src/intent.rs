//! What identities are meant to do, and what of an audit deserves a look because of it.
//!
//! Each sort of finding is a file, and a line here; the order of the lines is the order in which findings are told. Where
//! what a finding rests on was not read, there is none: silence of a log is not evidence.

mod charted;
mod finding;
mod hop;
mod idle;
mod keys;
mod logs_in;
mod outside;
mod ownerless;
mod privilege;
mod reach;
mod shared;
mod standing;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use bailiwick_model::{ActorKind, Platform, Timestamp};

pub use self::{
    charted::{Intent, NativeName, SystemName},
    finding::{FindingKind, FindingKindError, IntentFinding, Risk},
    reach::{Reach, SystemReach},
};
use crate::{
    audit::{Audit, AuditedIdentity},
    exercised::{Exercised, MadeCredential, Namesakes, Shown, SystemIdentity, Touched},
};

/// From when on something is too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntentPolicy {
    /// A lasting credential is to be made anew after so long.
    pub max_key_age: Duration,
    /// A lasting credential is unused after so many days on which its use would have been seen.
    pub unused_days: u64,
}

/// Everything that findings are made of.
struct Seen<'a> {
    exercised: &'a Exercised,
    audit: &'a Audit,
    charters: &'a [Intent],
    policy: IntentPolicy,
    /// The last moment that was told of: ages count up to it, not to a clock that no log knows.
    end: Timestamp,
    shown: Vec<Shown>,
    made: Vec<MadeCredential>,
    touched: Vec<Touched>,
}

type Finder = fn(&Seen<'_>) -> Vec<IntentFinding>;

/// Every sort of finding, what to look at first first. A new one is a file and a line here.
const FINDERS: &[Finder] = &[
    outside::run,
    idle::run,
    keys::overdue,
    keys::lasting,
    shared::run,
    ownerless::run,
    logs_in::run,
    standing::run,
    privilege::run,
    hop::run,
];

/// Finds what deserves a look, and how far enforcement reaches, and puts both into the audit.
pub fn judge(exercised: &Exercised, audit: &mut Audit, charters: &[Intent], policy: IntentPolicy) {
    let end = audit.summary.window.map_or(Timestamp::from_millis(0), |it| it.1);
    let names = Namesakes::new(audit.identities.iter().map(AuditedIdentity::name), [].iter());
    let seen = Seen {
        exercised,
        audit,
        charters,
        policy,
        end,
        shown: names.shown(exercised.shown()),
        made: names.made(exercised.made()),
        touched: names.touched(exercised.touched()),
    };
    let mut findings: Vec<_> = FINDERS.iter().flat_map(|find| find(&seen)).collect();
    findings.sort_by(IntentFinding::order);
    let reach = reach::of(&seen);
    (audit.findings, audit.reach) = (findings, reach);
}

impl Seen<'_> {
    /// Gives the charters that know an identity of a system.
    fn charters_of<'s>(
        &'s self,
        platform: Platform,
        id: &'s str,
    ) -> impl Iterator<Item = &'s Intent> {
        self.charters.iter().filter(move |it| it.knows(platform, id))
    }

    /// Gives the name of the first charter that knows an identity.
    fn charter_of(&self, platform: Platform, id: &str) -> Option<String> {
        self.charters_of(platform, id).next().map(|it| it.identity.clone())
    }

    /// Gives the identities that somebody is to answer for: no people, and nothing that the system keeps for itself.
    fn non_human(&self) -> impl Iterator<Item = &AuditedIdentity> {
        self.audit.identities.iter().filter(|it| is_non_human(it.kind, &it.id))
    }

    /// Gives how many days of an account's log there are from the day after a moment on.
    fn days_after(&self, platform: Platform, account: &str, at: Timestamp) -> u64 {
        const DAY: Duration = Duration::from_secs(86_400);
        self.exercised.delivered(platform, account).count_since(at.after(DAY))
    }

    /// Gives all that each identity did, whatever account it was in.
    fn sums(&self) -> BTreeMap<&SystemIdentity, (u64, u64)> {
        let mut sums: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for it in &self.touched {
            let sum = sums.entry(&it.who).or_default();
            sum.0 = sum.0.saturating_add(it.touch.done);
            sum.1 = sum.1.saturating_add(it.touch.sign_ins);
        }
        sums
    }
}

/// Says whether somebody is to answer for an identity that is not a person.
fn is_non_human(kind: ActorKind, id: &str) -> bool {
    let is_systems_own = id.contains(":role/aws-service-role/") || id.ends_with(":root");
    match kind {
        ActorKind::Person | ActorKind::Platform | ActorKind::Anonymous => false,
        ActorKind::Service | ActorKind::Role | ActorKind::Agent | ActorKind::Unknown => {
            !is_systems_own
        }
    }
}
