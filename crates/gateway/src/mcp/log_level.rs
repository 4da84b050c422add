//! How much a client wants to hear of what servers log.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::jsonrpc::RawObject;

/// The levels, from all to almost nothing.
const LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// One of the levels of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogLevel(usize);

impl LogLevel {
    /// Reads its name.
    pub(crate) fn read(name: &str) -> Option<Self> {
        LEVELS.iter().position(|it| *it == name).map(Self)
    }

    /// Reads the member `level` of parameters.
    pub(crate) fn of(params: Option<&RawValue>) -> Option<Self> {
        let params = RawObject::read(params?.get()).ok()?;
        Self::read(&params.text("level")?)
    }
}

impl Serialize for LogLevel {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        LEVELS.get(self.0).copied().unwrap_or("debug").serialize(out)
    }
}

/// Which messages of a server's log one caller hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Logs {
    /// None: since 2026-07-28 a request that wants some says so.
    #[default]
    Nothing,
    /// All that the server chooses to send: before, nothing has to be said.
    Everything,
    /// Those of this level or a graver one.
    From(LogLevel),
}

impl Logs {
    /// Says whether a message with these parameters is heard; one of no known level is grave.
    pub(crate) fn hear(self, params: Option<&RawValue>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::From(least) => LogLevel::of(params).is_none_or(|it| least <= it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hears(logs: Logs, level: &str) -> bool {
        let params = RawValue::from_string(format!(r#"{{"level":"{level}"}}"#)).unwrap();
        logs.hear(Some(&params))
    }

    #[test]
    fn a_caller_hears_its_level_and_graver_ones() {
        let warning = Logs::From(LogLevel::read("warning").unwrap());
        let heard: Vec<_> = LEVELS.into_iter().filter(|it| hears(warning, it)).collect();
        assert_eq!(heard, ["warning", "error", "critical", "alert", "emergency"]);
        assert!(hears(warning, "of tomorrow") && hears(Logs::Everything, "debug"));
        assert!(!hears(Logs::Nothing, "emergency"));
        assert_eq!(LogLevel::read("all of it"), None);
    }
}
