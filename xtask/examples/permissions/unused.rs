//! How long the report of what is unused takes, once the events are read: in a process of its own.

use std::{io::Write as _, path::Path, time::Instant};

use anyhow::Context as _;
use bailiwick_connect::source::{Record, read_file};
use bailiwick_insight::{Catalogue, Exercised, State, audit};
use bailiwick_model::{ActorKind, HeldPolicy, Holder, Patterns, Platform, Statement};
use serde_json::{Value, json};

const IDENTITIES: usize = 2_000;
const POLICIES: usize = 5;
const PATTERNS: usize = 10;

/// Reads the events, holds grants beside them, and prints how long the second took.
pub(crate) fn measure(events: &Path, patterns: &Path) -> anyhow::Result<()> {
    let mut exercised = Exercised::new(Catalogue::carried());
    let mut take = |record: Record<'_>| {
        if let Record::Exercise(_, it) = record {
            exercised.take(it);
        }
    };
    read_file(events, None, &mut take, &|_| {})?;
    let patterns = patterns_of(&crate::events::unpacked(patterns)?)?;
    let holders = holders(&exercised, &patterns);
    let began = Instant::now();
    let told = audit(&exercised, &holders);
    let wall = began.elapsed().as_secs_f64();
    let entries = told.identities.iter().flat_map(|it| &it.entries);
    let unused = entries.filter(|it| matches!(it.state, State::Dormant | State::Unobservable));
    let told = json!({ "wall": wall, "unused": unused.count(), "events": told.summary.events });
    Ok(writeln!(std::io::stdout(), "{told}")?)
}

/// Gives the distinct patterns of actions in managed policies, in order of their first appearance.
fn patterns_of(policies: &str) -> anyhow::Result<Vec<String>> {
    let mut seen = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for line in policies.lines() {
        let policy: Value = serde_json::from_str(line).context("a managed policy is no JSON")?;
        let said = policy.pointer("/document/Statement");
        for statement in said.map(several).unwrap_or_default() {
            let actions = statement.get("Action").map(several).unwrap_or_default();
            for action in actions.iter().filter_map(Value::as_str) {
                if seen.insert(action.to_owned()) {
                    all.push(action.to_owned());
                }
            }
        }
    }
    Ok(all)
}

/// One value, or the several that a list has.
fn several(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// Gives everybody who did something, and some who did not, fifty patterns each.
fn holders(exercised: &Exercised, patterns: &[String]) -> Vec<Holder> {
    let doers = exercised.doers().into_iter().filter(|(it, _)| it.id.starts_with("arn:"));
    let mut names: Vec<_> =
        doers.map(|(it, doer)| (it.id, doer.account)).take(IDENTITIES).collect();
    let accounts: Vec<_> = names.iter().map(|it| it.1.clone()).collect();
    for (number, account) in (names.len()..IDENTITIES).zip(accounts.iter().cycle()) {
        names.push((format!("arn:aws:iam::{account}:role/idle-{number}"), account.clone()));
    }
    let mut next = patterns.iter().cycle();
    let mut policy = |number: usize| HeldPolicy {
        path: format!("policy p{number}"),
        statements: vec![Statement {
            allows: true,
            actions: Patterns::Only(next.by_ref().take(PATTERNS).cloned().collect()),
            resources: Patterns::Only(vec!["*".to_owned()]),
            conditional: false,
        }],
        since: None,
    };
    let holder = |(id, account)| Holder {
        platform: Platform::Aws,
        id,
        account,
        kind: ActorKind::Role,
        crowd: false,
        since: None,
        policies: (0..POLICIES).map(&mut policy).collect(),
        bounds: Vec::new(),
        unread: Vec::new(),
        trusts: Vec::new(),
    };
    names.into_iter().map(holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_once_each_in_order() {
        let policies = concat!(
            r#"{"document":{"Statement":[{"Action":["s3:Get*","s3:Put*"]},{"NotAction":"iam:*"}]}}"#,
            "\n",
            r#"{"document":{"Statement":{"Action":"s3:Get*"}}}"#,
        );
        assert_eq!(patterns_of(policies).unwrap(), ["s3:Get*", "s3:Put*"]);
        let holders = holders(&Exercised::new(Catalogue::carried()), &["s3:Get*".to_owned()]);
        assert!(holders.is_empty(), "nobody is in an account that nobody is in");
    }
}
