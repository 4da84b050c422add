//! The report as one page that stands by itself: for a review, an auditor, a printer.
//!
//! It has no script and asks for nothing; its policy forbids both. Names in logs are anybody's: they are text in it and
//! nothing else. What only a colour would say stands there in numbers and words as well.

mod graph;
mod heat;

use bailiwick_insight::{Audit, AuditEntry, AuditedIdentity, IntentFinding, State};

use super::found;
use crate::page::{
    Sheet,
    escape::{attribute, quoted, text},
};

/// How many findings, identities and permissions of one state are shown before only their number is.
const FINDINGS_MAX: usize = 500;
const IDENTITIES_MAX: usize = 300;
const NAMES_MAX: usize = 200;
const REACHED_MAX: usize = 500;

const STYLE: &str = include_str!("html/style.css");

/// Draws the page.
pub(super) fn page(told: &Audit, charters: usize) -> String {
    let parts = [
        ("findings", "What to look at first", findings(told)),
        ("heat", "Granted against exercised", heat::drawn(told)),
        ("reach", "How far enforcement reaches", reach(told)),
        ("chains", "Who came by which way", graph::drawn(told)),
        ("identities", "Each identity", identities(told)),
        ("unmapped", "Names that no rule knows", unmapped(told)),
    ];
    let links: String = parts
        .iter()
        .map(|(id, title, _)| format!("<li><a href=\"#{id}\">{title}</a></li>"))
        .collect();
    let body: String = parts
        .iter()
        .map(|(id, title, part)| {
            format!("<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{part}</section>\n")
        })
        .collect();
    let head = format!(
        "{}<nav aria-label=\"Parts of this report\"><ul class=\"parts\">{links}</ul></nav>\n",
        summary(told, charters)
    );
    Sheet {
        kind: "Granted against exercised",
        title: "What identities may do, and what they did",
        style: STYLE,
        head: &head,
        body: &body,
        foot: &format!(
            "Drawn by Bailiwick {} from files alone. <code>--output json</code> has all of it.",
            env!("CARGO_PKG_VERSION")
        ),
    }
    .drawn()
}

fn summary(told: &Audit, charters: usize) -> String {
    let it = &told.summary;
    let mut rows = vec![
        (
            "Read",
            format!(
                "{} records, {} that came again, {} that could not be read",
                it.records, it.duplicates, it.errors
            ),
        ),
        ("Accesses", format!("{} of {} identities", it.events, it.identities)),
    ];
    for it in &it.left_out {
        rows.push(("Left out", text(it)));
    }
    if let Some((first, last)) = it.window {
        rows.push(("From", text(&first.to_string())));
        rows.push(("To", text(&last.to_string())));
    }
    rows.push(("Charters", charters.to_string()));
    rows.push(("Names", text(&it.catalogue)));
    let rows: String =
        rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    let count =
        |state| -> u64 { told.identities.iter().filter_map(|it| it.states.get(&state)).sum() };
    let counts: String = State::ALL
        .into_iter()
        .map(|it| format!("<li class=\"{0}\"><b>{1}</b> {0}</li>", it.as_str(), count(it)))
        .collect();
    format!("<dl class=\"facts\">{rows}</dl>\n<ul class=\"counts\">{counts}</ul>\n")
}

fn findings(told: &Audit) -> String {
    if told.findings.is_empty() {
        return none("Nothing was found.");
    }
    let row = |it: &IntentFinding| {
        let charter = it
            .charter
            .as_deref()
            .map(|it| format!(" <span class=\"dim\">charter {}</span>", text(it)));
        format!(
            "<tr class=\"{kind}\"><td>{kind}</td><td><abbr title=\"{title}\">{risk}</abbr></td><td><span class=\"dim\">{platform}</span> <code>{id}</code>{charter}</td><td>{says}</td></tr>\n",
            kind = attribute(it.finding.as_str()),
            title = quoted(&it.title),
            risk = it.risk.as_str(),
            platform = it.platform,
            id = text(&it.identity),
            charter = charter.unwrap_or_default(),
            says = text(&found::says(it)),
        )
    };
    let rows: String = told.findings.iter().take(FINDINGS_MAX).map(row).collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Findings\"><table>\n<thead><tr><th scope=\"col\">Finding</th><th scope=\"col\">OWASP NHI</th><th scope=\"col\">Identity</th><th scope=\"col\">What</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{}",
        more(told.findings.len(), FINDINGS_MAX)
    )
}

fn reach(told: &Audit) -> String {
    if told.reach.is_empty() {
        return none("Nothing is known of it.");
    }
    let rows: String = told
        .reach
        .iter()
        .take(REACHED_MAX)
        .map(|it| {
            format!(
                "<tr class=\"{reach}\"><td><code>{}</code></td><td>{}</td><td class=\"word\">{reach}</td><td>{}</td></tr>\n",
                text(&it.identity),
                text(&it.system),
                text(&it.why),
                reach = attribute(it.reach.as_str()),
            )
        })
        .collect();
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Reach\"><table>\n<thead><tr><th scope=\"col\">Identity</th><th scope=\"col\">System</th><th scope=\"col\">Reach</th><th scope=\"col\">Because</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{}",
        more(told.reach.len(), REACHED_MAX)
    )
}

fn identities(told: &Audit) -> String {
    if told.identities.is_empty() {
        return none("There is none.");
    }
    let all: String = told.identities.iter().take(IDENTITIES_MAX).map(identity).collect();
    format!("{all}{}", more(told.identities.len(), IDENTITIES_MAX))
}

fn identity(it: &AuditedIdentity) -> String {
    let counts: Vec<_> =
        it.states.iter().map(|(state, count)| format!("{count} {}", state.as_str())).collect();
    let states: String = State::ALL.into_iter().map(|state| listed(it, state)).collect();
    let unread = if it.unread.is_empty() {
        String::new()
    } else {
        format!(
            "<p>It also holds {}: what they grant is in no file.</p>",
            text(&it.unread.join(", "))
        )
    };
    format!(
        "<details class=\"identity\"><summary><span class=\"dim\">{} {}</span> <code>{}</code> <span class=\"dim\">{}</span></summary>\n{states}{unread}</details>\n",
        it.platform,
        it.kind.as_str(),
        text(&it.id),
        counts.join(", "),
    )
}

fn listed(it: &AuditedIdentity, state: State) -> String {
    let of: Vec<&AuditEntry> = it.entries.iter().filter(|it| it.state == state).collect();
    if of.is_empty() {
        return String::new();
    }
    let one = |it: &&AuditEntry| {
        let count = match state {
            State::Exercised => format!(" {}×", it.count),
            State::Attempted => format!(" {}×", it.attempts),
            State::Dormant => format!(" on {} observed days", it.observed_days),
            State::Unobservable => String::new(),
        };
        let ways: Vec<_> = it.granted_by.iter().map(|it| text(&it.path)).collect();
        let ways = if ways.is_empty() { String::new() } else { format!(" by {}", ways.join(", ")) };
        format!(
            "<li><code>{}</code><span class=\"dim\">{count}{ways}</span></li>\n",
            text(&it.name)
        )
    };
    let names: String = of.iter().take(NAMES_MAX).map(one).collect();
    format!(
        "<details class=\"{0}\"><summary>{1} {0}</summary><ul class=\"names\">\n{names}</ul>{2}</details>\n",
        state.as_str(),
        of.len(),
        more(of.len(), NAMES_MAX),
    )
}

fn unmapped(told: &Audit) -> String {
    let unknown: Vec<_> =
        told.unmapped.iter().filter(|it| it.class.as_str() == "unknown").take(NAMES_MAX).collect();
    if unknown.is_empty() {
        return none("There is none.");
    }
    let names: String = unknown
        .iter()
        .map(|it| {
            format!(
                "<li>{} <code>{}</code> <span class=\"dim\">{}×</span></li>\n",
                it.platform,
                text(&it.native),
                it.count
            )
        })
        .collect();
    format!("<ul class=\"names\">\n{names}</ul>\n")
}

fn none(says: &str) -> String {
    format!("<p class=\"none\">{says}</p>\n")
}

/// Says how many were left out.
fn more(all: usize, shown: usize) -> String {
    match all.saturating_sub(shown) {
        0 => String::new(),
        more => {
            format!("<p class=\"dim\">And {more} more, which <code>--output json</code> has.</p>\n")
        }
    }
}

#[cfg(test)]
mod tests;
