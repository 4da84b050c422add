//! Who holds what, of all lists that were read.
//!
//! One identity may be in several lists, and part of a crowd that a list names by a pattern: all of a namespace, everybody of a
//! domain.

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, Holder};

use crate::{exercised::SystemIdentity, granted::fits};

pub(super) struct Holders<'h> {
    own: BTreeMap<SystemIdentity, Vec<&'h Holder>>,
    crowds: Vec<&'h Holder>,
}

impl<'h> Holders<'h> {
    pub(super) fn new(holders: &'h [Holder]) -> Self {
        let (mut own, mut crowds) = (BTreeMap::new(), Vec::new());
        for holder in holders {
            let list: &mut Vec<_> = if holder.crowd {
                &mut crowds
            } else {
                let (platform, id) = (holder.platform, holder.id.clone());
                own.entry(SystemIdentity { platform, id }).or_default()
            };
            // What was read twice counts once.
            if !list.contains(&holder) {
                list.push(holder);
            }
        }
        Self { own, crowds }
    }

    /// Gives everybody who is named.
    pub(super) fn names(&self) -> impl Iterator<Item = &SystemIdentity> {
        self.own.keys()
    }

    /// Gives what lists say of one identity: of itself first.
    pub(super) fn of(&self, id: &SystemIdentity, kind: Option<ActorKind>) -> Vec<&'h Holder> {
        let is_in = |it: &&&Holder| {
            it.platform == id.platform
                && fits(&it.id, &id.id)
                // Who said no name belongs where nobody has to say one.
                && (kind != Some(ActorKind::Anonymous) || it.kind == ActorKind::Anonymous)
        };
        let own = self.own.get(id).into_iter().flatten();
        own.chain(self.crowds.iter().filter(is_in)).copied().collect()
    }
}
