//! `bailiwick policy test`: the cases of all files, judged, and what they came to.

use anyhow::Context as _;

use super::{
    case::{self, Case},
    coverage::Policies,
    files,
    idle::idle,
    junit,
    names::Names,
    rehearsal::Rehearsal,
    report::TestReport,
    sarif,
};
use crate::{
    accepted,
    cli::{Common, ReportFormat, TestPolicies},
    config::{Found, House, Overrides},
    exit::{CommandError, Exit, Outcome},
    output::say,
    run::{wrong, wrong_in},
};

/// Judges the cases and shows what they came to.
pub(crate) fn test(common: &Common, overrides: &Overrides, words: &TestPolicies) -> Outcome {
    let loaded = House::load_against(accepted::KNOWN, &common.config, overrides);
    let (mut house, _) = loaded.map_err(|found| wrong(&found))?;
    let errors = std::mem::take(&mut house.misfits);
    if !errors.is_empty() {
        return Err(wrong(&Found { errors, ..Found::default() }));
    }
    let home = files::home(&common.config).context("the current folder cannot be found")?;
    let usual = [home.join("tests")];
    let paths = if words.paths.is_empty() { &usual } else { words.paths.as_slice() };
    let files = files::read(paths, &home, "toml").map_err(|found| wrong_in("the cases", &found))?;
    let cases = cases(&files, &Names::of(&house)).map_err(|found| wrong_in("the cases", &found))?;
    if cases.is_empty() {
        let places: Vec<_> = paths.iter().map(|it| format!("`{}`", it.display())).collect();
        let places = places.join(", ");
        return Err(CommandError::Words(format!("there is no `[[case]]` in {places}")));
    }
    let rehearsal = Rehearsal::of(&house);
    let judged: Vec<_> = cases.into_iter().map(|it| (it.clone(), rehearsal.judge(&it))).collect();
    let policies = Policies { calls: house.policies.list(), evaluations: house.access.list() };
    let report = TestReport::of(&judged, (&policies, idle(&house)), words.cover);
    match words.format {
        None => common.output.show(&report, TestReport::text)?,
        Some(ReportFormat::Junit) => say(&junit::write(&report)),
        Some(ReportFormat::Sarif) => say(&sarif::write(&report)),
    }
    Ok(if report.ok { Exit::Done } else { Exit::No })
}

/// Reads the cases of all files.
pub(super) fn cases(files: &[files::Read], names: &Names) -> Result<Vec<Case>, Found> {
    let mut found = Found::default();
    let mut cases = Vec::new();
    for file in files {
        match case::read(&file.source, names) {
            Ok(read) => cases.extend(read),
            Err(errors) => found.extend(errors),
        }
    }
    if found.is_good() { Ok(cases) } else { Err(found.sorted()) }
}
