//! One thing that was found, and all of them together.

use miette::Diagnostic as _;
use serde::Serialize;

use crate::config::Warning;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something that a governor is there to prevent is possible.
    Open,
    /// It is prevented, and the protection or its proof is worth less than it could be.
    Weak,
    /// Good to know.
    Note,
}

impl Severity {
    const fn label(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Weak => "weak",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    /// How much it weighs.
    pub(crate) severity: Severity,
    /// What kind of thing, in words that stay.
    pub(crate) code: &'static str,
    /// What it is about: an identity, a server, a file.
    pub(crate) subject: String,
    /// What was found.
    pub(crate) found: String,
    /// What follows from it.
    pub(crate) means: &'static str,
    /// What to do about it.
    pub(crate) mend: String,
}

/// Everything that was found, the heaviest first.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    open: usize,
    weak: usize,
    notes: usize,
    findings: Vec<Finding>,
}

impl Report {
    /// Puts findings in order.
    pub(crate) fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup();
        let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
        Self {
            open: count(Severity::Open),
            weak: count(Severity::Weak),
            notes: count(Severity::Note),
            findings,
        }
    }

    /// Says whether anything is open.
    pub(crate) const fn is_open(&self) -> bool {
        0 < self.open
    }

    /// Writes it for people.
    pub(crate) fn text(&self) -> String {
        let mut text: String = self.findings.iter().map(block).collect();
        text.push_str(&format!("{} open, {} weak, {} to know\n", self.open, self.weak, self.notes));
        text
    }
}

fn block(finding: &Finding) -> String {
    let Finding { severity, code, subject, found, means, mend } = finding;
    let severity = severity.label();
    format!(
        "{severity}  {code}: {subject}\n      {found}\n      means: {means}\n      mend:  {mend}\n\n"
    )
}

/// Passes on what `bailiwick check` remarks, but for what is looked at more closely here.
pub(super) fn of_warning(warning: &Warning) -> Option<Finding> {
    let code = warning.code().map(|it| it.to_string()).unwrap_or_default();
    let looked_at = ["CFG-101", "CFG-103", "CFG-106"];
    (!looked_at.contains(&code.as_str())).then(|| Finding {
        severity: Severity::Note,
        code: "configuration",
        subject: code,
        found: warning.to_string(),
        means: "the configuration is right, and this part of it may not be what you want",
        mend: "`bailiwick check` shows where".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, code: &'static str) -> Finding {
        let (found, means) = ("something is so".to_owned(), "this can happen");
        Finding { severity, code, subject: "x".to_owned(), found, means, mend: "do".to_owned() }
    }

    #[test]
    fn the_heaviest_comes_first_and_nothing_twice() {
        let report = Report::of(vec![
            finding(Severity::Note, "b"),
            finding(Severity::Open, "c"),
            finding(Severity::Note, "b"),
            finding(Severity::Weak, "a"),
        ]);
        let codes: Vec<_> = report.findings.iter().map(|it| it.code).collect();
        assert_eq!(codes, ["c", "a", "b"]);
        assert!(report.is_open());
        insta::assert_snapshot!(report.text(), @r"
        OPEN  c: x
              something is so
              means: this can happen
              mend:  do

        weak  a: x
              something is so
              means: this can happen
              mend:  do

        note  b: x
              something is so
              means: this can happen
              mend:  do

        1 open, 1 weak, 1 to know
        ");
    }

    #[test]
    fn nothing_open_is_healthy() {
        assert!(!Report::of(vec![finding(Severity::Weak, "a")]).is_open());
    }
}
