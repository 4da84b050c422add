//! `cargo xtask fuzz`: builds the fuzzer and lets it look for bytes that break a parser.
//!
//! It works with the one stable toolchain: LLVM's coverage is asked for by flags that any `rustc`
//! takes, and libFuzzer comes with `libfuzzer-sys`. No sanitizer is needed, as no code of ours is
//! unsafe: what can be found is a panic, a broken law, a hang, and memory without bound.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::run;

/// How long each parser is fuzzed where nothing else is said.
const SECONDS: u32 = 60;

/// What makes the compiler count which ways through the code an input takes.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];

/// What was asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Words {
    parser: Option<String>,
    seconds: u32,
}

impl Words {
    /// Reads the words after `fuzz`.
    pub(crate) fn parse(words: &[&str]) -> anyhow::Result<Self> {
        let mut parsed = Self { parser: None, seconds: SECONDS };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--seconds" => {
                    let number = words.next().and_then(|it| it.parse().ok());
                    parsed.seconds = number.context("`--seconds` is followed by a whole number")?;
                }
                other if other.starts_with('-') => bail!("`fuzz` has no option `{other}`"),
                other if parsed.parser.is_none() => parsed.parser = Some(other.to_owned()),
                other => bail!("`fuzz` takes one parser, and `{other}` is a second"),
            }
        }
        Ok(parsed)
    }
}

/// Fuzzes one parser, or all, one after the other; the answer is whether nothing was found.
pub(crate) fn run(root: &Path, words: &Words) -> anyhow::Result<bool> {
    let corpora = root.join("fuzz/corpus");
    let all = parsers(&corpora)?;
    let chosen: Vec<&String> =
        all.iter().filter(|it| words.parser.as_ref().is_none_or(|wanted| wanted == *it)).collect();
    if chosen.is_empty() {
        bail!("no such parser; there are: {}", all.join(", "));
    }
    let program = build(root)?;
    let mut all_well = true;
    for parser in chosen {
        let mut command = fuzzer(root, &program, (parser.as_str(), words.seconds))?;
        all_well &= run::step(parser, &mut command)?;
    }
    Ok(all_well)
}

/// Every parser has a corpus of its name.
fn parsers(corpora: &Path) -> anyhow::Result<Vec<String>> {
    let entries = corpora.read_dir().with_context(|| format!("no {}", corpora.display()))?;
    let names = entries.map(|it| it.map(|it| it.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}

fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let target = root.join("target/fuzz");
    let version = run::quietly(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|it| it.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let mut command = Command::new("cargo");
    // With a target named, build scripts and macros are built without the flags.
    command
        .current_dir(root.join("fuzz"))
        .args(["build", "--locked", "--target", host, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", FLAGS.join(" "));
    if !run::step("building the fuzzer", &mut command)? {
        bail!("the fuzzer cannot be built");
    }
    Ok(target.join(host).join("debug/bailiwick-fuzz"))
}

/// What is found on the way goes below `target/`; what broke a parser is written there, too, and
/// belongs into the corpus once it is mended.
fn fuzzer(root: &Path, program: &Path, (parser, seconds): (&str, u32)) -> anyhow::Result<Command> {
    let found = root.join("target/fuzz/found").join(parser);
    std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let mut command = Command::new(program);
    command
        .arg(&found)
        .arg(root.join("fuzz/corpus").join(parser))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/broken-{parser}-", root.join("target/fuzz").display()))
        .args(["-timeout=10", "-rss_limit_mb=1024", "-malloc_limit_mb=256", "-max_len=16384"])
        .args(["-print_final_stats=1", "-verbosity=0"])
        .env("BAILIWICK_PARSER", parser);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_order() {
        let wanted = Words { parser: Some("model-json".into()), seconds: 5 };
        for words in [["model-json", "--seconds", "5"], ["--seconds", "5", "model-json"]] {
            assert_eq!(Words::parse(&words).expect("right words"), wanted);
        }
        let all = Words { parser: None, seconds: SECONDS };
        assert_eq!(Words::parse(&[]).expect("right words"), all);
    }

    #[test]
    fn wrong_words_are_refused() {
        for words in [&["--seconds"][..], &["--seconds", "soon"], &["--minutes"], &["a", "b"]] {
            assert!(Words::parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn every_corpus_is_a_parser_that_can_be_named() {
        let root = crate::root().expect("the package lies in the repository");
        let parsers = parsers(&root.join("fuzz/corpus")).expect("the corpora lie there");
        assert!(parsers.contains(&"gateway-message".to_owned()), "{parsers:?}");
    }
}
