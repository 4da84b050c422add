//! The report as the XML of `junit`, which test runners read.

use super::{
    idle::IdlePolicy,
    report::{CaseReport, TestReport, counted},
};

/// Writes one suite for each file.
pub(super) fn write(report: &TestReport) -> String {
    let (cases, mut failed) = (report.cases.len(), report.failed());
    let mut all = cases.saturating_add(report.idle.len());
    if report.cover {
        all = all.saturating_add(report.coverage.policies.len());
        failed = failed.saturating_add(report.coverage.never().count());
    }
    let suites: String =
        report.cases.chunk_by(|one, other| one.file == other.file).map(suite).collect();
    let covered = if report.cover { coverage(report) } else { String::new() };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"bailiwick policy test\" tests=\"{all}\" failures=\"{failed}\">\n\
         {suites}{covered}{}</testsuites>\n",
        idle(report)
    )
}

/// Tells of policies that do nothing as test cases that were passed over: they fail nothing.
fn idle(report: &TestReport) -> String {
    if report.idle.is_empty() {
        return String::new();
    }
    let count = report.idle.len();
    let one = |it: &IdlePolicy| {
        let (id, file, text) = (escaped(&it.id), escaped(&it.file), escaped(&it.text));
        format!(
            "    <testcase classname=\"idle\" name=\"{id}\" file=\"{file}\" line=\"{}\">\n      \
             <skipped message=\"{text}\"/>\n    </testcase>\n",
            it.line
        )
    };
    let all: String = report.idle.iter().map(one).collect();
    format!(
        "  <testsuite name=\"policies that do nothing\" tests=\"{count}\" skipped=\"{count}\" \
         failures=\"0\">\n{all}  </testsuite>\n"
    )
}

fn suite(cases: &[CaseReport]) -> String {
    let file = escaped(cases.first().map_or("", |it| &it.file));
    let failed = cases.iter().filter(|it| !it.ok).count();
    let all: String = cases.iter().map(case).collect();
    let count = cases.len();
    format!(
        "  <testsuite name=\"{file}\" tests=\"{count}\" failures=\"{failed}\">\n\
         {all}  </testsuite>\n"
    )
}

fn case(case: &CaseReport) -> String {
    let (name, file) = (escaped(&case.name), escaped(&case.file));
    let head = format!(
        "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
        case.line
    );
    if case.ok {
        return format!("{head}/>\n");
    }
    let message = escaped(&case.differs.join("; "));
    let detail = escaped(&case.detail(""));
    format!("{head}>\n      <failure message=\"{message}\">{detail}</failure>\n    </testcase>\n")
}

/// Where every policy must decide a case, that is one more thing that can fail.
fn coverage(report: &TestReport) -> String {
    let count = report.coverage.policies.len();
    let failed = report.coverage.never().count();
    let policies = report.coverage.policies.iter().map(|it| {
        let (id, file) = (escaped(&it.id), escaped(&it.file));
        let head = format!(
            "    <testcase classname=\"coverage\" name=\"{id}\" file=\"{file}\" line=\"{}\"",
            it.line
        );
        if 0 < it.cases {
            return format!("{head}/>\n");
        }
        format!("{head}>\n      <failure message=\"decides no case\"/>\n    </testcase>\n")
    });
    let all: String = policies.collect();
    format!(
        "  <testsuite name=\"{}\" tests=\"{count}\" failures=\"{failed}\">\n{all}  </testsuite>\n",
        escaped(&format!("coverage of {}", counted(count, "policy", "policies")))
    )
}

/// Writes text so that XML takes it; what XML has no way to say is left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => {}
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_text_of_a_case_becomes_markup() {
        assert_eq!(escaped("<a b=\"c\">&\u{1}\n"), "&lt;a b=&quot;c&quot;&gt;&amp;\n");
    }
}
