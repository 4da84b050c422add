//! What commands and the server say to each other on the admin socket.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use bailiwick_connect::{SecretAbout, VaultError};
use bailiwick_gateway::Canary;
use bailiwick_model::{
    AllowLine, Budget, CredentialId, DecisionId, Digest, EnforcedAs, HeldEvaluation, HeldOpening,
    Hold, HoldId, IdentityId, Json, Lease, Pin, PinStatus, Spend, TargetName, Task, TaskId,
    TemplateName, Timestamp,
};
use serde::{Deserialize, Serialize};

/// How the asker proves to be the identity it names: its own key's word. Without it, the
/// operating-system account that the kernel reports must be one of the charter's.
pub(crate) type Assertion = Option<String>;

/// A person's signed statement.
pub(crate) type Signed = Option<String>;

/// A wish to open a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenTask {
    pub(crate) template: TemplateName,
    pub(crate) identity: IdentityId,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) purpose: Option<String>,
    #[serde(default)]
    pub(crate) parent: Option<TaskId>,
    #[serde(default)]
    pub(crate) assertion: Assertion,
    #[serde(default)]
    pub(crate) signed: Signed,
}

impl OpenTask {
    /// Gives what a person signs of the wish: all of it, so that nothing can be put in its place.
    pub(crate) fn details(&self) -> BTreeMap<String, String> {
        let none = || "none".to_owned();
        let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
        let value = |(name, value): (&String, &String)| (name.clone(), Json::Text(value.clone()));
        let params = Json::Object(self.params.iter().map(value).collect());
        BTreeMap::from([
            ("template".to_owned(), self.template.to_string()),
            ("parent".to_owned(), self.parent.as_ref().map_or_else(none, ToString::to_string)),
            ("purpose".to_owned(), self.purpose.as_deref().map_or_else(none, digest)),
            ("params".to_owned(), digest(&params.canonical())),
        ])
    }
}

/// What all tasks of one identity and template used today.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DayView {
    pub(crate) identity: IdentityId,
    pub(crate) template: TemplateName,
    pub(crate) used: Spend,
}

/// An open task and the token to act in it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpenedTask {
    pub(crate) task: TaskId,
    pub(crate) token: String,
    pub(crate) expires: Timestamp,
    pub(crate) grant: GrantView,
}

/// What comes of asking for a task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Opening {
    /// It is open.
    Opened(Box<OpenedTask>),
    /// A second person must agree.
    Held {
        /// The ticket.
        held: HoldId,
        /// Until when it can be answered.
        expires: Timestamp,
    },
}

/// What came of a second person's answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AnsweredOpening {
    /// The ticket.
    pub(crate) hold: HoldId,
    /// The task, where they agreed.
    pub(crate) task: Option<TaskId>,
}

/// What a person says of a break-glass task that they looked at.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewDone {
    pub(crate) note: String,
    pub(crate) by: bailiwick_model::PersonName,
    pub(crate) signed: String,
}

/// Break-glass tasks that nobody has looked at yet.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reviews {
    pub(crate) reviews: Vec<Task>,
}

/// A wish for a credential.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueLease {
    pub(crate) task: TaskId,
    pub(crate) target: TargetName,
    #[serde(default)]
    pub(crate) wants: BTreeSet<String>,
    #[serde(rename = "for", default)]
    pub(crate) span: Option<String>,
    #[serde(default)]
    pub(crate) assertion: Assertion,
}

/// A credential and its lease. Whoever reads this holds it.
#[derive(Serialize, Deserialize)]
pub(crate) struct IssuedLease {
    pub(crate) decision: DecisionId,
    pub(crate) lease: Lease,
    pub(crate) credential: Vec<(String, String)>,
}

// Some of the fields are secret.
impl fmt::Debug for IssuedLease {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IssuedLease({}, ***)", self.lease.id)
    }
}

/// Leases, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LeaseList {
    pub(crate) leases: Vec<Lease>,
}

/// Where leases are made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TargetList {
    pub(crate) targets: Vec<TargetShown>,
}

/// One of them, and what its canary tells.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TargetShown {
    pub(crate) target: TargetName,
    pub(crate) enforced: EnforcedAs,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<Canary>,
}

/// A grant as people and programs read it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GrantView {
    pub(crate) allow: Vec<AllowLine>,
    /// Lines of the tasks above, every one of which must cover a call as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) within: Vec<Vec<AllowLine>>,
    pub(crate) window: WindowView,
    pub(crate) budget: Budget,
}

/// A task's window.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WindowView {
    pub(crate) opened: Timestamp,
    pub(crate) deadline: Timestamp,
    pub(crate) idle: Option<String>,
    pub(crate) calendar: Vec<String>,
}

impl GrantView {
    /// Shows the grant of `task`.
    pub(crate) fn of(task: &Task) -> Self {
        let mut layers = task.grant.layers.iter().map(|it| it.lines.clone());
        Self {
            allow: layers.next().unwrap_or_default(),
            within: layers.collect(),
            window: WindowView {
                opened: task.opened,
                deadline: task.deadline,
                idle: task.idle.map(bailiwick_model::format_span),
                calendar: task.calendars.iter().map(ToString::to_string).collect(),
            },
            budget: task.grant.budget,
        }
    }
}

/// A wish for a new token of an open task.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MintToken {
    #[serde(default)]
    pub(crate) assertion: Assertion,
}

/// A new token.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MintedToken {
    pub(crate) task: TaskId,
    pub(crate) token: String,
    pub(crate) expires: Timestamp,
}

/// What a person signed; the statement says what and about which thing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedWord {
    pub(crate) by: bailiwick_model::PersonName,
    pub(crate) signed: String,
}

/// A person to add.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddPerson {
    pub(crate) name: bailiwick_model::PersonName,
    pub(crate) key: String,
    /// The voucher; none only for the first person.
    #[serde(default)]
    pub(crate) voucher: Option<SignedWord>,
}

/// Why something is contained.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contain {
    pub(crate) why: String,
}

/// Everything that is contained.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contained {
    pub(crate) contained: Vec<bailiwick_store::Contained>,
}

/// Everything that waits for a person, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WaitingForPeople {
    pub(crate) holds: Vec<Hold>,
    /// Evaluations for which a person was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) evaluations: Vec<HeldEvaluation>,
    /// Break-glass tasks that wait for a second person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) openings: Vec<HeldOpening>,
}

/// Tasks, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tasks {
    pub(crate) tasks: Vec<Task>,
}

impl Tasks {
    /// Turns what the registry gives, oldest first, round.
    pub(crate) fn of(mut tasks: Vec<Task>) -> Self {
        tasks.reverse();
        Self { tasks }
    }
}

/// One server and its tools.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServerView {
    pub(crate) server: String,
    pub(crate) status: String,
    pub(crate) tools: Vec<ToolView>,
}

/// One tool and whether it was accepted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ToolView {
    pub(crate) tool: String,
    pub(crate) state: String,
    pub(crate) accepted: Option<Pin>,
}

impl ToolView {
    /// Says how an offered tool stands to its pin.
    pub(crate) fn state(pin: Option<&Pin>, offered: Option<&Digest>) -> &'static str {
        match (pin, offered) {
            (None, _) => "new",
            (Some(_), None) => "gone",
            (Some(pin), Some(_)) if pin.status == PinStatus::Waiting => "waiting",
            (Some(pin), Some(offered)) if pin.digest != *offered => "changed",
            (Some(_), Some(_)) => "accepted",
        }
    }
}

/// Every server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Servers {
    pub(crate) servers: Vec<ServerView>,
}

/// Which tools were accepted.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Accepted {
    pub(crate) server: String,
    pub(crate) tools: Vec<String>,
}

/// What went wrong, as problem details (RFC 9457).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// `about:blank#` and the code.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) code: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<bailiwick_model::Reason>,
}

/// A secret's value on its way in.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecretValue {
    pub(crate) value: String,
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.value);
    }
}

/// What a secret is now.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SecretChanged {
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// What wrapping anew came to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SecretsRekeyed {
    pub(crate) wrapped_by: String,
    pub(crate) records: usize,
}

/// What may be told of a secret.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum SecretShown {
    Whole { name: String, version: u32, created: Timestamp, rotated: Timestamp },
    Broken { broken: String },
}

impl SecretShown {
    pub(crate) fn of(about: Result<SecretAbout, VaultError>) -> Self {
        match about {
            Ok(SecretAbout { name, version, created, rotated, .. }) => {
                Self::Whole { name: name.to_string(), version, created, rotated }
            }
            Err(error) => Self::Broken { broken: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> OpenTask {
        OpenTask {
            template: "triage".parse().unwrap(),
            identity: "ann".parse().unwrap(),
            params: BTreeMap::from([("ticket".to_owned(), "T-1".to_owned())]),
            purpose: Some("look".to_owned()),
            parent: None,
            assertion: None,
            signed: None,
        }
    }

    #[test]
    fn what_is_signed_of_a_wish_changes_with_every_part_of_it() {
        let signed = wish().details();
        let changed: [fn(&mut OpenTask); 6] = [
            |it| it.template = "other".parse().unwrap(),
            |it| drop(it.params.insert("ticket".to_owned(), "T-2".to_owned())),
            |it| drop(it.params.insert("more".to_owned(), String::new())),
            |it| it.params.clear(),
            |it| it.purpose = None,
            |it| it.parent = Some("task_01JD8X00000000000000000000".parse().unwrap()),
        ];
        for change in changed {
            let mut wish = wish();
            change(&mut wish);
            assert_ne!(wish.details(), signed, "{wish:?}");
        }
        // How the asker proves itself is no part of the wish.
        let proved = OpenTask { assertion: Some("x".to_owned()), ..wish() };
        assert_eq!(proved.details(), signed);
    }
}

/// The keys that sign tokens, the next one first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) keys: Vec<KeyView>,
}

/// One of the keys that sign tokens.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyView {
    /// Its name: the `kid` of its tokens.
    pub(crate) key: String,
    /// `next`, `current` or `previous`.
    pub(crate) state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signs_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counts_until: Option<Timestamp>,
}

/// Which key is withdrawn; without one, all of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawKey {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// For whom a code is made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolWish {
    pub(crate) identity: IdentityId,
    /// How long it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u64>,
}

/// A code, told once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Enrolment {
    pub(crate) identity: IdentityId,
    pub(crate) code: String,
    pub(crate) expires: Timestamp,
    /// What the governor is called outside.
    pub(crate) issuer: String,
}

/// Keys that were brought in, and codes that wait.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EnrolmentsShown {
    pub(crate) keys: Vec<EnrolledShown>,
    pub(crate) waiting: Vec<WaitingShown>,
}

/// A key that was brought in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EnrolledShown {
    pub(crate) key: CredentialId,
    pub(crate) identity: IdentityId,
    pub(crate) since: Timestamp,
    /// Who made the code.
    pub(crate) by: String,
}

/// A code that waits; the code itself is kept nowhere.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WaitingShown {
    pub(crate) identity: IdentityId,
    pub(crate) expires: Timestamp,
    pub(crate) by: String,
}
