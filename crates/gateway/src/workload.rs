//! The Workload API of this machine: processes are told who they are, as far as charters say so.
//!
//! Whose a process is says the kernel by its account. An account is every identity whose charter names it
//! (`uid`) and an id of this trust domain (`spiffe`); nobody else is told anything. What is handed out is on
//! record first, and a call that goes on ends when its identity does.

mod guest;
mod issue;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_connect::{Attested, TokenKeyChange, WorkloadAuthority};
use bailiwick_model::{Charter, IdentityId, Proof, SpiffeId};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use self::{guest::Guest, issue::Pace};
use crate::Desk;

/// How many connections there are at once, and how many one account has.
const CONNECTIONS: (usize, usize) = (128, 32);
/// How many of them are of accounts that are nobody here, and how many one such account has: an account can
/// have thousands of others below it.
const STRANGERS: (usize, usize) = (16, 2);
/// As how many identities one account is known.
const IDENTITIES: usize = 32;

/// What an account is known as.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    identity: IdentityId,
    id: SpiffeId,
}

/// Who is there.
#[derive(Debug, Default)]
struct Guests {
    /// Connections, by account.
    theirs: BTreeMap<Option<u32>, usize>,
    /// Connections of those that were nobody when they came.
    strangers: usize,
}

/// Tells processes who they are.
#[derive(Debug)]
pub struct Workloads {
    desk: Arc<Desk>,
    authority: WorkloadAuthority,
    /// SVIDs that are given, and questions that are asked.
    pace: Pace,
    questions: Pace,
    guests: Mutex<Guests>,
    /// How often the keys of JWT-SVIDs changed.
    keys: watch::Sender<u64>,
}

impl Workloads {
    /// Makes it.
    pub fn new(desk: Arc<Desk>, authority: WorkloadAuthority) -> Self {
        let (pace, questions, guests) = <_>::default();
        Self { desk, authority, pace, questions, guests, keys: watch::Sender::new(0) }
    }

    /// Changes the keys of JWT-SVIDs where that is due, and tells everybody who follows them.
    pub fn tend(&self) -> Result<Option<TokenKeyChange>, String> {
        let change = self.authority.tend(self.desk.now())?;
        if change.is_some() {
            self.keys.send_modify(|it| *it = it.wrapping_add(1));
        }
        Ok(change)
    }

    /// Serves one connection until it is over; `account` is whose process is on its other end, none
    /// where that is not known.
    pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        account: Option<u32>,
        stop: &CancellationToken,
    ) {
        let Some(_place) = self.enter(account) else {
            tracing::warn!(?account, "too many connections to the Workload API: one is closed");
            return;
        };
        Guest::new(self, account).serve(stream, stop).await;
    }

    /// Gives what an account is known as now: nothing that is contained.
    fn known(&self, account: Option<u32>) -> Vec<Known> {
        let Some(account) = account else { return Vec::new() };
        let snapshot = self.desk.snapshot();
        let theirs =
            snapshot.charters.values().filter(|it| it.proof.contains(&Proof::Uid(account)));
        let ids = theirs.flat_map(|it| {
            let id = move |id: &SpiffeId| Known { identity: it.identity.clone(), id: id.clone() };
            self.ids(it).map(id)
        });
        ids.filter(|it| !self.is_contained(it)).take(IDENTITIES).collect()
    }

    /// Says whether an account may see bundles: whoever is somebody here, and the governor itself, which
    /// has them.
    fn may_see_bundles(&self, account: Option<u32>) -> bool {
        account == Some(rustix::process::geteuid().as_raw()) || !self.known(account).is_empty()
    }

    fn ids<'a>(&'a self, charter: &'a Charter) -> impl Iterator<Item = &'a SpiffeId> {
        charter.proof.iter().filter_map(|it| match it {
            Proof::Spiffe(id) if id.domain() == self.authority.domain() => Some(id),
            Proof::Spiffe(_)
            | Proof::Key { .. }
            | Proof::Oidc { .. }
            | Proof::Enrolled
            | Proof::Uid(_) => None,
        })
    }

    /// Says whether somebody still is whom they were called.
    fn counts(&self, id: &SpiffeId) -> bool {
        let snapshot = self.desk.snapshot();
        let whose = snapshot.charters.values().find(|it| self.ids(it).any(|it| it == id));
        whose.is_some_and(|it| {
            !self.is_contained(&Known { identity: it.identity.clone(), id: id.clone() })
        })
    }

    fn is_contained(&self, known: &Known) -> bool {
        let shown = Attested::Spiffe(known.id.clone()).credential().into_iter().collect();
        !self.desk.snapshot().contained_of_identity(&known.identity, &shown).is_empty()
    }

    fn enter(&self, account: Option<u32>) -> Option<Place<'_>> {
        let stranger = !self.may_see_bundles(account);
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let most = if stranger { STRANGERS.1 } else { CONNECTIONS.1 };
        let theirs = guests.theirs.get(&account).copied().unwrap_or_default();
        let full = CONNECTIONS.0 <= guests.theirs.values().sum::<usize>()
            || (stranger && STRANGERS.0 <= guests.strangers);
        if full || most <= theirs {
            return None;
        }
        guests.theirs.insert(account, theirs.saturating_add(1));
        guests.strangers = guests.strangers.saturating_add(usize::from(stranger));
        Some(Place { of: self, account, stranger })
    }
}

/// A connection's place, as long as it lasts.
struct Place<'a> {
    of: &'a Workloads,
    account: Option<u32>,
    stranger: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut guests = self.of.guests.lock().unwrap_or_else(PoisonError::into_inner);
        guests.strangers = guests.strangers.saturating_sub(usize::from(self.stranger));
        if let Some(count) = guests.theirs.get_mut(&self.account) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                guests.theirs.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests;
