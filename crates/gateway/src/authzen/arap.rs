//! AuthZEN access requests and approvals: how a person is asked for an evaluation that was held.
//!
//! The profile is a draft; all of its wire form lies here. A hold is the standing that it always is:
//! the enforcement point asks for a person, people answer as they answer held calls, and what they
//! said yes to is evaluated again. An approval is used once and allows nothing by itself.

mod approval;
mod problem;
mod read;
mod request;
mod task;

pub(super) use approval::{Judged, judged};
pub(super) use request::{cancel, open, show};

use std::{collections::BTreeSet, time::Duration};

use bailiwick_model::{Evaluation, Json};

/// Which draft is spoken.
pub(super) const DRAFT: &str = "authzen-access-request-approval-profile-1_0, draft 1";
/// What is said of it among the capabilities.
pub(super) const CAPABILITY: &str = "urn:openid:authzen:capability:access-request";
/// Where a person is asked for, below the public address.
pub(super) const ENDPOINT: &str = "/access/v1/requests";
/// How long after a hold a person can be asked for it.
const HINT: Duration = Duration::from_secs(15 * 60);
/// How long a person has to answer.
const WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes down all that an approval is bound to: who, what, to what, each with everything that is
/// said of it, and of the context whatever some policy reads.
fn bound(evaluation: &Evaluation, read: Option<&BTreeSet<String>>) -> String {
    let Evaluation { subject, action, resource, context } = evaluation;
    let text = |it: &str| Json::Text(it.to_owned());
    let object = |it: &std::collections::BTreeMap<String, Json>| Json::Object(it.clone());
    let entity = |it: &bailiwick_model::Entity| {
        Json::List(vec![text(&it.kind), text(&it.id), object(&it.properties)])
    };
    let reads = |name: &str| read.is_none_or(|it| it.contains(name));
    // What the asker can do is shown to policies under a name of ours.
    let read = |name: &str| {
        let shown = if name == SUPPORTED { "pep" } else { name };
        reads(shown) && !OURS.contains(&name)
    };
    let relevant = context.iter().filter(|(name, _)| read(name));
    let relevant = relevant.map(|(name, it)| (name.clone(), it.clone())).collect();
    let action = Json::List(vec![text(&action.name), object(&action.properties)]);
    Json::List(vec![entity(subject), action, entity(resource), Json::Object(relevant)]).canonical()
}

/// What of the context no policy has from the asker.
const OURS: [&str; 4] = ["approval", "facts", "now", "pep"];
/// What of it says what the asker can do.
const SUPPORTED: &str = "supported_obligations";

#[cfg(any(test, fuzzing))]
pub(super) use read::foreign;

#[cfg(test)]
mod tests;
