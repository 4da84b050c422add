//! The report as SARIF 2.1.0: a result for each case that failed, and for each policy that decided none
//! or does nothing.

use serde_json::{Value, json};

use super::report::TestReport;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const FAILED: &str = "policy-case-failed";
const NEVER: &str = "policy-never-decided";
const IDLE: &str = "policy-does-nothing";

/// Writes one run.
pub(super) fn write(report: &TestReport) -> String {
    let failed = report.cases.iter().filter(|it| !it.ok).map(|it| {
        let text = format!("{}: {}", it.name, it.differs.join("; "));
        let decided = it.detail("");
        result((FAILED, "error"), &format!("{text}\n{decided}"), (&it.file, it.line))
    });
    let level = if report.cover { "error" } else { "warning" };
    let never = report.coverage.never().map(|it| {
        let text = format!("policy `{}` decided no case", it.id);
        result((NEVER, level), &text, (&it.file, it.line))
    });
    let idle =
        report.idle.iter().map(|it| result((IDLE, "warning"), &it.text, (&it.file, it.line)));
    let results: Vec<Value> = failed.chain(never).chain(idle).collect();
    let kind = |id: &str, text: &str| json!({ "id": id, "shortDescription": { "text": text } });
    let sarif = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bailiwick policy test",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    kind(FAILED, "A call is not judged as its case expects."),
                    kind(NEVER, "No case shows what this policy does."),
                    kind(IDLE, "This policy does nothing."),
                ],
            }},
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

fn result((id, level): (&str, &str), text: &str, (file, line): (&str, usize)) -> Value {
    json!({
        "ruleId": id,
        "level": level,
        "message": { "text": text.trim_end() },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": address(file) },
            "region": { "startLine": line },
        }}],
    })
}

/// Writes a file's name as part of an address.
fn address(file: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~/".contains(&it);
    let path: String = file
        .bytes()
        .map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect();
    if path.starts_with('/') { format!("file://{path}") } else { path }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_name_is_an_address() {
        assert_eq!(address("tests/a b.toml"), "tests/a%20b.toml");
        assert_eq!(address("/srv/é.toml"), "file:///srv/%C3%A9.toml");
    }
}
