//! What a certificate says of the log and of names, worked out again.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Platform, Timestamp};

use crate::{
    exercised::{Days, Doer, Exercised},
    names::Sort,
    rightsize::{certificate::Certificate, stays::KeptFor},
};

/// How many names a fault names.
const NAMED: usize = 3;

/// What is given by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// Before: each name, and since when whoever holds it can have used it, where that is known.
    pub(super) before: BTreeMap<String, Option<Timestamp>>,
    /// Afterwards.
    pub(super) after: BTreeSet<String>,
    /// The days on which the use of rights on tables is seen by whatever name, where not all days are such.
    pub(super) besides: Option<Days>,
    /// Whether something is held that may give any name.
    pub(super) is_strange: bool,
}

/// Says what of a certificate the grants and the documents do not bear out.
pub(super) fn of_names(certificate: &Certificate, given: &Given) -> Vec<String> {
    let mut faults = Vec::new();
    let removed: BTreeSet<&String> = certificate.removed.actions.iter().collect();
    let kept: BTreeSet<&String> = certificate.kept.values().flatten().collect();
    let is_gone = |it: &String| given.before.contains_key(it) && !given.after.contains(it);
    let is_left = |it: &String| given.before.contains_key(it) && given.after.contains(it);
    let wrong = removed.iter().copied().filter(|it| !is_gone(it));
    say(&mut faults, "called removed, and is not", wrong);
    let wrong = kept.iter().copied().filter(|it| !is_left(it));
    say(&mut faults, "called kept, and is not", wrong);
    if !given.is_strange {
        let names = || given.before.keys();
        let unsaid = names().filter(|it| is_gone(it) && !removed.contains(it));
        say(&mut faults, "removed, and not called so", unsaid);
        let unsaid = names().filter(|it| is_left(it) && !kept.contains(it));
        say(&mut faults, "kept, and not called so", unsaid);
    }
    faults
}

/// Says what of a certificate its own logs do not bear out. Law 11: what was used or asked for, or could not have been
/// seen for long enough, is never removed.
pub(super) fn of_logs(
    certificate: &Certificate,
    given: &Given,
    exercised: &Exercised,
    doers: &[Doer],
) -> Vec<String> {
    let platform = certificate.platform;
    let mut faults = Vec::new();
    let mut used: BTreeMap<String, bool> = BTreeMap::new();
    let (mut done, mut denied) = (0_u64, 0_u64);
    for (name, deeds) in doers.iter().flat_map(|it| &it.deeds) {
        let tallies = deeds.done.values().map(|it| it.count);
        done = tallies.fold(done, u64::saturating_add);
        denied = denied.saturating_add(deeds.denied.as_ref().map_or(0, |it| it.count));
        if deeds.certainty.is_permission() {
            let bare = cased(certificate, crate::names::bare(platform, name));
            *used.entry(bare).or_default() |= !deeds.done.is_empty();
        }
    }
    let mut seen: BTreeMap<(Option<Sort<'_>>, Option<Timestamp>, bool), u64> = BTreeMap::new();
    let least = certificate.wishes.window_days.max(1);
    let mut unseen = Vec::new();
    for name in &certificate.removed.actions {
        let since = given.before.get(name).copied().flatten();
        let sort = sort_of(certificate, exercised, name);
        let is_table = name.starts_with("table ");
        let days = seen.entry((sort.clone(), since, is_table)).or_insert_with(|| {
            let days = sort.map(|it| exercised.observed(platform, &certificate.account, &it));
            let mut days = days.unwrap_or_default();
            if let Some(besides) = given.besides.as_ref().filter(|_| is_table) {
                days.keep(besides);
            }
            if let Some(since) = since {
                days.begin_at(since);
            }
            days.count()
        });
        if *days < least {
            unseen.push(name);
        }
    }
    let removed = certificate.removed.actions.iter();
    let is_in_log = |it: &&String| {
        let it = cased(certificate, it);
        let is_other = |logged: &String| super::postgres::is_same(&it, logged);
        used.contains_key(&it) || (platform == Platform::Postgres && used.keys().any(is_other))
    };
    say(&mut faults, "removed, and in the log", removed.filter(is_in_log));
    say(&mut faults, "removed, and could not have been seen for long enough", unseen.into_iter());
    for (why, was_done) in [(KeptFor::Exercised, true), (KeptFor::Attempted, false)] {
        let names = certificate.kept.get(&why).into_iter().flatten();
        let is_other = |it: &&String| !is_used(certificate, &used, it, was_done);
        say(&mut faults, "kept for a use that is not in the log", names.filter(is_other));
    }
    let delivered = exercised.delivered(platform, &certificate.account);
    let events = &certificate.events;
    for (what, holds) in [
        ("its window", certificate.window == exercised.window()),
        ("its observed days", certificate.observed_days == delivered.count()),
        ("its gaps", certificate.gaps == delivered.gaps()),
        (
            "its counts of accesses",
            (events.events, events.duplicates) == (exercised.events(), exercised.duplicates())
                && (events.exercised, events.denied) == (done, denied),
        ),
    ] {
        if !holds {
            faults.push(format!("{what}: the logs say something else"));
        }
    }
    faults
}

/// Gives a name as it is compared: AWS makes nothing of case.
fn cased(certificate: &Certificate, name: &str) -> String {
    if certificate.platform == Platform::Aws { name.to_ascii_lowercase() } else { name.to_owned() }
}

/// Says whether the log has a name, or one that a pattern means.
fn is_used(
    certificate: &Certificate,
    used: &BTreeMap<String, bool>,
    name: &str,
    was_done: bool,
) -> bool {
    let name = cased(certificate, name);
    let so = || used.iter().filter(|it| *it.1 == was_done).map(|it| it.0);
    if used.get(&name) == Some(&was_done) {
        return true;
    }
    if certificate.platform == Platform::Postgres {
        // A star is a letter there, and who is refused may not have said the schema.
        return so().any(|it| super::postgres::is_same(&name, it));
    }
    name.contains('*') && so().any(|it| crate::granted::fits(&name, it))
}

/// Gives the one sort that a name is of. A name of several, or of none, could have been used unseen.
fn sort_of<'a>(
    certificate: &Certificate,
    exercised: &'a Exercised,
    name: &'a str,
) -> Option<Sort<'a>> {
    match name.split_once(':').and_then(|it| exercised.catalogue().number(it.0, it.1)) {
        Some(number) if certificate.platform == Platform::Aws => {
            Sort::of(exercised.catalogue().actions().get(number)?)
        }
        _ => {
            let mut sorts = Sort::spanned(certificate.platform, name)?.into_iter();
            let first = sorts.next()?;
            sorts.next().is_none().then_some(first)
        }
    }
}

fn say<'a>(faults: &mut Vec<String>, what: &str, names: impl Iterator<Item = &'a String>) {
    let all: Vec<&str> = names.map(String::as_str).collect();
    let Some(first) = all.get(..all.len().min(NAMED)).filter(|it| !it.is_empty()) else { return };
    let more = all.len().saturating_sub(first.len());
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    faults.push(format!("{what}: {}{more}", first.join(", ")));
}
