//! What is known of something before anybody asks: made ready once, shown at every question.

use std::collections::HashSet;

use bailiwick_model::{Entity, EntityName};
use cedar_policy_core::ast::{EntityUID, Value};

use super::{Part, stranger::attributes, value::text};

/// One thing that is known.
#[derive(Debug)]
pub(crate) struct Known {
    name: EntityName,
    uid: EntityUID,
    attributes: Vec<(String, Value)>,
    above: HashSet<EntityUID>,
    /// Whether we know it better than whoever asks.
    ours: bool,
}

impl Known {
    /// Makes it ready, with its Cedar name and all that it belongs to.
    pub(crate) fn new(
        entity: &Entity,
        (uid, above): (EntityUID, HashSet<EntityUID>),
        ours: bool,
    ) -> Self {
        let name = EntityName { kind: entity.kind.clone(), id: entity.id.clone() };
        let attributes = attributes(&entity.properties);
        let attributes = attributes.map(|(name, it)| (name.to_owned(), it)).collect();
        Self { name, uid, attributes, above, ours }
    }

    pub(crate) const fn name(&self) -> &EntityName {
        &self.name
    }

    pub(crate) const fn uid(&self) -> &EntityUID {
        &self.uid
    }

    pub(crate) fn above(&self) -> impl Iterator<Item = &EntityUID> {
        self.above.iter()
    }

    /// Shows it, with what the asker says of it laid over what is known, or under it where it is
    /// ours.
    pub(super) fn with(&self, said: &Entity) -> Part {
        let known = || self.attributes.iter().map(|(name, it)| (name.as_str(), it.clone()));
        let id = ("id", text(&said.id));
        let said = attributes(&said.properties);
        let above = self.above.iter().cloned();
        // Of two attributes of one name the later counts.
        if self.ours {
            Part::new(self.uid.clone(), said.chain(known()).chain([id]), above)
        } else {
            Part::new(self.uid.clone(), known().chain(said).chain([id]), above)
        }
    }
}
