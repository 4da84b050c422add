//! The report as one page that stands by itself: for a review, an auditor, a printer.
//!
//! It asks for nothing, and its policy forbids it; its one script, which the policy names by its digest, hides rows while
//! somebody types. Names in logs are anybody's: they are text in it and nothing else. What only a colour would say stands there in
//! numbers and words as well.

mod graph;
mod heat;
mod identities;

use std::collections::BTreeMap;

use bailiwick_insight::{Audit, FindingKind, IntentFinding, State, SystemReach};
use bailiwick_model::Platform;

use super::{
    found,
    show::{self, Asked},
    within::{Within, ranked},
};
use crate::page::{
    Sheet,
    escape::{attribute, quoted, text},
};

/// How many findings, reaches and unknown names are shown before only their number is.
const FINDINGS_MAX: usize = 500;
const REACHED_MAX: usize = 500;
const UNKNOWN_MAX: usize = 200;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/filter.js");

/// Draws the page.
pub(super) fn page(told: &Audit, asked: Asked) -> String {
    let ranked = ranked(told);
    let parts = [
        ("findings", "What to look at first", findings(told)),
        ("heat", "Granted against exercised", heat::drawn(&ranked)),
        ("reach", "How far enforcement reaches", reach(told)),
        ("chains", "Who came by which way", graph::drawn(told)),
        ("identities", "Each identity", identities::drawn(told, &ranked)),
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
        summary(told, asked)
    );
    Sheet {
        kind: "Granted against exercised",
        title: "What identities may do, and what they did",
        style: STYLE,
        script: SCRIPT,
        head: &head,
        body: &format!("{FILTER}{body}"),
        foot: &format!(
            "Drawn by Bailiwick {} from files alone. <code>--output json</code> has all of it.",
            env!("CARGO_PKG_VERSION")
        ),
    }
    .drawn()
}

/// It shows when the script runs.
const FILTER: &str = "<div id=\"filter-bar\" class=\"filter\" role=\"search\" hidden><label for=\"filter\">Show only rows with</label> <input id=\"filter\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"a name, a permission, a finding\"> <span id=\"filter-said\" role=\"status\"></span></div>\n";

fn summary(told: &Audit, asked: Asked) -> String {
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
    let lists = match asked.grants {
        0 => "none was read: what is granted and never used is not told".to_owned(),
        1 => "1 list".to_owned(),
        lists => format!("{lists} lists"),
    };
    rows.push(("Grants", lists));
    rows.push(("Charters", asked.charters.to_string()));
    rows.push(("Names", text(&it.catalogue)));
    let rows: String =
        rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    let count =
        |state| -> u64 { told.identities.iter().filter_map(|it| it.states.get(&state)).sum() };
    let counts: String = show::states(told)
        .map(|it| {
            let (word, means) = (it.as_str(), show::means(it));
            format!(
                "<li class=\"{word}\"><b>{}</b> {word} <span class=\"dim\">{means}</span></li>",
                count(it)
            )
        })
        .collect();
    format!("<dl class=\"facts\">{rows}</dl>\n<ul class=\"counts\">{counts}</ul>\n")
}

/// Writes who somebody is: of which system, by what name, and where that is its name.
fn who(platform: Platform, id: &str, within: Option<&str>) -> String {
    let within = within
        .map_or_else(String::new, |it| format!(" <span class=\"dim\">in {}</span>", text(it)));
    format!("<span class=\"dim\">{platform}</span> <code>{}</code>{within}", name(id))
}

/// Writes a name such that a line may end where one of its parts does.
fn name(id: &str) -> String {
    const LONG: usize = 300;
    // Each part may be as long as a text may be: of very many there would be no end.
    if LONG < id.len() {
        return text(id);
    }
    id.split_inclusive(['/', ':']).map(text).collect::<Vec<_>>().join("<wbr>")
}

fn findings(told: &Audit) -> String {
    if told.findings.is_empty() {
        let denied = told.identities.iter().filter(|it| it.states.contains_key(&State::Attempted));
        return none(&match denied.count() {
            0 => "Nothing was found.".to_owned(),
            1 => {
                "Nothing was found. One identity asked for what was denied each time: it is below."
                    .to_owned()
            }
            denied => format!(
                "Nothing was found. {denied} identities asked for what was denied each time: they are below."
            ),
        });
    }
    let within = Within::new(told);
    let row = |it: &IntentFinding| {
        let charter = it
            .charter
            .as_deref()
            .map(|it| format!(" <span class=\"dim\">charter {}</span>", text(it)));
        format!(
            "<tr data-row class=\"{kind}\"><td>{kind}</td><td><abbr title=\"{title}\">{risk}</abbr></td><td>{who}{charter}</td><td>{says}</td></tr>\n",
            kind = attribute(it.finding.as_str()),
            title = quoted(&it.title),
            risk = it.risk.as_str(),
            who = who(it.platform, &it.identity, within.finding(it)),
            charter = charter.unwrap_or_default(),
            says = text(&found::says(it)),
        )
    };
    let rows: String = told.findings.iter().take(FINDINGS_MAX).map(row).collect();
    format!(
        "{}<div class=\"wide high\" tabindex=\"0\" role=\"region\" aria-label=\"Findings\"><table class=\"findings\">\n<thead><tr><th scope=\"col\">Finding</th><th scope=\"col\">OWASP NHI</th><th scope=\"col\">Identity</th><th scope=\"col\">What</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{}",
        sorts(told),
        more(told.findings.len(), FINDINGS_MAX)
    )
}

/// Counts the findings by their sort.
fn sorts(told: &Audit) -> String {
    let mut sorts: BTreeMap<FindingKind, (usize, &str)> = BTreeMap::new();
    for it in &told.findings {
        let sort = sorts.entry(it.finding).or_insert((0, &it.title));
        sort.0 = sort.0.saturating_add(1);
    }
    let sorts: String = sorts
        .iter()
        .map(|(kind, (count, title))| {
            let title = text(title);
            format!("<li><b>{count}</b> {kind} <span class=\"dim\">{title}</span></li>")
        })
        .collect();
    format!("<ul class=\"sorts\">{sorts}</ul>\n")
}

fn reach(told: &Audit) -> String {
    if told.reach.is_empty() {
        return none("Nothing is known of it.");
    }
    let row = |it: &SystemReach| {
        format!(
            "<tr data-row class=\"{reach}\"><td><code>{}</code></td><td>{}</td><td class=\"word\">{reach}</td><td>{}</td></tr>\n",
            name(&it.identity),
            text(&it.system),
            text(&it.why),
            reach = attribute(it.reach.as_str()),
        )
    };
    let rows: String = told.reach.iter().take(REACHED_MAX).map(row).collect();
    format!(
        "<div class=\"wide high\" tabindex=\"0\" role=\"region\" aria-label=\"Reach\"><table>\n<thead><tr><th scope=\"col\">Identity</th><th scope=\"col\">System</th><th scope=\"col\">Reach</th><th scope=\"col\">Because</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n{}",
        more(told.reach.len(), REACHED_MAX)
    )
}

fn unmapped(told: &Audit) -> String {
    let unknown: Vec<_> =
        told.unmapped.iter().filter(|it| it.class.as_str() == "unknown").collect();
    if unknown.is_empty() {
        return none("There is none.");
    }
    let names: String = unknown
        .iter()
        .take(UNKNOWN_MAX)
        .map(|it| {
            format!(
                "<li data-row>{} <code>{}</code> <span class=\"dim\">{}×</span></li>\n",
                it.platform,
                text(&it.native),
                it.count
            )
        })
        .collect();
    format!("<ul class=\"names\">\n{names}</ul>\n{}", more(unknown.len(), UNKNOWN_MAX))
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
