//! What makes credentials at other people's systems, and ends them there.
//!
//! A broker knows one kind of target and nothing of tasks: which lease there is, whether it may be,
//! when it ends and how often its end is tried is for the lease engine. Whoever calls a broker has
//! the lease on record before, so a broker may fail, stall or die at any point.

mod answers;
mod call;
mod deny;
mod end;
mod github;
mod kubernetes;
mod mistake;
mod oauth;
pub(crate) mod postgres;
mod program;
mod push;
mod source;
pub(crate) mod ssh;
mod sts;
mod x509;

use std::{fmt, pin::Pin, time::Duration};

use bailiwick_model::{EnforcedAs, IdentityId, LeaseId, OnBehalf, TargetName, TaskId, Timestamp};

pub use end::EndCommand;
pub use github::{GitHub, GitHubTarget};
pub use kubernetes::{Kubernetes, KubernetesTarget};
pub use mistake::TargetMistake;
pub use oauth::{OAuth, OAuthTarget, Traded, TradedFor};
pub use postgres::{Defaults as PostgresDefaults, Postgres, PostgresTarget, PostgresTrust};
pub use push::{PushPlace, Pushed};
pub use source::{SecretSource, SecretSourceError};
pub use ssh::{Ssh, SshTarget};
pub use sts::{AwsAllow, Sts, StsTarget};
pub use x509::{X509, X509Target};

use crate::Secret;

#[cfg(any(test, fuzzing))]
pub(crate) use program::foreign as program_foreign;
pub use program::{ProgramBroker, ProgramSpec};
#[cfg(any(test, fuzzing))]
pub(crate) use sts::foreign as aws_foreign;

/// How long a target may take to make a credential, and how long it is waited for its turn before that.
/// Brokers have bounds of their own; this is the last.
pub const ISSUE_WAIT: Duration = Duration::from_secs(45);

/// What a broker has been asked for and is working on.
pub type Attempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, BrokerError>> + Send + 'a>>;

/// Makes credentials at one target.
///
/// Each of these waits no longer than its own deadline, and can be dropped at any await.
pub trait Broker: fmt::Debug + Send + Sync {
    /// Which target this is.
    fn target(&self) -> &TargetName;

    /// How far what is handed out can be kept within bounds.
    fn reach(&self) -> EnforcedAs;

    /// Makes the credential of a lease. Asked again for the same lease, it makes it anew and leaves
    /// nothing of the earlier try that would count.
    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued>;

    /// Ends a credential and all open use of it, and returns when the target has been asked and says
    /// that neither is there. What is gone already, or never was, is that, too.
    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()>;

    /// Hears of many leases that ended and when each would have ended by itself, before it is told to end
    /// them one by one: what costs as much for all of them as for one is done here, once. Nothing relies on it.
    fn announce<'a>(
        &'a self,
        _ended: &'a [(LeaseId, Timestamp)],
        _now: Timestamp,
    ) -> Attempt<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives what people should hear of what was done since this was asked last, if there is anything.
    fn noticed(&self) -> Option<String> {
        None
    }

    /// Finds the leases of which the target still has something. Only what bears the names that this
    /// broker gives is looked at.
    fn found(&self) -> Attempt<'_, Vec<LeaseId>>;
}

/// What a credential is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseOrder {
    /// The lease, on record already. Names at the target are made of it.
    pub lease: LeaseId,
    /// The task that it ends with.
    pub task: TaskId,
    /// Whose task it is.
    pub identity: IdentityId,
    /// The person on whose behalf the task works, where there is one.
    pub on_behalf: Option<OnBehalf>,
    /// What of the target is wanted, in the words of its broker: groups, scopes, repositories, a role.
    pub wants: Vec<String>,
    /// When it ends at the latest. The target is told, where it can be, in case we cannot come back.
    pub until: Timestamp,
    /// What is being asked for now, by whoever counts the time.
    pub now: Timestamp,
}

/// A credential that was made.
#[derive(Debug)]
pub struct Issued {
    /// What the holder gets.
    pub credential: Credential,
    /// What the target calls it: a role, a serial, a key id. It goes on record, so it is no secret.
    pub called: String,
    /// When the target itself ends it, if later or earlier than was asked.
    pub until: Timestamp,
    /// What ending it needs beyond its name; kept closed.
    pub keepsake: Option<Secret>,
    /// Why nobody may have it. The target made it, so it is ended as any other.
    pub unfit: Option<String>,
}

/// A credential as its holder gets it: fields in order, each by a name its kind of target knows.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    fields: Vec<(&'static str, Field)>,
}

/// One field of a credential.
#[derive(Clone, Debug)]
pub enum Field {
    /// May be shown: an address, a name.
    Plain(String),
    /// May not.
    Secret(Secret),
}

impl Credential {
    /// Adds a field that may be shown.
    #[must_use]
    pub fn with(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.fields.push((name, Field::Plain(text.into())));
        self
    }

    /// Adds a field that may not be shown.
    #[must_use]
    pub fn with_secret(mut self, name: &'static str, secret: Secret) -> Self {
        self.fields.push((name, Field::Secret(secret)));
        self
    }

    /// Gives the fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Field)> {
        self.fields.iter().map(|(name, field)| (*name, field))
    }

    /// Gives the texts that must be seen nowhere.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.fields.iter().filter_map(|(_, field)| match field {
            Field::Secret(secret) => Some(secret),
            Field::Plain(_) => None,
        })
    }
}

/// A lease whose credential shall be gone.
#[derive(Debug)]
pub struct EndedLease {
    /// The lease.
    pub lease: LeaseId,
    /// What the target calls its credential; nothing where no answer to `issue` was ever heard.
    pub called: Option<String>,
    /// What `issue` gave to be kept.
    pub keepsake: Option<Secret>,
    /// How closely its use was kept: what never left the gateway nobody else has.
    pub enforced: EnforcedAs,
    /// When its credential ends by itself.
    pub until: Timestamp,
    /// What is being asked for now, by whoever counts the time.
    pub now: Timestamp,
}

/// A broker could not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The target was not reached, did not answer in time, or not in a way that can be read. Whether
    /// it did what was asked is not known.
    #[error("target `{target}` did not do it: {why}")]
    Away {
        /// Which.
        target: TargetName,
        /// What was seen. Holds nothing that the target sent which could be a secret.
        why: String,
    },
    /// The target asks for patience.
    #[error("target `{target}` wants no more for now: {why}")]
    Busy {
        /// Which.
        target: TargetName,
        /// What was seen.
        why: String,
        /// How long it wants to be left alone, if it says so.
        after: Option<Duration>,
    },
    /// What was made cannot be ended, and ends by itself.
    #[error("target `{target}` cannot end it before {until}: {why}")]
    Lasts {
        /// Which.
        target: TargetName,
        /// Why.
        why: String,
        /// When it does.
        until: Timestamp,
    },
    /// The target says no, and will until somebody changes something there or in the configuration.
    #[error("target `{target}` refuses: {why}")]
    Refused {
        /// Which.
        target: TargetName,
        /// What was seen, and what could be done.
        why: String,
    },
    /// What was wanted is nothing that this target has.
    #[error("`{wanted}` cannot be had at target `{target}`: {why}")]
    Unfit {
        /// Which.
        target: TargetName,
        /// What was wanted.
        wanted: String,
        /// Why not.
        why: String,
    },
}
