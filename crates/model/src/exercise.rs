//! An access that happened, as a system's own log tells of it, in words that are the same for all systems.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A system whose logs and grants are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// Amazon Web Services.
    Aws,
    /// Kubernetes, whoever runs it.
    Kubernetes,
    /// GitHub.
    Github,
    /// Okta.
    Okta,
    /// Google Cloud.
    Google,
    /// Google Workspace.
    Workspace,
    /// Microsoft Azure and Entra ID.
    Azure,
    /// `PostgreSQL`.
    Postgres,
    /// Vault of `HashiCorp`, and `OpenBao`.
    Vault,
    /// Tools over MCP.
    Mcp,
    /// The administration of Anthropic's platform.
    Anthropic,
    /// The administration of the platform of `OpenAI`.
    Openai,
}

impl Platform {
    /// Every one of them.
    pub const ALL: [Self; 12] = [
        Self::Aws,
        Self::Kubernetes,
        Self::Github,
        Self::Okta,
        Self::Google,
        Self::Workspace,
        Self::Azure,
        Self::Postgres,
        Self::Vault,
        Self::Mcp,
        Self::Anthropic,
        Self::Openai,
    ];

    /// Gives its name, the first part of each permission name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Kubernetes => "kubernetes",
            Self::Github => "github",
            Self::Okta => "okta",
            Self::Google => "google",
            Self::Workspace => "workspace",
            Self::Azure => "azure",
            Self::Postgres => "postgres",
            Self::Vault => "vault",
            Self::Mcp => "mcp",
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
        }
    }
}

impl Platform {
    /// Gives a caller's name in the one spelling that counts: systems that know people by their addresses take those in
    /// letters of any case. What another vouches for is a URL, and to the letter.
    pub fn name_of(self, name: Cow<'_, str>) -> Cow<'_, str> {
        let knows_addresses =
            matches!(self, Self::Azure | Self::Google | Self::Okta | Self::Workspace);
        let is_address = name.contains('@') && !name.contains("://");
        if knows_addresses && is_address && name.chars().any(char::is_uppercase) {
            return name.to_lowercase().into();
        }
        name
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The word names no system that is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no system that is read")]
pub struct PlatformError {
    word: String,
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(word: &str) -> Result<Self, PlatformError> {
        let found = Self::ALL.into_iter().find(|it| it.as_str() == word);
        found.ok_or_else(|| PlatformError { word: word.to_owned() })
    }
}

/// What sort of caller a log names.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// A person's own account.
    Person,
    /// An account made for software: a key, a service account, an application.
    Service,
    /// A role or a federated workload: whoever comes in, comes for a while.
    Role,
    /// An agent that Bailiwick governs.
    Agent,
    /// The system itself.
    Platform,
    /// Nobody who said a name.
    Anonymous,
    /// The log does not say.
    #[default]
    Unknown,
}

impl ActorKind {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Role => "role",
            Self::Agent => "agent",
            Self::Platform => "platform",
            Self::Anonymous => "anonymous",
            Self::Unknown => "unknown",
        }
    }
}

/// Who did it, by the system's own names. What is empty, the log does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor<'a> {
    /// Whose authority it was: an ARN, an account's address, an application's id.
    pub id: Cow<'a, str>,
    /// What sort of caller that is.
    pub kind: ActorKind,
    /// The name of the credential that was shown. Never the credential.
    pub credential: Cow<'a, str>,
    /// What the system did on the caller's behalf names the part of the system that did it.
    pub through: Cow<'a, str>,
    /// Who stands behind the caller by the log's own word, outermost first.
    pub chain: Vec<Cow<'a, str>>,
    /// Why nobody can be expected to have issued the credential in sight of a log; empty otherwise.
    pub delivered: &'static str,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It was done.
    Success,
    /// It was allowed, and failed of something else: nothing was found, too much was asked, the words were wrong.
    Error,
    /// It was refused for want of authority.
    Denied,
}

impl Ended {
    /// Says whether authority was exercised: a denied attempt never is.
    pub const fn is_exercised(self) -> bool {
        match self {
            Self::Success | Self::Error => true,
            Self::Denied => false,
        }
    }
}

/// How one credential comes of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A role was assumed.
    AssumeRole,
    /// A token of another system was traded.
    Federation,
    /// A token was traded within the system.
    Exchange,
    /// Somebody acted as somebody else.
    Impersonation,
    /// An application was let in by a person.
    OauthGrant,
    /// A lasting key was made.
    Key,
    /// A governor leased it for a task.
    Lease,
}

impl Via {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssumeRole => "assume-role",
            Self::Federation => "federation",
            Self::Exchange => "exchange",
            Self::Impersonation => "impersonation",
            Self::OauthGrant => "oauth-grant",
            Self::Key => "key",
            Self::Lease => "lease",
        }
    }
}

/// A credential that came of an exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued<'a> {
    /// Its name. Never the credential.
    pub credential: Cow<'a, str>,
    /// For whom it counts.
    pub to: Cow<'a, str>,
    /// How it came about.
    pub via: Via,
    /// Until when it counts, where that is known.
    pub until: Option<Timestamp>,
}

/// What came along with a request and takes a permission of its own, and whether it is in the log by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Along(u8);

impl Along {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// A role was handed over to a part of the system.
    pub const ROLE: Self = Self(1);
    /// Tags were set on what is new.
    pub const TAGS: Self = Self(2);
    /// Somebody picked out this very thing to be written down: the log need not have others like it.
    pub const PICKED: Self = Self(4);

    /// Adds one.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Says whether all of `other` came along.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One access, as a log tells of it; what it borrows is the log's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exercise<'a> {
    /// Whose log.
    pub platform: Platform,
    /// What comes again under this key is the same: the log's own id of it, or a digest of all that the log says.
    pub key: u128,
    /// When.
    pub at: Timestamp,
    /// In which account, tenant, project, cluster or organisation.
    pub account: Cow<'a, str>,
    /// Who.
    pub actor: Actor<'a>,
    /// The part of the system, as the log names it.
    pub service: Cow<'a, str>,
    /// What was done, as the log names it.
    pub operation: Cow<'a, str>,
    /// What came along.
    pub along: Along,
    /// What it was done to, as the system names it; empty where the log does not say.
    pub resource: Cow<'a, str>,
    /// How it ended.
    pub ended: Ended,
    /// The system's own code for that; empty if all went well.
    pub code: Cow<'a, str>,
    /// Which credential came of it.
    pub issued: Option<Issued<'a>>,
    /// Whether the log has it only where somebody asked for that: what is done to data, as a rule.
    pub data: bool,
    /// Whether the system tells of itself: nobody's authority was asked.
    pub internal: bool,
    /// Whose grant let it through, by the log's own word.
    pub granted_by: Cow<'a, str>,
}

impl Exercise<'_> {
    /// Begins with whose log it is in and when it was; all else is empty yet, and so is its key.
    pub const fn begun(platform: Platform, at: Timestamp) -> Self {
        Self {
            platform,
            key: 0,
            at,
            account: Cow::Borrowed(""),
            actor: Actor {
                id: Cow::Borrowed(""),
                kind: ActorKind::Unknown,
                credential: Cow::Borrowed(""),
                through: Cow::Borrowed(""),
                chain: Vec::new(),
                delivered: "",
            },
            service: Cow::Borrowed(""),
            operation: Cow::Borrowed(""),
            along: Along::NOTHING,
            resource: Cow::Borrowed(""),
            ended: Ended::Success,
            code: Cow::Borrowed(""),
            issued: None,
            data: false,
            internal: false,
            granted_by: Cow::Borrowed(""),
        }
    }
}
