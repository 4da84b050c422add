//! Who holds what, of all lists that were read.
//!
//! One identity may be in several lists, and part of a crowd that a list names by a pattern: all of a namespace, everybody of a
//! domain.

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, Holder};

use crate::{
    exercised::{Namesakes, SystemIdentity},
    granted::fits,
};

pub(super) struct Holders<'h> {
    own: BTreeMap<SystemIdentity, Vec<&'h Holder>>,
    crowds: Vec<&'h Holder>,
}

/// What a list says of somebody.
#[derive(Clone, Copy)]
pub(super) struct Listed<'h> {
    pub(super) holder: &'h Holder,
    /// Whether what it grants is told of here where it was not used; else another account's name is told of.
    pub(super) is_own: bool,
    /// Whether it is of this one for sure, and not of somebody of the same name in another account.
    pub(super) is_sure: bool,
}

/// Gives the name of a holder.
pub(super) fn name(holder: &Holder) -> SystemIdentity {
    SystemIdentity::within(holder.platform, &holder.id, &holder.account)
}

impl<'h> Holders<'h> {
    pub(super) fn new(holders: &'h [Holder], names: &Namesakes) -> Self {
        let (mut own, mut crowds) = (BTreeMap::new(), Vec::new());
        for holder in holders {
            let list: &mut Vec<_> = if holder.crowd {
                &mut crowds
            } else {
                own.entry(names.of(name(holder))).or_default()
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
    pub(super) fn of(&self, id: &SystemIdentity, kind: Option<ActorKind>) -> Vec<Listed<'h>> {
        let own = self.own.get(id).into_iter().flatten();
        let own = own.map(|holder| Listed { holder, is_own: true, is_sure: true });
        let elsewhere = self.elsewhere(id);
        let listed = self.own.get(id).and_then(|it| it.first()).map(|it| it.kind);
        let kind = kind.or(listed);
        let is_in = |it: &&&Holder| {
            it.platform == id.platform
                && !is_set(&id.id)
                && fits(&it.id, &id.id)
                && (id.within.is_empty() || it.account.is_empty() || it.account == id.within)
                // Who said no name belongs where nobody has to say one.
                && (kind != Some(ActorKind::Anonymous) || it.kind == ActorKind::Anonymous)
        };
        let crowds = self.crowds.iter().filter(is_in);
        let crowds = crowds.map(|holder| Listed { holder, is_own: true, is_sure: true });
        own.chain(elsewhere).chain(crowds).collect()
    }

    /// Gives what may be said of one whose account is not known, or where a list does not say of which account it is.
    fn elsewhere(&self, id: &SystemIdentity) -> impl Iterator<Item = Listed<'h>> {
        let first = SystemIdentity::of(id.platform, id.id.clone());
        let same = self.own.range(first..).take_while(|(it, _)| it.id == id.id);
        let other = same.filter(|(it, _)| it.within != id.within);
        let may_be = other.filter(|(it, _)| it.within.is_empty() || id.within.is_empty());
        let all = may_be.flat_map(|(_, all)| all);
        all.map(|holder| Listed { holder, is_own: holder.account.is_empty(), is_sure: false })
    }
}

/// Says whether a name is that of many, of whom nothing says who they are: such a one does nothing itself.
fn is_set(id: &str) -> bool {
    ["group:", "principalSet:", "projectEditor:", "projectOwner:", "projectViewer:"]
        .iter()
        .any(|it| id.starts_with(it))
}
