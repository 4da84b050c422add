//! Runs other programs and says what is going on.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::counts::Counts;

/// Prints a line of the answer.
pub(crate) fn print(line: &str) {
    // A reader that went away is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line about progress.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs one step in the open; the answer is whether it went well.
pub(crate) fn step(title: &str, command: &mut Command) -> anyhow::Result<bool> {
    tell(&format!("==> {title}"));
    let began = Instant::now();
    let status = command.status().with_context(|| cannot_start(command))?;
    tell_end(title, status.success(), began);
    Ok(status.success())
}

/// Runs a test runner in the open and counts what its closing lines say.
pub(crate) fn counted(title: &str, command: &mut Command) -> anyhow::Result<(bool, Counts)> {
    tell(&format!("==> {title}"));
    let began = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| cannot_start(command))?;
    let out = child.stdout.take().context("a piped output is missing")?;
    let err = child.stderr.take().context("a piped output is missing")?;
    let beside = std::thread::spawn(move || pass_on(err, tell));
    let mut counts = pass_on(out, print);
    counts.add(beside.join().unwrap_or_default());
    let status = child.wait()?;
    tell_end(title, status.success(), began);
    Ok((status.success(), counts))
}

fn pass_on(from: impl Read, to: fn(&str)) -> Counts {
    let mut counts = Counts::default();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        counts.add(Counts::of_line(&line));
        to(line.trim_end());
    }
    counts
}

/// Runs a command in silence; what it said is shown only when it failed.
pub(crate) fn quietly(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = [said.as_str(), &String::from_utf8_lossy(&output.stderr)].concat();
    let lines: Vec<&str> = complaint.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(25)..).unwrap_or_default();
    bail!("`{}` failed ({}):\n{}", spelled(command), output.status, tail.join("\n"))
}

/// Says whether a program is there and answers.
pub(crate) fn answers(program: impl AsRef<OsStr>, words: &[&str]) -> bool {
    Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", spelled(command))
}

fn spelled(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|it| it.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn tell_end(title: &str, well: bool, began: Instant) {
    let end = if well { "done" } else { "FAILED" };
    tell(&format!("    {title}: {end} in {:.1} s", began.elapsed().as_secs_f32()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_command_that_fails_shows_what_it_said() {
        let error = quietly(Command::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]))
            .expect_err("it exits with 3")
            .to_string();
        assert!(error.contains("out\nerr"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = quietly(&mut Command::new("no-such-program-here")).expect_err("missing");
        assert!(format!("{error:#}").contains("cannot start `no-such-program-here`"));
        assert!(!answers("no-such-program-here", &[]));
    }

    #[test]
    fn the_lines_passed_on_are_counted_whatever_their_bytes() {
        let said = b"\xff\ntest result: ok. 2 passed; 0 failed; 1 ignored\nmore";
        let counts = pass_on(said.as_slice(), |_| {});
        assert_eq!(counts, Counts { passed: 2, failed: 0, skipped: 1 });
    }
}
