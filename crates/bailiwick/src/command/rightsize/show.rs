//! What right-sizing tells people.

use std::fmt::Write as _;

use bailiwick_insight::{KeptFor, Stage};

use super::Told;
use crate::output::table as lined;

/// How many names are shown before only their number is told.
const NAMED: usize = 12;

/// Writes what was decided, why, and what to do next.
pub(super) fn table(told: &Told) -> String {
    let certificate = &told.certificate;
    let mut text = format!("{}\n", certificate.identity);
    let _ = match certificate.window {
        Some((first, last)) => writeln!(
            text,
            "from {first} to {last}, {} days observed, {} gaps; {} accesses of it, {} denied",
            certificate.observed_days,
            certificate.gaps,
            certificate.events.exercised,
            certificate.events.denied
        ),
        None => writeln!(text, "no log tells of anything: all stays"),
    };
    text.push('\n');
    let row = |it: &bailiwick_insight::Decision| {
        let size = if it.original.is_some() {
            format!("{} → {}", it.before, it.after)
        } else {
            String::new()
        };
        vec![it.decision.as_str().to_owned(), it.entitlement.clone(), size, it.why.clone()]
    };
    let rows = certificate.decisions.iter().map(row).collect();
    text.push_str(&lined(&["DECISION", "ENTITLEMENT", "PERMISSIONS", "WHY"], rows));
    let removed = &certificate.removed.actions;
    if !removed.is_empty() {
        let _ = writeln!(text, "\n{} given no longer: {}", removed.len(), named(removed));
    }
    for (why, actions) in &certificate.kept {
        let _ = writeln!(text, "{} kept, {}: {}", actions.len(), words(*why), named(actions));
    }
    for (source, count) in &certificate.needed {
        let _ = writeln!(text, "  {count} of what nothing could have shown need: {source}");
    }
    for note in &certificate.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let checks = &certificate.checks;
    let word = |it: bool| if it { "yes" } else { "NO" };
    let _ = writeln!(
        text,
        "\nchecked: nothing new is given: {}; all {} pairs that were used are still given: {}",
        word(checks.gives_no_more),
        checks.asked,
        word(checks.gives_all_used)
    );
    for stage in &told.plan.stages {
        text.push_str(&staged(stage));
    }
    match &told.written {
        Some(folder) => {
            let _ =
                writeln!(text, "\nwritten to {}; commands are run from there", folder.display());
        }
        None => text.push_str("\nnothing was written: name a folder with `--out`\n"),
    }
    text
}

fn named(actions: &[String]) -> String {
    let shown: Vec<_> = actions.iter().take(NAMED).map(String::as_str).collect();
    let more = actions.len().saturating_sub(NAMED);
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

fn staged(stage: &Stage) -> String {
    let mut text = format!("\n{}: {}", stage.stage, stage.says);
    if let Some(until) = stage.until {
        let _ = write!(text, ", {until}");
    }
    text.push('\n');
    let mut lines = |commands: &[Vec<String>], begin: &str| {
        for words in commands {
            let words: Vec<_> = words.iter().map(|it| quoted(it)).collect();
            let _ = writeln!(text, "  {begin}{}", words.join(" "));
        }
    };
    lines(&stage.commands, "");
    lines(&stage.rollback, "back: ");
    text
}

/// Quotes a word for a shell: names in a list of grants are anybody's.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@+,=".contains(it);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn words(why: KeptFor) -> &'static str {
    match why {
        KeptFor::Exercised => "used",
        KeptFor::Attempted => "asked for and denied",
        KeptFor::Unobservable => "as nothing could have shown their use",
        KeptFor::Grace => "as whoever holds them is new",
        KeptFor::Permissions => "as they change who may do what",
        KeptFor::Named => "as was asked for",
        KeptFor::UnknownName => "as the log has names there that no rule knows",
        KeptFor::Needed => "as what is used may need them, and no record says so",
        KeptFor::Sibling => "as one like them is used",
        KeptFor::TooFewDays => "as too few days were observed",
        KeptFor::Whole => "as a policy that gives them stays whole",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_for_a_shell() {
        assert_eq!(quoted("arn:aws:iam::1:policy/a"), "arn:aws:iam::1:policy/a");
        assert_eq!(quoted("a; rm -rf 'x'"), r"'a; rm -rf '\''x'\'''");
        assert_eq!(quoted(""), "''");
    }
}
