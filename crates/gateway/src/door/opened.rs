//! Session ids that were opened lately. A seal keeps the same whenever it is broken, and breaking one
//! costs more than looking it up.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::mcp::session::SessionFacts;

/// Of how many ids it is known what they say.
const MOST: usize = 4096;

/// What session ids say, by the ids. Only what this gateway sealed is in it, and it is no secret.
#[derive(Debug, Default)]
pub(super) struct Opened(RwLock<HashMap<Box<str>, Arc<SessionFacts>>>);

impl Opened {
    /// Gives what `id` says: as it is known, or as `open` finds out.
    pub(super) fn facts(
        &self,
        id: &str,
        open: impl FnOnce(&str) -> Option<SessionFacts>,
    ) -> Option<Arc<SessionFacts>> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Some(Arc::clone(known));
        }
        let facts = Arc::new(open(id)?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if MOST <= known.len() {
            // Forgetting costs one seal each, and happens once in thousands.
            known.clear();
        }
        known.insert(id.into(), Arc::clone(&facts));
        Some(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::{askable::Askable, revision::Revision};

    fn facts() -> SessionFacts {
        SessionFacts {
            version: Revision::LEGACY_NEWEST,
            task: "task_01JD8X0000000000000000000A".parse().unwrap(),
            opens_links: false,
            askable: Askable::default(),
        }
    }

    #[test]
    fn an_id_is_opened_once_and_one_that_does_not_open_each_time() {
        let opened = Opened::default();
        assert_eq!(*opened.facts("ours", |_| Some(facts())).unwrap(), facts());
        assert_eq!(*opened.facts("ours", |_| panic!("opened twice")).unwrap(), facts());
        for _ in 0..2 {
            assert_eq!(opened.facts("theirs", |_| None), None);
        }
        assert_eq!(opened.0.read().unwrap().len(), 1);
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let opened = Opened::default();
        for number in 0..(2 * MOST) {
            opened.facts(&number.to_string(), |_| Some(facts())).unwrap();
            assert!(opened.0.read().unwrap().len() <= MOST);
        }
    }
}
