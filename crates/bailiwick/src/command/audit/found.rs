//! Findings and reach, for people and for spreadsheets.

use std::{collections::BTreeSet, fmt::Write as _};

use bailiwick_insight::{Audit, AuditedIdentity, FindingKind, IntentFinding, Reach, Risk};

use super::show::line;
use crate::{
    output::{Ink, Screen, table as lined},
    page::escape::plain,
};

/// How many findings are told before only their number is.
const TOLD: usize = 20;

/// Writes the findings, what to look at first first.
pub(super) fn findings(told: &Audit, screen: Screen) -> String {
    if told.findings.is_empty() {
        return String::new();
    }
    let mut text = format!("{}\n", screen.painted(Ink::Head, "LOOK HERE FIRST"));
    let row = |it: &IntentFinding| {
        vec![
            it.finding.as_str().to_owned(),
            it.risk.as_str().to_owned(),
            screen.fitted(&plain(&it.identity), 30),
            says(it),
        ]
    };
    let rows = told.findings.iter().take(TOLD).map(row).collect();
    let table = lined(&["FINDING", "RISK", "IDENTITY", "WHAT"], rows);
    for (place, row) in table.lines().enumerate() {
        let finding = place.checked_sub(1).and_then(|it| told.findings.get(it));
        // Painted when it stands: a table would count the colour's letters.
        let row = finding.map_or_else(|| row.to_owned(), |it| screen.painted(ink(it), row));
        let _ = writeln!(text, "{row}");
    }
    let more = told.findings.len().saturating_sub(TOLD);
    if 0 < more {
        let _ = writeln!(
            text,
            " and {more} more: `--output json` and `--format findings-csv` have all"
        );
    }
    text.push('\n');
    text
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
pub(super) fn reach(told: &Audit, screen: Screen) -> String {
    let says_more = told.reach.iter().any(|it| it.reach != Reach::Observe || it.charter.is_some());
    if !says_more {
        return String::new();
    }
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, "HOW FAR ENFORCEMENT REACHES"));
    let rows = told.reach.iter().take(TOLD).map(|it| {
        vec![
            screen.fitted(&plain(&it.identity), 40),
            plain(&it.system),
            it.reach.as_str().to_owned(),
            it.why.clone(),
        ]
    });
    text.push_str(&lined(&["IDENTITY", "SYSTEM", "REACH", "BECAUSE"], rows.collect()));
    let more = told.reach.len().saturating_sub(TOLD);
    if 0 < more {
        let _ = writeln!(text, " and {more} more: `--output json` has all");
    }
    text
}

/// Gives how far enforcement reaches for an identity: the least of all its systems.
pub(super) fn reach_of(told: &Audit, identity: &AuditedIdentity) -> String {
    let system = |it: &str| it.split(':').next() == Some(identity.platform.as_str());
    let of = told.reach.iter().filter(|it| it.identity == identity.id && system(&it.system));
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

/// Writes the findings as comma-separated values (RFC 4180).
pub(super) fn csv(told: &Audit) -> String {
    let head =
        "finding,risk,title,platform,identity,charter,says,credential,system,count,first,last\r\n";
    let mut text = head.to_owned();
    for it in &told.findings {
        let moment = |it: Option<bailiwick_model::Timestamp>| {
            it.map_or_else(String::new, |it| it.to_string())
        };
        text.push_str(&line(&[
            it.finding.as_str().to_owned(),
            it.risk.as_str().to_owned(),
            it.title.clone(),
            it.platform.as_str().to_owned(),
            it.identity.clone(),
            it.charter.clone().unwrap_or_default(),
            it.says.clone(),
            it.credential.clone().unwrap_or_default(),
            it.system.clone().unwrap_or_default(),
            it.count.to_string(),
            moment(it.first),
            moment(it.last),
        ]));
    }
    text
}
