//! What a legacy client's session id says. It is sealed before it goes out, so that any gateway can
//! serve it and none has to remember it.

use std::fmt::Write as _;

use bailiwick_model::TaskId;

use super::{askable::Askable, revision::Revision};

/// What a session was opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionFacts {
    /// The revision that was agreed on.
    pub(crate) version: Revision,
    /// The task whose token opened it.
    pub(crate) task: TaskId,
    /// Whether the client said that it opens links for its reader.
    pub(crate) opens_links: bool,
    /// What its client can be asked for.
    pub(crate) askable: Askable,
}

const LINKS: &str = "links";

impl SessionFacts {
    /// Writes the text to be sealed; `random` makes two sessions of one task differ.
    pub(crate) fn encode(&self, random: [u8; 16]) -> String {
        let can = self.askable.word();
        let mut text = format!("session-2 {} {} {can} ", self.version, self.task);
        for byte in random {
            // Writing into a text does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        if self.opens_links {
            text.extend([" ", LINKS]);
        }
        text
    }

    /// Reads what was sealed; anything else is no session of ours.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (kind, version, task) = (words.next()?, words.next()?, words.next()?);
        let (can, random) = (words.next()?, words.next()?);
        let opens_links = match words.next() {
            None => false,
            Some(LINKS) => true,
            Some(_) => return None,
        };
        let known = kind == "session-2" && random.len() == 32 && words.next().is_none();
        let version = Revision::from_date(version).filter(|it| known && !it.is_modern())?;
        let (task, askable) = (task.parse().ok()?, Askable::from_word(can)?);
        Some(Self { version, task, opens_links, askable })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TASK: &str = "task_01JD8X0000000000000000000A";

    #[test]
    fn what_was_written_is_read_again() {
        for opens_links in [false, true] {
            let (version, task) = (Revision::R20250618, TASK.parse().unwrap());
            let askable = Askable::from_word("-es").unwrap();
            let facts = SessionFacts { version, task, opens_links, askable };
            assert_eq!(SessionFacts::decode(&facts.encode([7; 16])), Some(facts.clone()));
            assert_ne!(facts.encode([7; 16]), facts.encode([8; 16]));
        }
    }

    #[test]
    fn a_modern_revision_has_no_session() {
        let random = "0".repeat(32);
        assert_eq!(SessionFacts::decode(&format!("session-2 2026-07-28 {TASK} - {random}")), None);
        assert_eq!(SessionFacts::decode(&format!("session-1 2025-06-18 {TASK} - {random}")), None);
        assert_eq!(
            SessionFacts::decode(&format!("session-2 2025-06-18 {TASK} - {random} x")),
            None
        );
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "session-2 [ -~]{0,80}") {
            let _ = SessionFacts::decode(&text);
        }
    }
}
