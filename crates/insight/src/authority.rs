//! What a task was given beside what it did with it, line by line.

use std::collections::BTreeMap;

use bailiwick_model::{
    Action, ActionKind, AllowLine, DecisionId, OutcomeKind, Record, Task, Timestamp, VerdictKind,
};
use serde::{Deserialize, Serialize};

/// One thing that a task was given, and how often it used it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityUse {
    /// What: `tickets__get_ticket`, `files resource file:///srv/*`, `lease:orders-db readers`.
    pub what: String,
    /// The line that gave it.
    pub source: String,
    /// How many calls were sent, or credentials handed out, under it.
    pub used: u64,
    /// When that was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// Holds what `task` was given by its own lines beside what its records say that it did. What was only
/// tried, or never came to an outcome, is not counted.
pub fn authority(task: &Task, records: &[(u64, Record)]) -> Vec<AuthorityUse> {
    let mut came: BTreeMap<&DecisionId, OutcomeKind> = BTreeMap::new();
    for (_, record) in records {
        if let Record::Outcome(it) = record {
            came.entry(&it.decision).or_insert(it.outcome);
        }
    }
    let sent = |record: &Record| match record {
        Record::Decision(it) if it.task == task.id && it.verdict == VerdictKind::Allow => {
            match came.get(&it.decision) {
                Some(OutcomeKind::Ok | OutcomeKind::Error) => Some((it.action.clone(), it.time)),
                Some(OutcomeKind::None) | None => None,
            }
        }
        Record::Decision(_)
        | Record::Outcome(_)
        | Record::Command { .. }
        | Record::Finding(_)
        | Record::Lease(_)
        | Record::Evaluation(_)
        | Record::Search(_) => None,
    };
    let sent: Vec<(Action, Timestamp)> = records.iter().filter_map(|(_, it)| sent(it)).collect();
    let own = task.grant.layers.first().map(|it| it.lines.as_slice()).unwrap_or_default();
    own.iter().flat_map(|line| given(line).into_iter().map(|it| held(line, it, &sent))).collect()
}

/// Gives what a line gives, one by one.
fn given(line: &AllowLine) -> Vec<(ActionKind, String)> {
    let tools = line.tools.iter().map(|it| (ActionKind::Tool, it.to_string()));
    let resources = line.resources.iter().map(|it| (ActionKind::Resource, it.clone()));
    let prompts = line.prompts.iter().map(|it| (ActionKind::Prompt, it.clone()));
    let leases = line.leases.iter().map(|it| (ActionKind::Lease, it.clone()));
    tools.chain(resources).chain(prompts).chain(leases).collect()
}

fn held(
    line: &AllowLine,
    (kind, name): (ActionKind, String),
    sent: &[(Action, Timestamp)],
) -> AuthorityUse {
    let same = |it: &&(Action, Timestamp)| {
        let action = &it.0;
        let named = match kind {
            ActionKind::Lease => action.wants().any(|it| it == name),
            ActionKind::Tool => action.name == name,
            ActionKind::Resource | ActionKind::Prompt => match name.strip_suffix('*') {
                Some(start) => action.name.starts_with(start),
                None => action.name == name,
            },
        };
        action.kind == kind && action.server == line.server && named
    };
    let used: Vec<_> = sent.iter().filter(same).collect();
    let what = Action { server: line.server.clone(), kind, name }.to_string();
    AuthorityUse {
        what,
        source: line.source.clone(),
        used: u64::try_from(used.len()).unwrap_or(u64::MAX),
        last: used.iter().map(|it| it.1).max(),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{Layer, Task};

    use super::*;
    use crate::fixture;

    fn task() -> Task {
        let mut task = fixture::task();
        let tool = fixture::allowed().action.name;
        let line = AllowLine {
            server: "tickets".parse().unwrap(),
            tools: vec![tool.parse().unwrap(), "never_called".parse().unwrap()],
            resources: Vec::new(),
            prompts: Vec::new(),
            leases: Vec::new(),
            max: None,
            when: None,
            source: "t.toml:1".to_owned(),
        };
        task.grant.layers = vec![Layer {
            identity: task.identity.clone(),
            template: task.template.clone(),
            purpose: String::new(),
            params: BTreeMap::new(),
            servers: std::collections::BTreeSet::new(),
            targets: std::collections::BTreeSet::new(),
            lines: vec![line],
            day: None,
        }];
        task
    }

    #[test]
    fn what_was_sent_is_used_and_what_was_only_tried_is_not() {
        let (allowed, denied) = (fixture::allowed(), fixture::denied());
        let outcome = Record::Outcome(fixture::outcome(&allowed, OutcomeKind::Ok));
        let records = [
            (1, Record::Decision(Box::new(allowed.clone()))),
            (2, Record::Decision(Box::new(denied))),
            (3, outcome),
        ];
        let used = authority(&task(), &records);
        let counts: Vec<_> = used.iter().map(|it| it.used).collect();
        assert_eq!(counts, [1, 0], "{used:?}");
        assert_eq!(used[0].last, Some(allowed.time));
        // Without an outcome nobody knows that it happened.
        assert_eq!(authority(&task(), &records[..2])[0].used, 0);
    }
}
