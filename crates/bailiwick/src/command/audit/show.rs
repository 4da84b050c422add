//! The report of `audit`, for people: what to look at first, then who did what of what they may.

use std::fmt::Write as _;

use bailiwick_insight::{Audit, AuditEntry, AuditedIdentity, Chain, NotYet, State};
use bailiwick_model::{ActorKind, Timestamp};

use super::{
    exclusions, found,
    within::{self, Within, called, ranked},
};
use crate::{
    output::{Ink, Screen, table as lined},
    page::escape::plain,
};

/// How many identities have a row, how many have their permissions named, how many chains and unknown names are told, and how
/// many permissions of one state are named.
const ROWS: usize = 25;
const DETAILED: usize = 10;
const CHAINS: usize = 15;
const UNKNOWN: usize = 15;
const NAMED: usize = 12;
/// A table of identities has room on a terminal that is so wide, and so much of it is no name.
const TABLE: usize = 120;
const BESIDE_NAMES: usize = 84;
/// So much wider is a table that has a column of what is excluded.
const EXCLUDED: usize = 10;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// What a person reads.
    Short,
    /// All of it.
    Whole,
}

impl Length {
    /// Gives how many are told where `short` are for a person.
    pub(super) fn most(self, short: usize) -> usize {
        match self {
            Self::Short => short,
            Self::Whole => usize::MAX,
        }
    }
}

/// What was asked for besides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// How much is told.
    pub(super) length: Length,
    /// How many lists of grants were named.
    pub(super) grants: usize,
    /// How many charters were read.
    pub(super) charters: usize,
}

/// Writes the report. Names in logs are anybody's: what hides or moves in them is spelled out.
pub(super) fn table(told: &Audit, screen: Screen, asked: Asked) -> String {
    let length = asked.length;
    let mut text = head(told, screen);
    text.push_str(&found::findings(told, screen, length));
    let ranked = ranked(told);
    text.push_str(&counted((told, &ranked), screen, length));
    text.push_str(&legend(told, screen, asked));
    for identity in ranked.iter().take(length.most(DETAILED)) {
        text.push_str(&named((told, identity), screen, length));
    }
    if length.most(DETAILED) < ranked.len() {
        let rest = ranked.len().saturating_sub(length.most(DETAILED));
        let line =
            format!("\npermissions of {rest} more: `--identity NAME` shows one, `--all` all");
        let _ = writeln!(text, "{}", screen.wrapped(&line, 0));
    }
    text.push_str(&exclusions::table(told, screen));
    text.push_str(&found::reach(told, screen, length));
    text.push_str(&chains(told, screen, length));
    text.push_str(&unmapped(told, screen, length));
    text.push_str(&found::reminder(told, screen));
    text
}

/// Says how many were left out.
pub(super) fn more(all: usize, told: usize) -> String {
    match all.saturating_sub(told) {
        0 => String::new(),
        more => format!(" and {more} more: `--all` shows them\n"),
    }
}

fn head(told: &Audit, screen: Screen) -> String {
    let summary = &told.summary;
    let read = format!(
        "{} records: {} accesses of {} identities, {} that came again, {} that could not be read",
        summary.records, summary.events, summary.identities, summary.duplicates, summary.errors
    );
    let mut text = format!("{}\n", screen.wrapped(&read, 0));
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
        let says = format!(
            "{} accesses by sessions: {} joined to who began them, {} delivered by the system, {} begun out of sight",
            sessions.events, sessions.joined, sessions.delivered, sessions.out_of_sight
        );
        let _ = writeln!(text, "{}", screen.wrapped(&says, 0));
    }
    text.push('\n');
    text
}

/// Counts the states of each identity: as a table, or where that has no room in two lines each.
fn counted(
    (told, ranked): (&Audit, &[&AuditedIdentity]),
    screen: Screen,
    length: Length,
) -> String {
    let shown = ranked.iter().take(length.most(ROWS));
    let excluded = if states(told).any(|it| it == State::Excluded) { EXCLUDED } else { 0 };
    let mut text: String = if screen.is_narrower(TABLE.saturating_add(excluded)) {
        let head = screen.painted(Ink::Head, "IDENTITIES");
        std::iter::once(format!("{head}\n")).chain(shown.map(|it| two_lines(it, screen))).collect()
    } else {
        let taken = BESIDE_NAMES.saturating_add(excluded);
        let rows = shown.map(|it| row((told, it), screen, taken)).collect();
        let states: Vec<_> = states(told).map(|it| it.as_str().to_uppercase()).collect();
        let states = states.iter().map(String::as_str);
        let head: Vec<_> =
            ["IDENTITY", "SYSTEM", "KIND"].into_iter().chain(states).chain(["LAST"]).collect();
        lined(&head, rows)
    };
    text.push_str(&more(ranked.len(), length.most(ROWS)));
    text
}

/// Gives the states that are told of: nobody need know of the last one where nothing is in it.
pub(super) fn states(told: &Audit) -> impl Iterator<Item = State> {
    let is_told = |it: &State| match it {
        State::Excluded => told.identities.iter().any(|who| who.states.contains_key(it)),
        State::Exercised | State::Attempted | State::Dormant | State::Unobservable => true,
    };
    State::ALL.into_iter().filter(is_told)
}

fn row((told, identity): (&Audit, &AuditedIdentity), screen: Screen, taken: usize) -> Vec<String> {
    let count = |state| identity.states.get(&state).copied().unwrap_or(0).to_string();
    let id = screen.fitted_beside(&name(identity), taken);
    let head = [id, identity.platform.as_str().to_owned(), identity.kind.as_str().to_owned()];
    let last = last(identity).map_or_else(|| "-".to_owned(), |it| day(it, screen));
    head.into_iter().chain(states(told).map(count)).chain([last]).collect()
}

fn two_lines(identity: &AuditedIdentity, screen: Screen) -> String {
    let count = |state: State| {
        let count = identity.states.get(&state).copied().filter(|it| 0 < *it)?;
        Some(screen.painted(ink(state), &format!("{count} {}", state.as_str())))
    };
    let counts: Vec<_> = State::ALL.into_iter().filter_map(count).collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    let last = last(identity).map_or_else(String::new, |it| format!("; last {}", day(it, screen)));
    let is_known = identity.kind != ActorKind::Unknown;
    let kind = if is_known { format!(" {}", identity.kind.as_str()) } else { String::new() };
    let says = format!("{}{kind}: {counts}{last}", identity.platform);
    format!(" {}\n   {}\n", screen.fitted_beside(&name(identity), 1), screen.wrapped(&says, 3))
}

fn name(identity: &AuditedIdentity) -> String {
    called(&identity.id, within::identity(identity))
}

fn last(identity: &AuditedIdentity) -> Option<Timestamp> {
    identity.entries.iter().filter_map(|it| it.last).max()
}

/// Writes a moment; where a line has an end the day alone.
fn day(it: Timestamp, screen: Screen) -> String {
    let whole = it.to_string();
    let day = whole.get(..10).filter(|_| screen.is_watched()).map(str::to_owned);
    day.unwrap_or(whole)
}

/// Says what the states mean, and what is not told for want of grants.
fn legend(told: &Audit, screen: Screen, asked: Asked) -> String {
    let says: Vec<_> = states(told).map(|it| format!("{}: {}", it.as_str(), means(it))).collect();
    let mut text = format!("\n{}\n", screen.wrapped(&says.join(" · "), 0));
    if asked.grants == 0 {
        let says = "No list of grants was read: what is granted and never used is not told. `--grants FILE` names one.";
        let _ = writeln!(text, "{}", screen.wrapped(says, 0));
    }
    text
}

/// Names an identity's permissions by state, the ones that say most first.
fn named((told, identity): (&Audit, &AuditedIdentity), screen: Screen, length: Length) -> String {
    if identity.entries.is_empty() && identity.unread.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, &name(identity)));
    for state in State::ALL {
        let entries: Vec<_> = identity.entries.iter().filter(|it| it.state == state).collect();
        if entries.is_empty() {
            continue;
        }
        let names: Vec<_> =
            entries.iter().take(length.most(NAMED)).map(|it| one(told, it)).collect();
        let more = entries.len().saturating_sub(names.len());
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let word = screen.painted(ink(state), &format!("{:<13}", state.as_str()));
        let names = screen.wrapped(&format!("{}{more}", names.join(", ")), 16);
        let _ = writeln!(text, "  {word} {names}");
        text.push_str(&beside(&entries, (state, told.summary.window_days)));
    }
    if !identity.unread.is_empty() {
        let unread = plain(&identity.unread.join(", "));
        let says = screen.wrapped(&format!("{unread}: what they grant is in no file"), 16);
        let _ = writeln!(text, "  {:<13} {says}", "also holds");
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

/// Says what a state means.
pub(super) const fn means(state: State) -> &'static str {
    match state {
        State::Exercised => "used",
        State::Attempted => "asked for, and denied each time",
        State::Dormant => "granted, its use would have been seen, and was not",
        State::Unobservable => "granted, and nothing that was read could show its use",
        State::Excluded => {
            "not called dormant for now: granted too short a time ago, or as somebody said, or the season says"
        }
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

fn chains(told: &Audit, screen: Screen, length: Length) -> String {
    if told.chains.is_empty() {
        return String::new();
    }
    let within = Within::new(told);
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, "CHAINS"));
    for chain in told.chains.iter().take(length.most(CHAINS)) {
        let _ = writeln!(text, "  {}", screen.wrapped(&walked(chain, &within), 4));
    }
    text.push_str(&more(told.chains.len(), length.most(CHAINS)));
    text
}

fn walked(chain: &Chain, within: &Within<'_>) -> String {
    let mut line = String::new();
    for (place, id) in chain.path.iter().enumerate() {
        if let Some(via) = place.checked_sub(1).and_then(|it| chain.via.get(it)) {
            let _ = write!(line, " › {} › ", via.as_str());
        }
        line.push_str(&called(id, within.step(chain, place)));
    }
    let accesses = if chain.events == 1 { "access" } else { "accesses" };
    format!("{line}  ({} {accesses}; begins: {})", chain.events, plain(&chain.begins))
}

fn unmapped(told: &Audit, screen: Screen, length: Length) -> String {
    let unknown: Vec<_> =
        told.unmapped.iter().filter(|it| it.class.as_str() == "unknown").collect();
    if unknown.is_empty() {
        return String::new();
    }
    let head = screen.painted(Ink::Head, "NO RULE KNOWS WHICH PERMISSION THIS IS");
    let mut text = format!("\n{head}\n");
    for it in unknown.iter().take(length.most(UNKNOWN)) {
        let _ = writeln!(text, "  {} {} {}×", it.platform, plain(&it.native), it.count);
    }
    text.push_str(&more(unknown.len(), length.most(UNKNOWN)));
    text
}

#[cfg(test)]
mod tests;
