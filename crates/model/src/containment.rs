//! What authority can be withdrawn from, at once and whole.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Action, ActionKind, Caller, CredentialId, IdError, IdentityId, ServerName, Task, TaskId,
    ToolName,
};

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
}

/// The text names nothing that can be contained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// A kind of thing that there is not.
    #[error(
        "`{kind}:` is nothing that can be contained: say `identity:`, `credential:`, `task:`, `server:` or `tool:`"
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

    /// Finds what is contained of an identity and of the credentials that it shows.
    pub fn of_credentials(
        &self,
        identity: &IdentityId,
        credentials: &BTreeSet<CredentialId>,
    ) -> BTreeSet<Subject> {
        let shown = credentials.iter().cloned().map(Subject::Credential);
        self.among(|| std::iter::once(Subject::Identity(identity.clone())).chain(shown))
    }

    /// Finds what is contained of whoever makes a call.
    pub fn of_caller(&self, caller: &Caller) -> BTreeSet<Subject> {
        let via = caller.via.iter().cloned().map(Subject::Identity);
        let mut found = self.of_credentials(&caller.identity, &caller.credentials);
        found.extend(self.among(|| via));
        found
    }

    /// Finds what is contained of the hands and tasks that a task's authority came through.
    pub fn of_task(&self, task: &Task) -> BTreeSet<Subject> {
        let hands = std::iter::once(&task.identity).chain(&task.via);
        let tasks = std::iter::once(&task.id).chain(task.ancestors());
        self.among(|| {
            hands.cloned().map(Subject::Identity).chain(tasks.cloned().map(Subject::Task))
        })
    }

    /// Finds what is contained of what an action is done with.
    pub fn of_action(&self, action: &Action) -> BTreeSet<Subject> {
        let server = || action.server.clone();
        let named = || action.name.parse().ok().filter(|_| action.kind == ActionKind::Tool);
        let tool = || named().map(|it| Subject::Tool(server(), it));
        self.among(|| std::iter::once(Subject::Server(server())).chain(tool()))
    }

    /// Finds which of `all` are contained; mostly nothing is, and then nobody is even asked.
    fn among<I: Iterator<Item = Subject>>(&self, all: impl FnOnce() -> I) -> BTreeSet<Subject> {
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
            ("", "an identity is empty"),
            ("credential:a b", "a credential `a b` may not hold ` `"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
