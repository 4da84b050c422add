//! What happens in a scenario, one thing a line.

mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_model::{
    CredentialId, IdentityId, Json, ServerName, ShownToken, Subject, TemplateName, Timestamp,
};

/// One thing that happens. `call`, `send`, `done`, `retry`, `end` and `restart` are about the
/// task that was last opened or named by `in`.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// `at MOMENT`: the clock shows this moment.
    At(Timestamp),
    /// `at +SPAN`: time passes.
    Forward(Duration),
    /// `at -SPAN`: the clock is set back.
    Back(Duration),
    /// `in LABEL`: the lines below are about this task.
    In(String),
    /// `open LABEL …`: a task is opened.
    Open(OpenLine),
    /// `call SERVER TOOL …`: a call that comes to its end at once, or `send` for one that stays on
    /// its way until `done`.
    Call(CallLine),
    /// `retry`: the task's last call comes again, to the digit.
    Retry,
    /// `done`: a call that was sent has come to its end.
    Done,
    /// `approve [hN] once SPAN`, `approve [hN] line SPAN`: a person says yes; without a ticket, to
    /// the last one.
    Approve {
        /// The ticket, counted from 1 in the order in which they were opened.
        hold: Option<usize>,
        /// A line, rather than this one call.
        line: bool,
        /// For how long.
        span: Duration,
    },
    /// `refuse [hN]`: a person says no.
    Refuse(Option<usize>),
    /// `end`: somebody ends the task.
    End,
    /// `tick`: every task is told the time.
    Tick,
    /// `restart`: the task is taken up from its records.
    Restart,
    /// `contain WHAT`: what a person contains, like `identity:ann`, or `task:LABEL`.
    Contain(Target),
    /// `release WHAT`
    Release(Target),
    /// `offer SERVER TOOL VERSION`: the server changes its tool; 0 takes it away.
    Offer(ServerName, String, u8),
    /// `accept SERVER TOOL VERSION`: a person accepts a version of a tool.
    Accept(ServerName, String, u8),
    /// `activate NAME…`: from now on these are the policies.
    Activate(BTreeSet<String>),
}

/// What is contained. A scenario knows its tasks by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A task, as the scenario calls it.
    Task(String),
    /// Anything else.
    Other(Subject),
}

/// Who opens a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The identity that will do the work.
    Itself,
    /// A person.
    Person,
    /// Another identity.
    Orchestrator(IdentityId),
    /// The identity that will do the work, which shows a token of the task above: one for every
    /// server, or for this one.
    Token(Option<ServerName>),
}

/// `open LABEL as IDENTITY template=NAME [under LABEL] [by itself|person|IDENTITY|token|token:SERVER] [with KEY]
/// [param=value…]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLine {
    /// What the scenario calls the task.
    pub label: String,
    /// Who does the work.
    pub identity: IdentityId,
    /// From which template.
    pub template: TemplateName,
    /// Which task it narrows.
    pub under: Option<String>,
    /// Who opens it; none is the identity itself, or under a task that task's identity.
    pub by: Option<By>,
    /// With what.
    pub params: BTreeMap<String, String>,
    /// The key that proves who opens it.
    pub with: Option<CredentialId>,
}

impl OpenLine {
    /// Gives the token of the task above that is shown.
    pub(crate) fn token(&self) -> Option<ShownToken> {
        match &self.by {
            Some(By::Token(server)) => Some(ShownToken { server: server.clone() }),
            Some(By::Itself | By::Person | By::Orchestrator(_)) | None => None,
        }
    }
}

/// `call SERVER TOOL [as=IDENTITY] [with=CREDENTIAL] [bytes=N] [on=RESOURCES] [stale] {ARGUMENTS}`
#[derive(Clone, Debug, PartialEq)]
pub struct CallLine {
    /// The server.
    pub server: ServerName,
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Json,
    /// How many bytes of them are sent.
    pub bytes: u64,
    /// What it is done to.
    pub resources: BTreeSet<String>,
    /// Somebody else than the task's own identity calls.
    pub as_: Option<IdentityId>,
    /// The credential that it shows.
    pub with: Option<CredentialId>,
    /// With a token of the generation before.
    pub stale: bool,
    /// It stays on its way until `done`.
    pub stays: bool,
}
