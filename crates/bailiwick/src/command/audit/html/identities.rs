//! Each identity with its permissions, closed until somebody opens it.

use bailiwick_insight::{Audit, AuditEntry, AuditedIdentity, State};

use super::{
    super::{show, within},
    more, none, who,
};
use crate::page::escape::text;

/// How many identities are on the page, how many permissions of one state, and how many permissions in all: a page has to
/// open at once.
const IDENTITIES_MAX: usize = 2_000;
const NAMES_MAX: usize = 200;
const NAMES_IN_ALL: usize = 10_000;

/// Draws them.
pub(super) fn drawn(told: &Audit, ranked: &[&AuditedIdentity]) -> String {
    if ranked.is_empty() {
        return none("There is none.");
    }
    let mut left = NAMES_IN_ALL;
    let shown = ranked.iter().take(IDENTITIES_MAX);
    let all: String = shown.map(|it| identity((told, it), &mut left)).collect();
    format!("{all}{}", more(ranked.len(), IDENTITIES_MAX))
}

fn identity((told, it): (&Audit, &AuditedIdentity), left: &mut usize) -> String {
    let counts: Vec<_> = it
        .states
        .iter()
        .map(|(state, count)| format!("<span class=\"state\">{count} {}</span>", state.as_str()))
        .collect();
    let states: String =
        State::ALL.into_iter().map(|state| listed((told, it), state, left)).collect();
    let unread = if it.unread.is_empty() {
        String::new()
    } else {
        format!(
            "<p>It also holds {}: what they grant is in no file.</p>",
            text(&it.unread.join(", "))
        )
    };
    let nothing = if it.entries.is_empty() && it.unread.is_empty() {
        "<p>It used no permission, and none is granted to it in what was read.</p>"
    } else {
        ""
    };
    format!(
        "<details data-row class=\"identity\"><summary>{} <span class=\"dim\">{}{}{}</span></summary>\n{states}{unread}{nothing}</details>\n",
        who(it.platform, &it.id, within::identity(it)),
        it.kind.as_str(),
        if counts.is_empty() { "" } else { ": " },
        counts.join(", "),
    )
}

fn listed((told, it): (&Audit, &AuditedIdentity), state: State, left: &mut usize) -> String {
    let of: Vec<&AuditEntry> = it.entries.iter().filter(|it| it.state == state).collect();
    if of.is_empty() {
        return String::new();
    }
    let shown = of.len().min(NAMES_MAX).min(*left);
    *left = left.saturating_sub(shown);
    let names: String = of.iter().take(shown).map(|it| one(told, it)).collect();
    format!(
        "<details class=\"{0}\"><summary>{1} {0}</summary><ul class=\"names\">\n{names}</ul>{2}</details>\n",
        state.as_str(),
        of.len(),
        more(of.len(), shown),
    )
}

fn one(told: &Audit, it: &AuditEntry) -> String {
    let count = match it.state {
        State::Exercised => format!(" {}×", it.count),
        State::Attempted => format!(" {}×", it.attempts),
        State::Dormant => format!(
            " on {} observed {}",
            it.observed_days,
            if it.observed_days == 1 { "day" } else { "days" }
        ),
        State::Unobservable => String::new(),
        State::Excluded => format!(" {}", text(&show::why_not_yet(told, it))),
    };
    let ways: Vec<_> = it.granted_by.iter().map(|it| text(&it.path)).collect();
    let ways = if ways.is_empty() { String::new() } else { format!(" by {}", ways.join(", ")) };
    format!(
        "<li><code>{}</code><span class=\"dim\">{count}{ways}</span></li>\n",
        text(&show::called_entry(it))
    )
}
