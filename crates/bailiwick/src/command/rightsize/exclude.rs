//! What somebody excluded stays, for as long as that counts.

use bailiwick_insight::{Certificate, Exclusion, Wishes};

use crate::command::audit::exclusions::called;

/// Adds to what is wished what is excluded for the identity that a certificate is of, and says so; none where nothing is.
pub(super) fn excluded(
    exclusions: &[Exclusion],
    certificate: &Certificate,
    wishes: &Wishes,
) -> Option<(Wishes, Vec<String>)> {
    let end = certificate.window.map(|it| it.1)?;
    let (mut wishes, mut notes) = (wishes.clone(), Vec::new());
    let platform = certificate.platform;
    for it in exclusions.iter().filter(|it| it.knows(platform, &certificate.identity)) {
        let (what, until) = (called(it), it.until);
        if it.has_ended(end) {
            notes.push(format!("the exclusion of {what} ended at {until}, and counts no more"));
            continue;
        }
        let pattern = it.permission.as_ref().map_or("*", |it| &it.pattern);
        if !wishes.keep.iter().any(|it| it == pattern) {
            wishes.keep.push(pattern.to_owned());
        }
        notes.push(format!("{what} stays until {until}: {} ({})", it.reason, it.owner));
    }
    (!notes.is_empty()).then_some((wishes, notes))
}
