//! What the cases came to, beside what was expected of them.

use bailiwick_model::{AskedPart, Step, VerdictKind};
use serde::Serialize;

use super::{
    case::{Case, Expected},
    coverage::{Coverage, Policies},
    idle::IdlePolicy,
    rehearsal::Came,
};

/// What all cases came to.
#[derive(Debug, Serialize)]
pub(super) struct TestReport {
    /// Whether every case came out as expected, and what had to be covered was.
    pub(super) ok: bool,
    /// The cases, in the order of files and lines.
    pub(super) cases: Vec<CaseReport>,
    /// What they have seen.
    pub(super) coverage: Coverage,
    /// The policies that do nothing.
    pub(super) idle: Vec<IdlePolicy>,
    /// Whether a policy that decided nothing is a failure.
    #[serde(skip)]
    pub(super) cover: bool,
}

/// What one case came to.
#[derive(Debug, Serialize)]
pub(super) struct CaseReport {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) ok: bool,
    pub(super) expected: Expected,
    pub(super) verdict: VerdictKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) would: Option<VerdictKind>,
    /// What the call does, as it was read.
    pub(super) effects: Vec<&'static str>,
    /// To what.
    pub(super) resources: Vec<String>,
    /// What differs, in words.
    pub(super) differs: Vec<String>,
    /// The reasons that decided.
    pub(super) decided_by: Vec<Decided>,
}

/// One reason that decided.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    step: Step,
    code: &'static str,
    text: String,
    source: String,
    /// Where the policy is written, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl TestReport {
    /// Compares what `all` came to with what was expected.
    pub(super) fn of(
        all: &[(Case, Came)],
        (policies, idle): (&Policies, Vec<IdlePolicy>),
        cover: bool,
    ) -> Self {
        let coverage = Coverage::of(policies, all.iter().map(|(_, came)| came));
        let cases: Vec<_> =
            all.iter().map(|(case, came)| CaseReport::of(case, came, policies)).collect();
        let covered = !cover || coverage.never().next().is_none();
        Self { ok: covered && cases.iter().all(|it| it.ok), cases, coverage, idle, cover }
    }

    /// Counts the cases that did not come out as expected.
    pub(super) fn failed(&self) -> usize {
        self.cases.iter().filter(|it| !it.ok).count()
    }

    /// Gives what people read.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut file = "";
        for case in &self.cases {
            if file != case.file {
                file = &case.file;
                text.push_str(&format!("{file}\n"));
            }
            text.push_str(&case.text());
        }
        text.push('\n');
        text.push_str(&self.conclusion());
        text
    }

    fn conclusion(&self) -> String {
        let count = |it: &VerdictKind| {
            let seen = self.coverage.outcomes.get(it.as_str()).copied().unwrap_or(0);
            format!("{seen} {it}")
        };
        let outcomes: Vec<String> = VerdictKind::ALL.iter().map(count).collect();
        let (all, failed) = (self.cases.len(), self.failed());
        let verdict = if failed == 0 {
            format!("good: {}", counted(all, "case", "cases"))
        } else {
            format!("{failed} of {} not as expected", counted(all, "case", "cases"))
        };
        let mut text = format!("{verdict} ({})\n", outcomes.join(", "));
        let (policies, never) =
            (self.coverage.policies.len(), self.coverage.never().collect::<Vec<_>>());
        let seen = policies.saturating_sub(never.len());
        text.push_str(&format!(
            "{seen} of {} decided a case\n",
            counted(policies, "policy", "policies")
        ));
        for policy in never {
            let place = format!("{}:{}", policy.file, policy.line);
            text.push_str(&format!("  never decided: `{}` ({place})\n", policy.id));
        }
        for idle in &self.idle {
            text.push_str(&format!("  {} ({}:{})\n", idle.text, idle.file, idle.line));
        }
        text
    }
}

impl CaseReport {
    fn of(case: &Case, came: &Came, policies: &Policies) -> Self {
        let decided_by: Vec<_> = came
            .deciding()
            .map(|(step, reason)| {
                let policy = Some(step).filter(|it| *it == Step::Policy);
                let policy = policy.and_then(|_| policies.called(&reason.source, came));
                Decided {
                    step,
                    code: reason.code.as_str(),
                    text: reason.text.clone(),
                    source: reason.source.clone(),
                    file: policy.and_then(|it| it.source.clone()),
                    line: policy.and_then(|it| it.line),
                }
            })
            .collect();
        let differs = differs(case, came, &decided_by);
        Self {
            name: case.name.clone(),
            file: case.file.clone(),
            line: case.line,
            ok: differs.is_empty(),
            expected: case.expected.clone(),
            verdict: came.verdict,
            would: came.would,
            effects: came.effects.clone(),
            resources: came.resources.clone(),
            differs,
            decided_by,
        }
    }

    fn text(&self) -> String {
        if self.ok {
            return format!("  ok    {}\n", self.name);
        }
        format!("  FAIL  {} ({}:{})\n{}", self.name, self.file, self.line, self.detail("        "))
    }

    /// Says what differs, what decided, and how the call was read.
    pub(super) fn detail(&self, indent: &str) -> String {
        let differs = self.differs.iter().map(|it| format!("{indent}{it}\n"));
        let decided =
            self.decided_by.iter().map(|it| format!("{indent}decided by {}\n", it.text()));
        let read = self.read().map(|it| format!("{indent}{it}\n"));
        differs.chain(decided).chain(read).collect()
    }

    /// Says how the call was read: a tool that nobody has described is taken for one that writes.
    fn read(&self) -> Option<String> {
        let effects = Some(self.effects.join(", ")).filter(|it| !it.is_empty())?;
        let resources: Vec<String> = self.resources.iter().map(|it| format!("`{it}`")).collect();
        let on = if resources.is_empty() { "" } else { " on " };
        Some(format!("read as {effects}{on}{}", resources.join(", ")))
    }
}

impl Decided {
    fn text(&self) -> String {
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!(", {file}:{line}"),
            (None, _) | (_, None) => String::new(),
        };
        format!("{}: {} [{}, {}{place}]", self.step, self.text, self.code, self.source)
    }

    fn is(&self, word: &str) -> bool {
        self.code == word || (self.step == Step::Policy && self.source == word)
    }
}

/// Says in which ways a case is not as expected.
fn differs(case: &Case, came: &Came, decided: &[Decided]) -> Vec<String> {
    let expected = &case.expected;
    let mut differs = Vec::new();
    if expected.verdict != came.verdict {
        differs.push(format!("expected {}, and it is {}", expected.verdict, came.verdict));
    }
    let missed = expected.because.iter().filter(|word| !decided.iter().any(|it| it.is(word)));
    for word in missed {
        differs.push(format!("expected because of `{word}`, which decided nothing"));
        let parts = came.missed.get(word).into_iter().flatten();
        differs.extend(parts.map(|it| wants(word, it)));
    }
    if let Some(would) = expected.would.filter(|it| Some(*it) != came.would) {
        let said = came.would.map_or("nothing else".to_owned(), |it| it.to_string());
        differs.push(format!("expected that it would be {would}, and it would be {said}"));
    }
    for told in expected.would_allow.iter().filter(|it| !came.would_allow.contains(*it)) {
        differs.push(format!("expected to be told `{told}`"));
    }
    if !expected.would_allow.is_subset(&came.would_allow) {
        let told = came.would_allow.iter().map(|it| format!("told is `{it}`"));
        differs.extend(told);
        if came.would_allow.is_empty() {
            differs.push("nothing is told that would be allowed".to_owned());
        }
    }
    if let Some(by) = case.approved_by.as_ref().filter(|_| !came.asked) {
        differs.push(format!("expected that `{by}` is asked, and nobody is"));
    }
    differs
}

/// Says which part of a policy does not hold, and what it saw.
fn wants(policy: &str, part: &AskedPart) -> String {
    let text = if part.unless { format!("unless {}", part.text) } else { part.text.clone() };
    if let Some(error) = &part.error {
        return format!("`{policy}` cannot be evaluated at `{text}`: {error}");
    }
    let saw: Vec<String> = part.saw.iter().map(ToString::to_string).collect();
    let saw = if saw.is_empty() { String::new() } else { format!(", and {}", saw.join(", ")) };
    format!("`{policy}` wants that `{text}`{saw}")
}

pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
