//! What an identity was registered for, and the bounds it never leaves.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    Action, Class, IdentityId, ServerName, SpiffeId, TargetName, TemplateName, action::words,
};

words! {
    /// What sort of identity it is.
    IdentityKind {
        /// Decides by itself what to do next.
        Agent = "agent",
        /// A long-running program.
        Service = "service",
        /// A build or deployment job.
        Ci = "ci",
        /// A job that runs by the clock.
        Batch = "batch",
        /// A link between two systems.
        Integration = "integration",
        /// A third party's application with an OAuth grant.
        OauthApp = "oauth-app",
    }
}

/// One way in which an identity proves that it is itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It holds the private half of this public key.
    Key {
        /// Where the charter found it, relative to the configuration.
        path: String,
        /// The public key, PEM.
        pem: String,
    },
    /// It is this workload, as its trust domain vouches.
    Spiffe(SpiffeId),
    /// An issuer of OIDC tokens calls it so.
    Oidc {
        /// The issuer, as its tokens name it.
        issuer: String,
        /// What the issuer calls it, to the letter.
        subject: String,
        /// Whom its tokens are for; where it is left out, the governor itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
    },
    /// It holds a key that it brought in with a code (`bailiwick enrol`).
    Enrolled,
    /// It runs as this operating-system account. Counts only where the kernel says so: on the
    /// admin socket, never over the network.
    Uid(u32),
}

/// One identity's declared purpose and standing bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// Whose charter it is.
    pub identity: IdentityId,
    /// What sort of identity.
    pub kind: IdentityKind,
    /// Its workload class.
    pub class: Class,
    /// Who answers for it: a person or a team.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// How it proves that it is itself; any one suffices.
    pub proof: Vec<Proof>,
    /// Tasks it may open.
    pub templates: BTreeSet<TemplateName>,
    /// Servers it may reach, whatever a grant says.
    pub servers: BTreeSet<ServerName>,
    /// Targets it may have credentials of, whatever a grant says.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetName>,
    /// Whom it may hand narrowed authority.
    pub delegates_to: BTreeSet<IdentityId>,
}

impl Charter {
    /// Says whether keys that were brought in with a code prove it.
    pub fn takes_enrolled(&self) -> bool {
        self.proof.contains(&Proof::Enrolled)
    }

    /// Says whether it reaches what `action` is done with.
    pub fn reaches(&self, action: &Action) -> bool {
        action.is_within(&self.servers, &self.targets)
    }
}
