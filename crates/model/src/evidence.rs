//! What the ledger keeps: decisions, outcomes, commands, findings and the lives of leases.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Action, ActionFacts, CallDigest, CredentialId, DecisionId, Digest, EvaluationRecord,
    Explanation, Finding, HeldEvaluation, HeldOpening, HoldId, IdentityId, Judgement, LeaseRecord,
    SearchRecord, SecretName, ServerName, SignalRecord, Spend, Subject, Task, TaskId, TemplateName,
    Timestamp, VerdictKind, action::words,
};

words! {
    /// Through which door a call came.
    Surface {
        /// The Model Context Protocol.
        Mcp = "mcp",
        /// A request to an HTTP API.
        Http = "http",
        /// The route on which credentials are asked for.
        Lease = "lease",
        /// A command on the admin socket.
        Admin = "admin",
    }
}

words! {
    /// What became of a secret.
    SecretChange {
        /// It got its first value.
        Set = "set",
        /// It got its next value.
        Rotated = "rotated",
        /// It is gone.
        Removed = "removed",
    }
}

/// With which value of a secret something was done; never the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretUse {
    /// The secret.
    pub secret: SecretName,
    /// The how-manieth value that was.
    pub version: u32,
    /// To which server or route it went.
    pub at: ServerName,
}

words! {
    /// What became of a call that was sent.
    OutcomeKind {
        /// It answered, and its answer is not an error.
        Ok = "ok",
        /// It answered with an error, or could not be reached.
        Error = "error",
        /// Nobody knows: the answer never came.
        None = "none",
    }
}

/// Arguments as the configuration wants them kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentsRecord {
    /// All of them, as canonical JSON.
    Full(String),
    /// Canonical JSON whose sensitive and secret-shaped values are keyed digests.
    Redacted(String),
    /// Nothing but a keyed digest.
    Digest(String),
}

impl ArgumentsRecord {
    /// Gives what was kept.
    pub fn text(&self) -> &str {
        match self {
            Self::Full(text) | Self::Redacted(text) | Self::Digest(text) => text,
        }
    }
}

/// One judgement, whatever it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// Its id.
    pub decision: DecisionId,
    /// When.
    pub time: Timestamp,
    /// Through which door.
    pub surface: Surface,
    /// The task that asked.
    pub task: TaskId,
    /// What the task was opened from; none where there is no such task.
    pub template: Option<TemplateName>,
    /// Who asked.
    pub caller: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// What was asked.
    pub action: Action,
    /// What is known of it.
    pub facts: ActionFacts,
    /// Is it one of the calls that are listed apart?
    pub privileged: bool,
    /// On what.
    pub resources: BTreeSet<String>,
    /// The call, to the digit.
    pub call: CallDigest,
    /// The arguments.
    pub arguments: ArgumentsRecord,
    /// The verdict that was carried out.
    pub verdict: VerdictKind,
    /// What enforcing would have said, where something only observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would: Option<VerdictKind>,
    /// The whole judgement.
    pub steps: Vec<Judgement>,
    /// What it takes from the task's budget: the truth after a crash.
    pub spend: Spend,
    /// The constraints whose rates it counts under: the truth after a crash as well.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub paced: BTreeSet<String>,
    /// The approval it used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<HoldId>,
    /// The ticket it opened, or repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldId>,
    /// The policies it was made under.
    pub policy: String,
    /// Why it was not let through, part by part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Box<Explanation>>,
}

/// What became of a call that was allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeRecord {
    /// The decision that allowed it.
    pub decision: DecisionId,
    /// The task.
    pub task: TaskId,
    /// When.
    pub time: Timestamp,
    /// What became of it.
    pub outcome: OutcomeKind,
    /// A few words where it did not go well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How many bytes came back.
    pub bytes_in: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// With which secret it was sent, where with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretUse>,
}

/// A file or set of files that became active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// What: `policies`, `templates`, `charters`, `configuration`.
    pub what: String,
    /// Its digest.
    pub digest: Digest,
    /// What was active before.
    pub before: Option<Digest>,
    /// Names of what was added, changed or removed.
    pub changed: Vec<String>,
}

/// Something a person, an identity or the clock did to the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum CommandRecord {
    /// A wish to open a task, and what was decided.
    TaskOpened {
        /// What was decided.
        verdict: VerdictKind,
        /// The whole judgement.
        steps: Vec<Judgement>,
        /// The task, where it was opened.
        task: Option<Box<Task>>,
        /// Who asked for it.
        identity: IdentityId,
        /// From which template; as the asker wrote it.
        template: String,
        /// The keyed digest of what the task was opened with, where not all of it is shown here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        whole: Option<String>,
    },
    /// A person asked for a break-glass task, and another one must agree.
    OpeningHeld {
        /// What was asked for.
        held: Box<HeldOpening>,
        /// Their signed word.
        statement: String,
    },
    /// Another person answered to it.
    OpeningAnswered {
        /// The ticket.
        hold: HoldId,
        /// Whether they agree.
        yes: bool,
        /// Their signed word.
        statement: String,
    },
    /// A person looked at what a break-glass task did.
    TaskReviewed {
        /// Which.
        task: TaskId,
        /// What they say of it, as the evidence shows it.
        note: String,
        /// Their signed word.
        statement: String,
    },
    /// A task ended.
    TaskEnded {
        /// Which.
        task: TaskId,
        /// How and when.
        status: crate::TaskStatus,
    },
    /// A task's token was minted.
    TokenMinted {
        /// For which task.
        task: TaskId,
        /// To whom.
        identity: IdentityId,
        /// Its digest; never the token.
        token: String,
        /// Its own id (`jti`), by which it is contained.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<CredentialId>,
        /// Until when it counts.
        expires: Timestamp,
    },
    /// A person was asked for an evaluation that was held, or what became of it.
    EvaluationHeld {
        /// The evaluation as it stands now.
        held: Box<HeldEvaluation>,
        /// The person's signed word, where one changed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        statement: Option<String>,
    },
    /// A hold was answered, used or left to expire.
    HoldChanged {
        /// The hold as it stands now.
        hold: Box<crate::Hold>,
        /// The person's signed statement, where a person answered.
        statement: Option<String>,
        /// The keyed digest of what was asked, where not all of it is shown here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        whole: Option<String>,
    },
    /// A person was added.
    PersonAdded {
        /// Who.
        person: crate::Person,
        /// The voucher's signed statement.
        statement: Option<String>,
    },
    /// A tool was pinned, accepted or found changed.
    PinChanged {
        /// The server.
        server: ServerName,
        /// The tool.
        tool: String,
        /// The pin as it stands now.
        pin: crate::Pin,
        /// The person's signed statement, where a person accepted.
        statement: Option<String>,
    },
    /// Something was contained or released.
    Contained {
        /// What; once only identities could be.
        #[serde(alias = "identity")]
        subject: Subject,
        /// Contained, or released.
        contained: bool,
        /// By whom, and why.
        why: String,
        /// The person's signed statement, where one was needed.
        statement: Option<String>,
    },
    /// A secret is given a value, or removed. The value is nowhere on record.
    SecretChanged {
        /// Which.
        secret: SecretName,
        /// What becomes of it.
        change: SecretChange,
        /// The how-manieth value it has then, or had.
        version: u32,
    },
    /// A code for a key of an identity was made, a key was brought in with one, or was withdrawn.
    EnrolmentChanged {
        /// Whose.
        identity: IdentityId,
        /// What became of it: `offered`, `joined` or `withdrawn`.
        change: String,
        /// The key, where there is one already.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<CredentialId>,
        /// When the code stops counting.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// A local workload is given what proves who it is.
    SvidIssued {
        /// As whom.
        identity: IdentityId,
        /// What it is called.
        id: crate::SpiffeId,
        /// `x509` or `jwt`.
        sort: String,
        /// The certificate's number, or the token's `jti`.
        name: String,
        /// Whom the token is for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        audiences: Vec<String>,
        /// Until when it counts.
        expires: Timestamp,
    },
    /// The keys of all secrets are wrapped anew.
    SecretsRekeyed {},
    /// An identity had been refused so often that it was turned away before any decision.
    TurnedAway {
        /// Who.
        identity: IdentityId,
        /// How often.
        count: u64,
        /// Since when; until the time of the record.
        since: Timestamp,
    },
    /// A key that signs task tokens was published, began to sign, or was withdrawn.
    TokenKeyChanged {
        /// Its name: the `kid` of its tokens.
        key: String,
        /// What became of it: `published`, `signs` or `withdrawn`.
        change: String,
        /// From when on it signs, where it was published.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signs_from: Option<Timestamp>,
    },
    /// Another system told something of those whom it knows, and that was taken.
    SignalReceived(Box<SignalRecord>),
    /// Files became active.
    Activated(Activation),
    /// The governor started; says what it found.
    Started {
        /// The program's version.
        version: String,
        /// Records that were cut from the end of the ledger as it was never acknowledged.
        truncated: u64,
    },
}

/// One record of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Record {
    /// A judgement.
    Decision(Box<DecisionRecord>),
    /// An answer to an enforcement point elsewhere.
    Evaluation(Box<EvaluationRecord>),
    /// A page of a search, answered to an enforcement point elsewhere.
    Search(Box<SearchRecord>),
    /// What became of an allowed call.
    Outcome(OutcomeRecord),
    /// A change of state.
    Command {
        /// When.
        time: Timestamp,
        /// Who: `person:alice`, `identity:triage-agent`, `uid:1000`, `clock`.
        by: String,
        /// What.
        command: CommandRecord,
    },
    /// Something noticed.
    Finding(Finding),
    /// A step in the life of a lease.
    Lease(Box<LeaseRecord>),
}

impl Record {
    /// Gives the task that the record belongs to.
    pub fn task(&self) -> Option<&TaskId> {
        match self {
            Self::Decision(it) => Some(&it.task),
            Self::Outcome(it) => Some(&it.task),
            Self::Finding(it) => it.task.as_ref(),
            Self::Lease(it) => Some(&it.task),
            Self::Command { command, .. } => command.task(),
            // Whoever asks from elsewhere works under no task of ours.
            Self::Evaluation(_) | Self::Search(_) => None,
        }
    }

    /// Gives when it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Decision(it) => it.time,
            Self::Outcome(it) => it.time,
            Self::Finding(it) => it.at,
            Self::Lease(it) => it.time,
            Self::Command { time, .. } => *time,
            Self::Evaluation(it) => it.time,
            Self::Search(it) => it.time,
        }
    }
}

impl CommandRecord {
    /// Gives the task that the command belongs to.
    pub fn task(&self) -> Option<&TaskId> {
        match self {
            Self::TaskOpened { task, .. } => task.as_ref().map(|it| &it.id),
            Self::TaskEnded { task, .. }
            | Self::TokenMinted { task, .. }
            | Self::TaskReviewed { task, .. } => Some(task),
            Self::HoldChanged { hold, .. } => Some(&hold.task),
            Self::PersonAdded { .. }
            | Self::OpeningHeld { .. }
            | Self::OpeningAnswered { .. }
            | Self::EvaluationHeld { .. }
            | Self::PinChanged { .. }
            | Self::Contained { .. }
            | Self::SecretChanged { .. }
            | Self::SecretsRekeyed {}
            | Self::EnrolmentChanged { .. }
            | Self::SvidIssued { .. }
            | Self::TurnedAway { .. }
            | Self::TokenKeyChanged { .. }
            | Self::SignalReceived(_)
            | Self::Activated(_)
            | Self::Started { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
