//! What is done, and what it does: actions, their effects and the facts about them.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{ServerName, TargetName, Timestamp};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Gives the word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Finds the one that is written `word`.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What a call does to the world. A call may have several.
    Effect {
        /// Reads something.
        Read = "read",
        /// Changes or adds something.
        Write = "write",
        /// Removes something.
        Delete = "delete",
        /// Sends data out.
        Egress = "egress",
        /// Moves money.
        Money = "money",
        /// Makes, changes or hands out a credential.
        Credential = "credential",
        /// Reads a secret.
        Secret = "secret",
        /// Changes who belongs where.
        Membership = "membership",
        /// Runs code.
        Exec = "exec",
        /// Starts something that goes on by itself.
        Automation = "automation",
    }
}

words! {
    /// How much harm it does when the wrong eyes see it.
    Sensitivity {
        /// For everyone.
        Public = "public",
        /// For the organisation.
        Internal = "internal",
        /// For those who need it.
        Confidential = "confidential",
        /// For a few, each of them named.
        Restricted = "restricted",
    }
}

words! {
    /// How far the consequences reach.
    Reach {
        /// The identity's own things.
        Own = "own",
        /// The organisation's.
        Internal = "internal",
        /// Beyond the organisation.
        External = "external",
    }
}

words! {
    /// Where a server runs.
    Environment {
        /// What customers use.
        Production = "production",
        /// What is tried before production.
        Staging = "staging",
        /// What people build with.
        Development = "development",
    }
}

words! {
    /// What is asked of a server.
    ActionKind {
        /// `tools/call`
        Tool = "tool",
        /// `resources/read`
        Resource = "resource",
        /// `prompts/get`
        Prompt = "prompt",
        /// A credential of a target, handed out; its server is the target.
        Lease = "lease",
    }
}

impl Sensitivity {
    /// Gives the rank that policies compare: public 0 to restricted 3.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Public => 0,
            Self::Internal => 1,
            Self::Confidential => 2,
            Self::Restricted => 3,
        }
    }
}

/// One thing that can be asked of one server, or a credential of a target, which is written
/// `lease:TARGET` and has what is wanted of the target as its name. Otherwise written `server__tool`; reading a resource is
/// `server__resources/read` and getting a prompt `server__prompts/get`, which no tool can be
/// called, since a tool's name holds no `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Action {
    /// The server that is asked.
    pub server: ServerName,
    /// What is asked of it.
    pub kind: ActionKind,
    /// The tool's or the prompt's name, or the resource's URI.
    pub name: String,
}

impl Action {
    /// Makes the action of handing out a credential of `target` for `wants`; none where the target's
    /// name could be no server's.
    pub fn lease(target: &TargetName, wants: &BTreeSet<String>) -> Option<Self> {
        let server = target.as_str().parse().ok()?;
        let name = wants.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        Some(Self { server, kind: ActionKind::Lease, name })
    }

    /// Says whether what it is done with is among these.
    pub(crate) fn is_within(
        &self,
        servers: &BTreeSet<ServerName>,
        targets: &BTreeSet<TargetName>,
    ) -> bool {
        match self.kind {
            ActionKind::Tool | ActionKind::Resource | ActionKind::Prompt => {
                servers.contains(&self.server)
            }
            ActionKind::Lease => targets.contains(self.server.as_str()),
        }
    }

    /// Gives what is wanted of a target, one by one.
    pub fn wants(&self) -> impl Iterator<Item = &str> {
        let name = (self.kind == ActionKind::Lease).then_some(self.name.as_str());
        name.into_iter().flat_map(|it| it.split(',')).filter(|it| !it.is_empty())
    }

    /// Gives the name that policies and sequences use.
    pub fn policy_name(&self) -> String {
        match self.kind {
            ActionKind::Tool => format!("{}__{}", self.server, self.name),
            ActionKind::Resource => format!("{}__resources/read", self.server),
            ActionKind::Prompt => format!("{}__prompts/get", self.server),
            ActionKind::Lease => format!("lease:{}", self.server),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActionKind::Tool => write!(out, "{}__{}", self.server, self.name),
            ActionKind::Resource => write!(out, "{} resource {}", self.server, self.name),
            ActionKind::Prompt => write!(out, "{} prompt {}", self.server, self.name),
            ActionKind::Lease => write!(out, "lease:{} {}", self.server, self.name),
        }
    }
}

/// What is known of an action: the operator's word where there is one, else a suggestion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionFacts {
    /// What it does.
    pub effects: BTreeSet<Effect>,
    /// How sensitive what it returns is.
    pub sensitivity: Sensitivity,
    /// May values from its results steer later calls?
    pub results_trusted: bool,
    /// Can it be undone?
    pub reversible: bool,
    /// How far it reaches.
    pub reach: Reach,
    /// Where its server runs.
    pub environment: Environment,
    /// Is there a credential for it that reads and does nothing else?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reading_credential: bool,
}

impl ActionFacts {
    /// Says whether such calls are listed apart and reviewed: secrets, credentials, membership,
    /// money, deletion, execution, automation, writing in production, sending outside.
    pub fn privileged(&self) -> bool {
        self.effects.iter().any(|effect| match effect {
            Effect::Secret
            | Effect::Credential
            | Effect::Membership
            | Effect::Money
            | Effect::Delete
            | Effect::Exec
            | Effect::Automation => true,
            Effect::Write => self.environment == Environment::Production,
            Effect::Egress => self.reach == Reach::External,
            Effect::Read => false,
        })
    }
}

/// A statement about the world that holds until it ends, such as `change-freeze`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What holds.
    pub name: String,
    /// Until when.
    pub until: Timestamp,
}
