//! Policies that do nothing, as remarks of `check` and in the report of `policy test`.

use std::path::Path;

use bailiwick_policy::{Idle, IdleWhy};
use serde::Serialize;

use crate::config::{Code, ConfigError, House, Source, Warning};

/// A policy that does nothing, for reports.
#[derive(Clone, Debug, Serialize)]
pub(super) struct IdlePolicy {
    /// Its `@id`.
    pub(super) id: String,
    /// The file it is written in.
    pub(super) file: String,
    /// The line on which it begins there.
    pub(super) line: usize,
    /// In which way.
    pub(super) why: &'static str,
    /// The same in words.
    pub(super) text: String,
}

/// Finds the policies of a house that do nothing, those for enforcement points elsewhere as well.
fn all(house: &House) -> Vec<Idle> {
    house.policies.idle().into_iter().chain(house.access.idle()).collect()
}

/// Tells of them in the report of a test.
pub(super) fn idle(house: &House) -> Vec<IdlePolicy> {
    let told = |it: &Idle| {
        Some(IdlePolicy {
            id: it.policy.id.clone(),
            file: it.policy.source.clone()?,
            line: it.policy.line?,
            why: kind(&it.why),
            text: words(it),
        })
    };
    all(house).iter().filter_map(told).collect()
}

/// Tells of them as remarks at their places.
pub(crate) fn remarks(house: &House) -> Vec<Warning> {
    all(house).iter().map(|it| remark(it, &house.config.home)).collect()
}

fn remark(idle: &Idle, home: &Path) -> Warning {
    let (code, label, help) = match &idle.why {
        IdleWhy::NeverHolds(_) => (Code::NeverApplies, "never applies", "take it away, or mend it"),
        IdleWhy::NeverEvaluates(_) => {
            (Code::NeverApplies, "cannot be evaluated", "mend it: a forbid like this denies")
        }
        IdleWhy::Beaten(_) => (Code::Shadowed, "permits nothing", "take one of the two away"),
        IdleWhy::Covered(_) => (Code::Shadowed, "says nothing new", "one of the two is enough"),
    };
    let remark = ConfigError::warning(code, words(idle)).label(label).help(help);
    let source = idle.policy.source.as_ref().and_then(|it| Source::read(home, it).ok());
    match (source, &idle.at) {
        (Some(source), Some(at)) if source.text().get(at.clone()).is_some() => {
            remark.at(&source.file, at.clone())
        }
        (Some(_) | None, _) => remark,
    }
}

const fn kind(why: &IdleWhy) -> &'static str {
    match why {
        IdleWhy::NeverHolds(_) => "never_holds",
        IdleWhy::NeverEvaluates(_) => "never_evaluates",
        IdleWhy::Beaten(_) => "beaten",
        IdleWhy::Covered(_) => "covered",
    }
}

fn words(idle: &Idle) -> String {
    let id = &idle.policy.id;
    match &idle.why {
        IdleWhy::NeverHolds(part) => {
            format!("policy `{id}` never applies: `{part}` holds for no call")
        }
        IdleWhy::NeverEvaluates(part) => {
            format!("policy `{id}` never applies: `{part}` can be evaluated for no call")
        }
        IdleWhy::Beaten(by) => {
            format!("policy `{id}` permits nothing: wherever it applies, `{by}` forbids")
        }
        IdleWhy::Covered(by) => {
            format!("policy `{id}` says nothing new: wherever it applies, `{by}` does, too")
        }
    }
}
