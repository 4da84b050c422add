//! Findings and reach, for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use bailiwick_insight::{Audit, AuditedIdentity, FindingKind, IntentFinding, Reach, Risk};

use super::{
    show::{Length, more},
    within::{Within, called},
};
use crate::{
    output::{Ink, Screen, table as lined},
    page::escape::plain,
};

/// How many findings are told before only their number is. Each sort has its share: many of one must not hide another.
const TOLD: usize = 20;
/// How far a finding's sort and risk reach on a terminal.
const SORT: usize = 20;
const RISK: usize = 11;

/// Writes the findings, what to look at first first.
pub(super) fn findings(told: &Audit, screen: Screen, length: Length) -> String {
    if told.findings.is_empty() {
        return String::new();
    }
    let within = Within::new(told);
    let (chosen, left) = chosen(&told.findings, length);
    let head = screen.painted(Ink::Head, "LOOK HERE FIRST");
    let mut text = format!("{head}\n");
    text.push_str(&if screen.is_watched() {
        chosen.iter().map(|it| two_lines(it, &within, screen)).collect()
    } else {
        let row = |it: &&IntentFinding| {
            let identity = called(&it.identity, within.finding(it));
            vec![it.finding.as_str().to_owned(), it.risk.as_str().to_owned(), identity, says(it)]
        };
        lined(&["FINDING", "RISK", "IDENTITY", "WHAT"], chosen.iter().map(row).collect())
    });
    if !left.is_empty() {
        let left: Vec<_> = left.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let line = format!("and more, which `--all` shows: {}", left.join(", "));
        let _ = writeln!(text, " {}", screen.wrapped(&line, 1));
    }
    text.push('\n');
    text
}

/// Says what stands at the top: on a terminal it has gone by.
pub(super) fn reminder(told: &Audit, screen: Screen) -> String {
    if told.findings.is_empty() || !screen.is_watched() {
        return String::new();
    }
    let mut sorts: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for it in &told.findings {
        let count = sorts.entry(it.finding).or_default();
        *count = count.saturating_add(1);
    }
    let sorts: Vec<_> = sorts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let line = format!("What to look at first stands at the top: {}", sorts.join(", "));
    format!("\n{}\n", screen.wrapped(&line, 0))
}

/// Chooses which findings are told, and counts the rest by its sort.
fn chosen(
    all: &[IntentFinding],
    length: Length,
) -> (Vec<&IntentFinding>, BTreeMap<FindingKind, usize>) {
    let (mut chosen, mut left) = (Vec::new(), BTreeMap::new());
    let sorts: BTreeSet<_> = all.iter().map(|it| it.finding).collect();
    let share = TOLD.checked_div(sorts.len()).unwrap_or(TOLD).max(1);
    let mut met: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for it in all {
        let of_sort = met.entry(it.finding).or_default();
        *of_sort = of_sort.saturating_add(1);
        if *of_sort <= length.most(share) {
            chosen.push(it);
        } else {
            let count: &mut usize = left.entry(it.finding).or_default();
            *count = count.saturating_add(1);
        }
    }
    (chosen, left)
}

/// Writes a finding where a line has an end: who it is about, and below that what it is.
fn two_lines(it: &IntentFinding, within: &Within<'_>, screen: Screen) -> String {
    let sort = screen.painted(ink(it), &format!("{:<SORT$}", it.finding.as_str()));
    let identity = called(&it.identity, within.finding(it));
    let identity = screen.fitted_beside(&identity, SORT.saturating_add(RISK).saturating_add(1));
    format!(" {sort}{:<RISK$}{identity}\n    {}\n", it.risk.as_str(), screen.wrapped(&says(it), 4))
}

/// Says what was found, with the credential that it is about.
pub(super) fn says(it: &IntentFinding) -> String {
    match &it.credential {
        Some(credential) => format!("{}: {}", plain(credential), plain(&it.says)),
        None => plain(&it.says),
    }
}

fn ink(it: &IntentFinding) -> Ink {
    match it.risk {
        Risk::Nhi1 | Risk::Nhi5 | Risk::Nhi7 => Ink::Warn,
        Risk::Nhi2
        | Risk::Nhi3
        | Risk::Nhi4
        | Risk::Nhi6
        | Risk::Nhi8
        | Risk::Nhi9
        | Risk::Nhi10 => Ink::Alarm,
    }
}

/// Writes how far enforcement reaches, where that is more to say than that a log was read.
pub(super) fn reach(told: &Audit, screen: Screen, length: Length) -> String {
    let says_more = told.reach.iter().any(|it| it.reach != Reach::Observe || it.charter.is_some());
    if !says_more {
        return String::new();
    }
    let shown = told.reach.iter().take(length.most(TOLD));
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, "HOW FAR ENFORCEMENT REACHES"));
    if screen.is_watched() {
        for it in shown {
            let (identity, system) = (plain(&it.identity), plain(&it.system));
            let identity = screen.fitted_beside(&identity, 10);
            let why = screen.wrapped(&format!("in {system}: {}", it.why), 11);
            let _ = writeln!(text, " {:<9} {identity}\n           {why}", it.reach.as_str());
        }
    } else {
        let row = |it: &bailiwick_insight::SystemReach| {
            let (identity, system) = (plain(&it.identity), plain(&it.system));
            vec![identity, system, it.reach.as_str().to_owned(), it.why.clone()]
        };
        let rows = shown.map(row).collect();
        text.push_str(&lined(&["IDENTITY", "SYSTEM", "REACH", "BECAUSE"], rows));
    }
    text.push_str(&more(told.reach.len(), length.most(TOLD)));
    text
}

/// Gives how far enforcement reaches for an identity: the least of all its systems.
pub(super) fn reach_of(told: &Audit, identity: &AuditedIdentity) -> String {
    let (platform, account) = (identity.platform.as_str(), identity.account.as_str());
    // Whoever has the same name elsewhere is somebody else.
    let is_its = |it: &str| match it.split_once(':') {
        Some((system, within)) => system == platform && (!identity.is_local() || within == account),
        None => it == platform,
    };
    let of = told.reach.iter().filter(|it| it.identity == identity.id && is_its(&it.system));
    of.map(|it| it.reach).max().map_or_else(String::new, |it| it.as_str().to_owned())
}

/// Gives the sorts of an identity's findings.
pub(super) fn kinds_of(told: &Audit, identity: &AuditedIdentity) -> String {
    let is_of = |it: &&IntentFinding| {
        (it.platform, &it.identity) == (identity.platform, &identity.id)
            && it.account.as_ref().is_none_or(|it| *it == identity.account)
    };
    let kinds: BTreeSet<_> = told.findings.iter().filter(is_of).map(|it| it.finding).collect();
    kinds.into_iter().map(FindingKind::as_str).collect::<Vec<_>>().join("; ")
}
