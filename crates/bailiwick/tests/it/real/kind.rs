//! The clients of others: the table, one line a client.

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The Python SDK.
    Python,
    /// Version 1 of the TypeScript SDK.
    TypeScript,
    /// Version 2 of the TypeScript SDK, as it is by itself.
    Second,
    /// Version 2 of the TypeScript SDK, told to find out what it speaks to.
    SecondAuto,
    /// The command line of the MCP Inspector, as it is by itself.
    Inspector,
    /// The command line of the MCP Inspector, told to find out what it speaks to.
    InspectorAuto,
    /// The Agents SDK of `OpenAI`, on the Python SDK.
    OpenAiAgents,
    /// The same on version 1 of the Python SDK.
    OpenAiAgentsOlder,
    /// The adapters of `LangChain`, on version 1 of the Python SDK.
    LangChain,
}

/// Whether a server hears of it when a client gives a call up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivingUp {
    /// The client says so, in the way of its revision.
    IsHeard,
    /// The client only goes away, which says nothing up to 2025-11-25: the call goes on, and its
    /// answer goes to nobody.
    IsNotHeard,
}

/// How a client waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// It speaks 2025-11-25: its answer is held open.
    Stream,
    /// It speaks 2026-07-28, and goes through the rounds by itself.
    Rounds,
    /// It speaks 2026-07-28, and asks under the name it was given for as long as it takes.
    Name,
    /// It speaks 2026-07-28 and waits for one answer; one that is not finished it takes for an error.
    OneRound,
}

use GivingUp::{IsHeard, IsNotHeard};
use Waiting::{Name, OneRound, Rounds, Stream};

impl Kind {
    /// Those that can do whatever a test wants.
    pub(super) const BOTH: [Self; 2] = [Self::Python, Self::TypeScript];

    pub(super) const ALL: [Self; 9] = [
        Self::Python,
        Self::TypeScript,
        Self::Second,
        Self::SecondAuto,
        Self::Inspector,
        Self::InspectorAuto,
        Self::OpenAiAgents,
        Self::OpenAiAgentsOlder,
        Self::LangChain,
    ];

    const fn line(self) -> (&'static str, Waiting, GivingUp) {
        match self {
            Self::Python => ("python", Rounds, IsHeard),
            Self::TypeScript => ("typescript", Stream, IsHeard),
            Self::Second => ("typescript-2", Stream, IsHeard),
            Self::SecondAuto => ("typescript-2-auto", Rounds, IsHeard),
            Self::Inspector => ("inspector", Stream, IsNotHeard),
            Self::InspectorAuto => ("inspector-auto", Name, IsHeard),
            Self::OpenAiAgents => ("openai-agents", OneRound, IsHeard),
            Self::OpenAiAgentsOlder => ("openai-agents-older", Stream, IsNotHeard),
            Self::LangChain => ("langchain", Stream, IsNotHeard),
        }
    }

    /// Gives the name of the part that it is.
    pub(super) const fn name(self) -> &'static str {
        self.line().0
    }

    pub(super) const fn waiting(self) -> Waiting {
        self.line().1
    }

    pub(super) const fn giving_up(self) -> GivingUp {
        self.line().2
    }

    /// Gives the revision that it speaks.
    pub(super) const fn revision(self) -> &'static str {
        match self.waiting() {
            Stream => "2025-11-25",
            Rounds | Name | OneRound => "2026-07-28",
        }
    }
}
