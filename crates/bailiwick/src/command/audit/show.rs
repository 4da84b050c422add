//! The report of `audit`, for people and for spreadsheets.

use std::fmt::Write as _;

use bailiwick_insight::{Audit, AuditEntry, AuditedIdentity, NotYet, State};

use super::{exclusions, found};
use crate::{
    output::{Ink, Screen, table as lined},
    page::escape::plain,
};

/// How many permissions of one state are named before only their number is told.
const NAMED: usize = 12;

/// Writes the report as a table. Names in logs are anybody's: what hides or moves in them is spelled out.
pub(super) fn table(told: &Audit, screen: Screen) -> String {
    let mut text = head(told);
    text.push_str(&found::findings(told, screen));
    let rows = told.identities.iter().map(|it| counts(told, it, screen)).collect();
    let states: Vec<_> = states(told).map(|it| it.as_str().to_uppercase()).collect();
    let states = states.iter().map(String::as_str);
    let head: Vec<_> = ["IDENTITY", "KIND"].into_iter().chain(states).chain(["LAST"]).collect();
    text.push_str(&lined(&head, rows));
    for identity in &told.identities {
        text.push_str(&named(&called(told, identity), (told, identity), screen));
    }
    text.push_str(&exclusions::table(told, screen));
    text.push_str(&found::reach(told, screen));
    text.push_str(&chains(told, screen));
    text.push_str(&unmapped(told, screen));
    text
}

fn head(told: &Audit) -> String {
    let summary = &told.summary;
    let mut text = format!(
        "{} records: {} accesses of {} identities, {} that came again, {} that could not be read\n",
        summary.records, summary.events, summary.identities, summary.duplicates, summary.errors
    );
    if 0 < summary.undated {
        let _ = writeln!(text, "{} without a time: they count nowhere", summary.undated);
    }
    if let Some((first, last)) = summary.window {
        let _ = writeln!(text, "from {first} to {last}");
    }
    let sessions = &summary.sessions;
    if 0 < sessions.events {
        let _ = writeln!(
            text,
            "{} accesses by sessions: {} joined to who began them, {} delivered by the system, {} begun out of sight",
            sessions.events, sessions.joined, sessions.delivered, sessions.out_of_sight
        );
    }
    text.push('\n');
    text
}

/// Gives what an identity is called: with its account, where another has the same name.
fn called(told: &Audit, identity: &AuditedIdentity) -> String {
    let id = plain(&identity.id);
    // They are in order: whoever has the same name stands beside.
    let begin = told
        .identities
        .partition_point(|it| (it.platform, &it.id) < (identity.platform, &identity.id));
    let next = told.identities.get(begin.saturating_add(1));
    let is_one = next.is_none_or(|it| (it.platform, &it.id) != (identity.platform, &identity.id));
    if is_one { id } else { format!("{id} ({})", plain(&identity.account)) }
}

/// Gives the states that are told of: nobody need know of the last one where nothing is in it.
pub(super) fn states(told: &Audit) -> impl Iterator<Item = State> {
    let is_told = |it: &State| match it {
        State::Excluded => told.identities.iter().any(|who| who.states.contains_key(it)),
        State::Exercised | State::Attempted | State::Dormant | State::Unobservable => true,
    };
    State::ALL.into_iter().filter(is_told)
}

fn counts(told: &Audit, identity: &AuditedIdentity, screen: Screen) -> Vec<String> {
    let count = |state| identity.states.get(&state).copied().unwrap_or(0).to_string();
    let last = identity.entries.iter().filter_map(|it| it.last).max();
    let states = states(told).map(count);
    let id = screen.fitted(&called(told, identity), 40);
    let head = [id, identity.kind.as_str().to_owned()];
    let last = last.map_or_else(|| "-".to_owned(), |it| it.to_string());
    head.into_iter().chain(states).chain([last]).collect()
}

/// Names an identity's permissions by state, the ones that say most first.
fn named(called: &str, (told, identity): (&Audit, &AuditedIdentity), screen: Screen) -> String {
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, called));
    for state in State::ALL {
        let entries: Vec<_> = identity.entries.iter().filter(|it| it.state == state).collect();
        if entries.is_empty() {
            continue;
        }
        let names: Vec<_> = entries.iter().take(NAMED).map(|it| one(told, it)).collect();
        let more = entries.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let word = screen.painted(ink(state), &format!("{:<13}", state.as_str()));
        let _ = writeln!(text, "  {word} {}{more}", names.join(", "));
        text.push_str(&beside(&entries, (state, told.summary.window_days)));
    }
    if !identity.unread.is_empty() {
        let _ = writeln!(
            text,
            "  {:<13} {}: what they grant is in no file",
            "also holds",
            plain(&identity.unread.join(", "))
        );
    }
    text
}

/// Says what else is to be known of an identity's permissions of one state.
fn beside(entries: &[&AuditEntry], (state, window): (State, u64)) -> String {
    let mut text = String::new();
    let short = || entries.iter().filter(|it| it.not_yet == Some(NotYet::TooFewDays));
    if let Some(most) = short().map(|it| it.observed_days).max()
        && state == State::Dormant
    {
        let _ = writeln!(
            text,
            "  {:<13} {} observed on fewer than {window} days, {most} at most: not to be taken away yet",
            "",
            short().count()
        );
    }
    let lapsed: Vec<_> = entries.iter().filter_map(|it| Some((it, it.idle.as_ref()?))).collect();
    let lapsed = || lapsed.iter().filter(|it| it.1.has_lapsed);
    let names: Vec<_> = lapsed()
        .take(NAMED)
        .map(|(it, idle)| format!("{} {} days", plain(&it.name), idle.days))
        .collect();
    if !names.is_empty() {
        let more = lapsed().count().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let _ = writeln!(text, "  {:<13} not again since: {}{more}", "", names.join(", "));
    }
    text
}

/// Gives what an entry is called: with the namespace, project or bucket that it is told of alone.
pub(super) fn called_entry(entry: &AuditEntry) -> String {
    match entry.within.as_deref() {
        Some("*") => format!("{} in others", entry.name),
        Some(within) => format!("{} in {within}", entry.name),
        None => entry.name.clone(),
    }
}

/// Says why an entry is not called dormant, or not to be taken away yet.
pub(super) fn why_not_yet(told: &Audit, entry: &AuditEntry) -> String {
    let word = entry.not_yet.map_or_else(String::new, |it| it.as_str().replace('_', " "));
    let place = entry.exclusion.and_then(|it| usize::try_from(it).ok());
    match place.and_then(|it| told.exclusions.get(it)) {
        Some(it) => format!("{word}: {}", it.exclusion.reason),
        None => word,
    }
}

fn one(told: &Audit, entry: &AuditEntry) -> String {
    let name = plain(&called_entry(entry));
    match entry.state {
        State::Exercised => format!("{name} {}×", entry.count),
        State::Attempted => format!("{name} {}×", entry.attempts),
        State::Dormant | State::Unobservable => name,
        State::Excluded => format!("{name} ({})", plain(&why_not_yet(told, entry))),
    }
}

fn ink(state: State) -> Ink {
    match state {
        State::Exercised => Ink::Good,
        State::Attempted => Ink::Alarm,
        State::Dormant => Ink::Warn,
        State::Unobservable | State::Excluded => Ink::Dim,
    }
}

fn chains(told: &Audit, screen: Screen) -> String {
    if told.chains.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, "CHAINS"));
    for chain in &told.chains {
        let mut line = String::new();
        for (place, id) in chain.path.iter().enumerate() {
            let via = place.checked_sub(1).and_then(|it| chain.via.get(it));
            if let Some(via) = via {
                let _ = write!(line, " › {} › ", via.as_str());
            }
            line.push_str(&plain(id));
        }
        let _ =
            writeln!(text, "  {line}  ({} accesses; begins with {})", chain.events, chain.begins);
    }
    text
}

fn unmapped(told: &Audit, screen: Screen) -> String {
    let unknown: Vec<_> =
        told.unmapped.iter().filter(|it| it.class.as_str() == "unknown").collect();
    if unknown.is_empty() {
        return String::new();
    }
    let head = screen.painted(Ink::Head, "NO RULE KNOWS WHICH PERMISSION THIS IS");
    let mut text = format!("\n{head}\n");
    for it in unknown {
        let _ = writeln!(text, "  {} {} {}×", it.platform, plain(&it.native), it.count);
    }
    text
}

/// Writes the report as comma-separated values (RFC 4180).
pub(super) fn csv(told: &Audit) -> String {
    let mut text = "platform,identity,account,kind,name,state,count,attempts,first,last,days,observed_days,mapping,granted_by,reach,findings,not_yet,idle_days,lapsed,within\r\n".to_owned();
    for identity in &told.identities {
        let (reach, kinds) = (found::reach_of(told, identity), found::kinds_of(told, identity));
        for entry in &identity.entries {
            let moment = |it: Option<bailiwick_model::Timestamp>| {
                it.map_or_else(String::new, |it| it.to_string())
            };
            let ways: Vec<_> = entry.granted_by.iter().map(|it| it.path.as_str()).collect();
            let idle = entry.idle.as_ref();
            let cells = [
                identity.platform.as_str().to_owned(),
                identity.id.clone(),
                identity.account.clone(),
                identity.kind.as_str().to_owned(),
                entry.name.clone(),
                entry.state.as_str().to_owned(),
                entry.count.to_string(),
                entry.attempts.to_string(),
                moment(entry.first),
                moment(entry.last),
                entry.days.to_string(),
                entry.observed_days.to_string(),
                entry.mapping.as_str().to_owned(),
                ways.join("; "),
                reach.clone(),
                kinds.clone(),
                entry.not_yet.map_or("", |it| it.as_str()).to_owned(),
                idle.map_or_else(String::new, |it| it.days.to_string()),
                idle.map_or_else(String::new, |it| it.has_lapsed.to_string()),
                entry.within.as_deref().unwrap_or_default().to_owned(),
            ];
            text.push_str(&line(&cells));
        }
    }
    text
}

/// Writes one line.
pub(super) fn line(cells: &[String]) -> String {
    let cells: Vec<_> = cells.iter().map(|it| cell(it)).collect();
    format!("{}\r\n", cells.join(","))
}

/// Writes one value. What a spreadsheet would take for a formula gets a mark before it: names in logs are anybody's.
fn cell(text: &str) -> String {
    let marked = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if marked.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", marked.replace('"', "\"\""))
    } else {
        marked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_formula_and_breaks_no_line() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell("=cmd()"), "'=cmd()");
        assert_eq!(cell("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
    }
}
