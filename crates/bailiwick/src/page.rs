//! A task's timeline as one page that stands by itself: for a review, an auditor, a printer.
//!
//! The page has no script and asks for nothing; its policy forbids both. Whatever an agent or a tool
//! server wrote is text in it and nothing else.

pub(crate) mod escape;
mod moment;

use bailiwick_insight::{Timeline, What};
use bailiwick_model::{Digest, TaskStatus, Timestamp, VerdictKind};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use self::escape::{attribute, text};

const STYLE: &str = include_str!("page/style.css");

/// Draws the page.
pub(crate) fn page(timeline: &Timeline, drawn: Timestamp) -> String {
    let title = text(timeline.task.id.as_str());
    let (summary, strip) = (summary(timeline), strip(timeline));
    let moments: String =
        timeline.moments.iter().map(|it| moment::drawn(it, timeline.task.opened)).collect();
    let moments = if moments.is_empty() {
        "<p class=\"none\">Nothing is on record.</p>".to_owned()
    } else {
        format!("<ol class=\"line\">{moments}</ol>")
    };
    Sheet {
        kind: "Access path",
        title: &title,
        style: "",
        script: "",
        head: &format!("{summary}{strip}"),
        body: &format!("<h2>What happened</h2>\n{moments}\n"),
        foot: &format!(
            "Drawn {} from the ledger by Bailiwick {}. \
             <code>bailiwick ledger verify</code> proves the records it was drawn from.",
            text(&drawn.to_string()),
            env!("CARGO_PKG_VERSION"),
        ),
    }
    .drawn()
}

/// A page that stands by itself: what is in it is markup already.
#[derive(Debug)]
pub(crate) struct Sheet<'a> {
    /// What sort of page it is.
    pub(crate) kind: &'a str,
    /// What it is of.
    pub(crate) title: &'a str,
    /// What it looks like besides what all of them do.
    pub(crate) style: &'a str,
    /// What it does, if anything. It is ours, to the letter: nothing that others wrote is in it.
    pub(crate) script: &'a str,
    /// What stands below its title.
    pub(crate) head: &'a str,
    /// What it tells.
    pub(crate) body: &'a str,
    /// What it was drawn from.
    pub(crate) foot: &'a str,
}

impl Sheet<'_> {
    /// Draws it.
    pub(crate) fn drawn(&self) -> String {
        let Self { kind, title, head, body, foot, script, .. } = self;
        let style = format!("{STYLE}{}", self.style);
        let policy = policy(&style, script);
        let script =
            if script.is_empty() { String::new() } else { format!("<script>{script}</script>\n") };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n\
             <header>\n<p class=\"kind\">{kind}</p>\n<h1>{title}</h1>\n{head}</header>\n\
             <main>\n{body}</main>\n\
             <footer>{foot}</footer>\n{script}</body>\n</html>\n"
        )
    }
}

/// Nothing may be loaded; one style, and one script where the page has one, each known to the byte, may be used.
fn policy(style: &str, script: &str) -> String {
    let digest = |of: &str| STANDARD.encode(Digest::of(of.as_bytes()).as_bytes());
    let mut policy = format!("default-src 'none'; style-src 'sha256-{}'", digest(style));
    if !script.is_empty() {
        policy.push_str(&format!("; script-src 'sha256-{}'", digest(script)));
    }
    policy.push_str("; base-uri 'none'; form-action 'none'");
    policy
}

fn summary(timeline: &Timeline) -> String {
    let task = &timeline.task;
    let mut rows = vec![
        ("Purpose", text(&task.purpose)),
        ("Identity", text(task.identity.as_str())),
        ("Template", text(task.template.as_str())),
        ("Opened", moment::time(task.opened)),
    ];
    rows.push(match task.status {
        TaskStatus::Open => ("Open until", moment::time(task.deadline)),
        TaskStatus::Ended { at, cause } => {
            ("Ended", format!("{} ({})", moment::time(at), text(cause.as_str())))
        }
    });
    if let Some(person) = &task.on_behalf {
        rows.push(("On behalf of", text(&person.to_string())));
    }
    for via in &task.via {
        rows.push(("Authority from", text(via.as_str())));
    }
    for (name, param) in &task.params {
        let value = format!(
            "<code>{} = {}</code> <span class=\"by\">from {}</span>",
            text(name),
            text(&param.value),
            text(param.from.label()),
        );
        rows.push(("Parameter", value));
    }
    let rows: String =
        rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>")).collect();
    format!("<dl class=\"facts\">{rows}</dl>\n")
}

/// Every call as one mark, so that the shape of a task shows at a glance.
fn strip(timeline: &Timeline) -> String {
    let calls: Vec<_> = timeline
        .moments
        .iter()
        .filter_map(|it| match &it.what {
            What::Call(told) => Some((it.seq, told.step.verdict)),
            What::Opened { .. }
            | What::Token { .. }
            | What::Hold { .. }
            | What::Noticed(_)
            | What::Lease(_)
            | What::Ended { .. }
            | What::Reviewed { .. } => None,
        })
        .collect();
    let count = |verdict| calls.iter().filter(|(_, it)| *it == verdict).count();
    let counted = |verdict: VerdictKind, word| {
        format!("<li class=\"{}\"><b>{}</b> {word}</li>", verdict.as_str(), count(verdict))
    };
    let marks: String = calls
        .iter()
        .map(|(seq, verdict)| {
            let verdict = attribute(verdict.as_str());
            format!("<a href=\"#r{seq}\" class=\"{verdict}\" title=\"record {seq}: {verdict}\"><span>{verdict}</span></a>")
        })
        .collect();
    format!(
        "<ul class=\"counts\">{}{}{}</ul>\n<nav class=\"strip\" aria-label=\"Calls in order\">{marks}</nav>\n",
        counted(VerdictKind::Allow, "allowed"),
        counted(VerdictKind::Hold, "held"),
        counted(VerdictKind::Deny, "denied"),
    )
}

#[cfg(test)]
mod tests;
