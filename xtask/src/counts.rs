//! Counts what test runners say in their closing lines.

use std::fmt;

/// How many tests did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// Reads a closing line of cargo-nextest or of the built-in runner; any other line counts nothing.
    pub(crate) fn of_line(line: &str) -> Self {
        let line = without_colour(line);
        let mut counts = Self::default();
        if !line.contains("test result:") && !line.trim_start().starts_with("Summary [") {
            return counts;
        }
        let mut number = None;
        for word in line.split([' ', ',', ';', '(', ')']).filter(|it| !it.is_empty()) {
            let count = number.take().unwrap_or(0);
            match word {
                "passed" => counts.passed = count,
                "failed" | "timed" | "exec" => counts.failed = counts.failed.saturating_add(count),
                "skipped" | "ignored" => counts.skipped = counts.skipped.saturating_add(count),
                other => number = other.parse::<u64>().ok(),
            }
        }
        counts
    }

    /// Adds another runner's counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// Drops terminal colours, which runners add when told to.
fn without_colour(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut within = false;
    for it in line.chars() {
        match it {
            '\u{1b}' => within = true,
            'a'..='z' | 'A'..='Z' if within => within = false,
            _ if within => {}
            it => plain.push(it),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, passed: u64, failed: u64, skipped: u64) {
        assert_eq!(Counts::of_line(line), Counts { passed, failed, skipped }, "{line}");
    }

    #[test]
    fn closing_lines_are_counted() {
        check("     Summary [   0.012s] 12 tests run: 12 passed, 0 skipped", 12, 0, 0);
        check(
            "     Summary [   9.1s] 9 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 4 skipped",
            6,
            3,
            4,
        );
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] 2 tests run: \u{1b}[1m2\u{1b}[0m \u{1b}[32mpassed\u{1b}[0m",
            2,
            0,
            0,
        );
        check(
            "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.00s",
            3,
            1,
            2,
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        check("running 3 tests", 0, 0, 0);
        check("a message that says 5 passed", 0, 0, 0);
    }

    #[test]
    fn the_closing_line_leaves_out_what_was_not_skipped() {
        let mut counts = Counts { passed: 2, failed: 1, skipped: 0 };
        assert_eq!(counts.to_string(), "2 passed, 1 failed");
        counts.add(Counts { passed: 1, failed: 0, skipped: 3 });
        assert_eq!(counts.to_string(), "3 passed, 1 failed, 3 skipped");
    }
}
