//! One moment of the timeline.

use bailiwick_insight::{Moment, Told, What};
use bailiwick_model::{Hold, HoldStatus, LeaseRecord, Reason, TaskStatus, Timestamp, VerdictKind};

use super::escape::{attribute, text};

/// Draws a moment; `opened` is when its task began.
pub(super) fn drawn(moment: &Moment, opened: Timestamp) -> String {
    let (kind, body) = match &moment.what {
        What::Call(told) => (told.step.verdict.as_str(), call(told)),
        What::Opened { by } => ("mark", format!("<h3>Opened</h3>{}", who(by))),
        What::Token { by, expires } => {
            ("mark", format!("<h3>Token minted</h3>{} <p>until {}</p>", who(by), time(*expires)))
        }
        What::Hold { hold, by } => ("person", answer(hold, by)),
        What::Noticed(it) => {
            ("noticed", format!("<h3>{}</h3><p>{}</p>", text(&it.code), text(&it.text)))
        }
        What::Lease(it) => ("mark", lease(it)),
        What::Ended { status, by } => ("mark", format!("<h3>{}</h3>{}", ended(*status), who(by))),
        What::Reviewed { by, note } => {
            ("mark", format!("<h3>Reviewed</h3><p>{}</p>{}", text(note), who(by)))
        }
    };
    let since = moment.time.since(opened);
    let (minutes, seconds) = (since.as_secs() / 60, since.as_secs() % 60);
    format!(
        "<li id=\"r{seq}\" class=\"{kind}\"><div class=\"when\"><span class=\"since\">+{minutes}:{seconds:02}</span>{}<span class=\"seq\">record {seq}</span></div><div class=\"what\">{body}</div></li>\n",
        time(moment.time),
        seq = moment.seq,
        kind = attribute(kind),
    )
}

/// Writes a time for people and programs.
pub(super) fn time(at: Timestamp) -> String {
    let at = text(&at.to_string());
    format!("<time datetime=\"{at}\">{at}</time>")
}

fn who(by: &str) -> String {
    format!("<p class=\"by\">by {}</p>", text(by))
}

fn ended(status: TaskStatus) -> String {
    match status {
        TaskStatus::Open => "Open".to_owned(),
        TaskStatus::Ended { cause, .. } => format!("Ended ({})", text(cause.as_str())),
    }
}

/// Tells a step in the life of a lease.
fn lease(it: &LeaseRecord) -> String {
    let called = it.called.as_ref().map(|it| format!(" as <code>{}</code>", text(it)));
    let why = if it.why.is_empty() { String::new() } else { format!("<p>{}</p>", text(&it.why)) };
    let cause = it.ended.map(|it| format!(" ({})", text(it.cause.as_str())));
    format!(
        "<h3>Lease of {}: {}{}</h3><p><code>{}</code>{}, enforced as {}</p>{why}",
        text(it.target.as_str()),
        text(it.state.as_str()),
        cause.unwrap_or_default(),
        text(it.lease.as_str()),
        called.unwrap_or_default(),
        text(it.enforced.as_str()),
    )
}

fn call(told: &Told) -> String {
    let step = &told.step;
    let mut html = format!(
        "<h3><span class=\"verdict\">{}</span> {}<span class=\"dim\">__</span>{}</h3>",
        verdict(step.verdict),
        text(step.server.as_str()),
        text(&step.tool),
    );
    let resources: String =
        step.resources.iter().map(|it| format!("<li><code>{}</code></li>", text(it))).collect();
    if !resources.is_empty() {
        html.push_str(&format!(
            "<ul class=\"resources\" aria-label=\"Resources\">{resources}</ul>"
        ));
    }
    let effects: String =
        step.effects.iter().map(|it| format!("<li>{}</li>", text(it.as_str()))).collect();
    let privileged = if told.privileged { "<li class=\"privileged\">privileged</li>" } else { "" };
    html.push_str(&format!(
        "<ul class=\"effects\" aria-label=\"Effects\">{effects}{privileged}</ul>"
    ));
    html.push_str(&reasons(&step.reasons));
    if let Some(would) = told.would {
        html.push_str(&format!("<p>Enforcing would have said: {}.</p>", verdict(would)));
    }
    for (label, ticket) in [("Ticket", &told.hold), ("Approved by ticket", &told.approval)] {
        if let Some(ticket) = ticket {
            html.push_str(&format!("<p>{label} <code>{}</code></p>", text(ticket.as_str())));
        }
    }
    html.push_str(&became(told));
    html.push_str(&format!(
        "<details><summary>Arguments, as kept</summary><pre>{}</pre></details><p class=\"dim\"><code>{}</code></p>",
        text(&told.arguments),
        text(step.decision.as_str()),
    ));
    html
}

fn became(told: &Told) -> String {
    match &told.outcome {
        None if told.step.verdict == VerdictKind::Allow => {
            "<p class=\"outcome\">Nothing is on record of what became of it.</p>".to_owned()
        }
        None => String::new(),
        Some(it) => {
            let detail = if it.detail.is_empty() {
                String::new()
            } else {
                format!(": {}", text(&it.detail))
            };
            format!(
                "<p class=\"outcome\">Outcome <b>{}</b>{detail} <span class=\"dim\">{} ms, {} bytes</span></p>",
                text(it.outcome.as_str()),
                it.millis,
                it.bytes_in,
            )
        }
    }
}

fn answer(hold: &Hold, by: &str) -> String {
    let said = match &hold.status {
        HoldStatus::Waiting => "Waits for a person".to_owned(),
        HoldStatus::Approved { by, expires, .. } => {
            format!("Approved by {}, until {}", text(by.as_str()), time(*expires))
        }
        HoldStatus::Refused { by, .. } => format!("Refused by {}", text(by.as_str())),
        HoldStatus::Used { decision } => {
            format!("The yes was used by <code>{}</code>", text(decision.as_str()))
        }
        HoldStatus::Expired => "Nobody answered in time".to_owned(),
    };
    let action = text(&hold.action.to_string());
    let ticket = text(hold.id.as_str());
    format!("<h3>{said}</h3><p>{action} <code>{ticket}</code></p>{}", who(by))
}

fn reasons(reasons: &[Reason]) -> String {
    let one = |it: &Reason| {
        format!("<li>{} <span class=\"dim\">{}</span></li>", text(&it.text), text(&it.source))
    };
    let all: String = reasons.iter().map(one).collect();
    if all.is_empty() {
        all
    } else {
        format!("<ul class=\"reasons\" aria-label=\"Reasons\">{all}</ul>")
    }
}

fn verdict(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Allow => "allowed",
        VerdictKind::Hold => "held",
        VerdictKind::Deny => "denied",
    }
}
