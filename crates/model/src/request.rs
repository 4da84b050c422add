//! What is put to the kernel: one action, or the opening of one task.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Action, ActionFacts, CallDigest, CredentialId, IdentityId, Json, Offered, OnBehalf, Opener,
    PersonName, ServerName, TaskId, TemplateName,
};

/// The verified identity making a call, with the task and generation its token names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who calls.
    pub identity: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// The task its token was minted for.
    pub task: TaskId,
    /// The task's generation when the token was minted.
    pub generation: u64,
    /// What it shows: its token, the key that signed it, and the key that the token was asked for
    /// with.
    pub credentials: BTreeSet<CredentialId>,
    /// Its token is bound to nothing and came over a network: whoever read it there could show it, too.
    pub exposed: bool,
}

/// One action put to the kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRequest {
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub action: Action,
    /// What is known of it.
    pub facts: ActionFacts,
    /// What it is done to, each judged by itself; empty is the tool itself.
    pub resources: BTreeSet<String>,
    /// Where data goes, in normal form.
    pub destinations: BTreeSet<String>,
    /// The arguments: an object.
    pub arguments: Json,
    /// Names the call as it will be sent.
    pub call: CallDigest,
    /// How many bytes of arguments are sent.
    pub bytes_out: u64,
    /// What the server offers under this name at the moment.
    pub offered: Offered,
    /// Faults that the reader of the call found, such as paths that are not in normal form.
    pub faults: Vec<String>,
}

/// A wish to open a task. Who asks was proved before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// Who will do the work.
    pub identity: IdentityId,
    /// From which template.
    pub template: TemplateName,
    /// Who opens it.
    pub opener: Opener,
    /// With what.
    pub params: BTreeMap<String, String>,
    /// In whose words; none takes the template's.
    pub purpose: Option<String>,
    /// Under which task.
    pub parent: Option<TaskId>,
    /// The key that proved who opens it; none where an account or a person did.
    pub credential: Option<CredentialId>,
    /// The person for whom it is asked, where somebody who may vouch for that did.
    pub on_behalf: Option<OnBehalf>,
    /// The people whose signed word for this very opening was verified, whoever asked among them.
    pub people: BTreeSet<PersonName>,
    /// The live token of the task above that came with the wish; none where none did.
    pub shown: Option<ShownToken>,
}

/// A token of the task above that whoever opens a task below it showed: its holder gave it away,
/// and with it the authority to narrow that task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownToken {
    /// The one server that it is good for; none where it is good for all of them.
    pub server: Option<ServerName>,
}
