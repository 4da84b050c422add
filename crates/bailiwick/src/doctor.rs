//! `bailiwick doctor`: what weakens a governor that works, what it means, and how to mend it.
//!
//! Everything is looked at from outside, as somebody would who wants to get around it; nothing is
//! changed. `check` says whether the configuration is right, `doctor` whether it is enough.

mod authority;
mod bypass;
mod canaries;
mod clock;
mod confine;
mod disk;
mod finding;
mod keys;
mod listener;
mod others;
mod past;
mod secrets;
mod signals;
mod workload;

use std::path::Path;

pub(crate) use self::finding::{Finding, Report, Severity};
use self::{clock::Watch, past::Past};
use crate::{
    accepted,
    client::Client,
    command::sign,
    config::{Config, House, Overrides, place},
    exit::{Exit, Outcome},
    output::Output,
    run::wrong,
};

/// Looks at everything, and says what it found.
pub(crate) async fn doctor(config: &Path, overrides: &Overrides, output: Output) -> Outcome {
    let watch = Watch::start();
    let loaded = House::load_against(accepted::KNOWN, config, overrides);
    let (house, warnings) = loaded.map_err(|found| wrong(&found))?;
    let past = Past::read(&house.config.state);
    let client = Client::reach(&house.config.state).await;
    let serves = client.is_some();

    let mut findings = Vec::new();
    findings.extend(authority::look(&house, keys::account(&house.config)));
    findings.extend(keys::look(&house.config));
    findings.extend(secrets::look(&house.config, sign::now()));
    findings.extend(signals::look(&house.config, past.as_ref()).await);
    findings.extend(listener::look(&house.config.listen));
    findings.extend(confine::look(&house.config, serves));
    findings.extend(disk::look(&house.config, past.as_ref()));
    findings.extend(past.as_ref().filter(|_| serves).and_then(|it| it.stale(&house)));
    match &client {
        Some(client) => findings.extend(canaries::look(client).await),
        None => findings.push(nothing_serves(&house.config)),
    }
    findings.extend(warnings.iter().filter_map(finding::of_warning));
    findings.extend(house.misfits.iter().map(|it| misfit(it.as_ref())));
    findings.extend(bypass::look(&house.config).await);
    findings.extend(workload::look(&house, serves).await);
    findings.extend(watch.look(past.as_ref()));

    let report = Report::of(findings);
    output.show(&report, Report::text)?;
    Ok(if report.is_open() { Exit::No } else { Exit::Done })
}

fn misfit(misfit: &dyn miette::Diagnostic) -> Finding {
    let place = place(misfit);
    let file = place.file.unwrap_or_default();
    Finding {
        code: "policies-misfit",
        severity: Severity::Open,
        subject: format!("{file}:{}", place.line),
        found: misfit.to_string(),
        means: "it does not fit the tools that were accepted: where it errs, a forbid denies and a line covers nothing",
        mend: "`bailiwick check` shows where, and how to mend it".to_owned(),
    }
}

fn nothing_serves(config: &Config) -> Finding {
    Finding {
        code: "not-serving",
        severity: Severity::Note,
        subject: config.state.display().to_string(),
        found: "no governor serves this state".to_owned(),
        means: "what only a running governor shows was not looked at",
        mend: "start it with `bailiwick serve`, and look again".to_owned(),
    }
}
