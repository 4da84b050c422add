//! What a server asks the API server about somebody else: whether they may do something that is asked of that server.
//!
//! The record is the asking server's. Who it is about stands in the body alone, which an audit policy may leave out. It is no
//! use of theirs that is known: they may have done it there, or somebody may have wanted to know.

use std::borrow::Cow;

use bailiwick_model::{Actor, Ended, Exercise};

use super::{super::fields::Fields, kind};

/// Kinds of questions about others. What somebody asks about themselves is no use.
const REVIEWS: [&str; 2] = ["subjectaccessreviews", "localsubjectaccessreviews"];

/// Gives what was asked about, under the name of whom it is about: `core/nodes/proxy`, `asked about get`.
pub(super) fn about<'a>(
    it: &Fields<'a>,
    object: &Fields<'a>,
    review: &Exercise<'a>,
) -> Option<Exercise<'a>> {
    let is_review = REVIEWS.contains(&&*object.text("resource").0)
        && review.operation == "create"
        && review.service.starts_with("authorization.k8s.io/")
        && review.ended == Ended::Success;
    if !is_review {
        return None;
    }
    let asked = it.object("requestObject").object("spec");
    let user = asked.text("user").0;
    let (on, address) = (asked.object("resourceAttributes"), asked.object("nonResourceAttributes"));
    let (service, what, resource) = if on.is_empty() {
        let what = format!("{} {}", address.text("verb").0, address.text("path").0);
        (Cow::Borrowed("nonresource"), what, Cow::Borrowed(""))
    } else {
        let (group, part) = (on.text("group").0, on.text("subresource").0);
        let group = if group.is_empty() { "core" } else { &group };
        let slash = if part.is_empty() { "" } else { "/" };
        let service = format!("{group}/{}{slash}{part}", on.text("resource").0);
        (Cow::Owned(service), on.text("verb").0.into_owned(), super::resource(&on))
    };
    if user.is_empty() || what.trim().is_empty() || service.ends_with('/') {
        return None;
    }
    let actor = Actor { kind: kind(&user), id: user, ..Actor::default() };
    Some(Exercise {
        actor,
        service,
        operation: format!("asked about {what}").into(),
        resource,
        issued: None,
        granted_by: Cow::Borrowed(""),
        ..review.clone()
    })
}
