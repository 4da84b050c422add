//! Our own identities in what others ask: of these charters say what there is, whoever asks.

use std::collections::BTreeSet;

use bailiwick_model::{Entity, Evaluation, IdentityId, Reason, ReasonCode};

use crate::{Snapshot, open::contained_reason};

/// Says why `evaluation` is a no whatever policy says of it: it is about an identity that nobody
/// registered, or one whose authority is withdrawn would do it.
pub(crate) fn stopped(snapshot: &Snapshot, evaluation: &Evaluation) -> BTreeSet<Reason> {
    let Evaluation { subject, resource, .. } = evaluation;
    let unknown = [subject, resource].into_iter().filter_map(|it| unregistered(snapshot, it));
    unknown.chain(contained(snapshot, subject)).collect()
}

/// Says why there is no such identity. One whose charter is gone is not what the asker says of it.
fn unregistered(snapshot: &Snapshot, named: &Entity) -> Option<Reason> {
    let ours = snapshot.access.identities();
    if !ours.is_meant_by(&named.kind) {
        return None;
    }
    let text = if named.kind != ours.as_str() {
        format!("`{}` is no type: identities are of type `{ours}`", named.kind)
    } else if identity(named).is_some_and(|it| snapshot.charters.contains_key(&it)) {
        return None;
    } else {
        format!("`{}` has no charter", named.id)
    };
    Some(Reason::new(ReasonCode::NotRegistered, text, "registry"))
}

fn contained(snapshot: &Snapshot, subject: &Entity) -> BTreeSet<Reason> {
    let ours = snapshot.access.identities().is_meant_by(&subject.kind);
    let ours = ours.then(|| identity(subject)).flatten();
    let found = ours.map(|it| snapshot.contained_of_identity(&it, &BTreeSet::new()));
    found.iter().flatten().map(contained_reason).collect()
}

fn identity(named: &Entity) -> Option<IdentityId> {
    named.id.parse().ok()
}
