//! How far enforcement reaches, by identity and system: each call is decided, a session is, a log tells afterwards, or nothing does.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{ActorKind, Platform, Via};
use serde::{Deserialize, Serialize};

use super::{Seen, SystemName};
use crate::exercised::SystemIdentity;

/// How far it reaches. What reaches farther comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Each call is decided before it is made.
    Prevent,
    /// A credential was leased, and can be taken back.
    Session,
    /// A log tells afterwards.
    Observe,
    /// Nothing that was read would tell.
    Blind,
}

impl Reach {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Prevent, Self::Session, Self::Observe, Self::Blind];

    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prevent => "prevent",
            Self::Session => "session",
            Self::Observe => "observe",
            Self::Blind => "blind",
        }
    }
}

/// One identity in one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SystemReach {
    /// Who: by the system's own name, or by the charter's where no system's is known.
    pub identity: String,
    /// Whose charter knows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charter: Option<String>,
    /// Where: `aws:111122223333`, a server behind the gateway (`mcp:files`), or a target of leases (`target:warehouse`).
    pub system: String,
    /// How far.
    pub reach: Reach,
    /// What that rests on.
    pub why: String,
}

const DECIDED: &str = "its calls pass the gateway, which decides each";
const LEASED: &str = "its credential there was leased for a task";
const LEASES: &str = "its charter lets it have leases there, and nothing else";
const LOGGED: &str = "a log of it was read";
const UNREAD: &str = "no log of it was read";

pub(super) fn of(seen: &Seen<'_>) -> Vec<SystemReach> {
    let logged: BTreeSet<SystemName> = seen
        .touched
        .iter()
        .map(|it| SystemName { platform: it.who.platform, account: it.account.clone() })
        .collect();
    // One credential that was not leased is a way around.
    let mut leased: BTreeMap<&SystemIdentity, bool> = BTreeMap::new();
    for it in &seen.shown {
        let is_lease = it.way.first().is_some_and(|it| it.via == Via::Lease);
        let known = leased.entry(&it.by).or_insert(is_lease);
        *known = *known && is_lease;
    }
    let mut all: BTreeMap<(String, String), SystemReach> = BTreeMap::new();
    let mut add = |it: SystemReach| {
        let key = (it.identity.clone(), it.system.clone());
        let known = all.entry(key).or_insert_with(|| it.clone());
        if it.reach < known.reach {
            *known = it;
        }
    };
    natives(seen, &logged, &leased, &mut add);
    for charter in seen.charters {
        let told = |system: String, reach, why: &str| SystemReach {
            identity: charter.identity.clone(),
            charter: Some(charter.identity.clone()),
            system,
            reach,
            why: why.to_owned(),
        };
        for server in &charter.servers {
            add(told(format!("mcp:{server}"), Reach::Prevent, DECIDED));
        }
        for target in &charter.targets {
            add(told(format!("target:{target}"), Reach::Session, LEASES));
        }
        for system in &charter.systems {
            let is_met = |it: &&SystemName| {
                it.platform == system.platform
                    && (system.account.is_empty() || it.account == system.account)
            };
            let of_system = charter.known_as.iter().any(|it| it.platform == system.platform);
            let is_told = charter.known_as.iter().any(|name| {
                name.platform == system.platform
                    && seen
                        .audit
                        .identities
                        .iter()
                        .any(|it| (it.platform, &it.id) == (name.platform, &name.id))
            });
            match (logged.iter().any(|it| is_met(&it)), of_system) {
                // Its names there stand for it.
                (true, true) if is_told => {}
                (true, true) => add(told(system.to_string(), Reach::Observe, LOGGED)),
                (true, false) => {
                    let why = "a log of it was read, and the charter does not say what it is called there";
                    add(told(system.to_string(), Reach::Blind, why));
                }
                (false, _) => add(told(system.to_string(), Reach::Blind, UNREAD)),
            }
        }
    }
    all.into_values().collect()
}

/// Tells of everybody that a system names, in each account that it was in.
fn natives(
    seen: &Seen<'_>,
    logged: &BTreeSet<SystemName>,
    leased: &BTreeMap<&SystemIdentity, bool>,
    add: &mut impl FnMut(SystemReach),
) {
    let mut accounts: BTreeMap<&SystemIdentity, BTreeSet<&str>> = BTreeMap::new();
    for it in &seen.touched {
        accounts.entry(&it.who).or_default().insert(&it.account);
    }
    for it in &seen.audit.identities {
        if matches!(it.kind, ActorKind::Platform | ActorKind::Anonymous) {
            continue;
        }
        let own = BTreeSet::from([it.account.as_str()]);
        let name = it.name();
        let accounts = accounts.get(&name).unwrap_or(&own);
        let is_leased = leased.get(&name).copied().unwrap_or(false);
        for account in accounts {
            let system = SystemName { platform: it.platform, account: (*account).to_owned() };
            let (reach, why) = match (it.platform, it.kind) {
                (Platform::Mcp, ActorKind::Agent) => (Reach::Prevent, DECIDED),
                (_, _) if is_leased => (Reach::Session, LEASED),
                (_, _) if logged.contains(&system) => (Reach::Observe, LOGGED),
                (_, _) => (Reach::Blind, UNREAD),
            };
            add(SystemReach {
                identity: it.id.clone(),
                charter: seen.charter_of(it.platform, &it.id),
                system: system.to_string(),
                reach,
                why: why.to_owned(),
            });
        }
    }
}
