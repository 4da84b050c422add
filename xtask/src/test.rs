//! `cargo xtask test`: sets up what the tests need, runs them all, and says what was left out.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::counts::Counts;
use crate::{parts, run, tidy};

/// Tests that need tool servers and clients of others live in modules of this name.
const REAL: &str = "real::";

/// What was asked for on the command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Words {
    no_real: bool,
    filter: Option<String>,
}

impl Words {
    /// Reads the words after `test`.
    pub(crate) fn parse(words: &[&str]) -> anyhow::Result<Self> {
        let mut parsed = Self::default();
        for word in words {
            match *word {
                "--no-real" => parsed.no_real = true,
                other if other.starts_with('-') => bail!("`test` has no option `{other}`"),
                other if parsed.filter.is_none() => parsed.filter = Some(other.to_owned()),
                other => bail!("`test` takes one filter, and `{other}` is a second"),
            }
        }
        Ok(parsed)
    }
}

/// Runs everything; the answer is whether all passed.
pub(crate) fn run(root: &Path, words: &Words) -> anyhow::Result<bool> {
    let mut left_out = Vec::new();
    if words.no_real {
        left_out.push("tests with real tool servers and clients (--no-real)".to_owned());
    } else {
        parts::install(root).context(
            "cannot set up the real parts; `cargo xtask test --no-real` runs everything else",
        )?;
    }
    if let Some(filter) = &words.filter {
        left_out.push(format!("tests whose name lacks `{filter}`, and the documentation's"));
    }
    let mut all_well = true;
    let mut counts = Counts::default();
    for (title, mut command) in runs(root, words) {
        let (well, more) = run::counted(title, &mut command)?;
        counts.add(more);
        all_well &= well;
    }
    all_well &= tidy::run(root)?;
    for what in left_out {
        run::tell(&format!("!!! LEFT OUT: {what}"));
    }
    run::print(&counts.to_string());
    Ok(all_well)
}

/// The test runners to start, in order.
fn runs(root: &Path, words: &Words) -> Vec<(&'static str, Command)> {
    let mut runs = Vec::new();
    if run::answers("cargo", &["nextest", "--version"]) {
        runs.push(("tests (cargo-nextest)", nextest(root, words)));
    } else {
        runs.push((
            "tests (built-in runner; cargo-nextest is not installed)",
            built_in(root, words),
        ));
    }
    if words.filter.is_none() {
        let mut documentation = cargo(root);
        documentation.args(["test", "--workspace", "--doc"]);
        runs.push(("the documentation's tests", documentation));
    }
    runs
}

fn nextest(root: &Path, words: &Words) -> Command {
    let mut command = cargo(root);
    command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    if words.no_real {
        command.args(["-E", &format!("not test({REAL})")]);
    }
    if let Some(filter) = &words.filter {
        command.args(["--no-tests", "warn"]).arg(filter);
    }
    command
}

fn built_in(root: &Path, words: &Words) -> Command {
    let mut command = cargo(root);
    command.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    command.args(&words.filter);
    if words.no_real {
        command.args(["--", "--skip", REAL]);
    }
    command
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    // A snapshot that differs is a failure here, never a new file.
    command.current_dir(root).env("INSTA_UPDATE", "no");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(command: &Command) -> String {
        command.get_args().map(|it| it.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_read_in_any_order() {
        let wanted = Words { no_real: true, filter: Some("lane".into()) };
        assert_eq!(Words::parse(&["--no-real", "lane"]).expect("right words"), wanted);
        assert_eq!(Words::parse(&["lane", "--no-real"]).expect("right words"), wanted);
        assert_eq!(Words::parse(&[]).expect("right words"), Words::default());
    }

    #[test]
    fn wrong_words_are_refused() {
        assert!(Words::parse(&["--real"]).is_err());
        assert!(Words::parse(&["one", "two"]).is_err());
    }

    #[test]
    fn both_runners_leave_out_the_real_parts_when_told_to() {
        let words = Words { no_real: true, filter: None };
        assert!(spelled(&nextest(Path::new("."), &words)).ends_with("-E not test(real::)"));
        assert!(spelled(&built_in(Path::new("."), &words)).ends_with("-- --skip real::"));
    }

    #[test]
    fn both_runners_leave_out_nothing_by_themselves() {
        for command in [nextest, built_in] {
            let spelled = spelled(&command(Path::new("."), &Words::default()));
            assert!(!spelled.contains("real::"), "{spelled}");
        }
    }
}
