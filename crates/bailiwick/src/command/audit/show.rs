//! The report of `audit`, for people and for spreadsheets.

use std::fmt::Write as _;

use bailiwick_insight::{Audit, AuditEntry, AuditedIdentity, State};

use super::found;
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
    let rows = told.identities.iter().map(|it| counts(&called(told, it), it, screen)).collect();
    text.push_str(&lined(
        &["IDENTITY", "KIND", "EXERCISED", "ATTEMPTED", "DORMANT", "UNOBSERVABLE", "LAST"],
        rows,
    ));
    for identity in &told.identities {
        text.push_str(&named(&called(told, identity), identity, screen));
    }
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
    if !summary.left_out.is_empty() {
        text.push_str("not all logs were read: what is dormant here may have been used there\n");
        for it in &summary.left_out {
            let _ = writeln!(text, "  left out: {}", plain(it));
        }
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

fn counts(called: &str, identity: &AuditedIdentity, screen: Screen) -> Vec<String> {
    let count = |state| identity.states.get(&state).copied().unwrap_or(0).to_string();
    let last = identity.entries.iter().filter_map(|it| it.last).max();
    let states = State::ALL.into_iter().map(count);
    let id = screen.fitted(called, 40);
    let head = [id, identity.kind.as_str().to_owned()];
    let last = last.map_or_else(|| "-".to_owned(), |it| it.to_string());
    head.into_iter().chain(states).chain([last]).collect()
}

/// Names an identity's permissions by state, the ones that say most first.
fn named(called: &str, identity: &AuditedIdentity, screen: Screen) -> String {
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, called));
    for state in State::ALL {
        let entries: Vec<_> = identity.entries.iter().filter(|it| it.state == state).collect();
        if entries.is_empty() {
            continue;
        }
        let names: Vec<_> = entries.iter().take(NAMED).map(|it| one(it)).collect();
        let more = entries.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let word = screen.painted(ink(state), &format!("{:<13}", state.as_str()));
        let _ = writeln!(text, "  {word} {}{more}", names.join(", "));
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

fn one(entry: &AuditEntry) -> String {
    let name = plain(&entry.name);
    match entry.state {
        State::Exercised => format!("{name} {}×", entry.count),
        State::Attempted => format!("{name} {}×", entry.attempts),
        State::Dormant | State::Unobservable => name,
    }
}

fn ink(state: State) -> Ink {
    match state {
        State::Exercised => Ink::Good,
        State::Attempted => Ink::Alarm,
        State::Dormant => Ink::Warn,
        State::Unobservable => Ink::Dim,
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
    let mut text = "platform,identity,account,kind,name,state,count,attempts,first,last,days,observed_days,mapping,granted_by,reach,findings\r\n".to_owned();
    for identity in &told.identities {
        let (reach, kinds) = (found::reach_of(told, identity), found::kinds_of(told, identity));
        for entry in &identity.entries {
            let moment = |it: Option<bailiwick_model::Timestamp>| {
                it.map_or_else(String::new, |it| it.to_string())
            };
            let ways: Vec<_> = entry.granted_by.iter().map(|it| it.path.as_str()).collect();
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
