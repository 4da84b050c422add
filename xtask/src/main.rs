//! House chores: `cargo xtask <word>` tests, checks, measures and sets up what the tests need.

mod arrows;
mod bench;
mod catalogue;
mod ci;
mod counts;
mod fuzz;
mod parts;
mod run;
mod test;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

const HELP: &str = "\
House chores.

  cargo xtask test [--no-real] [FILTER]   set up the real parts, build, run every test, tidy
  cargo xtask ci [--checks]               format, lints, licences, tidy, then test
  cargo xtask tidy                        sizes, names, arrows, error pages, links
  cargo xtask real                        set up the real parts and print where they are
  cargo xtask fuzz [PARSER] [--seconds N] look for bytes that break a parser, a minute for each
  cargo xtask catalogue [VERSION]         write the list of AWS's actions anew, from npm
  cargo xtask bench [GROUP] [--no-peers] --output json
                                          measure, and print one JSON object

  --no-real   leave out the tests that need tool servers and clients from npm and PyPI
  --no-peers  leave out the programs of others that are measured beside ours, from PyPI
  --checks    only what comes before the tests
";

fn main() -> ExitCode {
    match chore(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            run::tell(&format!("xtask: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Carries out the chore that `words` name; the answer is whether all is well.
fn chore(words: &[String]) -> anyhow::Result<bool> {
    let root = root()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", rest @ ..] => test::run(&root, &test::Words::parse(rest)?),
        ["ci"] => Ok(ci::checks(&root)? & test::run(&root, &test::Words::default())?),
        ["ci", "--checks"] => ci::checks(&root),
        ["tidy"] => tidy::run(&root),
        ["real"] => parts::run(&root).map(|()| true),
        ["fuzz", rest @ ..] => fuzz::run(&root, &fuzz::Words::parse(rest)?),
        ["catalogue"] => catalogue::run(&root, "latest").map(|()| true),
        ["catalogue", version] => catalogue::run(&root, version).map(|()| true),
        ["bench", rest @ ..] => bench::run(&root, rest),
        [] | ["help" | "--help" | "-h", ..] => {
            run::print(HELP.trim_end());
            Ok(true)
        }
        [other, ..] => bail!("no such chore, or not with these words: `{other}`\n\n{HELP}"),
    }
}

/// The repository's root: the folder above this package.
fn root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_owned).context("this package has no folder above it")
}
