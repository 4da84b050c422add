//! One live credential under a grant, from before it exists until it is known to be gone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{
    CredentialId, DecisionId, IdentityId, LeaseId, Record, TargetName, TaskId, Timestamp,
    action::words,
};

words! {
    /// How far a lease has come. It goes one way: nothing that was given up comes to life again.
    LeaseState {
        /// On record; its target has been asked, or is about to be.
        Minting = "minting",
        /// Its credential exists and counts.
        Active = "active",
        /// It counts no more here; its target is being told.
        Revoking = "revoking",
        /// Its target has said that it is gone, open use of it too.
        Revoked = "revoked",
        /// Its target has been told in vain and often. It is told again, for ever.
        Stuck = "stuck",
    }
}

words! {
    /// How closely what is done with a credential is kept within bounds.
    EnforcedAs {
        /// It never leaves the gateway: each use of it is a call that was decided.
        Prevent = "prevent",
        /// Its holder uses it by itself, within what the target lets it, until it ends.
        Session = "session",
    }
}

words! {
    /// Why a lease ended.
    LeaseCause {
        /// Its task ended.
        Task = "task",
        /// Its own time was over.
        Expired = "expired",
        /// What it stands on was contained.
        Contained = "contained",
        /// Somebody ended it by itself.
        Asked = "asked",
        /// Whoever wanted it was gone before it was there.
        Unclaimed = "unclaimed",
        /// Its target did not make it, or nobody knows whether it did.
        NotIssued = "not-issued",
        /// The governor stopped while it was made.
        Restart = "restart",
        /// Its target had something of it that nobody here knew to be alive.
        Orphan = "orphan",
        /// It was made to see whether its target makes and ends them; nobody had it.
        Canary = "canary",
    }
}

/// The end of a lease, as it was accepted: from then on nothing of it is given to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseEnd {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: LeaseCause,
}

/// One live credential under a grant, or what is known of one that was. Never the credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id; names at the target are made of it.
    pub id: LeaseId,
    /// The task that it ends with.
    pub task: TaskId,
    /// Whose task it is.
    pub identity: IdentityId,
    /// Where its credential counts.
    pub target: TargetName,
    /// What of the target was wanted, in order.
    pub wants: Vec<String>,
    /// The decision that let it be handed out; none of an orphan that nothing is known of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The credentials that it was asked for with, whenever it was handed out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shown: BTreeSet<CredentialId>,
    /// How closely what is done with it is kept within bounds.
    pub enforced: EnforcedAs,
    /// How far it has come.
    pub state: LeaseState,
    /// What the target calls its credential: no secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When it was put on record.
    pub opened: Timestamp,
    /// When its credential was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<Timestamp>,
    /// When its credential was last handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
    /// Its end, as it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<LeaseEnd>,
    /// When the target said that it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
    /// How often its target was told in vain that it ended.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Lease {
    /// Says whether it was made to prove its target, and for nobody.
    pub fn is_canary(&self) -> bool {
        self.identity.is_canary()
    }

    /// Says whether something of it may still be alive somewhere.
    pub const fn is_open(&self) -> bool {
        match self.state {
            LeaseState::Minting | LeaseState::Active | LeaseState::Revoking | LeaseState::Stuck => {
                true
            }
            LeaseState::Revoked => false,
        }
    }

    /// Says whether its end was accepted.
    pub const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}

impl Lease {
    /// Tells of every lease that there are steps of among `records`, the oldest first.
    pub fn all_told<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Self> {
        let mut steps: BTreeMap<&LeaseId, Vec<&LeaseRecord>> = BTreeMap::new();
        for record in records {
            if let Record::Lease(it) = record {
                steps.entry(&it.lease).or_default().push(it);
            }
        }
        steps.into_values().filter_map(Self::told).collect()
    }

    /// Tells of the lease that `records` are the steps of, in order: how it stands, as far as its
    /// steps say. None where there are none.
    pub fn told<'a>(records: impl IntoIterator<Item = &'a LeaseRecord>) -> Option<Self> {
        let mut records = records.into_iter();
        let first = records.next()?;
        let mut lease = Self {
            id: first.lease.clone(),
            task: first.task.clone(),
            identity: first.identity.clone(),
            target: first.target.clone(),
            wants: first.wants.clone(),
            decision: first.decision.clone(),
            // The ledger has these with the decisions.
            shown: BTreeSet::new(),
            enforced: first.enforced,
            state: first.state,
            called: None,
            until: first.until,
            opened: first.time,
            issued: None,
            used: None,
            ended: None,
            gone: None,
            tries: 0,
            why: String::new(),
        };
        for record in std::iter::once(first).chain(records) {
            // Its name comes with its credential.
            if lease.called.is_none() && record.called.is_some() {
                lease.issued = Some(record.time);
            }
            lease.called.clone_from(&record.called);
            lease.why.clone_from(&record.why);
            (lease.state, lease.until) = (record.state, record.until);
            (lease.used, lease.ended, lease.tries) = (record.used, record.ended, record.tries);
            lease.gone = (record.state == LeaseState::Revoked).then_some(record.time);
        }
        Some(lease)
    }
}

/// One step in the life of a lease, for the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// When.
    pub time: Timestamp,
    /// The task that it ends with.
    pub task: TaskId,
    /// The lease.
    pub lease: LeaseId,
    /// Whose task it is.
    pub identity: IdentityId,
    /// Where its credential counts.
    pub target: TargetName,
    /// How far it has come.
    pub state: LeaseState,
    /// How closely what is done with it is kept within bounds.
    pub enforced: EnforcedAs,
    /// The decision that let it be handed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// What of the target was wanted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<String>,
    /// What the target calls its credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When it was last used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Timestamp>,
    /// Its end, as it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<LeaseEnd>,
    /// How often its target was told in vain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl LeaseRecord {
    /// Tells how `lease` stands at `time`.
    pub fn of(lease: &Lease, time: Timestamp) -> Self {
        Self {
            time,
            task: lease.task.clone(),
            lease: lease.id.clone(),
            identity: lease.identity.clone(),
            target: lease.target.clone(),
            state: lease.state,
            enforced: lease.enforced,
            decision: lease.decision.clone(),
            wants: lease.wants.clone(),
            called: lease.called.clone(),
            until: lease.until,
            used: lease.used,
            ended: lease.ended,
            tries: lease.tries,
            why: lease.why.clone(),
        }
    }
}
