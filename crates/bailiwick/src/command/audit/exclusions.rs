//! What is excluded from being called dormant, as people are told of it.

use std::fmt::Write as _;

use bailiwick_insight::{Audit, Exclusion};

use crate::{
    output::{Ink, Screen, remark},
    page::escape::plain,
};

/// Says what an exclusion is about: `aws:kms:* of *role/break-glass in months 1, 12`.
pub(in crate::command) fn called(it: &Exclusion) -> String {
    let what = match (&it.permission, it.platform) {
        (Some(permission), _) => permission.to_string(),
        (None, Some(platform)) => format!("{platform}:*"),
        (None, None) => "everything".to_owned(),
    };
    let mut text = what;
    if let Some(identity) = &it.identity {
        let _ = write!(text, " of {identity}");
    }
    if !it.months.is_empty() {
        let months: Vec<_> = it.months.iter().map(ToString::to_string).collect();
        let _ = write!(text, " in months {}", months.join(", "));
    }
    plain(&text)
}

/// Remarks on each one that counts no more, or never did.
pub(super) fn remarks(told: &Audit) {
    for it in &told.exclusions {
        let what = called(&it.exclusion);
        if it.has_ended {
            let until = it.exclusion.until;
            remark(&format!("the exclusion of {what} ended at {until}, and counts no more"));
        } else if it.entries == 0 {
            remark(&format!("the exclusion of {what} fits nothing that would be dormant"));
        }
    }
}

/// Writes them, with how many permissions each kept from being called dormant.
pub(super) fn table(told: &Audit, screen: Screen) -> String {
    if told.exclusions.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", screen.painted(Ink::Head, "EXCLUDED FROM BEING DORMANT"));
    for it in &told.exclusions {
        let (exclusion, what) = (&it.exclusion, called(&it.exclusion));
        let word = if it.has_ended { "ended" } else { "until" };
        let entries = match it.entries {
            1 => "1 permission".to_owned(),
            several => format!("{several} permissions"),
        };
        let _ = writeln!(
            text,
            "  {what}, {word} {}: {entries}; {} ({})",
            exclusion.until,
            plain(&exclusion.reason),
            plain(&exclusion.owner),
        );
    }
    text
}
