//! What authority can be withdrawn from, at once and whole.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Class, CredentialId, IdError, IdentityId, ServerName, TaskId, ToolName};

/// One thing that can be contained: whatever a call stands on, each by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An identity: everything it does, and everything that it handed on.
    Identity(IdentityId),
    /// A credential: one token, or the key that tokens were asked for with.
    Credential(CredentialId),
    /// A task and those below it.
    Task(TaskId),
    /// A server behind the gateway.
    Server(ServerName),
    /// One tool of a server.
    Tool(ServerName, ToolName),
    /// Every identity of a workload class, those that come later too.
    Class(Class),
    /// Every identity that somebody answers for, those that come later too.
    Owner(String),
    /// Every identity.
    Everyone,
}

/// The text names nothing that can be contained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// A kind of thing that there is not.
    #[error(
        "`{kind}:` is nothing that can be contained: say `identity:`, `credential:`, `task:`, `server:`, `tool:`, `class:`, `owner:` or `all:identities`"
    )]
    UnknownKind {
        /// What stands before the colon.
        kind: String,
    },
    /// A tool without its server, or the other way round.
    #[error("`{text}` is no tool: say `tool:SERVER__TOOL`")]
    NoTool {
        /// What stands behind the colon.
        text: String,
    },
    /// An owner that nobody can be called.
    #[error("`{text}` is no owner: 1 to 256 bytes without control characters")]
    NoOwner {
        /// What stands behind the colon.
        text: String,
    },
    /// All of something else.
    #[error("`all:{text}` is nothing that can be contained: say `all:identities`")]
    AllOfWhat {
        /// What stands behind the colon.
        text: String,
    },
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] IdError),
}

impl FromStr for Subject {
    type Err = SubjectError;

    /// Reads `server:files`; a name by itself is an identity's, an id by itself a task's.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let Some((kind, name)) = text.split_once(':') else {
            let task = text.parse().map(Self::Task);
            return task.or_else(|_| Ok(Self::Identity(text.parse()?)));
        };
        Ok(match kind {
            "identity" => Self::Identity(name.parse()?),
            "credential" => Self::Credential(name.parse()?),
            "task" => Self::Task(name.parse()?),
            "server" => Self::Server(name.parse()?),
            "tool" => {
                // No server's name holds `__`: the first one is the joint.
                let parts = name.split_once("__");
                let (server, tool) =
                    parts.ok_or_else(|| SubjectError::NoTool { text: shortened(name) })?;
                Self::Tool(server.parse()?, tool.parse()?)
            }
            "class" => Self::Class(name.parse()?),
            "owner" => Self::owner(name)?,
            "all" if name == "identities" => Self::Everyone,
            "all" => return Err(SubjectError::AllOfWhat { text: shortened(name) }),
            other => return Err(SubjectError::UnknownKind { kind: shortened(other) }),
        })
    }
}

/// Quotes no more of a text than helps.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(it) => write!(out, "identity:{it}"),
            Self::Credential(it) => write!(out, "credential:{it}"),
            Self::Task(it) => write!(out, "task:{it}"),
            Self::Server(it) => write!(out, "server:{it}"),
            Self::Tool(server, tool) => write!(out, "tool:{server}__{tool}"),
            Self::Class(it) => write!(out, "class:{it}"),
            Self::Owner(it) => write!(out, "owner:{it}"),
            Self::Everyone => out.write_str("all:identities"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Subject {
    /// Names it in a sentence.
    pub fn in_words(&self) -> String {
        match self {
            Self::Identity(it) => format!("`{it}`"),
            Self::Credential(it) => format!("the credential `{it}`"),
            Self::Task(it) => format!("the task `{it}`"),
            Self::Server(it) => format!("the server `{it}`"),
            Self::Tool(server, tool) => format!("the tool `{server}__{tool}`"),
            Self::Class(it) => format!("the class `{it}`"),
            Self::Owner(it) => format!("everything that `{it}` answers for"),
            Self::Everyone => "every identity".to_owned(),
        }
    }

    /// Names all that somebody answers for.
    pub fn owner(name: &str) -> Result<Self, SubjectError> {
        if name.is_empty() || Self::OWNER_MAX < name.len() || name.contains(char::is_control) {
            return Err(SubjectError::NoOwner { text: shortened(name) });
        }
        Ok(Self::Owner(name.to_owned()))
    }

    /// The longest name of an owner that can be contained.
    pub const OWNER_MAX: usize = 256;

    /// Says whether identities are meant by what they have in common, and not by their names.
    pub const fn is_of_crowds(&self) -> bool {
        self.is_of_identities() && !matches!(self, Self::Identity(_))
    }

    /// Says whether it is identities that are meant: one, or all of a kind. Their tasks end.
    pub const fn is_of_identities(&self) -> bool {
        match self {
            Self::Identity(_) | Self::Class(_) | Self::Owner(_) | Self::Everyone => true,
            Self::Credential(_) | Self::Task(_) | Self::Server(_) | Self::Tool(..) => false,
        }
    }
}

/// Everything that is contained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Containment(BTreeSet<Subject>);

impl FromIterator<Subject> for Containment {
    fn from_iter<I: IntoIterator<Item = Subject>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl Containment {
    /// Adds what is contained from now on.
    pub fn contain(&mut self, subject: Subject) {
        self.0.insert(subject);
    }

    /// Takes out what is contained no longer.
    pub fn release(&mut self, subject: &Subject) {
        self.0.remove(subject);
    }

    /// Says whether exactly this is contained.
    pub fn contains(&self, subject: &Subject) -> bool {
        self.0.contains(subject)
    }

    /// Gives all of it, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Subject> {
        self.0.iter()
    }

    /// Finds which of `all` are contained; mostly nothing is, and then nobody is even asked.
    pub fn among<I: Iterator<Item = Subject>>(&self, all: impl FnOnce() -> I) -> BTreeSet<Subject> {
        if self.0.is_empty() {
            return BTreeSet::new();
        }
        all().filter(|it| self.0.contains(it)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject() -> impl Strategy<Value = Subject> {
        let name = "[a-z][a-z0-9.-]{0,8}";
        prop_oneof![
            name.prop_map(|it| Subject::Identity(it.parse().unwrap())),
            "[A-Za-z0-9_-]{1,43}".prop_map(|it| Subject::Credential(it.parse().unwrap())),
            "[0-9A-HJKMNP-TV-Z]{26}"
                .prop_map(|it| Subject::Task(format!("task_{it}").parse().unwrap())),
            name.prop_map(|it| Subject::Server(it.parse().unwrap())),
            (name, "[A-Za-z][A-Za-z0-9_.-]{0,9}").prop_map(|(server, tool)| Subject::Tool(
                server.parse().unwrap(),
                tool.parse().unwrap()
            )),
            name.prop_map(|it| Subject::Class(it.parse().unwrap())),
            "[^\\p{C}]{1,60}".prop_map(|it| Subject::owner(&it).unwrap()),
            Just(Subject::Everyone),
        ]
    }

    proptest! {
        #[test]
        fn a_subject_reads_back_as_it_is_written(subject in subject()) {
            prop_assert_eq!(subject.to_string().parse::<Subject>(), Ok(subject.clone()));
            let written = serde_json::to_string(&subject).unwrap();
            prop_assert_eq!(serde_json::from_str::<Subject>(&written).unwrap(), subject);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            if let Ok(subject) = text.parse::<Subject>() {
                prop_assert!(subject.to_string().ends_with(&text));
            }
        }
    }

    #[test]
    fn a_name_by_itself_is_an_identitys_and_an_id_a_tasks() {
        let read = |text: &str| text.parse::<Subject>().map(|it| it.to_string());
        assert_eq!(read("triage-agent").unwrap(), "identity:triage-agent");
        let task = "task_01JD8X00000000000000000000";
        assert_eq!(read(task).unwrap(), format!("task:{task}"));
        assert_eq!(read("tool:files__write__all").unwrap(), "tool:files__write__all");
        for (text, why) in [
            ("host:a", "`host:` is nothing that can be contained"),
            ("tool:files", "`files` is no tool: say `tool:SERVER__TOOL`"),
            ("tool:__a", "a server's name is empty"),
            ("server:", "a server's name is empty"),
            ("class:", "a class is empty"),
            ("owner:", "`` is no owner"),
            ("owner:a\nb", "is no owner"),
            ("all:", "`all:` is nothing that can be contained: say `all:identities`"),
            ("", "an identity is empty"),
            ("credential:a b", "a credential `a b` may not hold ` `"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
