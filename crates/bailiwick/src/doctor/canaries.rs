//! Canaries: which targets do not make or end what they should, as the running governor knows.

use super::finding::{Finding, Severity};
use crate::{
    admin::wire::{TargetList, TargetShown},
    client::Client,
};

/// Asks the governor that serves.
pub(super) async fn look(client: &Client) -> Vec<Finding> {
    // One of before this route knows nothing of canaries.
    let Ok(found) = client.get::<TargetList>("/api/v1/targets").await else { return Vec::new() };
    found.targets.iter().filter_map(failing).collect()
}

fn failing(shown: &TargetShown) -> Option<Finding> {
    let failing = shown.canary.as_ref()?.failing.as_ref()?;
    Some(Finding {
        severity: Severity::Weak,
        code: "canary-failing",
        subject: shown.target.to_string(),
        found: format!(
            "its canary has failed {} times since {}: {}",
            failing.times, failing.since, failing.why
        ),
        means: "a task that needs a lease there may get none, or what it got may not end when it should",
        mend: "look at what the target says, and at the account that makes its credentials"
            .to_owned(),
    })
}
